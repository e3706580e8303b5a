//! `start docker --install` on distributions other than Debian: their own package managers, which Debian has too, and
//! repositories of stand-ins for their packages, in a Debian that says it is one of them.

use std::fs;

use service_manager_test_support::{Guest, PackageProxy, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_with_dnf_and_zypper() {
    let guest = Guest::stock_12();
    let proxy = PackageProxy::for_guest(&guest);
    let user = User::of(&guest);
    has_tools(&guest, &proxy);

    says_it_is(&guest, "ID=fedora\nVERSION_ID=41\nPRETTY_NAME=\"Fedora Linux 41\"\n");
    user.types("service-manager start docker --install --dry-run")
        .stdout(
            "
            # Docker on Fedora Linux 41; needs 2000 MB of free disk, 1000 MB of memory
            # where the lists of packages are empty or old
            sudo dnf --assumeyes '--setopt=exit_on_lock=True' makecache --refresh
            sudo dnf --assumeyes '--setopt=exit_on_lock=True' '--setopt=install_weak_deps=False' install moby-engine docker-cli
            sudo usermod --append --groups docker -- vagrant
            sudo systemctl enable --now docker.service
            ",
        )
        .succeeds();
    waits_for(&user, &guest, &["/var/cache/dnf/metadata_lock.pid", "/var/lib/dnf/rpmdb_lock.pid"]);
    is_not_there(&user, "moby-engine");
    installs(&user, "note: installed on Fedora Linux 41: moby-engine, docker-cli with dnf");
    assert_eq!(
        guest.run("rpm --query moby-engine docker-cli; systemctl is-enabled docker; id -nG vagrant"),
        "moby-engine-27-1.noarch\ndocker-cli-27-1.noarch\nenabled\nvagrant docker\n"
    );
    guest.run("systemctl disable --quiet docker; rpm --erase moby-engine docker-cli; systemctl daemon-reload; systemctl reset-failed; rm -rf /var/lib/service-manager");

    says_it_is(&guest, "ID=\"opensuse-leap\"\nVERSION_ID=\"15.6\"\nPRETTY_NAME=\"openSUSE Leap 15.6\"\n");
    user.types("service-manager start docker")
        .stderr(
            "
            error: there is no docker in `[NAME]`
            hint: `service-manager start docker --install` installs docker with zypper
            ",
        )
        .fails(126);
    conflicts(&user, &guest);
    // Debian's rpm has its packages elsewhere than zypper looks.
    waits_for(&user, &guest, &["/run/zypp.pid"]);
    installs(&user, "note: installed on openSUSE Leap 15.6: docker with zypper");
    assert_eq!(
        guest.run("rpm --dbpath /var/lib/rpm --query docker; systemctl is-enabled docker"),
        "docker-27-1.noarch\nenabled\n"
    );
}

/// Podman where a service file says so: its socket is used as Docker's.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_podman() {
    let guest = Guest::stock_12();
    let proxy = PackageProxy::for_guest(&guest);
    let user = User::of(&guest);
    guest.run_with(
        "cat >/etc/apt/apt.conf.d/95proxy",
        &format!("Acquire::http::Proxy \"http://{}\";", proxy.address()),
    );
    // The file system of a guest in a container is one on which Podman's usual driver does not work.
    guest.run_with("mkdir -p /etc/containers; cat >/etc/containers/storage.conf", "[storage]\ndriver = \"vfs\"\nrunroot = \"/run/containers/storage\"\ngraphroot = \"/var/lib/containers/storage\"\n");
    user.writes(
        ".config/service-manager/services/own.yaml",
        "name: docker\ninstall:\n  - name: own\n    when: { id: [debian] }\n    steps: [{ packages: { manager: apt, names: [podman] } }]\n",
    );
    user.types("service-manager --quiet start docker --install")
        .patiently()
        .stdout("Docker service configured successfully...\n")
        .succeeds();
    assert_eq!(guest.run("systemctl is-enabled podman.socket"), "enabled\n");
    user.types("eval \"$(service-manager --quiet env docker)\" && timeout 20 docker version --format '{{(index .Server.Components 0).Name}}'; service-manager --quiet tunnel stop --all")
        .stdout("Podman Engine\n")
        .succeeds();
}

