//! What a command costs the guest: one connection and one command for everything, few processes, few bytes. Timings differ
//! from host to host, and so do segments and acknowledgements; these do not.

use std::collections::BTreeMap;
use std::iter::successors;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::env::ANNOUNCED;
use service_manager_test_support::{Guest, User, until};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn each_command_stays_within_its_budget() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let meter = Meter::of(&guest);
    let user = User::of(&guest);
    let again = ANNOUNCED.replace("env kubernetes)", "env kubernetes --refresh)");
    let docker = "[..]\n".repeat(3);
    let all = "[..]\n".repeat(4);
    let states = "docker - running\nopenshift - not installed\nkubernetes - running\n";
    // The processes are sshd's three, the user's shell, and what the program has it start. The bytes are a tenth more than
    // the most that was counted: signatures differ in length, and so does the padding with each piece that sshd sends.
    for (command, answer, processes, ports, bytes) in [
        ("env kubernetes", ANNOUNCED, 13, &[SSH, KUBERNETES][..], 19_000),
        // With host key and kubeconfig known.
        ("env kubernetes --refresh", &again, 13, &[SSH, KUBERNETES], 19_000),
        ("env docker --script-readable", &docker, 13, &[SSH, DOCKER], 15_300),
        ("env --script-readable -q", &all, 17, &[SSH, DOCKER, KUBERNETES], 25_000),
        ("status", states, 17, &[SSH, DOCKER, KUBERNETES], 25_000),
        ("box ip", "[ADDRESS]\n", 5, &[SSH], 8_700),
        ("box version", "Debian GNU/Linux 12 (bookworm)\n", 4, &[SSH], 8_700),
    ] {
        let cost = meter.reads(|| {
            user.types(format!("service-manager {command}")).stdout(answer).succeeds();
        });
        assert_eq!((cost.connections, cost.logins, cost.commands), (1, 1, 1), "{command}: {cost:#?}");
        assert!(cost.processes.len() <= processes, "{command}: {cost:#?}");
        cost.is_within(command, ports, bytes);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_cached_env_stays_within_its_budget() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let meter = Meter::of(&guest);
    let user = User::of(&guest);
    user.types("service-manager -q env >/dev/null").succeeds();
    for (command, ports, bytes) in [
        ("env kubernetes", &[KUBERNETES][..], 4_200),
        ("env docker", &[DOCKER], 3_050),
        ("env", &[DOCKER, KUBERNETES], 7_300),
        ("env --cached", &[], 0),
    ] {
        let cost = meter.reads(|| {
            user.types(format!("service-manager -q {command} >/dev/null")).succeeds();
        });
        assert_eq!((cost.connections, cost.processes.len()), (0, 0), "{command}: {cost:#?}");
        cost.is_within(command, ports, bytes);
    }
}

/// To start and to stop takes several commands, but no other connection.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn start_and_stop_connect_once() {
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
fn sudo_logs_the_shell_and_not_its_input() {
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

/// What the guest logs while something is done, without what its services do all the time.
pub(crate) fn journal_while(guest: &Guest, something: impl FnOnce()) -> String {
    let cursor =
        guest.run("journalctl --sync; journalctl --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'");
    something();
    // All of it: journalctl 252 leaves out the first line that a filter lets through after a cursor.
    let lines = guest.run(&format!(
        "journalctl --sync; journalctl --output=short-unix --after-cursor='{}'",
        cursor.trim()
    ));
    // `TIME HOST PROGRAM[PID]: MESSAGE`
    let message = |line: &str| {
        let (head, message) = line.split_once(": ")?;
        let program = head.rsplit(' ').next()?.split('[').next()?;
        (!NOISY_PROGRAMS.contains(&program)).then(|| format!("{message}\n"))
    };
    lines.lines().filter_map(message).collect()
}

/// What was done in the guest, as it counts itself.
#[derive(Debug)]
struct Cost {
    connections: usize,
    logins: usize,
    commands: usize,
    /// Names, of those below its SSH server.
    processes: Vec<String>,
    /// By the guest's port, as `guest/payload-meter` counts it.
    carried: BTreeMap<u16, Carried>,
}

#[derive(Debug)]
struct Carried {
    connections: usize,
    /// Payload in both directions, each byte once.
    bytes: usize,
}

impl Cost {
    /// It took one connection to each of these ports and to no other, and at most so many bytes of payload.
    #[track_caller]
    fn is_within(&self, command: &str, ports: &[u16], bytes: usize) {
        let connections: Vec<_> =
            self.carried.iter().map(|(port, carried)| (*port, carried.connections)).collect();
        let expected: Vec<_> = ports.iter().map(|port| (*port, 1)).collect();
        assert_eq!(connections, expected, "{command}: {self:#?}");
        let carried: usize = self.carried.values().map(|carried| carried.bytes).sum();
        assert!(carried <= bytes, "{command}: {carried} bytes: {self:#?}");
    }
}

/// A guest whose kernel writes down every process that ends.
struct Meter<'g>(&'g Guest);

