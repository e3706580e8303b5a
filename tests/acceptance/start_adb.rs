//! The Atomic Developer Bundle: `sccli` starts and stops its services, with all that it does besides.

use crate::docker::DOCKER;
use crate::start::{DOCKER_STARTED, STARTED, docker, ends_as_env_does};
use crate::start_proxy::{KILLED_AT_STEP, wraps};
use crate::start_tls::two_at_once_leave_a_docker;
use service_manager_test_support::{Guest, UNTIL_READY, User};

const OPENSHIFT_STARTED: &str = "OpenShift service configured successfully...\n";
const KUBECTL: &str =
    "eval \"$(service-manager --quiet env SERVICE)\"; kubectl get namespace default -o name";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starts_and_stops_kubernetes_without_sccli_status() {
    let guest = adb();
    let user = User::of(&guest);
    user.types("service-manager stop kubernetes")
        .stdout("Kubernetes service stopped successfully...\n")
        .succeeds();
    user.types("service-manager status openshift kubernetes")
        .stdout("openshift - stopped\nkubernetes - stopped\n")
        .succeeds();
    user.types("service-manager start kubernetes").stdout(STARTED).succeeds();
    user.types("service-manager start kubernetes")
        .stdout(STARTED)
        .stderr("note: Kubernetes runs already\n")
        .succeeds();
    user.types(KUBECTL.replace("SERVICE", "kubernetes")).stdout("namespace/default\n").succeeds();
    let main_process = || guest.run("systemctl show --property=MainPID kube-apiserver");
    let before = main_process();
    user.types("service-manager restart kubernetes")
        .stdout("Kubernetes service restarted successfully...\n")
        .succeeds();
    assert_ne!(main_process(), before);
    // With one of its units down, `sccli kubernetes status` and `restart` would stop the others.
    guest.run("systemctl stop kube-proxy");
    user.types("service-manager status kubernetes")
        .stdout("kubernetes - degraded\n")
        .stderr("warning: kubernetes in `[NAME]` answers, but kube-proxy.service is down\nhint: [..]\nhint: [..]\n")
        .succeeds();
    user.types("service-manager restart kubernetes")
        .stdout("Kubernetes service restarted successfully...\n")
        .succeeds();
    user.types("service-manager status kubernetes").stdout("kubernetes - running\n").succeeds();
    assert_eq!(
        guest.run("cat /var/log/sccli"),
        "kubernetes stop\nkubernetes start\nkubernetes stop\nkubernetes start\nkubernetes stop\nkubernetes start\n"
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn stopping_another_service_needs_an_option() {
    let guest = adb();
    guest.lays_out_docker("stopped");
    let user = User::of(&guest);
    user.types("service-manager start openshift")
        .stderr("error: to start openshift, `[NAME]` would stop kubernetes\nhint: `service-manager start openshift --replace`\n")
        .fails(126);
    assert_eq!(
        guest.run("systemctl is-active kube-apiserver; cat /var/log/sccli 2>/dev/null || true"),
        "active\n"
    );
    // Nor is one started for the other to stop it. What else is named is.
    user.types("service-manager start docker openshift kubernetes --replace")
        .stdout(DOCKER_STARTED)
        .stderr(
            "
            error: openshift and kubernetes cannot both be started in `[NAME]`: openshift stops kubernetes
            hint: `service-manager start openshift`, or `service-manager start kubernetes`
            ",
        )
        .fails(126);
    assert_eq!(guest.run("cat /var/log/sccli"), "docker start\n");
    user.types("service-manager start openshift --replace")
        .stdout(OPENSHIFT_STARTED)
        .stderr("note: kubernetes stops, so that openshift can start\n")
        .succeeds();
    user.types("service-manager status openshift kubernetes")
        .stdout("openshift - running\nkubernetes - stopped\n")
        .succeeds();
    user.types(KUBECTL.replace("SERVICE", "openshift")).stdout("namespace/default\n").succeeds();
    user.types("service-manager start kubernetes --replace -q").stdout(STARTED).succeeds();
    user.types("service-manager status openshift kubernetes")
        .stdout("openshift - stopped\nkubernetes - running\n")
        .succeeds();
}

/// As a server that systemd had to kill on a busy machine.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn another_service_that_ends_with_an_error_is_stopped_all_the_same() {
    let guest = adb();
    let folder = "/run/systemd/system/kubelet.service.d";
    guest.changes(
        &format!(
            "mkdir -p {folder}; printf '[Service]\\nExecStopPost=/bin/false\\n' >{folder}/fails.conf; systemctl daemon-reload"
        ),
        &format!("rm -r {folder}; systemctl daemon-reload"),
    );
    let user = User::of(&guest);
    user.types("service-manager -q start openshift --replace").stdout(OPENSHIFT_STARTED).succeeds();
    user.types("service-manager status openshift kubernetes")
        .stdout("openshift - running\nkubernetes - stopped\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_restart_stops_no_other_service() {
    let guest = adb();
    let user = User::of(&guest);
    user.types("service-manager -q start openshift --replace").stdout(OPENSHIFT_STARTED).succeeds();
    guest.run("systemctl start etcd");
    user.types("service-manager restart kubernetes")
        .stderr(
            "
            error: to start kubernetes, `[NAME]` would stop openshift
            hint: `service-manager start kubernetes --replace`
            ",
        )
        .fails(126);
    assert_eq!(guest.run("systemctl is-active openshift"), "active\n");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn creates_missing_docker_certificates() {
    let guest = adb();
    guest.lays_out_docker("stopped");
    guest.run("rm /etc/docker/ca.pem");
    let user = User::of(&guest);
    user.types("service-manager start docker").stdout(DOCKER_STARTED).succeeds();
    user.types("eval \"$(service-manager env docker)\" && docker info --format '{{.Name}}'")
        .stdout("[NAME]\n")
        .succeeds();
    let enabled = "systemctl is-enabled docker || true";
    assert_eq!(guest.run(enabled), "enabled\n");
    user.types("service-manager stop docker").stdout("Docker service stopped successfully...\n").succeeds();
    assert_eq!(guest.run(enabled), "disabled\n");
    assert_eq!(guest.run("cat /var/log/sccli"), "docker start\ndocker stop\n");
}

/// As `VirtualBox` boots the box.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn replaces_dockers_certificate_for_another_address() {
    let guest = adb();
    let user = User::of(&guest);
    guest.lays_out_docker("other-names");
    let error = "the certificate of docker at [ADDRESS]:2376 is not valid for any address of `[NAME]` (it is for 10.0.2.15)";
    let before = guest.run(DOCKER_KEYS);
    user.types("service-manager env docker")
        .stdout("(exit 126)\n")
        .stderr(&format!("error: {error}\nhint: `service-manager start docker` makes a certificate for [ADDRESS]; containers stop meanwhile\n"))
        .fails(126);
    assert_eq!(guest.run(DOCKER_KEYS), before);
    user.types("service-manager start docker")
        .stdout(DOCKER_STARTED)
        .stderr(&format!("note: Docker is given new certificates: {error}\nnote: restarted for the changes: docker.service\n"))
        .succeeds();
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    let modes =
        "stat --format '%a %U %n' /etc/docker/*.pem /home/vagrant/.docker/* | grep --invert-match ca-key";
    assert_eq!(
        guest.run(modes),
        "600 root /etc/docker/ca.pem\n600 root /etc/docker/server-cert.pem\n600 root /etc/docker/server-key.pem\n\
         600 vagrant /home/vagrant/.docker/ca.pem\n600 vagrant /home/vagrant/.docker/cert.pem\n\
         600 vagrant /home/vagrant/.docker/key.pem\n"
    );
    // Once is enough.
    let after = guest.run(DOCKER_KEYS);
    user.types("service-manager start docker")
        .stdout(DOCKER_STARTED)
        .stderr("note: Docker runs already\n")
        .succeeds();
    assert_eq!(guest.run(DOCKER_KEYS), after);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn replaces_dockers_keys_whatever_is_wrong_with_them() {
    let guest = adb();
    let user = User::of(&guest);
    let restarted = "Docker service restarted successfully...\n";
    for (kind, change, verb, said) in [
        ("other-names", "systemctl stop docker", "start", DOCKER_STARTED),
        ("other-names", "true", "restart", restarted),
        ("expired", "true", "start", DOCKER_STARTED),
        ("expired-client", "true", "restart", restarted),
        ("other-key", "true", "start", DOCKER_STARTED),
        ("tls", "rm /home/vagrant/.docker/key.pem", "start", DOCKER_STARTED),
        (
            "tls",
            "cd /home/vagrant/.docker; issue ca ca.pem /run/ca-key.pem stranger; chown vagrant: ca.pem",
            "start",
            DOCKER_STARTED,
        ),
    ] {
        guest.lays_out_docker(kind);
        guest.run(change);
        user.types(format!("service-manager -q {verb} docker")).stdout(said).succeeds();
        user.types(DOCKER).stdout("[NAME]\n").succeeds();
    }
}

/// Whenever that is, Docker comes up by itself and the next start mends all of it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_killed_run_leaves_no_half_of_dockers_keys() {
    let guest = adb();
    wraps(&guest, &["mv"], KILLED_AT_STEP);
    let user = User::of(&guest);
    let mut killed = 0;
    loop {
        guest.run("echo 0 >/run/steps");
        guest.lays_out_docker("other-names");
        guest.run(&format!("echo {} >/run/steps", killed + 1));
        let child = user.types("service-manager -q start docker 2>&1").starts();
        if child.wait_with_output().unwrap().status.success() {
            break;
        }
        killed += 1;
        guest.run("echo 0 >/run/steps");
        let is_rebooted = killed % 2 == 0;
        if is_rebooted {
            guest.run("systemctl restart docker; docker info");
        }
        user.types("service-manager -q start docker").stdout(DOCKER_STARTED).succeeds();
        user.types(DOCKER).stdout("[NAME]\n").succeeds();
        // The daemon's own keys are good then, so that nothing is replaced.
        let parts = "find /etc/docker /home/vagrant/.docker -name '*.new.*'";
        assert!(is_rebooted || guest.run(parts).is_empty());
        assert_eq!(guest.run(&format!("{parts} -perm /077")), "");
    }
    // Two keys of the daemon, three of its client, and the daemon's authority.
    assert_eq!(killed, 6);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn two_starts_leave_matching_keys_of_docker() {
    let guest = adb();
    guest.lays_out_docker("other-names");
    two_at_once_leave_a_docker(&guest, "service-manager -q start docker");
}

/// Where the daemon would not make its own.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn keeps_dockers_keys_outside_of_the_bundle() {
    let guest = docker("other-names");
    let before = guest.run("sha256sum /etc/docker/*.pem /home/vagrant/.docker/*");
    for verb in ["start", "restart"] {
        ends_as_env_does(&guest, &format!("{verb} docker --timeout 8"));
    }
    assert_eq!(guest.run("sha256sum /etc/docker/*.pem /home/vagrant/.docker/*"), before);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn uses_the_requested_image() {
    let guest = adb();
    let user = User::of(&guest);
    let options = "grep --extended-regexp '^(DOCKER|IMAGE)' /etc/sysconfig/openshift_option";
    // What is not said stays.
    user.types("service-manager -q start openshift --replace --openshift-image-tag v1.4.1")
        .stdout(OPENSHIFT_STARTED)
        .succeeds();
    assert_eq!(
        guest.run(options),
        "DOCKER_REGISTRY=\"docker.io\"\nIMAGE_NAME=\"openshift/origin\"\nIMAGE_TAG=\"v1.4.1\"\n"
    );
    user.types("service-manager -q stop openshift")
        .stdout("OpenShift service stopped successfully...\n")
        .succeeds();
    user.types(
        "service-manager start openshift --openshift-docker-registry registry.example:5000 --openshift-image-name team/origin --openshift-image-tag v9",
    )
    .stderr(
        "
        error: could not start openshift in `[NAME]`: the image could not be pulled (`sccli` ended with 111)
        caused by: docker pull registry.example:5000/team/origin:v9
        hint: in the machine: `sudo journalctl --boot --pager-end`
        ",
    )
    .fails(126);
    user.types("service-manager start openshift --openshift-image-tag v1.3.1")
        .stdout(OPENSHIFT_STARTED)
        .succeeds();
    assert!(guest.run(options).starts_with("DOCKER_REGISTRY=\"registry.example:5000\"\n"));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_running_openshift_gets_another_image() {
    let guest = adb();
    let user = User::of(&guest);
    user.types("service-manager -q start openshift --replace").stdout(OPENSHIFT_STARTED).succeeds();
    let process = || guest.run("systemctl show --property=MainPID openshift");
    let image = || guest.run("grep ^IMAGE_TAG /etc/sysconfig/openshift_option");
    let start =
        |tag: &str| user.types(format!("service-manager start openshift --openshift-image-tag {tag}"));
    let before = process();
    start("v1.3.1").stdout(OPENSHIFT_STARTED).stderr("note: OpenShift runs already\n").succeeds();
    assert_eq!(process(), before);

    let restarted = "note: OpenShift runs already\nnote: restarted for the changes: openshift.service\n";
    start("v1.4.1").stdout(OPENSHIFT_STARTED).stderr(restarted).succeeds();
    assert_eq!(image(), "IMAGE_TAG=\"v1.4.1\"\n");
    let new = process();
    assert_ne!(new, before);

    // What cannot be had replaces nothing, however often it is asked for.
    for _ in 0..2 {
        start("v9")
            .stderr(
                "
                note: OpenShift runs already
                error: could not start openshift in `[NAME]`: the image could not be pulled (`sccli` ended with 111)
                caused by: docker pull docker.io/openshift/origin:v9
                hint: in the machine: `sudo journalctl --boot --pager-end`
                ",
            )
            .fails(126);
        assert_eq!((image(), process()), ("IMAGE_TAG=\"v1.4.1\"\n".to_owned(), new.clone()));
    }
    start("v1.4.1").stdout(OPENSHIFT_STARTED).stderr("note: OpenShift runs already\n").succeeds();
    assert_eq!(process(), new);
    assert_eq!(
        guest.run("ls -A /run/service-manager; ls /etc/sysconfig/*.service-manager 2>/dev/null || true"),
        ""
    );
}

/// Without asking it: a Vagrantfile is checked before its machine runs.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_check_knows_what_was_learnt_of_the_machine() {
    let guest = adb();
    let user = User::of(&guest);
    let check = "service-manager start --check docker openshift kubernetes";
    user.types(check)
        .stderr("note: openshift and kubernetes cannot both be started where `sccli` does it (the Atomic Developer Bundle, the Container Development Kit)\n")
        .succeeds();
    user.types("service-manager start --check kubernetes docker").succeeds();
    user.types("service-manager -q start kubernetes").stdout(STARTED).succeeds();
    user.types(check)
        .stderr(
            "
            error: openshift and kubernetes cannot both be started in `[NAME]`: openshift stops kubernetes
            hint: `service-manager start openshift`, or `service-manager start kubernetes`
            ",
        )
        .fails(126);
    user.types("service-manager start --check kubernetes docker").succeeds();
    user.types("service-manager start --check kubernets")
        .stderr("error: there is no service `kubernets`\nhint: did you mean `kubernetes`?\n")
        .fails(126);
    user.types("service-manager start --check docker --proxy proxy.example")
        .stderr(
            "error: the proxy is not a valid proxy address (`http://HOST:PORT` or `HOST:PORT`; an IPv6 address in brackets, as `[::1]:3128`)\nhint: [..]\n",
        )
        .fails(1);
    assert_eq!(guest.run("cat /var/log/sccli 2>/dev/null || true"), "");

    // Where something else starts them, they may be together.
    let other = Guest::kubeadm();
    let user = User::of(&other);
    user.types("service-manager -q start kubernetes").stdout(STARTED).succeeds();
    user.types(check).succeeds();
}

/// What stands in the guest's file is data.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn quotes_a_hostile_options_file() {
    let guest = adb();
    let user = User::of(&guest);
    guest.run_with(
        "cat >/etc/sysconfig/openshift_option",
        "DOCKER_REGISTRY=\"$(touch /run/pwned)\"\nIMAGE_NAME=`touch /run/pwned`\nIMAGE_TAG='v1'\n",
    );
    user.types("service-manager -q start openshift --replace --openshift-image-tag v1.3.1")
        .stderr("error: could not start openshift in `[NAME]`: /etc/sysconfig/openshift_option cannot be read (`sccli` ended with 112)\n")
        .fails(126);
    assert_eq!(guest.run("ls /run/pwned 2>/dev/null || true; cat /var/log/sccli 2>/dev/null || true"), "");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn writes_the_proxy_without_its_scheme() {
    let guest = adb();
    guest.lays_out_docker("tls");
    let user = User::of(&guest).with("SERVICE_MANAGER_PROXY_PASSWORD", "p@ss%1");
    let line = "service-manager -q restart kubernetes && service-manager -q stop kubernetes && \
        service-manager -q start kubernetes --proxy http://proxy.example:3128 --proxy-user me";
    user.types(line)
        .stdout(&format!("Kubernetes service restarted successfully...\nKubernetes service stopped successfully...\n{STARTED}"))
        .succeeds();
    let info = "docker info --format '{{.HTTPProxy}}'; tr '\\0' '\\n' </proc/$(systemctl show --property=MainPID --value docker)/environ | grep ^HTTP_PROXY";
    assert_eq!(
        guest.run(info),
        "http://xxxxx:xxxxx@proxy.example:3128\nHTTP_PROXY=http://me:p%40ss%251@proxy.example:3128\n"
    );
    // The same once more restarts nothing.
    let processes = || guest.run("systemctl show --property=MainPID docker kube-apiserver | grep =");
    let before = processes();
    let same = "service-manager start kubernetes --proxy proxy.example:3128 --proxy-user me";
    user.types(same).stdout(STARTED).stderr("note: Kubernetes runs already\n").succeeds();
    assert_eq!(processes(), before);
    // What is in the list of options would keep another one out.
    user.types("service-manager start kubernetes --proxy new.example:3128")
        .stdout(STARTED)
        .stderr("note: Kubernetes runs already\nnote: restarted for the changes: docker.service, [..]kube-apiserver.service[..]\n")
        .succeeds();
    assert_eq!(guest.run("grep ^PROXY= /etc/sysconfig/openshift_option"), "PROXY=\"new.example:3128\"\n");
    let after = processes();
    assert!(before.lines().zip(after.lines()).all(|(before, after)| before != after), "{before} {after}");
    assert_eq!(
        guest.run(&format!("{info} | uniq")),
        "http://new.example:3128\nHTTP_PROXY=http://new.example:3128\n"
    );
    // Somebody has changed it in the machine.
    guest.run("sed -i s/new.example/odd.example/ /etc/systemd/system/docker.service.d/http-proxy.conf; systemctl daemon-reload; systemctl restart docker");
    user.types("service-manager -q start kubernetes --proxy new.example:3128").stdout(STARTED).succeeds();
    assert_eq!(guest.run("docker info --format '{{.HTTPProxy}}'"), "http://new.example:3128\n");
    user.types(
        "service-manager -q stop kubernetes && service-manager -q start kubernetes --proxy other.example:1",
    )
    .stdout(&format!("Kubernetes service stopped successfully...\n{STARTED}"))
    .succeeds();
    assert_eq!(guest.run("grep ^PROXY= /etc/sysconfig/openshift_option"), "PROXY=\"other.example:1\"\n");
    user.types("service-manager start docker --no-proxy")
        .stdout(DOCKER_STARTED)
        .stderr("note: Docker runs already\nnote: restarted for the changes: docker.service\n")
        .succeeds();
    assert_eq!(guest.run("docker info --format '{{.HTTPProxy}}'; grep --count ^PROXY /etc/sysconfig/openshift_option || true"), "\n0\n");
    // Its own shell would read what is in these.
    user.types("service-manager -q stop kubernetes")
        .stdout("Kubernetes service stopped successfully...\n")
        .succeeds();
    User::of(&guest)
        .with("SERVICE_MANAGER_PROXY_PASSWORD", "'; touch /run/pwned; '")
        .types("service-manager -q start kubernetes --proxy proxy.example:3128 --proxy-user me")
        .stderr("error: the proxy is not a valid user or password for `sccli` (letters, digits and `._-+=@%,:~`)\n")
        .fails(1);
    assert_eq!(guest.run("ls /run/pwned 2>/dev/null || true"), "");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_unit_that_does_not_start() {
    let guest = adb();
    guest.changes(
        "systemctl stop kube-scheduler; mkdir -p /run/systemd/system/kube-scheduler.service.d
        printf '[Service]\\nType=oneshot\\nRestart=no\\nExecStart=\\nExecStart=/bin/sh -c \"echo no leader; exit 1\"\\n' >/run/systemd/system/kube-scheduler.service.d/test.conf
        systemctl daemon-reload",
        "rm -r /run/systemd/system/kube-scheduler.service.d; systemctl daemon-reload; systemctl reset-failed kube-scheduler; systemctl start kube-scheduler",
    );
    User::of(&guest)
        .types("service-manager start kubernetes 2>&1 | grep --extended-regexp '^(error|hint)|leader'; exit ${PIPESTATUS[0]}")
        .stdout(
            "
            error: could not start kubernetes in `[NAME]`: `sccli` ended with 1
            caused by: no leader
            hint: in the machine: `sudo journalctl --boot --pager-end`
            ",
        )
        .fails(126);
}

/// The bundle, with Kubernetes up, as it will be again.
fn adb() -> Guest {
    let guest = Guest::own("adb", "address");
    guest.changes(
        "rm -f /var/log/sccli; cp /etc/sysconfig/openshift_option /run/openshift_option",
        &format!(
            "cp /run/openshift_option /etc/sysconfig/openshift_option; rm -f /etc/systemd/system/docker.service.d/http-proxy.conf
            systemctl disable --now openshift; systemctl daemon-reload
            systemctl enable --now etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet; {UNTIL_READY}; rm -f /var/log/sccli"
        ),
    );
    guest
}
/// Tells Docker's keys, and whether it was restarted.
const DOCKER_KEYS: &str =
    "systemctl show --property=MainPID docker; sha256sum /etc/docker/*.pem /home/vagrant/.docker/*";
