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
            error: there is no command `statsu`

              hint: did you mean `service-manager status`?

            Usage: service-manager [OPTIONS] <COMMAND>

            For more information, try `--help`.
            ",
        )
        .fails(1);
}

/// Not of services alone: a client is called by its program, too.
#[test]
fn suggests_the_nearest_program() {
    User::new()
        .types("service-manager install-cli kubctl")
        .stdout("(exit 126)\n")
        .stderr("error: there is no service `kubctl`\nhint: did you mean `kubectl`?\n")
        .fails(126);
}

#[test]
fn suggests_the_nearest_option() {
    User::new()
        .types("service-manager status --machin box")
        .stderr(
            "
            error: unexpected argument `--machin` found

              hint: did you mean `--machine`?

            Usage: service-manager status [OPTIONS] [SERVICE]...

            For more information, try `--help`.
            ",
        )
        .fails(1);
}

/// The words of users who come from docker-machine, minikube, colima, Vagrant, kubectl, docker, gh and ssh.
#[test]
fn names_the_command_that_other_programs_call_otherwise() {
    for (typed, own) in [
        ("ls", "did you mean `service-manager machines`?"),
        ("list", "did you mean `service-manager machines`?"),
        ("ip --all", "did you mean `service-manager box ip --all`?"),
        ("use db", "did you mean `service-manager machines use db`?"),
        ("use", "did you mean `service-manager machines use NAME`?"),
        ("use 'a b'", "did you mean `service-manager machines use 'a b'`?"),
        ("docker-env", "did you mean `service-manager env docker`?"),
        ("podman-env", "`service-manager env docker` is for Docker; [..]"),
        ("oc-env", "did you mean `service-manager env openshift`?"),
        ("tunnel list", "did you mean `service-manager tunnel`?"),
        ("tunnel rm", "did you mean `service-manager tunnel stop`?"),
        ("machines ls", "did you mean `service-manager machines list`?"),
        ("machines rm db", "did you mean `service-manager machines forget db`?"),
        ("clients ls", "did you mean `service-manager clients list`?"),
        ("up", "`vagrant up` starts a Vagrant machine, and `service-manager start SERVICE` [..]"),
        ("down", "`vagrant halt` stops a Vagrant machine, and `service-manager stop SERVICE` [..]"),
        ("url", "did you mean `service-manager env docker` or `service-manager console --print`?"),
        ("shell", "did you mean `service-manager ssh` or `service-manager exec`?"),
        ("config", "settings are in `~/.config/service-manager/config.yaml`; [..]"),
        ("update", "install the newer program as you have installed this one; [..]"),
        ("version", "did you mean `service-manager --version` or `service-manager box version`?"),
        ("kubectl get pods", "did you mean `service-manager exec kubernetes -- kubectl get pods`?"),
        ("dashboard", "did you mean `service-manager console`?"),
        ("forget db", "did you mean `service-manager machines forget db`?"),
        ("machines status", "did you mean `service-manager status --all`?"),
        ("ssh uptime", "did you mean `service-manager ssh -- uptime`? Or the machine: [..]"),
        ("ssh ls -la '/a b'", "did you mean `service-manager ssh -- ls -la '/a b'`? [..]"),
        ("box ip db", "did you mean the machine? `service-manager box ip -m db`"),
        ("use-context kind-dev", "did you mean `service-manager env kubernetes --context kind-dev`?"),
        (
            "kind get clusters",
            "`service-manager env kubernetes` uses what it runs [..]; of several, `--context NAME` [..]",
        ),
        ("k3d", "`service-manager env kubernetes` uses [..]"),
        ("minikube start", "`service-manager env kubernetes` uses [..]"),
        // The machine that was typed is meant, wherever its option stands.
        ("-m ip ip --all", "did you mean `service-manager box ip --all -m ip`?"),
        (
            "-m other kubectl get pods",
            "did you mean `service-manager exec kubernetes -m other -- kubectl get pods`?",
        ),
        (
            "--host a@b docker exec -it x sh",
            "did you mean `service-manager exec docker --host a@b -- docker exec -it x sh`?",
        ),
        ("ip -mother", "did you mean `service-manager box ip -mother`?"),
        ("-m other machines status", "did you mean `service-manager status --all`?"),
        (
            "logs docker --lines 5 -m other",
            "did you mean `service-manager logs SERVICE -m other | tail -n 20`?",
        ),
        ("forget db -m other", "did you mean `service-manager machines forget db -m other`?"),
    ] {
        User::new()
            .types(format!("set -o pipefail; service-manager {typed} 2>&1 >/dev/null | grep hint"))
            .stdout(&format!("  hint: {own}\n"))
            .fails(1);
    }
}

