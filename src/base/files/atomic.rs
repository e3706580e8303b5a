//! A file is written under a temporary name and renamed, so that it has the old content or the new one.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::base::platform::{self, FileAccess};

/// How files are called until they are whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfinished<'a> {
    /// Where they are written; on the disk of the final name.
    pub(super) folder: &'a Path,
    /// How their names begin. Who holds the lock of `folder` may remove all that are called so.
    pub(super) prefix: &'a OsStr,
}

impl<'a> Unfinished<'a> {
    /// Those in a folder that has a lock of its own.
    pub(super) fn of_folder(folder: &'a Path) -> Self {
        Self { folder, prefix: OsStr::new(UNFINISHED) }
    }

    pub(super) fn create(self, access: FileAccess) -> io::Result<NamedTempFile> {
        platform::temporary_file(self.prefix, self.folder, access)
    }

    pub(super) fn with(self, content: &[u8], access: FileAccess) -> io::Result<NamedTempFile> {
        let mut file = self.create(access)?;
        // On the file itself: tempfile's own methods add the temporary name to an error.
        file.as_file_mut().write_all(content)?;
        Ok(file)
    }

    /// Replaces the file `path` by `content`, for good.
    pub(super) fn replace(self, path: &Path, content: &[u8], access: FileAccess) -> io::Result<()> {
        persist(self.with(content, access)?, path)
    }

    /// Removes what a killed process has left. Nobody else writes: the caller holds the lock.
    pub(super) fn remove_leftovers(self) -> io::Result<()> {
        for entry in fs::read_dir(self.folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(self.prefix.as_encoded_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Puts what is finished at `path`, for good.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    persist_unsynced(file, path)?;
    path.parent().map_or(Ok(()), platform::sync_folder)
}

/// As [`persist`] for what need not survive the loss of power: the disk is not waited for.
pub(super) fn persist_unsynced(file: NamedTempFile, path: &Path) -> io::Result<File> {
    let (file, from) = file.into_parts();
    // Before it has another name: on Windows keeping it changes its attributes.
    let from = from.keep().map_err(|error| error.error)?;
    if let Err(error) = platform::rename(&from, path) {
        // The first error says more.
        let _ = fs::remove_file(&from);
        return Err(error);
    }
    Ok(file)
}

const UNFINISHED: &str = ".unfinished-";
