//! `service-manager status --watch`

use std::io::{BufRead, BufReader};
use std::net::TcpListener;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::multiple_machines::user_of_both;
use crate::round_trip::journal_while;
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn redraws_the_table_until_ctrl_c() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest).with("NO_COLOR", "1");
    let typed = user.types("service-manager status --watch=0.1");
    let mut terminal = typed.in_a_terminal(80);
    terminal.shows(RUNNING);
    guest.stops("kubelet");
    // What the last change has changed is marked.
    terminal.shows(
        "
        [..]:[..]:[..], every 0.1 s, q ends, changed [..]
        [NAME]  vagrant@[ADDRESS]:22
        SERVICE     STATE            FLAVOUR  VERSION[..]ENDPOINT
        docker      o stopped        tls      -[..]-
        openshift   . not installed  -        -[..]-
        kubernetes  o stopped <      kubeadm  -[..]-[..]
        ",
    );
    guest.changes_back();
    terminal.shows(&RUNNING.replace(
        "* running        kubeadm  v1.[..]  https://[ADDRESS]:6443",
        // It comes up in steps, and the last of them need not be its state.
        "* running[..]kubeadm[..]v1.[..]https://[ADDRESS]:6443[..]",
    ));
    terminal.presses_ctrl_c();
    assert_eq!(terminal.ends(), 130);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn keeps_one_connection() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    let typed = user.types("exec timeout 60 service-manager status --watch=0.1 kubernetes");
    let journal = journal_while(&guest, || {
        let mut child = typed.starts();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().unwrap(), "kubernetes - running");
        // More than the channels that sshd gives out at a time.
        guest.run(
            "timeout 50 bash -c \"sessions() { journalctl --boot | grep --count 'Starting session'; }
            start=\\$(sessions); until ((\\$(sessions) > start + 12)); do sleep 0.1; done\"",
        );
        guest.stops("kubelet");
        // It goes down in steps.
        assert!(lines.any(|line| line == "kubernetes - stopped"));
        kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
        child.wait().unwrap();
    });
    let count = |text: &str| journal.lines().filter(|line| line.starts_with(text)).count();
    assert_eq!(count("Connection from"), 1, "{journal}");
    assert!(count("Starting session") > 12, "{journal}");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn waits_for_a_machine_that_goes_away() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest).with("NO_COLOR", "1");
    let typed = user.types("service-manager status --watch=0.1 kubernetes");
    let mut terminal = typed.in_a_terminal(80);
    let running = "
        [..]:[..]:[..], every 0.1 s, q ends[..]
        [NAME]  vagrant@[ADDRESS]:22
        SERVICE     STATE[..]FLAVOUR[..]VERSION[..]ENDPOINT
        kubernetes  * running[..]kubeadm[..]v1.[..]https://[ADDRESS]:6443[..]
        ";
    terminal.shows(running);
    guest.changes("systemctl stop ssh; pkill -x sshd", "systemctl start ssh");
    terminal.shows(
        "
        [..]:[..]:[..], every 0.1 s, q ends, changed [..]
        [NAME]  vagrant@[ADDRESS]:22
        SERVICE     STATE        FLAVOUR  VERSION  ENDPOINT
        kubernetes  ? unknown <  - <      - <      - <
        PROBLEM: could not connect to [ADDRESS]:22
        caused by: Connection refused (os error 111)
        hint: check host and port, and that an SSH server (sshd) runs there
        hint: `service-manager doctor` says more
        ",
    );
    guest.changes_back();
    terminal.shows(running);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn prints_a_line_of_json_per_change() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    let typed = user.types("exec timeout 60 service-manager status --watch=0.1 --output json kubernetes");
    let mut child = typed.starts();
    let documents = BufReader::new(child.stdout.take().unwrap()).lines();
    let document = |line: Result<String, _>| serde_json::from_str::<Value>(&line.unwrap()).unwrap();
    let mut states = documents.map(|line| document(line)["services"][0]["state"].clone());
    assert_eq!(states.next().unwrap(), "running");
    guest.stops("kubelet");
    // It goes down in steps.
    assert!(states.any(|state| state == "stopped"));
    kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ends_when_the_pipe_closes() {
    User::of(&Guest::light())
        .types("set -o pipefail; service-manager status --watch=0.1 | head --lines=1")
        .stdout("docker - stopped\n")
        .succeeds();
}

/// Nor is what is typed before that echoed.
#[test]
fn q_ends_it_before_the_first_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    let user = User::new();
    let typed = user.types(format!("service-manager --host dev@{place} status --watch --timeout 30"));
    let mut terminal = typed.in_a_terminal(80);
    terminal.shows_somewhere(&format!("connecting to {place}"));
    terminal.presses("xyzq");
    assert_eq!(terminal.ends(), 0);
    assert!(!terminal.has_ever_shown("xyz"));
}

