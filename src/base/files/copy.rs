//! Programs and files that are put into folders of the user's. These may be anybody's too, so nothing there is locked
//! or waited for: each copy has a name of its own until it is whole.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata, TryLockError};
use std::io::{self, Read};
use std::path::Path;

use tempfile::NamedTempFile;

use super::atomic::{Unfinished, persist};
use super::error::Error;
use super::ownership::is_own;
use super::read::{open_foreign, open_regular};
use crate::base::platform::{FileAccess, FileId, Owner, is_executable, set_access};

/// Puts a copy of the program `from` at `to`, unless it is there: the time of its last change tells. True when it was
/// not. A kill leaves at most a hidden file beside it, which the next copy removes.
///
/// Errors: the folder cannot be created, or the copy not written; a folder is in its place.
pub(crate) fn copy_program(from: &Path, to: &Path) -> Result<bool, Error> {
    let failed = |source| Error::Write { path: to.to_owned(), source };
    let original = fs::metadata(from).map_err(failed)?;
    match fs::symlink_metadata(to) {
        Ok(there) if there.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
        Ok(there) if is_same(&there, &original) && is_own(to).unwrap_or(false) => return Ok(false),
        _ => {}
    }
    let copy = || {
        let file = unfinished(to, &mut open_regular(from)?, FileAccess::Program)?;
        // Before others see it, as they compare it with theirs.
        file.as_file().set_modified(original.modified()?)?;
        persist(file, to)
    };
    copy().map(|()| true).map_err(failed)
}

/// Puts `text` at `path`, for all to read.
///
/// Errors: the folder cannot be created, or the file not written.
pub(crate) fn put_text(path: &Path, text: &str) -> Result<(), Error> {
    let put = put(path, &mut text.as_bytes(), FileAccess::Readable);
    put.map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Puts a copy of the file `from` at `to`, for all to read.
///
/// Errors: it cannot be read, the folder cannot be created, or the copy not written.
pub(crate) fn put_copy(from: &Path, to: &Path) -> Result<(), Error> {
    let copy = || put(to, &mut open_regular(from)?, FileAccess::Readable);
    copy().map_err(|source| Error::Write { path: to.to_owned(), source })
}

/// Replaces `path` by all of `content`, and makes its folder when it is missing.
pub(super) fn put(path: &Path, content: &mut impl Read, access: FileAccess) -> io::Result<()> {
    persist(unfinished(path, content, access)?, path)
}

/// A hidden file beside `path` with all of `content`. Its folder is made when it is missing.
fn unfinished(path: &Path, content: &mut impl Read, access: FileAccess) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let prefix = prefix(path);
    remove_leftovers(folder, &prefix)?;
    let mut file = create(Unfinished { folder, prefix: &prefix })?;
    io::copy(content, file.as_file_mut())?;
    set_access(file.as_file(), file.path(), access)?;
    Ok(file)
}

/// A file that this process holds the lock of, for as long as it writes.
fn create(unfinished: Unfinished) -> io::Result<NamedTempFile> {
    loop {
        // Only its user can open it, so nobody else can lock it.
        let file = unfinished.create(FileAccess::Private)?;
        match file.as_file().try_lock() {
            // Files cannot be locked on every disk.
            Err(TryLockError::Error(_)) => return Ok(file),
            // Another process may have taken it for a left-over before it was locked.
            Ok(())
                if FileId::at(file.path())
                    .is_ok_and(|id| FileId::of(file.as_file()).is_ok_and(|own| own == id)) =>
            {
                return Ok(file);
            }
            Ok(()) | Err(TryLockError::WouldBlock) => {}
        }
    }
}

/// Removes what killed processes have left: nobody holds their locks.
fn remove_leftovers(folder: &Path, prefix: &OsStr) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            remove_leftover(&entry.path());
        }
    }
    Ok(())
}

/// Removes the file `path` under its lock: whoever has just made it finds that it is gone, or is waited for.
fn remove_leftover(path: &Path) {
    if !matches!(Owner::of(path), Ok(Owner::User)) {
        return;
    }
    // What stays is in nobody's way.
    let remove = || fs::remove_file(path).unwrap_or_default();
    match open_foreign(path) {
        Ok(Some(file)) if file.try_lock().is_ok() => remove(),
        // A link, for example.
        Ok(None) => remove(),
        Ok(Some(_)) | Err(_) => {}
    }
}

/// How the names beside `path` begin that a file has while it is written.
fn prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".unfinished");
    prefix
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    let is_as_old = one.modified().is_ok_and(|time| other.modified().is_ok_and(|other| time == other));
    one.is_file() && one.len() == other.len() && is_as_old && is_executable(one)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Instant, SystemTime};

    use super::*;
    use crate::base::platform::testing::{fifo, symlink};

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nobody_sees_a_copy_with_another_time() {
        let below = tempfile::tempdir().unwrap();
        let from = below.path().join("from");
        fs::write(&from, "one").unwrap();
        File::options().write(true).open(&from).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        std::thread::scope(|scope| {
            for copy in 0..200 {
                let to = below.path().join(copy.to_string());
                let copied = scope.spawn({
                    let (from, to) = (from.clone(), to.clone());
                    move || copy_program(&from, &to).unwrap()
                });
                while !to.exists() {
                    std::hint::spin_loop();
                }
                assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
                assert!(copied.join().unwrap());
            }
        });
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

    #[test]
    fn a_folder_that_somebody_has_locked_is_not_waited_for() {
        let below = tempfile::tempdir().unwrap();
        let (from, to) = (below.path().join("from"), below.path().join("bin/oc"));
        fs::write(&from, "one").unwrap();
        fs::create_dir(below.path().join("bin")).unwrap();
        let folder = File::open(below.path().join("bin")).unwrap();
        folder.lock().unwrap();
        let begin = Instant::now();
        assert!(copy_program(&from, &to).unwrap());
        put_text(&below.path().join("bin/sums"), "x").unwrap();
        assert!(begin.elapsed().as_secs() < 10);
    }

    #[test]
    fn what_killed_processes_left_is_removed_and_what_is_being_written_stays() {
        let below = tempfile::tempdir().unwrap();
        let (from, to) = (below.path().join("from"), below.path().join("bin/oc"));
        fs::write(&from, "one").unwrap();
        let bin = below.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join(".oc.unfinished"), "old").unwrap();
        fs::write(bin.join(".oc.unfinished-a"), "old").unwrap();
        symlink(&from, bin.join(".oc.unfinished-b"));
        fifo(&bin.join(".oc.unfinished-c"));
        let prefix = prefix(&to);
        let busy = create(Unfinished { folder: &bin, prefix: &prefix }).unwrap();
        assert!(copy_program(&from, &to).unwrap());
        let busy_name = busy.path().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(names(&bin), [busy_name, "oc".to_owned()]);
        assert_eq!(fs::read_to_string(&from).unwrap(), "one");
    }
}
