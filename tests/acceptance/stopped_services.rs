//! A service that is stopped, or does not answer: what `status` and `env` say of it.

use crate::flavours::report;
use service_manager_test_support::{Failure, Guest, User};

const MORE: &str = "hint: `service-manager doctor kubernetes` says more\n";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_stopped_service() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("kubelet");
    User::of(&guest).types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
    Failure::of(&guest)
        .error("kubernetes is stopped in `[NAME]`")
        .hint("`service-manager start kubernetes`")
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_starting_while_the_api_does_not_answer() {
    const SILENT: &str = "kubernetes does not answer at any address of `[NAME]`: \
        [..][ADDRESS]:6443: Connection refused (os error 111)[..]";
    const RESTART: &str = "it may be starting; else, in the machine: `sudo systemctl restart kubelet`";
    let guest = Guest::own("kubeadm", "address");
    guest.stops("static-pod-kube-apiserver");
    User::of(&guest)
        .types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr(&format!("warning: {SILENT}\nhint: {RESTART}\n{MORE}"))
        .succeeds();
    Failure::of(&guest).error(SILENT).hint(RESTART).more().ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_the_last_of_several_stopped_units() {
    let guest = Guest::own("plain", "address");
    guest.stops("etcd kube-apiserver");
    User::of(&guest).types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
    Failure::of(&guest)
        .error("kubernetes is stopped in `[NAME]`")
        .hint("`service-manager start kubernetes`")
        .ends();

    guest.run("systemctl start etcd");
    let silent = "kubernetes does not answer at any address of `[NAME]`: \
        [..][ADDRESS]:6443: Connection refused (os error 111)[..]";
    let restart = "it may be starting; else, in the machine: `sudo systemctl restart kube-apiserver`";
    User::of(&guest)
        .types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr(&format!("warning: {silent}\nhint: {restart}\n{MORE}"))
        .succeeds();
    Failure::of(&guest).error(silent).hint(restart).more().ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_failed_service() {
    let guest = Guest::own("kubeadm", "address");
    becomes(&guest, "ExecStart=\\nExecStart=/bin/false\\nRestart=no", "failed");
    let user = User::of(&guest);
    user.types("service-manager status kubernetes").stdout("kubernetes - failed\n").succeeds();
    Failure::of(&guest)
        .error("kubernetes is in a failed state in `[NAME]`")
        .cause("kubelet.service failed: [..]")
        .hint("`service-manager start kubernetes`")
        .more()
        .ends();
    report("kubernetes", "kubeadm", "failed");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_starting_service() {
    let guest = Guest::own("kubeadm", "address");
    // It never says that it is ready.
    becomes(&guest, "Type=notify", "activating");
    let silent = "kubernetes does not answer at any address of `[NAME]`: [..]";
    let restart = "it may be starting; else, in the machine: `sudo systemctl restart kubelet`";
    User::of(&guest)
        .types("service-manager status kubernetes")
        .stdout("kubernetes - starting\n")
        .stderr(&format!("warning: {silent}\nhint: {restart}\n{MORE}"))
        .succeeds();
    Failure::of(&guest).error(silent).hint(restart).more().ends();
    report("kubernetes", "kubeadm", "starting");
}

/// Starts the kubelet with these lines in its unit, and waits until systemd says that it is in `state`.
fn becomes(guest: &Guest, lines: &str, state: &str) {
    let folder = "/run/systemd/system/kubelet.service.d";
    guest.stops("kubelet");
    // The kubelet wants the API server; once that answers, the service is used whatever became of the kubelet.
    the_api_server_hangs(guest);
    guest.changes(
        &format!(
            "mkdir -p {folder}; printf '[Service]\\n{lines}\\n' >{folder}/test.conf; systemctl daemon-reload
            systemctl start --no-block kubelet
            timeout 30 bash -c 'until [[ $(systemctl is-active kubelet) == {state} ]]; do sleep 0.1; done'"
        ),
        &format!("rm -r {folder}; systemctl daemon-reload; systemctl stop kubelet; systemctl reset-failed kubelet || true"),
    );
}

/// From its next start on it never gets ready.
pub(crate) fn the_api_server_hangs(guest: &Guest) {
    let (unit, folder) = ("static-pod-kube-apiserver", HANG);
    guest.changes(
        &format!(
            "mkdir -p {folder}; printf '[Service]\\nTimeoutStartSec=infinity\\nExecStartPre=sleep infinity\\n' >{folder}/test.conf
            systemctl daemon-reload"
        ),
        &format!("rm -rf {folder}; systemctl daemon-reload; systemctl stop {unit}"),
    );
}

/// Where it is said that it hangs.
pub(crate) const HANG: &str = "/run/systemd/system/static-pod-kube-apiserver.service.d";
