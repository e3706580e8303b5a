//! Servers that are not there, are something else, or are not the one that was known.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use service_manager_test_support::{Guest, Port, User};

#[test]
fn reports_an_unknown_host() {
    User::new()
        .types("service-manager --host dev@nowhere.invalid status")
        .stderr(
            "
            error: the host `nowhere.invalid` is not known
            caused by: failed to lookup address information: [..]
            hint: check the spelling after `--host`, or `HostName` in the ssh config; a `Host` of your ssh config is `-m NAME`
            ",
        )
        .fails(3);
}

#[test]
fn reports_a_closed_port() {
    let port = Port::closed();
    User::new()
        .types(format!("service-manager --host dev@{port} status"))
        .stderr(&format!(
            "
            error: could not connect to {port}
            caused by: Connection refused (os error 111)
            hint: check host and port, and that an SSH server (sshd) runs there
            hint: `service-manager doctor --host dev@{port}` says more
            "
        ))
        .fails(3);
}

#[test]
fn gives_up_on_a_silent_server() {
    let port = Port::silent();
    let begin = Instant::now();
    User::new()
        .types(format!("service-manager --host dev@{port} --timeout 1 status"))
        .stderr(&format!(
            "
            error: gave up after 1 s, waiting for SSH at {port}
            hint: `--timeout SECONDS` waits longer
            hint: `service-manager doctor --host dev@{port}` says more
            "
        ))
        .fails(3);
    assert!((Duration::from_secs(1)..Duration::from_secs(10)).contains(&begin.elapsed()));
}

