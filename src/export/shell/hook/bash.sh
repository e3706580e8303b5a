_service_manager_hook() {
    local status=${_service_manager_status-0}
    @EVALUATE@
    return "$status"
}
case ${PROMPT_COMMAND[*]-} in
    *_service_manager_hook*) ;;
    # A shell that inherits the variable does not have the function.
    *) PROMPT_COMMAND='_service_manager_status=$?; if declare -F _service_manager_hook >/dev/null; then _service_manager_hook; else (exit "$_service_manager_status"); fi'"${PROMPT_COMMAND:+; $PROMPT_COMMAND}" ;;
esac