impl<'g> Meter<'g> {
    fn of(guest: &'g Guest) -> Self {
        let account =
            |file: &str| format!("python3 -c 'import ctypes; assert ctypes.CDLL(None).acct({file}) == 0'");
        guest.run_with("cat >/run/payload-meter", include_str!("guest/payload-meter"));
        guest.changes(&format!(": >{ACCOUNT}; {}", account(&format!("b\"{ACCOUNT}\""))), &account("None"));
        Self(guest)
    }

    fn reads(&self, something: impl FnOnce()) -> Cost {
        let begin: u32 = self.0.run(&format!(": >{ACCOUNT}; date +%s")).trim().parse().unwrap();
        let mut carried = BTreeMap::new();
        let journal = journal_while(self.0, || carried = self.carried_while(something));
        until("the connection is gone", || self.0.run("pgrep --parent $(</run/sshd.pid) || true").is_empty());
        let count = |text: &str| journal.lines().filter(|line| line.starts_with(text)).count();
        Cost {
            connections: count("Connection from"),
            logins: count("Accepted publickey"),
            commands: count("Starting session"),
            processes: self.processes(begin),
            carried,
        }
    }

    fn carried_while(&self, something: impl FnOnce()) -> BTreeMap<u16, Carried> {
        let until_it = |holds: &str| format!("timeout 10 bash -c 'until {holds}; do sleep 0.02; done'");
        let unit = "--quiet --collect --unit=payload-meter --property=StandardOutput=truncate:/run/payload";
        self.0.run(&format!(
            "rm -f /run/payload; systemd-run {unit} python3 /run/payload-meter; {}",
            until_it("[ -s /run/payload ]")
        ));
        something();
        self.0.run("systemctl stop payload-meter");
        let text = self.0.run("cat /run/payload");
        let numbers =
            |line: &str| -> Vec<usize> { line.split(' ').map(|word| word.parse().unwrap()).collect() };
        let lines = text.strip_prefix("listens\n").unwrap().lines().map(numbers);
        lines
            .map(|numbers| {
                let [port, connections, bytes] = numbers[..] else { panic!("{text}") };
                (u16::try_from(port).unwrap(), Carried { connections, bytes })
            })
            .collect()
    }

    /// Those that have begun since `begin` (seconds since 1970) and have ended, as acct(5) lays them down. Others of the guest's
    /// come and go all the time, and a session of an earlier test may end now.
    fn processes(&self, begin: u32) -> Vec<String> {
        let account = BASE64_STANDARD.decode(self.0.run(&format!("base64 --wrap=0 {ACCOUNT}"))).unwrap();
        let number = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
        let ended: BTreeMap<u32, (u32, String)> = account
            .chunks_exact(64)
            // What the kernel tells is rounded down.
            .filter(|record| number(&record[24..28]) + 1 >= begin)
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

/// They log what they like, at any time.
const NOISY_PROGRAMS: [&str; 4] = ["containerd", "dockerd", "etcd", "kube-apiserver"];
const SSH: u16 = 22;
const DOCKER: u16 = 2376;
const KUBERNETES: u16 = 6443;
const ACCOUNT: &str = "/run/account";
