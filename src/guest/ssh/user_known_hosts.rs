//! What the user's own known hosts say of a server (`sshd(8)`). They are read at first contact,
//! and never written.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ssh_key::PublicKey;
use ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use ssh2::{CheckResult, KnownHostFileKind, Session};

use super::error::Error;
use super::host_key::{algorithm, fingerprint_with_kind};
use super::route::{Hop, SSH_PORT};
use crate::base::files;
use crate::base::text::wildcard;

/// The keys of one server that the user's known hosts have.
pub(super) struct UserKnownHosts {
    entries: Vec<Listed>,
}

struct Listed {
    file: PathBuf,
    key: PublicKey,
    is_revoked: bool,
    /// The line names the host without the port that was asked for.
    is_without_port: bool,
}

impl UserKnownHosts {
    /// Reads what is about the server of `hop`. Lines that cannot be read are left out, as `ssh` does.
    ///
    /// Errors: a file that is there cannot be read to its end.
    pub(super) fn read(session: &Session, hop: &Hop) -> Result<Self, Error> {
        let mut entries = Vec::new();
        for file in &hop.host_key_policy.files {
            let text = text_of(file)?;
            entries.extend(text.lines().filter_map(|line| listed(line, file, session, hop)));
        }
        // `ssh` looks without the port after it has found nothing with it.
        entries.sort_by_key(|entry: &Listed| entry.is_without_port);
        Ok(Self { entries })
    }

    /// The algorithms to ask for first, so that the server shows a key that can be compared. Somebody in between who has
    /// another kind of key must not be taken for a server about which nothing is known.
    pub(super) fn algorithms(&self) -> Option<String> {
        let mut algorithms: Vec<&str> = Vec::new();
        for algorithm in self.good().filter_map(|entry| algorithm(&entry.key)) {
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        (!algorithms.is_empty()).then(|| algorithms.join(","))
    }

    /// Compares the key that the server of `hop` offers, in SSH's wire form.
    ///
    /// Errors: only other keys are known, of whatever kind, or it is revoked; none is known where one has to be.
    pub(super) fn check(&self, hop: &Hop, offered: &[u8]) -> Result<(), Error> {
        let place = hop.place();
        let offered =
            PublicKey::from_bytes(offered).map_err(|_| Error::HostKeyUnknown { place: place.clone() })?;
        let is_offered = |entry: &Listed| entry.key.key_data() == offered.key_data();
        let shown = fingerprint_with_kind(&offered);
        if let Some(revoked) = self.entries.iter().find(|entry| entry.is_revoked && is_offered(entry)) {
            return Err(Error::HostKeyRevoked { place, file: revoked.file.clone(), offered: shown });
        }
        let (others, same): (Vec<&Listed>, Vec<&Listed>) = self.good().partition(|entry| !is_offered(entry));
        let others: Vec<&Listed> = others.into_iter().filter(|entry| !entry.is_without_port).collect();
        // A line without the port says nothing against one with it.
        let is_changed = others.iter().any(|other| other.key.algorithm() == offered.algorithm());
        if same.iter().any(|entry| !entry.is_without_port || !is_changed) {
            return Ok(());
        }
        if !others.is_empty() {
            return Err(conflict(place, &others, shown));
        }
        if hop.host_key_policy.strict { Err(Error::HostKeyStrict { place, offered: shown }) } else { Ok(()) }
    }

    fn good(&self) -> impl Iterator<Item = &Listed> {
        self.entries.iter().filter(|entry| !entry.is_revoked)
    }
}

fn conflict(place: String, others: &[&Listed], offered: String) -> Error {
    let mut files: Vec<PathBuf> = others.iter().map(|entry| entry.file.clone()).collect();
    files.dedup();
    let mut known: Vec<String> = others.iter().map(|entry| fingerprint_with_kind(&entry.key)).collect();
    known.sort();
    known.dedup();
    Error::HostKeyConflict { place, files, known, offered }
}

/// What stands in `file`. Where there is none that the user may read, there are no known hosts, as for `ssh`.
fn text_of(file: &Path) -> Result<String, Error> {
    match files::read_regular(file, LONGEST_KNOWN_HOSTS) {
        // A comment may be in any encoding.
        Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Err(error) if is_no_file(error.kind()) => {
            log::debug!("no known hosts in {}: {error}", file.display());
            Ok(String::new())
        }
        Err(source) => Err(Error::KnownHosts { file: file.to_owned(), source }),
    }
}

/// Also where it is no regular file: `/dev/null` has no known hosts.
fn is_no_file(kind: ErrorKind) -> bool {
    use ErrorKind::{InvalidInput, NotADirectory, NotFound, PermissionDenied};
    matches!(kind, NotFound | NotADirectory | PermissionDenied | InvalidInput)
}

/// The key of a `line` of `file` that is about the server of `hop`.
fn listed(line: &str, file: &Path, session: &Session, hop: &Hop) -> Option<Listed> {
    // `ssh` takes any number of blanks and tabs between two words.
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let entry: Entry = line.parse().ok()?;
    let is_revoked = match entry.marker() {
        Some(Marker::CertAuthority) => return None,
        Some(Marker::Revoked) => true,
        None => false,
    };
    let is_about = |name: &String| match entry.host_patterns() {
        HostPatterns::Patterns(patterns) => matches(patterns, name),
        HostPatterns::HashedName { .. } => is_hashed(&line, name, entry.public_key(), session),
    };
    let index = names(hop).iter().position(is_about)?;
    let key = entry.public_key().clone();
    Some(Listed { file: file.to_owned(), key, is_revoked, is_without_port: index > 0 })
}

/// How `ssh` calls the server, then how it would without the port.
fn names(hop: &Hop) -> Vec<String> {
    if let Some(alias) = &hop.host_key_policy.alias {
        return vec![alias.to_ascii_lowercase()];
    }
    let host = hop.host.as_str().to_ascii_lowercase();
    if hop.port == SSH_PORT { vec![host] } else { vec![format!("[{host}]:{}", hop.port), host] }
}

fn matches(patterns: &[String], name: &str) -> bool {
    let fits = |pattern: &str| wildcard(&pattern.to_ascii_lowercase(), name);
    patterns.iter().any(|pattern| fits(pattern))
        && !patterns.iter().any(|pattern| pattern.strip_prefix('!').is_some_and(fits))
}

/// True when the hashed name of `line` is `name`, which libssh2 finds out.
fn is_hashed(line: &str, name: &str, key: &PublicKey, session: &Session) -> bool {
    let check = || {
        let mut known = session.known_hosts().ok()?;
        known.read_str(line, KnownHostFileKind::OpenSSH).ok()?;
        Some(matches!(known.check(name, &key.to_bytes().ok()?), CheckResult::Match))
    };
    check().unwrap_or(false)
}

/// Those of a whole company have some megabytes.
const LONGEST_KNOWN_HOSTS: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUDEcDNRaN4VfAyAYnMlgmqMfvnpTzMFeSKEBPuOhAu";
    const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

