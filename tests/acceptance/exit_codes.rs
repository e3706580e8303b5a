//! The exit codes of vagrant-service-manager, which scripts take apart: each case in which that plugin ended.

use service_manager_test_support::download::Download;
use service_manager_test_support::{Guest, User};

use crate::env::SHELLS;
use crate::start::docker;

/// Types each command with `user` and compares how it ends.
#[track_caller]
fn ends(user: &User, cases: &[(&str, i32)]) {
    for (command, code) in cases {
        let line = format!("service-manager {command} >out 2>&1; echo $?");
        user.types(&line).stdout(&format!("{code}\n")).succeeds();
    }
}

#[test]
fn a_machine_that_is_not_running() {
    let user = User::new();
    let at_a_closed_port = |command: &&str| format!("--host dev@127.0.0.1:1 {command}");
    let commands = [
        "env",
        "env docker",
        "status",
        "status docker",
        "start docker",
        "stop docker",
        "restart docker",
        "box ip",
        "box version",
        "install-cli docker",
        "kubeconfig",
    ];
    for command in commands.iter().map(at_a_closed_port) {
        ends(&user, &[(&command, 3)]);
    }
}

#[test]
fn help_needs_no_machine() {
    ends(&User::new(), &[("--help", 0), ("env --help", 0), ("box ip --help", 0), ("start --help", 0)]);
}

#[test]
fn words_that_name_nothing() {
    ends(
        &User::new(),
        &[
            ("env bogus", 1),
            ("env docker bogus", 1),
            ("env docker --bogus", 1),
            ("box", 1),
            ("box bogus", 1),
            ("box ip --bogus", 1),
            ("status bogus", 126),
            ("start", 126),
            ("stop", 126),
            ("restart", 126),
            ("start bogus", 126),
            ("stop bogus", 126),
            ("restart bogus", 126),
            ("--machine box restart", 126),
            ("start docker --bogus", 1),
            ("install-cli", 126),
            ("install-cli bogus", 126),
            ("install-cli --path .", 126),
            ("install-cli docker --path", 126),
            ("install-cli docker --path ''", 126),
            ("install-cli docker --cli-version", 126),
            ("bogus", 1),
        ],
    );
}

/// But for the names of things that there are not: those are above.
#[test]
fn wrong_usage_of_any_command() {
    for command in COMMANDS {
        // Behind a word, `exec` leaves all to its command.
        for wrong in
            ["--bogus", "-m ../x", "--timeout x", "--color sometimes", "--host a --ssh-config b", "-m"]
        {
            ends(&User::new(), &[(&format!("{command} {wrong}"), 1)]);
        }
    }
    for command in ["machines", "services", "clients", "tunnel", "box"] {
        ends(&User::new(), &[(&format!("{command} bogus"), 1)]);
    }
    for command in
        ["status", "doctor", "kubeconfig", "machines", "services list", "clients list", "forward", "tunnel"]
    {
        ends(&User::new(), &[(&format!("{command} --output xml"), 1)]);
    }
    for missing in
        ["logs", "services show", "machines use", "machines forget", "machines trust", "clients uninstall"]
    {
        ends(&User::new(), &[(missing, 1)]);
    }
}

#[test]
fn wrong_usage_within_eval() {
    for shell in SHELLS {
        for command in ["env --bogus", "install-cli --bogus", "hook", "hook bash --bogus", "env -m ../x"] {
            let line = format!("eval \"$(service-manager {command} 2>/dev/null)\"; echo $?");
            User::new().types(line).to(shell).stdout("1\n").succeeds();
        }
    }
}

const COMMANDS: [&str; 38] = [
    "env",
    "exec",
    "status",
    "doctor",
    "start docker",
    "stop docker",
    "restart docker",
    "kubeconfig",
    "docker-context",
    "box ip",
    "box version",
    "ssh",
    "logs docker",
    "console",
    "machines",
    "machines use x",
    "machines list",
    "machines forget x",
    "machines trust x",
    "machines allow",
    "machines deny",
    "services list",
    "services show docker",
    "services validate",
    "services schema",
    "install-cli docker",
    "clients list",
    "clients verify",
    "clients prune",
    "clients uninstall docker",
    "clients export x",
    "hook bash",
    "forward 8080",
    "tunnel",
    "tunnel stop",
    "tunnel log",
    "completions bash",
    "man",
];

#[test]
fn a_client_that_cannot_be_installed() {
    let download = Download::new();
    download.user.writes("file", "");
    ends(
        &download.user,
        &[
            ("install-cli kubernetes --cli-version 99.99.99", 126),
            ("install-cli kubernetes --cli-version '!'", 126),
            ("install-cli kubernetes --cli-version", 126),
            ("install-cli kubernetes --cli-version 1.36.3 --path file", 126),
            ("install-cli kubernetes --cli-version 1.36.3 --path file/bin", 126),
            ("install-cli kubernetes --cli-version 1.36.3 --path /proc/none", 126),
            ("install-cli kubernetes --cli-version 1.36.3 --path new/bin", 0),
        ],
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_service_that_is_stopped() {
    let guest = docker("stopped");
    ends(
        &User::of(&guest),
        &[
            ("status", 0),
            ("status docker", 0),
            ("env docker", 126),
            ("env kubernetes docker", 126),
            ("install-cli docker", 126),
            ("restart openshift", 126),
            ("box ip", 0),
            ("box version", 0),
        ],
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_command_that_fails_in_the_guest() {
    let guest = docker("stopped");
    guest.changes(
        "mkdir --parents /run/systemd/system/docker.service.d && printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' \
         >/run/systemd/system/docker.service.d/broken.conf && systemctl daemon-reload",
        "rm --recursive /run/systemd/system/docker.service.d && systemctl daemon-reload && systemctl reset-failed",
    );
    ends(&User::of(&guest), &[("start docker", 126), ("restart docker", 126), ("status", 0)]);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_service_that_runs() {
    ends(
        &User::of(&Guest::kubeadm()),
        &[("env docker", 0), ("env", 0), ("status", 0), ("status docker", 0), ("env openshift", 126)],
    );
}
