//! Host keys: learnt at first contact, kept per machine in a file of our own, never in the user's.

use ssh_key::{HashAlg, PublicKey};

use super::error::Error;
use super::route::Hop;

/// The host keys of one machine, and of the server it is reached through.
#[derive(Debug)]
pub(crate) struct KnownHosts {
    machine: String,
    entries: Vec<KnownHost>,
    /// As the file had them.
    base: Vec<KnownHost>,
    /// Those that were learnt since the file was read.
    learnt: Vec<KnownHost>,
}

/// A server, as [`name`] has it, and its key.
type KnownHost = (String, PublicKey);

impl KnownHosts {
    /// Those of the machine with the key `machine` of which nothing is known.
    pub(crate) fn none(machine: String) -> Self {
        Self { machine, entries: Vec::new(), base: Vec::new(), learnt: Vec::new() }
    }

    /// Reads the `known_hosts` file of the machine with the key `machine`: `[host]:port algorithm key` per line (`sshd(8)`),
    /// or `alias algorithm key`.
    ///
    /// None when a line is not of this form. Nothing is guessed: a key that is not read would be learnt anew.
    pub(crate) fn parse(machine: String, text: &str) -> Option<Self> {
        let entry = |line: &str| {
            let (name, key) = line.split_once(' ')?;
            Some((name.to_owned(), PublicKey::from_openssh(key).ok()?))
        };
        let lines = text.lines().filter(|line| !line.is_empty());
        let base: Vec<KnownHost> = lines.map(entry).collect::<Option<_>>()?;
        Some(Self { machine, entries: base.clone(), base, learnt: Vec::new() })
    }

    /// The file's text with what was learnt; `now` is what it says by now, read under the lock of the machine's folder. None when it says
    /// all of that already.
    ///
    /// Errors: another connection has learnt another key meanwhile, which stays.
    pub(crate) fn add_learnt(&self, mut now: Self) -> Result<Option<String>, Error> {
        let mut is_new = false;
        for entry in &self.learnt {
            is_new |= now.add(entry, &self.base)?;
        }
        Ok(is_new.then(|| now.text()))
    }

    /// The servers of `now`, of which other keys, or none, are known here.
    pub(crate) fn changes_to(&self, now: &Self) -> Vec<HostKeyChange> {
        let change = |(name, key): &KnownHost| {
            let known = self.known(name);
            let is_same = known.is_some_and(|known| known.key_data() == key.key_data());
            (!is_same).then(|| HostKeyChange {
                server: name.clone(),
                known: known.map(fingerprint),
                offered: fingerprint(key),
            })
        };
        now.entries.iter().filter_map(change).collect()
    }

    /// The file's text with the keys of `now` in place of those that were known of the same servers.
    pub(crate) fn replaced_by(mut self, now: &Self) -> String {
        for (name, key) in &now.entries {
            self.entries.retain(|(known, _)| known != name);
            self.put(name.clone(), key.clone());
        }
        self.text()
    }

    fn text(&self) -> String {
        let line = |(name, key): &KnownHost| Some(format!("{name} {}\n", key.to_openssh().ok()?));
        self.entries.iter().filter_map(line).collect()
    }

    /// Adds an entry that another connection has learnt, which knew `base` then. True when it was not there.
    fn add(&mut self, (name, key): &KnownHost, base: &[KnownHost]) -> Result<bool, Error> {
        let of_same_server = |(known, _): &&KnownHost| known == name;
        // A machine has one alias at a time, so that one that was not there before is of a newer machine.
        let is_newer = |entry: &&KnownHost| is_alias(name) && is_alias(&entry.0) && !base.contains(entry);
        let known = self.entries.iter().find(of_same_server).or_else(|| self.entries.iter().find(is_newer));
        match known {
            Some((known, same)) if known == name && same.key_data() == key.key_data() => Ok(false),
            Some((_, other)) => Err(self.changed(name.clone(), other, key)),
            None => {
                self.put(name.clone(), key.clone());
                Ok(true)
            }
        }
    }

    fn put(&mut self, name: String, key: PublicKey) {
        if is_alias(&name) {
            // Those of the machines that it was before it was made anew.
            self.entries.retain(|(name, _)| !is_alias(name));
        }
        self.entries.push((name, key));
    }