/// Whoever has to do it by hand is told why, and how.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_how_where_it_installs_nothing() {
    let guest = Guest::stock_12();
    let user = User::of(&guest);
    let hint = "hint: `service-manager start docker --install --dry-run` prints the commands, to be run in the machine\n";
    let told = |because: &str, commands: &str| {
        for install in ["", " --install"] {
            user.types(format!("service-manager start docker{install}"))
                .stderr(&format!("error: docker in `[NAME]` {because}\n{hint}"))
                .fails(126);
        }
        let shown = user.types("service-manager start docker --install --dry-run").run_freely();
        assert!(shown.ends_with(commands), "{shown}");
    };
    guest.run("touch /run/ostree-booted");
    told(
        "is not installed by this program where the system is an image",
        "\nsudo rpm-ostree install --idempotent --apply-live --assumeyes moby-engine\nsudo usermod --append --groups docker -- vagrant\n",
    );
    guest.run("rm /run/ostree-booted; touch /usr/sbin/transactional-update");
    told(
        "is not installed by this program where the system is an image, which needs a reboot for it",
        "\nsudo transactional-update --non-interactive pkg install docker\nsudo reboot\n",
    );
    guest.run("rm /usr/sbin/transactional-update; mv /run/systemd/system /run/systemd/away");
    says_it_is(&guest, "ID=alpine\nVERSION_ID=3.20.1\nPRETTY_NAME=\"Alpine Linux v3.20\"\n");
    told(
        "is started by OpenRC there, which this program does not use",
        "# Docker on Alpine Linux v3.20\n# Docker is started by OpenRC there, which this program does not use\nsudo apk add docker\nsudo rc-update add docker default\nsudo service docker start\n",
    );
    guest.run("mv /run/systemd/away /run/systemd/system");
}

/// No `OpenShift` can be installed without a subscription, or from builds that stay as they are.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_where_an_openshift_can_be_installed() {
    let guest = Guest::stock_12();
    let user = User::of(&guest);
    for line in ["", " --install", " --install --dry-run"] {
        user.types(format!("service-manager start openshift{line}"))
            .stderr(
                "
                error: openshift in `[NAME]` is not there, and cannot be installed, since MicroShift has no packages for this distribution
                hint: use a machine with CentOS Stream 9 or 10, or Fedora since 42: in it `service-manager start openshift --install --dry-run -m NAME` prints the commands; here `service-manager start kubernetes --install` installs a Kubernetes
                ",
            )
            .fails(126);
    }
    for (release, title, because, command) in [
        (
            "ID=\"rhel\"\nVERSION_ID=\"9.6\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 9.6\"\n",
            "Red Hat Enterprise Linux 9.6",
            "needs a subscription of Red Hat's and a pull secret, which this program does not have: https://console.redhat.com/openshift/downloads",
            "\nsudo install -m 0600 pull-secret.json /etc/crio/openshift-pull-secret\n",
        ),
        (
            "ID=\"centos\"\nVERSION_ID=\"10\"\nPRETTY_NAME=\"CentOS Stream 10\"\n",
            "CentOS Stream 10",
            "is not installed by this program, since the only packages for this distribution are built anew each night",
            "\nsudo dnf copr enable -y @microshift-io/microshift-nightly\n",
        ),
    ] {
        says_it_is(&guest, release);
        for install in ["", " --install"] {
            user.types(format!("service-manager start openshift{install}"))
                .stderr(&format!(
                    "error: openshift in `[NAME]` {because}\nhint: `service-manager start openshift --install --dry-run` prints the commands, to be run in the machine\n"
                ))
                .fails(126);
        }
        let shown = user.types("service-manager start openshift --install --dry-run").run_freely();
        let begin = format!(
            "# OpenShift on {title}; needs 10000 MB of free disk, 4000 MB of memory, 2 processors\n# OpenShift {because}\n"
        );
        assert!(shown.starts_with(&begin) && shown.contains(command), "{shown}");
        assert!(shown.ends_with("\nsudo systemctl enable --now microshift.service\n"), "{shown}");
    }
}

/// dnf, zypper and a repository that both of them know. Its packages hold a unit that cannot start, and nothing else.
fn has_tools(guest: &Guest, proxy: &PackageProxy) {
    guest.run_with(
        "cat >/etc/apt/apt.conf.d/95proxy",
        &format!("Acquire::http::Proxy \"http://{}\";", proxy.address()),
    );
    guest.run("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq --no-install-recommends install dnf zypper createrepo-c rpm >/dev/null 2>&1");
    guest.run("groupadd docker; mkdir -p /srv/repository /etc/yum.repos.d /etc/zypp/repos.d");
    for name in ["moby-engine", "docker-cli", "docker", "podman-docker"] {
        guest.run_with("cat >/srv/package.spec", &spec(name));
        guest
            .run("rpmbuild --quiet -bb --define '_rpmdir /srv/repository' /srv/package.spec >/dev/null 2>&1");
    }
    guest.run("createrepo_c --quiet /srv/repository");
    let repository =
        "[local]\nname=local\nbaseurl=file:///srv/repository\nenabled=1\ngpgcheck=0\ntype=rpm-md\n";
    guest.run_with("tee /etc/yum.repos.d/local.repo /etc/zypp/repos.d/local.repo >/dev/null", repository);
}

