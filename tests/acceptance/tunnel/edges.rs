//! What a tunnel is in need of here, and what it makes needless there.

use super::{behind_a_nat, end, ssh_port_of, user_of};
use crate::cached_env::logs_in;
use service_manager_test_support::{Guest, User};

/// Docker compares the certificate with the host that it connects to, and has no other name to give.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_certificate_that_does_not_name_the_loopback_is_not_needed() {
    let guest = behind_a_nat("tls");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    let docker =
        "eval \"$(service-manager env docker)\"; echo ${DOCKER_HOST%%:*}; docker info --format '{{.Name}}'";
    user.types(docker).stdout("tcp\n[NAME]\n").succeeds();
    end(&user);
    guest.run(&format!(
        "issue server /etc/docker/server-cert.pem /etc/docker/server-key.pem docker /etc/docker/ca.pem /etc/docker/ca-key.pem IP:{}; \
         systemctl reset-failed docker; systemctl restart docker",
        guest.address()
    ));
    for _ in 0..2 {
        user.types(docker).stdout("unix\n[NAME]\n").succeeds();
    }
    end(&user);
}

/// Once for the questions, and once for each service that nothing else leads to.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn watching_does_not_log_in_each_time() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    logs_in(3, &guest, || {
        user.types("timeout 8 service-manager status docker kubernetes --watch=1 || true")
            .stdout("docker - running\nkubernetes - running\n")
            .succeeds();
    });
}

/// `status` opens a tunnel of its own, which ends with it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn status_shows_an_address_that_lasts_or_none() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port);
    let urls = "service-manager status docker kubernetes -o json | jq -r '.services[].endpoint | .via, .url'";
    user.types(urls).stdout("ssh\nnull\nssh\nnull\n").succeeds();
    let typed = user.types("service-manager status kubernetes");
    typed.in_a_terminal(200).shows_somewhere("through SSH");
    user.types("service-manager env --quiet >exported").succeeds();
    user.types(format!(
        "{urls} >shown; . ./exported; grep --line-regexp --fixed-strings \"$DOCKER_HOST\" shown | wc -l
        grep --fixed-strings \"$(grep https: shown)\" ${{KUBECONFIG%%:*}} | wc -l"
    ))
    .stdout("1\n1\n")
    .succeeds();
    end(&user);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_path_that_is_too_long_for_a_socket_is_named() {
    let guest = behind_a_nat("socket");
    let port = ssh_port_of(&guest);
    let user = user_of(&guest, &port).with("SERVICE_MANAGER_HOME", &"x".repeat(90));
    user.types("service-manager env docker")
        .stdout("(exit 1)\n")
        .stderr(
            "error: `[HOME]/xx[..]/control.sock` is [..] characters too long for a socket; set SERVICE_MANAGER_HOME to a folder \
             with a shorter path, as `export SERVICE_MANAGER_HOME=~/.sm` does\n",
        )
        .fails(1);
    user.types("service-manager env kubernetes")
        .stdout("(exit 126)\n")
        .stderr("error: kubernetes does not answer at any address of `[NAME]`: [..] through SSH: [..]set SERVICE_MANAGER_HOME to[..]\nhint: [..]\nhint: `service-manager doctor kubernetes` says more\n")
        .fails(126);
    // What only looks keeps no socket there.
    user.types("service-manager status docker kubernetes")
        .stdout("docker - running\nkubernetes - running\n")
        .succeeds();
    let user = user.with("SERVICE_MANAGER_HOME", "y");
    user.types("eval \"$(service-manager env docker)\"; docker info --format '{{.Name}}'; service-manager tunnel stop --all")
        .stdout("[NAME]\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_refused_only_once_needs_no_tunnel() {
    let guest = Guest::own("kubeadm", "address");
    refuses_once(&guest);
    exports_the_address(&User::of(&guest));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_is_slow_only_once_needs_no_tunnel() {
    let guest = Guest::own("kubeadm", "address");
    is_slow_once(&guest);
    exports_the_address(&User::of(&guest));
}

/// Nor where SSH comes through a port of this host, as Vagrant's does.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_did_not_answer_only_once_needs_no_tunnel_behind_a_forwarded_port() {
    let guest = Guest::own("kubeadm", "address");
    let port = ssh_port_of(&guest);
    for does_so in [refuses_once, is_slow_once] {
        does_so(&guest);
        exports_the_address(&user_of(&guest, &port));
        guest.changes_back();
    }
}

/// What it then says of the credentials is its answer. Nobody is asked through SSH.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_answered_later_is_what_is_told() {
    let guest = Guest::own("kubeadm", "address");
    let kubeconfig = guest.run(
        "sed '/client-certificate-data/d; s/client-key-data: .*/token: s3cr3t/' /etc/kubernetes/admin.conf",
    );
    guest.replaces("/etc/kubernetes/admin.conf", &kubeconfig);
    is_slow_once(&guest);
    User::of(&guest)
        .types("service-manager env kubernetes")
        .stdout("(exit 126)\n")
        .stderr("error: kubernetes at [ADDRESS]:6443 does not accept the credentials in `/etc/kubernetes/admin.conf` of `[NAME]` (HTTP 401)\nhint: [..]\n")
        .fails(126);
}

/// A service that just starts refuses at first, and would answer through SSH a moment later.
fn refuses_once(guest: &Guest) {
    let refuses = format!("INPUT {FIRST_CONNECTION} --jump REJECT --reject-with tcp-reset");
    guest.changes(&format!("iptables --insert {refuses}"), &format!("iptables --delete {refuses}"));
}

/// And one that has much to do accepts a connection long before it says a word.
fn is_slow_once(guest: &Guest) {
    let silent = "--unit silent --socket-property ListenStream=7000 sleep infinity";
    guest.changes(
        &format!("systemd-run --quiet {silent}"),
        "systemctl stop silent.socket; systemctl stop silent.service; true",
    );
    let leads_there = format!("PREROUTING --table nat {FIRST_CONNECTION} --jump REDIRECT --to-ports 7000");
    guest.changes(&format!("iptables --insert {leads_there}"), &format!("iptables --delete {leads_there}"));
}

/// Connections from elsewhere to the API server, once.
const FIRST_CONNECTION: &str =
    "--protocol tcp --dport 6443 --syn ! --in-interface lo --match limit --limit 1/hour --limit-burst 1";

#[track_caller]
fn exports_the_address(user: &User) {
    user.types(
        "eval \"$(service-manager env kubernetes)\"; grep --only-matching 'https://[0-9.:]*' $KUBECONFIG",
    )
    .stdout("https://[ADDRESS]:6443\n")
    .succeeds();
    user.types("service-manager tunnel --output json | grep --count '\"kind\":'").stdout("0\n").fails(1);
}
