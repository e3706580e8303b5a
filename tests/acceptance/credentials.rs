//! Credentials of the guest's kubeconfig: of every kind, and ones that the server does not accept.

use crate::env::KUBECTL;
use service_manager_test_support::{Failure, Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn accepts_a_token_in_place_of_a_certificate() {
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
        r#"eval "$(service-manager env kubernetes --refresh)" && kubectl auth whoami --output 'jsonpath={.status.userInfo.username}'"#,
    )
    .stdout("system:serviceaccount:default:dev")
    .stderr("note: the token for Kubernetes expires in [..] minutes\n")
    .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_client_certificate_of_an_unknown_authority() {
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
fn refuses_a_token_that_the_server_rejects() {
    let guest = Guest::own("kubeadm", "address");
    let kubeconfig = guest.run(
        "sed '/client-certificate-data/d; s/client-key-data: .*/token: s3cr3t/' /etc/kubernetes/admin.conf",
    );
    guest.replaces("/etc/kubernetes/admin.conf", &kubeconfig);
    Failure::of(&guest).error(REFUSED).hint("in the machine: [..]").ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_password_that_the_server_ignores() {
    let guest = Guest::own("kubeadm", "address");
    let kubeconfig = guest.run(
        "sed 's/client-certificate-data: .*/username: admin/; s/client-key-data: .*/password: s3cr3t/' /etc/kubernetes/admin.conf",
    );
    guest.replaces("/etc/kubernetes/admin.conf", &kubeconfig);
    anybody_may_ask_for_the_version(&guest);
    Failure::of(&guest).error(FORBIDDEN).hint("in the machine: [..]").ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_client_certificate_that_the_server_ignores() {
    let guest = Guest::own("kubeadm", "address");
    guest.restarts("static-pod-kube-apiserver", "s/ --client-ca-file=[^ ]*//");
    anybody_may_ask_for_the_version(&guest);
    Failure::of(&guest).error(FORBIDDEN).hint("in the machine: [..]").ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_an_expired_authority() {
    let guest = Guest::own("kubeadm", "address");
    let (day, _) = replace_authority(&guest, "old.crt");
    Failure::of(&guest)
        .error(&format!(
            "the certificate authority in `/etc/kubernetes/admin.conf` of `[NAME]` expired on {day}"
        ))
        .hint("in the machine: `sudo kubeadm certs renew all`[..]")
        .more()
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn accepts_an_expired_authority_beside_its_successor() {
    let guest = Guest::own("kubeadm", "address");
    let (_, valid) = replace_authority(&guest, "old.crt /etc/kubernetes/pki/ca.crt");
    let user = User::of(&guest);
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    let written = &user.kubeconfig()["clusters"][0]["cluster"]["certificate-authority-data"];
    assert_eq!(written.as_str(), Some(valid.as_str()), "only the valid one");
}

/// Has the kubeconfig hold these authorities; `old.crt` has the subject and the key of the real one, but has
/// expired. Returns its last day, and the real one in base64.
fn replace_authority(guest: &Guest, certificates: &str) -> (String, String) {
    let text = guest.run(&format!(
        "cd $(mktemp -d); pki=/etc/kubernetes/pki
        openssl x509 -in $pki/ca.crt -signkey $pki/ca.key -days -1 -out old.crt
        date --utc --date \"$(openssl x509 -in old.crt -noout -enddate | cut --delimiter== --fields=2)\" +%F
        base64 -w0 $pki/ca.crt; echo
        sed \"s/certificate-authority-data: .*/certificate-authority-data: $(cat {certificates} | base64 -w0)/\" /etc/kubernetes/admin.conf",
    ));
    let mut lines = text.splitn(3, '\n').map(str::to_owned);
    let mut next = || lines.next().unwrap();
    let (day, valid, kubeconfig) = (next(), next(), next());
    guest.replaces("/etc/kubernetes/admin.conf", &kubeconfig);
    (day, valid)
}

/// So that an answer to that proves nothing.
#[track_caller]
fn anybody_may_ask_for_the_version(guest: &Guest) {
    guest.run("curl --silent --insecure --fail https://127.0.0.1:6443/version");
}

const REFUSED: &str = "kubernetes at [ADDRESS]:6443 does not accept the credentials in `/etc/kubernetes/admin.conf` of `[NAME]` (HTTP 401)";
const FORBIDDEN: &str = "kubernetes at [ADDRESS]:6443 does not accept the credentials in `/etc/kubernetes/admin.conf` of `[NAME]` (HTTP 403)";
