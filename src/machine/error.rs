//! Why a machine could not be found, or how it is reached.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::project_file::ProjectFileError;
use crate::base::deadline::Timeout;
use crate::base::files;
use crate::base::types::Invalid;

/// Why no machine was found, or no route to it.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum Error {
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error(transparent)]
    Timeout(#[from] Timeout),

    #[error("{what} is {source}")]
    Value { what: String, source: Invalid },
    #[error("no machine is given")]
    NoMachine,
    #[error("no user to log in as is given")]
    NoUser,
    #[error("no machine `{name}` is known here")]
    UnknownMachine { name: String, nearest: Option<String>, known: Vec<String> },
    /// It can be reached by this name, and nothing is kept of it. `words` before its name are the command that wants more.
    #[error("no machine `{name}` was used from here yet")]
    NotUsedYet { name: String, words: &'static str },
    /// `words` before one of the names are the command, or the option, that says which.
    #[error("several machines may be meant: {}", .known.join(", "))]
    MultipleMachines { known: Vec<String>, words: &'static str },
    /// And nothing says which one is meant.
    #[error("several machines are known here: {}", .known.join(", "))]
    NoneChosen { known: Vec<String> },
    #[error("there is no ssh config `{}`", .path.display())]
    NoSshConfig { path: PathBuf },
    #[error("`{}` {}", .path.display(), match .name { Some(name) => format!("has no `Host {name}`"), None if .known.is_empty() => "names no machine".into(), None => format!("names several machines: {}", .known.join(", ")) })]
    NoSuchAlias { name: Option<String>, path: PathBuf, nearest: Option<String>, known: Vec<String> },
    #[error("`{}` goes through more than 8 jump hosts, or in a circle", .path.display())]
    TooManyJumps { path: PathBuf },
    #[error("`ssh` refuses `{}`: {said}", .path.display())]
    SshConfigRefused { path: PathBuf, said: String },
    #[error("nothing is cached for `{machine}` yet")]
    NoCachedOutput { machine: String },
    #[error("the host key of `{machine}` was not learnt yet")]
    HostKeyNotLearnt { machine: String },
    #[error("`{}` is damaged", .path.display())]
    KnownHostsDamaged { path: PathBuf, machine: String },

    #[error("Vagrant would run `{}`, {}", .path.display(), if *.has_changed { "which has changed since you allowed it" } else { "and you have not allowed that" })]
    VagrantNotAllowed { path: PathBuf, has_changed: bool, project: ProjectFolder },
    #[error("Vagrant would run `{}`, and you have denied that", .path.display())]
    VagrantDenied { path: PathBuf, project: ProjectFolder },
    #[error("the Vagrantfile `{}` is a program that belongs to somebody else", .path.display())]
    ForeignVagrantfile { path: PathBuf },
    #[error("the project file `{}` is not valid", .path.display())]
    ProjectFile { path: PathBuf, source: ProjectFileError },
    #[error("there is no Vagrantfile in `{}`, nor above it", .folder.display())]
    NoProject { folder: PathBuf },
    #[error("no Vagrant machine of `{}` is created", .folder.display())]
    VagrantEmpty { folder: PathBuf },
    #[error("the Vagrant machine `{machine}` of `{}` is not created", .folder.display())]
    VagrantNotCreated { machine: String, folder: PathBuf },
    #[error("the Vagrant machine `{machine}` of `{}` is not running", .folder.display())]
    VagrantNotRunning { machine: String, folder: PathBuf },
    #[error("`{machine}` is a machine of a Vagrant project that is gone: `{}`", .folder.display())]
    VagrantGone { machine: String, folder: PathBuf },
    #[error("`{machine}` is in Vagrant's index, and its project is gone or has it no more: `{}`", .folder.display())]
    VagrantStale { machine: String, folder: PathBuf },
    #[error("there is no `vagrant` on the PATH, to ask it about `{}`", .folder.display())]
    NoVagrant { folder: PathBuf },
    #[error("could not start `{}`", .path.display())]
    NotStarted { path: PathBuf, source: io::Error },
    #[error("Vagrant does not say how the machine of `{}` is reached", .folder.display())]
    VagrantFailed { folder: PathBuf, source: VagrantMessage },
}

impl Error {
    /// True when no machine is meant that was used from here.
    pub(crate) fn is_about_an_unused_machine(&self) -> bool {
        matches!(
            self,
            Self::NoMachine
                | Self::UnknownMachine { .. }
                | Self::VagrantStale { .. }
                | Self::NotUsedYet { .. }
                | Self::NoCachedOutput { .. }
                | Self::VagrantEmpty { .. }
                | Self::VagrantNotCreated { .. }
        )
    }
}

/// How a project is found again.
#[derive(Debug)]
pub(crate) struct ProjectFolder {
    /// The folder.
    pub folder: PathBuf,
    /// The variables that say where Vagrant looks, where it is not where it looks by itself.
    pub variables: Vec<(&'static str, PathBuf)>,
}

/// What Vagrant said about a failure, for people.
#[derive(Debug)]
pub(crate) struct VagrantMessage(pub(super) String);

impl fmt::Display for VagrantMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for VagrantMessage {}
