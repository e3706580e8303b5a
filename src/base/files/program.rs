//! The folder of one release in the cache: for all to read, written by one process at a time, and complete or not there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::atomic::{Unfinished, persist};
use super::error::Error;
use super::lock::{FolderLock, remove_locked};
use super::partial::PartialFile;
use crate::base::deadline::Deadline;
use crate::base::platform::{FileAccess, create_folders};

/// A folder of programs, held by one process at a time.
#[derive(Debug)]
pub(crate) struct ProgramFolder {
    path: PathBuf,
    lock: FolderLock,
}

impl ProgramFolder {
    /// Creates the folder when it is missing and locks it. `on_wait` is called when another process has it; that one is
    /// waited for until `deadline`.
    ///
    /// Errors: the folder cannot be created or written, or stays locked.
    pub(crate) fn lock(path: &Path, deadline: Deadline, on_wait: impl FnOnce()) -> Result<Self, Error> {
        let failed = |source| Error::Folder { path: path.to_owned(), source };
        let prepare = || create_folders(path, FileAccess::Program).map_err(failed);
        let lock = FolderLock::take(path, LOCK, deadline, prepare, on_wait)?;
        Unfinished::of_folder(path).remove_leftovers().map_err(failed)?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// The download that was begun here, or a new one.
    ///
    /// Errors: it cannot be opened.
    pub(crate) fn partial(&self) -> Result<PartialFile, Error> {
        PartialFile::open(&self.path)
    }

    /// A program that is not finished yet.
    ///
    /// Errors: it cannot be created.
    pub(crate) fn unfinished(&self) -> Result<NamedTempFile, Error> {
        let created = Unfinished::of_folder(&self.path).create(FileAccess::Program);
        created.map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    /// Puts `program` in its place, for good: a program of that name which runs goes on with its own file.
    ///
    /// Errors: it cannot be written.
    pub(crate) fn finish(&self, program: NamedTempFile, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        persist(program, &path).map_err(|source| Error::Write { path, source })
    }

    /// As [`Self::finish`] for what was downloaded as it is.
    ///
    /// Errors: it cannot be written.
    pub(crate) fn finish_partial(&self, partial: PartialFile, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        partial.become_program(&path).map_err(|source| Error::Write { path, source })
    }

    /// Replaces the file `name` by `content`.
    ///
    /// Errors: it cannot be written.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        let written = Unfinished::of_folder(&self.path).replace(&path, content, FileAccess::Readable);
        written.map_err(|source| Error::Write { path, source })
    }

    /// Removes the file `name`, if there is one.
    ///
    /// Errors: it cannot be removed.
    pub(crate) fn remove_file(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Write { path, source }),
            _ => Ok(()),
        }
    }

    /// Removes the folder and everything in it.
    ///
    /// Errors: it cannot be removed.
    pub(crate) fn remove(self) -> Result<(), Error> {
        let Self { path, lock } = self;
        let removed = remove_locked(lock, || fs::remove_dir_all(&path));
        removed.map_err(|source| Error::Write { path: path.clone(), source })?;
        remove_empty_parent(&path);
        Ok(())
    }

    /// Removes the folder when there is nothing in it but its lock.
    pub(crate) fn remove_if_empty(self) {
        let is_empty = fs::read_dir(&self.path)
            .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK)));
        // What stays is in nobody's way.
        if is_empty && fs::remove_file(self.path.join(LOCK)).is_ok() {
            let Self { path, lock } = self;
            // On Windows the file is there for as long as it is open.
            drop(lock);
            if fs::remove_dir(&path).is_ok() {
                remove_empty_parent(&path);
            }
        }
    }
}

fn remove_empty_parent(path: &Path) {
    let _ = path.parent().map(fs::remove_dir);
}

