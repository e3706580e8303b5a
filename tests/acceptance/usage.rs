//! What needs no machine and no home: help, versions, and words that are misspelt.

use service_manager_test_support::User;

#[test]
fn every_command_has_help() {
    for (command, explained) in COMMANDS {
        User::new()
            .types(format!("set -o pipefail; unset HOME; service-manager {command} --help | head -n 1"))
            .stdout(&format!("{explained}\n"))
            .succeeds();
    }
}

#[test]
fn every_command_says_its_version() {
    let version = concat!(" ", env!("CARGO_PKG_VERSION"), "\n");
    for (command, _) in COMMANDS.iter().filter(|(command, _)| *command != "install-cli") {
        let name = format!("service-manager {command}").trim().replace(' ', "-");
        User::new()
            .types(format!("unset HOME; service-manager {command} --version"))
            .stdout(&(name + version))
            .succeeds();
    }
}

/// There it is the client's version that is meant.
#[test]
fn a_version_to_install_has_another_option() {
    User::new()
        .types("service-manager install-cli kubectl --version 1.31.5 2>&1 | grep hint")
        .stdout("  hint: did you mean `--cli-version VERSION`?\n")
        .succeeds();
}

#[test]
fn suggests_the_nearest_command() {
    User::new()
        .types("service-manager statsu")
        .stderr(
            "
            error: unrecognized subcommand 'statsu'

              hint: some similar subcommands exist: 'start', 'status'

            Usage: service-manager [OPTIONS] <COMMAND>

            For more information, try '--help'.
            ",
        )
        .fails(1);
}

#[test]
fn suggests_the_nearest_option() {
    User::new()
        .types("service-manager status --machin box")
        .stderr(
            "
            error: unexpected argument '--machin' found

              hint: a similar argument exists: '--machine'

            Usage: service-manager status --machine <NAME> [SERVICE]...

            For more information, try '--help'.
            ",
        )
        .fails(1);
}

#[test]
fn names_the_option_that_other_programs_call_otherwise() {
    for (option, own) in
        [("--format json", "--output json"), ("--json", "--output json"), ("--follow", "--watch")]
    {
        let name = option.split(' ').next().unwrap();
        User::new()
            .types(format!("service-manager status {option}"))
            .stderr(&format!(
                "error: unexpected argument '{name}' found\n\n  hint: did you mean `{own}`?\n\n\
                Usage: [..]\n\nFor more information, try '--help'.\n"
            ))
            .fails(1);
    }
    User::new()
        .types("service-manager status --xyzzy")
        .stderr("error: unexpected argument '--xyzzy' found\n\nUsage: [..]\n\nFor more information, try '--help'.\n")
        .fails(1);
}

#[test]
fn the_short_help_has_an_example_and_says_how_a_machine_is_named() {
    for (command, _) in COMMANDS {
        let help = |text: &str| format!("service-manager {command} -h | grep --quiet -e '{text}'");
        for text in ["--host <ADDRESS>", "--identity <FILE>", "  *service-manager \\|Example: "] {
            User::new().types(help(text)).succeeds();
        }
    }
}

#[test]
fn without_a_command_prints_help_and_fails() {
    User::new()
        .types("set -o pipefail; service-manager 2>&1 | head -n 1")
        .stdout("Makes the services inside a development VM usable from here\n")
        .fails(1);
}

#[test]
fn refuses_invalid_values() {
    for (options, message) in [
        ("--machine ../x", "'../x' for '--machine <NAME>': not a valid machine name"),
        (
            "--host dev@-oProxyCommand=id",
            "'dev@-oProxyCommand=id' for '--host <ADDRESS>': not a valid host name",
        ),
        ("--host dev@box:0", "'dev@box:0' for '--host <ADDRESS>': not a valid port"),
        ("--timeout 0", "'0' for '--timeout <SECONDS>': 0.1 to 3600 seconds"),
    ] {
        User::new()
            .types(format!("service-manager {options} status"))
            .stderr(&format!("error: invalid value {message}[..]\n\nFor more information, try '--help'.\n"))
            .fails(1);
    }
}

