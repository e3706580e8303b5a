//! What is taken from an ssh config: data. What is not: commands.

use std::path::Path;

use crate::env::KUBECTL;
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn connects_through_a_jump_host() {
    let (inner, gate) = (Guest::kubeadm(), Guest::light());
    let user = User::near(&inner).with("SERVICE_MANAGER_SSH_CONFIG", "config");
    user.writes("config", &through(&gate, &inner, "gate"));
    user.types("service-manager box ip --machine inner").stdout("[ADDRESS]\n").succeeds();
    let kubectl = KUBECTL.replace("env", "--machine inner env");
    user.types(kubectl).stdout("namespace/default\n").succeeds();
    let way = format!("inner  vagrant@[ADDRESS]:22 through vagrant@{}:22  used [..] ago\n", gate.address());
    user.types("service-manager machines").stdout(&way).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_an_unreachable_machine_behind_a_jump_host() {
    let (inner, gate) = (Guest::kubeadm(), Guest::light());
    let user = User::near(&inner);
    user.writes("config", &through(&gate, &inner, "gate").replacen("Port 22", "Port 9", 1));
    user.types("service-manager --ssh-config config --machine inner box ip")
        .stderr(
            "
            error: could not reach [ADDRESS]:9 through the jump host
            caused by: [..]
            hint: [..]
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn identity_option_is_not_used_for_a_jump_host() {
    let (inner, gate) = (Guest::kubeadm(), Guest::light());
    let user = User::near(&inner);
    let types = |key: &str| {
        let key = inner.folder().join("keys").join(key);
        let line = "service-manager --ssh-config config --machine inner --identity";
        user.types(format!("{line} {} box ip", key.display()))
    };
    let writes = |inner: &str, gate: &str| {
        user.writes("config", &format!("{inner}  ProxyJump gate\n{gate}"));
    };
    let bad = |alias, guest| block(alias, guest).replace("keys/ed25519", "keys/stranger");
    let refused = |address: &str, folder: &Path| {
        format!(
            "error: no key of `vagrant` is accepted by {address}:22 (tried {}/keys/stranger)\nhint: [..]\n",
            folder.display()
        )
    };

    writes(&bad("inner", &inner), &block("gate", &gate));
    types("rsa").stdout("[ADDRESS]\n").succeeds();
    writes(&block("inner", &inner), &block("gate", &gate));
    types("stranger").stderr(&refused("[ADDRESS]", inner.folder())).fails(3);
    writes(&block("inner", &inner), &bad("gate", &gate));
    types("rsa").stderr(&refused(&gate.address(), gate.folder())).fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn runs_no_command() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let touch = format!("touch {}/pwned", user.home().display());
    user.writes("included", &format!("ProxyCommand {touch}\n"));
    user.writes(
        "config",
        &format!(
            "Include included\nMatch exec \"{touch}\"\nProxyCommand {touch}\n{}ProxyCommand {touch}\n\
             LocalCommand {touch}\nPermitLocalCommand yes\nKnownHostsCommand {touch}\n",
            block("box", &guest)
        ),
    );
    user.types("service-manager --ssh-config config box ip").stdout("[ADDRESS]\n").succeeds();
    assert!(!user.home().join("pwned").exists());
}

#[test]
fn refuses_invalid_values_by_name() {
    let user = User::new();
    for (line, keyword, kind) in [
        ("HostName $(touch pwned)", "HostName", "host name"),
        ("HostName -oProxyCommand=id", "HostName", "host name"),
        ("User -l", "User", "user name"),
        ("User a;id", "User", "user name"),
        ("Port 0", "Port", "port"),
        ("Port ssh", "Port", "port"),
        ("ProxyJump \"gate id\"", "ProxyJump", "host name"),
        ("Host \"$(id)\"", "Host", "machine name"),
    ] {
        let host = if keyword == "Host" { "" } else { "Host box\nUser dev\n" };
        let host = if keyword == "User" { "Host box\n" } else { host };
        user.writes("config", &format!("{host}{line}\n"));
        user.types("service-manager --ssh-config config status")
            .stderr(&format!("error: {keyword} in [HOME]/config is not a valid {kind} ([..])\nhint: [..]\n"))
            .fails(1);
    }
}

#[test]
fn reports_a_missing_file() {
    User::new()
        .types("service-manager --ssh-config config status")
        .stderr(
            "
            error: there is no ssh config `[HOME]/config`
            hint: `vagrant ssh-config > FILE` writes one
            ",
        )
        .fails(1);
}

#[test]
fn asks_which_of_several_hosts() {
    let user = User::new();
    user.writes("config", "Host web db\nHost *.example\n");
    user.types("service-manager --ssh-config config status")
        .stderr(
            "
            error: `[HOME]/config` names several machines: web, db
            hint: name one, as with `--machine web`
            ",
        )
        .fails(1);
    user.types("service-manager --ssh-config config --machine we status")
        .stderr(
            "
            error: `[HOME]/config` has no `Host we`
            hint: did you mean `web`?
            ",
        )
        .fails(1);
}

#[test]
fn reports_a_file_without_a_host() {
    let user = User::new();
    user.writes("config", "# nothing\n");
    user.types("service-manager --ssh-config config status")
        .stderr("error: `[HOME]/config` names no machine\nhint: [..]\n")
        .fails(1);
}

fn through(gate: &Guest, inner: &Guest, jump: &str) -> String {
    format!("{}  ProxyJump {jump}\n{}", block("inner", inner), block("gate", gate))
}

fn block(alias: &str, guest: &Guest) -> String {
    let (address, folder) = (guest.address(), guest.folder().display());
    format!(
        "Host {alias}\n  HostName {address}\n  User vagrant\n  Port 22\n  IdentityFile {folder}/keys/ed25519\n"
    )
}
