//! `install-cli` of several clients at once: one failing does not lose the others.

use serde_json::Value;

use crate::round_trip::journal_while;
use service_manager_test_support::download::{Download, KUBECTL, kubectl};
use service_manager_test_support::publisher::{Publisher, script, sha256, tgz};
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn installs_what_matches_each_server_over_one_connection() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, kubectl());
    let docker = tgz(&[("docker/docker", &script("docker 20.10.24", 1000))]);
    publisher
        .offers("https://download.docker.com/linux/static/stable/x86_64/docker-20.10.24.tgz", docker.clone());
    let user = User::of(&guest).with_publisher(&publisher);
    // Its real checksum is known, so this one has to be given.
    user.types(format!(
        "service-manager -q install-cli docker --cli-version 20.10.24 --checksum {} >out",
        sha256(&docker)
    ))
    .succeeds();
    let journal = journal_while(&guest, || {
        // By the program's name, and twice.
        user.types(
            "eval \"$(service-manager -q install-cli docker kubectl kubernetes)\" && kubectl && docker",
        )
        .stdout("kubectl 1.36.3\ndocker 20.10.24\n")
        .succeeds();
    });
    assert_eq!(journal.matches("Accepted publickey").count(), 1, "{journal}");
    let folder = "[HOME]/.local/share/service-manager/bin";
    user.types("service-manager -q install-cli docker kubernetes")
        .stdout(&format!(
            "
            # Binary already available at {folder}/docker/20.10.24/docker
            # run binary as:
            # docker <command>
            export PATH={folder}/docker/20.10.24:$PATH
            # Binary already available at {folder}/kubernetes/1.36.3/kubectl
            # run binary as:
            # kubectl <command>
            export PATH={folder}/kubernetes/1.36.3:$PATH

            # run following command to configure your shell:
            # eval \"$(service-manager -q install-cli docker kubernetes)\"
            "
        ))
        .succeeds();
    // A folder is put first in the PATH once.
    user.types("service-manager -q install-cli docker kubernetes --path bin | grep export")
        .stdout("export PATH=[HOME]/bin:$PATH\n")
        .succeeds();
    user.types("ls bin").stdout("docker\nkubectl\n").succeeds();
    // Nushell is told the whole PATH.
    let typed = user.types("service-manager -q install-cli docker kubernetes --shell nu").stdout("[..]\n");
    let path: Value = serde_json::from_str(&typed.succeeds().stdout).unwrap();
    let folders: Vec<&str> =
        path["PATH"].as_array().unwrap().iter().take(2).map(|folder| folder.as_str().unwrap()).collect();
    assert!(
        folders[0].ends_with("kubernetes/1.36.3") && folders[1].ends_with("docker/20.10.24"),
        "{folders:?}"
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn one_that_fails_does_not_lose_the_others() {
    let guest = Guest::kubeadm();
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, kubectl());
    let user = User::of(&guest).with_publisher(&publisher);
    // Openshift is not there, and nobody has that Docker.
    let line = "service-manager -q install-cli openshift docker kubernetes";
    user.types(format!("eval \"$({line})\"; echo $?; kubectl"))
        .stdout("126\nkubectl 1.36.3\n")
        .stderr(
            "
            warning: `docker` 20.10.24 for linux/amd64 is not published
            caused by: [..]
            caused by: [..]
            error: there is no openshift in `[NAME]`
            ",
        )
        .succeeds();
    let written = user.types(format!("{line} --output json 2>/dev/null")).stdout("[..]\n").fails(126);
    let document: Value = serde_json::from_str(&written.stdout).unwrap();
    assert_eq!(document["clients"].as_array().unwrap().len(), 1);
    assert_eq!(document["clients"][0]["client"], "kubectl");
    let failed = document["failed"].as_array().unwrap();
    assert_eq!(failed.iter().map(|failed| &failed["service"]).collect::<Vec<_>>(), ["openshift", "docker"]);
    let message = failed[0]["problem"]["message"].as_str().unwrap();
    assert!(message.starts_with("there is no openshift in "), "{message}");
}

#[test]
fn a_machine_out_of_reach_is_told_once() {
    let user = User::new();
    user.types("service-manager -q --host dev@127.0.0.1:1 install-cli docker kubernetes")
        .stdout("(exit 3)\n")
        .stderr("error: could not connect to 127.0.0.1:1\ncaused by: Connection refused (os error 111)\n")
        .fails(3);
    let line = "service-manager -q --host dev@127.0.0.1:1 install-cli docker kubernetes -o json 2>/dev/null";
    let written = user.types(line).stdout("[..]\n").fails(3);
    let document: Value = serde_json::from_str(&written.stdout).unwrap();
    assert_eq!(document["failed"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_right_for_one_client_is_refused_for_several() {
    let download = Download::new();
    for (option, value) in [("--cli-version", "1.36.3".to_owned()), ("--checksum", "a".repeat(64))] {
        let line = format!("service-manager install-cli kubernetes docker {option} {value}");
        download
            .user
            .types(line)
            .stdout("(exit 1)\n")
            .stderr(&format!(
                "
                error: `{option}` is for one client, and kubernetes and docker are named
                hint: name one at a time: `service-manager install-cli kubernetes {option} …`
                "
            ))
            .fails(1);
    }
    // A name that is wrong is told before anything is done.
    download
        .user
        .types("service-manager install-cli kubernetes dokcer")
        .stdout("(exit 126)\n")
        .stderr("error: [..]`dokcer`[..]\nhint: did you mean `docker`?\n")
        .fails(126);
    assert_eq!(download.publisher.requests(), [""; 0]);
}
