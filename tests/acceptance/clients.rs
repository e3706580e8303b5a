//! `clients`: what `install-cli` has installed is listed, checked, removed, and taken to hosts without a network.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::eval::on_a_terminal;
use service_manager_test_support::User;
use service_manager_test_support::download::{Download, INSTALL, INSTALLED, KUBECTL};
use service_manager_test_support::publisher::{Publisher, script, tgz};

#[test]
fn lists_the_installed_clients() {
    let shop = Shop::new();
    let line = "service-manager clients list";
    let row = |size: &str, client: &str| {
        let words: Vec<&str> = client.split('/').collect();
        format!("{}\t{}\tlinux/amd64\t{size}\ttoday\t[HOME]/{BIN}/{client}\n", words[0], words[1])
    };
    let rows = [
        row(DOCKER_SIZE, "docker/99.1.2/docker"),
        row(OTHER_SIZE, "kubernetes/1.35.0/kubectl"),
        row("29[..] KiB", "kubernetes/1.36.3/kubectl"),
    ];
    shop.user.types(line).stdout(&rows.concat()).succeeds();
    let on_terminal = format!(
        "SERVICE     VERSION  PLATFORM     SIZE[..]LAST USED  PROGRAM\n{}",
        rows.map(|row| row.replace('\t', "[..]")).concat()
    );
    shop.user
        .types(format!("NO_COLOR=1; export NO_COLOR; {}", on_a_terminal(line)))
        .stdout(&on_terminal)
        .succeeds();
    let typed = shop.user.types(line);
    typed.in_a_terminal(120).shows(
        "
        SERVICE     VERSION  PLATFORM     SIZE[..]LAST USED  PROGRAM
        docker      99.1.2   linux/amd64  [..]today      [..]bin/docker/99.1.2/docker
        kubernetes  1.35.0   linux/amd64  [..]today      [..]bin/kubernetes/1.35.0/kubectl
        kubernetes  1.36.3   linux/amd64  [..]today      [..]bin/kubernetes/1.36.3/kubectl
        ",
    );
    typed.in_a_terminal(80).shows(
        "
        SERVICE     VERSION  PLATFORM     SIZE[..]LAST USED  PROGRAM
        docker      99.1.2   linux/amd64  [..]today      ..[..]/docker
        kubernetes  1.35.0   linux/amd64  [..]today      ..[..]/kubectl
        kubernetes  1.36.3   linux/amd64  [..]today      ..[..]/kubectl
        ",
    );
    typed.in_a_terminal(40).shows(
        "
        SERVICE     VERSION  SIZE
        docker      99.1.2   [..]
        kubernetes  1.35.0   [..]
        kubernetes  1.36.3   [..]
        ",
    );
    let written = shop.user.types("service-manager clients list --output json").stdout("[..]\n").succeeds();
    let listed: Value = serde_json::from_str(&written.stdout).unwrap();
    assert_eq!(listed["version"], 1);
    let clients = listed["clients"].as_array().unwrap();
    assert_eq!(clients.len(), 3);
    for (client, (service, program, release, verified)) in clients.iter().zip([
        ("docker", "docker", "99.1.2", "recorded"),
        ("kubernetes", "kubectl", "1.35.0", "published"),
        ("kubernetes", "kubectl", "1.36.3", "published"),
    ]) {
        assert_eq!(client["service"], service);
        assert_eq!(client["client"], program);
        assert_eq!(client["release"], release);
        assert_eq!(client["platform"], "linux/amd64");
        assert_eq!(client["verified"], verified);
        let path = shop.user.home().join(BIN).join(service).join(release).join(program);
        assert_eq!(client["path"], path.to_str().unwrap());
        assert_eq!(client["size"], fs::metadata(path).unwrap().len());
        assert!(client["last_used"].as_u64().unwrap() > 1_700_000_000 && client.get("intact").is_none());
    }
}

#[test]
fn says_so_when_no_client_is_installed() {
    let user = User::new();
    let note =
        format!("note: no clients in [HOME]/{BIN} yet; `service-manager install-cli SERVICE` installs one\n");
    user.types("service-manager clients list").stderr(&note).succeeds();
    user.types("service-manager clients list --output json")
        .stdout("{\"version\":1,\"clients\":[]}\n")
        .stderr(&note)
        .succeeds();
    user.types("service-manager clients verify").stderr(&note).succeeds();
    user.types("service-manager clients prune").stderr("note: removed 0 clients of 0 B\n").succeeds();
    assert!(!user.home().join(".local").exists());
}