#[test]
fn the_short_help_leaves_out_what_every_command_has() {
    for (command, _) in COMMANDS {
        let help = |option: &str| {
            format!("service-manager {command} {option} | grep --count -e '--ssh-config <FILE>'")
        };
        User::new().types(help("-h")).stdout("0\n").fails(1);
        User::new().types(help("--help")).stdout("1\n").succeeds();
    }
}

#[test]
fn colours_apply_to_help() {
    let line =
        |options: &str| format!("service-manager {options} | grep --count -F \"$(printf '\\033[1m')\"");
    User::new().types(line("status --help --color always") + " >/dev/null").succeeds();
    User::new().types(line("--color=always status -h") + " >/dev/null").succeeds();
    User::new().types(line("status --help")).stdout("0\n").fails(1);
}

#[test]
fn accepts_every_name_of_a_shell() {
    for name in ["zsh", "BASH", "PowerShell", "pwsh", "Nu"] {
        User::new()
            .types(format!("service-manager env kubernetes --unset --shell {name} | grep --quiet KUBECONFIG"))
            .succeeds();
    }
    User::new()
        .types("service-manager env --shell bahs")
        .stdout("(exit 1)\n")
        .stderr(
            "
            error: invalid value 'bahs' for '--shell <SHELL>'
              [possible values: sh, bash, [..]zsh, [..]fish, [..]]

              hint: a similar value exists: 'bash'

            For more information, try '--help'.
            ",
        )
        .fails(1);
}

#[test]
fn mentions_an_unknown_shell_variable() {
    User::new()
        .with("SERVICE_MANAGER_SHELL", "fisch")
        .types("service-manager env kubernetes --unset >/dev/null")
        .stderr("note: `fisch` in SERVICE_MANAGER_SHELL is not known; writing for sh\n")
        .succeeds();
}

#[test]
fn every_command_has_a_manual_page() {
    let user = User::new();
    for (command, about) in COMMANDS {
        user.types(format!("service-manager man {command} >page")).succeeds();
        let page = std::fs::read_to_string(user.home().join("page")).unwrap();
        // As roff writes what would mean something to it.
        let page = page.replace("\\-", "-").replace("\\*(Aq", "'").replace("\\`", "`");
        let title = format!("service-manager {command}").trim_end().replace(' ', "-");
        assert!(page.contains(&format!(".TH {title} 1 ")), "{page}");
        assert!(page.contains(about), "{page}");
        assert!(page.contains("Give up after so many seconds"), "{page}");
    }
    user.types("service-manager man machines forgt")
        .stderr("error: there is no command `forgt`\nhint: did you mean `forget`?\n")
        .fails(1);
}

/// What can be typed, and the first line of its help.
const COMMANDS: [(&str, &str); 18] = [
    ("", "Makes the services inside a development VM usable from here"),
    ("env", "Prints the variables that the host's clients need"),
    ("exec", "Runs a command with the variables of `env`, in place of this program"),
    ("status", "Shows the state of the services"),
    ("kubeconfig", "Prints where the kubeconfig is, or puts it into your own"),
    ("box", "Tells about the machine itself"),
    ("box ip", "Prints an address of the machine that the host can reach"),
    ("box version", "Prints the product that runs in the machine, and its version"),
    ("ssh", "Opens a terminal in the machine, or runs a command there"),
    ("logs", "Shows what the units of a service have written to the machine's journal"),
    ("console", "Opens the web console of a service in your browser"),
    ("machines use", "Chooses the machine that is meant where nothing else says which"),
    ("machines", "Lists the machines that were used from here"),
    ("machines forget", "Removes what is kept of a machine: credentials, host keys, how it is reached"),
    ("forward", "Leads ports of this host to applications in the machine"),
    ("hook", "Prints a shell hook that sets the variables when you enter a project"),
    ("man", "Prints a page of the manual, for `man -l -`"),
    ("completions", "Prints what has a shell complete commands, options and names with Tab"),
];
