//! A file of the user's that other programs write too, above all kubectl.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::atomic::{Unfinished, persist};
use super::error::Error;
use super::held_signals::HeldSignals;
use super::read::{open_foreign, open_regular, read_all, read_text};
use crate::base::deadline::Deadline;
use crate::base::platform::{FileAccess, Mode, Owner, canonicalize, create_folders, open_with_access};
use crate::base::timeouts;

/// A file of the user's, locked as kubectl locks a kubeconfig: a file `NAME.lock` beside it exists (client-go,
/// `tools/clientcmd/loader.go`).
///
/// Who was killed leaves that file behind, and no one can tell it from one that is in use. So it is never removed by
/// anyone but its maker, and signals wait until it is gone.
#[derive(Debug)]
pub(crate) struct SharedFile {
    /// Where a link leads to.
    path: PathBuf,
    /// None when there is no file yet.
    mode: Option<Mode>,
    /// None where another lock keeps this program's own processes apart.
    _locks: Option<Locks>,
}

impl SharedFile {
    /// Locks the file `path`, or the file that the link `path` leads to, waiting for another process until `deadline`.
    /// The file need not exist; its folder is made when it is missing.
    ///
    /// Errors: it stays locked, is not the user's own, is no regular file, or is read-only.
    pub(crate) fn lock(path: &Path, deadline: Deadline) -> Result<Self, Error> {
        let failed = |source| Error::SharedFile { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            create_folders(folder, FileAccess::Private).map_err(failed)?;
        }
        let target = follow(path)?;
        // kubectl may have been given either name.
        let names = if target == path { vec![path] } else { vec![path, &target] };
        let locks = Locks::take(&names, deadline)?;
        Self::of(path, target, Some(locks))
    }

    /// The same for a file whose other programs know no lock. The caller holds a lock of this program's own, as
    /// [`super::SharedFolder`] is one, and the folder is there.
    ///
    /// Errors: it is not the user's own, is no regular file, or is read-only.
    pub(crate) fn without_lock(path: &Path) -> Result<Self, Error> {
        Self::of(path, follow(path)?, None)
    }

    /// The file `target`, which `path` leads to.
    fn of(path: &Path, target: PathBuf, locks: Option<Locks>) -> Result<Self, Error> {
        let failed = |source| Error::SharedFile { path: path.to_owned(), source };
        let meta = match fs::symlink_metadata(&target) {
            Ok(meta) => Some(meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed(source)),
        };
        let mode = meta.map(|meta| checked_mode(&target, &meta)).transpose()?;
        let file = Self { path: target, mode, _locks: locks };
        let prefix = file.prefix();
        file.unfinished(&prefix).remove_leftovers().map_err(failed)?;
        Ok(file)
    }

    /// Its text; none when there is no file. At most `limit` bytes.
    pub(crate) fn text(&self, limit: u64) -> Result<Option<String>, Error> {
        read_text(&self.path, limit)
    }

    /// Replaces its content by one that holds credentials: only its user has access to it from now on. Keeps the old
    /// content beside it (`NAME.service-manager-backup`), for its user alone.
    pub(crate) fn replace(&self, content: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::SharedFile { path: self.path.clone(), source };
        if self.mode.is_some() {
            let old = open_regular(&self.path).and_then(|file| read_all(file, LARGEST)).map_err(failed)?;
            self.put(&self.backup(), &old, Mode::private()).map_err(failed)?;
        }
        let mode = self.mode.map_or(Mode::private(), Mode::without_others);
        self.put(&self.path, content, mode).map_err(failed)
    }

    /// True when others than its user have access to it.
    pub(crate) fn is_open_to_others(&self) -> bool {
        self.mode.is_some_and(Mode::is_open_to_others)
    }

    /// Replaces its content; the old one that was kept is the business of [`remove_backup`].
    pub(crate) fn replace_for_good(&self, content: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::SharedFile { path: self.path.clone(), source };
        self.put(&self.path, content, self.mode.unwrap_or(Mode::private())).map_err(failed)
    }

    /// Removes it, and its folder where nothing else is in that.
    pub(crate) fn remove(self) -> Result<(), Error> {
        let path = self.path.clone();
        let removed = fs::remove_file(&path);
        // With it goes the lock, which is in that folder.
        drop(self);
        if let Some(folder) = path.parent() {
            let _ = fs::remove_dir(folder);
        }
        removed.map_err(|source| Error::SharedFile { path, source })
    }

    /// Where the content before the last change is.
    fn backup(&self) -> PathBuf {
        with_suffix(&self.path, BACKUP)
    }

    fn put(&self, path: &Path, content: &[u8], mode: Mode) -> io::Result<()> {
        let file = self.unfinished(&self.prefix()).with(content, FileAccess::Private)?;
        mode.set(file.as_file(), file.path())?;
        persist(file, path)
    }

    fn unfinished<'a>(&'a self, prefix: &'a OsStr) -> Unfinished<'a> {
        Unfinished { folder: self.path.parent().unwrap_or(Path::new("/")), prefix }
    }

