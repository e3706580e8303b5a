//! `install-cli`: real programs from publishers that a server stands in for, and `clients`.

use std::fs;

use service_manager_test_support::publisher::{Publisher, sha256, zip};

use crate::wine::{WindowsUser, drive};

const KUBECTL: &str = "https://dl.k8s.io/release/v1.36.3/bin/windows/amd64/kubectl.exe";
const OC: &str =
    "https://mirror.openshift.com/pub/openshift-v4/clients/ocp/4.18.2/openshift-client-windows-4.18.2.zip";
const OC_SUMS: &str = "https://mirror.openshift.com/pub/openshift-v4/clients/ocp/4.18.2/sha256sum.txt";

/// A program of Windows that says something.
fn program() -> Vec<u8> {
    fs::read(drive().join("windows/system32/hostname.exe")).unwrap()
}

fn with_publisher(user: WindowsUser, publisher: &Publisher) -> WindowsUser {
    let [(authorities, file), (mirror, address)] = publisher.variables();
    let file = user.writes("authority.pem", fs::read(file).unwrap());
    user.with(authorities, &file).with(mirror, &address)
}

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn a_client_is_installed_and_put_on_the_path() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, program());
    let user = with_publisher(WindowsUser::new(), &publisher);
    let install = "service-manager --quiet install-cli kubernetes --cli-version 1.36.3 --shell cmd";
    user.types(&format!(
        "@FOR /F \"tokens=*\" %%i IN ('{install}') DO @%%i\nset PATH=%PATH%\nkubectl.exe\necho %PATH%"
    ))
    .succeeds()
    .says(&user.path(r".state\bin\kubernetes\1.36.3;"));
    let installed = user.folder().join(".state/bin/kubernetes/1.36.3/kubectl.exe");
    assert_eq!(fs::read(installed).unwrap(), program());
    user.types("service-manager clients list").succeeds().says("1.36.3");
    user.types("service-manager clients verify").succeeds();
    user.types("service-manager clients uninstall kubernetes 1.36.3").succeeds();
    assert!(!user.folder().join(".state/bin/kubernetes/1.36.3/kubectl.exe").exists());
}

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn an_archive_is_unpacked_and_the_program_put_where_path_says() {
    let publisher = Publisher::start();
    let archive = zip(&[("README.md", b"text"), ("oc.exe", &program()), ("kubectl.exe", b"other")]);
    let sums = format!("{}  openshift-client-windows-4.18.2.zip\n", sha256(&archive));
    publisher.offers(OC, archive).offers(OC_SUMS, sums);
    let user = with_publisher(WindowsUser::new(), &publisher);
    let bin = user.path("my tools");
    let install = format!("service-manager install-cli openshift --cli-version 4.18.2 --path \"{bin}\"");
    user.types(&install).succeeds().says(&bin);
    let placed = user.folder().join("my tools/oc.exe");
    assert_eq!(fs::read(&placed).unwrap(), program());
    // What is there is replaced, even if it is read-only.
    let read_only = |read_only| {
        let mut permissions = fs::metadata(&placed).unwrap().permissions();
        permissions.set_readonly(read_only);
        fs::set_permissions(&placed, permissions).unwrap();
    };
    fs::write(&placed, "older").unwrap();
    read_only(true);
    user.types(&install).succeeds();
    assert_eq!(fs::read(&placed).unwrap(), program());
}

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn a_program_that_runs_is_replaced() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, program());
    let user = with_publisher(WindowsUser::new(), &publisher);
    let install = "service-manager --quiet install-cli kubernetes --cli-version 1.36.3 --path bin";
    // cmd itself stands in for a client that runs until its batch file ends.
    fs::create_dir_all(user.folder().join("bin")).unwrap();
    fs::copy(drive().join("windows/system32/cmd.exe"), user.folder().join("bin/kubectl.exe")).unwrap();
    user.writes("inner.bat", format!("@echo off\r\n{install}\r\n"));
    user.types(r"bin\kubectl.exe /d /c inner.bat").succeeds();
    assert_eq!(fs::read(user.folder().join("bin/kubectl.exe")).unwrap(), program());
}

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn folders_that_no_path_can_hold_are_refused() {
    let user = WindowsUser::new();
    user.types("service-manager install-cli kubernetes --cli-version 1.36.3 --path \"a;b\"")
        .fails(1)
        .complains("a PATH has `;` between its folders");
}

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn a_server_that_nobody_vouches_for_is_refused() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, program());
    let [_, (mirror, address)] = publisher.variables();
    let user = WindowsUser::new().with(mirror, &address);
    user.types("service-manager install-cli kubernetes --cli-version 1.36.3")
        .fails(126)
        .complains("the server's certificate is not trusted");
}
