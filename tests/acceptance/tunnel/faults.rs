//! What is forbidden, dies, is killed or removed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use service_manager_test_support::{Guest, User, until};

use super::load::processor_time;
use super::{behind_a_nat, end, kill, processes, run_folder, sets_sshd, ssh_port_of, user_called, user_of};

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
        .stderr(
            "error: docker in `[NAME]` only listens on its socket\nhint: `service-manager env docker --tunnel auto` leads \
             to it through SSH; `service-manager start docker --tls` makes dockerd talk TLS on port 2376, and restarts it for that\n",
        )
        .fails(126);
    sets_sshd(&guest, "AllowStreamLocalForwarding no");
    fails(
        &user,
        "docker in `[NAME]` cannot be reached through SSH: sshd in the machine does not connect to `/run/docker.sock` ([..]): \
         it is not there, the user may not open it, or `AllowStreamLocalForwarding` or `DisableForwarding` in sshd_config forbids it",
        "in the machine, `sudo sshd -T | grep -i -e streamlocal -e disableforwarding` shows whether sshd forbids it; \
         `service-manager start docker --tls` makes dockerd talk TLS on port 2376 instead, and restarts it for that",
    );
    sets_sshd(&guest, "AllowTcpForwarding no");
    user.types("service-manager env kubernetes")
        .stdout("(exit 126)\n")
        .stderr(
            "error: kubernetes does not answer at any address of `[NAME]`: [..], 127.0.0.1:[..] through SSH: sshd in the \
             machine may not connect to port [..] ([..]): `AllowTcpForwarding`, `PermitOpen` or `DisableForwarding` in \
             sshd_config forbids it\nhint: in the machine, `sudo sshd -T | grep -i -e allowtcp -e permitopen -e \
             disableforwarding` shows what sshd forbids\nhint: `service-manager doctor kubernetes` says more\n",
        )
        .fails(126);
    for setting in ["DisableForwarding yes", "PermitOpen 127.0.0.1:1"] {
        sets_sshd(&guest, setting);
        user.types("service-manager --quiet env kubernetes >/dev/null")
            .stderr("error: [..]`AllowTcpForwarding`, `PermitOpen` or `DisableForwarding` in sshd_config forbids it\n")
            .fails(126);
        guest.changes_last_back();
    }
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

/// Each has a socket and a port of their own, and cannot open what is the other's. They are two users of the system where the tests
/// may make them so, which only root may.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn two_users_of_a_host_do_not_meet() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let users = [(user_of(&guest, &port), 65_534), (user_of(&guest, &port), 65_533)];
    let is_root = rustix::process::getuid().is_root();
    for (user, id) in users.iter().filter(|_| is_root) {
        is_only_for(user, *id, &guest);
    }
    let type_as = |(user, id): &(User, u32), line: &str| {
        let as_user = if is_root {
            format!("setpriv --reuid={id} --regid={id} --clear-groups ")
        } else {
            String::new()
        };
        let line = format!("export PATH=$HOME/bin:$PATH; {line}").replace('\'', r"'\''");
        user.types(format!("{as_user}sh -c '{line}'")).patiently().run_freely()
    };
    for user in &users {
        assert_eq!(type_as(user, "service-manager env --quiet >env && echo good"), "good\n");
    }
    for user in &users {
        let line = ". ./env; docker info --format '{{.Name}}'; kubectl get namespace default --output name";
        assert_eq!(type_as(user, line), format!("{}\nnamespace/default\n", guest.name()));
    }
    let server = |user: &User| user.kubeconfig()["clusters"][0]["cluster"]["server"].clone();
    assert_ne!(server(&users[0].0), server(&users[1].0));

    let [one, other] = &users;
    for (user, stranger) in [(one, other), (other, one)] {
        let folder = run_folder(&user.0);
        for name in ["docker.sock", "control.sock"] {
            let path = folder.join(name);
            let modes = [&folder, &path].map(|path| fs::metadata(path).unwrap().permissions().mode() & 0o777);
            assert_eq!(modes, [0o700, 0o600], "{name}");
            let connects = format!(
                "curl --silent --max-time 5 --output /dev/null --unix-socket {} http://docker/_ping; echo $?",
                path.display()
            );
            assert_ne!(type_as(user, &connects), "7\n", "{name}");
            if is_root {
                assert_eq!(type_as(stranger, &connects), "7\n", "{name}: it could not connect");
            }
        }
    }
    for user in &users {
        assert_eq!(type_as(user, "service-manager tunnel stop --all && echo good"), "good\n");
        assert!(!run_folder(&user.0).exists());
    }
}

/// Gives the home of `user`, and what is needed there, to the user of the system with that `id`. Others can look into the folders
/// above, so that only what the program makes keeps them out.
fn is_only_for(user: &User, id: u32, guest: &Guest) {
    let (home, key) = (user.home(), guest.folder().join("keys/ed25519"));
    let config = fs::read_to_string(home.join("ssh_config")).unwrap();
    let own_key = home.join("key");
    user.writes("ssh_config", &config.replace(key.to_str().unwrap(), own_key.to_str().unwrap()));
    fs::copy(&key, &own_key).unwrap();
    // Where the program was built, others may not look.
    user.types("mkdir bin && program=$(command -v service-manager) && { ln $program bin || cp $program bin; } 2>/dev/null")
        .succeeds();
    for folder in [home.parent().unwrap(), home] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for path in [home, &own_key, &home.join("ssh_config")] {
        chown(path, Some(id), Some(id)).unwrap();
    }
}

/// Connections that the process has no room for wait; they keep neither it nor others busy.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_tunnel_without_room_for_connections_waits() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types("service-manager env docker --quiet >env; . ./env; docker info >/dev/null").succeeds();
    let process = processes(&user)[0];
    user.types(format!("prlimit --pid {process} --nofile=40:40")).succeeds();
    let folder = run_folder(&user);
    let open =
        |name: &str| (0..50).map(|_| UnixStream::connect(folder.join(name)).unwrap()).collect::<Vec<_>>();
    let (begin, idle) = (processor_time(process), (open("docker.sock"), open("control.sock")));
    thread::sleep(Duration::from_secs(2));
    let ticks = processor_time(process) - begin;
    assert!(ticks < 50, "{ticks} ticks");
    drop(idle);
    user.types(". ./env; timeout 20 docker info --format '{{.Name}}'").stdout("[NAME]\n").succeeds();
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

    // A reboot: nobody is there for a while, and then all is as it was.
    guest.changes(
        "systemctl stop ssh; pkill -KILL --uid vagrant --exact sshd || true",
        "systemctl reset-failed ssh 2>/dev/null || true; systemctl start ssh",
    );
    user.types(". ./env; timeout 20 docker info >/dev/null 2>&1 || echo down").stdout("down\n").succeeds();
    guest.changes_last_back();
    until("it is up again", || {
        user.types(". ./env; docker info >/dev/null 2>&1 && echo up || echo down").run_freely() == "up\n"
    });
    docker();

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