#[test]
fn names_the_option_that_other_programs_call_otherwise() {
    for (typed, own) in [
        ("status --format json", "did you mean `--output json`?"),
        ("status --json", "did you mean `--output json`?"),
        ("status --follow", "did you mean `--watch`?"),
        ("status -w", "did you mean `--watch`?"),
        ("status -A", "did you mean `--all`?"),
        ("status --profile db", "did you mean `--machine NAME`?"),
        ("status --no-color", "did you mean `--color never`?"),
        ("status --interval 2", "did you mean `--watch=SECONDS`?"),
        ("env --remove", "did you mean `--unset`?"),
        ("env -u", "did you mean `--unset`?"),
        ("env --no-cache", "did you mean `--refresh`?"),
        ("logs docker --lines 5", "did you mean `service-manager logs SERVICE | tail -n 20`?"),
        ("logs docker --tail=5", "did you mean `service-manager logs SERVICE | tail -n 20`?"),
        ("logs docker -n 5", "did you mean `service-manager logs SERVICE | tail -n 20`?"),
        ("logs docker -w", "did you mean `--follow`?"),
        ("logs docker --since-time 10:00", "did you mean `--since TIME`?"),
        ("exec docker --cli-version 1.2.3 -- x", "did you mean `--client-version VERSION`?"),
        ("install-cli oc --client-version 1.2.3", "did you mean `--cli-version VERSION`?"),
        ("install-cli oc --bin-dir x", "did you mean `--path FOLDER`?"),
        ("install-cli oc --arch arm64", "did you mean `--platform SYSTEM/PROCESSOR`?"),
        ("kubeconfig --remove", "did you mean `service-manager machines forget NAME`?"),
        ("kubeconfig --raw", "did you mean `--print`?"),
        ("ssh --instance x", "did you mean `--machine NAME`?"),
        ("--context a env", "write `--context` behind `env`, the command that it belongs to"),
        ("docker-context --context x", "did you mean `--name NAME`?"),
        ("docker-context --rm", "did you mean `--remove`?"),
        ("console --url", "did you mean `--print`?"),
        ("start docker --wait 5", "did you mean `--timeout SECONDS`?"),
        ("tunnel --stop", "did you mean `service-manager tunnel stop`?"),
        ("machines trust x --yes", "did you mean `--fingerprint SHA256:DIGEST`?"),
        ("clients prune --older-than 3", "did you mean `--unused-for DAYS`?"),
        ("ssh -c uptime", "did you mean `service-manager ssh -- COMMAND`?"),
        ("ssh -l dev", "did you mean `--host USER@HOST`?"),
        ("ssh -p 2222", "did you mean `--machine NAME`?"),
        ("--output json status", "write `--output` behind `status`, the command that it belongs to"),
    ] {
        User::new()
            .types(format!("set -o pipefail; service-manager {typed} 2>&1 >/dev/null | grep hint"))
            .stdout(&format!("  hint: {own}\n"))
            .fails(1);
    }
}

#[test]
fn a_wrong_suggestion_is_none() {
    for typed in [
        "status --xyzzy",
        "start --context a",
        "status --remove",
        "status --lines",
        "xyzzy",
        "clients list x",
    ] {
        User::new()
            .types(format!("service-manager {typed}"))
            .stderr("error: [..] `[..]`[..]\n\nUsage: [..]\n\nFor more information, try `--help`.\n")
            .fails(1);
    }
}

