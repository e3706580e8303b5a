//! `install-cli`: which release is meant, by a version, a word or the machine, and from where it comes.

use std::fs;

use crate::malicious_guest::{lying_microshift, says_microshift};
use service_manager_test_support::download::{Download, INSTALL, KUBECTL, kubectl};
use service_manager_test_support::publisher::{Publisher, append, script, sha256, tgz};
use service_manager_test_support::{Guest, User};

#[test]
fn resolves_version_aliases() {
    let download = Download::new();
    let publisher = &download.publisher;
    publisher.offers("https://dl.k8s.io/release/stable.txt", "v1.36.3\n");
    publisher.offers("https://dl.k8s.io/release/latest.txt", "v1.36.3");
    publisher.offers("https://dl.k8s.io/release/stable-1.36.txt", "v1.36.3");
    for word in ["stable", "latest", "stable-1.36"] {
        let line = INSTALL.replace("1.36.3", word);
        download.user.types(format!("eval \"$({line})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    }
    assert_eq!(
        publisher.requests(),
        [
            "https://dl.k8s.io/release/stable.txt",
            KUBECTL,
            &format!("{KUBECTL}.sha256"),
            "https://dl.k8s.io/release/latest.txt",
            "https://dl.k8s.io/release/stable-1.36.txt",
        ]
    );
}

#[test]
fn refuses_an_alias_that_resolves_to_no_version() {
    let download = Download::new();
    let stable = "https://dl.k8s.io/release/stable.txt";
    let line = |word: &str| format!("service-manager install-cli kubernetes --cli-version {word}");
    let unclear = |what: &str| {
        format!(
            "
            error: could not find out which version `stable` is at `{stable}`: {what}
            hint: name the version: `--cli-version N.N.N`
            "
        )
    };
    download.user.complains(&line("stable"), 126, &unclear("HTTP 404"));
    for text in ["", "<html>log in</html>", "v1.36.3; touch pwned", "../../x"] {
        download.publisher.offers(stable, text);
        download.user.complains(&line("stable"), 126, &unclear("it says no version"));
    }
    download.user.complains(
        &line("newest"),
        126,
        "
        error: `newest` is no version of `kubectl`
        hint: name a version, or one of: latest, latest-N.N, stable, stable-N.N
        ",
    );
    download.publisher.offers("https://dl.k8s.io/release/stable-1.35.txt", "v1.36.3");
    download.user.complains(
        &line("stable-1.35"),
        126,
        "
        error: could not find out which version `stable-1.35` is at `https://dl.k8s.io/release/stable-1.35.txt`: it says no version
        hint: name the version: `--cli-version N.N.N`
        ",
    );
    assert_eq!(download.user.clients(), [""; 0]);
}

#[test]
fn finds_docker_versions_in_the_listing() {
    let publisher = Publisher::start();
    let folder = "https://download.docker.com/linux/static/stable/x86_64/";
    let listing = ["98.0.9", "99.1.10", "99.1.2", "99.2.0-rc.1", "rootless-extras-99.9.9"]
        .map(|version| format!("<a href=\"docker-{version}.tgz\">docker-{version}.tgz</a>  2026-01-01\r\n"));
    publisher.offers(folder, listing.concat());
    for version in ["98.0.9", "99.1.10"] {
        let program = script(&format!("docker {version}"), 100);
        publisher.offers(&format!("{folder}docker-{version}.tgz"), tgz(&[("docker/docker", &program)]));
    }
    let user = User::new().with_publisher(&publisher);
    for (word, version) in [("latest", "99.1.10"), ("stable", "99.1.10"), ("stable-98.0", "98.0.9")] {
        let line = format!("service-manager -q install-cli docker --cli-version {word}");
        user.types(format!("eval \"$({line})\" && docker")).stdout(&format!("docker {version}\n")).succeeds();
    }
}

#[test]
fn falls_back_to_the_nearest_version_and_says_so() {
    let download = Download::new();
    download.publisher.offers("https://dl.k8s.io/release/stable-1.36.txt", "v1.36.3");
    let line = "service-manager install-cli kubernetes --cli-version v1.36.99+k3s1";
    let user = &download.user;
    user.types(format!("eval \"$({line} 2>log)\" && grep note log; kubectl"))
        .stdout("note: 1.36.99 was never published; the nearest is 1.36.3\nnote: kubectl 1.36.3, [..]\nkubectl 1.36.3\n")
        .succeeds();
    assert!(!download.publisher.requests().is_empty());
    for option in ["", " --offline"] {
        user.types(format!("eval \"$({line}{option})\" && kubectl"))
            .stdout("kubectl 1.36.3\n")
            .stderr("note: 1.36.99 was never published; the nearest is 1.36.3\nnote: kubectl 1.36.3, [..]\n")
            .succeeds();
    }
    assert_eq!(download.publisher.requests(), [""; 0]);
    // What it stands in for is remembered beside what it is.
    download.succeeds();
    assert_eq!(download.publisher.requests(), [""; 0]);
}

#[test]
fn understands_versions_as_servers_report_them() {
    for version in ["1.36.3", "v1.36.3", "v1.36.3+k3s1", "1.36.3+dfsg1", "v1.36.3-k0s1"] {
        let download = Download::new();
        let line = INSTALL.replace("1.36.3", version);
        download.user.types(format!("eval \"$({line})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
        download.succeeds();
    }
}

#[test]
fn refuses_a_malformed_version() {
    let download = Download::new();
    for version in [
        "$(id)",
        "../x",
        "1.36.3/../../x",
        "1.36.3\n",
        "1.36.3 x",
        "-1",
        "1.36.3;id",
        "",
        "Stable",
        "1.36.3%2f",
    ] {
        download
            .user
            .types(format!(
                "service-manager install-cli kubernetes --cli-version={} 2>log || head --lines=1 log",
                shlex::try_quote(version).unwrap()
            ))
            .stdout("(exit 126)\nerror: [..]--cli-version[..]\n")
            .succeeds();
    }
    assert_eq!((download.publisher.requests(), download.user.clients()), (vec![], vec![]));
}

#[test]
fn accepts_names_of_services_and_of_clients() {
    let download = Download::new();
    download.user.types(format!("{} >by-program", INSTALL.replace("kubernetes", "kubectl"))).succeeds();
    assert!(!download.user.clients().is_empty());
    for (name, hint) in [("kubernets", "did you mean `kubernetes`?"), ("mainframe", "known services: [..]")] {
        download.user.complains(
            &format!("service-manager install-cli {name} --cli-version 1.36.3"),
            126,
            &format!("error: there is no service `{name}`\nhint: {hint}\n"),
        );
    }
    download.user.complains(
        "service-manager install-cli helm",
        126,
        "
        error: no version of `helm` was given and no server could be asked
        hint: name it with `--cli-version VERSION`
        ",
    );
    let url = "https://get.helm.sh/helm-v3.19.0-linux-amd64.tar.gz";
    let archive = tgz(&[("linux-amd64/helm", &script("helm", 100)), ("linux-amd64/README.md", b"helm")]);
    let sums = format!("{}  helm-v3.19.0-linux-amd64.tar.gz\n", sha256(&archive));
    download.publisher.offers(&format!("{url}.sha256sum"), sums).offers(url, archive);
    download
        .user
        .types("eval \"$(service-manager -q install-cli helm --cli-version 3.19.0)\" && helm")
        .stdout("helm\n")
        .succeeds();
}

#[test]
fn accepts_a_version_without_the_suffix_of_its_time() {
    let publisher = Publisher::start();
    let folder = "https://download.docker.com/linux/static/stable/x86_64/";
    publisher.offers(folder, "docker-17.03.0-ce.tgz docker-17.03.2-ce.tgz");
    for version in ["17.03.0-ce", "17.03.2-ce"] {
        let program = script(&format!("docker {version}"), 100);
        publisher.offers(&format!("{folder}docker-{version}.tgz"), tgz(&[("docker/docker", &program)]));
    }
    let user = User::new().with_publisher(&publisher);
    for version in ["17.03.0", "17.03.0-ce"] {
        user.types(format!(
            "eval \"$(service-manager -q install-cli docker --cli-version {version})\" && docker"
        ))
        .stdout("docker 17.03.0-ce\n")
        .succeeds();
    }
    assert_eq!(publisher.requests().len(), 1);
}

#[test]
fn suggests_the_nearest_version_when_there_is_none() {
    let user = User::new();
    user.complains(
        "service-manager install-cli openshift --cli-version 1.3.9",
        126,
        "
        error: there is no `oc` 1.3.9
        hint: the nearest is `--cli-version 1.3.3`
        ",
    );
    user.complains(
        "service-manager install-cli openshift --cli-version 0.1.0-rc1",
        126,
        "
        error: there is no `oc` 0.1.0-rc1
        hint: the nearest is `--cli-version 1.1.6`
        ",
    );
}

#[test]
fn refuses_a_platform_without_a_client() {
    let download = Download::new();
    download.user.complains(
        &format!("{INSTALL} --platform freebsd/amd64"),
        126,
        "
        error: `kubectl` 1.36.3 is not made for freebsd/amd64
        hint: `--platform` names another one, `--cli-version` another version
        ",
    );
    download
        .user
        .types(format!("{INSTALL} --platform plan9/amd64 2>&1 | head --lines=1; exit ${{PIPESTATUS[0]}}"))
        .stdout("error: [..]\n")
        .fails(1);
}

#[test]
fn uses_a_compatible_platform() {
    let download = Download::new();
    let url = "https://dl.k8s.io/release/v1.20.0/bin/darwin/amd64/kubectl";
    download.publisher.offers_with_checksum(url, "amd64");
    let line = "service-manager install-cli kubernetes --cli-version 1.20.0 --platform darwin/arm64";
    download
        .user
        .types(format!("{line} 2>&1 >out | grep note"))
        .stdout("note: it is made for darwin/amd64, which runs there too\nnote: kubectl 1.20.0, [..]\n")
        .succeeds();
    download.publisher.requests();
    download.user.types(format!("{line} -q >out")).succeeds();
    assert_eq!(download.publisher.requests(), [""; 0]);
}

#[test]
fn does_not_confuse_versions() {
    let download = Download::new();
    download.succeeds();
    let url = KUBECTL.replace("1.36.3", "1.36.3-rc.1");
    download.publisher.offers_with_checksum(&url, script("kubectl 1.36.3-rc.1", 100));
    let line = INSTALL.replace("1.36.3", "v1.36.3-rc.1+x");
    download.user.types(format!("eval \"$({line})\" && kubectl")).stdout("kubectl 1.36.3-rc.1\n").succeeds();
    // One that was never published is what it is a build of, and that is said.
    let line = line.replace("service-manager -q", "service-manager").replace("rc.1", "k0s1");
    download
        .user
        .types(format!("eval \"$({line})\" && kubectl"))
        .stdout("kubectl 1.36.3\n")
        .stderr("note: 1.36.3-k0s1 was never published; the nearest is 1.36.3\nnote: kubectl 1.36.3, [..]\n")
        .succeeds();
}

#[test]
fn works_offline_from_the_cache() {
    let download = Download::new();
    let missing =
        |version: &str, hint: &str| format!("error: `kubectl` {version} is not in the cache\nhint: {hint}\n");
    // A mirror or a network: never back to `--offline`.
    let none = "no version of it is: to download one, leave out `--offline` where there is a network, or a mirror that \
                SERVICE_MANAGER_MIRROR names";
    download.user.complains(&format!("{INSTALL} --offline"), 126, &missing("1.36.3", none));
    download.succeeds();
    let another = "`--cli-version 1.36.3` is in it; to download another one, leave out `--offline` where there is a network";
    let line = format!("{INSTALL} --offline").replace("1.36.3", "1.36.9");
    download.user.complains(&line, 126, &missing("1.36.9", another));
    download.publisher.requests();
    let line = format!("{INSTALL} --offline");
    download.user.types(format!("eval \"$({line})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    download.user.complains(
        &line.replace("1.36.3", "stable"),
        126,
        "
        error: only its publisher can say which version of `kubectl` is `stable`
        hint: name the version: `--cli-version N.N.N`
        ",
    );
    assert_eq!(download.publisher.requests(), [""; 0]);
}

#[test]
fn dry_run_sends_no_request() {
    let download = Download::new();
    download.user.types(format!("{INSTALL} --dry-run")).stdout(&format!("{KUBECTL}\n")).succeeds();
    assert_eq!((download.publisher.requests(), download.user.clients()), (vec![], vec![]));
}

#[test]
fn refuses_an_invalid_mirror() {
    let user = User::new();
    for (mirror, what) in [
        ("https://dl.k8s.io", "`https://dl.k8s.io` is not `FROM=TO`"),
        (
            "https://=http://127.0.0.1:8100@other.example:8101",
            "`http://other.example:8101` is not encrypted, so anybody on the way could change what is downloaded",
        ),
        ("dl.k8s.io=https://m", "`dl.k8s.io` does not begin with `https://`"),
        ("https://=ftp://m", "`ftp://m` begins with neither `https://` nor `file:///`"),
        ("https://=file://m", "`file://m` begins with neither `https://` nor `file:///`"),
        (
            "https://=http://mirror.example",
            "`http://mirror.example` is not encrypted, so anybody on the way could change what is downloaded",
        ),
        ("https://=https://[::1", "`https://[::1` is no address"),
        ("https://=https://", "`https://` is no address"),
        ("https://=https://$(id>pwned)", "`https://$(id>pwned)` is no address"),
        ("https://=https://a b", "`b` is not `FROM=TO`"),
    ] {
        let line = format!("SERVICE_MANAGER_MIRROR='{mirror}' {INSTALL}");
        user.complains(&line, 1, &format!("error: the mirror {what}\nhint: write `FROM=TO`: [..]\n"));
        assert_eq!(user.clients(), [""; 0]);
    }
}

#[test]
fn logs_in_to_a_mirror() {
    let download = Download::new();
    let user = User::new().with_publisher(&download.publisher);
    let mirror = |scheme: &str| format!("https://={scheme}://user:s3cret@{}", download.publisher.address());
    let line = format!("SERVICE_MANAGER_MIRROR={} {INSTALL} -v 2>log", mirror("https"));
    user.types(format!("eval \"$({line})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    let log = fs::read_to_string(user.home().join("log")).unwrap();
    assert!(log.contains(download.publisher.address()) && !log.contains("s3cret"), "{log}");
    let line = INSTALL.replace("1.36.3", "1.36.2");
    user.complains(
        &format!("SERVICE_MANAGER_MIRROR=https://=http://user:s3cret@mirror.example {line}"),
        1,
        "error: the mirror `http://mirror.example` is not encrypted, so anybody on the way could change what is downloaded\nhint: [..]\n",
    );
}

#[test]
fn a_folder_works_as_a_mirror() {
    let user = User::new();
    let folder = "mirror/dl.k8s.io/release/v1.36.3/bin/linux/amd64";
    let text = String::from_utf8(kubectl()).unwrap();
    user.writes(&format!("{folder}/kubectl.sha256"), &sha256(text.as_bytes()));
    let mirror = format!("https://=file://{}", user.home().join("mirror").display());
    let user = user.with("SERVICE_MANAGER_MIRROR", &mirror);
    user.complains(
        INSTALL,
        126,
        &format!(
            "
            error: `kubectl` 1.36.3 for linux/amd64 is not published
            caused by: {KUBECTL}: no file `[HOME]/{folder}/kubectl`
            hint: [..]
            "
        ),
    );
    fs::create_dir(user.home().join(folder).join("kubectl")).unwrap();
    user.complains(
        INSTALL,
        126,
        &format!(
            "
            error: `kubectl` 1.36.3 for linux/amd64 is not published
            caused by: {KUBECTL}: `[HOME]/{folder}/kubectl` is not a file
            hint: [..]
            "
        ),
    );
    fs::remove_dir(user.home().join(folder).join("kubectl")).unwrap();
    user.writes(&format!("{folder}/kubectl"), &text);
    user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
}

#[test]
fn reads_mirrors_from_the_settings() {
    let download = Download::new();
    let publisher = &download.publisher;
    let user = User::new().with_publisher(publisher);
    let mirror = format!("https://{}/mirror", publisher.address());
    publisher.offers_with_checksum("https://mirror/release/v1.36.3/bin/linux/amd64/kubectl", kubectl());
    user.writes(".config/service-manager/config.yaml", &format!("mirrors:\n  https://dl.k8s.io: {mirror}\n"));
    user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    assert!(publisher.requests().iter().all(|url| url.starts_with("https://mirror/")));

    for (text, errors) in [
        (
            "mirrors: { 'https://dl.k8s.io': 'http://mirror.example' }\n",
            "error: the mirror `http://mirror.example` is not encrypted, so anybody on the way could change what is downloaded\nhint: [..]\n",
        ),
        (
            "mirors: {}\n",
            "error: the settings in `[HOME]/.config/service-manager/config.yaml` are not valid\ncaused by: unknown field `mirors`[..]\n",
        ),
    ] {
        user.writes(".config/service-manager/config.yaml", text);
        user.complains(&INSTALL.replace("1.36.3", "1.36.2"), 1, errors);
    }
    // Where it is allowed it is tried.
    user.writes(
        ".config/service-manager/config.yaml",
        "mirrors: { 'https://dl.k8s.io': 'http://mirror.invalid' }\nallow_http: true\n",
    );
    user.complains(
        &INSTALL.replace("1.36.3", "1.36.2"),
        126,
        "error: could not download `https://dl.k8s.io/release/v1.36.2/bin/linux/amd64/kubectl`\ncaused by: [..]\nhint: try again: [..]\n",
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_the_oc_that_matches_the_cluster() {
    for (layout, version) in [("microshift", "4.18.4"), ("crc", "4.18.2")] {
        let guest = Guest::own(layout, "address");
        let publisher = Publisher::start();
        let folder = format!("https://mirror.openshift.com/pub/openshift-v4/clients/ocp/{version}");
        let name = format!("openshift-client-linux-{version}.tar.gz");
        let mut tar =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        append(&mut tar, "oc", tar::EntryType::Regular, &script(&format!("oc {version}"), 100), "");
        append(&mut tar, "kubectl", tar::EntryType::Link, b"", "oc");
        let archive = tar.into_inner().unwrap().finish().unwrap();
        publisher.offers(&format!("{folder}/sha256sum.txt"), format!("{}  {name}\n", sha256(&archive)));
        publisher.offers(&format!("{folder}/{name}"), archive);
        let user = User::of(&guest).with_publisher(&publisher);
        user.types("eval \"$(service-manager -q install-cli openshift)\" && oc")
            .stdout(&format!("oc {version}\n"))
            .succeeds();
    }
}

/// CDK 2.x says a version of which no `oc` was ever public. What says it here is `MicroShift`'s place for a version: the same
/// server cannot have both `/version` and Origin's `/version/openshift`.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_the_nearest_oc_for_a_server_without_one() {
    let guest = lying_microshift();
    for version in ["3.2.0.44", "v3.2.1.34-2-g6af6a50"] {
        says_microshift(&guest, version);
        let publisher = Publisher::start();
        let archive = "openshift-origin-client-tools-v1.2.2-565691c-linux-64bit";
        let folder = "https://github.com/openshift/origin/releases/download/v1.2.2";
        let content = tgz(&[(&format!("{archive}/oc"), &script("oc 1.2.2", 100))]);
        publisher.offers(&format!("{folder}/CHECKSUM"), format!("{}  {archive}.tar.gz\n", sha256(&content)));
        publisher.offers(&format!("{folder}/{archive}.tar.gz"), content);
        let user = User::of(&guest).with_publisher(&publisher);
        user.types("eval \"$(service-manager install-cli openshift)\" && oc")
            .stdout("oc 1.2.2\n")
            .stderr(&format!(
                "
                downloading [..]
                100 %
                note: {} was never published; the nearest is 1.2.2
                note: the machine says that `oc` 1.2.2 is the right one; [..]
                note: oc 1.2.2, [..]: its checksum is the one in `{folder}/CHECKSUM`
                ",
                version.trim_start_matches('v')
            ))
            .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn matches_a_distributions_docker_version() {
    let guest = Guest::kubeadm();
    let publisher = Publisher::start();
    let reported = guest.run("docker version --format '{{.Server.Version}}'").trim().to_owned();
    let version = reported.split('+').next().unwrap();
    assert_ne!(version, reported, "Debian adds its own mark");
    let url = format!("https://download.docker.com/linux/static/stable/x86_64/docker-{version}.tgz");
    let archive = tgz(&[("docker/docker", &script("docker", 100))]);
    let checksum = sha256(&archive);
    publisher.offers(&url, archive);
    let user = User::of(&guest).with_publisher(&publisher);
    user.types(format!("eval \"$(service-manager -q install-cli docker --checksum {checksum})\" && docker"))
        .stdout("docker\n")
        .succeeds();
    assert_eq!(publisher.requests(), [url]);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn explains_a_service_that_cannot_be_asked() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("kubelet");
    let user = User::of(&guest);
    user.complains(
        "service-manager install-cli kubernetes",
        126,
        "
        error: kubernetes is stopped in `[NAME]`
        hint: [..]
        ",
    );
    user.types("eval \"$(service-manager install-cli kubernetes 2>log)\"; echo $?")
        .stdout("126\n")
        .succeeds();
    guest.lays_out_docker("socket");
    user.complains(
        "service-manager --tunnel never install-cli docker",
        126,
        "
        error: docker in `[NAME]` only listens on its socket
        hint: [..]
        ",
    );
    user.types("service-manager --tunnel never install-cli docker 2>&1 >out | grep note")
        .stdout("note: with `--cli-version VERSION` no machine is asked\n")
        .succeeds();
    assert_eq!(user.clients(), [""; 0]);
}

#[test]
fn needs_a_machine_only_to_ask_for_its_version() {
    let user = User::new();
    user.complains("service-manager install-cli kubernetes", 1, "error: no machine is given\nhint: [..]\n");
    user.complains(
        "service-manager --host dev@127.0.0.1:1 install-cli kubernetes",
        3,
        "
        error: could not connect to 127.0.0.1:1
        caused by: Connection refused (os error 111)
        hint: [..]
        hint: `service-manager doctor --host dev@127.0.0.1:1` says more
        ",
    );
}
