//! `service-manager completions SHELL`

use service_manager_test_support::{Guest, User};

#[test]
fn bash_completes_commands() {
    User::new()
        .types(
            r#"eval "$(service-manager completions bash)"
            COMP_WORDS=(service-manager stat) COMP_CWORD=1
            [[ $(complete -p service-manager) =~ -F\ ([^ ]+) ]]
            ${BASH_REMATCH[1]} service-manager stat service-manager
            echo "${COMPREPLY[@]}"
            COMP_WORDS=(service-manager env --sh) COMP_CWORD=2
            ${BASH_REMATCH[1]} service-manager --sh env
            echo "${COMPREPLY[@]}""#,
        )
        .stdout("status\n--shell\n")
        .succeeds();
}

#[test]
fn zsh_completes_commands() {
    User::new()
        .types(
            r#"autoload -Uz compinit && compinit -u && eval "$(service-manager completions zsh)" &&
            echo $_comps[service-manager]"#,
        )
        .to("zsh")
        .stdout("_service-manager\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn fish_completes_commands() {
    let user = User::new();
    user.types("service-manager completions fish >completions").succeeds();
    let completions = std::fs::read_to_string(user.home().join("completions")).unwrap();
    let guest = Guest::light();
    let proposed =
        guest.run_with("fish -c 'source; complete --do-complete \"service-manager stat\"'", &completions);
    assert_eq!(proposed, "status\tShows the state of the services\n");
}

#[test]
fn refuses_an_unknown_shell() {
    User::new()
        .types("service-manager completions fisch")
        .stderr(
            "
            error: invalid value 'fisch' for '<SHELL>'
              [possible values: bash, elvish, fish, powershell, zsh]

              tip: a similar value exists: 'fish'

            For more information, try '--help'.
            ",
        )
        .fails(1);
}
