//! `start --install`: a stock box, a real archive of packages, and the service that is there afterwards.

use std::fs;

use service_manager_test_support::{Guest, PackageProxy, User, until};

use crate::start::DOCKER_STARTED;
use crate::tunnel::end;

/// What `docker` on the host says of the guest.
const DOCKER: &str =
    "eval \"$(service-manager --quiet env docker)\" && timeout 20 docker info --format '{{.Name}}'";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_docker_on_debian_12() {
    let guest = Guest::stock_12();
    let user = User::of(&guest);
    let proxy = PackageProxy::for_guest(&guest);
    user.types("service-manager start docker")
        .stderr(
            "
            error: there is no docker in `[NAME]`
            hint: `service-manager start docker --install` installs docker.io, ca-certificates with apt-get
            ",
        )
        .fails(126);
    user.types("service-manager start docker --install --dry-run")
        .stdout(
            "
            # Docker on Debian GNU/Linux 12 (bookworm); needs 2000 MB of free disk, 1000 MB of memory
            # where the lists of packages are empty or old
            sudo apt-get update -o 'APT::Update::Error-Mode=any'
            sudo env 'DEBIAN_FRONTEND=noninteractive' 'NEEDRESTART_MODE=l' apt-get install --yes --no-install-recommends --no-remove -o 'Dpkg::Options::=--force-confold' docker.io ca-certificates
            sudo usermod --append --groups docker -- vagrant
            sudo systemctl enable --now docker.service
            ",
        )
        .succeeds();
    assert_eq!(guest.run("ls /var/lib/service-manager /etc/docker 2>/dev/null || true"), "");

    uses_the_proxy_of_the_box(&guest, &proxy);
    user.types("service-manager start docker --install")
        .patiently()
        .stdout(DOCKER_STARTED)
        .stderr(
            "
            note: reading the lists of packages
            note: installed on Debian GNU/Linux 12 (bookworm): docker.io, ca-certificates with apt-get
            note: Docker runs already
            ",
        )
        .succeeds();
    assert!(proxy.requests().iter().any(|place| place.contains("/docker.io_")));
    assert_eq!(guest.run("systemctl is-active docker; systemctl is-enabled docker"), "active\nenabled\n");
    assert_eq!(
        guest.run("id -nG vagrant; ls /var/lib/service-manager 2>/dev/null || true"),
        "vagrant docker\n"
    );
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    // Typed again it installs nothing.
    user.types("service-manager start docker --install")
        .stdout(DOCKER_STARTED)
        .stderr("note: Docker runs already\n")
        .succeeds();
    user.types("service-manager start docker --install --dry-run")
        .stdout("# Docker is there already\n")
        .succeeds();
    assert_eq!(proxy.requests(), Vec::<String>::new());
    end(&user);

    // Its unit is there, and its program is not.
    guest.run("systemctl stop docker docker.socket; mv $(readlink -f /usr/sbin/dockerd) /root/dockerd");
    for install in ["", " --install"] {
        user.types(format!("service-manager start docker{install}"))
            .stderr(
                "
                error: could not start docker in `[NAME]`: /usr/sbin/dockerd, which docker.service starts, is not there
                hint: in the machine: `sudo apt-get install --reinstall docker.io`; then `service-manager start docker`
                ",
            )
            .fails(126);
    }
    let shown = user.types("service-manager start docker --install --dry-run").run_freely();
    assert!(
        shown.starts_with("# Docker is there already\n# where a part of it is gone:\n# Docker on "),
        "{shown}"
    );
    guest.run("DEBIAN_FRONTEND=noninteractive apt-get -qq install --reinstall docker.io >/dev/null 2>&1");
    user.types("service-manager --quiet start docker").stdout(DOCKER_STARTED).succeeds();
    end(&user);
}

