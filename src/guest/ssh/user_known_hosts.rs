//! What the user's own known hosts say of a server (`sshd(8)`). They are read at first contact,
//! and never written.

use std::path::PathBuf;

use ssh_key::PublicKey;
use ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use ssh2::{CheckResult, KnownHostFileKind, Session};

use super::error::Error;
use super::host_key::{algorithm, fingerprint};
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
}

impl UserKnownHosts {
    /// Reads what is about the server of `hop`. Lines and files that cannot be read are left out, as `ssh` does.
    pub(super) fn read(session: &Session, hop: &Hop) -> Self {
        let mut entries = Vec::new();
        for file in &hop.host_key_policy.files {
            // Also where it is no file: `/dev/null` has no known hosts.
            let text = files::read_text(file, LONGEST_KNOWN_HOSTS).ok().flatten().unwrap_or_default();
            let about = text.lines().filter_map(|line| listed(line, session, hop));
            entries.extend(about.map(|(key, is_revoked)| Listed { file: file.clone(), key, is_revoked }));
        }
        Self { entries }
    }

    /// The algorithm to ask for first, so that the server shows a key that can be compared.
    pub(super) fn algorithm(&self) -> Option<&'static str> {
        self.entries.iter().filter(|entry| !entry.is_revoked).find_map(|entry| algorithm(&entry.key))
    }

    /// Compares the key that the server of `hop` offers, in SSH's wire form.
    ///
    /// Errors: another key of this kind is known, or it is revoked; none is known where one has to be.
    pub(super) fn check(&self, hop: &Hop, offered: &[u8]) -> Result<(), Error> {
        let place = hop.place();
        let offered =
            PublicKey::from_bytes(offered).map_err(|_| Error::HostKeyUnknown { place: place.clone() })?;
        let is_offered = |entry: &&Listed| entry.key.key_data() == offered.key_data();
        if let Some(revoked) = self.entries.iter().filter(|entry| entry.is_revoked).find(is_offered) {
            let (file, offered) = (revoked.file.clone(), fingerprint(&offered));
            return Err(Error::HostKeyRevoked { place, file, offered });
        }
        let mut known = self.entries.iter().filter(|entry| !entry.is_revoked);
        if known.clone().any(|entry| is_offered(&entry)) {
            return Ok(());
        }
        let offered_text = fingerprint(&offered);
        match known.find(|entry| entry.key.algorithm() == offered.algorithm()) {
            Some(Listed { file, key, .. }) => Err(Error::HostKeyConflict {
                place,
                file: file.clone(),
                known: fingerprint(key),
                offered: offered_text,
            }),
            None if hop.host_key_policy.strict => Err(Error::HostKeyStrict { place, offered: offered_text }),
            None => Ok(()),
        }
    }
}

/// The key of a line that is about the server of `hop`, and whether it is revoked.
fn listed(line: &str, session: &Session, hop: &Hop) -> Option<(PublicKey, bool)> {
    let entry: Entry = line.trim().parse().ok()?;
    let is_revoked = match entry.marker() {
        Some(Marker::CertAuthority) => return None,
        Some(Marker::Revoked) => true,
        None => false,
    };
    let name = name(hop);
    let is_about = match entry.host_patterns() {
        HostPatterns::Patterns(patterns) => matches(patterns, &name),
        HostPatterns::HashedName { .. } => is_hashed(line, &name, entry.public_key(), session),
    };
    is_about.then(|| (entry.public_key().clone(), is_revoked))
}

/// How `ssh` calls the server.
fn name(hop: &Hop) -> String {
    if let Some(alias) = &hop.host_key_policy.alias {
        return alias.to_ascii_lowercase();
    }
    let host = hop.host.as_str().to_ascii_lowercase();
    if hop.port == SSH_PORT { host } else { format!("[{host}]:{}", hop.port) }
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

const LONGEST_KNOWN_HOSTS: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUDEcDNRaN4VfAyAYnMlgmqMfvnpTzMFeSKEBPuOhAu";
    const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

    /// What comes of the key [`ED25519`] with these known hosts.
    fn check(text: &str, port: u16, strict: bool) -> Result<(), Error> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        std::fs::write(&file, text).unwrap();
        let mut hop = Hop::new("dev".parse().unwrap(), "vm.example".parse().unwrap(), port);
        hop.host_key_policy.files = vec![folder.path().join("none"), file];
        hop.host_key_policy.strict = strict;
        let key = PublicKey::from_openssh(ED25519).unwrap();
        let session = Session::new().unwrap();
        UserKnownHosts::read(&session, &hop).check(&hop, &key.to_bytes().unwrap())
    }

    #[test]
    fn a_key_that_is_known_is_good() {
        let lines = format!("# comment\n\nodd line\nother {OTHER}\nvm.example,192.0.2.1 {ED25519}\n");
        assert!(check(&lines, 22, true).is_ok());
        assert!(check(&format!("[vm.example]:2222 {ED25519}"), 2222, true).is_ok());
        assert!(check(&format!("*.example {ED25519}"), 22, true).is_ok());
    }

    #[test]
    fn another_key_of_its_kind_is_a_conflict() {
        for lines in [format!("vm.example {OTHER}\n"), format!("VM.* {OTHER} comment\n")] {
            assert!(matches!(check(&lines, 22, false), Err(Error::HostKeyConflict { .. })), "{lines}");
        }
        // One of another kind says nothing about this one.
        assert!(check(&format!("vm.example {P256}\n"), 22, false).is_ok());
        assert!(check(&format!("!vm.example,*.example {OTHER}\n"), 22, false).is_ok());
        assert!(check(&format!("vm.example {OTHER}\n"), 2222, false).is_ok());
        assert!(check(&format!("@cert-authority *.example {OTHER}\n"), 22, false).is_ok());
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
        assert!(check(&hashed(ED25519), 22, true).is_ok());
        assert!(matches!(check(&hashed(OTHER), 22, false), Err(Error::HostKeyConflict { .. })));
    }

    const HASHED: &str = "Pz67RiA3d6s056eBVkHgcXDqWfw=";
}
