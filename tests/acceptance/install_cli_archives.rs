//! `install-cli`: one program is taken out of an archive, whatever else it holds and wherever its names lead.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::EntryType;

use service_manager_test_support::User;
use service_manager_test_support::publisher::{Publisher, append, script, sha256, tgz, zip};

#[test]
fn finds_oc_in_every_layout_of_its_archive() {
    let oc = script("oc", 1000);
    let folder = "./openshift-origin-client-tools-v4.16.12+0cbc58b-linux-64bit";
    let (inside, kubectl) = (format!("{folder}/oc"), format!("{folder}/kubectl"));
    for entries in [
        vec![
            ("README.md", EntryType::Regular, &b"x"[..], ""),
            ("oc", EntryType::Regular, &oc, ""),
            ("kubectl", EntryType::Link, b"", "oc"),
        ],
        vec![("kubectl", EntryType::Regular, &oc, ""), ("oc", EntryType::Link, b"", "kubectl")],
        vec![("oc", EntryType::Link, b"", "kubectl"), ("kubectl", EntryType::Regular, &oc, "")],
        vec![("./", EntryType::Directory, b"", ""), ("./oc", EntryType::Regular, &oc, "")],
        vec![(folder, EntryType::Directory, b"", ""), (&inside, EntryType::Regular, &oc, "")],
        vec![(&kubectl, EntryType::Regular, &oc, ""), (&inside, EntryType::Link, b"", &kubectl)],
        // Bigger names in deeper folders come first.
        vec![("a/b/oc", EntryType::Regular, b"completion", ""), ("a/oc", EntryType::Regular, &oc, "")],
    ] {
        let shop = Shop::new(tar(&entries));
        shop.succeeds();
    }
}

#[test]
fn extracts_only_regular_files() {
    for (path, kind, content, leads_to, why) in [
        ("../oc", EntryType::Regular, &b"evil"[..], "", "its `oc` is not below its root"),
        ("/oc", EntryType::Regular, b"evil", "", "its `oc` is not below its root"),
        ("x/../../oc", EntryType::Regular, b"evil", "", "its `oc` is not below its root"),
        ("oc", EntryType::Symlink, b"", "/bin/true", "its `oc` is not a file"),
        ("oc", EntryType::Symlink, b"", "kubectl", "its `oc` is not a file"),
        ("oc", EntryType::Char, b"", "", "its `oc` is not a file"),
        ("oc", EntryType::Block, b"", "", "its `oc` is not a file"),
        ("oc", EntryType::Fifo, b"", "", "its `oc` is not a file"),
        ("oc", EntryType::Directory, b"", "", "its `oc` is not a file"),
        ("oc", EntryType::Link, b"", "/bin/true", "there is no `oc` in it"),
        ("oc", EntryType::Link, b"", "../../../../../../bin/true", "there is no `oc` in it"),
        ("oc", EntryType::Link, b"", "oc", "its `oc` is not a file"),
        ("openshift", EntryType::Regular, b"x", "", "there is no `oc` in it"),
    ] {
        let entries = [(path, kind, content, leads_to), ("kubectl", EntryType::Regular, b"x", "")];
        Shop::new(tar(&entries)).fails(why);
    }
}

#[test]
fn refuses_two_programs_of_the_same_name() {
    let [one, other] = ["one", "other"].map(|text| script(text, 100));
    for (first, second) in [("oc", "oc"), ("oc", "./oc"), ("a/oc", "b/oc")] {
        let entries = [(first, EntryType::Regular, &one[..], ""), (second, EntryType::Regular, &other, "")];
        Shop::new(tar(&entries)).fails("there are several `oc` in it");
    }
}

#[test]
fn writes_nothing_outside_the_cache() {
    let oc = script("oc", 1000);
    let evil = "../../../../../../../../../../../../../../tmp/service-manager-was-here";
    let shop = Shop::new(tar(&[
        (evil, EntryType::Regular, b"evil", ""),
        ("kubectl", EntryType::Symlink, b"", "/etc/passwd"),
        ("kubectl", EntryType::Regular, b"evil", ""),
        ("oc", EntryType::Regular, &oc, ""),
    ]));
    shop.succeeds();
    assert!(!Path::new("/tmp/service-manager-was-here").exists());
}

#[test]
fn refuses_half_an_archive_with_the_right_checksum() {
    let whole = tgz(&[("oc", &script("oc", 300_000))]);
    for length in [0, 1, 10, 600, whole.len() / 2, whole.len() - 9] {
        Shop::new(whole[..length].to_vec()).fails("it is damaged\ncaused by: [..]");
    }
}

#[test]
fn refuses_a_page_in_place_of_an_archive() {
    for text in [&b"<html>Please log in</html>"[..], b"PK\x03\x04", b"#!/bin/sh\n"] {
        Shop::new(text.to_vec()).fails("it is damaged\ncaused by: [..]");
    }
}

#[test]
fn refuses_archive_bombs() {
    // 2 GiB of zeros, in pieces that are each compressed once.
    let zeros = gzip(&vec![0; 16 << 20]);
    let bomb = |path: &str, kind: EntryType| {
        let mut header = tar::Header::new_gnu();
        header.set_path(path).unwrap();
        header.set_entry_type(kind);
        header.set_size(2 << 30);
        header.set_mode(0o755);
        header.set_cksum();
        let bomb = [gzip(header.as_bytes()), zeros.repeat(128)].concat();
        assert!(bomb.len() < 4 << 20, "{}", bomb.len());
        bomb
    };
    let end = gzip(&[0; 1024]);
    // With neither memory nor a disk for it.
    let fails = |archive: Vec<u8>, why: &str| {
        Shop::new(archive).fails_after("ulimit -S -f 65536; ulimit -S -v 1000000;", why);
    };
    fails([bomb("oc", EntryType::Regular), end.clone()].concat(), "its `oc` is larger than 1024 MiB");
    // Sparse: none of it is in the archive.
    let mut header = tar::Header::new_gnu();
    header.set_path("x").unwrap();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_size(0);
    header.set_mode(0o755);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(1 << 35);
    gnu.sparse[0].offset.copy_from_slice(b"400000000000");
    gnu.sparse[0].numbytes.copy_from_slice(b"000000000000");
    header.set_cksum();
    let program = gzip(&plain_tar("oc", &script("oc", 100)));
    fails([gzip(header.as_bytes()), program].concat(), "it unpacks to far more than a client has");
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
        let program = gzip(&plain_tar("oc", &script("oc", 100)));
        fails([bomb("x", kind), program].concat(), "it unpacks to far more than a client has");
    }
}