    fn hop(files: &[&Path], port: u16) -> Hop {
        let mut hop = Hop::new("dev".parse().unwrap(), "vm.example".parse().unwrap(), port);
        hop.host_key_policy.files = files.iter().map(|file| file.to_path_buf()).collect();
        hop
    }

    fn read(hop: &Hop) -> Result<UserKnownHosts, Error> {
        UserKnownHosts::read(&Session::new().unwrap(), hop)
    }

    /// What comes of the key [`ED25519`] with these known hosts.
    fn check(text: impl AsRef<[u8]>, port: u16, strict: bool) -> Result<(), Error> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        std::fs::write(&file, text).unwrap();
        let mut hop = hop(&[&folder.path().join("none"), &file], port);
        hop.host_key_policy.strict = strict;
        let key = PublicKey::from_openssh(ED25519).unwrap();
        read(&hop)?.check(&hop, &key.to_bytes().unwrap())
    }

    #[test]
    fn a_key_that_is_known_is_good() {
        let lines = format!("# comment\n\nodd line\nother {OTHER}\nvm.example,192.0.2.1 {ED25519}\n");
        assert!(check(&lines, 22, true).is_ok());
        assert!(check(format!("[vm.example]:2222 {ED25519}"), 2222, true).is_ok());
        assert!(check(format!("*.example {ED25519}"), 22, true).is_ok());
    }

    #[test]
    fn another_key_of_that_server_is_a_conflict() {
        for lines in [
            format!("vm.example {OTHER}\n"),
            format!("VM.* {OTHER} comment\n"),
            // Somebody in between has no key of that kind, and offers one of another.
            format!("vm.example {P256}\n"),
            format!("*.example {P256}\nvm.example {OTHER}\n"),
            format!(" vm.example\t {}\n", OTHER.replace(' ', "  ")),
        ] {
            for strict in [false, true] {
                assert!(matches!(check(&lines, 22, strict), Err(Error::HostKeyConflict { .. })), "{lines}");
            }
        }
        assert!(check(format!("!vm.example,*.example {OTHER}\n"), 22, false).is_ok());
        assert!(check(format!("@cert-authority *.example {OTHER}\n"), 22, false).is_ok());
    }

    #[test]
    fn a_conflict_names_every_known_key_with_its_kind() {
        let error = check(format!("vm.example {P256}\nvm.example {OTHER}\n"), 22, false).unwrap_err();
        let said = error.to_string();
        for part in [" (ECDSA) and SHA256:", " (ED25519) are there, SHA256:", " (ED25519) is offered"] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_key_that_is_known_without_the_port_is_good() {
        let line = format!("vm.example {ED25519}\n");
        assert!(check(&line, 2222, true).is_ok());
        // What is known with the port counts more, if it is of that kind.
        let both = |key| check(format!("{line}[vm.example]:2222 {key}\n"), 2222, false);
        assert!(matches!(both(OTHER), Err(Error::HostKeyConflict { .. })));
        assert!(both(P256).is_ok());
        // Another server of that host.
        let other = format!("vm.example {OTHER}\nvm.example {P256}\n");
        assert!(check(&other, 2222, false).is_ok());
        assert!(matches!(check(&other, 2222, true), Err(Error::HostKeyStrict { .. })));
        assert!(check(format!("[vm.example]:2222 {OTHER}\n"), 22, false).is_ok());
    }

    #[test]
    fn every_kind_that_is_known_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        let lines = format!("vm.example {ED25519}\n[vm.example]:2222 {P256}\n@revoked vm.example {OTHER}\n");
        std::fs::write(&file, lines).unwrap();
        let algorithms = |port| read(&hop(&[&file], port)).unwrap().algorithms();
        assert_eq!(algorithms(2222).as_deref(), Some("ecdsa-sha2-nistp256,ssh-ed25519"));
        assert_eq!(algorithms(22).as_deref(), Some("ssh-ed25519"));
        assert_eq!(read(&hop(&[], 22)).unwrap().algorithms(), None);
    }

    #[test]
    fn no_file_is_passed_over_but_one_that_is_none() {
        // One comment in another encoding hides nothing.
        let lines = [b"vm.example ", OTHER.as_bytes(), b" caf\xe9\n"].concat();
        assert!(matches!(check(lines, 22, false), Err(Error::HostKeyConflict { .. })));

        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("long");
        std::fs::File::create(&long).unwrap().set_len(LONGEST_KNOWN_HOSTS + 1).unwrap();
        assert!(matches!(read(&hop(&[&long], 22)), Err(Error::KnownHosts { .. })));
        for none in [folder.path(), &long.join("x"), Path::new("/dev/null")] {
            assert!(read(&hop(&[none], 22)).unwrap().entries.is_empty(), "{}", none.display());
        }
    }

    #[test]
    fn an_unknown_key_is_refused_where_the_user_is_strict() {
        assert!(check("", 22, false).is_ok());
        for lines in ["", P256] {
            assert!(matches!(check(lines, 22, true), Err(Error::HostKeyStrict { .. })));
        }
    }

    #[test]
    fn a_revoked_key_is_refused() {
        let lines = format!("vm.example {ED25519}\n@revoked * {ED25519}\n");
        assert!(matches!(check(&lines, 22, false), Err(Error::HostKeyRevoked { .. })));
    }

    #[test]
    fn hashed_names_are_found() {
        // `ssh-keygen -H` of `vm.example`, with a salt of zeros.
        let hashed =
            |key: &str| format!("|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|HASH {key}\n").replace("HASH", HASHED);
        assert!(check(hashed(ED25519), 22, true).is_ok());
        assert!(matches!(check(hashed(OTHER), 22, false), Err(Error::HostKeyConflict { .. })));
    }

    const HASHED: &str = "Pz67RiA3d6s056eBVkHgcXDqWfw=";
}
