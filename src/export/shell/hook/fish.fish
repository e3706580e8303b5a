function _service_manager_hook --on-variable PWD
    @EVALUATE@
end
_service_manager_hook
