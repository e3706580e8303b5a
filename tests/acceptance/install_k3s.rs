//! `start kubernetes --install`: k3s in a machine without a cluster. What is installed is a stand-in for k3s
//! (`guest/k3s-stand-in`), with a real API server behind it; the download, what is put into the machine, the unit and the
//! settings are real.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use service_manager_test_support::publisher::{Fault, Publisher, sha256};
use service_manager_test_support::{Guest, User, repository, until};

/// What `start` prints when Kubernetes answers.
const STARTED: &str = "Kubernetes service configured successfully...\n";
const FOLDER: &str = "https://github.com/k3s-io/k3s/releases/download/v1.31.5%2Bk3s1";
const LATEST: &str = "https://update.k3s.io/v1-release/channels/stable";
/// What somebody else would have left of it.
const LEFT: &str = "ls -d /usr/local/bin/k3s* /opt/bin/k3s /etc/rancher /var/lib/rancher /var/lib/service-manager /etc/systemd/system/k3s* 2>/dev/null || true";
/// The lines that say what went wrong.
const ERRORS: &str = "2>&1 | grep --extended-regexp '^(error|caused by|hint)'; exit ${PIPESTATUS[0]}";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_k3s() {
    let guest = without_cluster();
    let publisher = publisher();
    let user = User::of(&guest).with_publisher(&publisher);
    user.types("service-manager start kubernetes")
        .stderr(
            "
            error: there is no kubernetes in `[NAME]`
            hint: `service-manager start kubernetes --install` installs k3s
            ",
        )
        .fails(126);
    let steps = user.types("service-manager start kubernetes --install --dry-run").run_freely();
    let begin = format!(
        "# Kubernetes on Debian GNU/Linux 12 (bookworm); needs 2000 MB of free disk, 2000 MB of memory, 2 processors, port 6443\n\
         # {FOLDER}/k3s\n# whose SHA-256 is in {FOLDER}/sha256sum-amd64.txt\ngrep '[ *]k3s$' sha256sum-amd64.txt | sha256sum -c && sudo install -D -m 0755 k3s /usr/local/bin/k3s\n"
    );
    assert!(steps.starts_with(&begin), "{steps}");
    assert!(steps.ends_with("\nsudo systemctl enable --now k3s.service\n"), "{steps}");
    assert_eq!(guest.run(LEFT), "");

    publisher.requests();
    // Its publisher leads to the latest one instead of naming it.
    let place = "github.com/k3s-io/k3s/releases/tag/v1.31.5%2Bk3s1";
    publisher.offers(&format!("https://{place}"), "<html>");
    publisher.fails(LATEST, [Fault::Redirect(format!("https://{}/{place}", publisher.address()))]);
    user.types("service-manager start kubernetes --install")
        .patiently()
        .stdout(STARTED)
        .stderr(
            "
            downloading k3s ([..])
            25 %
            50 %
            75 %
            100 %
            note: installed on Debian GNU/Linux 12 (bookworm): k3s v1.31.5+k3s1
            ",
        )
        .succeeds();
    assert_eq!(
        guest.run("stat --format '%a %U %n' /usr/local/bin/k3s /etc/rancher/k3s/* /etc/systemd/system/k3s.service; systemctl is-active k3s; systemctl is-enabled k3s; ls /var/lib/service-manager 2>/dev/null || true"),
        "755 root /usr/local/bin/k3s\n600 root /etc/rancher/k3s/config.yaml\n600 root /etc/rancher/k3s/k3s.yaml\n\
         644 root /etc/systemd/system/k3s.service\nactive\nenabled\n"
    );
    assert_eq!(guest.run("sha256sum </usr/local/bin/k3s"), format!("{}  -\n", sha256(&stand_in())));
    assert!(
        guest.run("grep tls-san: /etc/rancher/k3s/config.yaml").contains(&format!("\"{}\"", guest.address()))
    );
    user.types("eval \"$(service-manager env kubernetes)\" && kubectl get namespace default --output name")
        .stdout("namespace/default\n")
        .succeeds();
    // For a host without a network.
    let mirrored = "[HOME]/stick/github.com/k3s-io/k3s/releases/download/v1.31.5+k3s1";
    user.types("service-manager --quiet clients export stick")
        .stdout(&format!("{mirrored}/k3s\n{mirrored}/sha256sum-amd64.txt\n"))
        .succeeds();
    let exported = "stick/github.com/k3s-io/k3s/releases/download/v1.31.5+k3s1/k3s";
    assert!(fs::read(user.home().join(exported)).unwrap() == stand_in());
    // Typed again it installs nothing.
    publisher.requests();
    user.types("service-manager start kubernetes --install")
        .stdout(STARTED)
        .stderr("note: Kubernetes runs already\n")
        .succeeds();
    user.types("service-manager start kubernetes --install --install-version v1.30.0+k3s1 --install-images")
        .stdout(STARTED)
        .stderr(
            "
            note: Kubernetes is in the machine already, and stays as it is: leave out `--install-version` and `--install-images`
            note: Kubernetes runs already
            ",
        )
        .succeeds();
    assert_eq!(publisher.requests(), Vec::<String>::new());
    // Its unit is there, and its program is not.
    guest.run("systemctl stop k3s; mv /usr/local/bin/k3s /root");
    user.types("service-manager start kubernetes --install")
        .stderr(
            "
            error: could not start kubernetes in `[NAME]`: /usr/local/bin/k3s, which k3s.service starts, is not there
            hint: put it there again: `service-manager start kubernetes --install --dry-run` prints the commands
            ",
        )
        .fails(126);
    let shown = user.types("service-manager start kubernetes --install --dry-run").run_freely();
    assert!(shown.starts_with("# Kubernetes is there already\n# where a part of it is gone:\n"), "{shown}");
    assert!(shown.contains(" && sudo install -D -m 0755 k3s /usr/local/bin/k3s\n"), "{shown}");
    publisher.requests();
    // What was downloaded is listed and removed as clients are.
    let place = "[HOME]/.local/share/service-manager/releases/kubernetes/v1.31.5+k3s1/k3s/k3s";
    user.types("service-manager clients list")
        .stdout(&format!("kubernetes\tv1.31.5+k3s1\tmachines\t8.00 MiB\ttoday\t{place}\n"))
        .succeeds();
    user.types(
        "service-manager clients list --output json | grep --only-matching '\"releases\":.*\"file\":\"k3s\"'",
    )
    .stdout("\"releases\":[{\"service\":\"kubernetes\",\"release\":\"v1.31.5+k3s1\",\"file\":\"k3s\"\n")
    .succeeds();
    user.types("service-manager clients prune").stderr("note: removed 0 clients of 0 B\n").succeeds();
    user.types("service-manager clients uninstall k3s v1.30.0+k3s1 2>/dev/null").fails(126);
    guest.run(REMOVE);
    user.types("service-manager --quiet start kubernetes --install --offline")
        .patiently()
        .stdout(STARTED)
        .succeeds();
    assert_eq!(publisher.requests(), Vec::<String>::new());
    user.types("touch --date '100 days ago' .local/share/service-manager/releases/kubernetes/*/k3s/.receipt.json; service-manager clients prune --dry-run")
        .stdout(&format!("would remove {place}\n"))
        .stderr("note: would remove 0 clients of 0 B, 1 download for machines of 8.00 MiB\n")
        .succeeds();
    // Put into a machine it counts as used.
    guest.run(REMOVE);
    user.types("service-manager --quiet start kubernetes --install --offline")
        .patiently()
        .stdout(STARTED)
        .succeeds();
    user.types(
        "service-manager --quiet clients prune; \
         service-manager clients uninstall k3s 1.31.5+k3s1 --output json | grep --only-matching '\"size\":8388608'",
    )
    .stdout("\"size\":8388608\n")
    .succeeds();
    assert_eq!(user.files_below(".local/share/service-manager/releases"), ["kubernetes/"]);
}