#[test]
fn fails_without_a_first_answer() {
    User::new()
        .types("service-manager --host dev@127.0.0.1:1 status --watch")
        .stderr(
            "
            error: could not connect to 127.0.0.1:1
            caused by: Connection refused (os error 111)
            hint: check host and port, and that an SSH server (sshd) runs there
            hint: `service-manager doctor --host dev@127.0.0.1:1` says more
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn watches_several_machines_until_q() {
    let guests = [Guest::kubeadm(), Guest::nat()];
    let user = user_of_both(&guests).with("NO_COLOR", "1");
    for (columns, head, row) in [
        (
            120,
            "SERVICE     STATE      FLAVOUR  VERSION[..]ENDPOINT",
            "* running  kubeadm  v1.[..]https://[..]:6443",
        ),
        (
            80,
            "SERVICE     STATE      FLAVOUR  VERSION[..]ENDPOINT",
            "* running  kubeadm  v1.[..]https://[..]",
        ),
        (40, "SERVICE     STATE      VERSION", "* running  v1.[..]"),
    ] {
        for which in ["--all", "-m kubeadm -m nat"] {
            let typed = user.types(format!("service-manager status --watch=0.1 kubernetes {which}"));
            let mut terminal = typed.in_a_terminal(columns);
            let table = format!(
                "
                [..]:[..]:[..], every 0.1 s, q ends
                MACHINE  {head}
                kubeadm  kubernetes  {row}
                nat      kubernetes  {row}
                "
            );
            terminal.shows(&table);
            // Nothing that is typed is echoed, and only `q` means anything.
            terminal.presses("abc\n");
            terminal.presses("q");
            assert_eq!(terminal.ends(), 0);
            terminal.shows(&table);
        }
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_machine_out_of_reach_is_watched_beside_the_others() {
    let guests = [Guest::kubeadm(), Guest::own("kubeadm", "address")];
    let user = user_of_both(&guests).with("NO_COLOR", "1");
    guests[1].changes("systemctl stop ssh", "systemctl start ssh");
    let [one, other] = guests.each_ref().map(Guest::name);
    let typed = user.types(format!("service-manager status --watch=0.1 kubernetes -m {one} -m {other}"));
    let mut terminal = typed.in_a_terminal(120);
    terminal
        .shows_somewhere(&format!("PROBLEM: `{other}` cannot be asked\ncaused by: could not connect to "));
    terminal.shows_somewhere("? unknown");
    guests[1].changes_back();
    terminal.shows_somewhere("* running <");
    terminal.presses("Q");
    assert_eq!(terminal.ends(), 0);
    let mut child = user
        .types(format!("exec timeout 60 service-manager status --watch=0.1 kubernetes -m {one} -m {other}"))
        .starts();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    lines.sort();
    let mut expected = [one, other].map(|name| format!("{name} kubernetes - running"));
    expected.sort();
    assert_eq!(lines, expected);
    kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_terminal_is_as_it_was_whatever_ends_it() {
    let guest = Guest::light();
    let user = User::of(&guest);
    let line = "bash -c 'trap : INT; sh -c \"echo \\$\\$ >pid; exec service-manager status --watch=0.1\"; \
                stty --all | grep --only-matching --word-regexp --extended-regexp \"[-]?(icanon|echo)\"'";
    for end in ["q", "\x03", "kill", "kill -HUP", "kill -QUIT"] {
        let typed = user.types(line);
        let mut terminal = typed.in_a_terminal(80);
        terminal.shows_somewhere("q ends\n");
        if end.starts_with("kill") {
            user.types(format!("{end} $(cat pid)")).succeeds();
        } else {
            terminal.presses(end);
        }
        terminal.shows_somewhere("\nicanon\necho");
        terminal.ends();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn fits_the_terminal_that_is_made_narrower_and_wider() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with("NO_COLOR", "1");
    let typed = user.types("service-manager status kubernetes --watch=0.1");
    let mut terminal = typed.in_a_terminal(120);
    let wide = "
        [..]:[..]:[..], every 0.1 s, q ends[..]
        [NAME]  vagrant@[ADDRESS]:22
        SERVICE     STATE      FLAVOUR  VERSION  ENDPOINT
        kubernetes  * running  kubeadm  v1.[..]  https://[ADDRESS]:6443
        ";
    terminal.shows(wide);
    terminal.resizes(40);
    // What a terminal makes of longer lines than it has columns is its own, so nothing is said of what stood there.
    terminal.shows_somewhere("\nSERVICE     STATE      VERSION\nkubernetes  * running  v1.");
    terminal.resizes(120);
    terminal.shows_somewhere("https://[ADDRESS]:6443");
    terminal.presses("q");
    assert_eq!(terminal.ends(), 0);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn goes_on_after_it_was_stopped() {
    let guest = Guest::light();
    let user = User::of(&guest);
    let line = "bash -c 'set -m; sh -c \"echo \\$\\$ >pid; exec service-manager status --watch=0.1\"; \
                stty --all | grep --only-matching --word-regexp --extended-regexp \"[-]?(icanon|echo)\"; fg >/dev/null'";
    let typed = user.types(line);
    let mut terminal = typed.in_a_terminal(80);
    terminal.shows_somewhere("q ends\n");
    terminal.presses("\x1a");
    terminal.shows_somewhere("\nicanon\necho");
    terminal.presses("q");
    terminal.ends();
    // What was shown then did not replace what others had written meanwhile.
    terminal.shows_somewhere("\nicanon\necho");
}

const RUNNING: &str = "
        [..]:[..]:[..], every 0.1 s, q ends[..]
        [NAME]  vagrant@[ADDRESS]:22
        SERVICE     STATE            FLAVOUR  VERSION[..]ENDPOINT
        docker      o stopped        tls      -[..]-
        openshift   . not installed  -        -[..]-
        kubernetes  * running        kubeadm  v1.[..]  https://[ADDRESS]:6443
        ";
