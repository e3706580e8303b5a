//! One process at a time in a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::base::deadline::Deadline;
use crate::base::platform::{FileAccess, FileId, open_with_access, set_access};
use crate::base::timeouts;

/// A lock file in a folder. The system unlocks it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
    path: PathBuf,
}

impl FolderLock {
    /// Locks the file `name` in the folder `path`, which `prepare` creates and checks. `on_wait` is called when another
    /// process has it; that one is waited for until `deadline`.
    ///
    /// Errors: those of `prepare`, the folder cannot be written, or it stays locked.
    pub(super) fn take(
        path: &Path,
        name: &str,
        deadline: Deadline,
        prepare: impl Fn() -> Result<(), Error>,
        on_wait: impl FnOnce(),
    ) -> Result<Self, Error> {
        let failed = |source| Error::Folder { path: path.to_owned(), source };
        let name = path.join(name);
        let mut on_wait = Some(on_wait);
        loop {
            prepare()?;
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true);
            // Whoever can open a file can lock it, so others may not even read it.
            let file = match open_with_access(&mut options, &name, FileAccess::Private) {
                // The process that had it has just removed the folder.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !deadline.is_over() => continue,
                opened => opened.map_err(failed)?,
            };
            // Earlier versions made it for all to read.
            let _ = set_access(&file, &name, FileAccess::Private);
            if !try_lock(&file, path)? {
                on_wait.take().into_iter().for_each(|on_wait| on_wait());
                wait_for_lock(&file, path, deadline)?;
            }
            // A process that removes the folder leaves those that wait with the lock of a file that nobody else sees.
            let held = FileId::of(&file).map_err(failed)?;
            if FileId::at(&name).is_ok_and(|there| there == held) {
                return Ok(Self { file, path: name });
            }
            if deadline.is_over() {
                return Err(Error::FolderLocked { path: path.to_owned() });
            }
        }
    }
}

impl FolderLock {
    /// False when somebody has removed the folder: another process may have made and locked a new one.
    pub(super) fn is_there(&self) -> bool {
        FileId::of(&self.file).is_ok_and(|held| FileId::at(&self.path).is_ok_and(|there| there == held))
    }
}

/// Calls `remove`, which removes the folder of `lock` and everything in it.
pub(super) fn remove_locked<E>(lock: FolderLock, remove: impl Fn() -> Result<(), E>) -> Result<(), E> {
    remove().or_else(|_| {
        // Not every disk of Windows lets go of a file that is open.
        drop(lock);
        remove()
    })
}

fn try_lock(file: &File, path: &Path) -> Result<bool, Error> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(Error::Folder { path: path.to_owned(), source }),
    }
}

fn wait_for_lock(file: &File, path: &Path, deadline: Deadline) -> Result<(), Error> {
    while !try_lock(file, path)? {
        if deadline.is_over() {
            return Err(Error::FolderLocked { path: path.to_owned() });
        }
        std::thread::sleep(timeouts::LOCK_POLL);
    }
    Ok(())
}
