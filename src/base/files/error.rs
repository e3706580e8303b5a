//! Why a file of the host could not be used.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::deadline::Timeout;
use crate::base::text::humanize_duration;

/// Why a file or folder could not be read, written or locked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It could not be written or removed.
    #[error("could not write `{}`", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder of this program's own could not be made, entered or locked.
    #[error("could not use the folder `{}`", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another user of the host could write into a folder of this program's own.
    #[error("`{}` is not a folder that only you can write", .path.display())]
    FolderShared {
        /// The folder.
        path: PathBuf,
    },
    /// Another user of the host could write a file or folder that says what is run.
    #[error("others than you can write `{}`", .path.display())]
    WritableByOthers {
        /// The file or folder.
        path: PathBuf,
    },
    /// Another process held the lock of a folder until the time was over.
    #[error("another process keeps `{}` locked", .path.display())]
    FolderLocked {
        /// The folder.
        path: PathBuf,
    },
    /// A file that other programs write too could not be changed.
    #[error("could not change `{}`", .path.display())]
    SharedFile {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Such a file is not an ordinary file of the user's own.
    #[error("`{}` {what}", .path.display())]
    SharedFileOdd {
        /// The file.
        path: PathBuf,
        /// What it is instead, after its name.
        what: &'static str,
    },
    /// Another program held the lock of such a file until the time was over.
    #[error("another program keeps `{}` locked{}", .path.display(), .age.map(|age| format!(" since {}", humanize_duration(age))).unwrap_or_default())]
    SharedFileLocked {
        /// The file.
        path: PathBuf,
        /// The lock file beside it.
        lock: PathBuf,
        /// How long ago the lock was made; none when it is gone, or the clock was set back.
        age: Option<Duration>,
    },
    /// The command's time was over before the file was locked.
    #[error(transparent)]
    Timeout(#[from] Timeout),
}