#[test]
fn reports_a_server_that_is_not_ssh() {
    let port = Port::answering("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    User::new()
        .types(format!("service-manager --host dev@{port} status"))
        .stderr(&format!(
            "
            error: could not agree with {port} on how to talk SSH
            caused by: [..]
            hint: check that an SSH server listens at {port}
            hint: `service-manager doctor --host dev@{port}` says more
            "
        ))
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_changed_host_key() {
    let guest = Guest::light();
    let user = User::of(&guest);
    user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    let known_hosts = user.machine_folder().join("known_hosts");
    let learnt = fs::read_to_string(&known_hosts).unwrap();
    let place = learnt.split(' ').next().unwrap();
    let other = format!("{place} {OTHER_KEY}\n");
    fs::write(&known_hosts, &other).unwrap();

    user.types("service-manager box ip").stderr(HOST_KEY_CHANGED).fails(3);
    assert_eq!(fs::read_to_string(&known_hosts).unwrap(), other, "nothing is learnt");

    user.types("service-manager machines forget light").succeeds();
    user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    assert_eq!(fs::read_to_string(&known_hosts).unwrap(), learnt);
}

/// Another process has seen another server at this place, and was faster.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_host_key_that_was_learnt_while_connecting_stays() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let pin: Arc<Mutex<Option<(PathBuf, String)>>> = Arc::default();
    let port = Port::leading_slowly_to(format!("{}:22", guest.address()), {
        let pin = Arc::clone(&pin);
        move || {
            if let Some((path, text)) = &*pin.lock().unwrap() {
                fs::write(path, text).unwrap();
            }
        }
    });
    let line = format!(
        "service-manager --host vagrant@{port} --identity {}/keys/ed25519 box ip",
        guest.folder().display()
    );
    user.types(&line).stdout("[..]\n").succeeds();
    let known_hosts = user.machine_folder().join("known_hosts");
    let place = fs::read_to_string(&known_hosts).unwrap().split(' ').next().unwrap().to_owned();
    fs::remove_file(&known_hosts).unwrap();
    let other = format!("{place} {OTHER_KEY}\n");
    *pin.lock().unwrap() = Some((known_hosts.clone(), other.clone()));

    user.types(&line)
        .stderr("error: the host key of [..] is not the one learnt before: [..]\nhint: [..]\nhint: `service-manager doctor --host [..]` says more\n")
        .fails(3);
    assert_eq!(fs::read_to_string(&known_hosts).unwrap(), other);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn learns_every_kind_of_host_key() {
    let guest = Guest::own("kubeadm", "address");
    for (kind, others) in [("ed25519", "rsa ecdsa"), ("ecdsa", "ed25519 rsa"), ("rsa", "ed25519 ecdsa")] {
        offer_no_host_keys(&guest, others);
        let user = User::of(&guest);
        for _ in ["learnt", "known"] {
            user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
        }
        let known_hosts = fs::read_to_string(user.machine_folder().join("known_hosts")).unwrap();
        assert!(known_hosts.contains(kind), "{known_hosts}");
        guest.changes_back();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_host_key_of_another_kind() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    offer_no_host_keys(&guest, "ed25519");
    user.types("service-manager box ip").stderr(HOST_KEY_CHANGED).fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_damaged_known_hosts_file() {
    let guest = Guest::light();
    let user = User::of(&guest);
    user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    fs::write(user.machine_folder().join("known_hosts"), "nonsense\n").unwrap();
    user.types("service-manager box ip")
        .stderr(
            "
            error: `[MACHINE]/known_hosts` is damaged
            hint: `service-manager machines forget [NAME]-[..]`
            ",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_changed_host_key_is_accepted_by_its_fingerprint() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    user.types("service-manager box ip && service-manager env kubernetes >exports")
        .stdout("[ADDRESS]\n")
        .succeeds();
    user.types(
        "service-manager machines trust [NAME] --fingerprint SHA256:x".replace("[NAME]", guest.name()),
    )
    .stderr("note: `[NAME]` has the host key that is known\n")
    .succeeds();
    offer_no_host_keys(&guest, "ed25519");
    user.types("service-manager box ip").stderr(HOST_KEY_CHANGED).fails(3);
    let trust = format!("service-manager machines trust {}", guest.name());
    let note = "note: the host key of [..] was SHA256:[..]; now it is SHA256:[..]";
    user.types(&trust)
        .stderr(&format!(
            "{note}\nerror: nobody can be asked whether that is the key of `[NAME]`\n\
             hint: if the machine says the same: `{trust} --fingerprint SHA256:[..]`\n"
        ))
        .fails(1);
    user.types(format!("{trust} --fingerprint SHA256:wrong"))
        .stderr(&format!(
            "{note}\nerror: the host key of `[NAME]` stays the one that was known\nhint: [..]\n"
        ))
        .fails(1);
    user.types("service-manager box ip").stderr(HOST_KEY_CHANGED).fails(3);
    let fingerprint = guest.run("ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub | cut -d' ' -f2");
    user.types(format!("{trust} --fingerprint {}", fingerprint.trim()))
        .stderr(&format!("{note}\n"))
        .succeeds();
    user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    assert!(user.machine_folder().join("kubernetes/kubeconfig").exists(), "everything else stays");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_what_the_server_offers_where_nothing_is_shared() {
    let guest = Guest::own("kubeadm", "address");
    for (setting, offered) in [
        (
            "KexAlgorithms diffie-hellman-group1-sha1",
            "key exchange that this program knows: diffie-hellman-group1-sha1[..]",
        ),
        ("Ciphers 3des-cbc", "encryption that this program knows: 3des-cbc"),
    ] {
        guest.changes(
            &format!("printf '{setting}\n' >/etc/ssh/sshd_config.d/old.conf; systemctl reset-failed ssh; systemctl restart ssh"),
            "rm /etc/ssh/sshd_config.d/old.conf; systemctl reset-failed ssh; systemctl restart ssh",
        );
        let user = User::of(&guest);
        user.types("service-manager box ip")
            .stderr(&format!("error: [ADDRESS]:22 offers nothing for {offered}\nhint: [..]\n"))
            .fails(3);
        guest.changes_back();
    }
}

/// Takes the host keys of these kinds away.
fn offer_no_host_keys(guest: &Guest, kinds: &str) {
    // systemd lets a unit start five times in ten seconds, unless told to forget that.
    const RESTART: &str = "systemctl reset-failed ssh; systemctl restart ssh";
    let moves = |from, to| {
        format!(
            "for kind in {kinds}; do mv /etc/ssh/{{{from}ssh,{to}ssh}}_host_${{kind}}_key; done; {RESTART}"
        )
    };
    guest.changes(&moves("", "no-"), &moves("no-", ""));
}

const HOST_KEY_CHANGED: &str = "
    error: the host key of [ADDRESS]:22 is not the one learnt before: SHA256:[..] was known, SHA256:[..] is offered
    hint: if the machine was rebuilt: `service-manager machines trust [NAME]-[..]`; if not, somebody may be in between
    hint: `service-manager doctor` says more
    ";
const OTHER_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
