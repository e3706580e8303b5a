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
                "go to the folder of a Vagrant machine, or name a machine: `--host USER@HOST`, or `-m NAME` for a `Host` of \
                 ~/.ssh/config and for each that `service-manager machines` lists"
                    .into()
            }
            Self::NoUser => "`--host USER@HOST`, or `User` in the ssh config".into(),
            Self::UnknownMachine { .. }
            | Self::NotUsedYet { .. }
            | Self::NoSuchAlias { .. }
            | Self::MultipleMachines { .. }
            | Self::NoneChosen { .. } => return of_name(self),
            Self::NoSshConfig { .. } => "`vagrant ssh-config > FILE` writes one".into(),
            Self::TooManyJumps { .. } => "name fewer hosts in `ProxyJump`".into(),
            Self::SshConfigRefused { path, .. } => format!("`ssh -G -F {} NAME` says it too", sh_path(path)),
            Self::NoCachedOutput { .. } => "leave out `--cached` once".into(),
            Self::HostKeyNotLearnt { .. } => "`service-manager status` learns it".into(),
            Self::VagrantGone { machine, .. } | Self::KnownHostsDamaged { machine, .. } => {
                format!("`service-manager machines forget {}`", sh_word(machine))
            }
            Self::ForeignVagrantfile { .. }
            | Self::VagrantNotAllowed { .. }
            | Self::VagrantDenied { .. }
            | Self::VagrantEmpty { .. }
            | Self::VagrantNotCreated { .. }
            | Self::VagrantNotRunning { .. }
            | Self::NoVagrant { .. }
            | Self::VagrantFailed { .. } => return of_vagrant(self),
            Self::ProjectFile { source, .. } => return what_to_write(source),
            Self::VagrantStale { .. } => {
                "`vagrant global-status --prune` takes it out of there; if you moved the project, go to its new folder"
                    .into()
            }
            Self::NoProject { .. } => {
                "name the project's folder: `service-manager machines allow FOLDER`, or `deny FOLDER`".into()
            }
            Self::NotStarted { .. } => return None,
        })
    }
}

/// What to type in place of a name.
fn of_name(error: &Error) -> Option<String> {
    Some(match error {
        Error::UnknownMachine { nearest: Some(nearest), .. }
        | Error::NoSuchAlias { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
        Error::UnknownMachine { known, .. } if known.is_empty() => {
            "name it once with `--ssh-config FILE` or `--host USER@HOST`; it is remembered then".into()
        }
        Error::UnknownMachine { known, .. } => format!("known here: {}", known.join(", ")),
        Error::NotUsedYet { words, .. } if words.ends_with("forget") => {
            "nothing is kept of it; `service-manager machines` lists those of which something is".into()
        }
        Error::NotUsedYet { name, words } => {
            let name = sh_word(name);
            format!("`service-manager status -m {name}` uses it; then `{words} {name}`")
        }
        Error::NoSuchAlias { known, .. } if known.is_empty() => {
            "`vagrant ssh-config > FILE` writes one that does".into()
        }
        Error::NoSuchAlias { name: Some(_), known, .. } => format!("it has: {}", known.join(", ")),
        Error::NoSuchAlias { known, .. } => format!("name one, as with `--machine {}`", known.first()?),
        Error::MultipleMachines { known, words } => {
            // Its project may stand behind the name.
            format!("name one, as with `{words} {}`", known.first()?.split(' ').next()?)
        }
        Error::NoneChosen { known } => {
            let name = known.first()?.split(' ').next()?;
            format!(
                "`service-manager machines use {name}` chooses one from now on, `--machine {name}` for one command"
            )
        }
        _ => return None,
    })
}

/// What to do where Vagrant has to say how the machine is reached.
fn of_vagrant(error: &Error) -> Option<String> {
    Some(match error {
        Error::ForeignVagrantfile { path } => {
            format!("`cd {}`, if you trust it", sh_path(path.parent()?))
        }
        Error::VagrantNotAllowed { project, .. } | Error::VagrantDenied { project, .. } => {
            format!("{}, if you trust it", allow(project))
        }
        Error::VagrantEmpty { folder } => format!("in `{}`: `vagrant up`", folder.display()),
        Error::VagrantNotCreated { machine, folder } | Error::VagrantNotRunning { machine, folder } => {
            format!("in `{}`: `vagrant up {machine}`", folder.display())
        }
        Error::NoVagrant { .. } => {
            "put Vagrant on the PATH, or name the machine with `--ssh-config FILE` or `--host USER@HOST`"
                .into()
        }
        Error::VagrantFailed { folder, .. } => format!("in `{}`: `vagrant ssh-config`", folder.display()),
        _ => return None,
    })
}

/// What to write into a project's file instead.
fn what_to_write(error: &ProjectFileError) -> Option<String> {
    Some(match error {
        ProjectFileError::UnknownKey { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
        ProjectFileError::UnknownKey { .. } => "it may have: machine, services, clients".into(),
        ProjectFileError::Bare { field } if field.starts_with("clients") => "put it between quotes".into(),
        ProjectFileError::Program { field, service } => {
            let program = field.trim_start_matches("clients.");
            format!("write `{service}: VERSION` in place of `{program}: VERSION`")
        }
        ProjectFileError::Service { source, .. } => return source.hint(),
        ProjectFileError::Value { field, .. }
        | ProjectFileError::Kind { field, .. }
        | ProjectFileError::Bare { field }
        | ProjectFileError::NoClient { field } => example(field).into(),
        ProjectFileError::Yaml(_) | ProjectFileError::NoMapping | ProjectFileError::NotUtf8 => {
            "write `machine: default`, `services: [docker]` or `clients: {kubernetes: 1.31.5}`, each in a line of its own"
                .into()
        }
        ProjectFileError::NotReadable | ProjectFileError::Foreign => return None,
    })
}

/// What stands at `field` in a file that is right.
fn example(field: &str) -> &'static str {
    match field.split(['.', '[']).next() {
        Some("machine") => "write a name as `service-manager machines` lists it: `machine: default`",
        Some("services") => {
            "write names as `service-manager services list` shows them: `services: [docker, kubernetes]`"
        }
        Some("clients") => "write versions of services' clients: `clients: {kubernetes: '1.31.5'}`",
        _ => "its keys are `machine`, `services` and `clients`",
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
