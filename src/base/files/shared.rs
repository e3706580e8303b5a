//! A file of the user's that other programs write too, above all kubectl.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::{Error, FILE_MODE, FOLDER_MODE, LOCK_POLL, read_text};
use crate::base::deadline::Deadline;

/// A file of the user's, locked as kubectl locks a kubeconfig: a file `NAME.lock` beside it exists (client-go,
/// `tools/clientcmd/loader.go`).
///
/// Who was killed leaves that file behind, and no one can tell it from one that is in use. So it is never removed by
/// anyone but its maker, and signals wait until it is gone.
#[derive(Debug)]
pub struct SharedFile {
    /// Where a link leads to.
    path: PathBuf,
    /// None when there is no file yet.
    mode: Option<u32>,
    _locks: Locks,
}

impl SharedFile {
    /// Locks the file `path`, or the file that the link `path` leads to, waiting for another process until `deadline`.
    /// The file need not exist; its folder is made when it is missing.
    ///
    /// Errors: it stays locked, is not the user's own, is no regular file, or is read-only.
    pub fn lock(path: &Path, deadline: Deadline) -> Result<Self, Error> {
        let failed = |source| Error::SharedFile { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed)?;
        }
        let target = follow(path)?;
        // kubectl may have been given either name.
        let names = if target == path { vec![path] } else { vec![path, &target] };
        let locks = Locks::take(&names, deadline)?;
        let meta = match fs::symlink_metadata(&target) {
            Ok(meta) => Some(meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed(source)),
        };
        if let Some(meta) = &meta {
            refuse_odd(&target, meta)?;
        }
        let file = Self { path: target, mode: meta.map(|meta| meta.mode() & PERMISSIONS), _locks: locks };
        file.remove_leftovers().map_err(failed)?;
        Ok(file)
    }

    /// Its text; none when there is no file. At most `limit` bytes.
    pub fn text(&self, limit: u64) -> Result<Option<String>, Error> {
        read_text(&self.path, limit)
    }

    /// Replaces its content by one that holds credentials: only its user has access to it from now on. Keeps the old
    /// content beside it (`NAME.service-manager-backup`), for its user alone.
    pub fn replace(&self, content: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::SharedFile { path: self.path.clone(), source };
        if self.mode.is_some() {
            let old = fs::read(&self.path).map_err(failed)?;
            self.put(&self.backup(), &old, FILE_MODE).map_err(failed)?;
        }
        let mode = self.mode.map_or(FILE_MODE, |mode| mode & OWNERS);
        self.put(&self.path, content, mode).map_err(failed)
    }

    /// True when others than its user have access to it.
    pub fn is_open_to_others(&self) -> bool {
        self.mode.is_some_and(|mode| mode & !OWNERS != 0)
    }

    /// Replaces its content; the old one that was kept is the business of [`remove_backup`].
    pub fn replace_for_good(&self, content: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::SharedFile { path: self.path.clone(), source };
        self.put(&self.path, content, self.mode.unwrap_or(FILE_MODE)).map_err(failed)
    }

    /// Where the content before the last change is.
    fn backup(&self) -> PathBuf {
        with_suffix(&self.path, BACKUP)
    }

    fn put(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::Builder::new().prefix(&self.unfinished()).tempfile_in(folder)?;
        file.as_file_mut().write_all(content)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }

    /// Removes what a process left that was killed while it wrote. Nobody else writes: we have the lock.
    fn remove_leftovers(&self) -> io::Result<()> {
        let unfinished = self.unfinished();
        for entry in fs::read_dir(self.path.parent().unwrap_or(Path::new("/")))? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(unfinished.as_encoded_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// How the names of files begin that are not yet whole.
    fn unfinished(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(UNFINISHED);
        name
    }
}

/// Removes the content that was kept of the file `path`, which need not exist any more, if `is_unwanted`.
///
/// Errors: it cannot be read or removed.
pub fn remove_backup(path: &Path, is_unwanted: impl Fn(&[u8]) -> bool) -> Result<(), Error> {
    let backup = with_suffix(&follow(path).unwrap_or_else(|_| path.to_owned()), BACKUP);
    let failed = |source| Error::SharedFile { path: backup.clone(), source };
    match fs::read(&backup) {
        Ok(content) if is_unwanted(&content) => fs::remove_file(&backup).map_err(failed),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

/// Where the link `path` leads to; `path` itself when it is none.
fn follow(path: &Path) -> Result<PathBuf, Error> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => {
            let is_trusted = [rustix::process::geteuid().as_raw(), ROOT].contains(&meta.uid());
            if !is_trusted {
                return Err(Error::SharedFileOdd { path: path.to_owned(), what: "is somebody else's link" });
            }
            fs::canonicalize(path).map_err(|source| Error::SharedFile { path: path.to_owned(), source })
        }
        _ => Ok(path.to_owned()),
    }
}

fn refuse_odd(path: &Path, meta: &Metadata) -> Result<(), Error> {
    let odd = |what| Err(Error::SharedFileOdd { path: path.to_owned(), what });
    if !meta.is_file() {
        return odd("is no regular file");
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return odd("is somebody else's");
    }
    // A new file in its place would not ask for the permission to write.
    if meta.mode() & WRITABLE_BY_OWNER == 0 {
        return odd("is read-only");
    }
    Ok(())
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
            let signals = HeldSignals::new();
            // Looked at only now that whoever ends the process would wait.
            if IS_ENDING.load(Ordering::SeqCst) {
                return Err(deadline.timeout("the command to end").into());
            }
            match names.iter().map(|name| LockFile::make(name)).collect::<Result<Vec<_>, _>>() {
                Ok(files) => return Ok(Self { _files: files, _signals: signals }),
                Err(Error::SharedFileLocked { .. }) if !deadline.is_over() => {}
                Err(error) => return Err(error),
            }
            drop(signals);
            std::thread::sleep(LOCK_POLL);
        }
    }
}

