//! An action → the program that does it in the guest.
//!
//! The command is `sh` alone, which every login shell reads alike; its program comes on standard input, where neither `ps`
//! nor the log of sudo sees it. Nothing of it runs before the last line has arrived, and then it runs to its end, whatever
//! becomes of the connection.

use super::{Action, Instance, Step};
use crate::grammar::{GuestPath, UnitName};
use crate::probe::frame::Nonce;

/// The command that reads the program.
pub(super) fn command(with_sudo: bool) -> &'static str {
    if with_sudo { "env LC_ALL=C sudo -n sh -s" } else { "env LC_ALL=C sh -s" }
}

/// The program for `action`.
pub(super) fn script(action: &Action, nonce: &Nonce) -> String {
    let instance = match action.instance {
        Instance::System => SYSTEM,
        Instance::User => USER,
    };
    let calls: String = action.steps.iter().map(|step| format!("    {}\n", call(step))).collect();
    // Between braces, so that sh reads it to its end before it does anything.
    format!("{{\nn={nonce}\n{instance}{FUNCTIONS}main() {{\n{calls}}}\nwhole </dev/null\n}}\n")
}

/// True when the guest has begun to run a program with this nonce.
pub(super) fn has_begun(stdout: &[u8], nonce: &Nonce) -> bool {
    let mark = format!("@{nonce} begin ");
    stdout.windows(mark.len()).any(|window| window == mark.as_bytes())
}

pub(super) fn call(step: &Step) -> String {
    let on = |function: &str, units: &[UnitName]| {
        let words: String = units.iter().map(|unit| format!(" {}", quoted(&unit.full()))).collect();
        format!("{function}{words}")
    };
    match step {
        Step::Enable(units) => on("enable", units),
        Step::Disable(units) => on("disable", units),
        Step::Start(units) => on("start", units),
        Step::Stop(units) => on("stop", units),
        Step::Disarm(units) => on("disarm", units),
        Step::StopPods => "pods".to_owned(),
        Step::Linger => "linger".to_owned(),
        Step::Explain(unit) => on("explain", std::slice::from_ref(unit)),
        Step::Ping(socket) => format!("ping {}", path(socket)),
    }
}

/// A path as a word of sh.
fn path(path: &GuestPath) -> String {
    let text = path.as_str();
    if let Some(rest) = text.strip_prefix(GuestPath::RUNTIME) {
        format!("\"$XDG_RUNTIME_DIR\"/{}", quoted(rest))
    } else if let Some(rest) = text.strip_prefix(GuestPath::HOME) {
        format!("\"$HOME\"/{}", quoted(rest))
    } else {
        quoted(text)
    }
}

/// `text` as one word of sh, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

const SYSTEM: &str = "\
systemctl() { command systemctl \"$@\"; }
journal() { journalctl --quiet --no-pager --output=cat --unit=\"$1\" \"$2\"; }
";

const USER: &str = "\
XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
export XDG_RUNTIME_DIR
systemctl() { command systemctl --user \"$@\"; }
journal() { journalctl --quiet --no-pager --output=cat --user-unit=\"$1\" \"$2\"; }
";

/// `frame KIND BODY` writes an answer (`probe::frame`). `failed WHAT SAID` is the last thing that is done; `unit_failed UNIT SAID [SECONDS]` has
/// the unit's own words of this action, and of so many seconds before, unless there are none. `related
/// PROPERTY UNIT` names units that start this one, or that it starts; `--value` would be newer than some guests. `pods`
/// asks the container runtime, which is containerd or CRI-O, or on old guests Docker. A command over SSH often has no `sbin` in
/// its path, and one of sudo's no `/usr/local/bin`.
const FUNCTIONS: &str = r#"LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin
export LC_ALL PATH
set -f
b=$(date +%s)
frame() { echo "@$n $1 ${#2}"; printf %s "$2"; echo; }
whole() {
    trap '' HUP PIPE
    echo
    frame begin ''
    main
    frame end ''
}
failed() {
    frame failed "$1"
    frame said "$2"
    frame end ''
    exit 1
}
unit_failed() {
    l=$(journal "$1" --since="@$((b - ${3-0}))" 2>/dev/null | tail -n 10 | tail -c 8192)
    failed "$1" "${l:-$2}"
}
explain() { unit_failed "$1" '' 60; }
related() { systemctl show --property="$1" -- "$2" 2>/dev/null | sed -n "s/^$1=//p"; }
enable() {
    for u; do
        # What has no [Install] is started by others.
        systemctl --quiet enable -- "$u" $(related TriggeredBy "$u") 2>/dev/null || :
    done
}
disable() {
    for u; do
        systemctl --quiet disable -- "$u" $(related TriggeredBy "$u") 2>/dev/null || :
    done
}
start() {
    for u; do
        systemctl --quiet is-active -- "$u" && continue
        for t in $(related TriggeredBy "$u"); do systemctl start -- "$t" 2>/dev/null || :; done
        e=$(systemctl start -- "$u" 2>&1) || unit_failed "$u" "$e"
    done
}
disarm() {
    for u; do
        for t in $(related TriggeredBy "$u"); do
            e=$(systemctl stop -- "$t" 2>&1) || unit_failed "$t" "$e"
        done
    done
}
stop() {
    for u; do
        t=$(related Triggers "$u")
        e=$(systemctl stop -- "$u" $t 2>&1) || unit_failed "$u" "$e"
    done
}
pods() {
    if command -v crictl >/dev/null; then
        p=$(crictl pods --quiet --state ready 2>/dev/null) || return 0
        [ -z "$p" ] || crictl stopp $p >/dev/null 2>&1 || :
    elif command -v docker >/dev/null; then
        p=$(docker ps --quiet --filter label=io.kubernetes.pod.name 2>/dev/null) || return 0
        [ -z "$p" ] || docker stop $p >/dev/null 2>&1 || :
    fi
}
linger() { loginctl enable-linger 2>/dev/null || :; }
ping() {
    i=0
    until answers "$1"; do
        i=$((i + 1))
        [ "$i" -lt 60 ] || failed "$1" 'nothing answers'
        sleep 0.5
    done
}
answers() {
    if command -v curl >/dev/null; then
        curl --silent --fail --output /dev/null --max-time 5 --unix-socket "$1" http://localhost/_ping
    elif command -v docker >/dev/null; then
        docker --host "unix://$1" version >/dev/null 2>&1
    fi
}
"#;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn script() -> String {
        let unit = UnitName::parse("k3s").unwrap();
        let steps = vec![Step::Enable(vec![unit.clone()]), Step::Start(vec![unit])];
        super::script(&Action { instance: Instance::System, steps }, &Nonce::of("n"))
    }

    #[test]
    fn nothing_of_a_program_that_is_cut_off_runs() {
        let script = script();
        for cut in (0..script.len()).step_by(13) {
            let output = Command::new("sh").args(["-c", &script[..cut]]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{cut}");
        }
    }

    #[test]
    fn a_word_is_a_word_whatever_is_in_it() {
        for text in ["", "a b", "'", "$(id)`id`\"\\", "it's\n'x", "*?[a]", "-n", "%", "\u{1b}"] {
            let script = format!("printf %s {}", quoted(text));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}
