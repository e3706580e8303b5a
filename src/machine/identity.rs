//! What tells one machine, or one project, from all others.

use crate::base::text::hex;
use sha2::{Digest, Sha256};

/// Stands for all that makes it the same machine, or project. No two have been found that have the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    key: String,
    /// Another machine with this one was found in a minute, so it proves nothing.
    former_key: String,
}

impl Identity {
    /// That of what `parts` name; `former` is what it was before it had all of them.
    pub(super) fn new(parts: &[&[u8]], former: &[u8]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self {
            key: hex(&digest.finalize()[..KEY_LENGTH]),
            former_key: hex(&Sha256::digest(former)[..FORMER_KEY_LENGTH]),
        }
    }

    /// 128 bits, in hexadecimal digits.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// What it was called before; 32 bits.
    pub(super) fn former_key(&self) -> &str {
        &self.former_key
    }
}

/// In bytes.
const KEY_LENGTH: usize = 16;
const FORMER_KEY_LENGTH: usize = 4;
