//! Why `exec` runs no command.

use std::io;
use std::path::PathBuf;

use super::explain::{ExitCode, Explain};
use crate::base::text::sh_path;

/// Why no command was run in place of this program. The exit codes are a shell's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecError {
    #[error("there is no program `{name}`")]
    NoSuchProgram { name: String, nearest: Option<String> },
    #[error("`{}` is not executable", .path.display())]
    NotExecutable { path: PathBuf },
    #[error("`{}` cannot be run", .path.display())]
    NotStarted { path: PathBuf, source: io::Error },
    #[error("`{}` is this program itself", .path.display())]
    RunsItself { path: PathBuf },
    #[error("no `{program}` that fits {server} is here")]
    NoFittingClient {
        program: String,
        server: String,
        install: String,
        is_offline: bool,
        on_path: Option<String>,
    },
    #[error("`--client-version` is for a client such as `kubectl`, which `{command}` is not")]
    NotAClient { command: String },
}

impl Explain for ExecError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoSuchProgram { .. } | Self::NoFittingClient { on_path: None, .. } => ExitCode::NoProgram,
            Self::NotStarted { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                ExitCode::NoProgram
            }
            Self::NotExecutable { .. }
            | Self::NotStarted { .. }
            | Self::RunsItself { .. }
            | Self::NoFittingClient { .. } => ExitCode::NotRunning,
            Self::NotAClient { .. } => ExitCode::Failure,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSuchProgram { nearest, .. } => format!("did you mean `{}`?", nearest.as_ref()?),
            Self::NotStarted { .. } => return None,
            Self::NotExecutable { path } => format!("`chmod +x {}` makes it so", sh_path(path)),
            Self::RunsItself { .. } => "name the program that it stands for by its path".into(),
            Self::NoFittingClient { install, is_offline, on_path, .. } => {
                let network = if *is_offline { "where there is a network, " } else { "" };
                let found = on_path.as_ref().map(|version| {
                    format!("; on the PATH is {version}, which `--any-version` takes all the same")
                });
                format!("{network}`{install}` installs one{}", found.unwrap_or_default())
            }
            Self::NotAClient { .. } => "leave it out".into(),
        })
    }
}