#[test]
fn verify_finds_a_changed_client_and_install_repairs_it() {
    let shop = Shop::new();
    let user = &shop.user;
    let lines = |verdict: &str| {
        format!(
            "
            [HOME]/{BIN}/docker/99.1.2/docker: intact
            [HOME]/{BIN}/kubernetes/1.35.0/kubectl: intact
            [HOME]/{BIN}/kubernetes/1.36.3/kubectl: {verdict}
            "
        )
    };
    user.types("service-manager clients verify").stdout(&lines("intact")).succeeds();
    let program = format!("{BIN}/kubernetes/1.36.3/kubectl");
    for damage in [
        format!("printf X | dd of={program} bs=1 seek=100 conv=notrunc 2>log"),
        format!("echo >>{program}"),
        format!("rm {program}"),
    ] {
        user.types(damage).succeeds();
        let error = "error: 1 of 3 clients is not what was installed\nhint: `service-manager clients uninstall kubernetes 1.36.3`, then install it again\n";
        user.types("service-manager clients verify")
            .stdout(&lines("changed since it was installed"))
            .stderr(error)
            .fails(1);
        let written = user
            .types("service-manager clients verify --output json")
            .stdout("[..]\n")
            .stderr(error)
            .fails(1);
        let listed: Value = serde_json::from_str(&written.stdout).unwrap();
        let intact: Vec<_> =
            listed["clients"].as_array().unwrap().iter().map(|client| &client["intact"]).collect();
        assert_eq!(intact, [true, true, false]);
        user.types("service-manager clients uninstall kubernetes 1.36.3")
            .stdout(&format!("removed [HOME]/{BIN}/kubernetes/1.36.3/kubectl\n"))
            .succeeds();
        user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    }
    user.types("service-manager clients verify").stdout(&lines("intact")).succeeds();
}

#[test]
fn prunes_clients_unused_for_long() {
    let shop = Shop::new();
    let user = &shop.user;
    let receipt = user.home().join(BIN).join("kubernetes/1.35.0/.receipt.json");
    let before = SystemTime::now() - Duration::from_hours(24 * 10);
    fs::File::open(&receipt).unwrap().set_modified(before).unwrap();
    user.types("service-manager clients list | grep --only-matching '1.35.0.*ago'")
        .stdout("1.35.0[..]10 days ago\n")
        .succeeds();
    user.types("service-manager clients prune").stderr("note: removed 0 clients of 0 B\n").succeeds();
    let line = "service-manager clients prune --unused-for 7";
    let all = user.clients();
    user.types(format!("{line} --dry-run"))
        .stdout(&format!("would remove [HOME]/{BIN}/kubernetes/1.35.0/kubectl\n"))
        .stderr(&format!("note: would remove 1 client of {OTHER_SIZE}\n"))
        .succeeds();
    assert_eq!(user.clients(), all);
    user.types(line)
        .stdout(&format!("removed [HOME]/{BIN}/kubernetes/1.35.0/kubectl\n"))
        .stderr(&format!("note: removed 1 client of {OTHER_SIZE}\n"))
        .succeeds();
    assert!(!user.home().join(BIN).join("kubernetes/1.35.0").exists());
    // Using one again counts.
    let receipt = user.home().join(BIN).join("kubernetes/1.36.3/.receipt.json");
    fs::File::open(&receipt).unwrap().set_modified(before).unwrap();
    user.types(format!("{INSTALL} >out")).succeeds();
    user.types(line).stderr("note: removed 0 clients of 0 B\n").succeeds();

    user.types("service-manager -q clients prune --unused-for 0 --output json | grep --count 99.1.2")
        .stdout("1\n")
        .succeeds();
    // What was recorded of downloads stays.
    assert_eq!(user.clients(), [".lock", ".recorded.json"]);
}

#[test]
fn prunes_abandoned_partial_downloads() {
    let shop = Shop::new();
    let user = &shop.user;
    let folder = format!("{BIN}/kubernetes/1.30.0");
    user.writes(&format!("{folder}/.partial"), "half");
    user.writes(&format!("{folder}/.partial.json"), "{}");
    user.types("service-manager clients prune").stderr("note: removed 0 clients of 0 B\n").succeeds();
    let before = SystemTime::now() - Duration::from_hours(25);
    fs::File::open(user.home().join(&folder).join(".partial")).unwrap().set_modified(before).unwrap();
    for word in ["would remove", "removed"] {
        let option = if word == "removed" { "" } else { "--dry-run" };
        user.types(format!("service-manager clients prune {option}"))
            .stderr(&format!("note: {word} 0 clients of 0 B, and the left-overs of 1 download\n"))
            .succeeds();
    }
    assert!(!user.home().join(folder).exists());
    // Neither a folder of the user's own nor a file is touched.
    user.writes(&format!("{BIN}/My own/notes"), "");
    user.writes(&format!("{BIN}/kubernetes/notes"), "");
    user.types("service-manager clients prune --unused-for 0 >out 2>&1").succeeds();
    assert!(user.home().join(BIN).join("My own/notes").exists());
}

