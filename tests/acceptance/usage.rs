//! What needs no machine and no home: help, versions, and words that are misspelt.

use crate::support::User;

#[test]
fn every_command_explains_itself() {
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
    for (command, _) in COMMANDS {
        let name = format!("service-manager {command}").trim().replace(' ', "-");
        User::new()
            .types(format!("unset HOME; service-manager {command} --version"))
            .stdout(&(name + version))
            .succeeds();
    }
}

#[test]
fn a_misspelt_command_gets_the_nearest_name() {
    User::new()
        .types("service-manager statsu")
        .stderr(
            "
            error: unrecognized subcommand 'statsu'

              tip: a similar subcommand exists: 'status'

            Usage: service-manager [OPTIONS] <COMMAND>

            For more information, try '--help'.
            ",
        )
        .fails(1);
}

#[test]
fn a_misspelt_option_gets_the_nearest_name() {
    User::new()
        .types("service-manager status --machin box")
        .stderr(
            "
            error: unexpected argument '--machin' found

              tip: a similar argument exists: '--machine'

            Usage: service-manager status --machine <NAME> [SERVICE]...

            For more information, try '--help'.
            ",
        )
        .fails(1);
}

#[test]
fn without_a_command_the_help_is_shown_as_an_error() {
    User::new()
        .types("set -o pipefail; service-manager 2>&1 | head -n 1")
        .stdout("Makes the services inside a development VM usable from here\n")
        .fails(1);
}

#[test]
fn values_that_cannot_be_meant_are_refused() {
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

/// What can be typed, and the first line of its help.
const COMMANDS: [(&str, &str); 10] = [
    ("", "Makes the services inside a development VM usable from here"),
    ("env", "Prints the variables that the host's clients need"),
    ("status", "Shows the state of the services"),
    ("kubeconfig", "Prints where the kubeconfig is, or puts it into your own"),
    ("box", "Tells about the machine itself"),
    ("box ip", "Prints an address of the machine that the host can reach"),
    ("box version", "Prints the product that runs in the machine, and its version"),
    ("machines", "Lists the machines that were used from here"),
    ("machines forget", "Removes what is kept of a machine: credentials, host keys, how it is reached"),
    ("completions", "Prints the completions for a shell"),
];
