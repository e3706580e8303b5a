//! A folder of this program's own state.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::atomic::{Unfinished, persist_unsynced};
use super::error::Error;
use super::lock::{FolderLock, remove_locked};
use super::ownership::refuse_shared;
use super::read::read_foreign;
use crate::base::deadline::Deadline;
use crate::base::platform::{FileAccess, LockHolder, create_folders, is_private_file, lock_holder};

/// A folder that only its user can enter, held by one process at a time.
///
/// The process that holds it may take any unfinished file in it for the left-over of a process that was killed.
#[derive(Debug)]
pub(crate) struct PrivateFolder {
    path: PathBuf,
    lock: FolderLock,
}

impl PrivateFolder {
    /// The process that holds the folder `path`, where one does and the system tells which.
    pub(crate) fn holder(path: &Path) -> Option<LockHolder> {
        lock_holder(&path.join(LOCK))
    }

    /// Creates the folder (0700) when it is missing and locks it, waiting for another process until `deadline`.
    ///
    /// Errors: the folder cannot be created, is somebody else's, can be written by others, or stays locked.
    pub(crate) fn lock(path: &Path, deadline: Deadline) -> Result<Self, Error> {
        let failed = |source| Error::Folder { path: path.to_owned(), source };
        let prepare = || {
            create_folders(path, FileAccess::Private).map_err(failed)?;
            refuse_shared(path)
        };
        let lock = FolderLock::take(path, LOCK, deadline, prepare, || ())?;
        Unfinished::of_folder(path).remove_leftovers().map_err(failed)?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Replaces the file `path` in this folder, or in a folder in it, by `content` (0600): written to a temporary
    /// name, synced and renamed. A file that already is so is left alone, which saves the disk's sync.
    pub(crate) fn write(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        debug_assert!(path.starts_with(&self.path));
        if already_is(path, content) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&self.path);
        let failed = |source| Error::Write { path: path.to_owned(), source };
        create_folders(parent, FileAccess::Private).map_err(failed)?;
        refuse_shared(parent)?;
        self.unfinished().replace(path, content, FileAccess::Private).map_err(failed)
    }

    /// As [`Self::write`], with `value` as JSON.
    pub(crate) fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<(), Error> {
        let failed = |error| Error::Write { path: path.to_owned(), source: io::Error::from(error) };
        self.write(path, &serde_json::to_vec_pretty(value).map_err(failed)?)
    }

    /// As [`Self::write`] for what can be found out again: it need not survive the loss of power, and the disk is not
    /// waited for.
    pub(crate) fn write_unsynced(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let written = self.unfinished().with(content, FileAccess::Private);
        let written = written.and_then(|file| persist_unsynced(file, path));
        written.map(drop).map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// False when somebody has removed it while it was held.
    pub(crate) fn is_there(&self) -> bool {
        self.lock.is_there()
    }

    /// Removes the folder and everything in it.
    pub(crate) fn remove(self) -> Result<(), Error> {
        let Self { path, lock } = self;
        remove_locked(lock, || remove_folder(&path))
    }

    fn unfinished(&self) -> Unfinished<'_> {
        Unfinished::of_folder(&self.path)
    }
}

/// Removes the folder `path` and everything in it, if it is there. It goes as a whole: whoever makes one of that name meanwhile keeps it.
///
/// Errors: it cannot be removed.
pub(crate) fn remove_folder(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", std::process::id()));
    match fs::rename(path, &aside) {
        Ok(()) => fs::remove_dir_all(aside).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Windows moves no folder in which a file is open.
        Err(_) => fs::remove_dir_all(path).map_err(failed),
    }
}

fn already_is(path: &Path, content: &[u8]) -> bool {
    is_private_file(path) && read_foreign(path, content.len() as u64).is_some_and(|old| old == content)
}

const LOCK: &str = "lock";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ownership::OWN_LEVELS;
    use super::*;
    use crate::base::platform::testing::{mode, set_mode, symlink};

    fn folder(below: &tempfile::TempDir) -> PathBuf {
        below.path().join("service-manager/machines/m")
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(50))
    }

    #[test]
    fn writes_privately_and_replaces() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        let private = PrivateFolder::lock(&path, soon()).unwrap();
        private.write(&path.join("file"), b"old").unwrap();
        private.write(&path.join("file"), b"new").unwrap();
        assert_eq!(fs::read(path.join("file")).unwrap(), b"new");
        assert_eq!(mode(&path.join("file")), 0o600);
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_file_that_became_readable_by_others_is_made_private_again() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        let private = PrivateFolder::lock(&path, soon()).unwrap();
        private.write(&path.join("file"), b"same").unwrap();
        set_mode(&path.join("file"), 0o644);
        private.write(&path.join("file"), b"same").unwrap();
        assert_eq!(mode(&path.join("file")), 0o600);
    }

    #[test]
    fn a_link_planted_in_place_of_a_file_is_replaced_not_followed() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        let private = PrivateFolder::lock(&path, soon()).unwrap();
        let victim = below.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, path.join("file"));
        private.write(&path.join("file"), b"ours").unwrap();
        assert_eq!(fs::read_to_string(victim).unwrap(), "untouched");
        assert!(fs::symlink_metadata(path.join("file")).unwrap().is_file());
    }

    #[test]
    fn a_folder_in_the_folder_is_as_private() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        let private = PrivateFolder::lock(&path, soon()).unwrap();
        private.write(&path.join("docker/key.pem"), b"key").unwrap();
        assert_eq!(mode(&path.join("docker")), 0o700);
        assert_eq!(mode(&path.join("docker/key.pem")), 0o600);

        symlink(below.path(), path.join("elsewhere"));
        assert!(private.write(&path.join("elsewhere/key.pem"), b"key").is_err());
        assert!(!below.path().join("key.pem").exists());
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        drop(PrivateFolder::lock(&path, soon()).unwrap());
        fs::write(path.join(".unfinished-x"), "half").unwrap();
        drop(PrivateFolder::lock(&path, soon()).unwrap());
        assert!(!path.join(".unfinished-x").exists());
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        for shared in path.ancestors().take(OWN_LEVELS) {
            drop(PrivateFolder::lock(&path, soon()).unwrap());
            set_mode(shared, 0o770);
            assert!(matches!(PrivateFolder::lock(&path, soon()), Err(Error::FolderShared { .. })));
            set_mode(shared, 0o700);
        }
    }

    #[test]
    fn a_link_in_place_of_a_folder_is_refused() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(below.path(), &path);
        assert!(matches!(refuse_shared(&path), Err(Error::FolderShared { .. })));
    }

    #[test]
    fn a_locked_folder_is_an_error_after_the_deadline() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        let _held = PrivateFolder::lock(&path, soon()).unwrap();
        assert!(matches!(PrivateFolder::lock(&path, soon()), Err(Error::FolderLocked { .. })));
    }

    #[test]
    fn a_waiter_does_not_hold_a_folder_that_is_gone() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        let first = PrivateFolder::lock(&path, soon()).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| PrivateFolder::lock(&path, Deadline::after(Duration::from_secs(30))));
            // Long enough for the other thread to open the lock and wait; whenever it does, the result is the same.
            std::thread::sleep(Duration::from_millis(50));
            assert!(first.is_there());
            first.remove().unwrap();
            let second = waiter.join().unwrap().unwrap();
            assert!(matches!(PrivateFolder::lock(&path, soon()), Err(Error::FolderLocked { .. })));
            second.write(&path.join("file"), b"x").unwrap();
        });
    }
}
