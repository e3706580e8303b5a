//! Questions → one command for the guest.
//!
//! The command is `sh` with a program of one line in single quotes: sshd hands it to the user's login
//! shell, which may be bash, fish or tcsh, so the program holds no single quote, no backslash, no `!` and
//! no line break, the characters that those shells treat differently there. It writes nothing and starts
//! nothing. As an argument it costs no round trip more; on standard input it would.

use super::questions::{Detail, FileQuestion, Questions};
use crate::base::types::{GuestPath, UnitName};
use crate::guest::frame::Nonce;

/// The command that asks `questions`, for any login shell.
pub(super) fn command(questions: &Questions, nonce: &Nonce, user_is_root: bool) -> String {
    let functions =
        if questions.registries { [FUNCTIONS, REGISTRIES].concat() } else { FUNCTIONS.to_owned() };
    let functions = one_line(&functions);
    let main = main(questions, user_is_root);
    // `env` and not `LC_ALL=C sh`, which is no command in tcsh. `${#x}` counts bytes in this locale only.
    format!("env LC_ALL=C sh -c '{main}' service-manager '{functions}' {nonce} '\"' \"'\"")
}

/// Starting systemctl and sudo takes longer than all the rest, so the three go on beside each other; whoever comes
/// later in a pipeline passes on what the one before wrote.
fn main(questions: &Questions, user_is_root: bool) -> String {
    let mut script = as_user(questions) + &settling(questions);
    let root = as_root(questions, user_is_root);
    if !root.is_empty() {
        script = format!("{{ {root}}} | {{ {script}cat; }}; ");
    }
    if !questions.units.is_empty() {
        // Whether it is systemd that runs: sd_booted(3). `show` would take ten times as long, one or two milliseconds for each unit; but this one knows only units
        // that are loaded, so that of the others the files are looked for.
        let units = questions.units.iter().map(UnitName::full).collect::<Vec<_>>().join(" ");
        script = format!(
            "systemctl list-units --all --plain --no-legend --full {units} 2>/dev/null | \
             {{ [ -d /run/systemd/system ] || frame nosystemd \"\"; installed {units}; {script}lines; frame units \"$b\"; }}; "
        );
    }
    format!("eval \"$1\"; echo; frame begin \"\"; {script}frame end \"\"")
}

fn as_user(questions: &Questions) -> String {
    let mut script = String::new();
    if questions.mention(GuestPath::RUNTIME) {
        script += "t=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}; frame runtime \"$t\"; ";
    }
    if questions.addresses {
        script +=
            "b=$(ip -o addr show scope global 2>/dev/null) || b=$(hostname -I); frame addresses \"$b\"; ";
    }
    if questions.listening {
        script += LISTENING;
    }
    if questions.platform {
        script += "b=$(uname -m); frame machine \"$b\"; ";
    }
    if questions.release {
        script += "lines </etc/os-release; frame release \"$b\"; ";
    }
    if questions.registries {
        // Those of the user's own engines.
        script += "t=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}; containers $t/docker.pid $t/docker.sock $t/libpod/tmp/alive; ";
    }
    script.extend(questions.files.iter().enumerate().filter(|(_, file)| !file.root).map(file_call));
    script
}

/// `systemctl show` names times by the clock since the boot, so that one is told too.
fn settling(questions: &Questions) -> String {
    if !questions.settling {
        return String::new();
    }
    let units = questions.units.iter().map(UnitName::full).collect::<Vec<_>>().join(" ");
    format!(
        "b=$(cat /proc/uptime; systemctl show --property=Id,ActiveEnterTimestampMonotonic {units} 2>/dev/null); \
         frame ages \"$b\"; "
    )
}

fn as_root(questions: &Questions, user_is_root: bool) -> String {
    let mut root: String =
        questions.files.iter().enumerate().filter(|(_, file)| file.root).map(file_call).collect();
    if questions.registries {
        root += "containers /run/docker.pid /run/docker.sock /run/libpod/alive; ";
    }
    if root.is_empty() {
        return root;
    }
    if user_is_root {
        return format!("frame root \"\"; {root}");
    }
    // One sudo for all of it, on standard input, since sudo logs arguments. Without sudo, what can be seen is still
    // worth knowing.
    format!(
        "r=\"{root}\"; printf %s \"$1 frame root $q$q; $r :\" | \
         sudo -n sh -s service-manager \"$n\" \"$q\" \"$s\" || eval \"$r\"; "
    )
}

