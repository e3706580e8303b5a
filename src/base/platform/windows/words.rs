//! How Windows writes lists, names and commands.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What stands between the paths of a list.
pub(crate) const LIST_SEPARATOR: char = ';';

/// The shell to write for when nothing tells which one reads it.
pub(crate) const USUAL_SHELL: &str = "powershell";

/// Where `path` is after all links; without the `\\?\` before it wherever it can do without, since Vagrant and other programs
/// cannot do with it.
pub(crate) fn canonicalize(path: &Path) -> std::io::Result<PathBuf> {
    dunce::canonicalize(path)
}

/// The name of a variable as the rest of this program compares it: `Path` is `PATH`.
pub(crate) fn variable_name(name: OsString) -> OsString {
    name.to_ascii_uppercase()
}

/// `text` as one word of PowerShell and of cmd, which have no quotes in common but these. A file cannot have one in its name.
pub(crate) fn quote(text: &str) -> Option<String> {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || r"\/._-+:".contains(c);
    let is_path = text.contains('\\') && !text.contains(['"', '%', '$', '`']);
    is_path.then(|| if text.chars().all(is_bare) { text.to_owned() } else { format!("\"{text}\"") })
}

/// The folder that `word` of a POSIX shell names, in a list of paths there: Git Bash and Cygwin divide them by `:`, and bring the
/// program that knows where they have put `C:`.
pub(crate) fn posix_folder(word: &str) -> Cow<'_, str> {
    format!("\"$(cygpath -u {word})\"").into()
}

/// The command after which nobody else may write the file or folder `word`.
pub(crate) fn take_write_access(word: &str) -> String {
    take_all_access(word)
}

/// The command after which nobody else may read the file `word`. By its identifier, the user is called so in every shell.
pub(crate) fn take_all_access(word: &str) -> String {
    format!("icacls {word} /inheritance:r /grant:r *{}:F", super::access::user())
}

/// The command that removes the file `word`.
pub(crate) fn remove(word: &str) -> String {
    format!("del {word}")
}
