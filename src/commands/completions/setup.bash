_service_manager() {
    local words=("${COMP_WORDS[@]}") line begin=''
    # What stands behind the cursor does not count.
    words[COMP_CWORD]=$2
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files) compopt -o default 2>/dev/null ;;
            :folders) compopt -o dirnames 2>/dev/null ;;
            :command\ *) begin=${line#* } ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <(service-manager completions bash -- "$COMP_CWORD" "${words[@]}" 2>/dev/null)
    [[ $begin ]] || return 0
    local found=("${COMPREPLY[@]}")
    _service_manager_command "$begin" "$2"
    COMPREPLY+=("${found[@]}")
}
# Completes the command that begins with the word of this number as if it stood alone.
_service_manager_command() {
    local begin=$1 line
    COMPREPLY=()
    # Those of the package `bash-completion`, a newer one and an older one.
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$begin"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$begin"
    elif (( begin == COMP_CWORD )); then
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen -A command -- "$2")
    else
        compopt -o default 2>/dev/null
        line=$(complete -p -- "${COMP_WORDS[begin]}" 2>/dev/null)
        [[ $line == *' -F '* ]] || return 0
        line=${line#* -F }
        _service_manager_hand_over "$begin" "${line%% *}"
    fi
}
# Calls the function that completes the command, with the line from there on.
_service_manager_hand_over() {
    local begin=$1 index rest=$COMP_LINE words=("${COMP_WORDS[@]:$1}")
    for (( index = 0; index < begin; index++ )); do
        rest=${rest#*"${COMP_WORDS[index]}"}
    done
    rest=${rest#"${rest%%[![:blank:]]*}"}
    local COMP_POINT=$(( COMP_POINT - ${#COMP_LINE} + ${#rest} )) COMP_CWORD=$(( COMP_CWORD - begin ))
    local COMP_LINE=$rest COMP_WORDS=("${words[@]}")
    "$2" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
}
# Before 4.4 bash knows no `nosort`.
complete -o nosort -F _service_manager service-manager 2>/dev/null ||
    complete -F _service_manager service-manager
