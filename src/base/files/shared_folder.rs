//! A folder of the user's that other programs keep too, above all docker.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::atomic::Unfinished;
use super::error::Error;
use super::lock::FolderLock;
use super::read::{open_foreign, read_all};
use crate::base::deadline::Deadline;
use crate::base::platform::{FileAccess, create_folders};

/// A folder of the user's that other programs keep too. One process of this program at a time changes it; the others know
/// nothing of that.
#[derive(Debug)]
pub(crate) struct SharedFolder {
    path: PathBuf,
    _lock: FolderLock,
}

impl SharedFolder {
    /// Makes the folder when it is missing, and waits until `deadline` for another process of this program.
    ///
    /// Errors: it cannot be made or written, or stays locked.
    pub(crate) fn lock(path: &Path, deadline: Deadline) -> Result<Self, Error> {
        let failed = |source| Error::SharedFile { path: path.to_owned(), source };
        let prepare = || create_folders(path, FileAccess::Private).map_err(failed);
        let lock = FolderLock::take(path, LOCK, deadline, prepare, || ()).map_err(|error| match error {
            Error::Folder { path, source } => Error::SharedFile { path, source },
            error => error,
        })?;
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.unfinished().remove_leftovers().map_err(failed)?;
        Ok(folder)
    }

    /// The content of the regular file `name`, of at most `limit` bytes; none when there is no such file.
    ///
    /// Errors: it is something else, a link too; it is longer, or cannot be read.
    pub(crate) fn read(&self, name: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path.join(name);
        let failed = |source| Error::Read { path: path.clone(), source };
        match open_foreign(&path).map_err(failed)? {
            Some(file) => read_all(file, limit).map(Some).map_err(failed),
            None if fs::symlink_metadata(&path).is_ok() => {
                Err(Error::SharedFileOdd { path, what: "is no regular file" })
            }
            None => Ok(None),
        }
    }

    /// Replaces the file `name` by `content`, for its user alone. The folders between are made when they are missing.
    pub(crate) fn write(&self, name: &Path, content: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        let failed = |source| Error::SharedFile { path: path.clone(), source };
        create_folders(path.parent().unwrap_or(&self.path), FileAccess::Private).map_err(failed)?;
        self.unfinished().replace(&path, content, FileAccess::Private).map_err(failed)
    }

    /// Removes the folder `name` in it with all that it has; it need not be there.
    pub(crate) fn remove(&self, name: &Path) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|source| Error::SharedFile { path, source }),
        }
    }

    fn unfinished(&self) -> Unfinished<'_> {
        Unfinished { folder: &self.path, prefix: OsStr::new(UNFINISHED) }
    }
}

const LOCK: &str = ".service-manager-lock";
const UNFINISHED: &str = ".service-manager-unfinished-";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::platform::testing::{mode, symlink};

    fn locked(below: &tempfile::TempDir) -> SharedFolder {
        SharedFolder::lock(&below.path().join("new/contexts"), Deadline::after(Duration::from_millis(50)))
            .unwrap()
    }

    #[test]
    fn files_are_private_and_removed_with_their_folder() {
        let below = tempfile::tempdir().unwrap();
        let folder = locked(&below);
        folder.write(Path::new("tls/a/key.pem"), b"key").unwrap();
        let path = below.path().join("new/contexts/tls/a/key.pem");
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(folder.read(Path::new("tls/a/key.pem"), 3).unwrap().unwrap(), b"key");
        assert!(folder.read(Path::new("tls/a/key.pem"), 2).is_err());
        for _ in 0..2 {
            folder.remove(Path::new("tls/a")).unwrap();
            assert!(folder.read(Path::new("tls/a/key.pem"), 3).unwrap().is_none());
        }
    }

    #[test]
    fn a_link_is_not_read_and_not_followed() {
        let below = tempfile::tempdir().unwrap();
        let folder = locked(&below);
        let victim = below.path().join("victim");
        fs::create_dir(&victim).unwrap();
        fs::write(victim.join("meta.json"), "theirs").unwrap();
        symlink(victim.join("meta.json"), below.path().join("new/contexts/link"));
        assert!(matches!(folder.read(Path::new("link"), 100), Err(Error::SharedFileOdd { .. })));
        symlink(&victim, below.path().join("new/contexts/a"));
        let _ = folder.remove(Path::new("a"));
        assert_eq!(fs::read_to_string(victim.join("meta.json")).unwrap(), "theirs");
    }

    #[test]
    fn one_process_at_a_time_changes_it() {
        let below = tempfile::tempdir().unwrap();
        let held = locked(&below);
        let path = below.path().join("new/contexts");
        fs::write(path.join(".service-manager-unfinished-x"), "half").unwrap();
        let soon = || Deadline::after(Duration::from_millis(50));
        assert!(matches!(SharedFolder::lock(&path, soon()), Err(Error::FolderLocked { .. })));
        drop(held);
        SharedFolder::lock(&path, soon()).unwrap();
        assert!(!path.join(".service-manager-unfinished-x").exists());
    }
}
