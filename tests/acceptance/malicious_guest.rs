//! A guest that lies: its login shell answers the probe as it likes, with the nonce that it was given.

use std::time::{Duration, Instant};

use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn bounds_endless_answers() {
    let guest = Guest::own("kubeadm", "address");
    for endless in ["head --bytes=1G /dev/zero", "yes", "begin; yes", "begin; while frame root x; do :; done"]
    {
        lies(&guest, endless);
        User::of(&guest)
            .types(frugally("service-manager env kubernetes"))
            .stdout("(exit 126)\n")
            .stderr("error: the guest's answer is longer than 8192 KiB\n")
            .fails(126);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn gives_up_when_no_answer_comes() {
    let guest = Guest::own("kubeadm", "address");
    for never in [
        "sleep 60",
        "begin; sleep 60",
        "while :; do printf x; sleep 0.1; done",
        "exec >&2; begin; yes",
        "begin; exec >&-; sleep 60",
    ] {
        lies(&guest, never);
        let begin = Instant::now();
        User::of(&guest)
            .types(frugally("service-manager --timeout 1 status"))
            .stderr("error: gave up after 1 s, waiting for [..]\nhint: `--timeout SECONDS` waits longer\nhint: `service-manager doctor` says more\n")
            .fails(3);
        assert!(begin.elapsed() < Duration::from_secs(10), "{never}");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_truncated_answers() {
    let guest = Guest::own("kubeadm", "address");
    for short in ["", "n=0; begin; end"] {
        lies(&guest, short);
        User::of(&guest)
            .types(frugally("service-manager env kubernetes"))
            .stdout("(exit 126)\n")
            .stderr(
                "
                error: the guest's answer is not complete
                hint: check that the user's login shell in the machine can run `sh`
                ",
            )
            .fails(126);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_answers_that_are_broken_off() {
    let guest = Guest::own("kubeadm", "address");
    for short in
        ["begin", "begin; frame root ''", "begin; printf '@%s text 0 999\\nshort' $n", "begin; kill -9 $$"]
    {
        lies(&guest, short);
        User::of(&guest)
            .types(frugally("service-manager env kubernetes"))
            .stdout("(exit 126)\n")
            .stderr(
                "
                error: something in the guest ended its answer before it was complete
                hint: try again; the machine may be going down or be out of memory
                ",
            )
            .fails(126);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ignores_unrequested_answers() {
    let guest = Guest::own("kubeadm", "address");
    for odd in [
        "begin; frame evil x; end",
        "begin; frame 'text 9999' x; end",
        "begin; frame 'text 18446744073709551616' x; end",
        "begin; frame 'text -1' x; end",
        "begin; frame 'part 0' x; end",
        "begin; printf '@%s root 99999999999999999999\\n\\n' $n; end",
        "begin; printf '@%s root 0\\nmore\\n' $n; end",
        "begin; printf 'noise\\n'; end",
        "begin; kubeconfig text x; kubeconfig text x; end",
        "begin; kubeconfig text \"$(head --bytes=3M /dev/zero | tr '\\0' x)\"; end",
        "begin; for i in {1..2000}; do frame root ''; done; end",
        "begin; printf '@%s %s\\n' $n \"$(head --bytes=100 /dev/zero | tr '\\0' x)\"; end",
    ] {
        lies(&guest, odd);
        User::of(&guest)
            .types(frugally("service-manager env kubernetes"))
            .stdout("(exit 126)\n")
            .stderr(
                "
                error: the guest's answer is malformed
                hint: check that the user's login shell in the machine can run `sh`
                ",
            )
            .fails(126);
    }
}

/// Short answers that are long, made of what takes the most memory once it is read.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn bounds_the_memory_for_answers() {
    let guest = Guest::own("kubeadm", "address");
    for (kind, text) in [
        ("addresses", "1 "),
        ("addresses", "::1 "),
        ("addresses", "e inet 1.1.1.1\n"),
        ("installed", "a "),
        ("units", ".service a a a\n"),
        ("release", "A=1\n"),
    ] {
        lies(&guest, &format!("begin; frame {kind} \"$(printf '{text}%.0s' {{1..400000}})\"; end"));
        User::of(&guest)
            .types(frugally("service-manager env kubernetes"))
            .stdout("(exit 126)\n")
            .stderr("error: the guest's answer is malformed\nhint: [..]\n")
            .fails(126);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn quotes_values_for_shell_and_terminal() {
    let guest = Guest::own("kubeadm", "address");
    for evil in [
        r"$(touch pwned)",
        r"`touch pwned`",
        r#"";touch pwned;""#,
        "';touch pwned;'",
        r"\e]0;x\a",
        r"a\nexport X=1",
    ] {
        let evil = format!("evil=$(printf '%b' {}); ", shlex::try_quote(evil).unwrap());
        lies(
            &guest,
            &(evil.clone()
                + r#"begin; frame addresses "2: eth0 inet $evil/24 $evil"; [[ $2 != *"frame release"* ]] || frame release "VARIANT_ID=\"$evil\"
NAME=\"$evil\"
PRETTY_NAME=$evil"; frame units "$evil.service loaded active running $evil"; frame installed "$evil"; end"#),
        );
        let user = User::of(&guest);
        user.types(frugally("service-manager box ip --script-readable")).stdout("IP=[ADDRESS]\n").succeeds();
        user.types(frugally("service-manager box version --script-readable"))
            .stderr("error: the guest does not say what runs in it\n")
            .fails(126);
        let written = user.types(frugally("service-manager box version")).stdout("[..]\n").succeeds();
        assert!(!written.stdout.trim_end().contains(char::is_control), "{:?}", written.stdout);
        user.types(frugally("service-manager status"))
            .stdout("docker - not installed\nopenshift - not installed\nkubernetes - not installed\n")
            .succeeds();
        user.types(r#"eval "$(service-manager env kubernetes)""#)
            .stderr("error: there is no kubernetes in `[NAME]`\nhint: [..]\n")
            .fails(126);
        assert!(!user.home().join("pwned").exists(), "{evil}");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn bounds_the_cost_of_any_kubeconfig() {
    let guest = Guest::own("kubeadm", "address");
    for (content, why) in [
        ("$(head --bytes=1048577 /dev/zero | tr '\\0' x)", "it is longer than 1 MiB"),
        ("$(printf 'a: &a [x,x]\\nb: &b [*a,*a]\\nc: [*b,*b]')", "it uses YAML anchors or aliases"),
        ("$(head --bytes=900K /dev/zero | tr '\\0' '[')", "it is not the YAML of a kubeconfig"),
        (
            "$(for i in {1..20000}; do printf '%*s%s:\\n' $((i / 2000)) '' k$i; done)",
            "it is not the YAML of a kubeconfig",
        ),
        ("$(printf '\\377\\376')", "it is not text"),
        ("", "it has no current context"),
    ] {
        lies(&guest, &format!("begin; {UNITS}; kubeconfig text \"{content}\"; end"));
        let why = why.to_owned();
        User::of(&guest)
            .types(frugally("service-manager env kubernetes"))
            .stdout("(exit 126)\n")
            .stderr(&format!(
                "
                error: the kubeconfig `/etc/kubernetes/admin.conf` in `[NAME]` is refused
                caused by: {why}
                hint: [..]
                "
            ))
            .fails(126);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_addresses_that_are_not_the_guests() {
    // Those of the host itself, of everybody, of nobody; and more than anybody has.
    let guest = Guest::own("kubeadm", "address");
    let many = "$(for i in {1..250}; do echo \"2: eth0 inet 192.0.2.$i/24\"; done)";
    for addresses in
        ["2: eth0 inet 127.0.0.1/8", "2: eth0 inet 169.254.169.254/16", "2: eth0 inet 0.0.0.0/0", many]
    {
        lies(&guest, &format!("begin; frame addresses \"{addresses}\"; end"));
        User::of(&guest)
            .types(frugally("service-manager box ip --script-readable"))
            .stdout("IP=[ADDRESS]\n")
            .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_lying_api_server_is_contained() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("static-pod-kube-apiserver");
    let pki = "/etc/kubernetes/pki";
    serves(&guest, 6443, &format!("-CAfile {pki}/ca.crt -cert {pki}/apiserver.crt -key {pki}/apiserver.key"));
    for (api, version, problem) in [
        ("", r#"{"gitVersion": ["v1.2.3"]}"#, ODD),
        ("", "<html>", ODD),
        ("", "", ODD),
        (r"HTTP/1.0 302 Found\r\nLocation: https://192.0.2.1/api\r\n\r\n", "", ODD),
        (r"HTTP/1.0 401 Unauthorized\r\n\r\n", "", REFUSED),
    ] {
        let api = if api.is_empty() { format!("{OK}{{}}") } else { api.to_owned() };
        says(&guest, &[("api", &api), ("version", &format!("{OK}{version}"))]);
        fails_with(&guest, problem);
    }
    // A build of one's own may call itself anything: its version is not known, and the exports are good.
    for version in [r#""v1.2.3$(touch pwned)""#, r#""v1.2.3\\u001b]0;x""#, r#""dev""#, r#""""#, "null"] {
        let version = format!("{OK}{{\"gitVersion\": {version}}}");
        says(&guest, &[("api", &format!("{OK}{{}}")), ("version", &version)]);
        let user = User::of(&guest);
        user.types(frugally("service-manager env kubernetes --script-readable"))
            .stdout("KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n")
            .succeeds();
        user.types(
            "service-manager status kubernetes --output json | grep --only-matching '\"version\":null'",
        )
        .stdout("\"version\":null\n")
        .succeeds();
        assert!(!user.home().join("pwned").exists());
    }
    for endless in ["version", "api"] {
        says(&guest, &[("api", &format!("{OK}{{}}")), ("version", &format!("{OK}{{}}"))]);
        guest.run(&format!(
            "{{ printf '%b{{\"gitVersion\": \"' '{OK}'; yes | tr --delete '\\n' | head --bytes=100M; }} >/run/liar/{endless}"
        ));
        // Of the list of APIs it matters only that the server hands it out.
        match endless {
            "api" => {
                let line = frugally("service-manager env kubernetes --script-readable");
                User::of(&guest)
                    .types(line)
                    .stdout("KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n")
                    .succeeds();
            }
            _ => fails_with(&guest, ODD),
        }
    }
    guest.run("{ printf 'HTTP/1.0 200 OK\\r\\n'; yes 'X: y' | head --bytes=100M; } >/run/liar/api");
    fails_with(&guest, "kubernetes does not answer at any address of `[NAME]`");
}

/// What is no host's name is no registry, and no version is shown in place of one that is none.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sanitizes_routes_and_versions_of_openshift() {
    let master = "/etc/origin/master";
    let guest = Guest::own("origin", "address");
    guest.stops("origin-master");
    // Its unit has to be there, and active.
    guest.changes(
        "cd /run/systemd/system; printf '[Service]\\nExecStart=/usr/bin/sleep infinity\\n' >origin-node.service
        systemctl daemon-reload; systemctl start origin-node; mv /etc/systemd/system/origin-master.service /run",
        "systemctl stop origin-node; rm /run/systemd/system/origin-node.service
        mv /run/origin-master.service /etc/systemd/system; systemctl daemon-reload",
    );
    let files = format!("-cert {master}/master.server.crt -key {master}/master.server.key");
    serves(&guest, 8443, &format!("-CAfile {master}/ca.crt {files}"));
    let route = "apis/route.openshift.io/v1/namespaces/default/routes/docker-registry";
    let good = format!("{OK}{{\"gitVersion\": \"v1.11.0\"}}");
    for evil in HOSTILE {
        let json = serde_json::json!({ "spec": { "host": evil } });
        says(&guest, &[("version", &good), (route, &format!("{OK}{}", escaped(&json)))]);
        has_no(&guest, "openshift", "DOCKER_REGISTRY");
    }
    says(&guest, &[(route, &format!("{OK}{{\"spec\": {{\"host\": \"Hub.example.com\"}}}}"))]);
    User::of(&guest)
        .types("service-manager env openshift --script-readable | grep REGISTRY")
        .stdout("DOCKER_REGISTRY=hub.example.com\n")
        .succeeds();
    // Values of little text and much memory.
    for fill in ["[0],", "{\"a\":{}},"] {
        guest.run(&format!(
            "{{ printf '{OK}{{\"x\":['; printf '{fill}%.0s' {{1..200000}}; printf '0],\"spec\":{{\"host\":\"h\"}}}}'; }} >/run/liar/{route}"
        ));
        has_no(&guest, "openshift", "DOCKER_REGISTRY=[^h]");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sanitizes_the_version_of_microshift() {
    let guest = lying_microshift();
    let shows = |version: &str| {
        User::of(&guest)
            .types(frugally(
                "service-manager status openshift --output json | grep --only-matching '\"version\":[^1,]*,'",
            ))
            .stdout(&format!("\"version\":{version},\n"))
            .succeeds();
    };
    for evil in HOSTILE {
        says_microshift(&guest, evil);
        shows("null");
    }
    says_microshift(&guest, "4.28.4");
    shows("\"4.28.4\"");
    guest.run(&format!("rm /run/liar/{MICROSHIFT_VERSION}"));
    shows("null");
}

/// A guest in which a server that says what it is told stands in for `MicroShift`'s.
pub(crate) fn lying_microshift() -> Guest {
    let pki = "/var/lib/microshift/certs";
    let guest = Guest::own("microshift", "address");
    guest.stops("microshift");
    guest.changes(
        "cd /etc/systemd/system; mv microshift.service /run/microshift.true
        printf '[Service]\\nExecStart=/usr/bin/sleep infinity\\n' >microshift.service
        systemctl daemon-reload; systemctl start microshift",
        "systemctl stop microshift; mv /run/microshift.true /etc/systemd/system/microshift.service; systemctl daemon-reload",
    );
    let files = format!("-cert {pki}/external/server.crt -key {pki}/external/server.key");
    serves(&guest, 6443, &format!("-CAfile {pki}/admin-kubeconfig-signer/ca.crt {files}"));
    guest
}

/// Has it answer that it is of this version.
pub(crate) fn says_microshift(guest: &Guest, version: &str) {
    let json = serde_json::json!({ "data": { "version": version } });
    let kubernetes = format!("{OK}{{\"gitVersion\": \"v1.31.0\"}}");
    says(guest, &[("version", &kubernetes), (MICROSHIFT_VERSION, &format!("{OK}{}", escaped(&json)))]);
}

const MICROSHIFT_VERSION: &str = "api/v1/namespaces/kube-public/configmaps/microshift-version";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_lying_docker_daemon_is_contained() {
    let guest = Guest::own("kubeadm", "address");
    let folder = "/run/systemd/system/docker.service.d";
    guest.changes(
        &format!(
            "mkdir -p {folder}; printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd://\\n' >{folder}/zz.conf
            systemctl daemon-reload; systemctl reset-failed docker; systemctl start docker"
        ),
        &format!("systemctl stop docker docker.socket; rm -r {folder}; systemctl daemon-reload"),
    );
    let files = "-cert /etc/docker/server-cert.pem -key /etc/docker/server-key.pem";
    serves(&guest, 2376, &format!("-CAfile /etc/docker/ca.pem {files}"));
    let headers = |server: &str, api: &str| {
        format!(r"HTTP/1.0 200 OK\r\nServer: {server}\r\nApi-Version: {api}\r\n\r\nOK")
    };
    let version = |version: &str, api: &str| {
        format!("{OK}{}", escaped(&serde_json::json!({ "Version": version, "ApiVersion": api })))
    };
    let good = (headers("Docker/20.10.24 (linux)", "1.41"), version("20.10.24", "1.41"));
    for evil in HOSTILE {
        let plain = evil.replace(|c: char| c.is_control(), "?");
        for (ping, version, api) in [
            (headers(&format!("Docker/{plain}"), "1.41"), good.1.clone(), "DOCKER_API_VERSION=1.41\n"),
            (headers("Docker/20.10.24", &plain), good.1.clone(), "DOCKER_API_VERSION=1.41\n"),
            (headers(&plain, &plain), version(evil, "1.41"), "DOCKER_API_VERSION=1.41\n"),
            (headers("", ""), version("20.10.24", evil), ""),
        ] {
            says(&guest, &[("_ping", &ping), ("version", &version)]);
            let user = User::of(&guest);
            let line = frugally("service-manager env docker --script-readable --api-version");
            user.types(line)
                .stdout(&format!(
                    "DOCKER_HOST=tcp://[ADDRESS]:2376\nDOCKER_CERT_PATH='[MACHINE]/docker'\nDOCKER_TLS_VERIFY=1\n{api}"
                ))
                .succeeds();
            assert!(!user.home().join("pwned").exists());
        }
    }
}

/// `env SERVICE` works, and prints no line that fits `pattern`.
#[track_caller]
fn has_no(guest: &Guest, service: &str, pattern: &str) {
    let user = User::of(guest);
    user.types(format!(
        "{} >settings 2>/dev/null && ! grep '{pattern}' settings",
        frugally(&format!("service-manager env {service} --script-readable"))
    ))
    .succeeds();
    assert!(!user.home().join("pwned").exists());
}

/// Has `openssl` answer at `port`, with `files` as its options. It sends the files below `/run/liar` as they are.
fn serves(guest: &Guest, port: u16, files: &str) {
    guest.changes(
        &format!(
            "mkdir -p /run/liar; systemd-run --quiet --unit=liar --working-directory=/run/liar \
             openssl s_server -quiet -accept {port} -HTTP -verify 1 {files}; \
             timeout 10 bash -c 'until (: </dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.1; done'"
        ),
        "systemctl stop liar; rm -r /run/liar",
    );
}

/// Writes answers, head and all, below the folder of the server.
fn says(guest: &Guest, answers: &[(&str, &str)]) {
    let write = |(path, text): &(&str, &str)| {
        let text = shlex::try_quote(text).unwrap().into_owned();
        format!("install -D /dev/null /run/liar/{path}; printf '%b' {text} >/run/liar/{path}; ")
    };
    guest.run(&answers.iter().map(write).collect::<String>());
}

/// JSON for `printf %b`.
fn escaped(json: &serde_json::Value) -> String {
    json.to_string().replace('\\', r"\\")
}

#[track_caller]
fn fails_with(guest: &Guest, problem: &str) {
    let user = User::of(guest);
    user.types(format!("{} 2>complaint", frugally("service-manager env kubernetes")))
        .stdout("(exit 126)\n")
        .fails(126);
    complains(&user, problem, guest);
    assert!(!user.home().join("pwned").exists());
}

/// The file `complaint` begins with `problem`, and holds nothing that a terminal would obey.
#[track_caller]
fn complains(user: &User, problem: &str, guest: &Guest) {
    let complaint = std::fs::read_to_string(user.home().join("complaint")).unwrap();
    let problem = problem.replace("[ADDRESS]", &guest.address()).replace("[NAME]", guest.name());
    assert!(complaint.starts_with(&format!("error: {problem}")), "{complaint}");
    assert!(!complaint.chars().any(|c| c.is_control() && c != '\n'), "{complaint:?}");
}

/// The head of an answer, for `printf %b`.
const OK: &str = r"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";
const HOSTILE: [&str; 6] = [
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    "1.2\u{1b}]0;x\u{7}",
    "1.2\nexport X=1",
    "../../1.2",
];
const ODD: &str = "kubernetes at [ADDRESS]:6443 answers what this program does not understand";
const REFUSED: &str = "kubernetes at [ADDRESS]:6443 does not accept the credentials in `/etc/kubernetes/admin.conf` of `[NAME]`";

/// Has every login end in `answer`, a few lines of bash. `frame KIND BODY` writes a frame, `begin` and `end` the
/// first and the last one, `kubeconfig KIND BODY` one about `/etc/kubernetes/admin.conf`.
pub(crate) fn lies(guest: &Guest, answer: &str) {
    guest.changes_back();
    guest.changes(
        "cp /etc/passwd /etc/passwd.true; sed -i '/^vagrant:/s#:[^:]*$#:/usr/local/bin/liar#' /etc/passwd",
        "mv /etc/passwd.true /etc/passwd; rm --force /usr/local/bin/liar",
    );
    guest.run_with("cat >/usr/local/bin/liar; chmod 755 /usr/local/bin/liar", &format!("{LIAR}{answer}\n"));
}

/// `line`, which must get by with 50 MiB.
pub(crate) fn frugally(line: &str) -> String {
    let measure = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); \
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss; \
        sys.exit(code if used < 50 << 10 else f'{used} KiB of memory')";
    format!("python3 -c {} {line}", shlex::try_quote(measure).unwrap())
}

const LIAR: &str = r#"#!/bin/bash
export LC_ALL=C
[[ $2 =~ [0-9a-f]{32} ]]; n=$BASH_REMATCH
[[ $2 =~ ([0-9]+)\ /etc/kubernetes/admin.conf ]]; i=${BASH_REMATCH[1]}
frame() { printf '@%s %s %s\n%s\n' "$n" "$1" "${#2}" "$2"; }
begin() { echo; frame begin ''; }
end() { frame end ''; }
kubeconfig() { frame "$1 $i" "$2"; }
"#;

const UNITS: &str = r#"[[ $2 =~ ([0-9]+)\ /etc/kubernetes/manifests ]]; frame "present ${BASH_REMATCH[1]}" ""; frame units "kubelet.service loaded active running x""#;
