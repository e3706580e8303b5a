function _service_manager_hook --on-variable PWD --on-event fish_prompt
    @EVALUATE@
end
_service_manager_hook
