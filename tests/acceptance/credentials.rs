//! Credentials of the guest's kubeconfig: of every kind, and ones that the server does not accept.

use crate::support::{Failure, Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_token_is_as_good_as_a_certificate() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    let token = user
        .types(
            r#"eval "$(service-manager env kubernetes)" &&
            kubectl create serviceaccount dev --dry-run=client --output yaml | kubectl apply -f - >/dev/null &&
            kubectl create token dev"#,
        )
        .stdout("[..]")
        .succeeds();
    let kubeconfig = guest.run("sed /client-certificate-data/d /etc/kubernetes/admin.conf");
    let key = kubeconfig.lines().find(|line| line.contains("client-key-data")).unwrap();
    guest.replaces(
        "/etc/kubernetes/admin.conf",
        &kubeconfig.replace(key, &format!("    token: {}", token.stdout.trim())),
    );
    user.types(
        r#"eval "$(service-manager env kubernetes)" && kubectl auth whoami --output 'jsonpath={.status.userInfo.username}'"#,
    )
    .stdout("system:serviceaccount:default:dev")
    .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_client_certificate_of_an_authority_that_the_server_does_not_know() {
    let guest = Guest::own("kubeadm", "address");
    let kubeconfig = guest.run(
        "cd $(mktemp -d) && issue ca ca.crt ca.key other && issue client crt key /O=system:masters/CN=x ca.crt ca.key &&
        sed \"s/client-certificate-data: .*/client-certificate-data: $(base64 -w0 crt)/;
            s/client-key-data: .*/client-key-data: $(base64 -w0 key)/\" /etc/kubernetes/admin.conf",
    );
    guest.replaces("/etc/kubernetes/admin.conf", &kubeconfig);
    Failure::of(&guest).error(REFUSED).hint("in the machine: [..]").ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_token_that_the_server_does_not_know() {
    let guest = Guest::own("kubeadm", "address");
    let kubeconfig = guest.run(
        "sed '/client-certificate-data/d; s/client-key-data: .*/token: s3cr3t/' /etc/kubernetes/admin.conf",
    );
    guest.replaces("/etc/kubernetes/admin.conf", &kubeconfig);
    Failure::of(&guest).error(REFUSED).hint("in the machine: [..]").ends();
}

const REFUSED: &str = "kubernetes at [ADDRESS]:6443 does not accept the credentials in `/etc/kubernetes/admin.conf` of `[NAME]` (HTTP 401)";
