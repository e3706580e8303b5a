//! Host keys: learnt at first contact, kept per machine in a file of our own, never in the user's.

use ssh_key::{HashAlg, PublicKey};

use super::error::Error;
use super::route::Hop;

/// The host keys of one machine, and of the server it is reached through.
#[derive(Debug)]
pub struct KnownHosts {
    machine: String,
    entries: Vec<(String, PublicKey)>,
    learnt: bool,
}

impl KnownHosts {
    /// Reads the `known_hosts` file of the machine with the key `machine`: `[host]:port algorithm key` per line (`sshd(8)`),
    /// or `alias algorithm key`.
    ///
    /// None when a line is not of this form. Nothing is guessed: a key that is not read would be learnt anew.
    pub fn parse(machine: String, text: &str) -> Option<Self> {
        let entry = |line: &str| {
            let (place, key) = line.split_once(' ')?;
            Some((place.to_owned(), PublicKey::from_openssh(key).ok()?))
        };
        let lines = text.lines().filter(|line| !line.is_empty());
        Some(Self { machine, entries: lines.map(entry).collect::<Option<_>>()?, learnt: false })
    }

    /// The file's text, if a key was learnt since it was read.
    pub fn learnt(&self) -> Option<String> {
        let line = |(place, key): &(String, PublicKey)| Some(format!("{place} {}\n", key.to_openssh().ok()?));
        self.learnt.then(|| self.entries.iter().filter_map(line).collect())
    }

    /// The algorithm of the key known for the server of `hop`.
    pub(super) fn algorithm(&self, hop: &Hop) -> Option<&'static str> {
        self.known(&name(hop)).and_then(|key| match key.algorithm() {
            // The key's own name would ask for a signature with SHA-1.
            ssh_key::Algorithm::Rsa { .. } => Some("rsa-sha2-512,rsa-sha2-256"),
            ssh_key::Algorithm::Ed25519 => Some("ssh-ed25519"),
            ssh_key::Algorithm::Ecdsa { curve } => Some(match curve {
                ssh_key::EcdsaCurve::NistP256 => "ecdsa-sha2-nistp256",
                ssh_key::EcdsaCurve::NistP384 => "ecdsa-sha2-nistp384",
                ssh_key::EcdsaCurve::NistP521 => "ecdsa-sha2-nistp521",
            }),
            _ => None,
        })
    }

    /// Compares the key that the server of `hop` offers with the one known, or learns it.
    pub(super) fn check(&mut self, hop: &Hop, offered: &[u8]) -> Result<(), Error> {
        let name = name(hop);
        let offered =
            PublicKey::from_bytes(offered).map_err(|_| Error::HostKeyUnknown { place: hop.place() })?;
        match self.known(&name) {
            Some(known) if known.key_data() == offered.key_data() => Ok(()),
            Some(known) => Err(Error::HostKeyChanged {
                machine: self.machine.clone(),
                place: hop.place(),
                known: known.fingerprint(HashAlg::Sha256).to_string(),
                offered: offered.fingerprint(HashAlg::Sha256).to_string(),
            }),
            None => {
                if hop.host_key_alias.is_some() {
                    // Those of the machines that it was before it was made anew.
                    self.entries.retain(|(name, _)| name.starts_with('['));
                }
                self.entries.push((name, offered));
                self.learnt = true;
                Ok(())
            }
        }
    }

    fn known(&self, name: &str) -> Option<&PublicKey> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, key)| key)
    }
}

/// A server as a `known_hosts` file names it.
fn name(hop: &Hop) -> String {
    let alias = hop.host_key_alias.as_ref().map(ToString::to_string);
    alias.unwrap_or_else(|| format!("[{}]:{}", hop.host, hop.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIsUmZVJfnR4L6Cp3tMsRHFm3IV7nnVFmNCqnOQxwDcN";

    fn hosts(text: &str) -> KnownHosts {
        KnownHosts::parse("m".to_owned(), text).unwrap()
    }

    fn server(port: u16) -> Hop {
        Hop {
            user: "u".parse().unwrap(),
            host: "h".parse().unwrap(),
            port,
            identities: Vec::new(),
            identities_only: false,
            default_identities: Vec::new(),
            host_key_alias: None,
        }
    }

    fn wire(key: &str) -> Vec<u8> {
        PublicKey::from_openssh(key).unwrap().to_bytes().unwrap()
    }

    #[test]
    fn the_first_key_is_learnt_and_kept() {
        let mut known = hosts("");
        known.check(&server(22), &wire(A)).unwrap();
        let text = known.learnt().unwrap();
        assert_eq!(text, format!("[h]:22 {A}\n"));

        let mut again = hosts(&text);
        again.check(&server(22), &wire(A)).unwrap();
        assert_eq!(again.learnt(), None);
        assert_eq!(again.algorithm(&server(22)), Some("ssh-ed25519"));
    }

    #[test]
    fn another_key_is_refused_and_not_learnt() {
        let mut known = hosts(&format!("[h]:22 {A}\n"));
        let error = known.check(&server(22), &wire(B)).unwrap_err();
        assert!(matches!(error, Error::HostKeyChanged { known, offered, .. } if known != offered));
        assert_eq!(known.learnt(), None);
    }

    #[test]
    fn another_port_is_another_server() {
        let mut known = hosts(&format!("[h]:22 {A}\n"));
        known.check(&server(2222), &wire(B)).unwrap();
        assert_eq!(known.learnt().unwrap().lines().count(), 2);
    }

    #[test]
    fn a_server_with_an_alias_is_the_same_at_any_port() {
        let with_alias =
            |port, alias: &str| Hop { host_key_alias: Some(alias.parse().unwrap()), ..server(port) };
        let mut known = hosts(&format!("[gate]:22 {B}\n"));
        known.check(&with_alias(2222, "id-1"), &wire(A)).unwrap();
        let learnt = known.learnt().unwrap();
        assert_eq!(learnt, format!("[gate]:22 {B}\nid-1 {A}\n"));
        assert!(hosts(&learnt).check(&with_alias(2200, "id-1"), &wire(B)).is_err());

        // Made anew, it is another one: that the old one comes back would be no news to trust.
        let mut known = hosts(&learnt);
        known.check(&with_alias(2222, "id-2"), &wire(B)).unwrap();
        assert_eq!(known.learnt().unwrap(), format!("[gate]:22 {B}\nid-2 {B}\n"));
    }

    #[test]
    fn a_damaged_file_is_not_read_as_empty() {
        for text in ["x", "[h]:22 ssh-ed25519 AAAA", "[h]:22 nonsense\n", "\0\n"] {
            assert!(KnownHosts::parse("m".to_owned(), text).is_none(), "{text:?}");
        }
        assert_eq!(hosts("").learnt(), None);
    }
}
