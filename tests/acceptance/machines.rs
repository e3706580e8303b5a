//! `service-manager machines`, and what is remembered of one.

use std::fs;

use crate::env::KUBECTL;
use crate::eval::on_a_terminal;
use service_manager_test_support::{Guest, User};

#[test]
fn lists_no_machines_at_first() {
    User::new().types("service-manager machines").stderr(NONE).succeeds();
    User::new()
        .types("service-manager machines forget x")
        .stderr(
            "error: no machine `x` is known here\nhint: nothing is kept of any machine, so there is nothing to remove\n",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn remembers_and_forgets_a_machine() {
    let guest = Guest::kubeadm();
    let user = User::near(&guest);
    let config = guest.folder().join("ssh_config");
    user.types(format!("service-manager box ip --ssh-config {}", config.display()))
        .stdout("[ADDRESS]\n")
        .succeeds();
    user.types("service-manager machines")
        .stdout("[NAME]\tvagrant@[ADDRESS]:22\tused [..] ago\t-\n")
        .succeeds();
    user.types("service-manager machines list -o json | grep --count '\"machine\":\"kubeadm\"'")
        .stdout("1\n")
        .succeeds();
    let typed = user.types("service-manager machines list");
    for columns in [120, 80] {
        typed.in_a_terminal(columns).shows(
            "
            MACHINE  ADDRESS[..]STATE[..]VAGRANT PROJECT
            [NAME]  vagrant@[ADDRESS]:22  used [..] ago  -
            ",
        );
    }
    typed.in_a_terminal(40).shows("MACHINE  ADDRESS[..]\n[NAME]  vagrant@[ADDRESS]:22[..]\n");
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
fn names_an_unreadable_record_once() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let config = guest.folder().join("ssh_config");
    user.types(format!("service-manager box ip --ssh-config {}", config.display()))
        .stdout("[ADDRESS]\n")
        .succeeds();
    let folder = user.machine_folder();
    let key = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let record = fs::read_to_string(folder.join("machine.json")).unwrap();
    for (text, reason) in [
        (record.replace("\"version\": 1", "\"version\": 2"), "is of another version of this program"),
        ("{".to_owned(), "is damaged"),
    ] {
        fs::write(folder.join("machine.json"), text).unwrap();
        let note = format!(
            "note: `{}/machine.json` {reason}, so what it says of a machine is left out; `service-manager machines \
             forget {key}` removes it\n",
            folder.display()
        );
        user.types("service-manager machines").stderr(&(note.clone() + NONE)).succeeds();
        let no_machine = "error: no machine is given\nhint: [..]\n";
        user.types("service-manager box ip").stderr(&(note.clone() + no_machine)).fails(1);
        let unknown = "error: no machine `light` is known here\nhint: [..]\n";
        user.types("service-manager box ip -m light").stderr(&(note + unknown)).fails(1);
    }
    user.types(format!("service-manager machines forget {key}")).succeeds();
    user.types("service-manager machines").stderr(NONE).succeeds();
    assert!(user.machine_folders().is_empty());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn asks_which_of_several_machines() {
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
            "kubeadm\tvagrant@{}:22\tused [..] ago\t-\nlight\tvagrant@[ADDRESS]:22\tused [..] ago\t-\n",
            kubeadm.address()
        ))
        .succeeds();
    user.types("service-manager box ip")
        .stderr(
            "
            error: several machines are known here: kubeadm, light
            hint: `service-manager machines use kubeadm` chooses one from now on, `--machine kubeadm` for one command
            ",
        )
        .fails(1);
    user.types("service-manager box ip --machine light").stdout("[ADDRESS]\n").succeeds();
    // A choice counts from then on; the variable counts in its shell.
    user.types("service-manager machines use light")
        .stderr("note: from now on commands outside of Vagrant projects mean `light`\n")
        .succeeds();
    user.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    user.types("service-manager machines | cut -f 1").stdout("kubeadm\nlight *\n").succeeds();
    user.types("service-manager machines --output json | grep --only-matching '\"chosen\": *true' | wc -l")
        .stdout("1\n")
        .succeeds();
    let of_variable = "SERVICE_MANAGER_MACHINE=kubeadm service-manager box ip";
    user.types(of_variable).stdout(&format!("{}\n", kubeadm.address())).succeeds();
    user.types(format!("{of_variable} --machine light")).stdout("[ADDRESS]\n").succeeds();
    user.types("SERVICE_MANAGER_MACHINE='../x' service-manager box ip")
        .stderr("error: SERVICE_MANAGER_MACHINE is [..]\nhint: [..]\n")
        .fails(1);
    let user = user.with("NO_COLOR", "1");
    for (line, first) in [
        ("service-manager status kubernetes", "light (machines use)  [..]\nSERVICE     STATE"),
        (
            "env SERVICE_MANAGER_MACHINE=kubeadm service-manager status kubernetes",
            "kubeadm (SERVICE_MANAGER_MACHINE)  [..]\nSERVICE     STATE",
        ),
    ] {
        user.types(on_a_terminal(line)).stdout(&format!("{first}[..]\nkubernetes  [..]\n")).succeeds();
    }
    user.types("service-manager -q machines use -").succeeds();
    user.types("service-manager -q box ip")
        .stderr("error: several machines are known here: kubeadm, light\n")
        .fails(1);
    user.types("service-manager machines use ligth")
        .stderr("error: no machine `ligth` is known here\nhint: did you mean `light`?\n")
        .fails(1);
    // What is forgotten is not chosen either, when it is used again.
    user.types("service-manager -q machines use light && service-manager machines forget light").succeeds();
    let config = light.folder().join("ssh_config");
    user.types(format!("service-manager --ssh-config {} -q box ip", config.display())).run_freely();
    user.types("service-manager machines | cut -f 1").stdout("kubeadm\nlight\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn another_user_is_remembered_only_after_a_login() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let keys = guest.folder().join("keys");
    let line = |name: &str, key: &str| {
        format!("service-manager --host {name}@[ADDRESS] -i {}/{key} box ip", keys.display())
            .replace("[ADDRESS]", &guest.address())
    };
    user.types(line("vagrant", "ed25519")).stdout("[ADDRESS]\n").succeeds();
    user.types(format!("{} 2>/dev/null", line("nobody", "stranger"))).fails(3);
    user.types("service-manager machines")
        .stdout("[ADDRESS]\tvagrant@[ADDRESS]:22\tused [..] ago\t-\n")
        .succeeds();
    user.types(line("root", "ed25519"))
        .stdout("[ADDRESS]\n")
        .stderr("note: from now on `[ADDRESS]` is reached as root@[ADDRESS]:22, no longer as vagrant@[ADDRESS]:22\n")
        .succeeds();
    user.types("service-manager machines")
        .stdout("[ADDRESS]\troot@[ADDRESS]:22\tused [..] ago\t-\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tells_machines_of_the_same_name_apart() {
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
        .stdout(&format!("{first}\tvagrant@{address}:22\tused [..] ago\t-\n{second}\tvagrant@{other_address}:22\tused [..] ago\t-\n"))
        .succeeds();
    for (key, address) in [(&first, &address), (&second, &other_address)] {
        user.types(format!("service-manager box ip --machine {key}"))
            .stdout(&format!("{address}\n"))
            .succeeds();
    }
    let several = format!(
        "error: several machines may be meant: {first} (vagrant@{address}:22), {second} (vagrant@{other_address}:22)\n\
                 hint: name one, as with "
    );
    user.types("service-manager box ip --machine default")
        .stderr(&format!("{several}`--machine {first}`\n"))
        .fails(1);
    user.types("service-manager machines forget default")
        .stderr(&format!("{several}`service-manager machines forget {first}`\n"))
        .fails(1);

    user.types(format!("service-manager machines forget {first}")).succeeds();
    user.types("service-manager machines")
        .stdout(&format!("default\tvagrant@{other_address}:22\tused [..] ago\t-\n"))
        .succeeds();
    user.types("service-manager box ip").stdout(&format!("{other_address}\n")).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn identity_overrides_the_key_of_a_known_machine() {
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
fn reports_an_unknown_machine() {
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
fn suggests_machines_for_a_misspelt_name() {
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
fn finds_a_host_of_the_users_ssh_config() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let touch = format!("touch {}/pwned", user.home().display());
    user.writes(
        ".ssh/config",
        &format!("Include vms/*\nHost *\n  LocalCommand {touch}\n  PermitLocalCommand yes\n"),
    );
    let (address, folder) = (guest.address(), guest.folder().display());
    user.writes(
        ".ssh/vms/mine",
        &format!("Host vm\nHostName {address}\nUser vagrant\nIdentityFile {folder}/keys/rsa\n"),
    );
    user.types("service-manager box ip -m vm").stdout("[ADDRESS]\n").succeeds();
    user.types("service-manager machines").stdout("vm\tvagrant@[ADDRESS]:22\tused [..] ago\t-\n").succeeds();
    // Not whatever a pattern would fit.
    user.types("service-manager box ip -m vmx")
        .stderr("error: no machine `vmx` is known here\nhint: did you mean `vm`?\n")
        .fails(1);
    assert!(!user.home().join("pwned").exists());
    assert!(!user.home().join(".ssh/known_hosts").exists());
}

/// What only the ssh config knows has no record yet.
#[test]
fn a_host_that_was_not_used_yet_is_told_from_an_unknown_one() {
    let user = User::new();
    user.writes(".ssh/config", "Host devbox\n  HostName 192.0.2.7\n  User dev\n");
    for verb in ["use", "trust"] {
        user.types(format!("service-manager machines {verb} devbox"))
            .stderr(&format!(
                "error: no machine `devbox` was used from here yet\n\
                 hint: `service-manager status -m devbox` uses it; then `service-manager machines {verb} devbox`\n"
            ))
            .fails(1);
    }
    user.types("service-manager machines forget devbox")
        .stderr(
            "error: no machine `devbox` was used from here yet\n\
             hint: nothing is kept of it; `service-manager machines` lists those of which something is\n",
        )
        .fails(1);
    user.types("service-manager machines forget devbox --ignore-unknown").succeeds();
    user.types("service-manager machines use elsewhere")
        .stderr("error: no machine `elsewhere` is known here\nhint: [..]\n")
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn machine_option_overrides_the_ssh_config_variable() {
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