#[test]
fn a_word_that_is_no_service_may_be_something_else() {
    let user = User::new();
    user.types("mkdir --parents project/.vagrant/machines/db/virtualbox && touch project/Vagrantfile")
        .succeeds();
    for (typed, instead, code) in [
        ("status db", "status -m db", 126),
        ("status --watch db", "status --watch -m db", 126),
        ("status --all db", "status -m db", 126),
        ("env db kubernetes --shell fish", "env -m db kubernetes --shell fish", 1),
        ("start db", "start -m db SERVICE", 126),
        (
            "--color never --host a@b start db --timeout 9",
            "--color never start -m db --timeout 9 SERVICE",
            126,
        ),
        // What is secret is not repeated.
        (
            "start db --proxy http://h:1 --proxy-user me --proxy-password a:b",
            "start -m db --proxy http://h:1 --proxy-user me --proxy-password PASSWORD SERVICE",
            126,
        ),
        (
            "start db --proxy http://h:1 --proxy-user me --proxy-password=a:b",
            "start -m db --proxy http://h:1 --proxy-user me '--proxy-password=PASSWORD' SERVICE",
            126,
        ),
        ("stop db docker", "stop -m db docker", 126),
        ("logs db", "logs -m db SERVICE", 126),
        ("doctor db", "doctor -m db", 1),
        ("exec db -- ls '/a b'", "exec -m db -- ls '/a b'", 127),
        ("exec docker db ls", "exec docker -m db -- ls", 127),
        ("exec db", "exec -m db", 127),
    ] {
        user.types(format!("cd project && service-manager {typed} >/dev/null"))
            .stderr(&format!("error: [..] `db`[..]\nhint: `db` is a machine: `service-manager {instead}`\n"))
            .fails(code);
    }
    for (typed, hint, code) in [
        ("env kind", "env kubernetes`; of several, `--context NAME` means one", 1),
        (
            "status -m db k3d docker",
            "status -m db kubernetes docker`; of several, `--context NAME` means one",
            126,
        ),
        ("exec kind -- ls -l", "exec kubernetes -- ls -l`; of several, `--context NAME` means one", 127),
        ("stop minikube", "stop kubernetes`", 126),
    ] {
        user.types(format!("service-manager {typed} >/dev/null"))
            .stderr(&format!(
                "error: there is no [..] `[..]`\nhint: `[..]` is a Kubernetes here: `service-manager {hint}\n"
            ))
            .fails(code);
    }
    for word in ["nan", "0"] {
        user.types(format!("service-manager status --watch {word}"))
            .stderr(&format!("error: there is no service `{word}`\nhint: known services: [..]\n"))
            .fails(126);
    }
    user.types("service-manager status --watch 1")
        .stderr("error: there is no service `1`\nhint: did you mean `service-manager status --watch=1`?\n")
        .fails(126);
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
        ("--machine ../x", "`../x` for `--machine <NAME>`: not a valid machine name"),
        (
            "--host dev@-oProxyCommand=id",
            "`dev@-oProxyCommand=id` for `--host <ADDRESS>`: not a valid host name",
        ),
        ("--host dev@box:0", "`dev@box:0` for `--host <ADDRESS>`: not a valid port"),
        ("--timeout 0", "`0` for `--timeout <SECONDS>`: 0.1 to 3600 seconds"),
    ] {
        User::new()
            .types(format!("service-manager {options} status"))
            .stderr(&format!("error: invalid value {message}[..]\n\nFor more information, try `--help`.\n"))
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
            error: invalid value `bahs` for `--shell <SHELL>`
              [possible values: sh, bash, [..]zsh, [..]fish, [..]]

              hint: did you mean `bash`?

            For more information, try `--help`.
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
    ("completions", "Prints the code by which your shell completes commands, options and names with Tab"),
];
