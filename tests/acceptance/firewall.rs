//! A machine whose firewall lets SSH through and nothing else: what is said without a tunnel, and that a tunnel leads there.

use service_manager_test_support::{Guest, User};

use crate::tunnel::end;

/// Has the firewall of `guest` do `action` with what comes from outside for the API server.
fn api_server_gets(guest: &Guest, action: &str) {
    let rule = format!("INPUT --in-interface eth0 --protocol tcp --dport 6443 --jump {action}");
    guest.changes(&format!("iptables --insert {rule}"), &format!("iptables --delete {rule}"));
}

fn line(guest: &Guest, tunnel: &str, command: &str) -> String {
    let (address, folder) = (guest.address(), guest.folder().display().to_string());
    format!(
        "service-manager --host vagrant@{address} -i {folder}/keys/ed25519 --tunnel {tunnel} {command} kubernetes"
    )
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn where_the_port_is_silent_the_firewall_is_named() {
    let guest = Guest::own("kubeadm", "address");
    api_server_gets(&guest, "DROP");
    is_said_and_led_around(
        &guest,
        "[..][ADDRESS]:6443: [..]",
        "SSH works, but no answer comes from that port: open it in the firewall, or have `--tunnel auto` go through SSH",
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn where_the_port_is_refused_the_firewall_is_named_too() {
    let guest = Guest::own("kubeadm", "address");
    api_server_gets(&guest, "REJECT --reject-with tcp-reset");
    is_said_and_led_around(
        &guest,
        "[..][ADDRESS]:6443: Connection refused (os error 111)[..]",
        "it may be starting, listen on the machine's loopback only, or be behind a firewall that refuses it: have \
         `--tunnel auto` go through SSH",
    );
}

#[track_caller]
fn is_said_and_led_around(guest: &Guest, attempts: &str, hint: &str) {
    let user = User::near(guest);
    let error = format!("kubernetes does not answer at any address of `[ADDRESS]`: {attempts}");
    let more = "hint: `service-manager doctor kubernetes --host vagrant@[ADDRESS] --identity [GUEST]/keys/ed25519` says more";
    user.types(line(guest, "never", "env"))
        .stdout("(exit 126)\n")
        .stderr(&format!("error: {error}\nhint: {hint}\n{more}\n"))
        .fails(126);
    user.types(line(guest, "never", "status"))
        .stdout("kubernetes - degraded\n")
        .stderr(&format!("warning: {error}\nhint: {hint}\n{more}\n"))
        .succeeds();
    user.types(format!("eval \"$({})\" && kubectl get --raw /readyz", line(guest, "auto", "env")))
        .stdout("ok")
        .stderr("note: the certificate does not name 127.0.0.1, [..]\n")
        .succeeds();
    let how = if hint.contains("refuses") { "refuses connections" } else { "is silent" };
    user.types(format!("{} | grep --after-context=1 '^note: SSH works'", line(guest, "auto", "doctor")))
        .stdout(&format!(
            "note: SSH works, but [ADDRESS]:6443 {how}, so a tunnel leads there\n\
             hint: a firewall may be why: open port 6443 in the machine for a connection without SSH; the tunnel needs nothing\n"
        ))
        .succeeds();
    end(&user);
}
