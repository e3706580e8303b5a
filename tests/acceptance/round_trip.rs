//! What a command costs the guest: one connection and one command for everything, few processes, few bytes. Timings differ
//! from host to host; these do not.

use std::collections::BTreeMap;
use std::iter::successors;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::env::ANNOUNCED;
use crate::support::{Guest, User, until};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn no_command_costs_more_than_it_may() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let meter = Meter::of(&guest);
    let user = User::of(&guest);
    let again = ANNOUNCED.replace("env kubernetes)", "env kubernetes --refresh)");
    let docker = "[..]\n".repeat(3);
    let all = "[..]\n".repeat(4);
    let states = "docker - running\nopenshift - not installed\nkubernetes - running\n";
    // The processes are sshd's three, the user's shell, and what the program has it start.
    for (command, answer, processes, kilobytes) in [
        ("env kubernetes", ANNOUNCED, 13, 25),
        // With host key and kubeconfig known.
        ("env kubernetes --refresh", &again, 13, 25),
        ("env docker --script-readable", &docker, 13, 21),
        ("env --script-readable -q", &all, 17, 32),
        ("status", states, 17, 31),
        ("box ip", "[ADDRESS]\n", 5, 13),
        ("box version", "Debian GNU/Linux 12 (bookworm)\n", 4, 13),
    ] {
        let cost = meter.reads(|| {
            user.types(format!("service-manager {command}")).stdout(answer).succeeds();
        });
        assert_eq!((cost.connections, cost.logins, cost.commands), (1, 1, 1), "{command}: {cost:#?}");
        assert!(cost.processes.len() <= processes, "{command}: {cost:#?}");
        assert!(cost.bytes <= kilobytes * 1000, "{command}: {cost:#?}");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_is_known_costs_the_guest_an_answer_each() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let meter = Meter::of(&guest);
    let user = User::of(&guest);
    user.types("service-manager -q env >/dev/null").succeeds();
    for (command, kilobytes) in [("env kubernetes", 6), ("env docker", 5), ("env", 10), ("env --cached", 1)] {
        let cost = meter.reads(|| {
            user.types(format!("service-manager -q {command} >/dev/null")).succeeds();
        });
        assert_eq!((cost.connections, cost.processes.len()), (0, 0), "{command}: {cost:#?}");
        assert!(cost.bytes <= kilobytes * 1000, "{command}: {cost:#?}");
    }
}

/// To start and to stop takes several commands, but no other connection.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_starts_and_stops_connects_once() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    for (command, services, answer) in [
        (
            "-q stop docker kubernetes",
            2,
            "Docker service stopped successfully...\nKubernetes service stopped successfully...\n",
        ),
        ("start kubernetes", 1, "Kubernetes service configured successfully...\n"),
    ] {
        let journal = journal_while(&guest, || {
            user.types(format!("service-manager {command}")).stdout(answer).succeeds();
        });
        let count = journal.lines().filter(|line| line.starts_with("Connection from")).count();
        assert_eq!(count, 1, "{command}:\n{journal}");
        let acted = journal.lines().filter(|line| line.ends_with("COMMAND=/usr/bin/sh -s")).count();
        assert_eq!(acted, services, "{command}:\n{journal}");
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

/// What was done in the guest, as it counts itself.
#[derive(Debug)]
struct Cost {
    connections: usize,
    logins: usize,
    commands: usize,
    /// Names, of those below its SSH server.
    processes: Vec<String>,
    /// To it and from it, headers included.
    bytes: usize,
}

/// A guest whose kernel writes down every process that ends.
struct Meter<'g>(&'g Guest);

impl<'g> Meter<'g> {
    fn of(guest: &'g Guest) -> Self {
        let account =
            |file: &str| format!("python3 -c 'import ctypes; assert ctypes.CDLL(None).acct({file}) == 0'");
        guest.changes(&format!(": >{ACCOUNT}; {}", account(&format!("b\"{ACCOUNT}\""))), &account("None"));
        Self(guest)
    }

    fn reads(&self, something: impl FnOnce()) -> Cost {
        self.0.run(&format!(": >{ACCOUNT}"));
        let before = self.bytes();
        let journal = journal_while(self.0, something);
        let bytes = self.bytes() - before;
        until("the connection is gone", || self.0.run("pgrep --parent $(</run/sshd.pid) || true").is_empty());
        let count = |text: &str| journal.lines().filter(|line| line.starts_with(text)).count();
        Cost {
            connections: count("Connection from"),
            logins: count("Accepted publickey"),
            commands: count("Starting session"),
            processes: self.processes(),
            bytes,
        }
    }

    /// What its network card has counted.
    fn bytes(&self) -> usize {
        let counters = self.0.run("cat /sys/class/net/eth0/statistics/[rt]x_bytes");
        counters.lines().map(|line| line.parse::<usize>().unwrap()).sum()
    }

    /// Those that have ended, as acct(5) lays them down. Others of the guest's come and go all the time.
    fn processes(&self) -> Vec<String> {
        let account = BASE64_STANDARD.decode(self.0.run(&format!("base64 --wrap=0 {ACCOUNT}"))).unwrap();
        let number = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
        let ended: BTreeMap<u32, (u32, String)> = account
            .chunks_exact(64)
            .map(|record| {
                assert_eq!(record[1] & 0xf, 3, "the kernel writes another version of acct(5)");
                let name = record[48..].split(|byte| *byte == 0).next().unwrap();
                (
                    number(&record[16..20]),
                    (number(&record[20..24]), String::from_utf8_lossy(name).into_owned()),
                )
            })
            .collect();
        let server: u32 = self.0.run("cat /run/sshd.pid").trim().parse().unwrap();
        let is_below_server = |parent: u32| {
            let mut parents =
                successors(Some(parent), |process| ended.get(process).map(|(parent, _)| *parent));
            parents.any(|process| process == server)
        };
        ended.values().filter(|(parent, _)| is_below_server(*parent)).map(|(_, name)| name.clone()).collect()
    }
}

const ACCOUNT: &str = "/run/account";