    /// The algorithm of the key known for the server of `hop`.
    pub(super) fn algorithm(&self, hop: &Hop) -> Option<&'static str> {
        self.known(&name(hop)).and_then(algorithm)
    }

    /// Compares the key that the server of `hop` offers with the one known, or learns it.
    pub(super) fn check(&mut self, hop: &Hop, offered: &[u8]) -> Result<HostKey, Error> {
        let name = name(hop);
        let offered =
            PublicKey::from_bytes(offered).map_err(|_| Error::HostKeyUnknown { place: hop.place() })?;
        match self.known(&name) {
            Some(known) if known.key_data() == offered.key_data() => {}
            Some(known) => return Err(self.changed(hop.place(), known, &offered)),
            None => {
                self.put(name.clone(), offered.clone());
                self.learnt.push((name, offered.clone()));
            }
        }
        Ok(HostKey(offered))
    }

    fn changed(&self, place: String, known: &PublicKey, offered: &PublicKey) -> Error {
        let (known, offered) = (fingerprint(known), fingerprint(offered));
        Error::HostKeyChanged { machine: self.machine.clone(), place, known, offered }
    }

    fn known(&self, name: &str) -> Option<&PublicKey> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, key)| key)
    }
}

/// A server whose key is not the known one. The keys are told by their digests, as `ssh-keygen -l` does.
#[derive(Debug)]
pub(crate) struct HostKeyChange {
    /// `[HOST]:PORT`, or the name that stands for a Vagrant machine.
    pub server: String,
    pub known: Option<String>,
    pub offered: String,
}

/// The key of a server that was checked.
#[derive(Clone, Debug)]
pub(crate) struct HostKey(PublicKey);

impl HostKey {
    /// The digest that people compare.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.0)
    }

    /// Its algorithm, as [`KnownHosts::algorithm`] has it.
    pub(super) fn algorithm(&self) -> Option<&'static str> {
        algorithm(&self.0)
    }

    /// True when a server that offers `offered`, in SSH's wire form, has this key.
    pub(super) fn is(&self, offered: &[u8]) -> bool {
        PublicKey::from_bytes(offered).is_ok_and(|offered| offered.key_data() == self.0.key_data())
    }
}

/// The names under which a server signs with `key`.
pub(super) fn algorithm(key: &PublicKey) -> Option<&'static str> {
    match key.algorithm() {
        // The key's own name would ask for a signature with SHA-1.
        ssh_key::Algorithm::Rsa { .. } => Some("rsa-sha2-512,rsa-sha2-256"),
        ssh_key::Algorithm::Ed25519 => Some("ssh-ed25519"),
        ssh_key::Algorithm::Ecdsa { curve } => Some(match curve {
            ssh_key::EcdsaCurve::NistP256 => "ecdsa-sha2-nistp256",
            ssh_key::EcdsaCurve::NistP384 => "ecdsa-sha2-nistp384",
            ssh_key::EcdsaCurve::NistP521 => "ecdsa-sha2-nistp521",
        }),
        _ => None,
    }
}

/// The digest that people compare.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The same with the kind of the key, as `ssh-keygen -l` tells it.
pub(super) fn fingerprint_with_kind(key: &PublicKey) -> String {
    let kind = match key.algorithm() {
        ssh_key::Algorithm::Rsa { .. } => "RSA",
        ssh_key::Algorithm::Ed25519 => "ED25519",
        ssh_key::Algorithm::Ecdsa { .. } => "ECDSA",
        ssh_key::Algorithm::Dsa => "DSA",
        _ => "another kind",
    };
    format!("{} ({kind})", fingerprint(key))
}

/// A server as a `known_hosts` file names it.
pub(super) fn name(hop: &Hop) -> String {
    let alias = hop.host_key_alias.as_ref().map(ToString::to_string);
    alias.unwrap_or_else(|| format!("[{}]:{}", hop.host, hop.port))
}

