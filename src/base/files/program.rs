//! The folder of one release in the cache: for all to read, written by one process at a time, and complete or not there.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::{Error, Unfinished, is_own, put_synced, remove_leftovers, wait_for_lock};
use crate::base::deadline::Deadline;

/// A folder of programs, held by one process at a time.
#[derive(Debug)]
pub struct ProgramFolder {
    path: PathBuf,
    /// Unlocked by the system when the process ends, however it ends.
    _lock: File,
}

/// A file that arrives bit by bit, and where from.
#[derive(Debug)]
pub struct PartialFile {
    path: PathBuf,
    file: File,
    length: u64,
    origin: Option<Origin>,
}

/// Where a partial file is from, and what tells whether it is still the same there.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    url: String,
    validator: Option<String>,
}

impl ProgramFolder {
    /// Creates the folder when it is missing and locks it. `waits` is called when another process has it; that one is
    /// waited for until `deadline`.
    ///
    /// Errors: the folder cannot be created or written, or stays locked.
    pub fn lock(path: &Path, deadline: Deadline, waits: impl FnOnce()) -> Result<Self, Error> {
        let failed = |source| Error::Folder { path: path.to_owned(), source };
        let mut waits = Some(waits);
        loop {
            let name = path.join(LOCK);
            let made = DirBuilder::new().recursive(true).mode(PROGRAM_MODE).create(path);
            let opened = made.and_then(|()| {
                OpenOptions::new().create(true).truncate(false).write(true).mode(FILE_MODE).open(&name)
            });
            let lock = match opened {
                // Whoever had it has just removed the folder.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !deadline.is_over() => continue,
                opened => opened.map_err(failed)?,
            };
            if lock.try_lock().is_err() {
                waits.take().into_iter().for_each(|waits| waits());
                wait_for_lock(&lock, path, deadline)?;
            }
            let held = lock.metadata().map_err(failed)?;
            if fs::metadata(&name).is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())) {
                let folder = Self { path: path.to_owned(), _lock: lock };
                remove_leftovers(path).map_err(failed)?;
                return Ok(folder);
            }
        }
    }

    /// The download that was begun here, or a new one.
    ///
    /// Errors: it cannot be opened.
    pub fn partial(&self) -> Result<PartialFile, Error> {
        let path = self.path.join(PARTIAL);
        let failed = |source| Error::Write { path: path.clone(), source };
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let origin = fs::read(origin_of(&path)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Ok(PartialFile { path, file, length, origin })
    }

    /// A program that is not finished yet.
    ///
    /// Errors: it cannot be created.
    pub fn unfinished(&self) -> Result<NamedTempFile, Error> {
        let created = Unfinished { folder: &self.path, mode: PROGRAM_MODE }.create();
        created.map_err(|source| Error::Write { path: self.path.clone(), source: plain(source) })
    }

    /// Puts `program` in its place, for good: a program of that name which runs goes on with its own file.
    ///
    /// Errors: it cannot be written.
    pub fn finish(&self, program: NamedTempFile, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        put_synced(program, &path).map_err(|source| Error::Write { path, source })
    }

    /// As [`Self::finish`] for what was downloaded as it is.
    ///
    /// Errors: it cannot be written.
    pub fn finish_partial(&self, partial: PartialFile, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        let PartialFile { path: from, file, .. } = partial;
        let put = || {
            file.set_permissions(Permissions::from_mode(PROGRAM_MODE))?;
            file.sync_all()?;
            // Nobody can run what somebody may still write.
            drop(file);
            fs::rename(&from, &path)?;
            File::open(&self.path)?.sync_all()
        };
        put().map_err(|source| Error::Write { path: path.clone(), source })?;
        // Left behind it would describe nothing.
        let _ = fs::remove_file(origin_of(&from));
        Ok(())
    }

    /// Replaces the file `name` by `content`.
    ///
    /// Errors: it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        let unfinished = Unfinished { folder: &self.path, mode: FILE_MODE };
        unfinished.become_synced(&path, content).map_err(|source| Error::Write { path, source })
    }

    /// Removes the file `name`, if there is one.
    ///
    /// Errors: it cannot be removed.
    pub fn remove_file(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Write { path, source }),
            _ => Ok(()),
        }
    }

    /// Removes the folder and everything in it.
    ///
    /// Errors: it cannot be removed.
    pub fn remove(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.path).map_err(|source| Error::Write { path: self.path.clone(), source })?;
        self.remove_empty_parent();
        Ok(())
    }

    /// Removes the folder when there is nothing in it but its lock.
    pub fn remove_if_empty(self) {
        let is_empty = fs::read_dir(&self.path)
            .is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK)));
        // What stays is in nobody's way.
        if is_empty && fs::remove_file(self.path.join(LOCK)).is_ok() && fs::remove_dir(&self.path).is_ok() {
            self.remove_empty_parent();
        }
    }

    fn remove_empty_parent(&self) {
        let _ = self.path.parent().map(fs::remove_dir);
    }
}

impl PartialFile {
    /// How many bytes are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What to read it from.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the rest of the file at `url` begins, and what tells whether that is still the same file; none when nothing
    /// of it is here.
    pub fn rest_of(&self, url: &str) -> Option<(u64, &str)> {
        let origin = self.origin.as_ref().filter(|origin| origin.url == url)?;
        let validator = origin.validator.as_deref()?;
        (self.length > 0).then_some((self.length, validator))
    }

