//! Many connections, and such as nobody reads.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use service_manager_test_support::until;
use sha2::{Digest, Sha256};

use super::{behind_a_nat, end, processes, run_folder, sets_sshd, ssh_port_of, user_of};

/// One that does not read, many that say nothing, and bytes that are compared.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn connections_do_not_hurt_each_other() {
    let guest = behind_a_nat("none");
    sets_sshd(&guest, "RekeyLimit 1M");
    let server = concat!(include_str!("engine.py"), "\n\n", include_str!("accept.py"));
    guest.run_with("cat >/run/engine.py", server);
    guest.changes(
        "systemd-run --quiet --unit=test-engine python3 /run/engine.py; until [ -S /run/test-engine.sock ]; do sleep 0.1; done",
        "systemctl stop test-engine; rm /run/engine.py",
    );
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.writes(".config/service-manager/services/test.yaml", TEST_SERVICE);
    user.types("service-manager env test >/dev/null").succeeds();
    let socket = run_folder(&user).join("test.sock");
    let open = |request: &str| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(50))).unwrap();
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        stream
    };
    // These never read what they asked for.
    let deaf: Vec<UnixStream> = (0..3).map(|_| open("STREAM 500000000")).collect();
    let idle: Vec<UnixStream> = (0..200).map(|_| open("ECHO")).collect();
    let process = processes(&user)[0];
    let peak = thread::scope(|scope| {
        let work = scope.spawn(|| load(&open));
        let mut peak = 0;
        while !work.is_finished() {
            peak = peak.max(memory(process));
            thread::sleep(Duration::from_millis(20));
        }
        work.join().unwrap();
        peak
    });
    // The most that it ever was, while all of that went on.
    assert!(peak < 30_000, "{peak} KiB");
    for mut stream in idle {
        stream.write_all(b"hello").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut echo = String::new();
        stream.read_to_string(&mut echo).unwrap();
        assert_eq!(echo, "hello");
    }
    drop(deaf);
    until("all are closed", || {
        user.types("service-manager tunnel | cut --fields=7").run_freely().starts_with("0 open")
    });
    // What has just been closed is still told.
    let rests = |_: i32| {
        let before = processor_time(process);
        thread::sleep(Duration::from_secs(10));
        processor_time(process) == before
    };
    assert!((0..3).any(rests), "it never comes to rest");
    end(&user);
}

/// Short connections, streams in both directions whose bytes are compared, and clients that go away in the middle.
fn load(open: &(impl Fn(&str) -> UnixStream + Sync)) {
    thread::scope(|scope| {
        for size in [0, 1, 40_000, 3_000_000, 10_000_000] {
            scope.spawn(move || {
                let mut received = Vec::new();
                open(&format!("STREAM {size}")).read_to_end(&mut received).unwrap();
                assert!(received == pattern(size), "{size}: {} bytes", received.len());
            });
            scope.spawn(move || {
                let mut stream = open("DIGEST");
                stream.write_all(&pattern(size)).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut digest = String::new();
                stream.read_to_string(&mut digest).unwrap();
                assert_eq!(digest, hex(&Sha256::digest(pattern(size))), "{size}");
            });
            scope.spawn(move || {
                let mut received = vec![0; size + 1000];
                open("STREAM 500000000").read_exact(&mut received).unwrap();
                assert!(received == pattern(size + 1000), "{size} of 500 MB");
            });
        }
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..SHORT_CONNECTIONS / 20 {
                    let mut answer = Vec::new();
                    open("STREAM 100").read_to_end(&mut answer).unwrap();
                    assert!(answer == pattern(100));
                }
            });
        }
    });
}

/// What a process has for itself, in KiB: the program's own pages are shared by all that run it, and large in a build with
/// debugging information.
pub(super) fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// In ticks of the kernel.
pub(super) fn processor_time(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after = stat.rsplit(") ").next().unwrap();
    after.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// What the test's engine sends.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| u8::try_from((index * 7 + index / 251) % 256).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const SHORT_CONNECTIONS: usize = 500;

/// A service behind a socket, which says that it is Docker and does what the tests ask.
pub(super) const TEST_SERVICE: &str = "
name: test
title: Test
exports:
  - name: TEST_HOST
    value: '{docker_host}'
flavours:
  - name: test
    signs: { files: [/run/test-engine.sock] }
    sockets: [/run/test-engine.sock]
    access:
      socket:
        path: /run/test-engine.sock
        reason: { because: has a socket, help: wait }
";