/// True for the name of a machine, which is no place.
fn is_alias(name: &str) -> bool {
    !name.starts_with('[')
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
        Hop::new("dev".parse().unwrap(), "h".parse().unwrap(), port)
    }

    /// What stands in the file after `known` has learnt something and nobody else has.
    fn written(known: &KnownHosts, before: &str) -> Option<String> {
        known.add_learnt(hosts(before)).unwrap()
    }

    fn wire(key: &str) -> Vec<u8> {
        PublicKey::from_openssh(key).unwrap().to_bytes().unwrap()
    }

    #[test]
    fn the_first_key_is_learnt_and_kept() {
        let mut known = hosts("");
        known.check(&server(22), &wire(A)).unwrap();
        let text = written(&known, "").unwrap();
        assert_eq!(text, format!("[h]:22 {A}\n"));

        let mut again = hosts(&text);
        again.check(&server(22), &wire(A)).unwrap();
        assert_eq!(written(&again, &text), None);
        assert_eq!(again.algorithm(&server(22)), Some("ssh-ed25519"));
    }

    #[test]
    fn another_key_is_refused_and_not_learnt() {
        let mut known = hosts(&format!("[h]:22 {A}\n"));
        let error = known.check(&server(22), &wire(B)).unwrap_err();
        assert!(matches!(error, Error::HostKeyChanged { known, offered, .. } if known != offered));
        assert_eq!(written(&known, ""), None);
    }

    #[test]
    fn another_port_is_another_server() {
        let mut known = hosts(&format!("[h]:22 {A}\n"));
        known.check(&server(2222), &wire(B)).unwrap();
        assert_eq!(written(&known, &format!("[h]:22 {A}\n")).unwrap().lines().count(), 2);
    }

    #[test]
    fn a_server_with_an_alias_is_the_same_at_any_port() {
        let with_alias =
            |port, alias: &str| Hop { host_key_alias: Some(alias.parse().unwrap()), ..server(port) };
        let mut known = hosts(&format!("[gate]:22 {B}\n"));
        known.check(&with_alias(2222, "id-1"), &wire(A)).unwrap();
        let learnt = written(&known, &format!("[gate]:22 {B}\n")).unwrap();
        assert_eq!(learnt, format!("[gate]:22 {B}\nid-1 {A}\n"));
        assert!(hosts(&learnt).check(&with_alias(2200, "id-1"), &wire(B)).is_err());

        // Made anew, it is another one: that the old one comes back would be no news to trust.
        let mut known = hosts(&learnt);
        known.check(&with_alias(2222, "id-2"), &wire(B)).unwrap();
        assert_eq!(written(&known, &learnt).unwrap(), format!("[gate]:22 {B}\nid-2 {B}\n"));
    }

    #[test]
    fn a_key_that_another_connection_has_learnt_meanwhile_stays() {
        let mut slow = hosts("");
        slow.check(&server(22), &wire(A)).unwrap();
        let now = |text: &str| slow.add_learnt(hosts(text));
        assert!(matches!(now(&format!("[h]:22 {B}\n")), Err(Error::HostKeyChanged { .. })));
        assert_eq!(now(&format!("[h]:22 {A}\n")).unwrap(), None);
        let both = format!("[gate]:22 {B}\n[h]:22 {A}\n");
        assert_eq!(now(&format!("[gate]:22 {B}\n")).unwrap(), Some(both), "what is new there is kept");
    }

    #[test]
    fn a_machine_that_was_made_anew_meanwhile_stays() {
        let before = format!("id-0 {B}\n");
        let mut slow = hosts(&before);
        let hop = Hop { host_key_alias: Some("id-1".parse().unwrap()), ..server(22) };
        slow.check(&hop, &wire(A)).unwrap();
        assert_eq!(slow.add_learnt(hosts(&before)).unwrap(), Some(format!("id-1 {A}\n")));
        assert!(slow.add_learnt(hosts(&format!("id-2 {B}\n"))).is_err());
    }

    #[test]
    fn a_damaged_file_is_not_read_as_empty() {
        for text in ["x", "[h]:22 ssh-ed25519 AAAA", "[h]:22 nonsense\n", "\0\n"] {
            assert!(KnownHosts::parse("m".to_owned(), text).is_none(), "{text:?}");
        }
        assert_eq!(written(&hosts(""), ""), None);
    }
}
