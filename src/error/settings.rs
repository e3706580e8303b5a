//! The user's settings.

use super::explain::{ExitCode, Explain};
use crate::base::platform::take_all_access;
use crate::base::text::sh_path;
use crate::settings::Error;

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Files(error) => error.exit_code(),
            Self::Settings { .. } | Self::SharedPassword { .. } => ExitCode::Failure,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Files(error) => error.hint(),
            Self::Settings { .. } => None,
            Self::SharedPassword { path } => Some(format!("`{}`", take_all_access(&sh_path(path)))),
        }
    }
}
