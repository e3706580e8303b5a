//! `start --proxy`: what runs in the guest goes through it, and nobody sees who may use it.

use crate::start::{DOCKER_STARTED, STARTED, docker};
use service_manager_test_support::{Guest, User};

const PASSWORD: &str = "s3cr%et\"'$(id)x";
/// As it stands in a URL.
const ENCODED: &str = "s3cr%25et%22%27%24%28id%29x";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sets_the_proxy_of_units_and_docker() {
    let guest = with_docker();
    let user = User::of(&guest).with("SERVICE_MANAGER_PROXY_PASSWORD", PASSWORD);
    let line = "service-manager start docker kubernetes --proxy http://proxy.example:3128 --proxy-user me";
    user.types(line)
        .stdout(&format!("{DOCKER_STARTED}{STARTED}"))
        .stderr(
            "
            note: Docker runs already
            note: restarted for the changes: containerd.service, docker.service
            note: Kubernetes runs already
            note: restarted for the changes: kubelet.service
            ",
        )
        .succeeds();
    assert_eq!(guest.run("docker info --format '{{.HTTPProxy}}'"), "http://xxxxx:xxxxx@proxy.example:3128\n");
    assert_eq!(
        guest.run(&variable("docker")),
        format!("HTTP_PROXY=http://me:{ENCODED}@proxy.example:3128\n")
    );
    assert_eq!(guest.run(&variable("kubelet")), guest.run(&variable("docker")));
    // Nobody but root may read it; systemd tells nobody what is in it.
    let drop_ins = "/etc/systemd/system/*.service.d/service-manager-proxy.conf";
    let modes = guest.run(&format!("stat --format '%a %U' /etc/service-manager/proxy.env {drop_ins} | uniq"));
    assert_eq!(modes, "600 root\n");
    assert_eq!(guest.run("systemctl show docker kubelet | grep --count s3cr || true"), "0\n");
    assert_eq!(guest.run(&format!("ls /etc/service-manager /etc/systemd/system/*.d | grep --count 'new' || true; ls {drop_ins} | wc --lines")), "0\n3\n");

    // The same once more changes nothing.
    let main_process = || guest.run("systemctl show --property=MainPID docker kubelet");
    let before = main_process();
    user.types(line)
        .stdout(&format!("{DOCKER_STARTED}{STARTED}"))
        .stderr("note: Docker runs already\nnote: Kubernetes runs already\n")
        .succeeds();
    assert_eq!(main_process(), before);

    user.types("service-manager start docker --no-proxy")
        .stdout(DOCKER_STARTED)
        .stderr("note: Docker runs already\nnote: restarted for the changes: [..]docker.service[..]\n")
        .succeeds();
    assert_eq!(guest.run(&variable("docker")), "");
    assert_eq!(guest.run(&variable("kubelet")), "");
    assert_eq!(guest.run(&format!("ls -d /etc/service-manager {drop_ins} 2>/dev/null || true")), "");
}

