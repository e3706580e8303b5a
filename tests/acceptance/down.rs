//! A service that is stopped, or does not answer: what `status` and `env` say of it.

use crate::support::{Failure, Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_service_that_was_stopped() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("kubelet");
    User::of(&guest).types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
    Failure::of(&guest)
        .error("kubernetes is stopped in `[NAME]`")
        .hint("in the machine: `sudo systemctl start kubelet`")
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_service_whose_units_run_and_that_does_not_answer() {
    const SILENT: &str = "kubernetes does not answer at any address of `[NAME]`: \
        [..][ADDRESS]:6443: Connection refused (os error 111)[..]";
    const RESTART: &str = "it may be starting; else, in the machine: `sudo systemctl restart kubelet`";
    let guest = Guest::own("kubeadm", "address");
    guest.stops("static-pod-kube-apiserver");
    User::of(&guest)
        .types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr(&format!("warning: {SILENT}\nhint: {RESTART}\n"))
        .succeeds();
    Failure::of(&guest).error(SILENT).hint(RESTART).ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn of_several_units_those_that_are_down_are_named() {
    let guest = Guest::own("plain", "address");
    guest.stops("etcd kube-apiserver");
    User::of(&guest).types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
    Failure::of(&guest)
        .error("kubernetes is stopped in `[NAME]`")
        .hint("in the machine: `sudo systemctl start etcd kube-apiserver`")
        .ends();

    guest.run("systemctl start etcd");
    let silent = "kubernetes does not answer at any address of `[NAME]`: \
        [..][ADDRESS]:6443: Connection refused (os error 111)[..]";
    let restart = "it may be starting; else, in the machine: `sudo systemctl restart kube-apiserver`";
    User::of(&guest)
        .types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr(&format!("warning: {silent}\nhint: {restart}\n"))
        .succeeds();
    Failure::of(&guest).error(silent).hint(restart).ends();
}
