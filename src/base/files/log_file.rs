//! The log of a process in the background. What a machine does can put lines into it for as long as the process lives, so it has
//! a limit, and so has what is added in a minute.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::Error;
use super::read::open_regular;
use crate::base::platform::{FileAccess, open_with_access};

/// Opens the file `path` to add lines to it (0600). One that has become long begins anew.
///
/// Errors: it is a link, or cannot be written.
pub(crate) fn open_log(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_file() || meta.len() > LONGEST_LOG) {
        fs::remove_file(path).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    open_with_access(&mut options, path, FileAccess::Private).map_err(failed)
}

/// The end of the log `path`, in whole lines; none when there is no log.
///
/// Errors: it cannot be read.
pub(crate) fn read_log(path: &Path) -> Result<Option<String>, Error> {
    match open_regular(path).and_then(|mut file| end_of(&mut file, LONGEST_LOG)) {
        Ok(end) => Ok(Some(String::from_utf8_lossy(&end).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// The last `most` bytes of `file`, from the beginning of a line on.
fn end_of(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let start = file.metadata()?.len().saturating_sub(most);
    // The byte before tells whether a line begins there.
    file.seek(SeekFrom::Start(start.saturating_sub(1)))?;
    let mut end = Vec::new();
    file.take(most + 1).read_to_end(&mut end)?;
    if start > 0 {
        let first = end.iter().position(|byte| *byte == b'\n').map_or(end.len(), |line_end| line_end + 1);
        end.drain(..first);
    }
    Ok(end)
}

/// A log that one process adds to.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    minute: Instant,
    /// How many lines there were in that minute.
    lines: u64,
}

impl LogFile {
    /// Errors: as for [`open_log`].
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), file: open_log(path)?, minute: Instant::now(), lines: 0 })
    }

    /// Adds `line`. When there have been very many within a minute, it is only counted.
    ///
    /// Errors: the file cannot be written.
    pub(crate) fn add(&mut self, line: &str) -> io::Result<()> {
        self.add_at(line, Instant::now())
    }

    fn add_at(&mut self, line: &str, now: Instant) -> io::Result<()> {
        if now.saturating_duration_since(self.minute) >= MINUTE {
            let left_out = self.lines.saturating_sub(MOST_LINES);
            (self.minute, self.lines) = (now, 0);
            if left_out > 0 {
                self.write(&format!("{left_out} more lines were left out"))?;
            }
        }
        self.lines += 1;
        if self.lines > MOST_LINES { Ok(()) } else { self.write(line) }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.file.metadata()?.len() + line.len() as u64 >= LONGEST_LOG {
            self.shorten()?;
        }
        self.file.write_all(format!("{line}\n").as_bytes())
    }

    /// Keeps the second half. It stays the same file, since it is this process's standard error too.
    fn shorten(&mut self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        // Not to add to it: Windows lets nobody shorten a file who may only add to it.
        options.read(true).write(true);
        let mut file = open_with_access(&mut options, &self.path, FileAccess::Private)?;
        let end = end_of(&mut file, LONGEST_LOG / 2)?;
        file.set_len(0)?;
        self.file.write_all(&end)
    }
}

const LONGEST_LOG: u64 = 256 << 10;
const MINUTE: Duration = Duration::from_mins(1);
/// More in a minute than the ports that one machine can have here, told twice.
const MOST_LINES: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::platform::testing::mode;

    #[test]
    fn a_log_grows_privately_and_not_for_ever() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("log");
        for _ in 0..2 {
            open_log(&path).unwrap().write_all(b"line\n").unwrap();
        }
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("line\nline\n", 0o600));
        fs::write(&path, vec![b'x'; 300 << 10]).unwrap();
        open_log(&path).unwrap().write_all(b"new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[test]
    fn a_process_that_lives_long_keeps_the_newest_lines() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("log");
        let mut log = LogFile::open(&path).unwrap();
        let standard_error = log.file.try_clone().unwrap();
        let line = |number: u64| format!("{number:06} {}", "x".repeat(900));
        for number in 0..5_000 {
            // A few in each minute.
            log.add_at(&line(number), log.minute + Duration::from_secs(number * 10)).unwrap();
            assert!(fs::metadata(&path).unwrap().len() <= LONGEST_LOG);
        }
        (&standard_error).write_all(b"panic\n").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 100, "{}", lines.len());
        let (last, others) = lines.split_last().unwrap();
        assert_eq!(*last, "panic");
        for (number, found) in (0..5_000).rev().zip(others.iter().rev()) {
            assert_eq!(*found, line(number));
        }
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn lines_without_end_are_counted() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("log");
        let mut log = LogFile::open(&path).unwrap();
        let begin = log.minute;
        for number in 0..10_000 {
            log.add_at(&number.to_string(), begin).unwrap();
        }
        log.add_at("later", begin + MINUTE).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 302);
        assert_eq!(lines[299..], ["299", "9700 more lines were left out", "later"]);
    }

    #[test]
    fn of_a_long_log_the_end_is_read() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("log");
        assert_eq!(read_log(&path).unwrap(), None);
        fs::write(&path, b"one\ntwo\xff\n").unwrap();
        assert_eq!(read_log(&path).unwrap().as_deref(), Some("one\ntwo\u{fffd}\n"));
        // As versions before this one have left them, and one that ends between two lines.
        for length in [100, 63] {
            let line = "x".repeat(length) + "\n";
            fs::write(&path, line.repeat((3 << 20) / line.len())).unwrap();
            let end = read_log(&path).unwrap().unwrap();
            assert!((250 << 10..=256 << 10).contains(&end.len()), "{}", end.len());
            assert!(end.split_inclusive('\n').all(|found| found == line));
        }
        fs::write(&path, vec![b'x'; 3 << 20]).unwrap();
        assert_eq!(read_log(&path).unwrap().as_deref(), Some(""));
    }
}