fn spec(name: &str) -> String {
    let unit = "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n";
    let has_unit = matches!(name, "moby-engine" | "docker");
    let (install, files) = if has_unit {
        let place = "/usr/lib/systemd/system/docker.service";
        (
            format!(
                "mkdir -p %{{buildroot}}/usr/lib/systemd/system\ncat >%{{buildroot}}{place} <<'END'\n{unit}END\n"
            ),
            place,
        )
    } else {
        (String::new(), "")
    };
    let conflicts = if name == "podman-docker" { "Conflicts: docker\n" } else { "" };
    format!(
        "Name: {name}\nVersion: 27\nRelease: 1\nSummary: stand-in\nLicense: none\nBuildArch: noarch\nAutoReqProv: no\n{conflicts}\
         %description\nA stand-in.\n%install\n{install}%files\n{files}\n"
    )
}

fn says_it_is(guest: &Guest, release: &str) {
    guest.run("rm -f /etc/os-release");
    guest.run_with("cat >/etc/os-release", release);
}

/// A package is there with which the wanted one cannot be.
fn conflicts(user: &User, guest: &Guest) {
    guest.run("zypper --non-interactive install podman-docker >/dev/null 2>&1");
    user.types("service-manager start docker --install 2>&1 | grep --extended-regexp '^(error|caused by: Problem|hint)'; exit ${PIPESTATUS[0]}")
        .patiently()
        .stdout(
            "
            error: could not install docker in `[NAME]`: its packages cannot be installed
            caused by: Problem: podman-docker-27-1.noarch conflicts with docker provided by docker-27-1.noarch
            hint: in the machine: `sudo zypper install docker` says why, and asks what to do; then `service-manager start docker --install`
            ",
        )
        .fails(126);
    guest.run("rpm --dbpath /var/lib/rpm --erase podman-docker");
}

/// Another one is at work: a program that holds these locks.
fn waits_for(user: &User, guest: &Guest, locks: &[&str]) {
    for lock in locks {
        guest.run(&format!(
            "mkdir -p $(dirname {lock}); sleep 600 >/dev/null 2>&1 </dev/null & echo -n $! >{lock}"
        ));
    }
    user.types("service-manager --timeout 3 start docker --install 2>&1 | grep --extended-regexp '^(note|error|hint)'; exit ${PIPESTATUS[0]}")
        .stdout(
            "
            note: waiting for [..], which is installing packages in the machine
            error: could not install docker in `[NAME]`: another program there is installing packages all the time
            hint: when that has ended: `service-manager start docker --install`
            ",
        )
        .fails(126);
    for lock in locks {
        guest.run(&format!("kill $(cat {lock}); rm -f {lock}"));
    }
}

/// A package that the repository does not have.
fn is_not_there(user: &User, name: &str) {
    let own = user.writes(
        ".config/service-manager/services/own.yaml",
        &format!("name: docker\ninstall:\n  - name: fedora\n    when: {{ id: [fedora] }}\n    steps: [{{ packages: {{ manager: dnf, names: [no-{name}] }} }}]\n"),
    );
    user.types("service-manager start docker --install 2>&1 | grep --extended-regexp '^(note|error)'; exit ${PIPESTATUS[0]}")
        .patiently()
        .stdout(
            "
            note: reading the lists of packages
            error: could not install docker in `[NAME]`: its packages cannot be installed
            ",
        )
        .fails(126);
    fs::remove_file(own).unwrap();
}

/// All is installed; what it starts is a stand-in that cannot start.
fn installs(user: &User, note: &str) {
    user.types("service-manager start docker --install 2>&1 | grep --extended-regexp '^(note: installed|error)'; exit ${PIPESTATUS[0]}")
        .patiently()
        .stdout(&format!("{note}\nerror: could not start docker in `[NAME]`: docker.service failed\n"))
        .fails(126);
}