/// Its client is a package of its own, and nothing there knows a way out but the proxy that is typed, with its password.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_docker_on_debian_13_through_a_proxy() {
    let guest = Guest::stock_13();
    let proxy = PackageProxy::for_guest(&guest);
    let user = User::of(&guest).with("SERVICE_MANAGER_PROXY_PASSWORD", "hunter2hunter2");
    user.types("service-manager start docker --install 2>&1 | grep --invert-match '^caused by'; exit ${PIPESTATUS[0]}")
        .stdout(
            "
            note: reading the lists of packages
            error: could not install docker in `[NAME]`: the lists of packages cannot be read
            hint: let the machine reach its archive of packages; `service-manager start docker --install --proxy http://HOST:PORT` goes through a proxy
            ",
        )
        .fails(126);
    // Nothing was changed, so nothing is half there.
    assert_eq!(guest.run("ls /var/lib/service-manager 2>/dev/null || true"), "");
    user.types(format!("service-manager start docker --install --proxy {} --proxy-user me", proxy.address()))
        .patiently()
        .stdout(DOCKER_STARTED)
        .stderr(
            "
        note: reading the lists of packages
        note: installed on Debian GNU/Linux 13 (trixie): docker.io, docker-cli, ca-certificates with apt-get
        note: Docker runs already
        note: restarted for the changes: [..]docker.service[..]
        ",
        )
        .succeeds();
    assert!(!guest.run("journalctl --no-pager; cat /var/log/apt/* /var/log/dpkg.log").contains("hunter2"));
    guest.run("command -v docker");
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    end(&user);
}

/// A fresh box upgrades itself: what holds the lock of its packages is waited for, with a word and with a limit. Its lists are old.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn waits_for_who_installs_packages() {
    let guest = Guest::stock_12();
    let proxy = PackageProxy::for_guest(&guest);
    let user = User::of(&guest);
    uses_the_proxy_of_the_box(&guest, &proxy);
    // Lists that name files which are no longer there.
    guest.run("apt-get -qq update && sed -i 's|^Filename: .*/docker.io_|&gone-|' /var/lib/apt/lists/*_Packages && sed -i '/main.binary-amd64.Packages/s/^ ..../ 0000/' /var/lib/apt/lists/*_InRelease && rm -f /var/cache/apt/*.bin");
    holds(&guest, "/var/lib/dpkg/lock-frontend");
    user.types("service-manager --timeout 2 start docker --install 2>&1 | grep --invert-match '^caused by'; exit ${PIPESTATUS[0]}")
        .stdout(
            "
            note: waiting for perl, which is installing packages in the machine
            error: could not install docker in `[NAME]`: another program there is installing packages all the time
            hint: when that has ended: `service-manager start docker --install`
            ",
        )
        .fails(126);
    let waiting = user.types("service-manager start docker --install >out 2>&1; echo $? >code").starts();
    let out = || fs::read_to_string(user.home().join("out")).unwrap_or_default();
    until("it waits", || out().contains("note: waiting for perl, "));
    // The lists' own lock is the next one.
    holds(&guest, "/var/lib/apt/lists/lock");
    guest.run("kill $(cat /run/holder-lock-frontend)");
    until("it reads the lists", || out().contains("note: reading the lists of packages"));
    guest.run("kill $(cat /run/holder-lock)");
    let ended = waiting.wait_with_output().unwrap();
    assert!(ended.status.success());
    assert_eq!(fs::read_to_string(user.home().join("code")).unwrap(), "0\n", "{}", out());
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    end(&user);
}

/// Wherever it is killed, the next run finishes.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finishes_what_was_killed() {
    let guest = Guest::stock_12();
    let proxy = PackageProxy::for_guest(&guest);
    let user = User::of(&guest);
    uses_the_proxy_of_the_box(&guest, &proxy);
    let kill = "for name in '--full ^sh.-s' '--exact apt-get' '--exact dpkg' '--exact dpkg-deb'; do pkill -KILL $name || true; done";
    for (when, condition) in [
        ("it downloads", "compgen -G /var/cache/apt/archives/*.deb >/dev/null"),
        ("it unpacks", "test -e /usr/bin/runc.dpkg-new -o -e /usr/sbin/runc.dpkg-new -o -e /usr/sbin/runc"),
        ("it sets up", "grep -q half-configured.containerd /var/log/dpkg.log"),
    ] {
        let running = user.types("service-manager start docker --install >out 2>&1; exit 0").starts();
        guest.run(&format!(
            "timeout 100 bash -c 'until {condition}; do sleep 0.01; done' 2>/dev/null; {kill}"
        ));
        running.wait_with_output().unwrap();
        let out = fs::read_to_string(user.home().join("out")).unwrap();
        assert!(out.contains("error: something ended it in the guest before it was done"), "{when}: {out}");
        guest.run("timeout 20 bash -c 'while pgrep --exact apt-get; do sleep 0.01; done'");
        assert_eq!(guest.run("ls /var/lib/service-manager"), "installing-docker\n", "{when}");
    }
    // Packages are there, the group is not.
    guest.run("mv /usr/sbin/usermod /usr/sbin/usermod.true; printf '#!/bin/sh\\nkill -KILL $PPID\\n' >/usr/sbin/usermod; chmod 755 /usr/sbin/usermod");
    user.types("service-manager start docker --install 2>&1 | grep --only-matching '^error: something ended it'; exit ${PIPESTATUS[0]}")
        .patiently()
        .stdout("error: something ended it\n")
        .fails(126);
    guest.run("mv /usr/sbin/usermod.true /usr/sbin/usermod; systemctl stop docker docker.socket");
    user.types("service-manager start docker")
        .stderr(
            "
            error: the installation of docker in `[NAME]` was broken off
            hint: `service-manager start docker --install` finishes it
            ",
        )
        .fails(126);
    user.types("service-manager --quiet start docker --install")
        .patiently()
        .stdout(DOCKER_STARTED)
        .succeeds();
    assert_eq!(
        guest.run("dpkg --audit; id -nG vagrant; ls /var/lib/service-manager 2>/dev/null || true"),
        "vagrant docker\n"
    );
    user.types(DOCKER).stdout("[NAME]\n").succeeds();
    end(&user);
}

