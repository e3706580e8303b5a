//! `stop`: until nothing answers any more, and nothing starts it again.

use crate::env::KUBECTL;
use crate::start::{ACTIVE, ENABLED, STARTED, docker};
use service_manager_test_support::{Guest, UNTIL_READY, User};

const STOPPED: &str = "Kubernetes service stopped successfully...\n";
const DOCKER_STOPPED: &str = "Docker service stopped successfully...\n";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_stopped_service_does_not_answer() {
    let guest = Guest::own("plain", "address");
    let undo = format!("systemctl enable --now etcd kube-apiserver; {UNTIL_READY}");
    guest.changes("true", &undo);
    let user = User::of(&guest);
    user.types("service-manager stop kubernetes").stdout(STOPPED).succeeds();
    assert_eq!(guest.run("systemctl is-enabled etcd kube-apiserver || true"), "disabled\ndisabled\n");
    user.types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
    user.types("service-manager stop kubernetes")
        .stdout(STOPPED)
        .stderr("note: Kubernetes does not run\n")
        .succeeds();
    user.types("service-manager start kubernetes").stdout(STARTED).succeeds();
    assert_eq!(guest.run("systemctl is-enabled etcd kube-apiserver"), "enabled\nenabled\n");
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn fails_when_a_unit_cannot_be_disabled() {
    let guest = docker("tls");
    guest.changes(
        "mount --bind /etc/systemd/system /etc/systemd/system && mount -o remount,ro,bind /etc/systemd/system",
        "umount /etc/systemd/system",
    );
    User::of(&guest)
        .types("service-manager -q stop docker 2>&1 | head --lines=1; exit ${PIPESTATUS[0]}")
        .stdout("error: could not stop docker in `[NAME]`: docker.service failed\n")
        .fails(126);
    assert_eq!(guest.run(ENABLED), "enabled\nenabled\n");
}

/// Else the next `docker ps` in the machine would start it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn stops_dockers_socket_too() {
    let guest = docker("tls");
    let user = User::of(&guest);
    user.types("service-manager stop docker").stdout(DOCKER_STOPPED).succeeds();
    assert_eq!(guest.run("docker ps 2>/dev/null || echo none"), "none\n");
    assert_eq!(guest.run(ACTIVE), "inactive\ninactive\n");
    assert_eq!(guest.run(ENABLED), "disabled\ndisabled\n");
    // Stopped by hand it is not stopped for good.
    guest.run("systemctl enable --now docker.socket");
    user.types("service-manager stop docker")
        .stdout(DOCKER_STOPPED)
        .stderr("note: Docker does not run\n")
        .succeeds();
    assert_eq!(guest.run(ACTIVE), "inactive\ninactive\n");
}

/// A kubelet that is stopped leaves its pods alone.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn stops_pods_with_the_service() {
    let guest = with_pods_that_go_on();
    guest.changes("install -m 755 /dev/null /usr/local/bin/crictl", "rm /usr/local/bin/crictl");
    guest.run_with("cat >/usr/local/bin/crictl", CRICTL);
    let user = User::of(&guest);
    user.types("service-manager stop kubernetes").stdout(STOPPED).succeeds();
    // How the API server ends depends on whether its etcd is still there.
    let active = guest.run("systemctl is-active kubelet static-pod-kube-apiserver || true");
    assert!(active.lines().all(|state| ["inactive", "failed"].contains(&state)), "{active}");
    user.types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
    user.types("service-manager start kubernetes").stdout(STARTED).succeeds();
    let main_process = || guest.run("systemctl show --property=MainPID static-pod-kube-apiserver");
    let before = main_process();
    user.types("service-manager restart kubernetes")
        .stdout("Kubernetes service restarted successfully...\n")
        .succeeds();
    assert_ne!(main_process(), before);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn uses_pods_that_outlive_the_service() {
    let guest = with_pods_that_go_on();
    let user = User::of(&guest);
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    guest.run("systemctl stop kubelet");
    user.types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr(
            "warning: kubernetes in `[NAME]` answers, but kubelet.service is down\nhint: [..]\nhint: [..]\n",
        )
        .succeeds();
    // Known already, or asked for.
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    User::of(&guest).types(KUBECTL).stdout("namespace/default\n").succeeds();
    // Nothing there can stop them.
    user.types("service-manager stop kubernetes --timeout 3")
        .stderr(
            "
            error: kubernetes in `[NAME]` is not gone after 3 s
            hint: `--timeout SECONDS` waits longer
            hint: `service-manager doctor kubernetes` says more
            ",
        )
        .fails(126);
    user.types("service-manager start kubernetes").stdout(STARTED).succeeds();
    user.types("service-manager status kubernetes").stdout("kubernetes - running\n").succeeds();
}

/// kubeadm's guest, whose stand-in for the kubelet does not take the static pods with it.
fn with_pods_that_go_on() -> Guest {
    let guest = Guest::own("kubeadm", "address");
    let units =
        "/etc/systemd/system/static-pod-kube-apiserver.service /etc/systemd/system/static-pod-etcd.service";
    guest.changes(
        &format!("sed --in-place 's/^PartOf=/#&/' {units}; systemctl daemon-reload"),
        &format!(
            "sed --in-place 's/^#PartOf=/PartOf=/' {units}; systemctl daemon-reload; systemctl enable --now kubelet
            systemctl start static-pod-kube-apiserver; {UNTIL_READY}"
        ),
    );
    guest
}

/// In place of the program that talks to a container runtime: its pods are units.
const CRICTL: &str = r#"#!/bin/sh
case $* in
    "pods --quiet --state ready") systemctl list-units --plain --no-legend 'static-pod-*' | cut -d' ' -f1 ;;
    "stopp "*) shift; systemctl stop "$@" ;;
    *) exit 1 ;;
esac
"#;
