//! A file of the user's own: read, if nobody else can write it.

use std::path::Path;

use super::file::diagnostic::{Diagnostic, FileDiagnostic};
use crate::base::causes::causes;
use crate::base::files;
use crate::base::platform::take_write_access;
use crate::base::text::sh_path;

pub(super) fn read_text(path: &Path) -> Result<String, Vec<Diagnostic>> {
    let failed = |why: String| vec![Diagnostic::of_file(format!("could not be read: {why}"))];
    match files::read_text(path, LONGEST_FILE) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(failed("there is none".to_owned())),
        Err(error) => Err(failed(causes(&error).join(": "))),
    }
}

/// Who can write a service file says what is read in the guest, as root, and what the user's shell exports.
pub(super) fn check_ownership(path: &Path) -> Result<(), Diagnostic> {
    match files::is_own(path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(writable_by_others(path)),
        Err(error) => Err(Diagnostic::of_file(format!("could not be read: {error}"))),
    }
}

/// The folder above `path` in which others could put another one in its place.
pub(super) fn check_above(path: &Path) -> Result<(), FileDiagnostic> {
    let (path, diagnostic) = match files::refuse_replaceable(path) {
        Ok(()) => return Ok(()),
        Err(files::Error::FolderShared { path }) => {
            let diagnostic = writable_by_others(&path);
            (path, diagnostic)
        }
        Err(error) => (path.to_owned(), Diagnostic::of_file(causes(&error).join(": "))),
    };
    Err(FileDiagnostic { path, diagnostic })
}

fn writable_by_others(path: &Path) -> Diagnostic {
    let hint = format!("`{}`, if it is yours", take_write_access(&sh_path(path)));
    Diagnostic::of_file("others than you can write it").hint(hint)
}

pub(super) fn in_file(path: &Path, diagnostics: Vec<Diagnostic>) -> Vec<FileDiagnostic> {
    diagnostics.into_iter().map(|diagnostic| FileDiagnostic { path: path.to_owned(), diagnostic }).collect()
}

const LONGEST_FILE: u64 = 1 << 20;
