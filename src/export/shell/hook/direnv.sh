use_service_manager() {
    eval "$(@COMMAND@ "$@")"
}
