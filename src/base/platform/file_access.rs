//! What a file or a folder of this program is for; each system has its own words for that.

/// Who may use a file or a folder that this program makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileAccess {
    /// Its user alone.
    Private,
    /// All may read it.
    Readable,
    /// All may run it.
    Program,
}
