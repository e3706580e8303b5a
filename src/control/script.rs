//! An action → the program that does it in the guest.
//!
//! The command is `sh` alone, which every login shell reads alike; its program comes on standard input, where neither `ps`
//! nor the log of sudo sees it. Nothing of it runs before the last line has arrived, and then it runs to its end, whatever
//! becomes of the connection.

use secrecy::ExposeSecret;

use super::{Action, Instance, Keys, Step};
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
        Step::Sccli { service, word, units } => {
            on(&format!("sccli {} {}", quoted(service.as_str()), quoted(word)), units)
        }
        Step::SccliVariables(variables) => variables
            .iter()
            .map(|(name, value)| format!("export {name}={}; ", quoted(value.expose_secret())))
            .collect(),
        Step::SccliImage => "image".to_owned(),
        Step::SetProxy { variables, units } => {
            on(&format!("set_proxy {}", quoted(variables.expose_secret().trim_end())), units)
        }
        Step::RemoveProxy => "remove_proxy".to_owned(),
        Step::TalkTls { unit, keys, user } => {
            let Keys { authority, server, client } = keys;
            let words = [
                &server.certificate,
                server.key.expose_secret(),
                &client.certificate,
                client.key.expose_secret(),
            ];
            let words: String = words.iter().map(|text| format!(" {}", quoted(text.trim_end()))).collect();
            let (unit, user) = (quoted(&unit.full()), quoted(user.as_str()));
            format!("talk_tls {unit} {user} {}{words}", quoted(authority.trim_end()))
        }
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
units=/etc/systemd/system
settings=/etc/service-manager
engines=\"docker.service containerd.service crio.service\"
systemctl() { command systemctl \"$@\"; }
journal() { journalctl --quiet --no-pager --output=cat --unit=\"$1\" \"$2\"; }
";

const USER: &str = "\
units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
settings=${XDG_CONFIG_HOME:-$HOME/.config}/service-manager
engines=
XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
export XDG_RUNTIME_DIR
systemctl() { command systemctl --user \"$@\"; }
journal() { journalctl --quiet --no-pager --output=cat --user-unit=\"$1\" \"$2\"; }
";

/// `frame KIND BODY` writes an answer (`probe::frame`). `failed KIND WHAT SAID` is the last thing that is done; `last_words UNIT [SECONDS]` are
/// those of this action, and of so many seconds before. `related
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
    frame "$1" "$2"
    frame said "$3"
    frame end ''
    exit 1
}
last_words() { journal "$1" --since="@$((b - ${2-0}))" 2>/dev/null | tail -n 10 | tail -c 8192; }
unit_failed() {
    l=$(last_words "$1")
    failed unit "$1" "${l:-$2}"
}
explain() { failed unit "$1" "$(last_words "$1" 60)"; }
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
sccli() {
    s=$1 v=$2
    shift 2
    o=$(command sccli "$s" "$v" 2>&1)
    c=$?
    [ "$c" -ne 0 ] || return 0
    for u; do
        systemctl --quiet is-active -- "$u" || { o="$o
$(last_words "$u")"; break; }
    done
    failed sccli "$c" "$o"
}
image() {
    while IFS== read -r k v; do
        v=${v#[\"\']}; v=${v%[\"\']}
        case $v in *[!A-Za-z0-9._:/-]*) continue;; esac
        case $k in
            DOCKER_REGISTRY) DOCKER_REGISTRY=${DOCKER_REGISTRY:-$v} ;;
            IMAGE_NAME) IMAGE_NAME=${IMAGE_NAME:-$v} ;;
            IMAGE_TAG) IMAGE_TAG=${IMAGE_TAG:-$v} ;;
        esac
    done 2>/dev/null </etc/sysconfig/openshift_option
    [ "$DOCKER_REGISTRY" ] && [ "$IMAGE_NAME" ] && [ "$IMAGE_TAG" ] || failed sccli 112 ''
    export DOCKER_REGISTRY IMAGE_NAME IMAGE_TAG
}
put() {
    [ "$(cat "$1" 2>/dev/null)" != "$2" ] || return 0
    mkdir -p "${1%/*}" && (umask 077; printf '%s\n' "$2" >"$1.new.$$") && mv -f "$1.new.$$" "$1" || failed file "$1" ''
    changed=yes
}
restart() {
    systemctl daemon-reload
    for u; do
        systemctl --quiet is-active -- "$u" || continue
        e=$(systemctl restart -- "$u" 2>&1) || unit_failed "$u" "$e"
        frame restarted "$u"
    done
}
set_proxy() {
    changed=
    put "$settings/proxy.env" "$1"
    p=$changed r=
    shift
    for u in $engines "$@"; do
        systemctl cat -- "$u" >/dev/null 2>&1 || continue
        changed=$p
        put "$units/$u.d/service-manager-proxy.conf" "[Service]
EnvironmentFile=-$settings/proxy.env"
        case " $r " in *" $u "*) ;; *) r="$r${changed:+ $u}" ;; esac
    done
    [ -z "$r" ] || restart $r
}
remove_proxy() {
    r=
    set +f
    for f in "$units"/*.d/service-manager-proxy.conf; do
        [ -e "$f" ] || continue
        rm -f "$f"
        rmdir "${f%/*}" 2>/dev/null
        u=${f%.d/*}
        r="$r ${u##*/}"
    done
    set -f
    rm -f "$settings/proxy.env"
    rmdir "$settings" 2>/dev/null
    [ -z "$r" ] || restart $r
}
talk_tls() {
    u=$1 d=/etc/docker f=$units/$1.d/service-manager-tls.conf
    h=$(getent passwd "$2" | cut -d: -f6)
    [ "$h" ] || failed tls '' "there is no user $2"
    if [ ! -e "$f" ]; then
        x=$(systemctl cat -- "$u" 2>/dev/null | sed -e ':a' -e '/\\$/{N;s/\\\n[[:space:]]*/ /;ta' -e '}' | sed -n 's/^ExecStart=//p' | tail -n 1)
        c=$({ tr '\000' ' ' <"/proc/$(related MainPID "$u")/cmdline"; } 2>/dev/null)
        case "$x $c" in
            ' '*) failed tls '' 'its unit has no ExecStart' ;;
            *--tls* | *tcp://*) failed tls '' 'it is told about TLS or a port already' ;;
        esac
        [ ! -e $d/server-key.pem ] || failed tls '' "there is $d/server-key.pem already"
        # Without any it listens there by itself.
        case $x in *' -H'* | *--host*) ;; *) x="$x -H unix:///var/run/docker.sock" ;; esac
    fi
    put $d/ca.pem "$3"
    put $d/server-cert.pem "$4"
    put $d/server-key.pem "$5"
    [ -e "$f" ] || put "$f" "[Service]
