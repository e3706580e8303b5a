//! `install-cli`: the matching client, from the publisher into the cache and onto the PATH.

use std::fs;

use serde_json::Value;

use service_manager_test_support::publisher::{Publisher, tgz};
use service_manager_test_support::{Guest, User, program};

const KUBECTL: &str = "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl";

/// The last line says what is used now.
const SUMMARY: &str = "note: kubectl 1.36.3, [..]iB: its checksum is the one in `https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl.sha256`\n";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_the_kubectl_that_matches_the_server() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, program("kubectl"));
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with_publisher(&publisher);
    let folder = "[HOME]/.local/share/service-manager/bin/kubernetes/1.36.3";
    let lines = |word: &str| {
        format!(
            "
            # Binary {word} available at {folder}/kubectl
            # run binary as:
            # kubectl <command>
            export PATH={folder}:$PATH

            # run following command to configure your shell:
            # eval \"$(service-manager install-cli kubernetes)\"
            "
        )
    };
    user.types("service-manager install-cli kubernetes")
        .stdout(&lines("now"))
        .stderr(&format!("[..]\n[..]\n[..]\n[..]\n[..]\n{SUMMARY}"))
        .succeeds();
    assert_eq!(publisher.requests(), [KUBECTL.to_owned(), format!("{KUBECTL}.sha256")]);
    user.types("service-manager install-cli kubernetes").stdout(&lines("already")).stderr(SUMMARY).succeeds();
    assert_eq!(publisher.requests(), [""; 0]);

    user.types(
        "eval \"$(service-manager install-cli kubernetes)\" && eval \"$(service-manager env kubernetes)\" && \
         command -v kubectl && kubectl get --raw /readyz",
    )
    .stdout(&format!("{folder}/kubectl\nok"))
    .stderr(SUMMARY)
    .succeeds();
}

#[test]
fn a_given_version_needs_no_machine() {
    let publisher = Publisher::start();
    let url = "https://download.docker.com/linux/static/stable/x86_64/docker-99.1.2.tgz";
    let docker = program("docker");
    let archive = tgz(&[
        ("docker/dockerd", b"another program"),
        ("docker/completion/bash/docker", b"complete -F _docker docker"),
        ("docker/docker", &docker),
    ]);
    publisher.offers(url, archive.clone());
    let user = User::new().with_publisher(&publisher);
    let folder = "[HOME]/.local/share/service-manager/bin/docker/99.1.2";
    user.types("eval \"$(service-manager -q install-cli docker --cli-version 99.1.2)\" && docker --version && command -v docker")
        .stdout(&format!("Docker version [..]\n{folder}/docker\n"))
        .succeeds();
    let installed = user.home().join(".local/share/service-manager/bin/docker/99.1.2/docker");
    assert_eq!(fs::read(installed).unwrap(), docker);
}

/// Every row of the table of known releases: its address is among those that would be tried, with its checksum, and
/// before it come only addresses at which nobody has ever seen anything.
#[test]
fn finds_every_known_release() {
    let table = include_str!("clients-cases.tsv");
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 80);
    let seen = |url: &str| {
        let known = include_str!("../../services/known-sha256.tsv");
        known.contains(&format!("{url}\t")) || rows.iter().any(|row| row[5] == url)
    };
    let user = User::new();
    for row in &rows {
        let [id, service, version, platform, variant, url, member, sums, sha256] = row[..] else {
            panic!("{row:?}")
        };
        let line = format!(
            "service-manager install-cli {service} --cli-version {version} --platform {platform} --dry-run --output json"
        );
        if url == "not available" {
            // Nothing, or only addresses that do not exist.
            let written = user.types(format!("{line} 2>/dev/null || [ $? = 126 ]")).stdout("[..]").succeeds();
            let candidates = candidates(&written.stdout);
            assert!(
                candidates.iter().all(|candidate| !seen(candidate["url"].as_str().unwrap())),
                "{id}: {candidates:?}"
            );
            continue;
        }
        let candidates = candidates(&user.types(&line).stdout("[..]\n").succeeds().stdout);
        let found = candidates.iter().position(|candidate| candidate["url"] == url);
        // The builds for old C libraries are left out: nothing here tells which library the host has.
        let Some(found) = found else {
            assert_eq!(variant, "rhel8", "{id}: {url} is not among {candidates:#?}");
            continue;
        };
        for before in &candidates[..found] {
            let before = before["url"].as_str().unwrap();
            // The one version that both of Docker's hosts have.
            assert!(!seen(before) || version == "17.03.0-ce", "{id}: {before} comes before {url}");
        }
        check_checksum(id, &candidates[found]["checksum"], sums, sha256);
        match candidates[found]["member"].as_str() {
            None => assert_eq!(member, "(raw)", "{id}"),
            Some(pattern) => {
                let begin = pattern.trim_end_matches('*');
                let name = member.rsplit('/').next().unwrap();
                assert!(
                    name == pattern || begin != pattern && name.starts_with(begin),
                    "{id}: {name}, {pattern}"
                );
            }
        }
    }
}

fn candidates(stdout: &str) -> Vec<Value> {
    if stdout.is_empty() {
        return Vec::new();
    }
    let plan: Value = serde_json::from_str(stdout).unwrap();
    plan["candidates"].as_array().unwrap().clone()
}

fn check_checksum(id: &str, checksum: &Value, sums: &str, sha256: &str) {
    let has = |key: &str, text: &str| checksum[key].as_array().unwrap().iter().any(|value| value == text);
    match checksum["kind"].as_str().unwrap() {
        // Those that packagers saw come before what the publisher says.
        "pinned" => {
            assert!(sha256.is_empty() || has("values", &format!("sha256:{sha256}")), "{id}: {checksum}");
        }
        "published" => assert!(has("urls", sums), "{id}: {sums} is not in {checksum}"),
        kind => assert!(kind == "recorded" && sums.is_empty(), "{id}: {checksum}"),
    }
}
