#compdef service-manager
_service-manager() {
    # What stands behind the cursor does not count.
    local -a typed=("${(@)words[1,CURRENT-1]}" "$PREFIX") values
    local line begin=
    for line in "${(@f)$(service-manager completions zsh -- $((CURRENT - 1)) "${typed[@]}" 2>/dev/null)}"; do
        case $line in
            '') ;;
            (:command\ *)) begin=${line#* } ;;
            (:files|:folders))
                [[ $PREFIX == --*=* ]] && compset -P '*='
                if [[ $line == :files ]]; then _files; else _files -/; fi ;;
            *) values+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
        esac
    done
    (( ${#values} )) && _describe -V value values
    [[ -n $begin ]] || return
    # It is completed as if it stood alone.
    words=("${(@)words[begin+1,-1]}")
    (( CURRENT -= begin ))
    _normal
}
# A file in `fpath` is read when it is needed for the first time.
if [[ ${funcstack[1]} == _service-manager ]]; then
    _service-manager "$@"
else
    compdef _service-manager service-manager
fi
