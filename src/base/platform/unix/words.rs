//! How this kind of system writes lists, names and commands.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What stands between the paths of a list.
pub(crate) const LIST_SEPARATOR: char = ':';

/// The shell to write for when nothing tells which one reads it.
pub(crate) const USUAL_SHELL: &str = "sh";

/// Where `path` is after all links.
pub(crate) fn canonicalize(path: &Path) -> std::io::Result<PathBuf> {
    path.canonicalize()
}

/// The name of a variable as the rest of this program compares it.
pub(crate) fn variable_name(name: OsString) -> OsString {
    name
}

/// `text` as one word of the shells that only this kind of system has; none where those of POSIX are what is typed into.
pub(crate) fn quote(_text: &str) -> Option<String> {
    None
}

/// The folder that `word` of a POSIX shell names, in a list of paths there.
pub(crate) fn posix_folder(word: &str) -> Cow<'_, str> {
    word.into()
}

/// The command after which nobody else may write the file or folder `word`.
pub(crate) fn take_write_access(word: &str) -> String {
    format!("chmod go-w {word}")
}

/// The command after which nobody else may read the file `word`.
pub(crate) fn take_all_access(word: &str) -> String {
    format!("chmod 600 {word}")
}

/// The command that removes the file `word`.
pub(crate) fn remove(word: &str) -> String {
    format!("rm {word}")
}
