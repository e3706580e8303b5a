//! What has to hold whatever others wrote. Each function takes any bytes for one kind of foreign text and panics
//! where the program would have taken in something that it must not.
//!
//! `fuzz/` calls them with invented input, the test below with the inputs that are kept in `fuzz/corpus/`. They are
//! in neither the program nor the library's interface.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::type_complexity,
    reason = "panicking is how they say what they found"
)]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use secrecy::ExposeSecret;
use serde_yaml::{Mapping, Value};

use crate::access::certificate::{Certificates, Names};
use crate::access::credentials::{ClientAuth, Credentials};
use crate::access::kubeconfig::{self, Addition, ClusterEntry};
use crate::access::tls::Material;
use crate::base::fuzzing::{assert_plain, assert_printable, records};
use crate::base::types::{DnsName, HostName, Version, VersionAlias};
use crate::base::version::ReleaseVersion;
use crate::clients::alias;
use crate::clients::checksum::{Checksum, ChecksumFileError};
pub use crate::guest::control::fuzzing::control;
use crate::guest::probe::OsRelease;
pub use crate::guest::probe::fuzzing::{facts, frames};
pub use crate::machine::fuzzing::ssh_config;

/// The guest's kubeconfig, and as records the files that it names: only credentials come in, and the kubeconfig
/// that is written of them holds these and nothing else.
pub fn kubeconfig(data: &[u8]) {
    let (text, records) = records(data);
    let parts: BTreeMap<String, Vec<u8>> =
        records.into_iter().map(|(name, body)| (lossy(name), body.to_vec())).collect();
    let part = |path: &str| parts.get(path).cloned();
    let Ok(credentials) = kubeconfig::read(text, None, &part) else { return };
    assert_same(&credentials, &kubeconfig::read(text, None, &part).unwrap());
    assert_ne!(credentials.port, 0);
    if let Some(name) = &credentials.server_name {
        assert_plain(name.as_str());
        assert_eq!(name.as_str().parse::<IpAddr>().ok(), None);
        assert_eq!(HostName::parse(name.as_str()).as_ref(), Ok(name));
    }

    let server_name = credentials.server_name.as_ref().and_then(|name| DnsName::parse(name.as_str()).ok());
    let server = match &credentials.server_name {
        Some(name) => format!("https://{name}:{}", credentials.port),
        None => format!("https://192.0.2.7:{}", credentials.port),
    };
    let entry = ClusterEntry {
        name: "box",
        server: &server,
        server_name: server_name.as_ref(),
        credentials: &credentials,
    };
    let written = kubeconfig::write(&[entry]).unwrap();
    assert_own(&serde_yaml::from_str(&written).unwrap());
    assert_says(&written, &credentials.client_auth);
    match kubeconfig::read(written.as_bytes(), None, &|_| None) {
        Ok(again) => assert_same(&credentials, &again),
        Err(refusal) => panic!("what was written is refused: {refusal}"),
    }
}

/// The user's own kubeconfig: our entries go in and out again, and everything else stays.
pub fn merge(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains(MACHINE) {
        return;
    }
    let merge = |text: &str, token: &str, switch| {
        let kubeconfig = OURS.replace("TOKEN", token);
        kubeconfig::merge(text, Addition { kubeconfig: &kubeconfig, machine: MACHINE, switch })
    };
    let Ok(first) = merge(text, "first", false) else { return };
    assert_eq!(others(text), others(&first.text), "{}", first.text);
    assert_eq!(first.previous, first.current);
    assert_eq!(merge(&first.text, "first", false).unwrap().text, first.text, "nothing is left to do");
    for text in [Some(first.text.clone()), merge(&first.text, "second", true).ok().map(|merged| merged.text)]
    {
        let Some(text) = text else { continue };
        assert_eq!(others(&first.text), others(&text), "{text}");
        if let Ok(without) = kubeconfig::remove(&text, MACHINE) {
            assert_eq!(others(&first.text), others(&without), "{without}");
            assert!(!without.contains(MACHINE), "{without}");
        }
    }
}

