//! The keys that a login tries, by file and fingerprint. Only `doctor` asks, once a login has failed.

use std::path::{Path, PathBuf};

use ssh_key::{HashAlg, PrivateKey, PublicKey};

use super::route::Hop;
use crate::base::files;

/// A key's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyReport {
    pub(crate) path: PathBuf,
    /// None where the file is missing or tells none.
    pub(crate) fingerprint: Option<String>,
    pub(crate) condition: KeyCondition,
}

/// What is to be said of a key's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyCondition {
    Good,
    Missing,
    /// Others than the user can read it, so that OpenSSH would not use it.
    Shared,
    /// A passphrase protects it.
    Locked,
}

/// The keys that are tried at `hop`, in their order, but for those of the agent; of the default ones those that there are.
pub(crate) fn key_reports(hop: &Hop) -> Vec<KeyReport> {
    let chosen = hop.identities.iter().map(|path| report(path));
    let defaults = hop.default_identities.iter().map(|path| report(path));
    let defaults = defaults.filter(|key| !hop.identities_only && key.condition != KeyCondition::Missing);
    chosen.chain(defaults).collect()
}

fn report(path: &Path) -> KeyReport {
    let text = files::read_text(path, LONGEST_KEY).ok().flatten();
    let private = text.as_deref().and_then(|text| PrivateKey::from_openssh(text).ok());
    let beside = || {
        let mut name = path.as_os_str().to_owned();
        name.push(".pub");
        let text = files::read_text(&PathBuf::from(name), LONGEST_KEY).ok()??;
        PublicKey::from_openssh(text.trim()).ok()
    };
    let public = private.as_ref().map(|key| key.public_key().clone()).or_else(beside);
    let condition = match (&text, &private) {
        (None, _) => KeyCondition::Missing,
        _ if files::is_private(path).is_ok_and(|is_private| !is_private) => KeyCondition::Shared,
        (_, Some(key)) if key.is_encrypted() => KeyCondition::Locked,
        _ => KeyCondition::Good,
    };
    let fingerprint = public.map(|key| key.fingerprint(HashAlg::Sha256).to_string());
    KeyReport { path: path.to_owned(), fingerprint, condition }
}

const LONGEST_KEY: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::platform::testing::set_mode;

    #[test]
    fn tells_what_is_wrong_with_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(report(&path).condition, KeyCondition::Missing);
        fs::write(&path, "no key").unwrap();
        set_mode(&path, 0o644);
        assert_eq!(report(&path).condition, KeyCondition::Shared);
        set_mode(&path, 0o600);
        assert_eq!(report(&path), KeyReport { path, fingerprint: None, condition: KeyCondition::Good });
    }
}