ExecStart=
ExecStart=$x -H tcp://0.0.0.0:2376 --tlsverify --tlscacert=$d/ca.pem --tlscert=$d/server-cert.pem --tlskey=$d/server-key.pem"
    systemctl daemon-reload
    systemctl --quiet is-active -- "$u" && r=yes || r=
    if ! e=$(systemctl restart -- "$u" 2>&1); then
        l=$(last_words "$u")
        rm -f "$f" $d/ca.pem $d/server-cert.pem $d/server-key.pem
        systemctl daemon-reload
        systemctl reset-failed -- "$u" 2>/dev/null
        [ -z "$r" ] || systemctl restart -- "$u" 2>/dev/null
        failed tls '' "${l:-$e}"
    fi
    [ -z "$r" ] || frame restarted "$u"
    # The last one is what it is known by.
    (umask 077; mkdir -p "$h/.docker")
    chown "$2:" "$h/.docker"
    own "$2" "$h/.docker/ca.pem" "$3"
    own "$2" "$h/.docker/key.pem" "$7"
    own "$2" "$h/.docker/cert.pem" "$6"
}
own() {
    (umask 077; printf '%s\n' "$3" >"$2.new.$$") && chown "$1:" "$2.new.$$" && mv -f "$2.new.$$" "$2" || failed file "$2" ''
}
linger() { loginctl enable-linger 2>/dev/null || :; }
ping() {
    i=0
    until answers "$1"; do
        i=$((i + 1))
        [ "$i" -lt 60 ] || failed socket "$1" ''
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
        for cut in (0..script.trim_end().len()).step_by(13) {
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
