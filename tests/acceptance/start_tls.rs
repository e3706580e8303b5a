//! `start docker --tls`: a daemon that only has its socket talks TLS afterwards.

use crate::docker::DOCKER;
use crate::start::{DOCKER_STARTED, docker};
use crate::start_proxy::{KILLED_AT_STEP, wraps};
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_on_the_host_works_afterwards() {
    let guest = socket();
    let user = User::of(&guest);
    user.types("service-manager start docker --tls")
        .stdout(DOCKER_STARTED)
        .stderr("note: Docker runs already\nnote: restarted for the changes: docker.service\n")
        .succeeds();
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    assert_eq!(
        guest.run("docker info --format '{{.Name}}'"),
        format!("{}\n", guest.name()),
        "its socket is there still"
    );
    let modes = "stat --format '%a %U %n' /etc/docker/*.pem /home/vagrant/.docker /home/vagrant/.docker/*";
    assert_eq!(
        guest.run(modes),
        "600 root /etc/docker/ca.pem\n600 root /etc/docker/server-cert.pem\n600 root /etc/docker/server-key.pem\n\
         700 vagrant /home/vagrant/.docker\n600 vagrant /home/vagrant/.docker/ca.pem\n\
         600 vagrant /home/vagrant/.docker/cert.pem\n600 vagrant /home/vagrant/.docker/key.pem\n"
    );
    // Whoever has no key of that authority is turned away.
    guest.run("! curl --silent --insecure https://127.0.0.1:2376/_ping");

    let main_process = || guest.run("systemctl show --property=MainPID docker; sha256sum /etc/docker/*.pem");
    let before = main_process();
    user.types("service-manager start docker --tls")
        .stdout(DOCKER_STARTED)
        .stderr("note: Docker runs already\n")
        .succeeds();
    assert_eq!(main_process(), before);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn renews_its_own_invalid_certificates() {
    let guest = socket();
    let user = User::of(&guest);
    user.types("service-manager -q start docker --tls").stdout(DOCKER_STARTED).succeeds();
    guest.run(
        "cd /run; issue ca a.pem a-key.pem x; issue client c.pem k.pem /CN=x a.pem a-key.pem 20200101000000Z 20210101000000Z
        cat c.pem >/home/vagrant/.docker/cert.pem; cat k.pem >/home/vagrant/.docker/key.pem; rm a.pem a-key.pem c.pem k.pem",
    );
    user.types("service-manager start docker")
        .stderr(
            "
            error: the client certificate in `~/.docker` of `[NAME]` expired on 2021-01-01
            hint: `service-manager start docker --tls` makes new certificates, if it made these; else, in the machine: [..]
            hint: `service-manager doctor docker` says more
            ",
        )
        .fails(126);
    user.types("service-manager start docker --tls")
        .stdout(DOCKER_STARTED)
        .stderr("note: restarted for the changes: docker.service\n")
        .succeeds();
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starts_a_stopped_docker_with_tls() {
    let guest = socket();
    guest.run("systemctl disable --now docker.socket docker");
    let user = User::of(&guest);
    user.types("service-manager start docker --tls").stdout(DOCKER_STARTED).succeeds();
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn two_runs_leave_matching_keys() {
    let guest = socket();
    two_at_once_leave_a_docker(&guest, "service-manager -q start docker --tls");
}

/// Two users type `line` at once: both succeed, and the `docker` of both works.
pub(crate) fn two_at_once_leave_a_docker(guest: &Guest, line: &str) {
    let users = [User::of(guest), User::of(guest)];
    let children: Vec<_> = users.iter().map(|user| user.types(line).starts()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    for user in users {
        user.types(DOCKER).stdout("[NAME]\n").succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_next_run_finishes_a_killed_one() {
    let guest = socket();
    wraps(&guest, &["mv"], KILLED_AT_STEP);
    let user = User::of(&guest);
    let mut killed = 0;
    loop {
        guest.run(&format!("echo {} >/run/steps", killed + 1));
        let child = user.types("service-manager -q start docker --tls 2>&1").starts();
        if child.wait_with_output().unwrap().status.success() {
            break;
        }
        killed += 1;
        // Docker comes up all the same.
        guest.run("systemctl daemon-reload; systemctl restart docker; docker info");
        user.types("service-manager -q start docker --tls").stdout(DOCKER_STARTED).succeeds();
        user.types(DOCKER).stdout("[NAME]\n").succeeds();
        guest.run("rm -rf /etc/systemd/system/docker.service.d /etc/docker /home/vagrant/.docker; systemctl daemon-reload; systemctl restart docker");
    }
    // Three keys of the daemon, three of its client, its drop-in twice.
    assert_eq!(killed, 8);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn keeps_certificates_of_others() {
    let guest = socket();
    for path in ["/etc/docker/ca.pem", "/home/vagrant/.docker/key.pem"] {
        guest.run(&format!("mkdir -p $(dirname {path}); echo mine >{path}"));
        User::of(&guest)
            .types("service-manager -q start docker --tls")
            .stderr(&format!("error: could not start docker in `[NAME]`: dockerd cannot be made to talk TLS\ncaused by: there is {path} already\n"))
            .fails(126);
        assert_eq!(
            guest.run(&format!("cat {path}; rm {path}; ls /etc/docker/*.pem 2>/dev/null || true")),
            "mine\n"
        );
    }
}

/// The way docker-machine leaves a machine, whose client's keys are on the host alone; and keys of a stranger.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_keys_of_others_with_the_words_of_env() {
    let guest = docker("tls");
    for (change, note, error, hint) in [
        (
            "mv .docker /run/keys",
            "note: Docker runs already\n",
            "docker in `[NAME]` talks TLS on port 2376, but its client certificate is not in ~/.docker of the machine",
            "put the client's ca.pem, cert.pem and key.pem there; docker-machine keeps them in ~/.docker/machine/machines/NAME on the host, minikube in ~/.minikube/certs",
        ),
        (
            "cp -a .docker /run/keys; issue ca .docker/ca.pem own-key.pem stranger; chown -R vagrant: .docker",
            "",
            "docker does not answer at any address of `[NAME]`: [..]another server answers, whose certificate is from another authority",
            "`service-manager start docker --tls` makes new certificates, if it made these; else, in the machine: [..]",
        ),
    ] {
        guest.changes(
            &format!("cd /home/vagrant; {change}"),
            "rm -rf /home/vagrant/.docker; mv /run/keys /home/vagrant/.docker",
        );
        let user = User::of(&guest);
        let is_silent = error.contains("does not answer");
        let more = if is_silent { "hint: `service-manager doctor docker` says more\n" } else { "" };
        user.types("service-manager --tunnel never env docker")
            .stdout("(exit 126)\n")
            .stderr(&format!("error: {error}\nhint: {hint}\n{more}"))
            .fails(126);
        let before = guest.run("systemctl show --property=MainPID docker; sha256sum /etc/docker/*");
        user.types("service-manager --tunnel never start docker --tls --timeout 8")
            .stderr(&format!(
                "{note}error: could not start docker in `[NAME]`: dockerd cannot be made to talk TLS\n\
                 caused by: it is told about TLS or a port already\ncaused by: {error}\nhint: {hint}\n"
            ))
            .fails(126);
        assert_eq!(guest.run("systemctl show --property=MainPID docker; sha256sum /etc/docker/*"), before);
        guest.changes_back();
        guest.lays_out_docker("tls");
    }
}

/// It was never asked for.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn changes_nothing_without_the_option() {
    let guest = socket();
    let user = User::of(&guest);
    user.types("service-manager -q restart docker")
        .stdout("Docker service restarted successfully...\n")
        .succeeds();
    user.types("service-manager -q start docker").stdout(DOCKER_STARTED).succeeds();
    assert_eq!(guest.run("find /etc/docker/*.pem /home/vagrant/.docker /etc/systemd/system/docker.service.d -type f 2>/dev/null || true"), "");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn restores_a_daemon_that_does_not_start_with_tls() {
    let guest = socket();
    // Said twice, it is refused.
    guest.run_with("mkdir -p /etc/docker; cat >/etc/docker/daemon.json", "{\"hosts\": [\"fd://\"]}");
    guest.run("sed 's/-H fd:..//' /lib/systemd/system/docker.service >/run/systemd/system/docker.service; systemctl daemon-reload; systemctl restart docker");
    User::of(&guest)
        .types("service-manager start docker --tls 2>&1 | grep --extended-regexp '^(error|hint)|hosts'; exit ${PIPESTATUS[0]}")
        .stdout(
            "
            error: could not start docker in `[NAME]`: dockerd cannot be made to talk TLS
            caused by: unable to configure the Docker daemon with file /etc/docker/daemon.json: [..]hosts[..]
            hint: set it up by hand: https://docs.docker.com/engine/security/protect-access/
            ",
        )
        .fails(126);
    assert_eq!(guest.run("docker info --format '{{.Name}}'"), format!("{}\n", guest.name()));
    assert_eq!(
        guest.run("ls /etc/docker/*.pem /etc/systemd/system/docker.service.d/* 2>/dev/null || true"),
        ""
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_other_engines() {
    let guest = Guest::own("kubeadm", "address");
    for (kind, flavour) in [("rootless", "rootless"), ("podman", "podman")] {
        guest.lays_out_docker(kind);
        User::of(&guest)
            .types("service-manager start docker --tls")
            .stderr(&format!("error: `--tls` is not for docker as {flavour} has it\nhint: [..]\n"))
            .fails(126);
    }
    guest.lays_out_docker("plain");
    User::of(&guest)
        .types("service-manager start docker --tls")
        .stderr(
            "
            note: Docker runs already
            error: could not start docker in `[NAME]`: dockerd cannot be made to talk TLS
            caused by: it is told about TLS or a port already
            hint: set it up by hand: https://docs.docker.com/engine/security/protect-access/
            ",
        )
        .fails(126);
}

fn socket() -> Guest {
    let guest = docker("socket");
    guest.changes(
        "true",
        "rm -rf /etc/systemd/system/docker.service.d /etc/docker /home/vagrant/.docker /run/systemd/system/docker.service; systemctl daemon-reload",
    );
    guest
}
