//! What leads through SSH, against `ssh -L` and against Docker's own way.

use std::cell::LazyCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::measure::{PAIRS, Pair, Row};
use crate::place::{Place, said};
use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    let place = &LazyCell::new(Tunnelled::new);
    for (what, path, goal) in [
        ("20 short connections", "1?[1-20]", 0.25),
        // 0.7 of its throughput.
        ("200 MB from the machine", "200000000", 1.43),
    ] {
        let row = Row::new(format!("{what} through the tunnel"), "ssh -L").ratio(goal);
        table.row(row, || Ok(Pair::new(|| curl(&place.ours, path), || curl(&place.forward.socket, path))));
    }
    let row = Row::new("docker ps through the tunnel", "docker ps with DOCKER_HOST=ssh://").ratio(0.1);
    table.row(row, || {
        let through_ssh = format!("ssh://{}", place.place.guest.name);
        Ok(Pair::new(|| place.docker(&place.docker_host), move || place.docker(&through_ssh)))
    });
    let row = Row::new("env docker (warm, through the tunnel)", "docker version through it").ratio(1.5);
    table.row(row.pairs(PAIRS * 2), || {
        let version = || place.client(&place.docker_host, &["version", "--format", "{{.Server.Version}}"]);
        Ok(Pair::new(|| place.place.ours("--tunnel always env docker"), version))
    });
}

/// A guest whose Docker has only a socket, and in which another server sends as much as it is asked for.
struct Tunnelled {
    place: Place,
    /// The other server's socket of the tunnel.
    ours: PathBuf,
    docker_host: String,
    forward: SshForward,
    /// An `ssh` that knows the guest.
    programs: TempDir,
}

impl Tunnelled {
    fn new() -> Self {
        let place = Place::with("bench-tunnel", &["--light"]);
        place.guest.run("lay-out-docker socket");
        place.guest.run(&format!(
            "printf '%s' '{SERVER}' >/run/bench.py; systemctl is-active --quiet bench || systemd-run --quiet --unit=bench \
             python3 /run/bench.py; until [[ -S {SOCKET} ]]; do sleep 0.1; done"
        ));
        let folder = place.home().join("services");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("bench.yaml");
        fs::write(&path, SERVICE).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        let address = |service: &str| {
            let said =
                said(&mut place.ours(&format!("--tunnel always env {service} --script-readable --quiet")));
            let host = said.lines().find_map(|line| line.split_once("_HOST=")).expect("the variable").1;
            host.trim_matches('\'').to_owned()
        };
        let (ours, docker_host) = (address("bench"), address("docker"));
        let ours = PathBuf::from(ours.trim_start_matches("unix://"));
        let programs = tempfile::tempdir().unwrap();
        let ssh = programs.path().join("ssh");
        let config = place.guest.ssh_config();
        fs::write(&ssh, format!("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", config.display())).unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o700)).unwrap();
        let forward = SshForward::new(&ssh, &place.guest.name);
        Self { place, ours, docker_host, forward, programs }
    }

    fn docker(&self, host: &str) -> Command {
        self.client(host, &["ps"])
    }

    fn client(&self, host: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        let path =
            format!("{}:{}", self.programs.path().display(), std::env::var("PATH").unwrap_or_default());
        command.args(arguments).env("DOCKER_HOST", host).env("PATH", path).env_remove("DOCKER_TLS_VERIFY");
        command
    }
}

impl Drop for Tunnelled {
    fn drop(&mut self) {
        said(&mut self.place.ours("tunnel stop --all"));
    }
}

/// `ssh -L`, while it is needed.
struct SshForward {
    child: Child,
    socket: PathBuf,
    _folder: TempDir,
}

impl SshForward {
    fn new(ssh: &Path, guest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("sock");
        let mut command = Command::new(ssh);
        command.arg("-NL").arg(format!("{}:{SOCKET}", socket.display())).arg(guest);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, socket, _folder: folder }
    }
}

impl Drop for SshForward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the server for so many bytes, on a connection of its own each time.
fn curl(socket: &Path, path: &str) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--fail", "--output", "/dev/null", "--unix-socket"])
        .arg(socket);
    command.args(["--header", "Connection: close", &format!("http://bench/{path}")]);
    command
}

const SOCKET: &str = "/run/bench.sock";

/// Says that it is Docker, and sends as many bytes as the path names.
const SERVER: &str = r#"
import os, re, socket, threading
def serve(connection):
    with connection:
        path = connection.recv(65536).split()[1]
        size = int((re.match(rb"/(\d+)(\?|$)", path) or [b"2", b"2"])[1])
        head = "HTTP/1.1 200 OK\r\nServer: Docker/1.0.0 (test)\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        connection.sendall((head % size).encode())
        while size:
            part = min(size, len(BLOCK))
            connection.sendall(BLOCK[:part])
            size -= part
BLOCK = os.urandom(1 << 20)
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/bench.sock")
os.chmod("/run/bench.sock", 0o666)
listener.listen(500)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"#;

/// The service file for it.
const SERVICE: &str = "
name: bench
title: Bench
exports:
  - name: BENCH_HOST
    value: '{docker_host}'
flavours:
  - name: bench
    signs: { files: [/run/bench.sock] }
    sockets: [/run/bench.sock]
    access:
      socket:
        path: /run/bench.sock
        reason: { because: has a socket, help: wait }
";