/// As in Flatcar, whose /usr is an image.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_k3s_elsewhere_where_its_usual_place_cannot_be_written() {
    let guest = without_cluster();
    let publisher = publisher();
    let user = User::of(&guest).with_publisher(&publisher);
    guest.run("mount --bind /usr/local/bin /usr/local/bin; mount -o remount,bind,ro /usr/local/bin");
    let steps = user.types("service-manager start kubernetes --install --dry-run").run_freely();
    assert!(steps.contains(" && sudo install -D -m 0755 k3s /opt/bin/k3s\n"), "{steps}");
    assert!(steps.contains("\nExecStart=/opt/bin/k3s server\n"), "{steps}");
    user.types("service-manager --quiet start kubernetes --install").patiently().stdout(STARTED).succeeds();
    assert_eq!(
        guest.run("stat --format '%a %U' /opt/bin/k3s; systemctl is-active k3s; ls /usr/local/bin/k3s /var/lib/service-manager 2>/dev/null || true"),
        "755 root\nactive\n"
    );
    user.types(
        "eval \"$(service-manager --quiet env kubernetes)\" && kubectl get namespace default --output name",
    )
    .stdout("namespace/default\n")
    .succeeds();
}

/// Whoever has no network brings all of it along.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn brings_images_along() {
    let guest = without_cluster();
    let user = User::of(&guest);
    let mirror = user.home().join("stick");
    let folder = mirror.join("github.com/k3s-io/k3s/releases/download/v1.31.5+k3s1");
    fs::create_dir_all(&folder).unwrap();
    let images = "k3s-airgap-images-amd64.tar.zst";
    fs::write(folder.join("k3s"), stand_in()).unwrap();
    fs::write(folder.join(images), "images").unwrap();
    fs::write(folder.join("sha256sum-amd64.txt"), sums(&[("k3s", &stand_in()), (images, b"images")]))
        .unwrap();
    let user = user.with("SERVICE_MANAGER_MIRROR", &format!("https://=file://{}", mirror.display()));
    user.types(
        "service-manager --quiet start kubernetes --install --install-images --install-version v1.31.5+k3s1",
    )
    .patiently()
    .stdout(STARTED)
    .succeeds();
    assert_eq!(
        guest.run("cd /var/lib/rancher/k3s/agent/images; stat --format '%a %n' *; cat *"),
        "600 k3s-airgap-images.tar.zst\nimages"
    );
}

