//! Docker contexts of the host.

use super::explain::{ExitCode, Explain};
use crate::access::docker_context::Error;
use crate::base::files;
use crate::base::text::{sh_path, sh_word};

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Failure
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Folder { source: source @ files::Error::FolderLocked { .. }, .. } => return source.hint(),
            Self::Folder { .. } => "set DOCKER_CONFIG to a folder of your own, for docker too".into(),
            Self::Taken { name } => format!(
                "choose another name: `service-manager docker-context --name {}`; or `docker context rm {}`",
                sh_word(&format!("{name}-2")),
                sh_word(name)
            ),
            Self::OtherMachine { name, machine } => format!(
                "choose another name: `service-manager docker-context --name {}`; or \
                 `service-manager docker-context --remove -m {}`",
                sh_word(&format!("{name}-2")),
                sh_word(machine)
            ),
            Self::Config { path, .. } => {
                format!("see to it that you can read and write `{}`; docker does too", sh_path(path))
            }
            Self::NotConfig { path, .. } => {
                format!("correct `{}`, which docker passes over meanwhile", sh_path(path))
            }
        })
    }
}
