//! `service-manager status`

use crate::eval::on_a_terminal;
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_running_service() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager status kubernetes").stdout("kubernetes - running\n").succeeds();
    user.types("service-manager status").stdout(ALL).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_terminal_shows_a_table() {
    User::of(&Guest::kubeadm())
        .with("NO_COLOR", "1")
        .types(on_a_terminal("service-manager status"))
        .stdout(
            "
            [NAME]  vagrant@[ADDRESS]:22
            SERVICE     STATE            FLAVOUR  VERSION[..]ENDPOINT
            docker      * running        tls      20.[..]  https://[ADDRESS]:2376
            openshift   . not installed  -        -[..]-
            kubernetes  * running        kubeadm  v1.[..]  https://[ADDRESS]:6443
            ",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn writes_no_kubeconfig() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager status").stdout(ALL).succeeds();
    assert!(!user.machine_folder().join("kubernetes/kubeconfig").exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_service_that_is_not_installed() {
    User::of(&Guest::light())
        .types("service-manager status")
        .stdout("docker - stopped\nopenshift - not installed\nkubernetes - not installed\n")
        .succeeds();
}

#[test]
fn suggests_the_nearest_service() {
    User::new()
        .types("service-manager status kubernets")
        .stderr(
            "
            error: there is no service `kubernets`
            hint: did you mean `kubernetes`?
            ",
        )
        .fails(126);
}

#[test]
fn lists_the_services_for_an_unknown_name() {
    User::new()
        .types("service-manager status postgres")
        .stderr(
            "
            error: there is no service `postgres`
            hint: known services: docker, openshift, kubernetes, registry
            ",
        )
        .fails(126);
}

/// What runs in a full guest.
const ALL: &str = "docker - running\nopenshift - not installed\nkubernetes - running\n";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn shows_a_repeated_service_once() {
    User::of(&Guest::kubeadm())
        .types("service-manager status kubernetes kubernetes")
        .stdout("kubernetes - running\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn script_readable_prints_lines_on_a_terminal() {
    User::of(&Guest::kubeadm())
        .types(on_a_terminal("service-manager status --script-readable --color always"))
        .stdout(ALL)
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn lines_have_no_colours() {
    User::of(&Guest::kubeadm()).types("service-manager status --color always").stdout(ALL).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_table_fits_the_terminal() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with("NO_COLOR", "1").with("LANG", "C.UTF-8");
    let typed = user.types("service-manager status");
    for columns in [120, 80] {
        typed.in_a_terminal(columns).shows(
            "
            [NAME]  vagrant@[ADDRESS]:22
            SERVICE     STATE            FLAVOUR  VERSION[..]ENDPOINT
            docker      ● running        tls      20.[..]  https://[ADDRESS]:2376
            openshift   · not installed  -        -[..]-
            kubernetes  ● running        kubeadm  v1.[..]  https://[ADDRESS]:6443
            ",
        );
    }
    typed.in_a_terminal(40).shows(
        "
        [NAME]  vagrant@[ADDRESS]:22
        SERVICE     STATE            VERSION
        docker      ● running        20.[..]
        openshift   · not installed  -
        kubernetes  ● running        v1.[..]
        ",
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_each_problem_under_the_table() {
    let guest = Guest::own("kubeadm", "expired");
    guest.lays_out_docker("socket");
    let user = User::of(&guest).with("NO_COLOR", "1");
    let typed = user.types("service-manager --tunnel never status docker kubernetes");
    typed.in_a_terminal(200).shows(
        "
        [NAME]  vagrant@[ADDRESS]:22
        SERVICE     STATE      FLAVOUR  VERSION  ENDPOINT
        docker      * running  socket   -        -
        kubernetes  * running  kubeadm  -        -
        PROBLEM: docker in `[NAME]` only listens on its socket
        hint: [..]
        PROBLEM: the certificate of kubernetes at [ADDRESS]:6443 is not valid
        caused by: it expired on 2021-01-01
        hint: in the machine: `sudo kubeadm certs renew all`[..]
        hint: `service-manager doctor kubernetes` says more
        ",
    );
}