/// Before anything is changed it is known whether it can be, and nothing of what cannot be trusted gets there.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_no_k3s_beside_another_cluster_or_unverified() {
    let guest = without_cluster();
    let publisher = publisher();
    let user = User::of(&guest).with_publisher(&publisher);
    let refused = |errors: &str| {
        user.types(format!("service-manager start kubernetes --install {ERRORS}")).stdout(errors).fails(126);
        assert_eq!(guest.run(LEFT), "", "{errors}");
    };
    let could_not = |because: &str, hint: &str| {
        refused(&format!("error: could not install kubernetes in `[NAME]`: {because}\nhint: {hint}\n"));
    };
    let install = "`service-manager start kubernetes --install`";
    guest.run("mkdir -p /etc/kubernetes/manifests");
    could_not(
        "/etc/kubernetes/manifests is of another installation of it",
        &format!("use that one, or remove it in the machine, then {install}"),
    );
    let options = "--install-version v1.31.5+k3s1 --offline";
    user.types(format!("service-manager start kubernetes {options} --install 2>&1 | grep '^hint'; exit ${{PIPESTATUS[0]}}"))
        .stdout(&format!(
            "hint: use that one, or remove it in the machine, then `service-manager start kubernetes --install {options}`\n"
        ))
        .fails(126);
    guest.run("rm -r /etc/kubernetes/manifests; systemd-run --quiet --unit=listener perl -e 'use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); bind($s, sockaddr_in(6443, INADDR_ANY)); listen($s, 1); sleep 600'; timeout 10 bash -c 'until (: </dev/tcp/127.0.0.1/6443) 2>/dev/null; do sleep 0.05; done'");
    could_not(
        "another program listens at port 6443 there",
        &format!("in the machine: `sudo ss [..]` names it; when it has ended: {install}"),
    );
    guest.run("systemctl stop listener");
    guest.run("printf '#!/bin/sh\\necho mips\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname");
    refused(
        "
        error: k3s is not made for the processor, which `[NAME]` runs on
        hint: give the machine a processor of another kind, or install the service there by hand
        ",
    );
    user.types("service-manager start kubernetes --install --dry-run 2>/dev/null").stdout("").fails(126);
    guest.run("rm /usr/local/bin/uname");
    assert!(
        publisher.requests().iter().all(|url| !url.contains("/download/")),
        "nothing is downloaded in vain"
    );

    // Without a network, and without a file of it.
    user.types("service-manager start kubernetes --install --offline")
        .stderr(
            "
            error: k3s is not in the cache
            hint: leave out `--offline` where there is a network, or a mirror that SERVICE_MANAGER_MIRROR names
            ",
        )
        .fails(126);
    user.types("service-manager start kubernetes --install --install-version v1.2.3+k3s1")
        .stderr(
            "
            error: k3s v1.2.3+k3s1 is not published
            caused by: https://github.com/k3s-io/k3s/releases/download/v1.2.3%2Bk3s1/k3s: HTTP 404
            hint: `--install-version` names another release; [..]
            ",
        )
        .fails(126);
    publisher.offers(&format!("{FOLDER}/sha256sum-amd64.txt"), sums(&[("k3s", b"another one")]));
    refused(
        "
        error: the publisher of `https://github.com/k3s-io/k3s/releases/download/v1.31.5%2Bk3s1/k3s` says sha256:[..], it has sha256:[..]
        hint: do not use it; if a proxy or a mirror stands in between, ask its owner
        ",
    );
    assert_eq!(user.files_below(".local/share/service-manager/releases"), ["kubernetes/"]);
    publisher.offers(LATEST, "<html>");
    refused(
        "
        error: could not find out which release of k3s is the latest at `https://update.k3s.io/v1-release/channels/stable`: it names no release
        hint: name the release: `--install-version vN.N.N`
        ",
    );
    for hostile in ["v1.2.3/../../x", "$(id)", "-x", "latest"] {
        user.types(format!(
            "service-manager start kubernetes --install --install-version='{hostile}' 2>/dev/null"
        ))
        .fails(1);
    }
    user.types("service-manager start docker --install --install-version v1.2.3")
        .stderr(
            "
            error: `--install-version` is for kubernetes, which is not named
            hint: name it, as in `service-manager start kubernetes`, or leave out `--install-version`
            ",
        )
        .fails(1);
}

