//! Writing on the host's disk: private from the first byte, the old content or the new one, nothing between.

#![allow(clippy::disallowed_methods, reason = "the one module that writes and removes files")]

mod error;
mod program;
mod shared;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

pub use self::error::Error;
pub use self::program::{PARTIAL, PartialFile, ProgramFolder, copy_program, put_text};
pub use self::shared::{SharedFile, remove_backup, unlock_before_the_end};
use crate::base::deadline::Deadline;

/// A folder that only its user can enter, held by one process at a time.
///
/// Whoever holds it may take any unfinished file in it for the left-over of a process that was killed.
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    /// Unlocked by the system when the process ends, however it ends.
    _lock: File,
}

impl PrivateFolder {
    /// Creates the folder (0700) when it is missing and locks it, waiting for another process until `deadline`.
    ///
    /// Errors: the folder cannot be created, is somebody else's, can be written by others, or stays locked.
    pub fn lock(path: &Path, deadline: Deadline) -> Result<Self, Error> {
        let failed = |source| Error::Folder { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(failed)?;
        refuse_shared(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(FILE_MODE)
            .open(path.join(LOCK))
            .map_err(failed)?;
        wait_for_lock(&lock, path, deadline)?;
        let folder = Self { path: path.to_owned(), _lock: lock };
        remove_leftovers(path).map_err(failed)?;
        Ok(folder)
    }

    /// Replaces the file `path` in this folder, or in a folder in it, by `content` (0600): written to a temporary
    /// name, synced and renamed. A file that already is so is left alone, which saves the disk's sync.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        debug_assert!(path.starts_with(&self.path));
        if already_is(path, content) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&self.path);
        let failed = |source| Error::Write { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(parent).map_err(failed)?;
        refuse_shared(parent)?;
        let unfinished = Unfinished { folder: &self.path, mode: FILE_MODE };
        unfinished.become_synced(path, content).map_err(failed)
    }

    /// As [`Self::write`] for what can be found out again: it need not survive the loss of power, and the disk is not
    /// waited for.
    pub fn write_unsynced(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let write = || {
            let file = Unfinished { folder: &self.path, mode: FILE_MODE }.with(content)?;
            file.persist(path).map(drop).map_err(|error| error.error)
        };
        write().map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// Removes the folder and everything in it.
    pub fn remove(self) -> Result<(), Error> {
        let Self { path, .. } = &self;
        fs::remove_dir_all(path).map_err(|source| Error::Write { path: path.clone(), source })
    }
}

/// A file that is written under a temporary name.
struct Unfinished<'a> {
    /// The folder that its temporary name is in; whoever holds that removes what a killed process has left.
    folder: &'a Path,
    mode: u32,
}

impl Unfinished<'_> {
    fn create(&self) -> io::Result<NamedTempFile> {
        let mode = Permissions::from_mode(self.mode);
        tempfile::Builder::new().prefix(UNFINISHED).permissions(mode).tempfile_in(self.folder)
    }

    fn with(&self, content: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = self.create()?;
        // On the file itself: tempfile's own methods add the temporary name to an error.
        file.as_file_mut().write_all(content)?;
        Ok(file)
    }

    /// Replaces the file `path` by `content`, for good.
    fn become_synced(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        put_synced(self.with(content)?, path)
    }
}