    /// How the names of files begin that are not yet whole.
    fn prefix(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(UNFINISHED);
        name
    }
}

/// Removes the content that was kept of the file `path`, which need not exist any more, if `is_unwanted`.
///
/// Errors: it cannot be read or removed.
pub(crate) fn remove_backup(path: &Path, is_unwanted: impl Fn(&[u8]) -> bool) -> Result<(), Error> {
    let backup = with_suffix(&follow(path).unwrap_or_else(|_| path.to_owned()), BACKUP);
    let failed = |source| Error::SharedFile { path: backup.clone(), source };
    // A pipe, a link or a file that is larger than any kubeconfig is not from here.
    let Some(file) = open_foreign(&backup).map_err(failed)? else { return Ok(()) };
    match read_all(file, LARGEST) {
        Ok(content) if is_unwanted(&content) => fs::remove_file(&backup).map_err(failed),
        Err(error) if error.kind() != io::ErrorKind::FileTooLarge => Err(failed(error)),
        _ => Ok(()),
    }
}

/// Where the link `path` leads to; `path` itself when it is none.
fn follow(path: &Path) -> Result<PathBuf, Error> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => {
            if !matches!(Owner::of(path), Ok(Owner::User | Owner::Root)) {
                return Err(Error::SharedFileOdd { path: path.to_owned(), what: "is somebody else's link" });
            }
            canonicalize(path).map_err(|source| Error::SharedFile { path: path.to_owned(), source })
        }
        _ => Ok(path.to_owned()),
    }
}

/// The mode of `path`, if that is an ordinary file of the user's own.
fn checked_mode(path: &Path, meta: &Metadata) -> Result<Mode, Error> {
    let odd = |what| Err(Error::SharedFileOdd { path: path.to_owned(), what });
    if !meta.is_file() {
        return odd("is no regular file");
    }
    if !matches!(Owner::of(path), Ok(Owner::User)) {
        return odd("is somebody else's");
    }
    // A new file in its place would not ask for the permission to write.
    let mode = Mode::of(path).map_err(|source| Error::SharedFile { path: path.to_owned(), source })?;
    if mode.is_writable_by_owner() { Ok(mode) } else { odd("is read-only") }
}

/// The lock files of one file, removed when they are dropped.
#[derive(Debug)]
struct Locks {
    // Fields are dropped in this order.
    _files: Vec<LockFile>,
    _signals: HeldSignals,
}

impl Locks {
    /// Locks all `names` or none, so that who waits keeps nobody else waiting.
    fn take(names: &[&Path], deadline: Deadline) -> Result<Self, Error> {
        loop {
            let Some(signals) = HeldSignals::new() else {
                return Err(deadline.timeout("the command to end").into());
            };
            match names.iter().map(|name| LockFile::make(name)).collect::<Result<Vec<_>, _>>() {
                Ok(files) => return Ok(Self { _files: files, _signals: signals }),
                Err(Error::SharedFileLocked { .. }) if !deadline.is_over() => {}
                Err(error) => return Err(error),
            }
            drop(signals);
            std::thread::sleep(timeouts::LOCK_POLL);
        }
    }
}

#[derive(Debug)]
struct LockFile(PathBuf);

impl LockFile {
    fn make(path: &Path) -> Result<Self, Error> {
        let lock = with_suffix(path, LOCK);
        let options = &mut OpenOptions::new();
        match open_with_access(options.write(true).create_new(true), &lock, FileAccess::Private) {
            Ok(_) => Ok(Self(lock)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::SharedFileLocked { path: path.to_owned(), age: age(&lock), lock })
            }
            Err(source) => Err(Error::SharedFile { path: path.to_owned(), source }),
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            log::debug!("could not remove `{}`: {error}", self.0.display());
        }
    }
}

/// How long ago a lock was made; none when it is gone, or the clock was set back.
fn age(lock: &Path) -> Option<Duration> {
    let made = fs::symlink_metadata(lock).and_then(|meta| meta.modified()).ok()?;
    SystemTime::now().duration_since(made).ok()
}