/// The check waits for no other run, and takes no longer than the command may.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn checks_before_an_installation_in_the_time_of_the_command() {
    let guest = without_cluster();
    let publisher = publisher();
    let user = User::of(&guest).with_publisher(&publisher);
    guest.run_with(
        "cat >/usr/local/sbin/df; chmod 755 /usr/local/sbin/df; systemd-run --quiet --unit=holder flock /run/service-manager.lock sleep 600; timeout 10 bash -c 'while flock --nonblock /run/service-manager.lock true; do sleep 0.01; done'",
        "#!/bin/sh\nexec sleep 600\n",
    );
    user.types(format!("timeout 60 service-manager --timeout 3 start kubernetes --install {ERRORS}"))
        .stdout(
            "
            error: kubernetes in `[NAME]` is not installed after 3 s
            hint: `--timeout SECONDS` waits longer
            hint: `service-manager doctor kubernetes` says more
            ",
        )
        .fails(126);
    assert_eq!(guest.run(LEFT), "");
    guest.run("rm /usr/local/sbin/df; systemctl stop holder; pkill --full '^sleep 600' || true");
    assert!(publisher.requests().iter().all(|url| !url.contains("/download/")));
}

/// Another run that ends takes away what was pushed for this one, which waits for it.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn pushes_again_what_another_run_has_taken_away() {
    let guest = without_cluster();
    let publisher = publisher();
    let user = User::of(&guest).with_publisher(&publisher);
    guest.run("systemd-run --quiet --unit=holder flock /run/service-manager.lock sleep 600; timeout 10 bash -c 'while flock --nonblock /run/service-manager.lock true; do sleep 0.01; done'");
    let waiting =
        user.types("service-manager --quiet start kubernetes --install >out 2>&1; echo $? >>out").starts();
    guest.run("timeout 100 bash -c 'cd /var/lib/service-manager 2>/dev/null; until ls /var/lib/service-manager/incoming-kubernetes-* 2>/dev/null | grep -q -v [.]; do sleep 0.05; done'; \
        timeout 20 bash -c 'until pgrep --full ^flock.-w >/dev/null; do sleep 0.05; done'; \
        rm /var/lib/service-manager/incoming-kubernetes-*; systemctl stop holder; pkill --full '^sleep 600' || true");
    waiting.wait_with_output().unwrap();
    let out = fs::read_to_string(user.home().join("out")).unwrap();
    assert_eq!(out, format!("{STARTED}0\n"));
}

