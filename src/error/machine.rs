//! Which machine, and how it is reached.

use super::explain::{ExitCode, Explain};
use crate::base::text::{sh_path, sh_word};
use crate::machine::{Error, ProjectFileError, ProjectFolder};

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Files(error) => error.exit_code(),
            Self::Timeout(error) => error.exit_code(),
            Self::VagrantEmpty { .. } | Self::VagrantNotCreated { .. } | Self::VagrantNotRunning { .. } => {
                ExitCode::Unreachable
            }
            Self::NoCachedOutput { .. } => ExitCode::NotRunning,
            _ => ExitCode::Failure,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Files(error) => return error.hint(),
            Self::Timeout(error) => return error.hint(),
            Self::Value { .. } => {
                "correct it, or name the machine with `--host USER@HOST --identity KEY`".into()
            }
            Self::NoMachine => {
                "go to the folder of a Vagrant machine, or name a machine with `--machine NAME` or \
                `--host USER@HOST --identity KEY`"
                    .into()
            }
            Self::NoUser => "`--host USER@HOST`, or `User` in the ssh config".into(),
            Self::UnknownMachine { nearest: Some(nearest), .. }
            | Self::NoSuchAlias { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownMachine { known, .. } if known.is_empty() => {
                "name it once with `--ssh-config FILE` or `--host USER@HOST`; it is remembered then".into()
            }
            Self::UnknownMachine { known, .. } => format!("known here: {}", known.join(", ")),
            Self::NoSuchAlias { known, .. } if known.is_empty() => {
                "`vagrant ssh-config > FILE` writes one that does".into()
            }
            Self::NoSuchAlias { name: Some(_), known, .. } => format!("it has: {}", known.join(", ")),
            Self::NoSuchAlias { known, .. } => format!("name one, as with `--machine {}`", known.first()?),
            Self::MultipleMachines { known, words } => {
                // Its project may stand behind the name.
                format!("name one, as with `{words} {}`", known.first()?.split(' ').next()?)
            }
            Self::NoneChosen { known } => {
                let name = known.first()?;
                format!(
                    "`service-manager machines use {name}` chooses one from now on, `--machine {name}` for one command"
                )
            }
            Self::NoSshConfig { .. } => "`vagrant ssh-config > FILE` writes one".into(),
            Self::TooManyJumps { .. } => "name fewer hosts in `ProxyJump`".into(),
            Self::SshConfigRefused { path, .. } => format!("`ssh -G -F {} NAME` says it too", sh_path(path)),
            Self::NoCachedOutput { .. } => "leave out `--cached` once".into(),
            Self::HostKeyNotLearnt { .. } => "`service-manager status` learns it".into(),
            Self::VagrantGone { machine, .. } | Self::KnownHostsDamaged { machine, .. } => {
                format!("`service-manager machines forget {}`", sh_word(machine))
            }
            Self::ForeignVagrantfile { path } => {
                format!("`cd {}`, if you trust it", sh_path(path.parent()?))
            }
            Self::VagrantNotAllowed { project, .. } | Self::VagrantDenied { project, .. } => {
                format!("{}, if you trust it", allow(project))
            }
            Self::VagrantEmpty { folder } => format!("in `{}`: `vagrant up`", folder.display()),
            Self::VagrantNotCreated { machine, folder } | Self::VagrantNotRunning { machine, folder } => {
                format!("in `{}`: `vagrant up {machine}`", folder.display())
            }
            Self::NoVagrant { .. } => {
                "put Vagrant on the PATH, or name the machine with `--ssh-config FILE` or `--host USER@HOST`"
                    .into()
            }
            Self::VagrantFailed { folder, .. } => format!("in `{}`: `vagrant ssh-config`", folder.display()),
            Self::ProjectFile {
                source: ProjectFileError::UnknownKey { nearest: Some(nearest), .. }, ..
            } => {
                format!("did you mean `{nearest}`?")
            }
            Self::ProjectFile { source: ProjectFileError::UnknownKey { .. }, .. } => {
                "it may have: machine, services, clients".into()
            }
            Self::ProjectFile { source: ProjectFileError::Bare { .. }, .. } => "put it between quotes".into(),
            Self::NotStarted { .. } | Self::NoProject { .. } | Self::ProjectFile { .. } => return None,
        })
    }
}

/// The command that lets Vagrant run the program of a project.
fn allow(project: &ProjectFolder) -> String {
    let ProjectFolder { folder, variables } = project;
    let command = format!("service-manager machines allow {}", sh_path(folder));
    if variables.is_empty() {
        return format!("`{command}`");
    }
    let variables: String =
        variables.iter().map(|(name, path)| format!("{name}={} ", sh_path(path))).collect();
    format!("`{variables}{command}`")
}
