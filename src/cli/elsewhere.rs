//! What commands and options of other programs are called here. docker-machine, minikube, colima, Vagrant, kubectl, docker, gh
//! and ssh are those that people come from.

/// What to type in place of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counterpart {
    /// One of these commands.
    Commands(&'static [&'static str]),
    /// This command with the words that follow; with the second text where none do.
    Followed(&'static str, &'static str),
    /// Nothing here is called so: what to do instead.
    Instead(&'static str),
}

use Counterpart::{Commands, Followed, Instead};

/// Programs that run a Kubernetes in the machine, and are no services.
pub(crate) const KUBERNETES: &[&str] = &["kind", "k3d", "minikube"];

/// Commands, by where they are typed.
pub(super) const COMMANDS: &[(&str, &[&str], Counterpart)] = &[
    ("", &["ls", "list", "list-machines", "global-status", "active", "machine"], Commands(&["machines"])),
    ("", &["use", "switch", "select", "set-machine", "profile"], Followed("machines use", "NAME")),
    ("", &["rm", "remove", "delete"], Followed("machines forget", "NAME")),
    ("", &["ip", "ips", "address"], Followed("box ip", "")),
    ("", &["version"], Commands(&["--version", "box version"])),
    (
        "",
        KUBERNETES,
        Instead(
            "`service-manager env kubernetes` uses what it runs in the machine; of several, `--context NAME` means one",
        ),
    ),
    ("", &["use-context"], Followed("env kubernetes --context", "NAME")),
    ("", &["docker-env"], Commands(&["env docker"])),
    (
        "",
        &["podman-env"],
        Instead(
            "`service-manager env docker` is for Docker; `service-manager services list` shows which services are known",
        ),
    ),
    ("", &["oc-env", "openshift-env"], Commands(&["env openshift"])),
    ("", &["kube-env", "kubectl-env", "k8s-env"], Commands(&["env kubernetes"])),
    ("", &["unset", "unenv", "deactivate"], Commands(&["env --unset"])),
    ("", &["shellenv", "export", "environment"], Followed("env", "")),
    (
        "",
        &["up", "create", "provision", "init", "new", "launch"],
        Instead(
            "`vagrant up` starts a Vagrant machine, and `service-manager start SERVICE` a service in one",
        ),
    ),
    (
        "",
        &["down", "halt", "suspend", "pause", "destroy", "kill"],
        Instead(
            "`vagrant halt` stops a Vagrant machine, and `service-manager stop SERVICE` a service in one",
        ),
    ),
    (
        "",
        &["reload", "reboot"],
        Instead(
            "`vagrant reload` starts a Vagrant machine anew, and `service-manager restart SERVICE` a service in one",
        ),
    ),
    ("", &["url", "service"], Commands(&["env docker", "console --print"])),
    ("", &["dashboard", "open", "browse", "web"], Followed("console", "")),
    ("", &["shell", "bash", "terminal", "attach"], Commands(&["ssh", "exec"])),
    ("", &["run"], Followed("exec", "-- COMMAND")),
    ("", &["kubectl"], Followed("exec kubernetes -- kubectl", "get pods")),
    ("", &["docker"], Followed("exec docker -- docker", "ps")),
    ("", &["oc"], Followed("exec openshift -- oc", "get pods")),
    ("", &["helm"], Followed("exec kubernetes -- helm", "list")),
    ("", &["ps", "info", "inspect", "describe", "get", "state", "health"], Followed("status", "")),
    ("", &["check", "diagnose", "troubleshoot", "verify-env"], Followed("doctor", "")),
    (
        "",
        &["ssh-config", "config", "settings", "configure"],
        Instead(
            "settings are in `~/.config/service-manager/config.yaml`; `service-manager kubeconfig` is kubectl's, and \
         `vagrant ssh-config` prints how Vagrant logs in",
        ),
    ),
    (
        "",
        &["update", "upgrade", "self-update", "update-check"],
        Instead(
            "install the newer program as you have installed this one; `service-manager install-cli SERVICE` brings clients that \
         fit",
        ),
    ),
    ("", &["install", "download", "get-cli"], Followed("install-cli", "SERVICE")),
    ("", &["activate", "direnv", "init-shell"], Followed("hook", "SHELL")),
    (
        "",
        &["port-forward", "expose", "publish", "proxy", "port"],
        Commands(&["forward 8080", "tunnel --publish"]),
    ),
    ("", &["context", "docker-ctx", "contexts"], Commands(&["docker-context", "kubeconfig --merge"])),
    ("", &["journal", "events", "journalctl"], Followed("logs", "SERVICE")),
    ("", &["addons", "catalogue", "catalog", "available"], Commands(&["services list"])),
    ("", &["uninstall"], Followed("clients uninstall", "SERVICE")),
    (
        "",
        &["scp", "cp", "mount", "rsync"],
        Instead(
            "`service-manager ssh -- 'cat FILE' >FILE` fetches a file, and `service-manager ssh -- 'cat >FILE' <FILE` brings one",
        ),
    ),
    ("tunnel", &["list", "ls", "show", "status", "ps"], Commands(&["tunnel"])),
    ("tunnel", &["rm", "remove", "delete", "close", "kill", "down"], Followed("tunnel stop", "")),
    ("tunnel", &["start", "up", "open", "create", "add"], Commands(&["env --tunnel always", "forward 8080"])),
    ("tunnel", &["logs"], Commands(&["tunnel log"])),
    ("machines", &["ls", "show", "current", "active", "ps", "get"], Commands(&["machines list"])),
    ("machines", &["status"], Commands(&["status --all"])),
    ("machines", &["rm", "remove", "delete", "del"], Followed("machines forget", "NAME")),
    ("machines", &["switch", "select", "set", "default"], Followed("machines use", "NAME")),
    (
        "machines",
        &["add", "create", "new"],
        Instead("`service-manager --host USER@HOST status` uses a machine, and then it is known"),
    ),
    ("services", &["ls", "get", "ps"], Commands(&["services list"])),
    ("services", &["cat", "describe", "inspect", "info"], Followed("services show", "SERVICE")),
    ("services", &["check", "lint"], Followed("services validate", "")),
    ("clients", &["ls", "get", "show", "versions"], Commands(&["clients list"])),
    ("clients", &["rm", "remove", "delete"], Followed("clients uninstall", "SERVICE")),
    ("clients", &["install", "add", "update", "upgrade", "use"], Followed("install-cli", "SERVICE")),
    ("clients", &["gc", "clean", "cleanup"], Commands(&["clients prune"])),
    ("clients", &["check"], Commands(&["clients verify"])),
    ("clients", &["mirror", "save"], Followed("clients export", "FOLDER")),
    ("box", &["status", "info"], Commands(&["box version", "status"])),
    ("box", &["address", "ips"], Commands(&["box ip --all"])),
];

