//! `service-manager machines`, and what is remembered of one.

use crate::env::KUBECTL;
use crate::support::{Guest, User};

#[test]
fn at_first_there_is_none() {
    User::new().types("service-manager machines").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_machine_that_was_used_is_remembered_and_forgotten() {
    let guest = Guest::kubeadm();
    let user = User::near(&guest);
    let config = guest.folder().join("ssh_config");
    user.types(format!("service-manager box ip --ssh-config {}", config.display()))
        .stdout("[ADDRESS]\n")
        .succeeds();
    user.types("service-manager machines").stdout("[NAME]  vagrant@[ADDRESS]:22\n").succeeds();
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    user.types("service-manager status --machine kubeadm").stdout("kubernetes - running\n").succeeds();

    user.types("service-manager machines forget kubeadm").succeeds();
    user.types("service-manager machines").succeeds();
    assert!(user.machine_folders().is_empty());
    user.types("service-manager status").stderr("error: no machine is given\nhint: [..]\n").fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn of_several_machines_one_must_be_named() {
    let (kubeadm, light) = (Guest::kubeadm(), Guest::light());
    let user = User::near(&light);
    for guest in [&kubeadm, &light] {
        let config = guest.folder().join("ssh_config");
        user.types(format!("service-manager --ssh-config {} box version", config.display()))
            .stdout("Debian GNU/Linux 12 (bookworm)\n")
            .succeeds();
    }
    user.types("service-manager machines")
        .stdout(&format!("kubeadm  vagrant@{}:22\nlight    vagrant@[ADDRESS]:22\n", kubeadm.address()))
        .succeeds();
    user.types("service-manager box ip")
        .stderr(
            "
            error: several machines may be meant: kubeadm, light
            hint: name one, as with `--machine kubeadm`
            ",
        )
        .fails(1);
    user.types("service-manager box ip --machine light").stdout("[ADDRESS]\n").succeeds();
}

#[test]
fn a_machine_that_was_never_used_is_not_known() {
    for command in ["machines forget box", "status --machine box"] {
        User::new()
            .types(format!("service-manager {command}"))
            .stderr(
                "
                error: no machine `box` is known here
                hint: [..]
                ",
            )
            .fails(1);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_misspelt_machine_gets_the_known_ones() {
    let guest = Guest::light();
    let user = User::of(&guest);
    user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    user.types("service-manager machines forget lihgt")
        .stderr(
            "
            error: no machine `lihgt` is known here
            hint: did you mean `light`?
            ",
        )
        .fails(1);
}
