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
        ("env kubernetes", ANNOUNCED),
        ("status", "kubernetes - running\n"),
        ("box ip", "[ADDRESS]\n"),
        ("box version", "Debian GNU/Linux 12 (bookworm)\n"),
    ] {
        let cursor =
            guest.run("journalctl --sync; journalctl --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'");
        user.types(format!("service-manager {command}")).stdout(answer).succeeds();
        let journal = guest.run(&format!(
            "journalctl --sync; journalctl --unit=ssh --output=cat --after-cursor='{}'",
            cursor.trim()
        ));
        let count = |text: &str| journal.lines().filter(|line| line.starts_with(text)).count();
        assert_eq!(count("Connection from"), 1, "{command}:\n{journal}");
        assert_eq!(count("Accepted publickey"), 1, "{command}:\n{journal}");
        assert_eq!(count("Starting session"), 1, "{command}:\n{journal}");
    }
}