/// Options, by the commands that have the counterpart; by none for all commands that have it.
pub(super) const OPTIONS: &[(&[&str], &[&str], &str)] = &[
    // More than one command has them, and they mean one thing.
    (&[], &["--format", "--json", "-j", "--template", "--jq"], "--output json"),
    (&[], &["--dotenv", "--env-file"], "--output dotenv"),
    (&["status"], &["--follow", "-f", "-w"], "--watch"),
    (&["status"], &["--interval", "--refresh"], "--watch=SECONDS"),
    (&["status"], &["--all-machines", "-A", "-a"], "--all"),
    (
        &["status", "env", "box ip", "box version"],
        &["--plain", "--no-table", "--porcelain", "--raw", "--machine-readable"],
        "--script-readable",
    ),
    (&["env"], &["-u", "--remove", "--clear", "--unload", "--deactivate"], "--unset"),
    (&["env"], &["--no-cache", "--fresh", "--force", "-f"], "--refresh"),
    (&["logs"], &["--watch", "-w", "--tail-follow"], "--follow"),
    (
        &["logs"],
        &["--lines", "-n", "--tail", "--length", "--limit", "-L"],
        "service-manager logs SERVICE | tail -n 20",
    ),
    (&["logs"], &["--since-time", "--after", "--from", "-S"], "--since TIME"),
    (&["install-cli"], &["--version", "--client-version", "--release"], "--cli-version VERSION"),
    (&["exec"], &["--cli-version", "--kubectl-version"], "--client-version VERSION"),
    (
        &["install-cli"],
        &["--dir", "--bin-dir", "--install-dir", "--prefix", "--to", "--destination"],
        "--path FOLDER",
    ),
    (&["install-cli"], &["--arch", "--os", "--architecture"], "--platform SYSTEM/PROCESSOR"),
    (&["install-cli"], &["--sha256", "--sha256sum"], "--checksum sha256:HEX"),
    (&["install-cli", "exec"], &["--no-download", "--no-network", "--cached"], "--offline"),
    (&["kubeconfig"], &["--remove", "--unmerge", "--delete", "--rm"], "service-manager machines forget NAME"),
    (&["kubeconfig"], &["--raw", "--flatten", "--minify", "--show", "--view"], "--print"),
    (&["kubeconfig"], &["--file", "-f", "--kubeconfig", "--into"], "--merge FILE"),
    (&["console"], &["--url", "--print-url", "--no-browser", "--no-open", "-n"], "--print"),
    (
        &["kubeconfig", "docker-context"],
        &["--switch", "--current", "--set-context", "--default", "--set-current"],
        "--use",
    ),
    (&["docker-context"], &["--rm", "--delete", "--unset"], "--remove"),
    (&["docker-context"], &["--context"], "--name NAME"),
    (&["start"], &["--dry-run"], "--check"),
    (&["start"], &["--force", "-f"], "--replace"),
    (&["start"], &["--http-proxy", "--https-proxy"], "--proxy URL"),
    (
        &["machines", "machines list"],
        &["--remove", "--rm", "--delete"],
        "service-manager machines forget NAME",
    ),
    (&["machines", "machines list"], &["--use", "--set", "--select"], "service-manager machines use NAME"),
    (
        &["machines forget", "tunnel stop"],
        &["--ignore-not-found", "--if-exists", "--force", "-f"],
        "--ignore-unknown",
    ),
    (&["machines trust"], &["--yes", "-y", "--force", "-f"], "--fingerprint SHA256:DIGEST"),
    (&["tunnel"], &["--stop", "--remove", "--close", "--kill"], "service-manager tunnel stop"),
    (&["tunnel"], &["--list", "--status"], "service-manager tunnel"),
    (&["forward"], &["--remove", "--delete", "--close", "--rm"], "--stop"),
    (&["forward"], &["--list"], "service-manager tunnel"),
    (&["ssh"], &["-c", "--command", "-t", "-it", "-tt"], "service-manager ssh -- COMMAND"),
    (&["exec"], &["-c", "--command", "-t", "-it"], "service-manager exec SERVICE -- COMMAND"),
    (&["clients prune"], &["--older-than", "--days", "--keep"], "--unused-for DAYS"),
    (&["clients prune"], &["-n"], "--dry-run"),
    (&["clients prune"], &["--all", "-a"], "--unused-for 0"),
    (
        &["services", "services list", "clients", "clients list"],
        &["--all", "-a"],
        "service-manager services list",
    ),
    // What each command has.
    (&[], &["--name", "--profile", "-p", "--vm", "--instance"], "--machine NAME"),
    (&[], &["--user", "-u", "--login", "-l", "--ssh-user"], "--host USER@HOST"),
    (&[], &["--port", "-P", "--ssh-port"], "--host HOST:PORT"),
    (&[], &["--ip", "--address", "--hostname", "-H", "--server"], "--host ADDRESS"),
    (&[], &["--key", "--ssh-key", "--private-key", "--identity-file", "--ssh-keypath"], "--identity FILE"),
    (&[], &["-F", "--ssh-config-file"], "--ssh-config FILE"),
    (&[], &["--no-color", "--no-colors", "--no-colour", "--colour"], "--color never"),
    (&[], &["--silent", "-s"], "--quiet"),
    (&[], &["-d", "-D", "--trace", "--very-verbose", "--alsologtostderr", "--log-level"], "--verbose"),
    (&[], &["--wait", "-t", "--wait-timeout"], "--timeout SECONDS"),
    (&[], &["--no-tunnel"], "--tunnel never"),
];

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::Cli;
    use super::*;

    #[track_caller]
    fn assert_is_understood(command: &str) {
        let command = command.split('|').next().unwrap_or_default().trim();
        let values = [("DAYS", "1"), ("SHA256:DIGEST", "SHA256:x"), ("SHELL", "bash")];
        let command = values.iter().fold(command.to_owned(), |text, (name, value)| text.replace(name, value));
        let words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
        if let Err(refusal) = Cli::parse_as("service-manager", &words) {
            assert!(!refusal.use_stderr(), "{command}: {refusal}");
        }
    }

    #[test]
    fn every_command_that_is_suggested_is_one() {
        for (_, _, counterpart) in COMMANDS {
            match counterpart {
                Commands(commands) => {
                    commands.iter().for_each(|own| assert_is_understood(&format!("service-manager {own}")));
                }
                Followed(command, words) => {
                    assert_is_understood(format!("service-manager {command} {words}").trim_end());
                }
                Instead(text) => {
                    let commands = text.split('`').filter(|part| part.starts_with("service-manager "));
                    commands.filter(|command| !command.contains('\'')).for_each(assert_is_understood);
                }
            }
        }
        OPTIONS
            .iter()
            .filter(|(_, _, own)| !own.starts_with('-'))
            .for_each(|(_, _, own)| assert_is_understood(own));
    }

    #[test]
    fn every_option_that_is_suggested_is_one_of_the_command() {
        for (within, _, own) in OPTIONS.iter().filter(|(_, _, own)| own.starts_with('-')) {
            let option = own.split([' ', '=']).next().unwrap_or_default();
            let everywhere = ["env"];
            for command in if within.is_empty() { &everywhere } else { *within } {
                let words = ["x"].into_iter().chain(command.split(' ')).chain(["--help"]).map(OsString::from);
                let help = Cli::parse_as("x", &words.collect::<Vec<_>>()).unwrap_err().to_string();
                assert!(help.contains(option), "{command} has no {option}");
            }
        }
    }

    #[test]
    fn nothing_that_there_is_gets_a_counterpart() {
        let program = Cli::whole();
        for (within, words, _) in COMMANDS {
            let group = if within.is_empty() { Some(&program) } else { program.find_subcommand(within) };
            let group = group.unwrap_or_else(|| panic!("there is no {within}"));
            words.iter().for_each(|word| assert!(group.find_subcommand(word).is_none(), "{within} {word}"));
        }
    }
}