/// Before anything is changed it is known whether it can be.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn changes_nothing_where_something_is_missing() {
    let guest = Guest::stock_13();
    let user = User::of(&guest);
    let refused = |because: &str, hint: &str| {
        user.types("service-manager start docker --install")
            .stderr(&format!("error: {because}\nhint: {hint}\n"))
            .fails(126);
        assert_eq!(guest.run("ls /var/lib/service-manager 2>/dev/null || true"), "", "{because}");
    };
    let commands =
        "`service-manager start docker --install --dry-run` prints the commands, to be run in the machine";
    let then = "then `service-manager start docker --install`";
    let more = |setting: &str| {
        format!(
            "give the machine more (in a Vagrantfile: `{setting}` in its provider's block, and `vagrant reload`), {then}"
        )
    };
    let room = format!("make room in the machine, or give it a larger disk, {then}");
    let could_not = |because: &str| format!("could not install docker in `[NAME]`: {because}");
    for (needs, because, hint) in [
        ("disk: 99999999", "it needs 99999999 MB of free disk, and [..] MB are free", room),
        (
            "memory: 99999999",
            "it needs 99999999 MB of memory, and the machine has [..] MB",
            more("box.memory = 100000000"),
        ),
        ("processors: 9999", "it needs 9999 processors, and the machine has [..]", more("box.cpus = 9999")),
    ] {
        user.writes(OWN, &own_way("debian", &format!("needs: {{ {needs} }}")));
        refused(&could_not(because), &hint);
    }
    user.writes(OWN, &own_way("debian", "by_hand: is not installed by machines, but by monks"));
    refused("docker in `[NAME]` is not installed by machines, but by monks", commands);
    user.writes(OWN, "name: docker\n");

    guest.run("mount --bind /usr /usr && mount -o remount,bind,ro /usr");
    refused(&could_not("/usr cannot be written"), commands);
    guest.run("mount -o remount,bind,rw /usr; mkdir -p /snap/bin; touch /snap/bin/docker");
    refused(
        &could_not("/snap/bin/docker is of another installation of it"),
        "use that one, or remove it in the machine, then `service-manager start docker --install`",
    );
    guest.run("rm -r /snap; mv /etc/sudoers.d/guest /root");
    user.types("service-manager start docker --install 2>&1 | grep --only-matching '^error: .*only root can install docker'; exit ${PIPESTATUS[0]}")
        .stdout("error: `vagrant` cannot use sudo without a password in `[NAME]`, and only root can install docker\n")
        .fails(126);
    guest.run("mv /root/guest /etc/sudoers.d; cp /etc/os-release /root; rm /etc/os-release");
    for (release, system) in [
        ("ID=plan9\nPRETTY_NAME=\"Plan \\`id\\` 9\"\n", "Plan `id` 9"),
        ("ID=\"debian$(reboot)\"\nVERSION_ID=13\n", "debian$(reboot)"),
        ("PRETTY_NAME=\"a\u{1b}[2Jb\"\n", "a\\u{1b}[2Jb"),
        ("", "a system without /etc/os-release"),
    ] {
        guest.run_with("cat >/etc/os-release", release);
        refused(
            &format!("`[NAME]` is {system}, on which this program does not know how to install docker"),
            "install it there, then `service-manager start docker`",
        );
        user.types("service-manager start docker")
            .stderr("error: there is no docker in `[NAME]`\nhint: `service-manager status` shows what the machine has\n")
            .fails(126);
    }
}