/// Puts what is finished at `path`, for good.
fn put_synced(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Removes what a killed process has left in `folder`, which this one holds.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Has the file `path` say that it was changed now.
pub fn touch(path: &Path) -> Result<(), Error> {
    let touched = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    touched.map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Reads a file of at most `limit` bytes; `None` when there is none.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > limit {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(Some(content))
}

/// Reads a file that somebody else may have put there: `None` unless it is a regular file of at most `limit` bytes.
/// A link is not followed, and nothing that would block is waited for.
pub fn read_foreign(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut content = Vec::new();
    let length = file.take(limit + 1).read_to_end(&mut content).ok()?;
    (length as u64 <= limit).then_some(content)
}

/// As [`read`], for text: what is not UTF-8 is an error.
pub fn read_text(path: &Path, limit: u64) -> Result<Option<String>, Error> {
    let Some(content) = read(path, limit)? else { return Ok(None) };
    String::from_utf8(content).map(Some).map_err(|_| Error::Read {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"),
    })
}

/// The folders in `path`; none when there is no `path`.
pub fn folders_in(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// The files in `path` whose names end in one of `endings`, in the order of their names, hidden ones left out; none
/// when there is no `path`.
pub fn files_in(path: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let is_wanted = |path: &PathBuf| {
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let ending = path.extension().and_then(|ending| ending.to_str());
        !is_hidden && ending.is_some_and(|ending| endings.contains(&ending))
    };
    let mut paths: Vec<PathBuf> = paths.map_err(failed)?.into_iter().filter(is_wanted).collect();
    paths.sort();
    Ok(paths)
}

/// True when nobody but this user and root can write what `path` leads to.
pub fn is_own(path: &Path) -> io::Result<bool> {
    let meta = fs::metadata(path)?;
    let root = 0;
    let ours = [rustix::process::geteuid().as_raw(), root].contains(&meta.uid());
    Ok(ours && meta.mode() & WRITABLE_BY_OTHERS == 0)
}

/// Refuses what says which programs are run, if others than this user and root can write it.
pub fn refuse_writable_by_others(path: &Path) -> Result<(), Error> {
    match is_own(path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::WritableByOthers { path: path.to_owned() }),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// True when nobody but this user and root can read what `path` leads to.
pub fn is_private(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.mode() & OF_OTHERS == 0)
}

/// State that another user of the host could have written is not ours to trust. Looks at the machine's folder
/// and the two above it, those of them that exist.
pub fn refuse_shared(folder: &Path) -> Result<(), Error> {
    for folder in folder.ancestors().take(OWN_LEVELS) {
        let meta = match fs::symlink_metadata(folder) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(Error::Folder { path: folder.to_owned(), source }),
        };
        let ours = meta.uid() == rustix::process::geteuid().as_raw();
        if !meta.is_dir() || !ours || meta.mode() & WRITABLE_BY_OTHERS != 0 {
            return Err(Error::FolderShared { path: folder.to_owned() });
        }
    }
    Ok(())
}

fn wait_for_lock(lock: &File, path: &Path, deadline: Deadline) -> Result<(), Error> {
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if deadline.is_over() => {
                return Err(Error::FolderLocked { path: path.to_owned() });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
            Err(TryLockError::Error(source)) => {
                return Err(Error::Folder { path: path.to_owned(), source });
            }
        }
    }
}

fn already_is(path: &Path, content: &[u8]) -> bool {
    let private = fs::symlink_metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o777 == FILE_MODE);
    private && fs::read(path).is_ok_and(|old| old == content)
}

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// `service-manager/machines/NAME`
const OWN_LEVELS: usize = 3;
/// Whatever others than the owner may do with a file.
const OF_OTHERS: u32 = 0o077;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const LOCK: &str = "lock";
const UNFINISHED: &str = ".unfinished-";
const LOCK_POLL: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(below: &tempfile::TempDir) -> PathBuf {
        below.path().join("service-manager/machines/m")
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(50))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
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
        fs::set_permissions(path.join("file"), fs::Permissions::from_mode(0o644)).unwrap();
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
        std::os::unix::fs::symlink(&victim, path.join("file")).unwrap();
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

        std::os::unix::fs::symlink(below.path(), path.join("elsewhere")).unwrap();
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
            fs::set_permissions(shared, fs::Permissions::from_mode(0o770)).unwrap();
            assert!(matches!(PrivateFolder::lock(&path, soon()), Err(Error::FolderShared { .. })));
            fs::set_permissions(shared, fs::Permissions::from_mode(0o700)).unwrap();
        }
    }

    #[test]
    fn a_link_in_place_of_a_folder_is_refused() {
        let below = tempfile::tempdir().unwrap();
        let path = folder(&below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(below.path(), &path).unwrap();
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
    fn reads_no_more_than_the_limit() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("big");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().unwrap(), b"12345");
        assert!(matches!(read(&path, 4), Err(Error::Read { .. })));
        assert!(read(&below.path().join("none"), 4).unwrap().is_none());
    }
}
