//! An action → the program that does it in the guest.
//!
//! The command is `sh` alone, which every login shell reads alike; its program comes on standard input, where neither `ps`
//! nor the log of sudo sees it. Nothing of it runs before the last line has arrived, and then it runs to its end, whatever
//! becomes of the connection.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::install_call::InstallCall;
use super::keys::Keys;
use super::step::{Instance, KeysRenewal, Step};
use crate::base::text::sh_quote;
use crate::base::types::{GuestPath, UnitName};
use crate::guest::frame::Nonce;

/// The command that reads the program.
pub(super) fn command(with_sudo: bool) -> &'static str {
    if with_sudo { "env LC_ALL=C sudo -n sh -s" } else { "env LC_ALL=C sh -s" }
}

/// The program for `steps`, which waits `patience` for another one to end.
pub(super) fn script(instance: Instance, steps: &[Step], nonce: &Nonce, patience: Duration) -> String {
    let instance = match instance {
        Instance::System => SYSTEM,
        Instance::User => USER,
    };
    let calls: String = steps.iter().map(|step| format!("    {}\n", call(step))).collect();
    let patience = patience.as_secs();
    let functions = if steps.iter().any(|step| matches!(step, Step::Install(_))) {
        [FUNCTIONS, INSTALL_FUNCTIONS].concat()
    } else {
        FUNCTIONS.to_owned()
    };
    // What only looks waits for nobody.
    let lock = if steps.iter().all(|step| matches!(step, Step::Install(InstallCall::Check(_)))) {
        "lock=\n"
    } else {
        ""
    };
    // Between braces, so that sh reads it to its end before it does anything.
    format!(
        "{{\nn={nonce}\npatience={patience}\n{instance}{lock}{functions}main() {{\n{calls}}}\nrun_all </dev/null\n}}\n"
    )
}

pub(super) fn call(step: &Step) -> String {
    let on = |function: &str, units: &[UnitName]| {
        let words: String = units.iter().map(|unit| format!(" {}", sh_quote(&unit.full()))).collect();
        format!("{function}{words}")
    };
    match step {
        Step::Enable(units) => on("enable", units),
        Step::Disable(units) => on("disable", units),
        Step::Start(units) => on("start", units),
        Step::Stop(units) => on("stop", units),
        Step::StopTriggers(units) => on("stop_triggers", units),
        Step::StopPods => "stop_pods".to_owned(),
        Step::Linger => "linger".to_owned(),
        Step::ReportFailure(unit) => on("report_failure", std::slice::from_ref(unit)),
        Step::Sccli { service, word, units } => {
            on(&format!("sccli {} {}", sh_quote(service.as_str()), sh_quote(word)), units)
        }
        Step::StartSccli { service, units } => {
            on(&format!("start_sccli {}", sh_quote(service.as_str())), units)
        }
        Step::ForgetFailures(units) => on("forget_failures", units),
        Step::Variables(variables) if variables.is_empty() => ":".to_owned(),
        Step::Variables(variables) => variables
            .iter()
            .map(|(name, value)| format!("export {name}={}; ", sh_quote(value.expose_secret())))
            .collect(),
        Step::CompleteSccliImage => "complete_image".to_owned(),
        Step::SetProxy { variables, units } => {
            on(&format!("set_proxy {}", sh_quote(variables.expose_secret().trim_end())), units)
        }
        Step::RemoveProxy => "remove_proxy".to_owned(),
        Step::RemoveSccliProxy => "remove_sccli_proxy".to_owned(),
        Step::SetImage { variables, units } => {
            let set = |(name, value): &(&str, SecretString)| {
                let words = on(&format!("set_image {name} {}", sh_quote(value.expose_secret())), units);
                format!("{words}; ")
            };
            format!("{}restart_pending", variables.iter().map(set).collect::<String>())
        }
        Step::EnableTls { unit, keys, user, replace } => {
            let (unit, user) = (sh_quote(&unit.full()), sh_quote(user.as_str()));
            let replace = sh_quote(if *replace { "replace" } else { "" });
            format!("enable_tls {unit} {user} {} {replace}", key_words(keys))
        }
        Step::RenewKeys(KeysRenewal { unit, daemon, user, old_keys, keys }) => {
            let (unit, user, daemon) = (sh_quote(&unit.full()), sh_quote(user.as_str()), path(daemon));
            let old: String = match old_keys {
                Some(texts) => {
                    texts.iter().map(|text| format!(" {}", sh_quote(text.expose_secret()))).collect()
                }
                None => String::new(),
            };
            format!("renew_keys {unit} {user} {} {daemon}{old}", key_words(keys))
        }
        Step::Install(call) => call.text(),
        Step::WaitForEngine(socket) => format!("wait_for_engine {}", path(socket)),
    }
}

