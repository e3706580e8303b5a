//! Logging in: every kind of key, the agent, and users whose shells are not `sh`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tempfile::TempDir;

use crate::env::READABLE;
use service_manager_test_support::{Failure, Guest, User, until};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn logs_in_with_every_kind_of_key() {
    let guest = Guest::light();
    for key in ["ed25519", "rsa", "rsa.pem", "ecdsa", "ecdsa.pem"] {
        User::near(&guest).types(with_key(&guest, key)).stdout("[ADDRESS]\n").succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finds_a_key_in_its_usual_place() {
    let guest = Guest::light();
    let user = User::near(&guest);
    user.writes(".ssh/id_ed25519", &fs::read_to_string(guest.folder().join("keys/ed25519")).unwrap());
    user.types(without_key(&guest)).stdout("[ADDRESS]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_rejected_key() {
    let guest = Guest::light();
    User::near(&guest)
        .types(with_key(&guest, "stranger"))
        .stderr(
            "
            error: no key of `vagrant` is accepted by [ADDRESS]:22 (tried [GUEST]/keys/stranger)
            hint: name the machine's key with `--identity FILE`
            hint: `service-manager doctor [..]` says more
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_that_there_is_no_key() {
    let guest = Guest::light();
    User::near(&guest)
        .types(without_key(&guest))
        .stderr(
            "
            error: no key of `vagrant` is accepted by [ADDRESS]:22 (tried the agent: there is none, ~/.ssh/id_*: none there)
            hint: name the machine's key with `--identity FILE`
            hint: `service-manager doctor [..]` says more
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_missing_key_file() {
    let guest = Guest::light();
    User::near(&guest)
        .types(format!("{} --identity no/key", without_key(&guest)))
        .stderr(
            "
            error: could not use the key `[HOME]/no/key`
            caused by: No such file or directory (os error 2)
            hint: name another key with `--identity FILE`
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_file_that_is_no_key() {
    let guest = Guest::light();
    let user = User::near(&guest);
    user.types(
        "mkdir folder; touch empty; head --bytes=4096 /dev/zero >zeros; printf '\\033]0;x\\007' >escapes",
    )
    .succeeds();
    for file in ["/etc/hostname", "[HOME]/folder", "[HOME]/empty", "[HOME]/zeros", "[HOME]/escapes"] {
        let typed = file.replace("[HOME]/", "");
        user.types(format!("{} --identity {typed}", without_key(&guest)))
            .stderr(&format!(
                "
                error: could not use the key `{file}`
                caused by: [..]
                hint: name another key with `--identity FILE`
                "
            ))
            .fails(3);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_that_an_encrypted_key_needs_an_agent() {
    let guest = Guest::light();
    User::near(&guest)
        .types(with_key(&guest, "encrypted"))
        .stderr(
            "
            error: the key `[GUEST]/keys/encrypted` is protected by a passphrase and no agent holds it
            hint: `ssh-add [GUEST]/keys/encrypted`
            hint: `service-manager doctor [..]` says more
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn uses_an_encrypted_key_from_the_agent() {
    let guest = Guest::light();
    let agent = Agent::start();
    let user = agent.user(&guest, "encrypted");
    user.types(with_key(&guest, "encrypted")).stdout("[ADDRESS]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn uses_a_key_of_the_agent() {
    let guest = Guest::light();
    let agent = Agent::start();
    let user = agent.user(&guest, "ecdsa");
    user.types(without_key(&guest)).stdout("[ADDRESS]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn respects_identities_only() {
    let guest = Guest::light();
    let agent = Agent::start();
    let user = agent.user(&guest, "rsa");
    let config = |only| {
        let (address, keys) = (guest.address(), guest.folder().join("keys"));
        let keys = keys.display();
        format!(
            "Host box\nHostName {address}\nUser vagrant\nIdentityFile {keys}/stranger\nIdentitiesOnly {only}\n"
        )
    };
    user.writes("config", &config("no"));
    user.types("service-manager --ssh-config config box ip").stdout("[ADDRESS]\n").succeeds();
    user.writes("config", &config("yes"));
    user.types("service-manager --ssh-config config box ip")
        .stderr(
            "
            error: no key of `vagrant` is accepted by [ADDRESS]:22 (tried [GUEST]/keys/stranger)
            hint: name the machine's key with `--identity FILE`
            hint: `service-manager doctor [..]` says more
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tries_the_agents_keys_before_the_usual_files() {
    let guest = Guest::light();
    let agent = Agent::start();
    let user = agent.owner(&guest);
    add_strangers(&user, 3);
    add(&user, &guest.folder().join("keys/ed25519"));
    let stranger = fs::read_to_string(guest.folder().join("keys/stranger")).unwrap();
    for name in ["id_rsa", "id_ecdsa", "id_ed25519"] {
        user.writes(&format!(".ssh/{name}"), &stranger);
    }
    user.types(without_key(&guest)).stdout("[ADDRESS]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_too_many_keys_in_the_agent() {
    let guest = Guest::light();
    let agent = Agent::start();
    let user = agent.owner(&guest);
    add_strangers(&user, 6);
    add(&user, &guest.folder().join("keys/ed25519"));
    user.types(without_key(&guest))
        .stderr(
            "
            error: none of the first keys of `vagrant` is accepted by [ADDRESS]:22, and it takes no more (tried agent: stranger-1, agent: stranger-2, agent: stranger-3, agent: stranger-4, agent: stranger-5)
            hint: name the machine's key with `--identity FILE`
            hint: `service-manager doctor [..]` says more
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_public_key_file_selects_the_agents_key() {
    let guest = Guest::light();
    let agent = Agent::start();
    let user = agent.owner(&guest);
    add_strangers(&user, 6);
    add(&user, &guest.folder().join("keys/rsa"));
    user.writes("key.pub", &fs::read_to_string(guest.folder().join("keys/rsa.pub")).unwrap());
    for file in ["key.pub", "key"] {
        let address = guest.address();
        user.writes(
            "config",
            &format!("Host box\nHostName {address}\nUser vagrant\nIdentityFile {file}\nIdentitiesOnly yes\n"),
        );
        user.types("service-manager --ssh-config config box ip").stdout("[ADDRESS]\n").succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_public_key_file_without_an_agent_names_the_private_one() {
    let guest = Guest::light();
    let keys = guest.folder().join("keys");
    User::near(&guest)
        .types(with_key(&guest, "ed25519.pub"))
        .stderr(&format!(
            "
            error: `{0}/ed25519.pub` is the public half of a key, and no agent holds the private one
            hint: `--identity {0}/ed25519`
            ",
            keys.display()
        ))
        .fails(3);
}

/// Its agent holds the key: that the server does not take it is the whole reason.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_key_of_the_agent_that_is_refused_is_said_to_be_refused() {
    let guest = Guest::light();
    let agent = Agent::start();
    let user = agent.owner(&guest);
    user.types("ssh-keygen -q -t ed25519 -N secret -C me -f locked; cp locked.pub alone.pub").succeeds();
    let line = |key: &str| format!("service-manager --host vagrant@{} -i {key} box ip", guest.address());
    let ends = |key: &str, first: &str| {
        let rest = if first.contains("accepted") { "hint: [..]\nhint: [..]\n" } else { "hint: [..]\n" };
        let rest = if first.contains("passphrase") { "hint: [..]\nhint: [..]\n" } else { rest };
        user.types(line(key)).stderr(&format!("error: {first}\n{rest}")).fails(3);
    };
    ends("locked", "the key `[HOME]/locked` is protected by a passphrase and no agent holds it");
    ends("alone.pub", "`[HOME]/alone.pub` is the public half of a key, and no agent holds the private one");
    add(&user, &user.home().join("locked"));
    for key in ["locked", "alone.pub"] {
        ends(key, "no key of `vagrant` is accepted by [ADDRESS]:22 (tried agent: me)");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_key_that_is_not_there_does_not_hide_one_that_is_refused() {
    let guest = Guest::light();
    let user = User::near(&guest);
    let (address, keys) = (guest.address(), guest.folder().join("keys"));
    let config = |files: &[&str]| {
        let lines: String = files.iter().map(|file| format!("IdentityFile {file}\n")).collect();
        format!("Host box\nHostName {address}\nUser vagrant\nIdentitiesOnly yes\n{lines}")
    };
    let stranger = format!("{}/stranger", keys.display());
    user.writes("config", &config(&["~/nowhere", &stranger]));
    user.types("service-manager --ssh-config config box ip")
        .stderr(
            "
            error: no key of `vagrant` is accepted by [ADDRESS]:22 (tried [GUEST]/keys/stranger)
            hint: name the machine's key with `--identity FILE`
            hint: `service-manager doctor [..]` says more
            ",
        )
        .fails(3);
    user.writes("config", &config(&["~/nowhere"]));
    user.types("service-manager --ssh-config config box ip")
        .stderr("error: could not use the key `[HOME]/nowhere`\ncaused by: No such file or directory[..]\nhint: [..]\n")
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn without_any_key_it_says_where_it_looked() {
    let guest = Guest::light();
    let agent = Agent::start();
    let error = |tried: &str| {
        format!(
            "error: no key of `vagrant` is accepted by [ADDRESS]:22 (tried {tried}, ~/.ssh/id_*: none there)\nhint: name the machine's key with `--identity FILE`\nhint: `service-manager doctor --host vagrant@[ADDRESS]` says more\n"
        )
    };
    let line = without_key(&guest);
    User::near(&guest).types(&line).stderr(&error("the agent: there is none")).fails(3);
    agent.owner(&guest).types(&line).stderr(&error("the agent: it has no key")).fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn an_agent_of_its_own_is_asked() {
    let guest = Guest::light();
    let agent = Agent::start();
    let owner = agent.user(&guest, "ed25519");
    drop(owner);
    let user = User::near(&guest);
    let config = |socket: &str| {
        format!("Host vm\n  HostName {}\n  User vagrant\n  IdentityAgent {socket}\n", guest.address())
    };
    let socket = agent.folder.path().join("agent");
    user.writes("config", &config(socket.to_str().unwrap()));
    user.types("service-manager --ssh-config config box ip").stdout("[ADDRESS]\n").succeeds();
    // By a path from home, with blanks in it.
    user.types(format!("mkdir 'my agent'; ln --symbolic {} 'my agent/the socket'", socket.display()))
        .succeeds();
    for path in ["\"~/my agent/the socket\"", "'~/my agent/the socket'", "\"%d/my agent/the socket\""] {
        user.writes("config", &config(path));
        user.types("service-manager --ssh-config config box ip").stdout("[ADDRESS]\n").succeeds();
    }
    // And not the one of the environment where there is to be none.
    user.writes("config", &config("none"));
    User::near(&guest)
        .with("SSH_AUTH_SOCK", socket.to_str().unwrap())
        .types(format!("service-manager --ssh-config {}/config box ip", user.home().display()))
        .stderr("error: no key of `vagrant` is accepted by [ADDRESS]:22 (tried ~/.ssh/id_*: none there)\nhint: [..]\nhint: `service-manager doctor --ssh-config [..]` says more\n")
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn logs_in_with_a_certificate() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest);
    user.types(
        "ssh-keygen -q -t ed25519 -N '' -f ca && for kind in ed25519 ecdsa rsa; do ssh-keygen -q -t $kind -N '' -f $kind \
         && ssh-keygen -q -s ca -I me -n vagrant $kind.pub; done",
    )
    .succeeds();
    let authority = std::fs::read_to_string(user.home().join("ca.pub")).unwrap();
    guest.changes(
        &format!(
            "echo '{}' >/etc/ssh/ca.pub; echo 'TrustedUserCAKeys /etc/ssh/ca.pub' >/etc/ssh/sshd_config.d/ca.conf; \
             systemctl reset-failed ssh; systemctl restart ssh",
            authority.trim()
        ),
        "rm /etc/ssh/ca.pub /etc/ssh/sshd_config.d/ca.conf; systemctl reset-failed ssh; systemctl restart ssh",
    );
    let typed = |key: &str| format!("service-manager --host vagrant@{} -i {key} box ip", guest.address());
    for key in ["ed25519", "ecdsa", "rsa"] {
        user.types(typed(key)).stdout("[ADDRESS]\n").succeeds();
    }
    // The agent has it with the key, whose file is protected.
    let agent = Agent::start();
    let owner = agent.owner(&guest);
    owner.types("ssh-keygen -q -t ed25519 -N secret -f locked").succeeds();
    let (public, mine) = (owner.home().join("locked.pub"), user.home().join("locked.pub"));
    fs::copy(&public, &mine).unwrap();
    user.types("ssh-keygen -q -s ca -I me -n vagrant locked.pub").succeeds();
    fs::copy(user.home().join("locked-cert.pub"), owner.home().join("locked-cert.pub")).unwrap();
    add(&owner, &owner.home().join("locked"));
    owner.types(typed("locked")).stdout("[ADDRESS]\n").succeeds();
    // Elsewhere than beside its key.
    user.types("mv ed25519-cert.pub elsewhere").succeeds();
    user.types(typed("ed25519"))
        .stderr("error: no key of `vagrant` is accepted by [..]\nhint: [..]\nhint: `service-manager doctor [..]` says more\n")
        .fails(3);
    let config = format!(
        "Host vm\n  HostName {}\n  User vagrant\n  IdentityFile ~/ed25519\n  CertificateFile ~/elsewhere\n",
        guest.address()
    );
    user.writes("config", &config);
    user.types("service-manager --ssh-config config box ip").stdout("[ADDRESS]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn logs_in_as_whoever_ssh_takes() {
    let guest = Guest::own("kubeadm", "address");
    let keys = guest.folder().join("keys");
    for name in ["a@corp.example", "CORP\\a", "1234567", "a$"] {
        let typed = format!(
            "service-manager --host {} -i {}/ed25519 box ip",
            shlex::try_quote(&format!("{name}@{}", guest.address())).unwrap(),
            keys.display()
        );
        // There is no such user, so its key is refused: it was tried.
        User::near(&guest)
            .types(typed)
            .stderr(&format!("error: no key of `{name}` is accepted by [ADDRESS]:22 [..]\nhint: [..]\nhint: `service-manager doctor [..]` says more\n"))
            .fails(3);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn without_a_user_the_accounts_own_is_taken() {
    let guest = Guest::light();
    let keys = guest.folder().join("keys");
    User::near(&guest)
        .types(format!(
            "name=$(id --user --name); unset USER LOGNAME; service-manager --host {} -i {}/stranger box ip 2>&1 \
             | grep --count \"no key of .$name. is accepted\"",
            guest.address(),
            keys.display()
        ))
        .stdout("1\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ignores_a_dead_agent() {
    let guest = Guest::light();
    let user = User::near(&guest).with("SSH_AUTH_SOCK", "/nowhere/agent");
    user.types(with_key(&guest, "rsa")).stdout("[ADDRESS]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn works_with_every_login_shell() {
    let guest = Guest::kubeadm();
    for user in ["root", "noisy", "fisher", "cshell"] {
        User::near(&guest)
            .types(format!("{} env kubernetes --script-readable", log_in_as(user, &guest)))
            .stdout(READABLE)
            .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_user_without_sudo() {
    let guest = Guest::kubeadm();
    User::near(&guest)
        .types(format!("{} env kubernetes", log_in_as("nosudo", &guest)))
        .stdout("(exit 126)\n")
        .stderr(
            "
            error: `nosudo` cannot use sudo without a password in `[ADDRESS]`, and `/etc/kubernetes/admin.conf` is for root only; it said: sudo: a password is required
            hint: in the machine, as root: `echo 'nosudo ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/service-manager`; or log in as root: `service-manager status --host root@[ADDRESS]:22`
            ",
        )
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn status_works_without_sudo() {
    let guest = Guest::kubeadm();
    User::near(&guest)
        .types(format!("{} status kubernetes", log_in_as("nosudo", &guest)))
        .stdout("kubernetes - running\n")
        .stderr("warning: `nosudo` cannot use sudo without a password in `[ADDRESS]`[..]\nhint: in the machine, as root: [..]\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_sudo_that_requires_a_terminal() {
    const FILE: &str = "/etc/sudoers.d/requiretty";
    let guest = Guest::own("kubeadm", "address");
    guest.changes(&format!("echo 'Defaults requiretty' >{FILE}"), &format!("rm {FILE}"));
    Failure::of(&guest)
        .error(
            "`vagrant` cannot use sudo without a password in `[NAME]`, and `/etc/kubernetes/admin.conf` is for root only; \
             it said: sudo: sorry, you must have a tty to run sudo",
        )
        .hint("in the machine, as root: `echo 'Defaults:vagrant !requiretty' > /etc/sudoers.d/service-manager`")
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn tolerates_a_login_shell_that_floods_stderr() {
    let guest = Guest::own("kubeadm", "address");
    guest.replaces("/home/noisy/.bashrc", "head --bytes=6M /dev/zero | tr '\\0' x >&2\n");
    User::near(&guest)
        .types(format!("{} --timeout 10 box ip", log_in_as("noisy", &guest)))
        .stdout("[ADDRESS]\n")
        .succeeds();
}

fn log_in_as(user: &str, guest: &Guest) -> String {
    let (address, keys) = (guest.address(), guest.folder().join("keys"));
    format!("service-manager --host {user}@{address} --identity {}/ed25519", keys.display())
}

fn with_key(guest: &Guest, key: &str) -> String {
    format!("{} --identity {}", without_key(guest), guest.folder().join("keys").join(key).display())
}

fn without_key(guest: &Guest) -> String {
    format!("service-manager --host vagrant@{} box ip", guest.address())
}

/// A real `ssh-agent`, until the test ends.
struct Agent {
    process: Child,
    folder: TempDir,
}

impl Agent {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let process = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        until("for the agent", || socket.exists());
        Self { process, folder }
    }

    /// Somebody who has given it one of the guest's keys.
    fn user<'g>(&self, guest: &'g Guest, key: &str) -> User<'g> {
        let user = self.owner(guest);
        add(&user, &guest.folder().join("keys").join(key));
        user
    }

    /// Somebody who has not yet given it a key.
    fn owner<'g>(&self, guest: &'g Guest) -> User<'g> {
        let socket: PathBuf = self.folder.path().join("agent");
        User::near(guest).with("SSH_AUTH_SOCK", socket.to_str().unwrap())
    }
}

/// Gives a key to the user's agent.
fn add(user: &User, key: &Path) {
    let askpass = user.writes("askpass", "#!/bin/sh\necho secret\n");
    fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).unwrap();
    user.types(format!("SSH_ASKPASS=./askpass SSH_ASKPASS_REQUIRE=force ssh-add -q {}", key.display()))
        .succeeds();
}

/// Gives new keys that open no door to the user's agent.
fn add_strangers(user: &User, count: u32) {
    for number in 1..=count {
        let name = format!("stranger-{number}");
        user.types(format!("ssh-keygen -q -t ed25519 -N '' -C {name} -f {name}")).succeeds();
        add(user, &user.home().join(name));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
