//! Whose a file is, and what one of this program is for; each system has its own words for that.

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    User,
    /// Those who may do everything anyway: root, and on Windows administrators and the system.
    Root,
    Other,
}

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