/// The authority, the server's certificate and key, the client's, and when they were made.
fn key_words(keys: &Keys) -> String {
    let Keys { authority, server, client, made_at } = keys;
    let texts = [
        authority,
        &server.certificate,
        server.key.expose_secret(),
        &client.certificate,
        client.key.expose_secret(),
    ];
    let words: String = texts.iter().map(|text| format!("{} ", sh_quote(text.trim_end()))).collect();
    format!("{words}{made_at}")
}

/// A path as a word of sh.
fn path(path: &GuestPath) -> String {
    let text = path.as_str();
    if let Some(rest) = text.strip_prefix(GuestPath::RUNTIME) {
        format!("\"$XDG_RUNTIME_DIR\"/{}", sh_quote(rest))
    } else if let Some(rest) = text.strip_prefix(GuestPath::HOME) {
        format!("\"$HOME\"/{}", sh_quote(rest))
    } else {
        sh_quote(text)
    }
}

const SYSTEM: &str = "\
lock=/run
pending=/run/service-manager
units=/etc/systemd/system
settings=/etc/service-manager
installing=/var/lib/service-manager
engines=\"docker.service containerd.service crio.service\"
options=/etc/sysconfig/openshift_option
systemctl() { command systemctl \"$@\"; }
journal() { journalctl --quiet --no-pager --output=cat --unit=\"$1\" \"$2\"; }
";

const USER: &str = "\
units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
settings=${XDG_CONFIG_HOME:-$HOME/.config}/service-manager
engines=
XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
export XDG_RUNTIME_DIR
lock=$XDG_RUNTIME_DIR
pending=$XDG_RUNTIME_DIR/service-manager
systemctl() { command systemctl --user \"$@\"; }
journal() { journalctl --quiet --no-pager --output=cat --user-unit=\"$1\" \"$2\"; }
";

/// The functions that are called.
const FUNCTIONS: &str = include_str!("guest.sh");
/// Those that install.
const INSTALL_FUNCTIONS: &str = include_str!("install.sh");

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn script() -> String {
        let unit = UnitName::parse("k3s").unwrap();
        let steps = vec![Step::Enable(vec![unit.clone()]), Step::Start(vec![unit])];
        super::script(Instance::System, &steps, &Nonce::of("n"), Duration::ZERO)
    }

    #[test]
    fn nothing_of_a_program_that_is_cut_off_runs() {
        let script = script();
        for cut in (0..script.trim_end().len()).step_by(13).filter(|cut| script.is_char_boundary(*cut)) {
            let output = Command::new("sh").args(["-c", &script[..cut]]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{cut}");
        }
    }

    #[test]
    fn a_word_is_a_word_whatever_is_in_it() {
        for text in ["", "a b", "'", "$(id)`id`\"\\", "it's\n'x", "*?[a]", "-n", "%", "\u{1b}"] {
            let script = format!("printf %s {}", sh_quote(text));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }

    /// What `calls` of the functions write, in `folder`.
    fn run(folder: &std::path::Path, calls: &str) -> String {
        let script = format!("n=n pending=$PWD/pending\n{FUNCTIONS}\n{calls}");
        let output = Command::new("sh").current_dir(folder).args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn the_lock_is_held_and_not_inherited() {
        let folder = tempfile::tempdir().unwrap();
        let said = run(
            folder.path(),
            "lock=$PWD patience=1
             main() { ls -l /proc/self/fd | grep -c manager.lock; flock --nonblock manager.lock echo free; flock --nonblock service-manager.lock echo free; }
             touch manager.lock; run_all",
        );
        assert_eq!(said, "\n@n begin 0\n\n0\nfree\n@n end 0\n\n");
    }

    #[test]
    fn a_mark_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("pending/k3s.service")).unwrap();
        let said = run(folder.path(), "mark_pending_restart k3s.service");
        assert!(said.contains("/pending/k3s.service\n@n said 0\n\n@n end 0\n"), "{said}");
    }

    #[test]
    fn a_unit_whose_program_is_gone_is_told_with_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("bin")).unwrap();
        for (name, text) in [
            ("systemctl", "[ -z \"$ran\" ] || echo \"ExecStart={ path=$ran ; argv[]=$ran -x ; flags= }\""),
            ("dpkg-query", "[ \"$owner\" = dpkg ] && echo \"docker.io:amd64: $2\""),
            ("rpm", "[ \"$owner\" = rpm ] && echo moby-engine || echo \"no package provides $5\""),
            ("zypper", "exit 1"),
        ] {
            std::fs::write(path("bin").join(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        }
        let said = |ran: &str, owner: &str| {
            let call = format!(
                "chmod -R +x bin; PATH=$PWD/bin:$PATH; export ran={ran} owner={owner}; must_have_program docker.service; echo there"
            );
            run(folder.path(), &call)
        };
        for ran in ["", "/bin/sh", "'/no such place/x'", "x"] {
            assert_eq!(said(ran, ""), "there\n", "{ran}");
        }
        for (owner, package) in [("", ""), ("dpkg", " apt docker.io"), ("rpm", " zypper moby-engine")] {
            let body = format!("docker.service /no-such-place/x{package}");
            assert_eq!(
                said("/no-such-place/x", owner),
                format!("@n program {}\n{body}\n@n said 0\n\n@n end 0\n\n", body.len())
            );
        }
    }

    #[test]
    fn what_systemd_can_start_is_started_whatever_its_program() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let systemctl = "#!/bin/sh\n[ $1 != show ] || echo 'ExecStart={ path=/no-such-place/x ; argv[]=/no-such-place/x ; flags= }'\n\
             [ \"$1 $2\" != '--quiet is-active' ] || exit 3\n[ $1 != start ] || exit $started\n";
        std::fs::write(bin.join("systemctl"), systemctl).unwrap();
        let said = |started: u8| {
            let call = format!(
                "chmod +x bin/systemctl; PATH=$PWD/bin:$PATH; export started={started}; start a.service b.service; echo done"
            );
            run(folder.path(), &call)
        };
        assert_eq!(said(0), "done\n");
        assert!(said(1).starts_with("@n program 26\na.service /no-such-place/x\n"), "{}", said(1));
    }

    /// A limit on the size of files is what a full disk is.
    #[test]
    fn nothing_is_left_of_a_file_that_cannot_be_written() {
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        for call in
            ["put \"$PWD/key.pem\" secret", &format!("put_for {} \"$PWD/key.pem\" secret", user.trim())]
        {
            let folder = tempfile::tempdir().unwrap();
            let said = run(folder.path(), &format!("(ulimit -f 0; {call}) 2>/dev/null"));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{call}");
            // What it says cannot be written to a file, but to a pipe.
            assert!(said.contains("key.pem\n@n said 0\n"), "{said}");
        }
    }

    #[test]
    fn an_image_that_cannot_be_had_never_costs_the_old_options() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("bin")).unwrap();
        for (name, text) in [
            ("systemctl", "exit 0"),
            ("sccli", "sed -i s/v1/v2/ options; exit 111"),
            // On a full disk a copy begins, and no more.
            ("cp", "printf DOCKER >options.service-manager; exit 1"),
        ] {
            std::fs::write(path("bin").join(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        }
        std::fs::write(path("options"), "IMAGE_TAG=v1\n").unwrap();
        let said = run(
            folder.path(),
            "chmod -R +x bin; PATH=$PWD/bin:$PATH options=$PWD/options settings=$PWD units=$PWD
             PROXY='' IMAGE_TAG=v2 DOCKER_REGISTRY=r IMAGE_NAME=i; start_sccli openshift openshift.service",
        );
        assert!(said.contains("@n file "), "{said}");
        assert_eq!(std::fs::read_to_string(path("options")).unwrap(), "IMAGE_TAG=v1\n");
        assert!(!path("options.service-manager").exists());
    }

    #[test]
    fn clocks_that_are_days_apart_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let clock = |host: i64| run(folder.path(), &format!("b=1000000; same_clock {host}; echo same"));
        assert_eq!(clock(1_000_000 - 3600), "same\n");
        assert_eq!(clock(1_000_000 + 3600), "same\n");
        for host in [1_000_000 - 3600 * 50, 1_000_000 + 3600 * 50] {
            assert!(clock(host).starts_with("@n clock 2\n50\n@n said "), "{}", clock(host));
        }
    }
}
