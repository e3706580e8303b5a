//! Servers that send without end what nobody asked for: this host's memory stays its own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

/// `SSH_MSG_KEXINIT` never comes, but packets of a type that no one knows (RFC 4253, section 6): libssh2 keeps them all.
#[test]
fn packets_before_the_host_key() {
    let mut packet = vec![0; 4 + 32 * 1024];
    let length = u32::try_from(packet.len() - 4).unwrap();
    packet[..4].copy_from_slice(&length.to_be_bytes());
    (packet[4], packet[5]) = (4, 150);
    let port = serve(b"SSH-2.0-x\r\n", packet);
    assert_is_refused_in_little_memory(port);
}

/// The lines that may stand before the version have no end (RFC 4253, section 4.2).
#[test]
fn lines_before_the_version() {
    assert_is_refused_in_little_memory(serve(b"", vec![b'x'; 32 << 10]));
    assert_is_refused_in_little_memory(serve(b"", b"x\r\n".repeat(8 << 10)));
}

/// Answers each connection with `first`, and then with `more` again and again.
fn serve(first: &'static [u8], more: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let more = more.clone();
            thread::spawn(move || {
                let mut sent = stream.write_all(first);
                while sent.is_ok() {
                    sent = stream.write_all(&more);
                }
            });
        }
    });
    port
}

fn assert_is_refused_in_little_memory(port: u16) {
    let home = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_service-manager"))
        .args(["--timeout", "5", "--host", &format!("u@127.0.0.1:{port}"), "status"])
        .env_clear()
        .env("HOME", home.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let path = format!("/proc/{}/status", program.id());
    let (mut peak, mut code) = (0, None);
    while code.is_none() {
        peak = peak.max(peak_of(&std::fs::read_to_string(&path).unwrap_or_default()));
        if peak > MOST {
            program.kill().unwrap();
        }
        thread::yield_now();
        code = program.try_wait().unwrap();
    }
    assert!(peak <= MOST, "it takes {peak} KiB");
    let mut stderr = String::new();
    program.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(3), "{stderr}");
    assert!(!stderr.contains("gave up"), "{stderr}");
}

/// In KiB.
const MOST: u64 = 50 << 10;

/// `VmHWM` of proc(5), in KiB.
fn peak_of(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}