const LOCK: &str = ".lock";

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;
    use crate::base::platform::testing::{fifo, mode, set_mode};

    fn lock(path: &Path) -> ProgramFolder {
        ProgramFolder::lock(path, Deadline::after(Duration::from_secs(5)), || ()).unwrap()
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_program_is_there_when_it_is_finished() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("oc/1.2.3");
        let folder = lock(&path);
        let mut program = folder.unfinished().unwrap();
        program.write_all(b"program").unwrap();
        assert!(!path.join("oc").exists());
        folder.finish(program, "oc").unwrap();
        assert_eq!(names(&path), [".lock", "oc"]);
        assert_eq!(mode(&path.join("oc")), 0o755);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_or_continued() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("1.2.3");
        let mut partial = lock(&path).partial().unwrap();
        partial.begin("https://a", Some("tag"), 0).unwrap();
        partial.append(b"half").unwrap();
        fs::write(path.join(".unfinished-x"), "").unwrap();

        let folder = lock(&path);
        let mut again = folder.partial().unwrap();
        assert_eq!(again.rest_of("https://a"), Some((4, "tag")));
        assert_eq!(again.rest_of("https://b"), None);
        let mut read = Vec::new();
        again.copy(&mut read).unwrap();
        assert_eq!(read, b"half");
        again.append(b"!").unwrap();
        folder.finish_partial(again, "oc").unwrap();
        assert_eq!(fs::read(path.join("oc")).unwrap(), b"half!");
        assert_eq!(names(&path), [".lock", "oc"]);
    }

    #[test]
    fn what_has_no_mark_is_begun_anew() {
        let below = tempfile::tempdir().unwrap();
        let folder = lock(below.path());
        let mut partial = folder.partial().unwrap();
        partial.begin("https://a", None, 0).unwrap();
        partial.append(b"half").unwrap();
        assert_eq!(partial.rest_of("https://a"), None);
        partial.begin("https://b", Some("tag"), 0).unwrap();
        assert_eq!(partial.length(), 0);
        partial.discard();
        assert_eq!(names(below.path()), [".lock"]);
    }

    #[test]
    fn nothing_is_left_of_a_folder_for_nothing() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("oc/1.2.3");
        lock(&path).remove_if_empty();
        assert_eq!(names(below.path()), [""; 0]);
        let folder = lock(&path);
        fs::write(path.join("oc"), "").unwrap();
        folder.remove_if_empty();
        assert_eq!(names(&path), [".lock", "oc"]);
        lock(&path).remove().unwrap();
        assert_eq!(names(below.path()), [""; 0]);
    }

    #[test]
    fn who_waited_for_a_folder_that_is_gone_makes_it_again() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("oc/1.2.3");
        let first = lock(&path);
        std::thread::scope(|scope| {
            let (waiting, waits) = std::sync::mpsc::channel();
            let second = scope.spawn(|| {
                let soon = Deadline::after(Duration::from_secs(30));
                ProgramFolder::lock(&path, soon, move || waiting.send(()).unwrap()).unwrap()
            });
            waits.recv().unwrap();
            first.remove().unwrap();
            second.join().unwrap().write("x", b"x").unwrap();
        });
        assert_eq!(names(&path), [".lock", "x"]);
    }

    #[test]
    fn nobody_else_can_lock_it() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join(".lock");
        fs::write(&path, "").unwrap();
        set_mode(&path, 0o644);
        drop(lock(below.path()));
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn what_cannot_be_the_mark_of_a_download_is_none() {
        let below = tempfile::tempdir().unwrap();
        let mark = below.path().join(".partial.json");
        fifo(&mark);
        let mut partial = lock(below.path()).partial().unwrap();
        partial.begin("https://a", Some("tag"), 0).unwrap();
        partial.append(b"half").unwrap();
        drop(partial);
        assert!(lock(below.path()).partial().unwrap().rest_of("https://a").is_some());
        fs::File::create(&mark).unwrap().set_len(1 << 40).unwrap();
        assert!(lock(below.path()).partial().unwrap().rest_of("https://a").is_none());
    }
}
