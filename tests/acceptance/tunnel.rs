//! Tunnels: a guest of which nothing but SSH is reachable, as behind a NAT or in a cloud; with the real `docker` and `kubectl`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use service_manager_test_support::{Guest, Port, User, until};
use sha2::{Digest, Sha256};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_and_kubectl_work_where_nothing_but_ssh_is_reachable() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(
        "export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/old; eval \"$(service-manager env docker)\"; \
         echo ${DOCKER_HOST#unix://$HOME/.local/state/service-manager/run/????????} ${DOCKER_TLS_VERIFY-gone} \
         ${DOCKER_CERT_PATH-gone}; docker info --format '{{.Name}}'",
    )
    .stdout("/docker.sock gone gone\n[NAME]\n")
    .succeeds();
    // Only the address that the host cannot reach is in its certificate.
    user.types("eval \"$(service-manager env kubernetes)\"; kubectl get namespace default --output name")
        .stdout("namespace/default\n")
        .stderr("note: the certificate does not name 127.0.0.1, [..]\n")
        .succeeds();
    user.types("service-manager env --output json | grep --only-matching '\"via\":\"[a-z]*\"'")
        .stdout("\"via\":\"ssh\"\n\"via\":\"ssh\"\n")
        .stderr("note: the certificate does not name 127.0.0.1, [..]\n")
        .succeeds();
    user.types("service-manager tunnel | cut --fields=1-4")
        .stdout(
            "
            [NAME]\tdocker\t[HOME]/.local/state/service-manager/run/[..]/docker.sock\t/run/docker.sock
            [NAME]\tkubernetes\t127.0.0.1:2[..]\t127.0.0.1:[..]
            ",
        )
        .succeeds();
    end(&user);
}

/// What is piped into a container arrives to its end, and so does the end.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn containers_are_built_and_talked_to() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(format!(
        "eval \"$(service-manager env docker)\"; set -e; {IMAGE} | docker import - tunnel-test >/dev/null; \
         echo hello | docker run --rm -i --network none tunnel-test /bin/busybox cat; \
         head -c 20000000 /dev/urandom >data; \
         test \"$(docker run --rm -i --network none tunnel-test /bin/busybox sha256sum <data)\" = \"$(sha256sum <data)\"; \
         test \"$(docker run --rm -i --network none tunnel-test /bin/busybox cat <data | sha256sum)\" = \"$(sha256sum <data)\"; \
         printf 'FROM tunnel-test\\nCOPY data /data\\n' >Dockerfile; \
         DOCKER_BUILDKIT=0 docker build --quiet --tag tunnel-built . >/dev/null 2>&1; \
         docker run --rm --network none tunnel-built /bin/busybox sha256sum /data | cut -d' ' -f1 >out; \
         test \"$(cat out)\" = \"$(sha256sum <data | cut -d' ' -f1)\"; echo same"
    ))
    .patiently()
    .stdout("hello\nsame\n")
    .succeeds();
    guest.run("docker rmi --force tunnel-built tunnel-test >/dev/null");
    end(&user);
}

/// All engines that only have a socket: the user's own, and those of root, with the group or with sudo.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn every_socket_can_be_used() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    for (kind, name, target) in [
        ("socket", "vagrant", "/run/docker.sock"),
        ("socket", "noisy", "docker system dial-stdio"),
        ("socket", "fisher", "docker system dial-stdio"),
        ("podman", "vagrant", "podman system dial-stdio"),
        ("podman-rootless", "vagrant", "/run/user/1000/podman/podman.sock"),
        ("rootless", "vagrant", "/run/user/1000/docker.sock"),
    ] {
        guest.lays_out_docker(kind);
        let user = user_called(name, &guest, &port);
        user.types(
            "eval \"$(service-manager env docker)\"; docker version --format '{{.Server.Os}}'; \
             service-manager tunnel | cut --fields=4; service-manager status docker",
        )
        .stdout(&format!("linux\n{target}\ndocker - running\n"))
        .succeeds();
        end(&user);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_what_is_missing() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let fails = |user: &User, error: &str, hint: &str| {
        user.types("service-manager env docker")
            .stdout("(exit 126)\n")
            .stderr(&format!("error: {error}\nhint: {hint}\n"))
            .fails(126);
        end(user);
    };
    fails(
        &user_called("nosudo", &guest, &port),
        "docker in `[NAME]` cannot be reached through SSH: sudo: a password is required",
        "in the machine: `sudo usermod --append --groups docker nosudo` lets the user open the socket, and with it be root there",
    );
    let user = user_of(&guest, &port);
    user.types("service-manager --tunnel never env docker")
        .stdout("(exit 126)\n")
        .stderr("error: docker in `[NAME]` only listens on its socket\nhint: [..]\n")
        .fails(126);
    sets_sshd(&guest, "AllowStreamLocalForwarding no");
    fails(
        &user,
        "docker in `[NAME]` cannot be reached through SSH: sshd in the machine does not connect to `/run/docker.sock` ([..]): \
         it is not there, the user may not open it, or `AllowStreamLocalForwarding` or `DisableForwarding` in sshd_config forbids it",
        "[..]",
    );
    sets_sshd(&guest, "AllowTcpForwarding no");
    user.types("service-manager env kubernetes")
        .stdout("(exit 126)\n")
        .stderr(
            "error: kubernetes does not answer at any address of `[NAME]`: [..], 127.0.0.1:[..] through SSH: sshd in the \
             machine may not connect to port [..] ([..]): `AllowTcpForwarding`, `PermitOpen` or `DisableForwarding` in \
             sshd_config forbids it\nhint: [..]\n",
        )
        .fails(126);
    end(&user);
}