/// What somebody else has written stays.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn keeps_settings_that_somebody_wrote_meanwhile() {
    let guest = without_cluster();
    let publisher = publisher();
    let user = User::of(&guest).with_publisher(&publisher);
    guest.run("mkdir -p /var/lib/service-manager /etc/rancher/k3s; touch /var/lib/service-manager/installing-kubernetes; printf '# service-manager\\ntls-san: [mine]\\n'  >/etc/rancher/k3s/config.yaml");
    user.types(format!("service-manager start kubernetes --install {ERRORS}"))
        .patiently()
        .stdout(
            "
            error: could not install kubernetes in `[NAME]`: /etc/rancher/k3s/config.yaml is there already, and is not what this program has put there
            hint: move it away in the machine, `sudo mv /etc/rancher/k3s/config.yaml /etc/rancher/k3s/config.yaml.old`, then `service-manager start kubernetes --install`
            ",
        )
        .fails(126);
    assert_eq!(guest.run("cat /etc/rancher/k3s/config.yaml"), "# service-manager\ntls-san: [mine]\n");
    assert!(
        publisher.requests().iter().all(|url| !url.contains("/download/")),
        "nothing is downloaded in vain"
    );
}

/// Wherever it is killed, here or there, the next run finishes.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finishes_a_k3s_that_was_killed() {
    let guest = without_cluster();
    let publisher = publisher();
    let user = User::of(&guest).with_publisher(&publisher);
    let k3s = format!("{FOLDER}/k3s");
    let install = "service-manager start kubernetes --install";

    // This program, while it downloads.
    publisher.fails(&k3s, [Fault::Holds(1 << 20)]);
    let mut running = user.types(format!("exec {install} 2>out")).starts();
    let partial =
        user.home().join(".local/share/service-manager/releases/kubernetes/v1.31.5+k3s1/k3s/.partial");
    until("half of it is here", || fs::metadata(&partial).is_ok_and(|meta| meta.len() > 0));
    running.kill().unwrap();
    assert_eq!(running.wait().unwrap().signal(), Some(9));
    publisher.goes_on();
    assert_eq!(guest.run(LEFT), "");

    // In the machine, at each step: what arrives, the file in its place, the settings, the unit, the end.
    for (program, when, victim) in [
        ("sha256sum", "*", "^sh -c n="),
        ("cp", "*", "^sh -s"),
        ("sync", "*/bin/k3s.new*", "^sh -s"),
        ("mv", "*/bin/k3s.new*", "^sh -s"),
        ("mv", "*/config.yaml.new*", "^sh -s"),
        ("sync", "*/k3s.service.new*", "^sh -s"),
        ("systemctl", "daemon-reload", "^sh -s"),
        ("rm", "*/installing-kubernetes", "^sh -s"),
    ] {
        let stub = format!(
            "#!/bin/sh\ncase $* in {when}) pkill -KILL --full '{victim}' && exit ;; esac\nexec /usr/bin/{program} \"$@\"\n"
        );
        guest
            .run_with(&format!("cat >/usr/local/sbin/{program}; chmod 755 /usr/local/sbin/{program}"), &stub);
        user.types(format!(
            "{install} 2>&1 | grep --only-matching '^error: something ended it'; exit ${{PIPESTATUS[0]}}"
        ))
        .patiently()
        .stdout("error: something ended it\n")
        .fails(126);
        guest.run(&format!("rm /usr/local/sbin/{program}"));
        let left = guest.run("ls /var/lib/service-manager");
        assert!(program == "sha256sum" || left.contains("installing-kubernetes\n"), "{program}: {left}");
    }
    assert!(publisher.requests().contains(&format!("{k3s} RANGE")), "the download went on where it was");
    guest.run("systemctl stop k3s 2>/dev/null || true");
    user.types(format!("service-manager --quiet {}", install.trim_start_matches("service-manager ")))
        .patiently()
        .stdout(STARTED)
        .succeeds();
    assert_eq!(
        guest.run(
            "ls /var/lib/service-manager /usr/local/bin/k3s* /etc/rancher/k3s/*.new* 2>/dev/null || true"
        ),
        "/usr/local/bin/k3s\n"
    );
    user.types(
        "eval \"$(service-manager --quiet env kubernetes)\" && kubectl get namespace default --output name",
    )
    .stdout("namespace/default\n")
    .succeeds();
}

