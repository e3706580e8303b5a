//! Tunnels whose process, sockets, ports or agent are not what they were.

use std::fs;
use std::net::TcpListener;

use service_manager_test_support::{User, until};

use super::forward::{bytes, echo, echoes, free_ports};
use super::{behind_a_nat, end, kill, processes, run_folder, ssh_port_of, user_called, user_of};

const SILENT: &str = "note: the tunnel of `[NAME]` does not answer; it ends as soon as its process goes on\n";
const DOCKER: &str =
    "service-manager env docker --quiet >env; . ./env; timeout 20 docker info --format '{{.Name}}'";

/// It outlives the login in which `env` was typed, and with it the agent that was forwarded then.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_agent_of_the_last_command_has_the_keys() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    let config = fs::read_to_string(user.home().join("ssh_config")).unwrap();
    let without_key: String =
        config.lines().filter(|line| !line.contains("Identit")).map(|line| format!("{line}\n")).collect();
    user.writes("ssh_config", &without_key);
    let key = guest.folder().join("keys/ed25519");
    for agent in ["first", "second"] {
        user.types(format!(
            "eval \"$(ssh-agent -a ~/{agent})\" >/dev/null; ssh-add -q {}; {DOCKER}; ssh-agent -k >/dev/null",
            key.display()
        ))
        .stdout("[NAME]\n")
        .succeeds();
        guest.run("pkill -KILL --uid vagrant --exact sshd");
    }
    end(&user);
}

/// What one user may open is not for another one, only because a session of the first is there.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn another_user_has_another_session() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    let config = fs::read_to_string(user.home().join("ssh_config")).unwrap();
    let denied = "sudo: a password is required";
    for (name, said) in [("vagrant", guest.name()), ("nosudo", denied), ("vagrant", guest.name())] {
        user.writes("ssh_config", &config.replace("User vagrant", &format!("User {name}")));
        user.types(format!("{{ {DOCKER}; }} 2>&1 | grep --only-matching '^{said}$\\|{denied}'"))
            .stdout(&format!("{said}\n"))
            .succeeds();
    }
    end(&user);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_process_that_was_killed_leaves_nothing() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    kill(&user);
    assert!(run_folder(&user).exists());
    user.types("service-manager tunnel stop").stderr("note: there was no tunnel\n").succeeds();
    assert!(!run_folder(&user).exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sockets_that_were_removed_are_made_again() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    fs::remove_file(run_folder(&user).join("docker.sock")).unwrap();
    user.types(DOCKER.replace("env docker", "env docker --refresh")).stdout("[NAME]\n").succeeds();
    assert_eq!(processes(&user).len(), 1);
    // Nobody can ask it any more; it ends as soon as it notices.
    fs::remove_file(run_folder(&user).join("control.sock")).unwrap();
    user.types("service-manager tunnel stop --quiet").succeeds();
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    end(&user);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_process_that_does_not_answer_is_told_and_replaced() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    let process = processes(&user)[0];
    user.types(format!("kill -STOP {process}")).succeeds();
    user.types("service-manager tunnel | cut --fields=1,6,8")
        .stdout("[NAME]\tunknown\tgave up after 5 s, waiting for the tunnel to answer\n")
        .succeeds();
    user.types("service-manager tunnel stop").stderr(SILENT).succeeds();
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    user.types(format!("kill -CONT {process}")).succeeds();
    until("it has ended", || !processes(&user).contains(&process));
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    end(&user);
}

/// A port that another program of the host has by now is waited for.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn an_application_whose_port_is_taken_comes_back_later() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    echoes(&guest, 8093);
    let [local] = free_ports();
    user.types(format!("service-manager forward {local}:8093 --quiet >/dev/null")).succeeds();
    assert_eq!(echo(local, &bytes(5000)).unwrap(), bytes(5000));
    kill(&user);
    let taken = TcpListener::bind(("127.0.0.1", local)).unwrap();
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    user.types("service-manager tunnel | grep application | cut --fields=2,3,8")
        .stdout(&format!("application\t127.0.0.1:{local}\tanother program listens at 127.0.0.1:{local}\n"))
        .succeeds();
    drop(taken);
    until("it is there again", || echo(local, &bytes(5000)) == Some(bytes(5000)));
    user.types("service-manager tunnel | grep application | cut --fields=2,3,8")
        .stdout(&format!("application\t127.0.0.1:{local}\t-\n"))
        .succeeds();
    end(&user);
}

/// `docker events` and `docker logs --follow` stay for as long as they are wanted.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn one_connection_too_many_hears_so() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_called("noisy", &guest, &port);
    user.types("service-manager env docker --quiet >env").succeeds();
    user.types(
        ". ./env; for i in 1 2 3 4 5 6 7 8 9 10; do docker events >/dev/null 2>&1 & done; \
         until [ $(service-manager tunnel | cut --fields=7 | cut -d ' ' -f 1) -ge 10 ]; do :; done; \
         timeout 40 docker info >/dev/null 2>&1; echo $?; \
         service-manager tunnel log | grep --max-count 1 --only-matching 'docker: ten connections that need sudo are open'; \
         kill $(jobs -p); wait",
    )
    .patiently()
    .stdout("1\ndocker: ten connections that need sudo are open\n")
    .succeeds();
    let info = ". ./env; timeout 20 docker info --format '{{.Name}}' 2>/dev/null || echo none";
    until("there is room again", || user.types(info).run_freely() == format!("{}\n", guest.name()));
    end(&user);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn there_are_only_so_many_forwards() {
    let guest = behind_a_nat("none");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    user.types("service-manager forward $(seq 12000 12300)")
        .stderr(
            "error: the tunnel at `[..]/control.sock` says: it has 256 forwards, and can have no more\nhint: [..]\n",
        )
        .fails(1);
    // All of them or none.
    user.types("service-manager tunnel | grep --count application").stdout("0\n").fails(1);
    user.types("service-manager forward $(seq 12000 12200) --quiet >/dev/null").patiently().succeeds();
    kill(&user);
    user.types("service-manager env kubernetes --quiet >/dev/null").succeeds();
    user.types("service-manager tunnel | grep --count application").stdout("201\n").succeeds();
    end(&user);
    gone(&user);
}

/// Nothing leads to an application any more.
fn gone(user: &User) {
    user.types("service-manager env kubernetes --quiet >/dev/null; service-manager tunnel | grep --count application")
        .stdout("0\n")
        .fails(1);
    end(user);
}