/// What only looks leaves nothing behind.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn only_env_and_its_like_leave_a_tunnel() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types("service-manager status docker kubernetes")
        .stdout("docker - running\nkubernetes - running\n")
        .succeeds();
    assert!(!run_folder(&user).exists());
    // A command substitution waits for all that may write into it.
    user.types("x=$(service-manager env --script-readable 2>&1); echo \"$x\" | cut --delimiter== --fields=1")
        .stdout("note: [..]\nDOCKER_HOST\nKUBECONFIG\n")
        .succeeds();
    // Nor does a lock of the shell's outlast it.
    kill(&user);
    user.types(
        "exec 9>lock && flock 9 && service-manager env docker >/dev/null && exec 9>&- && flock --nonblock lock true",
    )
    .succeeds();
    let written = user.types("service-manager env docker kubernetes 2>&1").run_freely();
    // Now it is in nobody's way: no SSH, and the same output.
    kill(&user);
    user.types("service-manager env docker kubernetes --cached >/dev/null").succeeds();
    user.types("service-manager hook bash --now >/dev/null")
        .stderr("note: `[NAME]` is not as it was; `service-manager env` asks it\n")
        .succeeds();
    assert!(UnixStream::connect(run_folder(&user).join("control.sock")).is_err(), "nothing was started");
    assert_eq!(
        user.types("service-manager env docker kubernetes 2>&1").run_freely(),
        written,
        "started again, ports and all"
    );
    user.types("docker --host unix://$(ls $HOME/.local/state/service-manager/run/*/docker.sock) info --format '{{.Name}}'")
        .stdout("[NAME]\n")
        .succeeds();
    user.types("service-manager machines forget [NAME]".replace("[NAME]", guest.name())).succeeds();
    assert!(!run_folder(&user).exists());
    assert_eq!(user.machine_folders(), Vec::<PathBuf>::new());
}

/// Whatever happens to the process, the next `env` mends it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_tunnel_that_is_gone_is_made_again() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    // Two at once: one process, and both work.
    user.types(
        "for i in 1 2 3 4; do service-manager env docker kubernetes --quiet >out.$i & done; wait; \
         cmp out.1 out.2 && cmp out.1 out.3 && cmp out.1 out.4",
    )
    .succeeds();
    assert_eq!(processes(&user).len(), 1);
    let kubectl =
        "eval \"$(service-manager env kubernetes --quiet)\"; kubectl get namespace default --output name";
    let works = || user.types(kubectl).stdout("namespace/default\n").succeeds();
    let server = || user.kubeconfig()["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
    works();
    let before = server();

    // Stale sockets are left.
    kill(&user);
    assert!(run_folder(&user).join("docker.sock").exists());
    works();
    assert_eq!(server(), before);

    // Another program has its port.
    kill(&user);
    let taken = TcpListener::bind(before.trim_start_matches("https://")).unwrap();
    works();
    assert_ne!(server(), before);
    drop(taken);

    // The folder of all state is removed.
    let old = processes(&user);
    fs::remove_dir_all(user.home().join(".local/state/service-manager")).unwrap();
    works();
    until("the old process has ended", || !processes(&user).iter().any(|process| old.contains(process)));
    end(&user);
}

/// The SSH session may die in many ways.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_session_that_is_dead_is_replaced() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types("service-manager env docker --quiet >env").succeeds();
    let docker = || user.types(". ./env; docker info --format '{{.Name}}'").stdout("[NAME]\n").succeeds();
    docker();
    guest.run("pkill -KILL --uid vagrant --exact sshd");
    docker();
    // As a guest that sleeps, or a network that is gone.
    guest.run("pkill -STOP --uid vagrant --exact sshd");
    let begin = Instant::now();
    docker();
    assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
    guest.run("pkill -KILL --uid vagrant --exact sshd || true");

    // Another machine in its place: refused, at once.
    let (key, restart) =
        ("/etc/ssh/ssh_host_ed25519_key", "systemctl reset-failed ssh; systemctl restart ssh");
    guest.changes(
        &format!("mv {key} {key}.true; mv {key}.pub {key}.pub.true; ssh-keygen -q -t ed25519 -N '' -f {key}; {restart}"),
        &format!("mv {key}.true {key}; mv {key}.pub.true {key}.pub; {restart}"),
    );
    guest.run("pkill -KILL --uid vagrant --exact sshd || true");
    user.types(". ./env; timeout 20 docker info --format '{{.Name}}' >/dev/null 2>&1; echo $?; service-manager tunnel log | tail -n 1")
        .stdout("1\n[..]docker: the host key of 127.0.0.1:[..] is not the one learnt before: [..]\n")
        .succeeds();
    end(&user);
}

