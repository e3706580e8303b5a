//! Reading, never without a limit.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::Error;
use crate::base::platform;

/// Opens the regular file that `path` leads to. Nothing that would block is waited for.
///
/// Errors: it is something else, or cannot be read.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    regular(platform::open(path)?)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

/// Reads what `path` leads to, if that is a regular file of at most `limit` bytes.
///
/// Errors: as for [`open_regular`]; it is longer.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_all(open_regular(path)?, limit)
}

/// Opens a file that others may have put there: none when it is anything but a regular file, a link for example.
pub(super) fn open_foreign(path: &Path) -> io::Result<Option<File>> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let file = platform::open_no_follow(path)?;
    // It may be another one by now.
    Ok(file.metadata()?.is_file().then_some(file))
}

/// All of `file`, at most `limit` bytes.
pub(super) fn read_all(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
}

/// Reads a regular file of at most `limit` bytes; `None` when there is none.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    content_of(path, open_regular(path), limit)
}

/// As [`read`], for text: what is not UTF-8 is an error.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<Option<String>, Error> {
    text_of(path, read(path, limit)?)
}

/// As [`read_text`] for a file that the user named on the command line: it may be a pipe, as `<(vagrant ssh-config)`
/// is, and is waited for.
pub(crate) fn read_named_text(path: &Path, limit: u64) -> Result<Option<String>, Error> {
    text_of(path, content_of(path, File::open(path), limit)?)
}

fn content_of(path: &Path, opened: io::Result<File>, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    match opened.and_then(|file| read_all(file, limit)) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

fn text_of(path: &Path, content: Option<Vec<u8>>) -> Result<Option<String>, Error> {
    let Some(content) = content else { return Ok(None) };
    String::from_utf8(content).map(Some).map_err(|_| Error::Read {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"),
    })
}

/// Reads a file that somebody else may have put there: `None` unless it is a regular file of at most `limit` bytes.
/// A link is not followed, and nothing that would block is waited for.
pub(crate) fn read_foreign(path: &Path, limit: u64) -> Option<Vec<u8>> {
    read_all(open_foreign(path).ok()??, limit).ok()
}

/// Has the file `path` say that it was changed now.
pub(crate) fn touch(path: &Path) -> Result<(), Error> {
    let touch = || {
        let file = regular(platform::open_to_touch(path)?)?;
        file.set_modified(SystemTime::now())
    };
    touch().map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// The folders in `path`; none when there is no `path`.
pub(crate) fn folders_in(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut folders = Vec::new();
    for entry in entries_of(path)?.into_iter().flatten() {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// The files in `path` whose names end in one of `endings`, in the order of their names, hidden ones left out; none
/// when there is no `path`.
pub(crate) fn files_in(path: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let entries = entries_of(path)?.into_iter().flatten();
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

fn entries_of(path: &Path) -> Result<Option<fs::ReadDir>, Error> {
    match fs::read_dir(path) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::platform::testing::{fifo, symlink};

    #[test]
    fn reads_no_more_than_the_limit() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("big");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().unwrap(), b"12345");
        assert!(matches!(read(&path, 4), Err(Error::Read { .. })));
        assert!(read(&below.path().join("none"), 4).unwrap().is_none());
        assert_eq!(read_foreign(&path, 5).unwrap(), b"12345");
        assert_eq!(read_foreign(&path, 4), None);
    }

    #[test]
    fn what_is_no_regular_file_is_an_error_at_once() {
        let below = tempfile::tempdir().unwrap();
        let (pipe, link, zero) =
            (below.path().join("pipe"), below.path().join("link"), below.path().join("zero"));
        fifo(&pipe);
        symlink(&pipe, &link);
        symlink("/dev/zero", &zero);
        for path in [&pipe, &link, &zero, below.path()] {
            assert!(matches!(read(path, 5), Err(Error::Read { .. })), "{}", path.display());
            assert_eq!(read_foreign(path, 5), None);
            assert!(open_foreign(path).unwrap().is_none());
            assert!(open_regular(path).is_err());
            assert!(touch(path).is_err());
        }
    }

    #[test]
    fn a_pipe_that_the_user_names_is_read() {
        let below = tempfile::tempdir().unwrap();
        let pipe = below.path().join("pipe");
        fifo(&pipe);
        std::thread::scope(|scope| {
            scope.spawn(|| fs::write(&pipe, "Host vm"));
            assert_eq!(read_named_text(&pipe, 10).unwrap().as_deref(), Some("Host vm"));
        });
    }
}
