//! Who holds a lock, where the system tells.

/// A process that has locked a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LockHolder {
    pub process: u32,
    /// What it calls itself, which may be anything.
    pub program: String,
}