/// Neither here nor there, not in a list of processes, a log, or what is printed.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn hides_the_password() {
    let guest = with_docker();
    let secret = "hunter2hunter2";
    guest.changes(
        "cp /usr/bin/systemctl /usr/bin/systemctl.true
        printf '#!/bin/sh\\nps -ef >>/run/seen; exec systemctl.true \"$@\"\\n' >/usr/bin/systemctl.new
        chmod 755 /usr/bin/systemctl.new; mv /usr/bin/systemctl.new /usr/bin/systemctl",
        "mv /usr/bin/systemctl.true /usr/bin/systemctl; rm -f /run/seen",
    );
    let user = User::of(&guest).with("SERVICE_MANAGER_PROXY_PASSWORD", secret);
    let line = "service-manager -v start docker --proxy proxy.example:3128 --proxy-user me >all 2>&1 &
        while kill -0 $! 2>/dev/null; do ps -ef >>seen; done; wait $!; code=$?
        cat all seen | grep --count 'hunter2[h]unter2'; exit $code";
    user.types(line).stdout("0\n").succeeds();
    let seen = std::fs::read_to_string(user.home().join("seen")).unwrap();
    assert!(seen.contains("--proxy-user me"), "it was looked at in time");
    let there = guest.run("cat /run/seen; journalctl --no-pager");
    assert!(there.contains("sh -s"), "it was looked at in time");
    assert!(!there.contains(secret));
    for error in ["--proxy x", "--proxy-user 'a:b' --proxy p:1"] {
        user.types(format!("service-manager -v start docker {error} 2>&1 | grep --count 'hunter2[h]unter2'"))
            .stdout("0\n")
            .fails(1);
    }
    // As an option it is seen in a list of processes, and nowhere else, even where it looks like an option.
    let secret = "--hunter2hunter2";
    for options in [format!("--proxy-user me --proxy-password {secret}"), format!("--proxy {secret}")] {
        user.types(format!("service-manager -v start docker --proxy proxy.example:3129 {options} >all 2>&1; grep --count 'hunter2' all"))
            .stdout("0\n")
            .fails(1);
    }
    assert!(guest.run(&variable("docker")).contains("me:--hunter2hunter2@"));
    assert!(!guest.run("cat /run/seen; journalctl --no-pager").contains(secret));
    user.types("service-manager start docker --no-proxy 2>/dev/null").stdout(DOCKER_STARTED).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn keeps_the_proxy_until_it_changes() {
    let guest = docker("stopped");
    let user = User::of(&guest).with("SERVICE_MANAGER_HOME", "kept");
    user.types("mkdir -m 700 kept; echo 'proxy: { url: \"proxy.example:3128\", user: me, password: \"0\" }' >kept/config.yaml; chmod 600 kept/config.yaml; \
                service-manager start docker")
        .stdout(DOCKER_STARTED)
        .succeeds();
    assert_eq!(guest.run(&variable("docker")), "HTTP_PROXY=http://me:0@proxy.example:3128\n");
    user.types("chmod 644 kept/config.yaml; service-manager start docker")
        .stderr("error: others than you can read `[HOME]/kept/config.yaml`, and there is a password in it\nhint: `chmod 600 [HOME]/kept/config.yaml`\n")
        .fails(1);
    user.types("chmod 600 kept/config.yaml").succeeds();
    // What is typed counts.
    user.types("service-manager -q start docker --proxy other.example:1").stdout(DOCKER_STARTED).succeeds();
    assert_eq!(guest.run(&variable("docker")), "HTTP_PROXY=http://other.example:1\n");
    user.types("service-manager -q start docker --no-proxy").stdout(DOCKER_STARTED).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sets_the_proxy_of_rootless_docker() {
    let guest = docker("rootless");
    let user = User::of(&guest);
    user.types("service-manager -q start docker --proxy proxy.example:3128")
        .stdout(DOCKER_STARTED)
        .succeeds();
    let info = "runuser -u vagrant -- docker --host unix:///run/user/1000/docker.sock info --format '{{.HTTPProxy}}'";
    assert_eq!(guest.run(info), "http://proxy.example:3128\n");
    assert_eq!(
        guest.run("stat --format '%a %U' /home/vagrant/.config/service-manager/proxy.env"),
        "600 vagrant\n"
    );
    user.types("service-manager -q start docker --no-proxy").stdout(DOCKER_STARTED).succeeds();
    assert_eq!(guest.run(info), "\n");
    guest.run("rm -rf /home/vagrant/.config/service-manager");
}

/// There is one for all of them, whoever it was set for.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_new_proxy_reaches_all_services() {
    let guest = with_docker();
    let user = User::of(&guest);
    for port in 1..3 {
        user.types(format!("service-manager -q start docker kubernetes --proxy proxy.example:{port}"))
            .stdout(&format!("{DOCKER_STARTED}{STARTED}"))
            .succeeds();
        for unit in ["docker", "kubelet"] {
            assert_eq!(
                guest.run(&variable(unit)),
                format!("HTTP_PROXY=http://proxy.example:{port}\n"),
                "{unit}"
            );
        }
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn retries_a_failed_restart() {
    let guest = with_docker();
    let user = User::of(&guest);
    wraps(
        &guest,
        &["systemctl"],
        "case $* in 'restart -- docker.service') [ ! -e /run/broken ] || exit 1;; esac",
    );
    guest.run("touch /run/broken");
    let line = "service-manager -q start docker --proxy proxy.example:1";
    user.types(format!("{line} 2>&1 | head --lines=1; exit ${{PIPESTATUS[0]}}"))
        .stdout("error: could not start docker in `[NAME]`: docker.service failed\n")
        .fails(126);
    assert_eq!(guest.run(&variable("docker")), "");
    guest.run("rm /run/broken");
    user.types(line).stdout(DOCKER_STARTED).succeeds();
    assert_eq!(guest.run(&variable("docker")), "HTTP_PROXY=http://proxy.example:1\n");
}

/// What is sent is done to its end, whatever becomes of who sent it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_killed_client_does_not_stop_the_guests_work() {
    let guest = with_docker();
    wraps(&guest, &["mv"], "touch /run/begun; until [ -e /run/go ]; do sleep 0.1; done");
    let user = User::of(&guest);
    let child = user.types("service-manager -q start docker --proxy proxy.example:1").starts();
    guest.run("until [ -e /run/begun ]; do sleep 0.1; done");
    let group = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    child.wait_with_output().unwrap();
    guest.run("touch /run/go");
    // The next one waits for its turn.
    user.types("service-manager -q start docker --proxy proxy.example:1").stdout(DOCKER_STARTED).succeeds();
    assert_eq!(guest.run(&variable("docker")), "HTTP_PROXY=http://proxy.example:1\n");
    guest.run("rm /run/go /run/begun");
}

/// The program in the guest itself, at each of its steps.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_kill_leaves_whole_files_and_the_next_run_finishes() {
    let guest = with_docker();
    wraps(&guest, &["mv", "rm", "systemctl"], KILLED_AT_STEP);
    let user = User::of(&guest);
    let mut killed = 0;
    loop {
        let line = format!("service-manager -q start docker --proxy proxy.example:{}", killed + 1);
        guest.run(&format!("echo {} >/run/steps", killed + 1));
        let output = user.types(format!("{line} 2>&1")).starts().wait_with_output().unwrap();
        let files = guest.run(
            "cd /etc/systemd/system; for f in /etc/service-manager/proxy.env *.d/service-manager-proxy.conf; do [ ! -e $f ] || wc --lines <$f; done | sort --numeric-sort --unique",
        );
        assert!(["", "2\n", "6\n", "2\n6\n"].contains(&files.as_str()), "{files}");
        guest.run("echo 0 >/run/steps");
        if output.status.success() {
            break;
        }
        killed += 1;
        user.types(line).stdout(DOCKER_STARTED).succeeds();
        let proxy = format!("HTTP_PROXY=http://proxy.example:{killed}\n");
        assert_eq!(guest.run(&variable("docker")), proxy, "{killed}");
    }
    assert!(killed > 10, "{killed}");
    assert_eq!(guest.run("ls /run/service-manager"), "");
}

