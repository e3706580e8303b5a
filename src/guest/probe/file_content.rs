//! What stands in a file of the guest.

use std::fmt;

/// What stands in a file of the guest; often a secret, so it never shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct FileContent(Vec<u8>);

impl FileContent {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for FileContent {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}
