//! Opening for other things than reading and writing.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

/// Opens what `path` leads to, a file or a folder.
pub(super) fn open_target(path: &Path, rights: u32) -> io::Result<File> {
    open_special(path, rights, BACKUP_SEMANTICS)
}

/// As [`open_target`]; a link itself.
pub(super) fn open_itself(path: &Path, rights: u32) -> io::Result<File> {
    open_special(path, rights, BACKUP_SEMANTICS | OPEN_REPARSE_POINT)
}

#[allow(clippy::disallowed_methods, reason = "it writes nothing")]
fn open_special(path: &Path, rights: u32, flags: u32) -> io::Result<File> {
    OpenOptions::new().access_mode(rights).custom_flags(flags).open(path)
}

/// Of `CreateFileW`: without it no folder is opened.
const BACKUP_SEMANTICS: u32 = 0x0200_0000;
pub(super) const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
