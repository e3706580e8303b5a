//! `start`: until the service answers, whatever it is.

use crate::env::KUBECTL;
use crate::round_trip::journal_while;
use crate::stopped_services::{fails_beside_the_api_server, the_api_server_goes_on, the_api_server_hangs};
use service_manager_test_support::{Guest, UNTIL_READY, User};

/// What is printed when Kubernetes is up.
pub(crate) const STARTED: &str = "Kubernetes service configured successfully...\n";
/// The same for Docker.
pub(crate) const DOCKER_STARTED: &str = "Docker service configured successfully...\n";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starts_a_stopped_service() {
    let guest = Guest::own("k3s", "address");
    guest.changes("systemctl disable --now k3s", &format!("systemctl enable --now k3s; {UNTIL_READY}"));
    let user = User::of(&guest);
    user.types("service-manager start kubernetes").stdout(STARTED).succeeds();
    assert_eq!(guest.run("systemctl is-active k3s; systemctl is-enabled k3s"), "active\nenabled\n");
    // What its clients need is there already.
    let journal = journal_while(&guest, || {
        user.types(KUBECTL).stdout("namespace/default\n").succeeds();
    });
    assert!(!journal.contains("Connection from"), "{journal}");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn enables_a_service_that_runs_already() {
    let guest = Guest::own("k3s", "address");
    guest.changes("systemctl disable k3s", "systemctl enable k3s");
    User::of(&guest)
        .types("service-manager start kubernetes")
        .stdout(STARTED)
        .stderr("note: Kubernetes runs already\n")
        .succeeds();
    assert_eq!(guest.run("systemctl is-active k3s; systemctl is-enabled k3s"), "active\nenabled\n");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn leaves_a_running_service_alone() {
    let guest = Guest::own("k3s", "address");
    let main_process = || guest.run("systemctl show --property=MainPID k3s");
    let before = main_process();
    let user = User::of(&guest);
    user.types("service-manager start kubernetes")
        .stdout(STARTED)
        .stderr("note: Kubernetes runs already\n")
        .succeeds();
    assert_eq!(main_process(), before);
    // Nobody has to be root for that.
    let nosudo = format!("--host nosudo@{} --identity {}", guest.address(), key(&guest));
    User::near(&guest).types(format!("service-manager -q {nosudo} start kubernetes"))
        .stderr("error: [..]`/etc/rancher/k3s/k3s.yaml` is for root only; it said: sudo: a password is required\n")
        .fails(126);
    assert!(user.kubeconfig()["clusters"][0]["cluster"]["server"].is_string());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn enables_docker_and_its_socket() {
    let guest = docker("tls");
    let user = User::of(&guest);
    guest.run("systemctl disable --now docker.socket docker");
    user.types("service-manager start docker").stdout(DOCKER_STARTED).succeeds();
    assert_eq!(guest.run(ENABLED), "enabled\nenabled\n");
    user.types("eval \"$(service-manager env docker)\" && docker info --format '{{.Name}}'")
        .stdout("[NAME]\n")
        .succeeds();
}

/// The daemon of a user, who is not root and goes away.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starts_rootless_docker() {
    let guest = docker("rootless");
    let ping = "curl --silent --unix-socket /run/user/1000/docker.sock http://docker/_ping || echo none";
    let user = User::of(&guest);
    user.types("service-manager stop docker").stdout("Docker service stopped successfully...\n").succeeds();
    assert_eq!(guest.run(ping), "none\n");
    user.types("service-manager status docker").stdout("docker - stopped\n").succeeds();
    user.types("service-manager restart docker")
        .stderr("error: docker is stopped in `[NAME]`\nhint: `service-manager start docker`\n")
        .fails(126);
    user.types("service-manager start docker").stdout(DOCKER_STARTED).succeeds();
    assert_eq!(guest.run(ping), "OK");
    user.types("service-manager start docker")
        .stdout(DOCKER_STARTED)
        .stderr("note: Docker runs already\n")
        .succeeds();
    let main_process = "runuser -u vagrant -- env XDG_RUNTIME_DIR=/run/user/1000 systemctl --user show --property=MainPID docker";
    let before = guest.run(main_process);
    user.types("service-manager restart docker")
        .stdout("Docker service restarted successfully...\n")
        .succeeds();
    assert_ne!(guest.run(main_process), before);
    assert_eq!(guest.run(ping), "OK");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starts_podmans_socket() {
    let guest = docker("podman");
    let user = User::of(&guest);
    assert_eq!(guest.run("systemctl is-active podman.service || true"), "active\n");
    user.types("service-manager stop docker").stdout("Docker service stopped successfully...\n").succeeds();
    assert_eq!(guest.run("systemctl is-active podman.socket podman.service || true"), "inactive\ninactive\n");
    user.types("service-manager start docker").stdout(DOCKER_STARTED).succeeds();
    assert_eq!(
        guest.run("systemctl is-active podman.socket; systemctl is-enabled podman.socket"),
        "active\nenabled\n"
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_unit_that_fails() {
    let guest = Guest::own("k3s", "address");
    guest.changes(
        &format!(
            "systemctl stop k3s; mkdir -p {DROP_INS}
            printf '[Service]\\nType=oneshot\\nRestart=no\\nExecStart=\\nExecStart=/bin/printf {}\\nExecStart=/bin/false\\n' >{DROP_INS}/test.conf
            systemctl daemon-reload",
            r#""\\\\033]0;evil\\\\007no token\\\\n""#
        ),
        &format!("rm -r {DROP_INS}; systemctl daemon-reload; systemctl reset-failed k3s; systemctl restart k3s; {UNTIL_READY}"),
    );
    User::of(&guest)
        .types("service-manager start kubernetes 2>&1 | grep --extended-regexp '^(error|hint)|token|code=exited'; exit ${PIPESTATUS[0]}")
        .stdout(
            "
            error: could not start kubernetes in `[NAME]`: k3s.service failed
            caused by: \\u{1b}]0;evil\\u{7}no token
            caused by: k3s.service: Main process exited, code=exited, status=1/FAILURE
            hint: in the machine: `sudo systemctl status k3s.service`
            hint: `service-manager doctor kubernetes` says more
            ",
        )
        .fails(126);
}

/// systemd takes it for started at first.
/// The program would install k3s in that distribution, and `OpenShift` in none.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_is_there_in_another_way_is_not_shown_as_installable() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("kubelet");
    the_api_server_hangs(&guest);
    let adb = Guest::own("adb", "address");
    for (guest, name, title) in [(&guest, "kubernetes", "Kubernetes"), (&adb, "openshift", "OpenShift")] {
        User::of(guest)
            .types(format!("service-manager start {name} --install --dry-run"))
            .patiently()
            .stdout(&format!("# {title} is there already\n"))
            .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_unit_that_exits() {
    let guest = Guest::own("kubeadm", "address");
    let folder = DROP_INS.replace("k3s", "kubelet");
    guest.stops("kubelet");
    the_api_server_hangs(&guest);
    guest.changes(
        &format!(
            "mkdir -p {folder}
            printf '[Service]\\nRestart=no\\nExecStart=\\nExecStart=/bin/sh -c \"sleep 1; echo swap is on; exit 3\"\\n' >{folder}/test.conf
            systemctl daemon-reload"
        ),
        &format!(
            "rm -r {folder}; systemctl daemon-reload; systemctl reset-failed kubelet || true"
        ),
    );
    let user = User::of(&guest);
    let written = user.types("service-manager start kubernetes 2>&1 | grep --extended-regexp '^(error|hint)|swap'; exit ${PIPESTATUS[0]}");
    written
        .stdout(
            "
            error: could not start kubernetes in `[NAME]`: kubelet.service failed
            caused by: swap is on
            hint: in the machine: `sudo systemctl status kubelet.service`
            hint: `service-manager doctor kubernetes` says more
            ",
        )
        .fails(126);
}

/// It ends with what the unit says itself, long before its time is over.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_unit_that_fails_again_while_the_service_answers() {
    for (flavour, unit, restart) in [
        ("kubeadm", "kubelet", "Restart=no"),
        ("kubeadm", "kubelet", "Restart=always\\nRestartSec=4"),
        ("adb", "kube-proxy", "Restart=no"),
    ] {
        let guest = Guest::own(flavour, "address");
        fails_beside_the_api_server(&guest, unit, restart);
        User::of(&guest)
            .types("timeout 40 service-manager start kubernetes --timeout 120 2>&1 | grep --extended-regexp '^(error|hint)|swap' | uniq; exit ${PIPESTATUS[0]}")
            .stdout(&format!(
                "
                error: could not start kubernetes in `[NAME]`: {unit}.service failed
                caused by: swap is on
                hint: in the machine: `sudo systemctl status {unit}.service`
                hint: `service-manager doctor kubernetes` says more
                "
            ))
            .fails(126);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starts_what_has_failed_while_the_service_answers() {
    let guest = Guest::own("kubeadm", "address");
    fails_beside_the_api_server(&guest, "kubelet", "Restart=no");
    guest.changes_last_back();
    let user = User::of(&guest);
    user.types("service-manager start kubernetes").stdout(STARTED).succeeds();
    user.types("service-manager status kubernetes").stdout("kubernetes - running\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn times_out_when_a_service_never_answers() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("kubelet");
    the_api_server_hangs(&guest);
    // Long enough for a busy host to ask the API server at least once.
    User::of(&guest)
        .types("service-manager start kubernetes --timeout 6")
        .stderr(
            "
            error: kubernetes in `[NAME]` is not up after 6 s
            caused by: kubernetes does not answer at any address of `[NAME]`: [..]
            hint: it may be starting; else, in the machine: `sudo systemctl restart kubelet`
            hint: `service-manager doctor kubernetes` says more
            ",
        )
        .fails(126);
}

/// A service that has long been up ends it at once: the time is shorter than what one that has just come up is given.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_what_env_says_where_waiting_is_in_vain() {
    let k3s = Guest::own("k3s", "address");
    has_long_been_active(&k3s);
    for damage in KUBECONFIG_DAMAGES {
        damages(&k3s, K3S_YAML, damage);
        ends_as_env_does(&k3s, "start kubernetes --timeout 8");
        k3s.changes_back();
        has_long_been_active(&k3s);
    }
    k3s.restarts("k3s", LOOPBACK_ONLY);
    ends_as_env_does(&k3s, "start kubernetes --timeout 8");
    drop(k3s);
    let kubeadm = Guest::own("kubeadm", "address");
    has_long_been_active(&kubeadm);
    damages(&kubeadm, "/etc/kubernetes/admin.conf", KUBECONFIG_DAMAGES[0]);
    ends_as_env_does(&kubeadm, "start kubernetes --timeout 8");
}

/// One that has just come up is given a while, and no more.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn gives_up_soon_after_the_start_where_waiting_is_in_vain() {
    let guest = Guest::own("k3s", "address");
    damages(&guest, K3S_YAML, KUBECONFIG_DAMAGES[0]);
    guest.stops("k3s");
    User::of(&guest)
        .types("service-manager start kubernetes --timeout 60")
        .stderr(
            "
            error: kubernetes does not answer at any address of `[NAME]`: [..]another server answers, whose certificate is from another authority
            hint: check that `/etc/rancher/k3s/k3s.yaml` in the machine belongs to the cluster that runs there
            hint: `service-manager doctor kubernetes` says more
            ",
        )
        .fails(126);
    ends_as_env_does(&guest, "start kubernetes --timeout 60");
}

/// Its kubeconfig is written by its first start; until then its unit is all that there is.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starts_what_was_never_started() {
    for (flavour, service, unit, path) in [
        ("k3s", "kubernetes", "k3s", K3S_YAML),
        ("rke2", "kubernetes", "rke2-server", "/etc/rancher/rke2/rke2.yaml"),
        ("k0s", "kubernetes", "k0scontroller", "/var/lib/k0s/pki/admin.conf"),
        ("microshift", "openshift", "microshift", "/var/lib/microshift/resources"),
    ] {
        let guest = Guest::own(flavour, "address");
        let user = User::of(&guest);
        let drop_in = format!("/run/systemd/system/{unit}.service.d");
        guest.stops(unit);
        guest.changes(
            &format!(
                "mv {path} {path}.later; mkdir -p {drop_in}
                printf '[Service]\\nRestart=no\\nExecStartPre=/bin/false\\n' >{drop_in}/test.conf; systemctl daemon-reload"
            ),
            &format!(
                "[ ! -e {path}.later ] || mv {path}.later {path}; rm -r {drop_in}; systemctl daemon-reload; systemctl reset-failed {unit} || true"
            ),
        );
        let status = |state: &str| {
            let line = format!("service-manager status {service}");
            user.types(line).stdout(&format!("{service} - {state}\n")).succeeds();
        };
        status("stopped");
        guest.run(&format!("! systemctl start {unit}"));
        status("failed");
        guest.run(&format!(
            "printf '[Service]\\nExecStartPost=/bin/mv {path}.later {path}\\n' >{drop_in}/test.conf; systemctl daemon-reload"
        ));
        user.types(format!("service-manager -q start {service}"))
            .stdout("[..] service configured successfully...\n")
            .succeeds();
        status("running");
    }
}

/// As k3s does at its first start, and when it renews what has expired.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn waits_for_a_kubeconfig_that_is_replaced_late() {
    let guest = Guest::own("k3s", "address");
    for damage in KUBECONFIG_DAMAGES {
        damages(&guest, K3S_YAML, damage);
        guest.stops("k3s");
        let user = User::of(&guest);
        let typed = user.types("service-manager start kubernetes");
        let mut terminal = typed.in_a_terminal(100);
        terminal.shows("[..] waiting until Kubernetes answers ([..])");
        guest.run(&format!("cat {K3S_YAML}.original >{K3S_YAML}"));
        terminal.shows(&format!("+ kubernetes  [..] s\n{STARTED}"));
        assert_eq!(terminal.ends(), 0);
        guest.changes_back();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_failing_service_stops_no_other() {
    let guest = docker("stopped");
    guest.changes("systemctl mask --runtime docker", "systemctl unmask --runtime docker");
    User::of(&guest)
        .types("service-manager start docker kubernetes")
        .stdout(STARTED)
        .stderr(
            "
            note: Kubernetes runs already
            error: could not start docker in `[NAME]`: docker.service failed
            caused by: Failed to start docker.service: Unit docker.service is masked.
            hint: in the machine: `sudo systemctl status docker.service`
            hint: `service-manager doctor docker` says more
            ",
        )
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_user_without_sudo() {
    let guest = docker("stopped");
    let nosudo = format!("--host nosudo@{} --identity {}", guest.address(), key(&guest));
    for verb in ["start", "stop"] {
        User::near(&guest)
            .types(format!("service-manager {nosudo} {verb} docker"))
            .stderr(&format!(
                "{}error: `nosudo` cannot use sudo without a password in `[ADDRESS]`, and only root can {verb} docker; it said: sudo: a password is required\n\
                hint: in the machine, as root: `echo 'nosudo ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/service-manager`; or log in as root: `service-manager status --host root@[ADDRESS]:22`\n",
                if verb == "stop" { "note: Docker does not run\n" } else { "" }
            ))
            .fails(126);
    }
    assert_eq!(guest.run("systemctl is-active docker || true"), "inactive\n");
}

/// Whatever reads the command.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn works_with_every_login_shell() {
    let guest = docker("stopped");
    for login in ["fisher", "cshell", "noisy", "root"] {
        let options = format!("-q --host {login}@{} --identity {}", guest.address(), key(&guest));
        let user = User::near(&guest);
        user.types(format!("service-manager {options} start docker")).stdout(DOCKER_STARTED).succeeds();
        assert_eq!(guest.run(ACTIVE), "active\nactive\n", "{login}");
        user.types(format!("service-manager {options} stop docker"))
            .stdout("Docker service stopped successfully...\n")
            .succeeds();
        assert_eq!(guest.run(ACTIVE), "inactive\ninactive\n", "{login}");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn two_starts_act_once() {
    let guest = docker("stopped");
    let starts = |user: &User| user.types("service-manager start docker kubernetes").starts();
    let users = [User::of(&guest), User::of(&guest)];
    let children: Vec<_> = users.iter().map(starts).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{DOCKER_STARTED}{STARTED}"));
        assert!(output.status.success(), "{output:?}");
    }
}

/// As long as the other one takes, but not for ever.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_second_start_waits_for_the_lock() {
    let guest = docker("stopped");
    guest.changes(
        "systemd-run --unit=other flock /run/service-manager.lock sleep infinity",
        "systemctl stop other",
    );
    guest.run("until ! flock --nonblock /run/service-manager.lock true; do sleep 0.1; done");
    let user = User::of(&guest);
    user.types("service-manager start docker --timeout 4")
        .stderr(
            "
            error: could not start docker in `[NAME]`: another `service-manager` is at it
            hint: when that has ended: `service-manager start docker`
            ",
        )
        .fails(126);
    assert_eq!(guest.run(ACTIVE), "inactive\ninactive\n");
    let child = user.types("service-manager start docker").starts();
    guest.run("until pgrep --full 'flock -w' >/dev/null; do sleep 0.1; done; systemctl stop other");
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), DOCKER_STARTED);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_an_unusable_lock() {
    let guest = docker("stopped");
    guest.changes(
        "rm -f /run/service-manager.lock; mkdir /run/service-manager.lock",
        "rmdir /run/service-manager.lock",
    );
    User::of(&guest)
        .types("service-manager start docker")
        .stderr(
            "
            error: could not start docker in `[NAME]`: /run/service-manager.lock cannot be written
            hint: in the machine: `sudo ls -ld /run/service-manager.lock`
            ",
        )
        .fails(126);
    assert_eq!(guest.run(ACTIVE), "inactive\ninactive\n");
}

/// What was found out before is told all the same.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_machine_that_goes_away() {
    let guest = docker("stopped");
    guest.changes("systemctl mask --runtime docker", "systemctl unmask --runtime docker");
    guest.stops("kubelet");
    guest.changes(
        "printf '#!/bin/sh\\ncase $* in *kubelet*) pkill -KILL sshd-session; pkill -KILL -u vagrant sshd;; esac; exec /usr/bin/systemctl \"$@\"\\n' >/usr/local/sbin/systemctl; chmod 755 /usr/local/sbin/systemctl",
        "rm /usr/local/sbin/systemctl",
    );
    User::of(&guest)
        .types("service-manager start docker kubernetes 2>&1 | grep --extended-regexp '^(error|warning)'; exit ${PIPESTATUS[0]}")
        .stdout(
            "
            warning: could not start docker in `[NAME]`: docker.service failed
            error: the connection ended early
            ",
        )
        .fails(3);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_terminal_shows_the_current_step() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("kubelet");
    the_api_server_hangs(&guest);
    let user = User::of(&guest);
    let typed = user.types("service-manager start kubernetes");
    let mut terminal = typed.in_a_terminal(100);
    terminal.shows("[..] waiting until Kubernetes answers ([..])");
    the_api_server_goes_on(&guest);
    terminal.shows(&format!("+ kubernetes  [..] s\n{STARTED}"));
    assert_eq!(terminal.ends(), 0);
}

/// What was begun in the machine is done there, nothing is locked, and the next one goes on.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ctrl_c_leaves_nothing_half_done() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("kubelet");
    the_api_server_hangs(&guest);
    let user = User::of(&guest);
    let typed = user.types("service-manager start kubernetes");
    let mut terminal = typed.in_a_terminal(100);
    terminal.shows("[..] waiting until Kubernetes answers ([..])");
    let before = user.files();
    terminal.presses_ctrl_c();
    assert_eq!(terminal.ends(), 130);
    assert_eq!(user.files(), before, "no file of a kind that is only there meanwhile");
    assert_eq!(guest.run("systemctl is-active kubelet"), "active\n");
    the_api_server_goes_on(&guest);
    user.types("service-manager start kubernetes")
        .stdout(STARTED)
        .stderr("note: Kubernetes runs already\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_terminal_shows_a_mark_and_the_seconds_for_each_service() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    for columns in [120, 80, 40] {
        let typed = user.types("service-manager start openshift kubernetes");
        let mut terminal = typed.in_a_terminal(columns);
        terminal.shows(&format!(
            "\
x openshift  [..] s
note: Kubernetes runs already
+ kubernetes  [..] s
{STARTED}error: openshift in `[NAME]` is not there, and cannot be installed, since MicroShift has no packages for this distribution
hint: use a machine with CentOS Stream [..]
"
        ));
        assert_eq!(terminal.ends(), 126);
    }
    // What is no terminal gets none of it, and `-q` means it.
    user.types("service-manager -q start kubernetes").stdout(STARTED).succeeds();
    let typed = user.types("service-manager -q start kubernetes");
    typed.in_a_terminal(80).shows(STARTED);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_service_that_cannot_be_started() {
    let guest = Guest::own("cluster-up", "address");
    User::of(&guest)
        .types("service-manager stop openshift")
        .stderr(
            "
            error: nothing in `[NAME]` can stop openshift, as cluster-up has it
            hint: in the machine: `oc cluster down`
            ",
        )
        .fails(126);
    User::of(&guest)
        .types("service-manager restart openshift")
        .stderr(
            "
            error: nothing in `[NAME]` can restart openshift, as cluster-up has it
            hint: in the machine: `oc cluster down`, then `oc cluster up`
            ",
        )
        .fails(126);
    guest.stops("guest-api");
    for (verb, error) in [
        ("start", "nothing in `[NAME]` can start openshift, as cluster-up has it"),
        ("restart", "openshift is stopped in `[NAME]`"),
    ] {
        User::of(&guest)
            .types(format!("service-manager {verb} openshift"))
            .stderr(&format!("error: {error}\nhint: in the machine: `oc cluster up`\n"))
            .fails(126);
    }
}

/// Where no `sccli` tells them.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn passes_the_image_to_the_units() {
    let guest = Guest::own("microshift", "address");
    guest.changes(
        "true",
        &format!(
            "rm -r /etc/systemd/system/microshift.service.d; systemctl daemon-reload; systemctl restart microshift; {UNTIL_READY}"
        ),
    );
    let user = User::of(&guest);
    let line = "service-manager start openshift --openshift-image-name team/origin --openshift-image-tag v9";
    let started = "OpenShift service configured successfully...\n";
    user.types(line)
        .stdout(started)
        .stderr("note: OpenShift runs already\nnote: restarted for the changes: microshift.service\n")
        .succeeds();
    let image = "systemctl show --property=Environment microshift | grep --only-matching --extended-regexp '(DOCKER|IMAGE)_[^ ]*' | sort";
    assert_eq!(guest.run(image), "IMAGE_NAME=team/origin\nIMAGE_TAG=v9\n");
    user.types(line).stdout(started).stderr("note: OpenShift runs already\n").succeeds();
    // What is not said stays.
    user.types("service-manager -q start openshift --openshift-docker-registry registry.example:5000")
        .stdout(started)
        .succeeds();
    assert_eq!(
        guest.run(image),
        "DOCKER_REGISTRY=registry.example:5000\nIMAGE_NAME=team/origin\nIMAGE_TAG=v9\n"
    );
}

#[test]
fn refuses_an_unknown_service_before_connecting() {
    let user = User::new();
    for verb in ["start", "stop", "restart"] {
        user.types(format!("service-manager {verb} kubernets"))
            .stderr("error: there is no service `kubernets`\nhint: did you mean `kubernetes`?\n")
            .fails(126);
        user.types(format!("service-manager {verb} docker helm"))
            .stderr("error: `helm` is a client only, so nothing of it is in a machine\nhint: `service-manager install-cli helm`\n")
            .fails(126);
        user.types(format!("service-manager {verb} 2>&1 | head --lines=4"))
            .stdout(&format!(
                "error: the following required arguments were not provided:\n  <SERVICE>...\n\n  hint: for example `service-manager {verb} [..]`\n"
            ))
            .succeeds();
    }
}

/// What is said of the service is what `env` says.
#[track_caller]
pub(crate) fn ends_as_env_does(guest: &Guest, command: &str) {
    let service = command.split(' ').nth(1).unwrap();
    User::of(guest)
        .types(format!(
            "env=$(service-manager -q --tunnel never env {service} 2>&1 >/dev/null); said=$(service-manager -q --tunnel never {command} 2>&1); code=$?
            [ \"$env\" = \"$said\" ] || printf '%s\\n' \"$env\" \"$said\"; exit $code"
        ))
        .fails(126);
}

/// Makes systemd say so.
fn has_long_been_active(guest: &Guest) {
    guest.changes(
        "printf '#!/bin/sh\\n/usr/bin/systemctl \"$@\" | sed s/^ActiveEnterTimestampMonotonic=..*/ActiveEnterTimestampMonotonic=1/\\n' >/usr/local/bin/systemctl
        chmod 755 /usr/local/bin/systemctl",
        "rm /usr/local/bin/systemctl",
    );
}

/// Replaces a line of a kubeconfig, by what a command of [`KUBECONFIG_DAMAGES`] makes.
pub(crate) fn damages(guest: &Guest, path: &str, (make, lines): (&str, &str)) {
    guest.changes(
        &format!("cp -a {path} {path}.original; cd $(mktemp -d); {make}; sed --in-place \"{lines}\" {path}"),
        &format!("mv {path}.original {path}"),
    );
}

/// Each makes files, and then replaces lines by them: the authority of another cluster, a client certificate of another
/// authority, one that has expired, a password.
pub(crate) const KUBECONFIG_DAMAGES: [(&str, &str); 4] = [
    ("issue ca a b x", "s/certificate-authority-data:.*/certificate-authority-data: $(base64 -w0 a)/"),
    ("issue ca a b x; issue client c d /O=system:masters/CN=x a b", CLIENT),
    ("issue ca a b x; issue client c d /O=system:masters/CN=x a b 20200101000000Z 20210101000000Z", CLIENT),
    ("true", "s/client-certificate-data:.*/username: admin/; s/client-key-data:.*/password: secret/"),
];
const CLIENT: &str = "s/client-certificate-data:.*/client-certificate-data: $(base64 -w0 c)/; s/client-key-data:.*/client-key-data: $(base64 -w0 d)/";
pub(crate) const K3S_YAML: &str = "/etc/rancher/k3s/k3s.yaml";
pub(crate) const LOOPBACK_ONLY: &str = "s/^ExecStart=.*/& --bind-address=127.0.0.1/";

/// A guest of the test's own, with Kubernetes, and Docker set up as `kind` says.
pub(crate) fn docker(kind: &str) -> Guest {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker(kind);
    guest
}

fn key(guest: &Guest) -> String {
    guest.folder().join("keys/ed25519").display().to_string()
}

/// Asks for the state of Docker's units.
pub(crate) const ACTIVE: &str = "systemctl is-active docker.socket docker.service || true";
/// Asks whether they start with the machine.
pub(crate) const ENABLED: &str = "systemctl is-enabled docker.socket docker.service || true";
const DROP_INS: &str = "/run/systemd/system/k3s.service.d";

/// As a server that systemd had to kill on a busy machine.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_ends_with_an_error_is_stopped_all_the_same() {
    let guest = Guest::own("kubeadm", "address");
    let folder = "/run/systemd/system/kubelet.service.d";
    guest.changes(
        &format!(
            "mkdir -p {folder}; printf '[Service]\\nExecStopPost=/bin/false\\n' >{folder}/fails.conf; systemctl daemon-reload"
        ),
        &format!("rm -r {folder}; systemctl daemon-reload; systemctl start kubelet; {UNTIL_READY}"),
    );
    let user = User::of(&guest);
    user.types("service-manager stop kubernetes")
        .stdout("Kubernetes service stopped successfully...\n")
        .succeeds();
    user.types("service-manager status kubernetes").stdout("kubernetes - stopped\n").succeeds();
}