/// A machine that was paused, or whose network has gone, while it installs.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn gives_up_a_machine_that_stops_answering() {
    let guest = Guest::stock_12();
    let user = User::of(&guest);
    holds(&guest, "/var/lib/dpkg/lock-frontend");
    let running =
        user.types("service-manager --timeout 8 start docker --install >out 2>&1; echo $? >>out").starts();
    let out = || fs::read_to_string(user.home().join("out")).unwrap_or_default();
    until("it waits", || out().contains("note: waiting for perl, "));
    guest.run("pkill -STOP --exact sshd");
    running.wait_with_output().unwrap();
    guest.run("pkill -CONT --exact sshd");
    let out = out();
    assert!(
        out.contains(":22 has said nothing for 8 s\nhint: when the machine answers again, type it again: "),
        "{out}"
    );
    assert!(out.ends_with("\n3\n"), "{out}");
}

/// Where nothing starts services, nothing is installed.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_nothing_without_systemd() {
    let guest = Guest::stock_12();
    let user = User::of(&guest);
    guest.changes("mv /run/systemd/system /run/systemd/away", "mv /run/systemd/away /run/systemd/system");
    user.types("service-manager start docker")
        .stderr(
            "
            error: there is no docker in `[NAME]`, as far as can be seen without systemd there
            hint: `service-manager status` shows what the machine has
            ",
        )
        .fails(126);
    user.types("service-manager start docker --install")
        .stderr(
            "
            error: could not install docker in `[NAME]`: no systemd runs there
            hint: start it there in its own way
            ",
        )
        .fails(126);
}

/// A package that would take another one away, and one that does not exist.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn replaces_no_package() {
    let guest = Guest::stock_13();
    let proxy = PackageProxy::for_guest(&guest);
    let user = User::of(&guest);
    uses_the_proxy_of_the_box(&guest, &proxy);
    let packages = |name: &str| format!("steps: [{{ packages: {{ manager: apt, names: [{name}] }} }}]");
    user.writes(OWN, &own_way("debian", "").replace(&packages("hello"), &packages("no-such-package")));
    user.types("service-manager start docker --install")
        .patiently()
        .stderr(
            "
            note: reading the lists of packages
            error: could not install docker in `[NAME]`: its packages cannot be installed
            caused by: Reading package lists...
            caused by: Building dependency tree...
            caused by: E: Unable to locate package no-such-package
            hint: in the machine: `sudo apt-get install no-such-package` says why, and asks what to do; then `service-manager start docker --install`
            ",
        )
        .fails(126);
    // It conflicts with the one that is there.
    user.writes(OWN, &own_way("debian", "").replace(&packages("hello"), &packages("sysvinit-core")));
    let written =
        user.types("service-manager start docker --install 2>&1 | grep '^error'; exit ${PIPESTATUS[0]}");
    written
        .stdout(
            "
            error: could not install docker in `[NAME]`: its packages cannot be installed
            ",
        )
        .fails(126);
    guest.run("dpkg --status systemd-sysv >/dev/null");
}

/// A way of the user's own, before those that are built in.
fn own_way(id: &str, more: &str) -> String {
    format!(
        "name: docker\ninstall:\n  - name: own\n    when: {{ id: [{id}] }}\n    {more}\n    steps: [{{ packages: {{ manager: apt, names: [hello] }} }}]\n"
    )
}

/// Its administrator has set a proxy for packages.
fn uses_the_proxy_of_the_box(guest: &Guest, proxy: &PackageProxy) {
    let setting = format!("Acquire::http::Proxy \"http://{}\";", proxy.address());
    guest.run_with("cat >/etc/apt/apt.conf.d/95proxy", &setting);
}

/// Has a program in the guest hold the lock `file`, as dpkg does (fcntl(2)).
fn holds(guest: &Guest, file: &str) {
    let holder = format!("/run/holder-{}", file.rsplit('/').next().unwrap_or_default());
    let program = format!(
        "use Fcntl; open(my $f, \">>\", \"{file}\") or die; my $lock = pack(\"s s x4 q q i x4\", F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $lock) or die; \
         open(my $p, \">\", \"{holder}\"); print $p $$; close $p; sleep 600"
    );
    guest.run(&format!("perl -e '{program}' >/dev/null 2>&1 </dev/null & timeout 10 bash -c 'until [ -s {holder} ]; do sleep 0.01; done'"));
}

const OWN: &str = ".config/service-manager/services/own.yaml";