#[test]
fn accepts_long_names() {
    let oc = script("oc", 1000);
    let folder = format!("./{}", "a-folder-with-a-long-name/".repeat(20));
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for name in ["oc", "kubectl"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(oc.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, format!("{folder}{name}"), &oc[..]).unwrap();
    }
    Shop::new(tar.into_inner().unwrap().finish().unwrap()).succeeds();
}

#[test]
fn extracts_zip_for_windows() {
    let url = "https://mirror.openshift.com/pub/openshift-v4/clients/ocp/4.16.12/openshift-client-windows-4.16.12.zip";
    let line = "service-manager -q install-cli openshift --cli-version 4.16.12 --platform windows/amd64 --output json";
    for (files, why) in [
        (vec![("README.md", &b"x"[..]), ("oc.exe", b"MZ"), ("kubectl.exe", b"MZ")], ""),
        (vec![("oc", &b"ELF"[..])], "there is no `oc.exe` in it"),
        (vec![("../oc.exe", &b"MZ"[..])], "its `oc.exe` is not below its root"),
        (vec![("a/oc.exe", &b"1"[..]), ("b/oc.exe", b"2")], "there are several `oc.exe` in it"),
    ] {
        let publisher = Publisher::start();
        offer(&publisher, url, zip(&files));
        let user = User::new().with_publisher(&publisher);
        let line = format!(
            "{line} 2>&1 | grep --only-matching --extended-regexp '\"path\":\"[^\"]*\"|^caused by.*'"
        );
        if why.is_empty() {
            user.types(line)
                .stdout("\"path\":\"[HOME]/.local/share/service-manager/bin/openshift/4.16.12+windows-amd64/oc.exe\"\n")
                .succeeds();
        } else {
            user.types(line).stdout(&format!("caused by: {why}\n")).succeeds();
            assert_eq!(user.clients(), [""; 0]);
        }
    }
}

#[test]
fn an_unusable_archive_replaces_nothing() {
    let shop = Shop::new(tar(&[("oc", EntryType::Regular, &script("oc", 100), "")]));
    shop.succeeds();
    let wrong = tar(&[("openshift", EntryType::Regular, b"x", "")]);
    let checksum = sha256(&wrong);
    offer(&shop.publisher, OC, wrong);
    shop.user.complains(
        &format!("{INSTALL} --checksum {checksum}"),
        126,
        &format!(
            "error: the archive `{OC}` cannot be used\ncaused by: there is no `oc` in it\nhint: `--cli-version` names another version\n"
        ),
    );
    // It is there still, with its receipt.
    shop.succeeds();
}

/// An entry of an archive: its path, its kind, its content, where it leads.
type Entry<'e> = (&'e str, EntryType, &'e [u8], &'e str);

fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, content, leads_to) in entries {
        append(&mut tar, path, *kind, content, leads_to);
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn plain_tar(path: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, path, EntryType::Regular, content, "");
    tar.into_inner().unwrap()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Offers an archive and, as its publisher does, a file of checksums for all of them.
fn offer(publisher: &Publisher, url: &str, archive: Vec<u8>) {
    let (folder, name) = url.rsplit_once('/').unwrap();
    let mut sums = String::new();
    let _ = writeln!(sums, "{}  ./another-{name}", "0".repeat(64));
    let _ = writeln!(sums, "{}  {name}", sha256(&archive));
    publisher.offers(url, archive).offers(&format!("{folder}/sha256sum.txt"), sums);
}

/// A user, and the one archive that there is.
struct Shop {
    user: User<'static>,
    publisher: Publisher,
}

impl Shop {
    fn new(archive: Vec<u8>) -> Self {
        let publisher = Publisher::start();
        offer(&publisher, OC, archive);
        Self { user: User::new().with_publisher(&publisher), publisher }
    }

    #[track_caller]
    fn succeeds(&self) {
        self.user.types(format!("eval \"$({INSTALL})\" && oc")).stdout("oc\n").succeeds();
        let folder = "openshift/4.16.12";
        let files = [".lock", ".receipt.json", "oc"].map(|name| format!("{folder}/{name}"));
        assert_eq!(self.user.clients(), files);
    }

    #[track_caller]
    fn fails(&self, why: &str) {
        self.fails_after("", why);
    }

    #[track_caller]
    fn fails_after(&self, preparation: &str, why: &str) {
        let errors = format!(
            "error: the archive `{OC}` cannot be used\ncaused by: {why}\nhint: `--cli-version` names another version\n"
        );
        self.user.complains(&format!("{preparation} {INSTALL}"), 126, &errors);
        assert_eq!(self.user.clients(), [""; 0]);
    }
}

const OC: &str =
    "https://mirror.openshift.com/pub/openshift-v4/clients/ocp/4.16.12/openshift-client-linux-4.16.12.tar.gz";
const INSTALL: &str = "service-manager -q install-cli openshift --cli-version 4.16.12";
