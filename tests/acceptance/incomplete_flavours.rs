//! What a flavour of Kubernetes may lack, and what is then said.

use crate::env::KUBECTL;
use service_manager_test_support::{Failure, Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn embeds_the_files_that_a_kubeconfig_names() {
    let guest = Guest::own("plain", "address");
    let user = User::of(&guest);
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    let kubeconfig = user.kubeconfig();
    let names = |value: &serde_yaml::Value| {
        value.as_mapping().unwrap().keys().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&kubeconfig["clusters"][0]["cluster"]), ["server", "certificate-authority-data"]);
    assert_eq!(names(&kubeconfig["users"][0]["user"]), ["client-certificate-data", "client-key-data"]);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_missing_file_of_a_kubeconfig() {
    let guest = Guest::own("plain", "address");
    guest.changes(
        "mv /home/vagrant/.kube/admin-key.pem{,.away}",
        "mv /home/vagrant/.kube/admin-key.pem{.away,}",
    );
    Failure::of(&guest)
        .error("the kubeconfig `~/.kube/config` in `[NAME]` is refused")
        .cause("its client-key names a file that the guest does not have or does not show")
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reads_quoted_and_relative_paths_of_a_kubeconfig() {
    const PATH: &str = "/home/vagrant/.kube/config";
    let guest = Guest::own("plain", "address");
    let kubeconfig = guest.run(&format!("cat {PATH}"));
    let change = |change: fn(&str, &str) -> String| {
        let line = |line: &str| match line.split_once(": ") {
            Some((name, path)) if path.starts_with('/') => change(name, path),
            _ => line.to_owned(),
        };
        kubeconfig.lines().map(|text| line(text) + "\n").collect::<String>()
    };
    for changed in [
        change(|name, path| format!("{name}: '{path}'")),
        change(|name, path| format!("{name}: \"{path}\"  # the admin's \"own\"")),
        change(|name, path| format!("{name}:   {path} # the admin's \"own\"")),
        kubeconfig.replace('\n', "\r\n"),
        change(|name, path| format!("{name}: '{path}' # the admin's")).replace('\n', "\r\n"),
        // Below the folder of the kubeconfig.
        kubeconfig.replace("/home/vagrant/.kube/", "./"),
    ] {
        assert_ne!(changed, kubeconfig);
        guest.replaces(PATH, &changed);
        User::of(&guest).types(KUBECTL).stdout("namespace/default\n").succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_an_unreadable_kubeconfig() {
    let guest = Guest::own("plain", "address");
    let give = |owner| format!("chown {owner}: /home/vagrant/.kube/config");
    guest.changes(&give("root"), &give("vagrant"));
    Failure::of(&guest)
        .error("`vagrant` cannot read `~/.kube/config` in `[NAME]`")
        .hint("in the machine: `sudo chown vagrant ~/.kube/config`")
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_machine_without_kubernetes() {
    Failure::of(&Guest::light())
        .error("there is no kubernetes in `[NAME]`")
        .hint("`service-manager status` shows what the machine has")
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_missing_kubeconfig() {
    let guest = Guest::own("k3s", "address");
    let path = "/etc/rancher/k3s/k3s.yaml";
    guest.changes(&format!("mv {path} {path}.away"), &format!("mv {path}.away {path}"));
    Failure::of(&guest)
        .error(&format!("`[NAME]` has no `{path}`, which kubernetes (k3s) should have"))
        .hint(&format!("in the machine: `sudo ls -l {path}`"))
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_certificate_without_a_usable_name() {
    let guest = Guest::own("kubeadm", "nameless");
    Failure::of(&guest)
        .error(
            "the certificate of kubernetes at [ADDRESS]:6443 is not valid for any address of `[NAME]` \
             (it is for 10.0.2.15)",
        )
        .hint("in the machine: add [ADDRESS] to `apiServer.certSANs`[..]")
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_an_expired_serving_certificate() {
    let guest = Guest::own("kubeadm", "expired");
    Failure::of(&guest)
        .error("the certificate of kubernetes at [ADDRESS]:6443 is not valid")
        .cause("[..]expired[..]")
        .hint("in the machine: `sudo kubeadm certs renew all`[..]")
        .more()
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_an_expired_client_certificate() {
    let guest = Guest::own("kubeadm", "expired-client");
    Failure::of(&guest)
        .error("the client certificate in `/etc/kubernetes/admin.conf` of `[NAME]` expired on 2021-01-01")
        .hint("in the machine: `sudo kubeadm certs renew all`[..]")
        .more()
        .ends();
}