fn file_call((index, file): (usize, &FileQuestion)) -> String {
    let path = file.pattern.as_str();
    let word = if let Some(rest) = path.strip_prefix(GuestPath::RUNTIME) {
        format!("$t/{rest}")
    } else if let Some(rest) = path.strip_prefix(GuestPath::HOME).filter(|_| file.root) {
        // Root has another home.
        format!("$HOME/{rest}")
    } else {
        path.to_owned()
    };
    match &file.detail {
        Detail::Presence => format!("seen {index} {word}; "),
        Detail::Writable => format!("usable {index} {word}; "),
        Detail::Content if file.pattern.path().is_none() => format!("texts {index} {word}; "),
        Detail::Content => format!("text {index} {word}; "),
        Detail::Token(variants) => {
            let variants: String = variants.iter().map(|variant| format!(" {variant}")).collect();
            format!("account {index} {word}{variants}; ")
        }
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The kernel has a line for each socket (`proc_net_tcp` in its documentation); `0A` is in those that listen. Making these
/// lines takes the kernel some milliseconds.
const LISTENING: &str =
    "b=$(grep -hs \" 0A \" /proc/net/tcp /proc/net/tcp6 | head -c 65536); frame listening \"$b\"; ";

/// `lines` reads all lines into `$b` without starting a program, which takes longer than reading short files; the last
/// character of `$IFS` is a line break. `frame KIND BODY` writes an answer; `installed` the units that have a file (`systemd.unit(5)`); `seen`, `usable` and `text`
/// answer for one file, `texts` for all that a pattern means; `parts` for the files that a kubeconfig names instead
/// of holding their content, by the path as YAML would read it. `account` adds a token of the service account
/// `default`, if `variant` finds that `VARIANT_ID` is one of the words that follow: the one in its secret or, since
/// Kubernetes 1.24 makes none, a new one for a year, or for as long as the server allows. `$q` is a double quote, `$s`
/// a single one. A command over SSH often has no `sbin` in its path, where some guests have `ip`.
const FUNCTIONS: &str = "\
    n=$2; q=$3; s=$4; e=${IFS#??}; PATH=$PATH:/usr/sbin:/sbin;
    lines() { b=; while IFS= read -r l || [ -n \"$l\" ]; do b=$b$l$e; done; };
    installed() {
        l=;
        for u in \"$@\"; do
            for d in /etc /run /usr/local/lib /usr/lib /lib; do
                if [ -e \"$d/systemd/system/$u\" ]; then l=\"$l $u\"; break; fi;
            done;
        done;
        frame installed \"$l\";
    };
    frame() { echo \"@$n $1 ${#2}\"; printf %s \"$2\"; echo; };
    hidden() {
        d=${2%/*};
        while [ -n \"$d\" ]; do
            if [ -d \"$d\" ]; then [ -x \"$d\" ] || frame \"hidden $1\" \"\"; break; fi;
            case $d in */*) d=${d%/*};; *) break;; esac;
        done;
    };
    seen() { if [ -e \"$2\" ]; then frame \"present $1\" \"\"; else hidden $1 $2; fi; };
    usable() { if [ -w \"$2\" ]; then frame \"writable $1\" \"\"; else seen $1 $2; fi; };
    text() {
        if [ -f \"$2\" ] && [ -r \"$2\" ]; then
            c=$(head -c 1048577 \"$2\"); frame \"text $1\" \"$c\";
            case $c in *-authority:*|*-certificate:*|*-key:*|*tokenFile:*|*\" certificate:\"*) parts \"$1\" \"$2\" \"$c\";; esac;
        elif [ -e \"$2\" ]; then frame \"denied $1\" \"\";
        else hidden $1 $2; fi;
    };
    texts() {
        j=$1; shift;
        for m in \"$@\"; do
            if [ -f \"$m\" ]; then frame \"match $j\" \"$m\"; text \"$j\" \"$m\"; else hidden \"$j\" \"$m\"; fi;
        done;
    };
    api() { kubectl --request-timeout=5s --namespace=default \"$@\"; };
    variant() {
        [ $# -gt 0 ] || return 0;
        while IFS== read -r k v; do
            [ \"$k\" = VARIANT_ID ] || continue;
            v=${v#[$q$s]}; v=${v%[$q$s]};
            for w in \"$@\"; do if [ \"$v\" = \"$w\" ]; then return 0; fi; done;
        done </etc/os-release;
        return 1;
    };
    account() {
        text \"$1\" \"$2\"; [ -f \"$2\" ] || return 0;
        j=$1; shift 2; variant \"$@\" || return 0;
        m=$(api get serviceaccount default -o \"jsonpath={.secrets[0].name}\" </dev/null) || return 0;
        if [ -n \"$m\" ]; then
            c=$(api get secret -o \"jsonpath={.data.token}\" -- \"$m\" </dev/null) && frame \"secret $j\" \"$c\";
        else
            c=$(printf %s \"{ ${q}apiVersion$q: ${q}authentication.k8s.io/v1$q, ${q}kind$q: ${q}TokenRequest$q, \
                ${q}spec$q: { ${q}expirationSeconds$q: 31536000 } }\" |
                api create -f - --raw /api/v1/namespaces/default/serviceaccounts/default/token) &&
                frame \"token $j\" \"$c\";
        fi;
    };
    parts() {
        { printf %s \"$3\"; echo; } | while read -r k p; do
            case $k in certificate-authority:|client-certificate:|client-key:|tokenFile:|certificate:)
                case $p in
                    \"$q\"*) p=${p#?}; p=${p%%\"$q\"*};;
                    \"$s\"*) p=${p#?}; p=${p%%\"$s\"*};;
                    *) p=${p%%[[:space:]]*};;
                esac;
                case $p in /*) f=$p;; *) f=${2%/*}/$p;; esac;
                if [ -f \"$f\" ] && [ -r \"$f\" ]; then
                    c=$(head -c 65537 \"$f\"); frame \"path $1\" \"$p\"; frame \"part $1\" \"$c\";
                fi;;
            esac;
        done;
    };";

/// `containers PID SOCKET ALIVE` shows those with an image registry: of Docker where its file PID is there, since its client would
/// start what listens at SOCKET, and of Podman where ALIVE says that it was used since the boot, since it would make its folders.
/// The certificate is in the container's own files. An engine that hangs is waited for shortly. Apart from the others, since few commands ask for it.
const REGISTRIES: &str = "
    containers() {
        if [ -e \"$1\" ]; then registries env DOCKER_HOST=unix://$2 docker; fi;
        if [ -e \"$3\" ]; then registries podman; fi;
    };
    registries() {
        w=; if command -v timeout >/dev/null; then w=\"timeout 3\"; fi;
        $w \"$@\" ps --all --no-trunc --format \"{{.ID}} {{.Image}}\" </dev/null 2>/dev/null | while read -r i m; do
            case $m in
                registry|registry[:@]*|*/registry|*/registry[:@]*|*/distribution|*/distribution[:@]*) ;;
                *) continue;;
            esac;
            c=$($w \"$@\" inspect --type container --format \"{{json .}}\" \"$i\" </dev/null 2>/dev/null | head -c 262145);
            frame container \"$c\";
            f=$($w \"$@\" inspect --type container --format \"{{range .Config.Env}}{{println .}}{{end}}\" \"$i\" </dev/null 2>/dev/null |
                sed -n s/^REGISTRY_HTTP_TLS_CERTIFICATE=//p | head -n 1);
            if [ -n \"$f\" ]; then
                c=$($w \"$@\" cp \"$i:$f\" - </dev/null 2>/dev/null | tar -xOf - 2>/dev/null | head -c 65537);
                frame certificate \"$c\";
            fi;
        done;
    };";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn questions() -> Questions {
        let catalogue = Catalogue::built_in().unwrap();
        let services = catalogue.entries().iter().map(|entry| &entry.service);
        Questions { release: true, ..Questions::to_use(services) }.of_what_comes_up()
    }

    #[test]
    fn every_login_shell_reads_the_command_alike() {
        for user_is_root in [false, true] {
            let command = command(&questions(), &Nonce::random().unwrap(), user_is_root);
            assert!(!command.contains(['\\', '!', '\n']), "{command}");
            // Around the program, the functions and the double quote; and the one between double quotes.
            assert_eq!(command.matches('\'').count(), 7, "{command}");
        }
    }

    #[test]
    fn sudo_is_used_once_and_only_for_what_needs_root() {
        let nonce = Nonce::random().unwrap();
        assert_eq!(command(&questions(), &nonce, false).matches("sudo").count(), 1);
        assert_eq!(command(&questions(), &nonce, true).matches("sudo").count(), 0);
        let address = Questions { addresses: true, ..Questions::default() };
        assert_eq!(command(&address, &nonce, false).matches("sudo").count(), 0);
    }

    #[test]
    fn a_token_is_made_only_for_who_logs_in() {
        let catalogue = Catalogue::built_in().unwrap();
        let nonce = Nonce::random().unwrap();
        let calls = |questions: &Questions| command(questions, &nonce, false).matches("; account ").count();
        assert_eq!(calls(&Questions::about(catalogue.select(&[]).unwrap())), 0);
        assert_eq!(calls(&questions()), 1);
        assert!(command(&questions(), &nonce, false).contains("/apiserver.crt adb cdk; "));
    }
}
