//! Why no program of the host trusts the registry in the machine, or is logged in to it.

use std::path::PathBuf;

use super::explain::{ExitCode, Explain};
use crate::base::text::sh_path;

/// Why `registry` has not done what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("`{}` is not from this program", .path.display())]
    NotOurs { path: PathBuf },
    #[error("the route to the registry of `{machine}` is {place}, which is another host")]
    Elsewhere { place: String, machine: String },
    #[error("nobody knows the host {place}, which is the route to the registry of `{machine}`")]
    Nowhere { place: String, machine: String },
    #[error("the registry needs a user and a password")]
    NoPassword,
    #[error("the registry at {place} does not accept that login")]
    LoginRefused { place: String },
    #[error("the cluster in `{machine}` gives no token for its registry")]
    NoToken { machine: String },
    #[error("`{}` is not a file of logins", .path.display())]
    NotLogins { path: PathBuf },
    #[error("there is no `docker` on the PATH")]
    NoDocker,
    #[error("`docker login` has failed: {said}")]
    DockerLogin { said: String },
}

impl Explain for RegistryError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Failure
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotOurs { path } => {
                format!("move `{}` away, or add the registry's authority to it yourself", sh_path(path))
            }
            Self::Elsewhere { .. } => {
                "in the machine: `oc get routes --all-namespaces` shows it; give it a name that leads to the machine".into()
            }
            Self::Nowhere { .. } => {
                "the name has to lead to the machine, as your name server says; in the machine: `oc get routes --all-namespaces` shows it".into()
            }
            Self::NoPassword => {
                "`service-manager registry login --user NAME --password-stdin <FILE` reads the password from a file".into()
            }
            Self::LoginRefused { .. } => "in the machine, `htpasswd -v` checks a user and a password".into(),
            Self::NoToken { .. } => {
                "`--namespace PROJECT` names a project that has the service account `builder`".into()
            }
            Self::NotLogins { path } => format!("correct `{}`, or move it away", sh_path(path)),
            Self::NoDocker => "`service-manager install-cli docker` installs it".into(),
            Self::DockerLogin { .. } => return None,
        })
    }
}
