//! `restart`: really, and nothing else.

use crate::env::KUBECTL;
use crate::start::{K3S_YAML, KUBECONFIG_DAMAGES, LOOPBACK_ONLY, damages, docker, ends_as_env_does};
use service_manager_test_support::{Guest, UNTIL_READY, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn restarts_only_the_named_service() {
    let guest = docker("tls");
    let main_process = |unit: &str| guest.run(&format!("systemctl show --property=MainPID {unit}"));
    let before = ["docker", "kubelet", "static-pod-kube-apiserver"].map(main_process);
    let user = User::of(&guest);
    user.types("service-manager restart docker")
        .stdout("Docker service restarted successfully...\n")
        .succeeds();
    let [docker, kubelet, _] = ["docker", "kubelet", "static-pod-kube-apiserver"].map(main_process);
    assert!(docker != before[0] && kubelet == before[1]);

    user.types("service-manager restart kubernetes")
        .stdout("Kubernetes service restarted successfully...\n")
        .succeeds();
    let after = ["docker", "kubelet", "static-pod-kube-apiserver"].map(main_process);
    assert!(after[0] == docker && after[1] != before[1] && after[2] != before[2]);
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn leaves_a_stopped_service_stopped() {
    let guest = Guest::own("k3s", "address");
    guest.stops("k3s");
    User::of(&guest)
        .types("service-manager restart kubernetes")
        .stderr("error: kubernetes is stopped in `[NAME]`\nhint: `service-manager start kubernetes`\n")
        .fails(126);
    assert_eq!(guest.run("systemctl is-active k3s || true"), "inactive\n");
}

/// With certificates that were renewed meanwhile.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn exports_new_credentials_after_a_restart() {
    let guest = Guest::own("k3s", "address");
    let user = User::of(&guest);
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    let key = || user.kubeconfig()["users"][0]["user"]["client-key-data"].clone();
    let before = key();
    let tls = "/var/lib/rancher/k3s/server/tls";
    guest.changes(
        &format!(
            "cp /etc/rancher/k3s/k3s.yaml /run/k3s.yaml; cd /run
            issue client client.crt client.key /O=system:masters/CN=again {tls}/client-ca.crt {tls}/client-ca.key
            sed --in-place \"s/client-key-data:.*/client-key-data: $(base64 --wrap=0 client.key)/
                s/client-certificate-data:.*/client-certificate-data: $(base64 --wrap=0 client.crt)/\" /etc/rancher/k3s/k3s.yaml"
        ),
        "cat /run/k3s.yaml >/etc/rancher/k3s/k3s.yaml",
    );
    user.types("service-manager restart kubernetes")
        .stdout("Kubernetes service restarted successfully...\n")
        .succeeds();
    assert_ne!(key(), before);
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    guest.run(UNTIL_READY);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn gives_up_where_waiting_is_in_vain() {
    let guest = Guest::own("k3s", "address");
    damages(&guest, K3S_YAML, KUBECONFIG_DAMAGES[1]);
    ends_as_env_does(&guest, "restart kubernetes --timeout 60");
    guest.changes_back();
    guest.restarts("k3s", LOOPBACK_ONLY);
    ends_as_env_does(&guest, "restart kubernetes --timeout 60");
}

/// What dockerd answers is its last word as soon as it is up.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_at_once_what_is_wrong_with_dockers_keys() {
    let guest = docker("tls");
    for change in [
        "issue ca ca.pem own-key.pem stranger",
        "issue ca own-ca.pem own-key.pem stranger; issue client cert.pem key.pem /CN=vagrant own-ca.pem own-key.pem",
        "issue client cert.pem key.pem /CN=vagrant /etc/docker/ca.pem /etc/docker/ca-key.pem 20200101000000Z 20210101000000Z",
        "echo hello >cert.pem",
    ] {
        guest.changes(
            &format!("cd /home/vagrant/.docker; cp -a . /run/keys; {change}; chown -R vagrant: ."),
            "rm -r /home/vagrant/.docker; mv /run/keys /home/vagrant/.docker",
        );
        for verb in ["start", "restart"] {
            ends_as_env_does(&guest, &format!("{verb} docker --timeout 8"));
        }
        guest.changes_back();
        guest.lays_out_docker("tls");
    }
}
