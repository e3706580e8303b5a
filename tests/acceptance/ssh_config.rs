//! An ssh config counts as it does for OpenSSH.

use std::path::Path;

use crate::env::KUBECTL;
use service_manager_test_support::{Guest, Port, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn connects_through_a_jump_host() {
    let (inner, gate) = (Guest::kubeadm(), Guest::light());
    let user = User::near(&inner).with("SERVICE_MANAGER_SSH_CONFIG", "config");
    user.writes("config", &through(&gate, &inner, "gate"));
    user.types("service-manager box ip --machine inner").stdout("[ADDRESS]\n").succeeds();
    let kubectl = KUBECTL.replace("env", "--machine inner env");
    user.types(kubectl).stdout("namespace/default\n").succeeds();
    let way =
        format!("inner\tvagrant@[ADDRESS]:22 through vagrant@{}:22\tused [..] ago\t-\n", gate.address());
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
            "error: no key of `vagrant` is accepted by {address}:22 (tried {}/keys/stranger)\nhint: [..]\nhint: `service-manager doctor -m inner --ssh-config config[..]` says more\n",
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

/// As `ssh` itself: what `Match exec` asks and `ProxyCommand` names is the user's own will.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn runs_only_what_connects() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let touch = |name: &str| format!("touch {}/{name}", user.home().display());
    user.writes(
        "config",
        &format!(
            "Match exec \"{}\"\nLocalCommand {}\nPermitLocalCommand yes\nKnownHostsCommand {}\n{}",
            touch("asked"),
            touch("pwned"),
            touch("pwned"),
            block("box", &guest)
        ),
    );
    user.types("service-manager --ssh-config config box ip; ls asked pwned 2>/dev/null")
        .stdout("[ADDRESS]\nasked\n")
        .fails(2);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn connects_by_a_proxy_command() {
    let (guest, gate) = (Guest::kubeadm(), Guest::light());
    let user = User::near(&guest);
    let options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";
    let key = gate.folder().join("keys/ed25519");
    let command = format!(
        "sh -c 'echo %n %r %% >seen; exec ssh {options} -i {} -W %h:%p vagrant@{}'",
        key.display(),
        gate.address()
    );
    user.writes("config", &format!("{}  ProxyCommand {command}\n", block("box", &guest)));
    user.types("service-manager --ssh-config config box ip; cat seen")
        .stdout("[ADDRESS]\nbox vagrant %\n")
        .succeeds();
    user.types("service-manager -v --ssh-config config box ip 2>&1 | grep --count 'running `sh -c'")
        .stdout("1\n")
        .succeeds();
    // It ends with the connection.
    user.types(format!("pgrep --full '[W] {}:22 vagrant@{}' || true", guest.address(), gate.address()))
        .succeeds();
    for (broken, said) in [
        ("false", "it ended without a word, or answers nothing"),
        ("/nowhere/proxy", "[..]/nowhere/proxy: not found"),
        (r"printf '\033]0;x\007gate is down\n' >&2", r"\u{1b}]0;x\u{7}gate is down"),
    ] {
        user.writes("config", &format!("{}  ProxyCommand {broken}\n", block("box", &guest)));
        user.types("service-manager --quiet --ssh-config config box ip")
            .stderr(&format!(
                "error: the ProxyCommand `{broken}` does not lead to an SSH server of [ADDRESS]:22\ncaused by: {said}\n"
            ))
            .fails(3);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn connects_through_two_jump_hosts() {
    let (inner, first, second) = (Guest::kubeadm(), Guest::light(), Guest::nat());
    let user = User::near(&inner);
    let config = format!(
        "{}  ProxyJump jump_a,second\n{}{}",
        block("inner", &inner),
        block("jump_a", &first),
        block("second", &second)
    );
    user.writes("config", &config);
    user.types("service-manager --ssh-config config -m inner box ip").stdout("[ADDRESS]\n").succeeds();
    let way = format!(
        "inner\tvagrant@[ADDRESS]:22 through vagrant@{}:22 through vagrant@{}:22\tused [..] ago\t-\n",
        second.address(),
        first.address()
    );
    user.types("service-manager machines").stdout(&way).succeeds();
}

/// With and without an OpenSSH that resolves the config.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finds_keys_as_openssh_does() {
    let guest = Guest::light();
    let (address, keys) = (guest.address(), guest.folder().join("keys"));
    for identity in
        ["~/.ssh/keys/%r@%h", "'~/my keys/id'", "\"~/my keys/id\"", "%d/.ssh/keys/%r@%h", "${KEYS}/%r@%h"]
    {
        let user = User::near(&guest).with("KEYS", ".ssh/keys");
        user.types(format!(
            "mkdir --parents .ssh/keys 'my keys'; cp {0}/ed25519 .ssh/keys/vagrant@{address}; cp {0}/ed25519 'my keys/id'",
            keys.display()
        ))
        .succeeds();
        user.writes(
            ".ssh/config",
            &format!("Host my_vm\n  HostName {address}\n  User vagrant\n  IdentityFile {identity}\n"),
        );
        user.types("service-manager -m my_vm box ip").stdout("[ADDRESS]\n").succeeds();
        user.types(format!("{WITHOUT_SSH}; service-manager -m my_vm box ip"))
            .stdout("[ADDRESS]\n")
            .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finds_hosts_in_included_files_and_by_patterns() {
    let guest = Guest::light();
    for line in ["", WITHOUT_SSH] {
        let user = User::near(&guest);
        user.writes(".ssh/config", "Include ~/.lima/*/ssh.config\n");
        user.writes("config", "Include ~/.lima/*/ssh.config\n");
        user.writes("patterns", &block("*.lab", &guest));
        user.writes(".lima/box/ssh.config", &block("lima-box", &guest));
        user.writes(".lima/other/ssh.config", &block("*.lab", &guest));
        for options in [
            "-m lima-box",
            "-m a.lab",
            "--ssh-config config",
            "--ssh-config config -m lima-box",
            "--ssh-config config -m b.lab",
            "--ssh-config patterns -m c.lab",
        ] {
            user.types(format!("{line}\nservice-manager {options} box ip")).stdout("[ADDRESS]\n").succeeds();
        }
    }
}

/// OpenSSH refuses it by itself.
#[test]
fn what_others_can_write_is_no_config_without_openssh() {
    let user = User::new();
    user.writes(".ssh/config", "Host vm\n  HostName 127.0.0.1\n  Port 1\n  ProxyCommand touch ran\n");
    user.types("chmod g+w .ssh/config").succeeds();
    user.types(format!("{WITHOUT_SSH}\nservice-manager -m vm status"))
        .stderr(
            "
            error: others than you can write `[HOME]/.ssh/config`
            hint: `chmod go-w [HOME]/.ssh/config`, if it is yours
            ",
        )
        .fails(1);
    user.types("chmod go-w .ssh/config; [ ! -e ran ]").succeeds();
    user.types(format!("{WITHOUT_SSH}\nservice-manager -m vm status 2>/dev/null")).fails(3);
}

/// As Lima does it, which chooses a port anew each time that a machine starts.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn follows_a_host_of_the_users_config() {
    let (guest, other) = (Guest::light(), Guest::nat());
    let port = |guest: &Guest| Port::leading_to(format!("{}:22", guest.address()));
    for without_ssh in ["", WITHOUT_SSH] {
        let user = User::near(&guest);
        let says = |port: &Port| {
            let number = port.to_string().replace("127.0.0.1:", "");
            let block = block("vm", &guest).replace("Port 22", &format!("Port {number}"));
            user.writes(".lima/vm/ssh.config", &block.replace(&guest.address(), "127.0.0.1"));
        };
        let types = |line: &str| user.types(format!("{without_ssh}\n{line}"));
        user.writes(".ssh/config", "Include ~/.lima/*/ssh.config\n");
        says(&port(&guest));
        types("service-manager -m vm box ip >/dev/null").succeeds();

        // Of several commands each follows, whether the machine is named or the only one.
        for line in
            ["service-manager -m vm", "service-manager", "service-manager --ssh-config .ssh/config -m vm"]
        {
            let moved = port(&guest);
            says(&moved);
            types(&format!("{line} box ip >/dev/null")).succeeds();
            user.types("service-manager machines | cut -f 1,2")
                .stdout(&format!("vm\tvagrant@{moved}\n"))
                .succeeds();
        }
        let closed = Port::closed();
        says(&closed);
        types("service-manager -m vm box ip")
            .stderr(&format!(
                "error: could not connect to {closed}\ncaused by: [..]\nhint: [..]\nhint: [..]\n"
            ))
            .fails(3);
        // Its host key is the one that was learnt, wherever it is.
        says(&port(&other));
        types("service-manager -m vm box ip")
            .stderr("error: the host key of 127.0.0.1:[..] is not the one learnt before: [..]\nhint: [..]\nhint: [..]\n")
            .fails(3);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn respects_the_users_known_hosts() {
    let guest = Guest::light();
    let address = guest.address();
    let key = guest.run("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").trim().to_owned();
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUDEcDNRaN4VfAyAYnMlgmqMfvnpTzMFeSKEBPuOhAu";
    let identity = guest.folder().join("keys/ed25519");
    let typed = format!("service-manager --host vagrant@{address} -i {} box ip", identity.display());
    // The guest has none of this kind, as somebody in between could say as well.
    let of_another_kind = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBBMqfkzePigIbZ3CpQgB2YM26LHAzPEm/Lm3rqmo4Bbhnhv65QE3omw5d7P5QBnSXdXR6pgBMdykSoSNY3tP1IoASFkvEOzFgswJng+KL9MFZdAZYQJ/oUj0ugOWWkCsSA==";
    let conflict = "error: the host key of [ADDRESS]:22 is not the one in `[HOME]/.ssh/known_hosts`: SHA256:[..] is there, \
        SHA256:[..] is offered\nhint: [..]\n";
    for (hosts, errors) in [
        (format!("{address} {key}\n"), ""),
        (format!("{address} {other}\n"), conflict),
        (format!("{address} {of_another_kind}\n"), conflict),
        (format!("elsewhere {other}\n"), ""),
    ] {
        let user = User::near(&guest);
        let ends = |user: &User| {
            match errors {
                "" => user.types(&typed).stdout("[ADDRESS]\n").succeeds(),
                errors => user.types(&typed).stderr(errors).fails(3),
            };
        };
        user.writes(".ssh/known_hosts", &hosts);
        ends(&user);
        let user = User::near(&guest);
        user.writes(".ssh/known_hosts", &hosts);
        user.types("ssh-keygen -q -H -f .ssh/known_hosts >/dev/null 2>&1").succeeds();
        ends(&user);
    }
    let user = User::near(&guest);
    let files = format!("  UserKnownHostsFile {}/hosts\n", user.home().display());
    user.writes("config", &format!("{}  StrictHostKeyChecking yes\n{files}", block("box", &guest)));
    user.types("service-manager --ssh-config config box ip")
        .stderr(
            "
            error: [ADDRESS]:22 is not in your known hosts, and `StrictHostKeyChecking` is on; it offers SHA256:[..]
            hint: [..]
            ",
        )
        .fails(3);
    for key in [other, of_another_kind] {
        user.writes("hosts", &format!("{address} {key}\n"));
        user.types("service-manager --ssh-config config box ip")
            .stderr(&conflict.replace(".ssh/known_hosts", "hosts"))
            .fails(3);
    }
    user.writes("hosts", &format!("{address} {key}\n"));
    user.types("service-manager --ssh-config config box ip").stdout("[ADDRESS]\n").succeeds();
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
        ("ProxyJump \"gate id\"", "ProxyJump", "host name"),
        ("Host \"$(id)\"", "Host", "machine name"),
        ("IdentityFile %z", "IdentityFile", "value"),
        ("ProxyCommand nc %z", "ProxyCommand", "value"),
    ] {
        let host = if keyword == "Host" { "" } else { "Host box\nUser dev\n" };
        let host = if keyword == "User" { "Host box\n" } else { host };
        user.writes("config", &format!("{host}{line}\n"));
        user.types(format!("{WITHOUT_SSH}\nservice-manager --ssh-config config status"))
            .stderr(&format!("error: {keyword} in [HOME]/config is not a valid {kind} ([..])\nhint: [..]\n"))
            .fails(1);
        user.types("service-manager --ssh-config config status 2>log; code=$?; head --lines=1 log | cut -c 1-6; exit $code")
            .stdout("error:\n")
            .fails(1);
        assert!(!user.home().join("pwned").exists());
    }
}

#[test]
fn tries_names_that_ssh_takes() {
    let user = User::new();
    user.writes("config", "Host my_vm\n  User dev\nHost dotted\n  HostName vm.example.\n  User dev\n");
    for line in ["", WITHOUT_SSH] {
        for (name, host) in [("my_vm", "my_vm"), ("dotted", "vm.example.")] {
            user.types(format!("{line}\nservice-manager --ssh-config config -m {name} box ip"))
                .stderr(&format!("error: the host `{host}` is not known\ncaused by: [..]\nhint: [..]\n"))
                .fails(3);
        }
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

/// A PATH that has everything but OpenSSH.
const WITHOUT_SSH: &str = "mkdir --parents no-ssh; ln --symbolic --force $(command -v service-manager) \
    $(command -v mkdir) $(command -v ln) no-ssh; PATH=$PWD/no-ssh";
