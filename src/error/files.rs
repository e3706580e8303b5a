//! Files of the host.

use std::io::ErrorKind;

use super::explain::{ExitCode, Explain};
use crate::base::files::Error;
use crate::base::platform::{remove, take_write_access};
use crate::base::text::sh_path;

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Timeout(timeout) => timeout.exit_code(),
            _ => ExitCode::Failure,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => return None,
            Self::Timeout(timeout) => return timeout.hint(),
            Self::Write { source, .. } | Self::Folder { source, .. } if is_full(source) => {
                "free some space there".into()
            }
            Self::SharedFile { source, .. } if is_full(source) => "free some space there".into(),
            Self::Write { source, .. } if is_no_folder(source) => {
                "there is a file where a folder has to be: name another folder".into()
            }
            Self::Write { .. } | Self::Folder { .. } => {
                "set SERVICE_MANAGER_HOME to a folder that you can write".into()
            }
            Self::FolderShared { path } | Self::WritableByOthers { path } => {
                format!("`{}`, if it is yours", take_write_access(&sh_path(path)))
            }
            Self::FolderLocked { .. } => "wait for the other process, or end it".into(),
            Self::SharedFile { .. } | Self::SharedFileOdd { .. } => ANOTHER_FILE.into(),
            Self::SharedFileLocked { lock, .. } => {
                format!("if no program uses it, one was killed: `{}`", remove(&sh_path(lock)))
            }
        })
    }
}

/// There is a file where a folder has to be.
pub(super) fn is_no_folder(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::AlreadyExists)
}

/// The disk or the user's share of it has no room.
pub(super) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

pub(super) const ANOTHER_FILE: &str = "name another file with `--merge FILE`";
