_service_manager() {
    local words=("${COMP_WORDS[@]}") line
    # What stands behind the cursor does not count.
    words[COMP_CWORD]=$2
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files) compopt -o default 2>/dev/null ;;
            :folders) compopt -o dirnames 2>/dev/null ;;
            *) COMPREPLY+=("$line") ;;
        esac
    done < <(service-manager completions bash -- "$COMP_CWORD" "${words[@]}" 2>/dev/null)
}
# Before 4.4 bash knows no `nosort`.
complete -o nosort -F _service_manager service-manager 2>/dev/null ||
    complete -F _service_manager service-manager
