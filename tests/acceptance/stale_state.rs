//! Machines that are not what they were when `env` remembered them: the next `env` says what is true now, or fails.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cached_env::logs_in;
use crate::env::READABLE;
use service_manager_test_support::{Guest, Project, User};

/// Uses the cluster with what `env` prints now.
const USE: &str = "eval \"$(service-manager -q env kubernetes)\"; kubectl get namespace default -o name";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn follows_a_machine_to_a_new_address() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types(USE).stdout("namespace/default\n").succeeds();

    let old = guest.address();
    let (network, _) = old.rsplit_once('.').unwrap();
    let new = format!("{network}.251");
    let moves = |from: &str, to: &str| {
        format!(
            "ip address add {to}/24 dev eth0; ip address del {from}/24 dev eth0; ip address add {to}/24 dev eth0 || true"
        )
    };
    guest.changes(&moves(&old, &new), &moves(&new, &old));
    project.says(&Project::block(&guest).replace(&old, &new));
    // Nobody is at the old one; Vagrant is asked once for the new one, which the certificate does not name.
    project.starts(1, || {
        project
            .types("service-manager env kubernetes --script-readable")
            .stdout(READABLE)
            .stderr(&format!("note: the certificate does not name {new}, so [..]\n"))
            .succeeds();
        project.types(USE).stdout("namespace/default\n").succeeds();
    });
    assert_eq!(user.kubeconfig()["clusters"][0]["cluster"]["server"], format!("https://{new}:6443").as_str());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn notices_a_new_machine_at_the_old_address() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let config = format!("service-manager --ssh-config {}/ssh_config", guest.folder().display());
    let elsewhere = User::near(&guest);
    project.types(USE).stdout("namespace/default\n").succeeds();
    elsewhere.types(format!("{config} env kubernetes >/dev/null")).succeeds();
    let before = user.kubeconfig();

    let keys = "/etc/ssh/ssh_host_*";
    guest.changes(
        &format!("mkdir /tmp/keys; mv {keys} /tmp/keys; ssh-keygen -A -q; systemctl restart ssh"),
        "mv /tmp/keys/* /etc/ssh; rmdir /tmp/keys; systemctl restart ssh",
    );
    guest.run("lay-out kubeadm address");
    project.writes(".vagrant/machines/default/fake/id", "second");
    let anew = "note: Vagrant has made `default` anew, so its host key is learnt anew\n";
    project.types("service-manager env kubernetes >/dev/null").stderr(anew).succeeds();
    project.types(USE).stdout("namespace/default\n").succeeds();
    assert_ne!(user.kubeconfig(), before);

    // Without Vagrant nobody says that it may be another one.
    elsewhere
        .types(format!("{config} env kubernetes"))
        .stdout("(exit 3)\n")
        .stderr("error: the host key of [ADDRESS]:22 is not the one learnt before: [..]\nhint: [..]\nhint: `service-manager doctor --ssh-config [..]` says more\n")
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn renews_credentials_that_expire_within_the_hour() {
    let guest = Guest::own("adb", "address");
    guest.restarts("kube-apiserver", "s/^ExecStart=.*/& --service-account-max-token-expiration=2h/");
    let user = User::of(&guest);
    let line = "service-manager -q env kubernetes --script-readable";
    let env = || user.types(line).stdout(READABLE).succeeds();
    env();
    let long = user.kubeconfig();
    logs_in(0, &guest, || {
        env();
    });
    guest.changes_back();
    guest.restarts("kube-apiserver", "s/^ExecStart=.*/& --service-account-max-token-expiration=1h/");
    // It is as good as ever.
    logs_in(0, &guest, || {
        env();
    });
    user.types(format!("{line} --refresh")).stdout(READABLE).succeeds();
    let short = user.kubeconfig();
    assert_ne!(long, short);
    logs_in(1, &guest, || {
        env();
    });
    assert_ne!(user.kubeconfig(), short);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finds_a_newly_installed_service_after_five_minutes() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("none");
    let user = User::of(&guest);
    let env = || user.types("service-manager -q env --script-readable");
    env().stdout(READABLE).succeeds();
    guest.lays_out_docker("tls");
    let all = format!("{}{READABLE}", "DOCKER_[..]\n".repeat(3));
    // What is known of all is four minutes old, and then six.
    let facts = user.machine_folder().join("services.json");
    let ago = |minutes: u64| {
        let text = fs::read_to_string(&facts).unwrap();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - minutes * 60;
        let parts = text.split("\"at\":").map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
        fs::write(&facts, parts.collect::<Vec<_>>().join(&format!("\"at\":{time}"))).unwrap();
    };
    ago(4);
    logs_in(0, &guest, || {
        env().stdout(READABLE).succeeds();
    });
    ago(6);
    logs_in(1, &guest, || {
        env().stdout(&all).succeeds();
    });
    logs_in(0, &guest, || {
        env().stdout(&all).succeeds();
    });
}
