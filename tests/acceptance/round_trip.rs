//! One connection and one command for everything, as the guest counts them.

use crate::env::ANNOUNCED;
use crate::support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn every_command_connects_once_and_runs_one_command() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    for (command, answer) in [
        ("env kubernetes", ANNOUNCED),
        // With host key and kubeconfig known.
        ("env kubernetes --refresh", &ANNOUNCED.replace("env kubernetes)", "env kubernetes --refresh)")),
        ("status", "docker - stopped\nopenshift - not installed\nkubernetes - running\n"),
        ("box ip", "[ADDRESS]\n"),
        ("box version", "Debian GNU/Linux 12 (bookworm)\n"),
    ] {
        let journal = journal_while(&guest, || {
            user.types(format!("service-manager {command}")).stdout(answer).succeeds();
        });
        let count = |text: &str| journal.lines().filter(|line| line.starts_with(text)).count();
        assert_eq!(count("Connection from"), 1, "{command}:\n{journal}");
        assert_eq!(count("Accepted publickey"), 1, "{command}:\n{journal}");
        assert_eq!(count("Starting session"), 1, "{command}:\n{journal}");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sudo_logs_that_it_ran_a_shell_and_nothing_of_what_that_read() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    let journal = journal_while(&guest, || {
        user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    });
    let commands: Vec<_> = journal.lines().filter_map(|line| line.split_once("COMMAND=")).collect();
    let [(_, command)] = commands[..] else { panic!("not one command:\n{journal}") };
    let words: Vec<_> = command.split(' ').collect();
    let ["/usr/bin/sh", "-s", "service-manager", nonce, r#"""#, r"\'"] = words[..] else {
        panic!("{command}")
    };
    assert!(nonce.chars().all(|digit| digit.is_ascii_hexdigit()), "{command}");
    for word in ["frame", "admin.conf"] {
        assert!(!journal.contains(word), "{journal}");
    }
}

/// What the guest logs while something is done.
pub(crate) fn journal_while(guest: &Guest, something: impl FnOnce()) -> String {
    let cursor =
        guest.run("journalctl --sync; journalctl --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'");
    something();
    // All of it: journalctl 252 leaves out the first line that a filter lets through after a cursor.
    guest.run(&format!("journalctl --sync; journalctl --output=cat --after-cursor='{}'", cursor.trim()))
}
