//! `service-manager machines`, and what is remembered of one.

use std::fs;

use crate::env::KUBECTL;
use crate::support::{Guest, User};

#[test]
fn at_first_there_is_none() {
    User::new().types("service-manager machines").stderr(NONE).succeeds();
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
    user.types("service-manager machines").stdout("[NAME]  vagrant@[ADDRESS]:22  used [..] ago\n").succeeds();
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    user.types("service-manager status kubernetes --machine kubeadm")
        .stdout("kubernetes - running\n")
        .succeeds();

    user.types("service-manager machines forget kubeadm").succeeds();
    user.types("service-manager machines").stderr(NONE).succeeds();
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
        .stdout(&format!(
            "kubeadm  vagrant@{}:22  used [..] ago\nlight    vagrant@[ADDRESS]:22  used [..] ago\n",
            kubeadm.address()
        ))
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
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn namesakes_are_told_apart_by_their_keys() {
    let guests = [Guest::kubeadm(), Guest::light()];
    let user = User::new();
    let mut lines: Vec<(String, String)> = Vec::new();
    for guest in &guests {
        let address = guest.address();
        let key = guest.folder().join("keys/ed25519");
        let config =
            format!("Host default\nHostName {address}\nUser vagrant\nIdentityFile {}\n", key.display());
        user.writes("config", &config);
        user.types("service-manager --ssh-config config box ip").stdout(&format!("{address}\n")).succeeds();
        let keys = user.machine_folders().into_iter().map(|folder| folder.file_name().unwrap().to_owned());
        let mut keys = keys.map(|key| key.into_string().unwrap());
        let new = keys.find(|key| lines.iter().all(|(known, _)| known != key)).unwrap();
        lines.push((new, address));
    }
    lines.sort();
    let [(first, address), (second, other_address)] = lines.try_into().unwrap();

    user.types("service-manager machines")
        .stdout(&format!("{first}  vagrant@{address}:22  used [..] ago\n{second}  vagrant@{other_address}:22  used [..] ago\n"))
        .succeeds();
    for (key, address) in [(&first, &address), (&second, &other_address)] {
        user.types(format!("service-manager box ip --machine {key}"))
            .stdout(&format!("{address}\n"))
            .succeeds();
    }
    let several =
        format!("error: several machines may be meant: {first}, {second}\nhint: name one, as with ");
    user.types("service-manager box ip --machine default")
        .stderr(&format!("{several}`--machine {first}`\n"))
        .fails(1);
    user.types("service-manager machines forget default")
        .stderr(&format!("{several}`service-manager machines forget {first}`\n"))
        .fails(1);

    user.types(format!("service-manager machines forget {first}")).succeeds();
    user.types("service-manager machines")
        .stdout(&format!("default  vagrant@{other_address}:22  used [..] ago\n"))
        .succeeds();
    user.types("service-manager box ip").stdout(&format!("{other_address}\n")).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_key_can_be_named_for_a_machine_that_is_known() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let key = |name| fs::read_to_string(guest.folder().join("keys").join(name)).unwrap();
    user.writes("old", &key("ed25519"));
    let line = format!("service-manager box ip --host vagrant@{}", guest.address());
    user.types(format!("{line} --identity old")).stdout("[ADDRESS]\n").succeeds();
    user.types("service-manager box ip --identity new")
        .stderr(
            "
            error: could not use the key `[HOME]/new`
            caused by: No such file or directory (os error 2)
            hint: name another key with `--identity FILE`
            ",
        )
        .fails(3);
    user.writes("old", &key("stranger"));
    user.writes("new", &key("rsa"));
    user.types("service-manager box ip --identity new").stdout("[ADDRESS]\n").succeeds();
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

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_host_of_the_users_own_ssh_config_is_a_machine() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let touch = format!("touch {}/pwned", user.home().display());
    user.writes(
        ".ssh/config",
        &format!("Include vms/*\nMatch exec \"{touch}\"\nHost *\n  ProxyCommand {touch}\n"),
    );
    let (address, folder) = (guest.address(), guest.folder().display());
    user.writes(
        ".ssh/vms/mine",
        &format!("Host vm\nHostName {address}\nUser vagrant\nIdentityFile {folder}/keys/rsa\n"),
    );
    user.types("service-manager box ip -m vm").stdout("[ADDRESS]\n").succeeds();
    user.types("service-manager machines").stdout("vm  vagrant@[ADDRESS]:22  used [..] ago\n").succeeds();
    // Not whatever a pattern would fit.
    user.types("service-manager box ip -m vmx")
        .stderr("error: no machine `vmx` is known here\nhint: did you mean `vm`?\n")
        .fails(1);
    assert!(!user.home().join("pwned").exists());
    assert!(!user.home().join(".ssh/known_hosts").exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_name_means_more_than_the_ssh_config_of_the_variable() {
    let guest = Guest::light();
    let user = User::of(&guest);
    let config = guest.folder().join("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    user.writes("other", &text.replace("Host light", "Host other"));
    user.types("service-manager --ssh-config other box ip").stdout("[ADDRESS]\n").succeeds();
    user.types("service-manager -m other box ip").stdout("[ADDRESS]\n").succeeds();
    user.types("service-manager -m nobody box ip")
        .stderr(&format!("error: `{}` has no `Host nobody`\nhint: it has: light\n", config.display()))
        .fails(1);
    // What is typed is meant.
    user.types("service-manager --ssh-config other -m light box ip")
        .stderr("error: `[HOME]/other` has no `Host light`\nhint: [..]\n")
        .fails(1);
}

const NONE: &str = "note: no machine was used from here yet; `service-manager status` uses one\n";
