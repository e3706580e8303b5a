//! What a command ends with: the error of a module, or one of its own.

use std::io;
use std::path::PathBuf;

use super::exec::ExecError;
use super::explain::{ExitCode, Explain, explain};
use super::files::{is_full, is_no_folder};
use super::invocation::Invocation;
use super::registry::RegistryError;
use crate::access::{docker_context, kubeconfig};
use crate::base::causes::causes;
use crate::base::deadline::{Timeout, WorkerPanicked};
use crate::base::files;
use crate::base::paths::NoHome;
use crate::base::text::{sh_path, sh_word};
use crate::base::types::Invalid;
use crate::guest::ssh::Unwritable;
use crate::guest::tunnel::{ServeError, StartError};
use crate::guest::{NoRandom, control};
use crate::ui::{Explanation, StdoutError};
use crate::{catalogue, clients, export, machine, services, settings};

/// What a command ends with. Text that came from the guest is in it only as a validated type or sanitized, and every
/// message is sanitized once more on its way to the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    // What the modules say.
    #[error(transparent)]
    Services(#[from] services::Error),
    #[error(transparent)]
    Machine(#[from] machine::Error),
    #[error(transparent)]
    Clients(#[from] clients::Error),
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    #[error(transparent)]
    Kubeconfig(#[from] kubeconfig::Error),
    #[error(transparent)]
    DockerContext(#[from] docker_context::Error),
    #[error(transparent)]
    Export(#[from] export::Error),
    #[error(transparent)]
    Proxy(#[from] control::ProxyError),
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    #[error(transparent)]
    Tunnel(#[from] StartError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Settings(#[from] settings::Error),
    #[error(transparent)]
    Files(#[from] files::Error),
    /// What `doctor` has found; all of it is told already.
    #[error("the diagnosis is a failure")]
    Diagnosed { code: ExitCode },
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Stdout(#[from] StdoutError),
    #[error(transparent)]
    Timeout(#[from] Timeout),
    #[error(transparent)]
    WorkerPanicked(#[from] WorkerPanicked),
    #[error(transparent)]
    NoHome(#[from] NoHome),

    // What commands find out themselves.
    /// The old plugin's scripts tell `env NAME` for a service that there is not from one that does not run.
    #[error(transparent)]
    NoSuchObject(catalogue::Error),
    /// The client is there, and cannot be put where it is wanted.
    #[error(transparent)]
    NotPlaced(files::Error),
    #[error("{what} is {source}")]
    Value { what: String, source: Invalid },
    #[error("there is no command `{name}`")]
    UnknownCommand { name: String, nearest: Option<String>, known: Vec<String> },
    #[error("several machines are named: {}", .machines.join(", "))]
    MultipleMachines { machines: Vec<String> },
    #[error("`{machine}` cannot be asked")]
    MachineUnavailable { machine: String, source: Box<Error> },
    /// The first that is wrong with one of several machines that were named.
    #[error("{error}")]
    OfMachine { machine: String, error: Box<Error> },
    /// Of an installation with options that belong to it.
    #[error("{error}")]
    OfInstallation { options: Vec<String>, error: Box<Error> },
    #[error("{error}, which `machine` in `{}` names", .path.display())]
    OfProjectFile { path: PathBuf, error: Box<Error> },
    /// With a hint that is better than its own.
    #[error("{error}")]
    Hinted { error: Box<Error>, hint: String },
    #[error("there is nothing to export of {}", .machines.join(" and "))]
    NothingToExport { machines: Vec<String>, hint: Option<String> },
    #[error("`{}` is a file", .path.display())]
    NotFolder { path: PathBuf },
    #[error("there is no `ssh` on the PATH")]
    NoSsh,
    #[error(transparent)]
    SshConfig(#[from] Unwritable),
    #[error("could not start `{}`", .program.display())]
    NotReplaced { program: PathBuf, source: io::Error },
    #[error("{what} has no web console")]
    NoConsole { what: String, instead: Option<String> },
    #[error("nothing here opens web pages (xdg-open, open)")]
    NoBrowser { address: String },
    #[error("the browser does not open {address}: {said}")]
    BrowserFailed { address: String, said: String },
    #[error("{what} has no kubeconfig")]
    NoKubeconfig { what: String, instead: Option<String> },
    #[error("`{service}` after `--merge` would be the name of a file")]
    ServiceAsFile { service: String },
    #[error("could not take `{machine}` out of `{}`", .path.display())]
    NotTakenOut { machine: String, path: PathBuf, contexts: Vec<String>, source: Box<Error> },
    #[error("could not remove the docker context `{name}`")]
    DockerContextLeft { name: String, source: Box<Error> },
    #[error("`{option}` is for {service}, which is not named")]
    OptionMisplaced { option: &'static str, service: &'static str },
    #[error("no client is named")]
    NoClientNamed,
    #[error("`{option}` is for one client, and {} are named", .names.join(" and "))]
    OptionForOneClient { option: &'static str, names: Vec<String> },
    #[error("`{option}` is not for {service} as {flavour} has it")]
    OptionUnfit { option: &'static str, service: String, flavour: String, hint: Option<String> },
    #[error("`--context` is not for {what}")]
    ContextUnfit { what: String },
    #[error("nobody can be asked whether that is the key of `{machine}`")]
    FingerprintNeeded { machine: String, offered: String },
    #[error("the host key of `{machine}` stays the one that was known")]
    HostKeyNotAccepted { machine: String },
    #[error("only root may listen at ports below 1024, such as {port}")]
    PrivilegedPort { port: u16, instead: String },
    #[error("127.0.0.1:{port} is named twice")]
    PortTwice { port: u16 },
    #[error("the guest has no address the host could use")]
    NoAddress,
    #[error("the guest does not say what runs in it")]
    NoRelease,
}

impl Error {
    /// The word that was taken for a service or a program, and is none.
    pub(crate) fn unknown_word(&self) -> Option<&str> {
        match self {
            Self::Catalogue(catalogue::Error::UnknownService { name, .. })
            | Self::NoSuchObject(catalogue::Error::UnknownService { name, .. })
            | Self::Exec(ExecError::NoSuchProgram { name, .. }) => Some(name),
            _ => None,
        }
    }
}

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Services(error) => error.exit_code(),
            Self::Machine(error) => error.exit_code(),
            Self::Clients(error) => error.exit_code(),
            Self::Catalogue(error) => error.exit_code(),
            Self::Kubeconfig(error) => error.exit_code(),
            Self::DockerContext(error) => error.exit_code(),
            Self::Export(error) => error.exit_code(),
            Self::Proxy(error) => error.exit_code(),
            Self::Settings(error) => error.exit_code(),
            Self::Exec(error) => error.exit_code(),
            Self::Registry(error) => error.exit_code(),
            Self::OfMachine { error, .. }
            | Self::OfInstallation { error, .. }
            | Self::OfProjectFile { error, .. }
            | Self::Hinted { error, .. } => error.exit_code(),
            Self::Diagnosed { code } => *code,
            Self::Tunnel(error) => error.exit_code(),
            Self::Files(error) => error.exit_code(),
            Self::Timeout(error) => error.exit_code(),
            Self::NotPlaced(_)
            | Self::NoAddress
            | Self::NoRelease
            | Self::NoKubeconfig { .. }
            | Self::NothingToExport { .. }
            | Self::NoConsole { .. }
            | Self::NoClientNamed
            | Self::NotFolder { .. }
            | Self::OptionUnfit { .. } => ExitCode::NotRunning,
            Self::Stdout(_)
            | Self::WorkerPanicked(_)
            | Self::ContextUnfit { .. }
            | Self::NoHome(_)
            | Self::NoSsh
            | Self::SshConfig(_)
            | Self::NotReplaced { .. }
            | Self::NoBrowser { .. }
            | Self::BrowserFailed { .. }
            | Self::NoSuchObject(_)
            | Self::Value { .. }
            | Self::UnknownCommand { .. }
            | Self::MultipleMachines { .. }
            | Self::MachineUnavailable { .. }
            | Self::ServiceAsFile { .. }
            | Self::NotTakenOut { .. }
            | Self::DockerContextLeft { .. }
            | Self::OptionMisplaced { .. }
            | Self::OptionForOneClient { .. }
            | Self::PrivilegedPort { .. }
            | Self::PortTwice { .. }
            | Self::Serve(_)
            | Self::FingerprintNeeded { .. }
            | Self::HostKeyNotAccepted { .. }
            | Self::NoRandom(_) => ExitCode::Failure,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Services(error) => return error.hint(),
            Self::Machine(error) => return error.hint(),
            Self::Clients(error) => return error.hint(),
            Self::Catalogue(error) | Self::NoSuchObject(error) => return error.hint(),
            Self::Kubeconfig(error) => return error.hint(),
            Self::DockerContext(error) => return error.hint(),
            Self::Export(error) => return error.hint(),
            Self::Proxy(error) => return error.hint(),
            Self::Settings(error) => return error.hint(),
            Self::Exec(error) => return error.hint(),
            Self::Registry(error) => return error.hint(),
            Self::Files(error) => return error.hint(),
            Self::Tunnel(error) => return error.hint(),
            Self::Timeout(error) => return error.hint(),
            Self::MachineUnavailable { source, .. } => return source.hint(),
            Self::OfMachine { error, .. }
            | Self::OfInstallation { error, .. }
            | Self::OfProjectFile { error, .. } => return error.hint(),
            Self::Diagnosed { .. }
            | Self::Stdout(_)
            | Self::WorkerPanicked(_)
            | Self::NoAddress
            | Self::NoRelease
            | Self::Serve(_)
            | Self::SshConfig(_)
            | Self::NotReplaced { .. }
            | Self::NoRandom(_) => return None,
            Self::NoHome(_) => "set HOME, or SERVICE_MANAGER_HOME to a folder of your own".into(),
            Self::Value { .. } => {
                "correct it, or name the machine with `--host USER@HOST --identity KEY`".into()
            }
            Self::UnknownCommand { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::UnknownCommand { known, .. } if known.is_empty() => return None,
            Self::UnknownCommand { known, .. } => format!("there are: {}", known.join(", ")),
            Self::MultipleMachines { .. } => "name one; only `env`, `exec` and `status` take several".into(),
            Self::Hinted { hint, .. } | Self::NothingToExport { hint: Some(hint), .. } => hint.clone(),
            Self::NothingToExport { .. } => STATUS.into(),
            Self::NoKubeconfig { instead, .. } => instead.clone().unwrap_or_else(|| STATUS.into()),
            Self::NoSsh | Self::NoConsole { .. } | Self::NoBrowser { .. } | Self::BrowserFailed { .. } => {
                return of_opening(self);
            }
            Self::NotTakenOut { .. }
            | Self::DockerContextLeft { .. }
            | Self::FingerprintNeeded { .. }
            | Self::HostKeyNotAccepted { .. } => return of_records(self),
            Self::NotPlaced(_)
            | Self::NotFolder { .. }
            | Self::NoClientNamed
            | Self::OptionForOneClient { .. } => return of_installing(self),
            Self::OptionUnfit { .. }
            | Self::ContextUnfit { .. }
            | Self::OptionMisplaced { .. }
            | Self::ServiceAsFile { .. }
            | Self::PrivilegedPort { .. }
            | Self::PortTwice { .. } => return of_options(self),
        })
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::Services(error) => error.causes(),
            Self::Machine(error) => error.causes(),
            Self::Clients(error) => error.causes(),
            Self::Catalogue(error) | Self::NoSuchObject(error) => error.causes(),
            Self::OfMachine { error, .. }
            | Self::OfInstallation { error, .. }
            | Self::OfProjectFile { error, .. }
            | Self::Hinted { error, .. } => error.causes(),
            error => causes(error),
        }
    }

    fn doctor(&self) -> Option<String> {
        match self {
            Self::Services(error) => error.doctor(),
            Self::MachineUnavailable { source, .. } => source.doctor(),
            Self::OfInstallation { error, .. } => error.doctor(),
            _ => None,
        }
    }

    fn explain(&self, typed: &Invocation) -> Explanation {
        match self {
            // Most commands take one machine only.
            Self::OfMachine { machine, error } => error.explain(&typed.of_machine(machine)),
            Self::OfInstallation { options, error } => error.explain(&typed.of_installation(options)),
            error => explain(error, typed),
        }
    }
}

/// What to do where another program should show something.
fn of_opening(error: &Error) -> Option<String> {
    Some(match error {
        Error::NoSsh => "install OpenSSH's client, or put its folder on the PATH".into(),
        Error::NoConsole { instead, .. } => instead.clone().unwrap_or_else(|| STATUS.into()),
        Error::NoBrowser { address } | Error::BrowserFailed { address, .. } => {
            format!("open {address} yourself; `service-manager console --print` prints it")
        }
        _ => return None,
    })
}

/// What to do about what is kept of a machine, here and in files of the user.
fn of_records(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotTakenOut { path, contexts, .. } => format!(
            "what is called `{}` in there is left: `kubectl config --kubeconfig {} delete-context {}` removes it, \
             with `delete-cluster` and `delete-user`",
            contexts.join("`, `"),
            sh_path(path),
            sh_word(contexts.first()?)
        ),
        Error::DockerContextLeft { name, .. } => format!(
            "it is left: `docker context use default` and `docker context rm {}` remove it",
            sh_word(name)
        ),
        Error::FingerprintNeeded { machine, offered } => format!(
            "if the machine says the same: `service-manager machines trust {} --fingerprint {}`",
            sh_word(machine),
            sh_word(offered)
        ),
        Error::HostKeyNotAccepted { .. } => "somebody may be in between; ask who runs the machine".into(),
        _ => return None,
    })
}

/// What to type to install a client.
fn of_installing(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotPlaced(files::Error::Write { source, .. } | files::Error::Folder { source, .. })
            if !is_full(source) && !is_no_folder(source) =>
        {
            "name a folder that you can write, with `--path FOLDER`".into()
        }
        Error::NotPlaced(error) => return error.hint(),
        Error::NotFolder { path } => {
            let folder = path.parent().unwrap_or(path);
            format!("name the folder for the program, as with `--path {}`", sh_path(folder))
        }
        Error::NoClientNamed => {
            "name one, as in `service-manager install-cli kubernetes`, or give versions in `clients` of \
             the project's `.service-manager.yaml`"
                .into()
        }
        Error::OptionForOneClient { option, names } => {
            format!("name one at a time: `service-manager install-cli {} {option} …`", names.first()?)
        }
        _ => return None,
    })
}

/// What to type in place of an option, or of its value.
fn of_options(error: &Error) -> Option<String> {
    Some(match error {
        Error::OptionUnfit { option, hint, .. } => {
            hint.clone().unwrap_or_else(|| format!("leave out `{option}`"))
        }
        Error::ContextUnfit { .. } => "leave out `--context`".into(),
        Error::OptionMisplaced { option, service } => {
            format!("name it, as in `service-manager start {service}`, or leave out `{option}`")
        }
        Error::ServiceAsFile { service } => {
            format!("`service-manager kubeconfig {service} --merge`, or `--merge ./{service}` for the file")
        }
        Error::PrivilegedPort { instead, .. } => format!("`service-manager forward {instead}`"),
        Error::PortTwice { .. } => {
            "name each port of this host once: `LOCAL:REMOTE` leads one to another port of the machine".into()
        }
        _ => return None,
    })
}

const STATUS: &str = "`service-manager status` shows what the machine has";