#[derive(Debug)]
struct LockFile(PathBuf);

impl LockFile {
    fn make(path: &Path) -> Result<Self, Error> {
        let lock = with_suffix(path, LOCK);
        match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&lock) {
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

/// While one of these is there, the signals that end a program wait.
#[derive(Debug)]
struct HeldSignals;

/// How many of them there are.
static HOLDERS: AtomicUsize = AtomicUsize::new(0);
/// The process ends: nothing is locked any more.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// For a process that ends while a thread of it may still be at work: sees to it that no [`SharedFile`] is locked then.
/// Those that are have so long to be whole; from now on there are no others.
pub fn unlock_before_the_end(limit: Duration) {
    IS_ENDING.store(true, Ordering::SeqCst);
    let deadline = Deadline::after(limit);
    while HOLDERS.load(Ordering::SeqCst) > 0 && !deadline.is_over() {
        std::thread::sleep(LOCK_POLL);
    }
}

/// The process's signals; handled since the first [`HeldSignals`].
#[derive(Default)]
struct Signals {
    /// Nobody holds them: they do what they always do.
    are_free: Arc<AtomicBool>,
    /// Those that came meanwhile.
    pending: Vec<(i32, Arc<AtomicBool>)>,
}

static SIGNALS: LazyLock<Signals> = LazyLock::new(|| {
    let mut signals = Signals::default();
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let came = Arc::new(AtomicBool::new(false));
        let handled = flag::register_conditional_default(signal, Arc::clone(&signals.are_free))
            .and_then(|_| flag::register(signal, Arc::clone(&came)));
        if let Err(error) = handled {
            log::debug!("signal {signal} will not wait: {error}");
        }
        signals.pending.push((signal, came));
    }
    signals
});

impl HeldSignals {
    fn new() -> Self {
        HOLDERS.fetch_add(1, Ordering::SeqCst);
        SIGNALS.are_free.store(false, Ordering::SeqCst);
        Self
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        if HOLDERS.fetch_sub(1, Ordering::SeqCst) != 1 {
            return;
        }
        SIGNALS.are_free.store(true, Ordering::SeqCst);
        for (signal, came) in &SIGNALS.pending {
            if came.swap(false, Ordering::SeqCst) {
                // Ends the process; were it to fail, the command would just go on.
                let _ = low_level::emulate_default_handler(*signal);
            }
        }
    }
}

fn with_suffix(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

const LOCK: &str = ".lock";
const BACKUP: &str = ".service-manager-backup";
const UNFINISHED: &str = ".service-manager-unfinished-";
const PERMISSIONS: u32 = 0o777;
/// Of the permissions those of the file's user.
const OWNERS: u32 = 0o700;
const WRITABLE_BY_OWNER: u32 = 0o200;
const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(50))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
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
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
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

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
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
        symlink("dotfiles", &link).unwrap();
        let file = SharedFile::lock(&link, soon()).unwrap();
        assert_eq!(names(below.path()), ["config", "config.lock", "dotfiles", "dotfiles.lock"]);
        assert!(matches!(SharedFile::lock(&target, soon()), Err(Error::SharedFileLocked { .. })));
        file.replace(b"new").unwrap();
        drop(file);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(names(below.path()), ["config", "dotfiles", "dotfiles.service-manager-backup"]);

        symlink("nowhere", below.path().join("dangling")).unwrap();
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
        symlink("/dev/null", &path).unwrap();
        assert_eq!(refused(), "is no regular file");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        assert_eq!(refused(), "is read-only");
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
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
}
