//! Logging in, and what is found in the machine.

use std::fs;

use service_manager_test_support::Guest;

use crate::wine::WindowsUser;

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn logs_in_with_every_kind_of_key() {
    let guest = Guest::light();
    let user = WindowsUser::new();
    user.knows(&guest);
    for key in ["ed25519", "ecdsa", "ecdsa.pem", "rsa", "rsa.pem"] {
        user.types(&format!("service-manager --host vagrant@{} -i keys\\{key} box ip", guest.address()))
            .succeeds()
            .says(&guest.address());
    }
    user.types(&format!("service-manager --host vagrant@{} -i keys\\stranger box ip", guest.address()))
        .fails(3)
        .complains("no key of `vagrant` is accepted");
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn a_key_with_line_ends_of_windows_logs_in() {
    let guest = Guest::light();
    let user = WindowsUser::new();
    let key = fs::read_to_string(guest.folder().join("keys/ed25519")).unwrap();
    user.writes("key", key.replace('\n', "\r\n"));
    user.types(&format!("service-manager --host vagrant@{} -i key box ip", guest.address())).succeeds();
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn shows_what_runs_in_the_machine() {
    let guest = Guest::kubeadm();
    let user = WindowsUser::new();
    let config = user.knows(&guest);
    let user = user.with("SERVICE_MANAGER_SSH_CONFIG", &config);
    user.types("service-manager status").succeeds().says("kubernetes - running");
}
