//! `env` again: without SSH, and true all the same.

use std::fs;

use crate::env::{ANNOUNCED, KUBECTL, READABLE};
use crate::round_trip::journal_while;
use service_manager_test_support::{Guest, Project, UNTIL_READY, User};

/// How often the guest is logged in to while something is done.
#[track_caller]
pub(crate) fn logs_in(times: usize, guest: &Guest, something: impl FnOnce()) {
    let journal = journal_while(guest, something);
    let count = journal.lines().filter(|line| line.starts_with("Connection from")).count();
    assert_eq!(count, times, "{journal}");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_second_env_needs_no_ssh() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    logs_in(0, &guest, || {
        user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
        user.types("service-manager env kubernetes --script-readable").stdout(READABLE).succeeds();
        user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    });
    logs_in(1, &guest, || {
        user.types("service-manager env kubernetes --refresh --script-readable").stdout(READABLE).succeeds();
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn caches_all_services_together() {
    let guest = Guest::own("microshift", "address");
    guest.lays_out_docker("tls");
    let user = User::of(&guest);
    let typed = || user.types("service-manager -q env --script-readable").stdout("[..]\n".repeat(5).as_str());
    let first = typed().succeeds().stdout;
    logs_in(0, &guest, || assert_eq!(typed().succeeds().stdout, first));
    logs_in(0, &guest, || {
        let docker = user.types("service-manager -q env docker --script-readable");
        docker.stdout("[..]\n".repeat(3).as_str()).succeeds();
    });
    // It is no service beside the OpenShift that provides it, until it is named.
    logs_in(1, &guest, || {
        let kubernetes = user.types("service-manager -q env kubernetes --script-readable");
        kubernetes.stdout("KUBECONFIG=[..]\n").succeeds();
    });
}

/// That it is not there was found out as well, but whoever names it wants to know.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_service_that_was_not_there_is_looked_for_by_name() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::of(&guest);
    user.types("service-manager -q env >/dev/null").succeeds();
    logs_in(0, &guest, || {
        user.types("service-manager -q env >/dev/null").succeeds();
    });
    logs_in(1, &guest, || {
        user.types("service-manager env openshift 2>/dev/null").stdout("(exit 126)\n").fails(126);
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn notices_a_stopped_service() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    guest.stops("kubelet");
    let stopped = "error: kubernetes is stopped in `[NAME]`\nhint: [..]\n";
    user.types("service-manager env kubernetes --script-readable").stderr(stopped).fails(126);
    guest.changes_back();
    user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn notices_a_new_cluster_at_the_same_address() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    let before = user.kubeconfig();
    // Another authority, other certificates, other credentials.
    guest.run("lay-out kubeadm address");
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    assert_ne!(user.kubeconfig(), before);
    logs_in(0, &guest, || {
        user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn notices_rejected_credentials() {
    let guest = Guest::own("k3s", "address");
    let user = User::of(&guest);
    user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    // Clients have another authority now, and what the guest has is of the old one.
    let pki = "/var/lib/rancher/k3s/server/tls";
    let rotate = format!(
        "cd {pki}; cp -a client-ca.crt client-ca.key client-admin.crt client-admin.key /tmp; \
         issue ca client-ca.crt client-ca.key new; systemctl restart k3s"
    );
    let undo = format!("cp -a /tmp/client-* {pki}; systemctl restart k3s; {UNTIL_READY}");
    guest.changes(&format!("{rotate}; {UNTIL_READY}"), &undo);
    user.types("service-manager env kubernetes --script-readable")
        .stderr("error: kubernetes at [..] does not accept the credentials [..]\nhint: [..]\n")
        .fails(126);
    guest.changes_back();
    user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn notices_new_docker_certificates() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::of(&guest);
    let line = "eval \"$(service-manager env docker)\" && docker version --format '{{.Server.Os}}'";
    user.types(line).stdout("linux\n").succeeds();
    guest.lays_out_docker("tls");
    user.types(line).stdout("linux\n").succeeds();
    guest.lays_out_docker("expired");
    user.types("service-manager env docker --script-readable")
        .stderr("error: [..]\ncaused by: [..]\nhint: [..]\nhint: `service-manager doctor docker` says more\n")
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_tampered_cache() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    let types = || user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    types();
    let facts = user.machine_folder().join("services.json");
    let text = fs::read_to_string(&facts).unwrap();
    let at = text.split_once("\"at\":").unwrap().1.split(',').next().unwrap().to_owned();
    for odd in [
        String::new(),
        text[..text.len() / 2].to_owned(),
        "{}".into(),
        "[]".into(),
        text.replace("\"program\":\"", "\"program\":\"9"),
        // A clock that was ahead, and one that has stood still for long.
        text.replace(&at, "99999999999"),
        text.replace(&at, "1"),
        text.replace("\"flavour\":\"kubeadm\"", "\"flavour\":\"gone\""),
        text.replace("\"port\":6443", "\"port\":1"),
        text.replace(&guest.address(), "127.0.0.1"),
        text.replace(&format!("\"host\":\"{}\"", guest.address()), "\"host\":\"$(id)\""),
        text.replace(r#"apiVersion: \"v1\""#, r#"apiVersion: \"v1\"\nx: &a [*a]"#),
    ] {
        assert_ne!(odd, text);
        fs::write(&facts, &odd).unwrap();
        logs_in(1, &guest, || {
            types();
        });
        logs_in(0, &guest, || {
            types();
        });
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_changed_service_file_invalidates_the_cache() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    user.writes(".config/service-manager/services/mine.yaml", "name: kubernetes\ntitle: Mine\n");
    logs_in(1, &guest, || {
        user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn two_runs_keep_both_results() {
    let guest = Guest::own("microshift", "address");
    guest.lays_out_docker("tls");
    let user = User::of(&guest);
    for _ in 0..5 {
        user.types(
            "service-manager -q env docker --refresh >/dev/null & a=$!
            service-manager -q env openshift --refresh >/dev/null & b=$!
            wait $a && wait $b",
        )
        .succeeds();
    }
    logs_in(0, &guest, || {
        for service in ["docker", "openshift"] {
            user.types(format!("service-manager -q env {service} >/dev/null")).succeeds();
        }
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn cached_option_asks_nobody() {
    let guest = Guest::own("microshift", "address");
    guest.lays_out_docker("tls");
    let user = User::of(&guest);
    let cached =
        |services: &str| user.types(format!("service-manager env {services} --cached --script-readable"));
    let nothing = "error: nothing is cached for `[NAME]` yet\nhint: leave out `--cached` once\n";
    cached("openshift").stderr(nothing).fails(126);
    // Each question has its own answer.
    user.types("service-manager -q env >/dev/null").succeeds();
    cached("openshift").stderr(nothing).fails(126);
    user.types("service-manager -q env docker --api-version >/dev/null").succeeds();
    let all = "
        DOCKER_HOST=tcp://[ADDRESS]:2376
        DOCKER_CERT_PATH='[MACHINE]/docker'
        DOCKER_TLS_VERIFY=1
        OPENSHIFT_URL=https://[ADDRESS]:6443
        KUBECONFIG=[MACHINE]/openshift/kubeconfig
        ";
    guest.stops("microshift");
    logs_in(0, &guest, || {
        cached("").stdout(all).succeeds();
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn caches_per_guest_user() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::near(&guest);
    let line = |name: &str| {
        let key = guest.folder().join("keys/ed25519");
        format!(
            "service-manager --host {name}@{} -i {} env docker --script-readable",
            guest.address(),
            key.display()
        )
    };
    user.types(line("vagrant")).stdout("[..]\n".repeat(3).as_str()).succeeds();
    // Once more for the tunnel to the socket.
    logs_in(2, &guest, || {
        user.types(line("nosudo"))
            .stderr(
                "
                note: from now on `[ADDRESS]` is reached as nosudo@[ADDRESS]:22, no longer as vagrant@[ADDRESS]:22
                error: docker in [..] cannot be reached through SSH: sudo: a password is required
                hint: [..]
                ",
            )
            .fails(126);
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_changed_route_invalidates_the_cache() {
    let guest = Guest::kubeadm();
    let user = User::near(&guest);
    let config = guest.folder().join("ssh_config");
    let line = format!("service-manager --ssh-config {} env kubernetes >/dev/null", config.display());
    user.types(line).succeeds();
    let record = user.machine_folder().join("machine.json");
    let kept = fs::read_to_string(&record).unwrap();
    fs::write(&record, kept.replace("\"port\": 22", "\"port\": 1")).unwrap();
    user.types(format!("service-manager -m {} env kubernetes --script-readable", guest.name()))
        .stderr("error: could not connect to [ADDRESS]:1\ncaused by: [..]\nhint: [..]\nhint: `service-manager doctor -m [NAME]` says more\n")
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn asks_vagrant_once_after_the_vagrantfile_changed() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let line = "service-manager env kubernetes >/dev/null";
    project.types(line).succeeds();
    project.writes("Vagrantfile", "# changed\n");
    // Nothing may wait for Vagrant there.
    project.starts(0, || {
        project.types("service-manager env kubernetes --cached >/dev/null").succeeds();
    });
    project.starts(1, || {
        for _ in 0..3 {
            project.types(line).succeeds();
        }
    });
    // Made anew, it is another one, whatever answers there.
    project.writes(".vagrant/machines/default/fake/id", "second");
    project.starts(1, || {
        logs_in(1, &guest, || {
            let note = "note: Vagrant has made `default` anew, so its host key is learnt anew\n";
            project.types(line).stderr(note).succeeds();
        });
    });
}