#[test]
fn refuses_an_invalid_proxy_before_connecting() {
    let user = User::new();
    let hint = "hint: `--proxy http://HOST:PORT --proxy-user USER`, with the password in SERVICE_MANAGER_PROXY_PASSWORD; or all three as `proxy` in config.yaml\n";
    for (options, error) in [
        (
            "--proxy \"x'; touch pwned; '\"",
            "is not a valid proxy address (`http://HOST:PORT` or `HOST:PORT`; an IPv6 address in brackets, as `[::1]:3128`)",
        ),
        (
            "--proxy 'http://me:secret@proxy:1'",
            "is not a valid proxy address (`http://HOST:PORT` or `HOST:PORT`; an IPv6 address in brackets, as `[::1]:3128`)",
        ),
        (
            "--proxy https://proxy:1",
            "is not a valid proxy address (`http://HOST:PORT` or `HOST:PORT`; an IPv6 address in brackets, as `[::1]:3128`)",
        ),
        ("--proxy-user me", "needs an address"),
        ("--proxy proxy:1 --proxy-user me", "needs a password for its user"),
        ("--proxy proxy:1 --proxy-password x", "needs a user for its password"),
        (
            "--proxy proxy:1 --proxy-user $'a\\nb' --proxy-password x",
            "is not a valid user of a proxy (no control characters, no `:`; at most 255)",
        ),
    ] {
        user.types(format!("service-manager start docker {options}"))
            .stderr(&format!("error: the proxy {error}\n{hint}"))
            .fails(1);
    }
    for (options, error) in [
        ("docker --openshift-image-tag v1", "`--openshift-…` is for openshift, which is not named"),
        ("kubernetes --tls", "`--tls` is for docker, which is not named"),
    ] {
        user.types(format!("service-manager -q start {options}"))
            .stderr(&format!("error: {error}\n"))
            .fails(1);
    }
    for option in ["docker-registry", "image-name", "image-tag"] {
        user.types(format!("service-manager start openshift --openshift-{option} \"x'; touch pwned; '\" 2>&1 | head --lines=1"))
            .stdout("error: invalid value `x'; touch pwned; '` for `--openshift-[..]`: not a valid [..]\n")
            .succeeds();
    }
    assert!(!user.home().join("pwned").exists());
}

/// Docker runs there; what is left of a proxy goes with it.
fn with_docker() -> Guest {
    let guest = docker("tls");
    guest.changes(
        "true",
        "rm -rf /etc/service-manager /etc/systemd/system/*.d/service-manager-proxy.conf; systemctl daemon-reload",
    );
    guest
}

/// Kills who runs one of the programs, at the step whose number is in `/run/steps`.
pub(crate) const KILLED_AT_STEP: &str =
    "n=$(($(cat /run/steps 2>/dev/null || echo 0) - 1)); echo $n >/run/steps; [ $n -ne 0 ] || kill -KILL 0";

/// Has `line` run in the guest before each of `programs` does.
pub(crate) fn wraps(guest: &Guest, programs: &[&str], line: &str) {
    for program in programs {
        let path = format!("/usr/local/sbin/{program}");
        guest.changes(&format!("install -m 755 /dev/null {path}"), &format!("rm {path}"));
        guest.run_with(
            &format!("cat >{path}"),
            &format!("#!/bin/sh\n{line}\nexec /usr/bin/{program} \"$@\"\n"),
        );
    }
}

/// Shows the variable of a unit's main process.
fn variable(unit: &str) -> String {
    format!(
        "tr '\\0' '\\n' </proc/$(systemctl show --property=MainPID --value {unit})/environ | grep ^HTTP_PROXY || true"
    )
}