fn with_suffix(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

const LOCK: &str = ".lock";
const BACKUP: &str = ".service-manager-backup";
const UNFINISHED: &str = ".service-manager-unfinished-";
/// What a file may have that is kept beside the new one: more than any kubeconfig.
const LARGEST: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::platform::testing::{fifo, give_away, mode, set_mode, symlink};

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(50))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_and_its_folder_are_private() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("new/.kube/config");
        let file = SharedFile::lock(&path, soon()).unwrap();
        assert_eq!(names(path.parent().unwrap()), ["config.lock"]);
        assert_eq!(file.text(10).unwrap(), None);
        file.replace(b"new").unwrap();
        drop(file);
        assert_eq!(names(path.parent().unwrap()), ["config"]);
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn others_lose_their_access_and_the_old_content_is_kept_once() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("config");
        fs::write(&path, "first").unwrap();
        set_mode(&path, 0o644);
        for (content, is_open) in [("second", true), ("third", false)] {
            let file = SharedFile::lock(&path, soon()).unwrap();
            assert_eq!(file.is_open_to_others(), is_open);
            file.replace(content.as_bytes()).unwrap();
        }
        assert_eq!(names(below.path()), ["config", "config.service-manager-backup"]);
        let backup = below.path().join("config.service-manager-backup");
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(fs::read_to_string(&backup).unwrap(), "second");
        assert_eq!((mode(&path), mode(&backup)), (0o600, 0o600));

        set_mode(&path, 0o640);
        SharedFile::lock(&path, soon()).unwrap().replace_for_good(b"fourth").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("fourth", 0o640));
        remove_backup(&path, |content| content == b"first").unwrap();
        assert!(backup.exists());
        remove_backup(&path, |content| content == b"second").unwrap();
        assert_eq!(names(below.path()), ["config"]);
        remove_backup(&path, |_| true).unwrap();
    }

    #[test]
    fn a_link_is_in_place_and_stays() {
        let below = tempfile::tempdir().unwrap();
        let (link, target) = (below.path().join("config"), below.path().join("dotfiles"));
        fs::write(&target, "old").unwrap();
        symlink("dotfiles", &link);
        let file = SharedFile::lock(&link, soon()).unwrap();
        assert_eq!(names(below.path()), ["config", "config.lock", "dotfiles", "dotfiles.lock"]);
        assert!(matches!(SharedFile::lock(&target, soon()), Err(Error::SharedFileLocked { .. })));
        file.replace(b"new").unwrap();
        drop(file);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(names(below.path()), ["config", "dotfiles", "dotfiles.service-manager-backup"]);

        symlink("nowhere", below.path().join("dangling"));
        assert!(matches!(
            SharedFile::lock(&below.path().join("dangling"), soon()),
            Err(Error::SharedFile { .. })
        ));
    }

    #[test]
    fn what_is_not_the_users_own_file_is_refused() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("config");
        let refused = || match SharedFile::lock(&path, soon()) {
            Err(Error::SharedFileOdd { what, .. }) => what,
            other => panic!("{other:?}"),
        };
        fs::create_dir(&path).unwrap();
        assert_eq!(refused(), "is no regular file");
        fs::remove_dir(&path).unwrap();
        symlink("/dev/null", &path);
        assert_eq!(refused(), "is no regular file");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "x").unwrap();
        set_mode(&path, 0o444);
        assert_eq!(refused(), "is read-only");
        set_mode(&path, 0o644);
        if give_away(&path) {
            assert_eq!(refused(), "is somebody else's");
        }
        assert_eq!(names(below.path()), ["config"], "no lock is left");
    }

    #[test]
    fn a_lock_of_another_program_is_waited_for_and_never_removed() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("config");
        let lock = below.path().join("config.lock");
        fs::write(&lock, "").unwrap();
        let Err(Error::SharedFileLocked { lock: named, age: Some(_), .. }) = SharedFile::lock(&path, soon())
        else {
            panic!("not locked")
        };
        assert_eq!(named, lock);
        assert!(lock.exists());

        let held = lock.clone();
        let remover = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            fs::remove_file(held).unwrap();
        });
        SharedFile::lock(&path, Deadline::after(Duration::from_secs(10))).unwrap();
        remover.join().unwrap();
        assert!(!lock.exists());
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("config");
        fs::write(below.path().join(".config.service-manager-unfinished-x"), "half").unwrap();
        fs::write(below.path().join(".config.other"), "theirs").unwrap();
        drop(SharedFile::lock(&path, soon()).unwrap());
        assert_eq!(names(below.path()), [".config.other"]);
    }

    #[test]
    fn many_at_once_take_turns() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("config");
        let add = |path: PathBuf| {
            let file = SharedFile::lock(&path, Deadline::after(Duration::from_secs(30))).unwrap();
            let text = file.text(1000).unwrap().unwrap_or_default();
            file.replace(format!("{text}x").as_bytes()).unwrap();
        };
        let threads: Vec<_> =
            (0..8).map(|_| path.clone()).map(|path| std::thread::spawn(move || add(path))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "xxxxxxxx");
    }

    #[test]
    fn what_is_no_backup_is_left_and_not_waited_for() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("config");
        let backup = below.path().join("config.service-manager-backup");
        fs::write(&path, "x").unwrap();
        fifo(&backup);
        remove_backup(&path, |_| true).unwrap();
        fs::remove_file(&backup).unwrap();
        symlink("/dev/zero", &backup);
        remove_backup(&path, |_| true).unwrap();
        assert!(fs::symlink_metadata(&backup).unwrap().is_symlink());
        fs::remove_file(&backup).unwrap();
        fs::File::create(&backup).unwrap().set_len(1 << 40).unwrap();
        remove_backup(&path, |_| true).unwrap();
        assert!(backup.exists());
    }

    #[test]
    fn a_file_without_end_is_not_kept() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("config");
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let file = SharedFile::lock(&path, soon()).unwrap();
        assert!(matches!(file.replace(b"new"), Err(Error::SharedFile { .. })));
    }
}
