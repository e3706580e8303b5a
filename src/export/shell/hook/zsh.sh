_service_manager_hook() {
    @EVALUATE@
}
autoload -Uz add-zsh-hook
add-zsh-hook chpwd _service_manager_hook
add-zsh-hook precmd _service_manager_hook
_service_manager_hook
