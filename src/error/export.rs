//! Exports.

use super::explain::{ExitCode, Explain};
use crate::base::platform::LIST_SEPARATOR;
use crate::export::Error;

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Files(error) => error.exit_code(),
            _ => ExitCode::Failure,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unprintable { .. } | Self::Kubeconfigs(_) => return None,
            Self::Files(error) => return error.hint(),
            Self::NotWithoutQuotes { .. } => {
                "set SERVICE_MANAGER_HOME to a folder whose path has no quotes, `#` or `$`, or use `--output json`".into()
            }
            Self::OneValue { .. } => {
                "name a service whose variables can be joined, as in `service-manager env kubernetes`; or one \
                 machine"
                    .into()
            }
            Self::Namesakes { .. } => "name one of them".into(),
            Self::PathNotText { .. } => "set SERVICE_MANAGER_HOME to a folder whose path is".into(),
            Self::SeparatorInPath { .. } => {
                format!("set SERVICE_MANAGER_HOME to a folder without `{LIST_SEPARATOR}`")
            }
        })
    }
}