/// `/etc/os-release`: what reaches programs is plain, what reaches people is printable.
pub fn os_release(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let release = OsRelease::parse(&text);
    assert_eq!(release, OsRelease::parse(&text));
    for key in text.lines().filter_map(|line| line.split('=').next()).map(str::trim) {
        let shown = release.text(key);
        if let Some(shown) = &shown {
            assert_printable(shown);
            assert!(text.contains(key) && key.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{key:?}");
        }
        if let Some(line) = release.assignment(key) {
            assert_printable(&line);
            assert_eq!(OsRelease::parse(&line).assignment(key), Some(line));
        }
        let Some(value) = release.value(key) else { continue };
        assert_plain(value.as_str());
        assert_eq!(shown.as_deref(), Some(value.as_str().trim_end()));
        assert_eq!(OsRelease::parse(&format!("{key}=\"{value}\"")).value(key), Some(value));
    }
}

/// Certificates, in PEM and in DER: what is taken is written as what it was read as, and its names are names.
pub fn certificates(data: &[u8]) {
    assert_names(&Names::of(data));
    let wrapped = pem::encode(&pem::Pem::new("CERTIFICATE", data));
    for text in [data, wrapped.as_bytes()] {
        let Some(read) = Certificates::parse(text) else { continue };
        assert_eq!(Some(&read), Certificates::parse(text).as_ref());
        assert_eq!(Some(&read), Certificates::parse(read.as_str().as_bytes()).as_ref());
        assert!(read.as_str().chars().all(|c| c.is_ascii_graphic() || matches!(c, ' ' | '\n')));
        assert_eq!(read.as_str().matches("-----BEGIN CERTIFICATE-----").count(), read.der().len());
        for der in read.der() {
            let (rest, _) = x509_parser::parse_x509_certificate(der).unwrap();
            assert!(rest.is_empty(), "there is more than a certificate");
            assert_names(&Names::of(der));
        }
        let credentials = Credentials {
            authority: read.clone(),
            client_auth: ClientAuth::Anonymous,
            is_plain: false,
            port: 1,
            server_name: None,
        };
        // Whatever is wrong with an authority is told when a server shows what it has signed.
        let material = Material::new(&credentials).unwrap();
        assert!(material.config().is_ok());
        for seconds in [0, 1_700_000_000, 253_402_300_799] {
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            let day = read.expired(now);
            assert!(
                day.iter().flat_map(|day| day.chars()).all(|c| c.is_ascii_digit() || c == '-'),
                "{day:?}"
            );
            if let Ok(current) = read.current(now) {
                assert!(!current.der().is_empty());
                assert!(current.der().iter().all(|der| read.der().contains(der)));
            }
        }
    }
}

/// A publisher's file of checksums: the one that is taken stands there for this very file, and no other does.
pub fn checksums(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let published = Checksum::published(text, PROGRAM);
    assert_eq!(published, Checksum::published(text, PROGRAM));
    assert_eq!(published, Checksum::published(&text.replace('\n', "\r\n"), PROGRAM));
    assert_eq!(published, Checksum::published(&format!("\n\n{text}\n\n"), PROGRAM));
    let of_other = format!("{text}\n{}  not-{PROGRAM}\n", "0".repeat(64));
    let Ok(checksum) = published else {
        assert!(Checksum::published(&of_other, PROGRAM).is_err());
        return;
    };
    let written = checksum.to_string();
    assert_eq!(Checksum::parse(&written).as_ref(), Ok(&checksum));
    let (name, hex) = written.split_once(':').unwrap();
    assert!(["sha1", "sha256", "sha512"].contains(&name) && hex.chars().all(|c| c.is_ascii_hexdigit()));
    let lines = || text.lines().filter(|line| line.to_ascii_lowercase().contains(hex)).map(str::trim);
    if lines().any(|line| line.ends_with(PROGRAM)) {
        assert_eq!(Checksum::published(&of_other, PROGRAM).as_ref(), Ok(&checksum));
        let other = if hex.starts_with('0') { "1" } else { "0" }.repeat(hex.len());
        let twice = format!("{text}\n{other} *./{PROGRAM}");
        assert_eq!(Checksum::published(&twice, PROGRAM), Err(ChecksumFileError::Contradictory));
    } else {
        assert_eq!(text.trim().lines().count(), 1);
        assert_eq!(Checksum::parse(text.trim()).as_ref(), Ok(&checksum));
    }
}

/// Versions, one in a line, as servers, publishers and people say them: what they name is safe in paths and addresses,
/// and has one order.
pub fn versions(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut named: Vec<ReleaseVersion> = Vec::new();
    for line in text.lines().take(6) {
        let releases = Version::parse(line).map(|version| ReleaseVersion::named_by(&version));
        for release in releases.into_iter().flatten().chain(ReleaseVersion::parse(line)) {
            if !named.contains(&release) {
                named.push(release);
            }
        }
        if let Ok(alias) = VersionAlias::parse(line) {
            assert_segment(alias.as_str());
        }
    }
    for version in &named {
        assert_segment(version.as_str());
        assert_eq!(ReleaseVersion::parse(version.as_str()).as_ref(), Ok(version));
        assert!(
            version.as_str().starts_with(version.minor()) && version.minor().starts_with(version.major())
        );
        assert!(!version.as_str().contains('+'));
    }
    for a in &named {
        assert_eq!(a.precedence(a), Ordering::Equal);
        for b in &named {
            assert_eq!(a.precedence(b), b.precedence(a).reverse());
            assert_eq!(a.is_at_least(b), a.precedence(b) != Ordering::Less);
            for c in &named {
                if a.precedence(b) == b.precedence(c) {
                    assert_eq!(a.precedence(c), a.precedence(b), "{a} {b} {c}");
                }
            }
        }
    }
    if let Some(newest) = alias::version_in(&text, PROGRAM, "") {
        assert_segment(newest.as_str());
        assert!(text.contains(newest.as_str()));
        let of_minor = alias::version_in(&text, PROGRAM, newest.minor()).unwrap();
        assert_eq!(of_minor.precedence(&newest), Ordering::Equal);
    }
}

/// For a path and an address: one step down, never up.
#[track_caller]
fn assert_segment(text: &str) {
    assert_plain(text);
    assert!(!text.is_empty() && !text.contains(['/', ' ', ':']) && !text.starts_with(['.', '-']), "{text:?}");
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_same(one: &Credentials, other: &Credentials) {
    assert_eq!(one.authority, other.authority);
    assert_eq!((one.port, &one.server_name), (other.port, &other.server_name));
    assert_eq!(client_auth(&one.client_auth), client_auth(&other.client_auth));
}

/// What stands in the user's entry, by its field there.
fn client_auth(client_auth: &ClientAuth) -> [(&'static str, String); 2] {
    let secret = |secret: &secrecy::SecretString| secret.expose_secret().to_owned();
    match client_auth {
        ClientAuth::Certificate { certificate, key } => {
            [("client-certificate-data", certificate.as_str().to_owned()), ("client-key-data", secret(key))]
        }
        ClientAuth::Token(token) => [("token", secret(token)), ("", String::new())],
        ClientAuth::Anonymous => panic!("a kubeconfig has credentials"),
        ClientAuth::Password { user, password } => {
            [("username", user.clone()), ("password", secret(password))]
        }
    }
}

/// Nothing but the fields that we write, and in them nothing but text: no `exec`, no path, no tag.
#[track_caller]
fn assert_own(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.chars().any(char::is_control), "{text:?}"),
        Value::Sequence(entries) => {
            assert_eq!(entries.len(), 1);
            entries.iter().for_each(assert_own);
        }
        Value::Mapping(fields) => {
            for (key, value) in fields {
                assert!(key.as_str().is_some_and(|key| FIELDS.contains(&key)), "{key:?}");
                assert_own(value);
            }
        }
        _ => panic!("no text: {value:?}"),
    }
}

/// Another reader than ours finds the same credentials.
#[track_caller]
fn assert_says(written: &str, expected: &ClientAuth) {
    use base64::prelude::{BASE64_STANDARD, Engine};

    let file: Value = serde_yaml::from_str(written).unwrap();
    let user = file["users"][0]["user"].as_mapping().unwrap();
    let expected = client_auth(expected);
    let expected: BTreeMap<_, _> = expected.iter().filter(|(field, _)| !field.is_empty()).cloned().collect();
    assert_eq!(user.len(), expected.len());
    for (field, text) in expected {
        let found = user[field].as_str().unwrap();
        if field.ends_with("-data") {
            assert_eq!(BASE64_STANDARD.decode(found).unwrap(), text.as_bytes());
        } else {
            assert_eq!(found, text);
        }
    }
}

#[track_caller]
fn assert_names(names: &Names) {
    for name in &names.dns {
        assert_plain(name.as_str());
        assert_eq!(DnsName::parse(name.as_str()).as_ref(), Ok(name));
    }
    names.list().iter().for_each(|name| assert_printable(name));
}

/// What is not ours in the user's kubeconfig, in its order. A list that is not there is as good as an empty one,
/// and a new file has to say what it is.
fn others(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut file: Mapping =
        serde_yaml::from_str::<Value>(text).unwrap().as_mapping().cloned().unwrap_or_default();
    let is_other = |entry: &&Value| entry["name"] != "box";
    for list in ["clusters", "users", "contexts"] {
        let entries = file.shift_remove(list).and_then(|entries| entries.as_sequence().cloned());
        let entries = entries.unwrap_or_default().iter().filter(is_other).cloned().collect();
        file.insert(list.into(), Value::Sequence(entries));
    }
    for key in ["current-context", "apiVersion", "kind"] {
        file.shift_remove(key);
    }
    serde_yaml::to_string(&file).unwrap()
}

const PROGRAM: &str = "oc";
const FIELDS: [&str; 18] = [
    "apiVersion",
    "kind",
    "clusters",
    "users",
    "contexts",
    "current-context",
    "name",
    "cluster",
    "user",
    "context",
    "server",
    "tls-server-name",
    "certificate-authority-data",
    "client-certificate-data",
    "client-key-data",
    "token",
    "username",
    "password",
];
const MACHINE: &str = "box-1c5d0f2e";
const OURS: &str = "apiVersion: v1\nkind: Config\n\
    clusters:\n- name: box\n  cluster:\n    server: https://192.0.2.7:6443\n\
    users:\n- name: box\n  user:\n    token: TOKEN\n\
    contexts:\n- name: box\n  context:\n    cluster: box\n    user: box\ncurrent-context: box\n";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TARGETS: [(&str, fn(&[u8])); 10] = [
        ("certificates", certificates),
        ("checksums", checksums),
        ("control", control),
        ("facts", facts),
        ("frames", frames),
        ("kubeconfig", kubeconfig),
        ("merge", merge),
        ("os_release", os_release),
        ("ssh_config", ssh_config),
        ("versions", versions),
    ];

    fn fuzz() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
    }

    fn names(folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(fuzz().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn every_target_has_a_corpus_and_is_known_here() {
        assert_eq!(names("corpus"), TARGETS.map(|(name, _)| name));
        assert_eq!(names("fuzz_targets"), TARGETS.map(|(name, _)| format!("{name}.rs")));
    }

    #[test]
    fn what_was_found_once_holds_for_all_of_the_corpus() {
        for (target, holds) in TARGETS {
            let folder = format!("corpus/{target}");
            assert!(!names(&folder).is_empty(), "{folder}");
            for name in names(&folder) {
                let data = std::fs::read(fuzz().join(&folder).join(&name)).unwrap();
                println!("{folder}/{name}");
                holds(&data);
            }
        }
    }
}
