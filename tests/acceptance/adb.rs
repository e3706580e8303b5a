//! The Atomic Developer Bundle: Kubernetes without a kubeconfig, and the program in it that is better not called.

use crate::env::READABLE;
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn box_version_names_the_bundle_by_its_variant() {
    let guest = Guest::own("adb", "address");
    User::of(&guest)
        .types("service-manager box version")
        .stdout("Atomic Developer Bundle (ADB) 2.2.0\n")
        .succeeds();
}

/// `sccli kubernetes status` stops Kubernetes when one of its units is down.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn status_never_calls_sccli() {
    let guest = Guest::own("adb", "address");
    let user = User::of(&guest);
    guest.changes("systemctl stop kube-proxy", "systemctl start kube-proxy");
    user.types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr("warning: kubernetes in `[NAME]` answers, but kube-proxy.service is down\nhint: [..]\nhint: [..]\n")
        .succeeds();
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    assert_eq!(
        guest.run("systemctl is-active kube-apiserver; ls /var/log/sccli 2>/dev/null || true"),
        "active\n"
    );
}

/// As Kubernetes kept it until 1.23, and its own controller still writes it on request.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn uses_the_token_in_the_service_accounts_secret() {
    let guest = Guest::own("adb", "address");
    guest.changes(
        SECRET,
        "kubectl delete secret default-token-x; kubectl patch serviceaccount default -p '{\"secrets\":null}'",
    );
    let user = User::of(&guest);
    // The server warns of such tokens.
    user.types(format!("{KUBECTL} 2>/dev/null")).stdout("namespace/default\n").succeeds();
    let token = user.kubeconfig()["users"][0]["user"]["token"].as_str().unwrap().to_owned();
    assert_eq!(
        token,
        guest.run("kubectl get secret default-token-x -o jsonpath={.data.token} | base64 --decode")
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn creates_a_token_for_env_but_not_for_status() {
    let guest = Guest::own("adb", "address");
    let made = "mv /usr/bin/kubectl /usr/bin/kubectl.true
        printf '#!/bin/sh\\necho \"$*\" >>/run/asked; exec /usr/bin/kubectl.true \"$@\"\\n' >/usr/bin/kubectl
        chmod 755 /usr/bin/kubectl; touch /run/asked";
    guest.changes(made, "mv /usr/bin/kubectl.true /usr/bin/kubectl; rm /run/asked");
    let user = User::of(&guest);
    user.types("service-manager status kubernetes").stdout("kubernetes - running\n").succeeds();
    assert_eq!(guest.run("cat /run/asked"), "");
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    assert!(guest.run("cat /run/asked").contains("serviceaccounts/default/token"));
    // Of another system's files nothing follows.
    guest.run(":>/run/asked");
    guest.replaces("/etc/os-release", "ID=debian\n");
    user.types("service-manager env kubernetes --refresh --script-readable")
        .stderr("error: [..]\nhint: [..]\n")
        .fails(126);
    assert_eq!(guest.run("cat /run/asked"), "");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_when_a_token_expires_before_a_year() {
    let guest = Guest::own("adb", "address");
    let user = User::of(&guest);
    let line = "service-manager env kubernetes --refresh --script-readable";
    user.types(line).stdout(READABLE).succeeds();
    guest.restarts("kube-apiserver", "s/^ExecStart=.*/& --service-account-max-token-expiration=1h/");
    user.types(line)
        .stdout(READABLE)
        .stderr(
            "note: the token for Kubernetes expires in 59 minutes; the same command gets a new one then\n",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_malformed_token() {
    let guest = Guest::own("adb", "address");
    guest.changes("mv /usr/bin/kubectl /usr/bin/kubectl.true", "mv /usr/bin/kubectl.true /usr/bin/kubectl");
    for answer in [
        "error: the server could not find it",
        "{\"status\":{\"token\":\"a.b.c$(id)\"}}",
        "{\"status\":{\"token\":\"x\"}}",
        "",
    ] {
        guest.run_with(
            "cat >/usr/bin/kubectl; chmod 755 /usr/bin/kubectl",
            &format!("#!/bin/sh\ncase $* in *create*) cat <<'END'\n{answer}\nEND\nesac\n"),
        );
        User::of(&guest)
            .types("service-manager env kubernetes")
            .stdout("(exit 126)\n")
            .stderr(
                "
                error: the credentials for kubernetes in `/var/run/kubernetes/apiserver.crt` of `[NAME]` are refused
                caused by: it has no service account's token
                hint: [..]
                ",
            )
            .fails(126);
    }
}

const KUBECTL: &str =
    "eval \"$(service-manager --quiet env kubernetes)\"; kubectl get namespace default -o name";

/// Makes the secret of the service account `default`, signed with the cluster's own key.
const SECRET: &str = r#"
    encode() { base64 --wrap=0 | tr '+/' '-_' | tr -d '='; }
    uid=$(kubectl get serviceaccount default -o 'jsonpath={.metadata.uid}')
    head=$(printf '{"alg":"RS256","typ":"JWT"}' | encode)
    name=kubernetes.io/serviceaccount
    claims="{\"iss\":\"kubernetes/serviceaccount\",\"$name/namespace\":\"default\",\"$name/secret.name\":\"default-token-x\",\
\"$name/service-account.name\":\"default\",\"$name/service-account.uid\":\"$uid\",\"sub\":\"system:serviceaccount:default:default\"}"
    body=$(printf %s "$claims" | encode)
    signature=$(printf %s "$head.$body" | openssl dgst -sha256 -sign /etc/kubernetes/serviceaccount.key | encode)
    kubectl create -f - >/dev/null <<END
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: { name: default-token-x, annotations: { kubernetes.io/service-account.name: default } }
data: { token: $(printf %s "$head.$body.$signature" | base64 --wrap=0) }
END
    kubectl patch serviceaccount default -p '{"secrets":[{"name":"default-token-x"}]}' >/dev/null
"#;