/// A guest whose cluster was taken away; what a real one would need is still there.
fn without_cluster() -> Guest {
    let guest = Guest::own("k3s", "address");
    guest.changes(REMOVE, &format!("{REMOVE}; lay-out k3s address"));
    guest
}

/// All of it, and what the stand-in has left.
const REMOVE: &str = "umount --lazy /usr/local/bin 2>/dev/null || true; systemctl stop holder 2>/dev/null || true; systemctl disable --quiet --now k3s guest-etcd 2>/dev/null || true; pkill --exact 'etcd|kube-apiserver' || true; \
    timeout 20 bash -c 'while pgrep --exact \"etcd|kube-apiserver\"; do sleep 0.05; done' >/dev/null; \
    rm -rf /etc/systemd/system/{k3s,guest-etcd}.service /usr/local/bin/{k3s,uname} /opt/bin/k3s /usr/local/sbin/{df,cp,sync,mv,systemctl,rm,sha256sum} \
    /etc/rancher /var/lib/rancher /var/lib/etcd/k3s /var/lib/service-manager; systemctl daemon-reload";

/// The stand-in, as large as it takes to be cut off.
fn stand_in() -> Vec<u8> {
    let mut program = fs::read(repository().join("tests/acceptance/guest/k3s-stand-in")).unwrap();
    program.resize(8 << 20, b'#');
    program
}

/// As `sha256sum` writes them.
fn sums(files: &[(&str, &[u8])]) -> String {
    files.iter().map(|(name, content)| format!("{}  {name}\n", sha256(content))).collect()
}

/// One that has the stand-in, and calls it the latest.
fn publisher() -> Publisher {
    let publisher = Publisher::start();
    publisher.offers(&format!("{FOLDER}/k3s"), stand_in());
    publisher.offers(&format!("{FOLDER}/sha256sum-amd64.txt"), sums(&[("other", b""), ("k3s", &stand_in())]));
    publisher.offers(LATEST, "v1.31.5+k3s1\n");
    publisher
}