#[test]
fn uninstalls_one_version_or_all() {
    let shop = Shop::new();
    let user = &shop.user;
    for (names, what, hint) in [
        ("kubernetes 1.2.3", "`kubernetes` 1.2.3", "installed: kubernetes 1.35.0, kubernetes 1.36.3"),
        ("openshift", "`openshift`", "`service-manager clients list` shows what is installed"),
        ("../kubernetes", "`../kubernetes`", "`service-manager clients list` shows what is installed"),
    ] {
        user.types(format!("service-manager clients uninstall {names}"))
            .stderr(&format!("error: {what} is not installed\nhint: {hint}\n"))
            .fails(126);
    }
    user.types(
        "service-manager clients uninstall kubernetes ../1.36.3 2>&1 | head --lines=1; exit ${PIPESTATUS[0]}",
    )
    .stdout("error: invalid value `../1.36.3` for `[VERSION]`: [..]\n")
    .fails(1);
    // By the program's name, as for `install-cli`.
    user.types("service-manager clients uninstall kubectl")
        .stdout(&format!(
            "
            removed [HOME]/{BIN}/kubernetes/1.35.0/kubectl
            removed [HOME]/{BIN}/kubernetes/1.36.3/kubectl
            "
        ))
        .succeeds();
    assert!(!user.home().join(BIN).join("kubernetes").exists());
    user.types("service-manager clients uninstall kubectl")
        .stderr("error: `kubectl` is not installed\nhint: [..]\n")
        .fails(126);
    user.types("service-manager clients uninstall docker 99.1.2 --output json")
        .stdout("[..]\"99.1.2\"[..]\n")
        .succeeds();
}

#[test]
fn exports_each_client_once() {
    let shop = Shop::new();
    let user = &shop.user;
    let kubectl = KUBECTL.trim_start_matches("https://");
    for _ in 0..2 {
        user.types("service-manager -q clients export 'mirror of mine'")
            .stdout(&format!(
                "
                [HOME]/mirror of mine/{}
                [HOME]/mirror of mine/{other}
                [HOME]/mirror of mine/{other}.sha256
                [HOME]/mirror of mine/{kubectl}
                [HOME]/mirror of mine/{kubectl}.sha256
                ",
                DOCKER.trim_start_matches("https://"),
                other = kubectl.replace("1.36.3", "1.35.0"),
            ))
            .succeeds();
        assert_eq!(user.files_below("mirror of mine").len(), 5);
    }
}

#[test]
fn an_exported_folder_works_as_a_mirror() {
    let shop = Shop::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("mirror, it's $(touch$IFS$9pwned)");
    let line = format!(
        "service-manager clients export \"{}\" 2>&1 >out | grep --only-matching '`.*`' | cut --delimiter=' ' --fields=1",
        folder.display().to_string().replace('$', "\\$")
    );
    let said =
        shop.user.types(line).stdout("`SERVICE_MANAGER_MIRROR='https://=file:///[..]'`\n").succeeds().stdout;
    drop(shop);
    // A shell reads what is pasted, and runs nothing of it.
    let user = User::new();
    let pasted = format!("{}; echo \"$SERVICE_MANAGER_MIRROR\"; ls", said.trim().trim_matches('`'));
    let mirror = user.types(pasted).stdout("https://=file:///[..]\n").succeeds().stdout;
    let user = user.with("SERVICE_MANAGER_MIRROR", mirror.trim());
    user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    assert_eq!(user.clients(), INSTALLED);
    user.types("eval \"$(service-manager -q install-cli docker --cli-version 99.1.2)\" && docker")
        .stdout("docker\n")
        .succeeds();
    // An exported checksum is compared, too.
    let path = folder.join(KUBECTL.trim_start_matches("https://"));
    fs::write(path, script("evil", 100)).unwrap();
    user.types("service-manager clients uninstall kubernetes").stdout("[..]\n").succeeds();
    user.complains(INSTALL, 126, "error: `[..]` is not what it should be: [..]\nhint: [..]\n");
}

#[test]
fn does_not_export_a_client_that_was_replaced_upstream() {
    let shop = Shop::new();
    shop.publisher.offers(KUBECTL, script("replaced", 100));
    shop.user
        .types("service-manager -q clients export mirror 2>&1 | grep error: ; exit ${PIPESTATUS[0]}")
        .stdout(&format!(
            "error: `{KUBECTL}` is not what it should be: the receipt says sha256:[..], it has sha256:[..]\n"
        ))
        .fails(126);
    assert!(!shop.user.home().join("mirror").join(KUBECTL.trim_start_matches("https://")).exists());
    // It still works here.
    shop.user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    assert!(!shop.user.clients().iter().any(|file| file.contains("partial")));
}

/// Three clients that are installed.
struct Shop {
    publisher: Publisher,
    user: User<'static>,
}

impl Shop {
    fn new() -> Self {
        let download = Download::new();
        let other = KUBECTL.replace("1.36.3", "1.35.0");
        download.publisher.offers_with_checksum(&other, script("kubectl 1.35.0", 5000));
        download.publisher.offers(DOCKER, tgz(&[("docker/docker", &script("docker", 3000))]));
        download.succeeds();
        download.user.types(format!("{} >out", INSTALL.replace("1.36.3", "1.35.0"))).succeeds();
        download.user.types("service-manager -q install-cli docker --cli-version 99.1.2 >out").succeeds();
        Self { publisher: download.publisher, user: download.user }
    }
}

const BIN: &str = ".local/share/service-manager/bin";
const DOCKER: &str = "https://download.docker.com/linux/static/stable/x86_64/docker-99.1.2.tgz";
const DOCKER_SIZE: &str = "2.[..] KiB";
const OTHER_SIZE: &str = "4.[..] KiB";
