//! Why the guest could not be reached, or a command in it not be run.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::deadline::Timeout;

/// What goes wrong between this host and a command in the guest.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum Error {
    #[error("the host `{host}` is not known")]
    UnknownHost { host: String, source: io::Error },
    #[error("could not connect to {place}")]
    Connect {
        place: String,
        /// Vagrant has said that the machine is there.
        by_vagrant: bool,
        source: io::Error,
    },
    #[error("could not agree with {place} on how to talk SSH")]
    Handshake { place: String, source: ssh2::Error },
    #[error("{place} offers nothing for {kind} that this program knows: {offered}")]
    NothingShared { place: String, kind: &'static str, offered: String },
    #[error("could not reach {place} through the jump host")]
    Jump { place: String, source: ssh2::Error },
    #[error("could not run `{command}` to reach {place}")]
    ProxyCommand { place: String, command: String, source: io::Error },
    #[error("the ProxyCommand `{command}` does not lead to an SSH server of {place}")]
    ProxyCommandFailed { place: String, command: String, source: Box<dyn StdError + Send + Sync> },
    #[error("the connection ended early")]
    Lost { source: Box<dyn StdError + Send + Sync> },
    #[error("{place} sends more than anybody asked for")]
    Flooded { place: String },
    #[error("the host key of {place} is of a kind that is not understood")]
    HostKeyUnknown { place: String },
    /// `machine` is the key of the machine whose known hosts were asked.
    #[error("the host key of {place} is not the one learnt before: {known} was known, {offered} is offered")]
    HostKeyChanged { machine: String, place: String, known: String, offered: String },
    #[error("the host key of {place} is not the one in {}: {}, {offered} is offered", named(.files), are_there(.known))]
    HostKeyConflict { place: String, files: Vec<PathBuf>, known: Vec<String>, offered: String },
    #[error("the host key of {place}, {offered}, is marked as revoked in `{}`", .file.display())]
    HostKeyRevoked { place: String, file: PathBuf, offered: String },
    #[error("{place} is not in your known hosts, and `StrictHostKeyChecking` is on; it offers {offered}")]
    HostKeyStrict { place: String, offered: String },
    #[error("could not read your known hosts in `{}`", .file.display())]
    KnownHosts { file: PathBuf, source: io::Error },
    #[error("no key of `{user}` is accepted by {place}{}", list(.tried))]
    AuthenticationFailed {
        user: String,
        place: String,
        tried: Vec<String>,
        /// How the server lets the user in (RFC 4252, 5.1), as `publickey`; empty when it does not say.
        methods: Vec<String>,
    },
    #[error("none of the first keys of `{user}` is accepted by {place}, and it takes no more{}", list(.tried))]
    TooManyKeys { user: String, place: String, tried: Vec<String> },
    #[error("the key `{}` is protected by a passphrase and no agent holds it", .path.display())]
    KeyLocked { path: PathBuf },
    #[error("`{}` is the public half of a key, and no agent holds the private one", .path.display())]
    KeyPublic { path: PathBuf },
    #[error("could not use the key `{}`", .path.display())]
    Key { path: PathBuf, source: io::Error },
    #[error("{place} has said nothing for {} s", .limit.as_secs_f32())]
    Silent { place: String, limit: Duration },
    #[error("the guest's answer is longer than {} KiB", .limit >> 10)]
    AnswerTooLong { limit: usize },
    #[error(transparent)]
    Timeout(#[from] Timeout),
}

impl Error {
    pub(super) fn lost(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Lost { source: source.into() }
    }

    /// The same error about a machine whose route Vagrant has said.
    pub(crate) fn of_vagrant(self) -> Self {
        match self {
            Self::Connect { place, source, .. } => Self::Connect { place, by_vagrant: true, source },
            error => error,
        }
    }

    /// True when the time was over before an answer came.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }
}

fn named(files: &[PathBuf]) -> String {
    files.iter().map(|file| format!("`{}`", file.display())).collect::<Vec<_>>().join(" and ")
}

fn are_there(known: &[String]) -> String {
    format!("{} {} there", known.join(" and "), if known.len() == 1 { "is" } else { "are" })
}

fn list(tried: &[String]) -> String {
    if tried.is_empty() { String::new() } else { format!(" (tried {})", tried.join(", ")) }
}
