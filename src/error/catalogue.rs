//! Services and the files that describe them.

use super::explain::{ExitCode, Explain};
use crate::base::causes::causes;
use crate::catalogue::Error;

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::UnknownService { .. } | Self::ClientOnly { .. } => ExitCode::NotRunning,
            Self::Files(error) => error.exit_code(),
            Self::ServiceFile { .. }
            | Self::ServiceFiles { .. }
            | Self::ServiceFilesNotValid { .. }
            | Self::ServiceText { .. } => ExitCode::Failure,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownService { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownService { known, .. } => format!("known services: {}", known.join(", ")),
            Self::ClientOnly { service } => format!("`service-manager install-cli {service}`"),
            Self::ServiceFiles { .. } => {
                "correct them, until `service-manager services validate` finds none".into()
            }
            Self::Files(error) => return error.hint(),
            Self::ServiceFile { .. } | Self::ServiceFilesNotValid { .. } | Self::ServiceText { .. } => {
                return None;
            }
        })
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::ServiceFiles { diagnostics } => diagnostics.iter().map(ToString::to_string).collect(),
            _ => causes(self),
        }
    }
}
