//! `env docker`: the daemon's TLS, with a real `docker`; and what is said when it cannot be used.

use crate::flavours::report;
use crate::malicious_guest::frugally;
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn docker_on_the_host_reaches_the_daemon_in_the_guest() {
    let user_of = |guest| User::of(guest);
    let guest = Guest::kubeadm();
    user_of(&guest).types("service-manager env docker").stdout(ANNOUNCED).succeeds();
    user_of(&guest).types(DOCKER).stdout("[NAME]\n").succeeds();
    report("docker", "tls", "env, docker");
}

/// Its docker of old has to be told the version of the API.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn adb_exports_all_four_variables() {
    let guest = Guest::own("adb", "address");
    guest.lays_out_docker("tls");
    let user = User::of(&guest);
    user.types("service-manager status docker").stdout("docker - running\n").succeeds();
    user.types("service-manager status docker --output json | grep --only-matching '\"flavour\":\"adb\"'")
        .stdout("\"flavour\":\"adb\"\n")
        .succeeds();
    user.types("service-manager env docker --script-readable")
        .stdout(&format!("{READABLE}DOCKER_API_VERSION=1.41\n"))
        .succeeds();
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    report("docker", "adb", "status, env, docker");
    guest.changes_back();
    user.types("service-manager status docker").stdout("docker - stopped\n").succeeds();
    report("docker", "adb", "stopped");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn script_readable_output_quotes_the_folder() {
    User::of(&Guest::kubeadm())
        .types("service-manager env docker --script-readable")
        .stdout(READABLE)
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn exports_the_api_version_on_request() {
    User::of(&Guest::kubeadm())
        .types("service-manager env docker --script-readable --api-version")
        .stdout(&format!("{READABLE}DOCKER_API_VERSION=1.41\n"))
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn writes_private_certificate_files() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("umask 0; service-manager env docker").stdout(ANNOUNCED).succeeds();
    let files = user.files();
    let docker: Vec<&str> =
        files.iter().map(String::as_str).skip_while(|file| *file != "700 docker").take(4).collect();
    assert_eq!(docker, ["700 docker", "600 ca.pem", "600 cert.pem", "600 key.pem"]);
}

#[test]
fn unset_needs_no_machine() {
    User::new()
        .types("export DOCKER_TLS_VERIFY=1; eval \"$(service-manager env docker --unset)\"; echo ${DOCKER_TLS_VERIFY-gone}")
        .stdout("gone\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_unusable_client_certificates() {
    let guest = with_docker();
    guest.changes(
        "cp -a /home/vagrant/.docker /home/vagrant/.docker.true",
        "rm -rf /home/vagrant/.docker; mv /home/vagrant/.docker.true /home/vagrant/.docker",
    );
    let client = "issue client cert.pem key.pem /CN=vagrant /etc/docker/ca.pem /etc/docker/ca-key.pem";
    let invalid = "the credentials for docker in `~/.docker` of `[NAME]` are refused";
    for (change, error, cause) in [
        (
            format!("{client} 20200101000000Z 20210101000000Z"),
            "the client certificate in `~/.docker` of `[NAME]` expired on 2021-01-01",
            "",
        ),
        (
            format!("{client}; issue client x.pem key.pem /CN=x /etc/docker/ca.pem /etc/docker/ca-key.pem"),
            invalid,
            "its key does not belong to its certificate",
        ),
        ("echo hello >cert.pem".to_owned(), invalid, "its client certificate is not valid"),
        (
            "head --bytes=100 key.pem >cut.pem; mv cut.pem key.pem".to_owned(),
            invalid,
            "its client key is not valid",
        ),
        ("cp cert.pem key.pem".to_owned(), invalid, "its client key is not valid"),
        ("head --bytes=2M /dev/zero >ca.pem".to_owned(), invalid, "its certificate authority is not valid"),
        ("rm key.pem".to_owned(), "`[NAME]` has no `~/.docker/key.pem`, which docker (tls) should have", ""),
        (
            "chmod 0 key.pem; chown root key.pem".to_owned(),
            "`vagrant` cannot read `~/.docker/key.pem` in `[NAME]`",
            "",
        ),
        // Of an authority that the daemon does not know.
        (
            "issue ca own-ca.pem own-key.pem stranger; \
             issue client cert.pem key.pem /CN=vagrant own-ca.pem own-key.pem"
                .to_owned(),
            "docker at [ADDRESS]:2376 does not accept the credentials in `~/.docker` of `[NAME]` (TLS alert [..])",
            "",
        ),
    ] {
        guest.run(
            &format!(
                "rm -rf $HOME_DOCKER; cp -a $HOME_DOCKER.true $HOME_DOCKER; cd $HOME_DOCKER; {change}; \
             [[ '{change}' == chmod* ]] || chown -R vagrant ."
            )
            .replace("$HOME_DOCKER", "/home/vagrant/.docker"),
        );
        fails(&guest, error, cause);
    }
    report("docker", "tls", "certificates that cannot be used");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_an_untrusted_server() {
    let guest = with_docker();
    let server = |names: &str, dates: &str| {
        format!(
            "issue server /etc/docker/server-cert.pem /etc/docker/server-key.pem docker \
             /etc/docker/ca.pem /etc/docker/ca-key.pem {names} {dates}"
        )
    };
    for (change, error, cause) in [
        (
            server("IP:192.0.2.1,DNS:docker", ""),
            "the certificate of docker at [ADDRESS]:2376 is not valid for any address of `[NAME]` (it is for docker, 192.0.2.1)",
            "",
        ),
        (
            server(&format!("IP:{}", guest.address()), "20200101000000Z 20210101000000Z"),
            "the certificate of docker at [ADDRESS]:2376 is not valid",
            "it expired on 2021-01-01",
        ),
        (
            server(&format!("IP:{}", guest.address()), "20900101000000Z 21000101000000Z"),
            "the certificate of docker at [ADDRESS]:2376 is not valid",
            "the server's certificate is not valid before 2090-01-01; compare the clocks: [..]",
        ),
    ] {
        guest.changes(
            &format!("cp -a /etc/docker /etc/docker.true; {change}; systemctl reset-failed docker; systemctl restart docker"),
            "rm -r /etc/docker; mv /etc/docker.true /etc/docker",
        );
        fails(&guest, error, cause);
        guest.changes_back();
        start_docker(&guest);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_daemon_without_a_tcp_port() {
    let guest = with_docker();
    for (command_line, because, hint) in [
        (
            "-H fd://",
            "only listens on its socket",
            "`service-manager env docker --tunnel auto` leads to it through SSH; `service-manager start docker --tls` makes \
             dockerd talk TLS on port 2376, and restarts it for that",
        ),
        (
            // Without the last option dockerd waits for 15 s, so that everybody notices.
            "-H fd:// -H tcp://0.0.0.0:2375 --tls=false",
            "listens on port 2375 without TLS, where anybody who can reach it is root in the machine",
            "close that port; `service-manager env docker --tunnel auto` leads to the socket through SSH",
        ),
        (
            "",
            "talks TLS on port 2376, but its client certificate is not in ~/.docker of the machine",
            "put the client's ca.pem, [..]",
        ),
    ] {
        let drop_in = format!("[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd {command_line}\\n");
        let restart = "systemctl daemon-reload; systemctl reset-failed docker; systemctl restart docker";
        let keep = if command_line.is_empty() {
            "true".to_owned()
        } else {
            format!("printf '{drop_in}' >/run/systemd/system/docker.service.d/zz.conf; {restart}")
        };
        guest.changes(
            &format!(
                "mkdir -p /run/systemd/system/docker.service.d; mv /home/vagrant/.docker /home/vagrant/.docker.true; {keep}"
            ),
            "mv /home/vagrant/.docker.true /home/vagrant/.docker; \
             rm -r /run/systemd/system/docker.service.d; systemctl daemon-reload",
        );
        User::of(&guest)
            .types("service-manager status docker --tunnel never")
            .stdout("docker - running\n")
            .succeeds();
        User::of(&guest)
            .types("service-manager --tunnel never env docker")
            .stdout("(exit 126)\n")
            .stderr(&format!("error: docker in `[NAME]` {because}\nhint: {hint}\n"))
            .fails(126);
        // Where other services run, it is no failure.
        User::of(&guest)
            .types("service-manager --tunnel never env --script-readable")
            .stdout("KUBECONFIG=[..]\n")
            .stderr(&format!("note: left out: docker in `[NAME]` {because}\n"))
            .succeeds();
        report("docker", "socket", because.split(',').next().unwrap());
        guest.changes_back();
        start_docker(&guest);
    }
}

/// Engines that are no Docker daemon of root's, or none that the host could use without a tunnel.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn recognises_other_engines() {
    let guest = Guest::own("kubeadm", "address");
    for (kind, flavour, because) in [
        ("podman", "podman", "is Podman, which only listens on root's socket"),
        ("podman-rootless", "podman-rootless", "is Podman, which only listens on its user's socket"),
        ("rootless", "rootless", "is rootless and only listens on its user's socket"),
    ] {
        guest.lays_out_docker(kind);
        let user = User::of(&guest);
        user.types("service-manager status docker --tunnel never").stdout("docker - running\n").succeeds();
        user.types("service-manager --tunnel never env docker")
            .stdout("(exit 126)\n")
            .stderr(&format!(
                "error: docker in `[NAME]` {because}\nhint: `service-manager env docker --tunnel auto` leads to it through SSH\n"
            ))
            .fails(126);
        report("docker", flavour, "status, env says what would help");
    }
}

/// Whatever is in a certificate: a few lines of it are told, and none that a terminal would obey.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn accepts_a_certificate_with_many_and_odd_names() {
    let guest = with_docker();
    let many = (1..=3000).map(|number| format!("n{number}.example"));
    let odd = ["\u{1b}]0;evil\u{7}", "$(touch pwned)", "a\nexport X=1"].map(str::to_owned);
    for (names, told) in [
        (many.collect::<Vec<_>>(), "n1.example, [..], n10.example and 2990 more".to_owned()),
        (odd.to_vec(), "\\u{1b}]0;evil\\u{7}, $(touch pwned), a export X=1".to_owned()),
        (vec!["x\u{1b}".repeat(5000)], "[..]…".to_owned()),
    ] {
        let mut own = rcgen::CertificateParams::default();
        own.subject_alt_names =
            names.into_iter().map(|name| rcgen::SanType::DnsName(name.try_into().unwrap())).collect();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = own.self_signed(&key).unwrap().pem();
        guest.replaces("/etc/docker/server-cert.pem", &certificate);
        guest.replaces("/home/vagrant/.docker/ca.pem", &certificate);
        guest.replaces("/etc/docker/server-key.pem", &key.serialize_pem());
        guest.run("systemctl reset-failed docker; systemctl restart docker");
        let error = format!(
            "the certificate of docker at [ADDRESS]:2376 is not valid for any address of `[NAME]` (it is for {told}"
        );
        let error = if told.ends_with('…') { error } else { error + ")" };
        let user = User::of(&guest);
        user.types(frugally("service-manager env docker"))
            .stdout("(exit 126)\n")
            .stderr(&format!("error: {error}\nhint: [..]\n"))
            .fails(126);
        assert!(!user.home().join("pwned").exists());
    }
}

#[track_caller]
fn fails(guest: &Guest, error: &str, cause: &str) {
    // It looks at the clocks.
    let has_more = [error, cause].iter().any(|text| text.contains("expired") || text.contains("clocks"));
    let more = if has_more { "hint: `service-manager doctor docker` says more\n" } else { "" };
    // New certificates would be of no use.
    let hint = if cause.contains("clocks") {
        "compare the clocks: `date -u` here and in the machine"
    } else {
        "[..]"
    };
    let cause = if cause.is_empty() { String::new() } else { format!("caused by: {cause}\n") };
    let user = User::of(guest);
    user.types("service-manager env docker")
        .stdout("(exit 126)\n")
        .stderr(&format!("error: {error}\n{cause}hint: {hint}\n{more}"))
        .fails(126);
    assert!(!user.files().contains(&"600 key.pem".to_owned()), "{:?}", user.files());
}

/// A guest of the test's own in which Docker runs.
fn with_docker() -> Guest {
    let guest = Guest::own("kubeadm", "address");
    start_docker(&guest);
    guest
}

fn start_docker(guest: &Guest) {
    // Several restarts in a row are not the unit's own fault.
    guest.changes(
        "systemctl reset-failed docker; systemctl restart docker",
        "systemctl stop docker docker.socket",
    );
}

pub(crate) const DOCKER: &str = r#"eval "$(service-manager env docker)" && docker info --format '{{.Name}}'"#;
const READABLE: &str =
    "DOCKER_HOST=tcp://[ADDRESS]:2376\nDOCKER_CERT_PATH='[MACHINE]/docker'\nDOCKER_TLS_VERIFY=1\n";
const ANNOUNCED: &str = "
    # Set the following environment variables to enable access to the
    # docker daemon running inside of the vagrant virtual machine:
    export DOCKER_HOST=tcp://[ADDRESS]:2376
    export DOCKER_CERT_PATH=[MACHINE]/docker
    export DOCKER_TLS_VERIFY=1

    # run following command to configure your shell:
    # eval \"$(service-manager env docker)\"
    ";
