//! A service that is stopped, or does not answer: what `status` and `env` say of it.

use crate::flavours::report;
use service_manager_test_support::{Failure, Guest, UNTIL_READY, User};

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
    // Beside another one that works it is left out, and what to type is said all the same.
    guest.lays_out_docker("tls");
    user.types("eval \"$(service-manager env)\" && echo ${DOCKER_HOST:+docker}")
        .stdout("docker\n")
        .stderr("note: left out: kubernetes is in a failed state in `[NAME]`\nhint: `service-manager start kubernetes`\n")
        .succeeds();
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

/// The API server goes on: it can be used, and what is wrong is said all the same.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_the_unit_that_failed_while_the_service_answers() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest).with("NO_COLOR", "1");
    fails_beside_the_api_server(&guest, "kubelet", "Restart=no");
    let problem = "
        warning: kubernetes in `[NAME]` answers, but kubelet.service is down
        caused by: kubelet.service failed: [..]swap is on
        hint: `service-manager start kubernetes`
        hint: `service-manager doctor kubernetes` says more
        ";
    user.types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr(problem)
        .succeeds();
    user.types("service-manager status kubernetes").in_a_terminal(120).shows(&format!(
        "
        [NAME]  vagrant@[ADDRESS]:22
        SERVICE     STATE       FLAVOUR  VERSION[..]ENDPOINT
        kubernetes  ! degraded  kubeadm  v1.[..]https://[ADDRESS]:6443
        {}
        ",
        problem.trim().replace("warning", "PROBLEM")
    ));
    user.types("service-manager status kubernetes -o json | jq -r '.services[0].problem | .message, .hint'")
        .stdout(
            "
            kubernetes in `[NAME]` answers, but kubelet.service is down
            `service-manager start kubernetes`
            ",
        )
        .stderr(problem)
        .succeeds();
    user.types("service-manager doctor kubernetes | grep --extended-regexp '^note: kube|failed$|swap|: .*manager start|works'")
        .stdout(
            "
            note: kubernetes in `[NAME]` answers, but kubelet.service is down
            caused by: kubelet.service failed
            caused by: kubelet: swap is on
            hint: `service-manager start kubernetes`
            kubernetes works: `eval \"$(service-manager env kubernetes)\"`
            ",
        )
        .succeeds();
}

/// One of many.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_the_units_that_are_down_of_a_flavour_with_many() {
    let guest = Guest::own("adb", "address");
    fails_beside_the_api_server(&guest, "kube-proxy", "Restart=no");
    guest.stops("kube-scheduler");
    User::of(&guest)
        .types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr(
            "
            warning: kubernetes in `[NAME]` answers, but kube-scheduler.service, kube-proxy.service are down
            caused by: kube-proxy.service failed: [..]swap is on
            hint: `service-manager start kubernetes`
            hint: `service-manager doctor kubernetes` says more
            ",
        )
        .succeeds();
}

/// From now on `unit` fails as soon as it is started, with these `lines` in it too. The API server answers.
pub(crate) fn fails_beside_the_api_server(guest: &Guest, unit: &str, lines: &str) {
    let folder = format!("/run/systemd/system/{unit}.service.d");
    guest.stops(unit);
    // Before it fails: what systemd starts again and again has the servers that are a part of it start anew each time.
    let servers = "for server in $(systemctl list-unit-files --no-legend 'static-pod-*' | cut -d' ' -f1); do systemctl start $server; done";
    guest.changes(
        &format!(
            "mkdir -p {folder}
            printf '[Service]\\n{lines}\\nExecStart=\\nExecStart=/bin/sh -c \"echo swap is on; exit 3\"\\n' >{folder}/test.conf
            systemctl daemon-reload; {servers}; {UNTIL_READY}
            systemctl start --no-block {unit}
            timeout 30 bash -c 'until [[ $(systemctl show --property=Result {unit}) == *exit-code ]]; do sleep 0.1; done'"
        ),
        &format!("rm -r {folder}; systemctl daemon-reload; systemctl stop {unit}; systemctl reset-failed {unit} || true"),
    );
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

/// It gets ready after all.
pub(crate) fn the_api_server_goes_on(guest: &Guest) {
    guest.run(&format!("rm -r {HANG}; systemctl daemon-reload; systemctl restart static-pod-kube-apiserver"));
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
const HANG: &str = "/run/systemd/system/static-pod-kube-apiserver.service.d";