    /// Prepares for bytes of the file at `url` from `offset` on.
    ///
    /// Errors: the disk's.
    pub fn begin(&mut self, url: &str, validator: Option<&str>, offset: u64) -> io::Result<()> {
        let origin = Origin { url: url.to_owned(), validator: validator.map(ToOwned::to_owned) };
        if offset != self.length {
            self.file.set_len(offset)?;
            self.length = offset;
        }
        if self.origin.as_ref() != Some(&origin) {
            // Until it is written the bytes are nobody's.
            fs::write(origin_of(&self.path), serde_json::to_vec(&origin)?)?;
            self.origin = Some(origin);
        }
        Ok(())
    }

    /// Adds the next bytes.
    ///
    /// Errors: the disk's.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Writes all bytes `to` something else.
    ///
    /// Errors: the disk's, and the other's.
    pub fn copy(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.file.rewind()?;
        io::copy(&mut BufReader::with_capacity(BUFFER, &self.file), to).map(|_| ())
    }

    /// Puts it at `path`, for all to read.
    ///
    /// Errors: the folder cannot be created, or the file not written.
    pub fn put(self, path: &Path) -> Result<(), Error> {
        let put = || {
            let _held = hold_folder_of(path)?;
            replace(path, &mut &self.file, FILE_MODE, &hidden(path))
        };
        (&self.file)
            .rewind()
            .and_then(|()| put())
            .map_err(|source| Error::Write { path: path.to_owned(), source })?;
        self.discard();
        Ok(())
    }

    /// Removes it, if nothing has come yet.
    pub fn discard_if_empty(self) {
        if self.length == 0 {
            self.discard();
        }
    }

    /// Removes it.
    pub fn discard(self) {
        // What stays is begun anew by the next one.
        let _ = fs::remove_file(origin_of(&self.path));
        let _ = fs::remove_file(&self.path);
    }
}

/// Puts a copy of the program `from` at `to`, unless it is there: the time of its last change tells. True when it was
/// not. A kill leaves at most a hidden file beside it, which the next copy replaces.
///
/// Errors: the folder cannot be created, or the copy not written; a folder is in its place.
pub fn copy_program(from: &Path, to: &Path) -> Result<bool, Error> {
    let failed = |source| Error::Write { path: to.to_owned(), source };
    let original = fs::metadata(from).map_err(failed)?;
    let is_there = || match fs::symlink_metadata(to) {
        Ok(there) if there.is_dir() => Err(failed(io::Error::from(io::ErrorKind::IsADirectory))),
        there => Ok(there
            .is_ok_and(|there| there.is_file() && is_same(&there, &original) && is_own(to).unwrap_or(false))),
    };
    if is_there()? {
        return Ok(false);
    }
    let _held = hold_folder_of(to).map_err(failed)?;
    // Another process may have just done it.
    if is_there()? {
        return Ok(false);
    }
    let copy = || {
        let unfinished = hidden(to);
        replace(to, &mut File::open(from)?, PROGRAM_MODE, &unfinished)?;
        File::open(to)?.set_modified(original.modified()?)
    };
    copy().map(|()| true).map_err(failed)
}

/// Puts `text` at `path`, for all to read.
///
/// Errors: the folder cannot be created, or the file not written.
pub fn put_text(path: &Path, text: &str) -> Result<(), Error> {
    let put = || {
        let _held = hold_folder_of(path)?;
        replace(path, &mut text.as_bytes(), FILE_MODE, &hidden(path))
    };
    put().map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Creates the folder in which `path` is, and keeps other processes from [`replace`] there. Where folders cannot be
/// locked, of two at once one may fail.
fn hold_folder_of(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let held = File::open(folder)?;
    let _ = wait_for_lock(&held, folder, Deadline::after(LONGEST_COPY));
    Ok(held)
}

/// Replaces `path` by all of `content`, which is called `unfinished` until it is there.
fn replace(path: &Path, content: &mut impl Read, mode: u32, unfinished: &Path) -> io::Result<()> {
    let mut write = || {
        // It may be a link to somewhere else, where others can write.
        match fs::remove_file(unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().create_new(true).write(true).mode(mode).open(unfinished)?;
        io::copy(content, &mut file)?;
        file.sync_all()?;
        drop(file);
        fs::rename(unfinished, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(unfinished);
    })
}

/// The name beside `path` that a file has while it is written.
fn hidden(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.unfinished"))
}

fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    let mark = |meta: &fs::Metadata| (meta.len(), meta.mtime(), meta.mtime_nsec());
    mark(one) == mark(other) && one.mode() & 0o111 != 0
}

/// The system's own error, without the temporary name.
fn plain(error: io::Error) -> io::Error {
    error.raw_os_error().map_or(error, io::Error::from_raw_os_error)
}

fn origin_of(partial: &Path) -> PathBuf {
    partial.with_file_name(ORIGIN)
}

const PROGRAM_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
const LOCK: &str = ".lock";
/// The name of a download that is not complete.
pub const PARTIAL: &str = ".partial";
const ORIGIN: &str = ".partial.json";
const BUFFER: usize = 128 << 10;
/// How long another process is waited for that copies something into the same folder.
const LONGEST_COPY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(fs::metadata(path.join("oc")).unwrap().mode() & 0o777, 0o755);
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
    fn a_copy_is_made_when_there_is_another_program() {
        let below = tempfile::tempdir().unwrap();
        let (from, to) = (below.path().join("from"), below.path().join("bin/oc"));
        fs::write(&from, "one").unwrap();
        assert!(copy_program(&from, &to).unwrap());
        assert!(!copy_program(&from, &to).unwrap());
        fs::write(&from, "two").unwrap();
        assert!(copy_program(&from, &to).unwrap());
        fs::write(&to, "own").unwrap();
        assert!(copy_program(&from, &to).unwrap());
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
        assert_eq!(names(&below.path().join("bin")), ["oc"]);
        assert!(copy_program(&from, below.path()).is_err());
    }
}
