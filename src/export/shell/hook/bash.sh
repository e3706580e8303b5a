_service_manager_hook() {
    local status=$?
    if [ "$PWD" != "${_service_manager_folder-}" ]; then
        _service_manager_folder=$PWD
        @EVALUATE@
    fi
    return "$status"
}
case ${PROMPT_COMMAND[*]-} in
    *_service_manager_hook*) ;;
    *) PROMPT_COMMAND="_service_manager_hook${PROMPT_COMMAND:+; $PROMPT_COMMAND}" ;;
esac