/// One that does not read, many that say nothing, and bytes that are compared.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn connections_do_not_hurt_each_other() {
    let guest = behind_a_nat("none");
    sets_sshd(&guest, "RekeyLimit 1M");
    let server = include_str!("tunnel/engine.py");
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
    let deaf: Vec<UnixStream> = (0..3).map(|_| open("STREAM 100000000")).collect();
    let idle: Vec<UnixStream> = (0..200).map(|_| open("ECHO")).collect();
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
            // Some go away in the middle.
            scope.spawn(move || assert!(open("STREAM 100000000").read(&mut [0; 1000]).unwrap() > 0));
        }
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let mut answer = Vec::new();
                    open("STREAM 100").read_to_end(&mut answer).unwrap();
                    assert!(answer == pattern(100));
                }
            });
        }
    });
    for mut stream in idle {
        stream.write_all(b"hello").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut echo = String::new();
        stream.read_to_string(&mut echo).unwrap();
        assert_eq!(echo, "hello");
    }
    let memory = memory(processes(&user)[0]);
    assert!(memory < 20_000, "{memory} KiB");
    drop(deaf);
    until("all are closed", || {
        user.types("service-manager tunnel | cut --fields=7").run_freely().starts_with("0 open")
    });
    let (process, begin) = (processes(&user)[0], Instant::now());
    let before = processor_time(process);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(processor_time(process), before, "idle for {:?}", begin.elapsed());
    end(&user);
}

/// A guest whose firewall lets nobody in but to port 22, with Docker as `kind` has it.
fn behind_a_nat(kind: &str) -> Guest {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker(kind);
    let rule = "INPUT --in-interface eth0 --protocol tcp ! --dport 22 --jump DROP";
    guest.changes(
        &format!("iptables --insert {rule} --match conntrack --ctstate NEW"),
        &format!("iptables --delete {rule} --match conntrack --ctstate NEW"),
    );
    guest
}

/// Has sshd behave otherwise.
fn sets_sshd(guest: &Guest, line: &str) {
    let path = "/etc/ssh/sshd_config.d/00-test.conf";
    let restart = "systemctl reset-failed ssh; systemctl restart ssh";
    guest.changes(&format!("echo '{line}' >{path}; {restart}"), &format!("rm --force {path}; {restart}"));
}

/// Kills the process that holds the only tunnel.
fn kill(user: &User) {
    for process in processes(user) {
        user.types(format!("kill -9 {process}")).succeeds();
        until("it has ended", || !PathBuf::from(format!("/proc/{process}")).exists() || is_zombie(process));
    }
}

fn is_zombie(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

/// The processes that hold tunnels of this user.
fn processes(user: &User) -> Vec<u32> {
    let home = format!("HOME={}", user.home().display());
    let all =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let holds = |process: &u32| {
        let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
        read("cmdline").contains("tunnel\0--serve\0")
            && read("environ").split('\0').any(|variable| variable == home)
    };
    all.filter(holds).collect()
}

/// What a process has for itself, in KiB: the program's own pages are shared by all that run it, and large in a build with
/// debugging information.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// In ticks of the kernel.
fn processor_time(process: u32) -> u64 {
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

/// Port 22 of `guest` as a NAT publishes it.
fn ssh_port_of(guest: &Guest) -> Port {
    Port::leading_to(format!("{}:22", guest.address()))
}

fn user_of<'g>(guest: &'g Guest, port: &Port) -> User<'g> {
    user_called("vagrant", guest, port)
}

fn user_called<'g>(name: &str, guest: &'g Guest, port: &Port) -> User<'g> {
    let user = User::near(guest);
    let number = port.to_string();
    let number = number.rsplit(':').next().unwrap();
    let config = format!(
        "Host {}\n  HostName 127.0.0.1\n  Port {number}\n  User {name}\n  IdentityFile {}/keys/ed25519\n  IdentitiesOnly yes\n",
        guest.name(),
        guest.folder().display()
    );
    let path = user.writes("ssh_config", &config);
    user.with("SERVICE_MANAGER_SSH_CONFIG", path.to_str().unwrap())
}

fn end(user: &User) {
    user.types("service-manager tunnel stop --all").succeeds();
    assert!(!run_folder(user).exists());
}

/// The folder of the only tunnel.
fn run_folder(user: &User) -> PathBuf {
    let folders = fs::read_dir(user.home().join(".local/state/service-manager/run"));
    let mut folders = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    folders.next().unwrap_or_else(|| user.home().join("none"))
}

/// A service behind a socket, which says that it is Docker and does what the tests ask.
const TEST_SERVICE: &str = "
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
/// A tar with one program for containers, and what it is linked with.
const IMAGE: &str = "tar --create --dereference --directory=/ bin/busybox \
    $(ldd /bin/busybox | grep --only-matching '/lib[^ ]*' | cut --characters=2-)";
