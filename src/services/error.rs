//! Why a service of the guest cannot be used, started or stopped.

use std::error::Error as StdError;
use std::fmt;
use std::mem::{self, Discriminant};
use std::time::Duration;

use super::state::State;
use crate::access::credentials::CredentialError;
use crate::access::endpoint::NoResponse;
use crate::access::kubeconfig;
use crate::base::deadline::{Timeout, WorkerPanicked};
use crate::base::files;
use crate::base::text::quote_stderr;
use crate::base::timeouts;
use crate::base::types::UnitName;
use crate::catalogue::{self, OpenPort, Reason};
use crate::export;
use crate::guest::control::{self, FailedStep, InstallObstacle};
use crate::guest::tunnel::{ControlError, FORBIDS, StartError};
use crate::guest::{probe, ssh};
use crate::machine::{self, Machine};

/// Why a service cannot be used, started or stopped. Every variant that is about a service or a machine has its name.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum Error {
    // What the modules say.
    #[error(transparent)]
    Machine(#[from] machine::Error),
    #[error(transparent)]
    Ssh(#[from] ssh::Error),
    #[error(transparent)]
    Probe(#[from] probe::Error),
    #[error(transparent)]
    Control(#[from] control::Error),
    #[error(transparent)]
    Proxy(#[from] control::ProxyError),
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    #[error(transparent)]
    Kubeconfigs(#[from] kubeconfig::Error),
    #[error(transparent)]
    Export(#[from] export::Error),
    #[error(transparent)]
    Tunnel(#[from] StartError),
    #[error(transparent)]
    Timeout(#[from] Timeout),
    #[error(transparent)]
    WorkerPanicked(#[from] WorkerPanicked),

    // How it is.
    #[error("there is no {service} in `{machine}`{}", if *.no_systemd { ", as far as can be seen without systemd there" } else { "" })]
    NotInstalled { service: String, machine: String, no_systemd: bool },
    #[error(
        "the container with an image registry in `{machine}` publishes no port, or is described in an unknown way"
    )]
    RegistryUnreadable { machine: String },
    #[error("there is no {service} in `{machine}`")]
    Installable {
        service: String,
        machine: String,
        /// What would be installed, and with what.
        plan: String,
    },
    #[error("the installation of {service} in `{machine}` was broken off")]
    HalfInstalled { service: String, machine: String },
    #[error("`{machine}` is {system}, on which this program does not know how to install {service}")]
    NoInstallation { service: String, machine: String, system: String },
    #[error("{what} is not made for {}, which `{machine}` runs on", .platform.as_deref().unwrap_or("the processor"))]
    NotMadeFor { what: String, machine: String, platform: Option<String> },
    #[error("{service} in `{machine}` {because}")]
    InstallByHand {
        service: String,
        machine: String,
        because: String,
        /// What to do, where no commands can be shown.
        instead: Option<String>,
    },
    #[error("there is no {service} in `{machine}`: the context `{context}` of its `{path}` leads to {}, not to the machine itself", .place.as_deref().unwrap_or("another one"))]
    LeadsElsewhere {
        service: String,
        machine: String,
        path: String,
        context: String,
        place: Option<String>,
        /// Contexts that lead to the machine itself.
        of_guest: Vec<String>,
    },
    #[error("no context is chosen in `{path}` of `{machine}`, which has {}", some(.of_guest))]
    NoContext { service: String, machine: String, path: String, of_guest: Vec<String> },
    #[error("`{path}` of `{machine}` has no context `{context}`")]
    UnknownContext {
        service: String,
        machine: String,
        path: String,
        context: String,
        known: Vec<String>,
        /// How many more it has, with names that cannot be typed.
        unnameable: usize,
    },
    #[error("the current context of `{path}` of `{machine}` has a name that cannot be typed here")]
    ContextUnnameable { service: String, machine: String, path: String, of_guest: Vec<String> },
    #[error("`--context` is not for {what}")]
    ContextUnfit { what: String },
    #[error("{service} is {} in `{machine}`", .state.in_a_sentence())]
    NotRunning {
        service: String,
        machine: String,
        state: State,
        start: Option<String>,
        failed: Option<FailedUnit>,
    },
    #[error("{service} in `{machine}` answers, but {}", are_down(.down))]
    PartlyDown {
        service: String,
        machine: String,
        down: Vec<UnitName>,
        start: Option<String>,
        failed: Option<FailedUnit>,
    },
    #[error("{service} in `{machine}` {}", .reason.because)]
    NoAccess { service: String, machine: String, ssh: String, reason: Reason, ports: Vec<OpenPort> },

    #[error("{service} in `{machine}` cannot be reached through SSH: {reason}")]
    NotThroughSsh { service: String, machine: String, reason: String, remedy: String },

    // Ports of the user's own applications.
    #[error("sshd in `{machine}` may not connect to port {port} ({reason})")]
    ForwardingForbidden { machine: String, port: u16, reason: String },
    #[error("another program listens at 127.0.0.1:{port} here")]
    PortTaken { port: u16, instead: String },
    #[error("127.0.0.1:{port} leads to {target} in `{machine}` already")]
    PortLeadsElsewhere { port: u16, target: String, machine: String, instead: String },
    #[error("nothing in `{machine}` is forwarded from 127.0.0.1:{port}")]
    NotForwarded { port: u16, machine: String },

    #[error("{service} has no unit in `{machine}` as {flavour} has it, so no journal")]
    NoJournal { service: String, flavour: String, machine: String },

    // Its credentials in the guest.
    #[error("`{user}` cannot use sudo without a password in `{machine}`, and {what}{}", quote_stderr(.stderr))]
    NoSudo {
        user: String,
        machine: String,
        what: String,
        stderr: String,
        /// What `--host` has to say to log in as root; none where an address alone does not lead there.
        as_root: Option<String>,
    },
    #[error("`{user}` cannot read `{path}` in `{machine}`")]
    NotReadable { user: String, machine: String, path: String },
    #[error("`{machine}` has no `{path}`, which {service} ({flavour}) should have")]
    NoCredentials { service: String, flavour: String, machine: String, path: String },
    #[error("the credentials for {service} in `{path}` of `{machine}` are refused")]
    CredentialsInvalid {
        service: String,
        path: String,
        machine: String,
        source: CredentialError,
        remedy: String,
    },
    #[error("the kubeconfig `{path}` in `{machine}` is refused")]
    Kubeconfig { path: String, machine: String, source: CredentialError },
    #[error("the settings of the registry in `{path}` of `{machine}` cannot be used")]
    RegistryUnclear { path: String, machine: String, source: CredentialError },
    #[error("the {what} in `{path}` of `{machine}` expired on {on}")]
    CredentialsExpired {
        service: String,
        what: &'static str,
        path: String,
        machine: String,
        on: String,
        remedy: String,
    },

    // Its endpoint.
    #[error("{service} does not answer at any address of `{machine}`{}", list(": ", .attempts))]
    NoAnswer {
        service: String,
        machine: String,
        attempts: Vec<String>,
        reason: NoResponse,
        /// Somebody listens at its port in the guest, where that was asked.
        listens: bool,
        path: String,
        unit: Option<String>,
        /// What helps where another server answers.
        remedy: Option<String>,
        /// Vagrant gives the machine its addresses.
        by_vagrant: bool,
        /// The user has it reached directly or not at all.
        only_directly: bool,
        /// One of its units has failed.
        failed: Option<Box<FailedUnit>>,
    },
    #[error("the certificate of {service} at {place} is not valid for any address of `{machine}` (it is for {})", some(.names))]
    CertificateNames { service: String, machine: String, place: String, names: Vec<String>, remedy: String },
    #[error("the certificate of {service} at {place} is not valid")]
    Certificate { service: String, place: String, source: Box<dyn StdError + Send + Sync>, remedy: String },
    #[error("{service} at {place} does not accept the credentials in `{path}` of `{machine}` ({reason})")]
    CredentialsRefused {
        service: String,
        machine: String,
        place: String,
        path: String,
        reason: String,
        remedy: String,
    },
    #[error("{service} at {place} answers what this program does not understand")]
    Unexpected { service: String, place: String, source: Box<dyn StdError + Send + Sync> },
    #[error("no connection to {service} could be prepared")]
    NotPrepared { service: String, source: Box<dyn StdError + Send + Sync> },

    // Starting and stopping it.
    #[error("nothing in `{machine}` can {verb} {service}, as {flavour} has it")]
    NoControl {
        verb: &'static str,
        service: String,
        flavour: String,
        machine: String,
        remedy: Option<String>,
    },
    #[error("could not {verb} {service} in `{machine}`: {step}")]
    ActionFailed {
        verb: &'static str,
        service: String,
        machine: String,
        step: FailedStep,
        said: Vec<String>,
        /// What was wrong with the service before.
        source: Option<Box<Error>>,
    },
    #[error("to start {service}, `{machine}` would stop {}", .others.join(", "))]
    WouldStop { service: String, machine: String, others: Vec<String> },
    #[error("{service} and {other} cannot both be started in `{machine}`: {service} stops {other}")]
    MutuallyExclusive { service: String, machine: String, other: String },
    #[error("the installation of {service} in `{machine}` has not ended after {} s", .limit.as_secs_f32())]
    InstallTimedOut { service: String, machine: String, limit: Duration },
    #[error("{service} in `{machine}` is not {wanted} after {} s", .limit.as_secs_f32())]
    StartTimedOut {
        service: String,
        machine: String,
        wanted: &'static str,
        limit: Duration,
        source: Option<Box<Error>>,
    },
}

impl From<ControlError> for Error {
    fn from(error: ControlError) -> Self {
        StartError::from(error).into()
    }
}

/// A unit that has ended with an error.
#[derive(Clone, Debug)]
pub(crate) struct FailedUnit {
    pub(crate) unit: UnitName,
    /// Its last words in the journal, where they were asked for.
    pub(crate) said: Option<String>,
}

impl fmt::Display for FailedUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.unit.full())?;
        self.said.iter().try_for_each(|said| write!(f, ": {said}"))
    }
}

impl Error {
    /// The unit whose failure it is about.
    pub(crate) fn failed_unit(&mut self) -> Option<&mut FailedUnit> {
        match self {
            Self::NotRunning { failed, .. } | Self::PartlyDown { failed, .. } => failed.as_mut(),
            Self::NoAnswer { failed, .. } => failed.as_deref_mut(),
            _ => None,
        }
    }

    /// True when something of the service has ended with an error.
    pub(crate) fn is_about_a_failed_service(&self) -> bool {
        matches!(self, Self::NotRunning { state: State::Failed, .. })
    }

    /// For how long a service has to say nothing else until waiting is in vain. None when it may always come.
    pub(super) fn settles_after(&self) -> Option<Duration> {
        match self {
            Self::NotRunning { .. }
            | Self::PartlyDown { .. }
            | Self::NoAnswer { reason: NoResponse::Timeout | NoResponse::NotReady, .. }
            | Self::NoAnswer { reason: NoResponse::ConnectionRefused, listens: false, .. } => None,
            // Its files are written late, maybe in parts.
            Self::NoCredentials { .. } | Self::CredentialsInvalid { .. } | Self::Kubeconfig { .. } => {
                Some(timeouts::LATE_FILES)
            }
            // Its rules are not loaded yet, or its certificates are about to be renewed.
            Self::NoAnswer { .. }
            | Self::CertificateNames { .. }
            | Self::Certificate { .. }
            | Self::CredentialsExpired { .. }
            | Self::CredentialsRefused { .. }
            | Self::Unexpected { .. } => Some(timeouts::LAST_WORD),
            _ => Some(Duration::ZERO),
        }
    }

    /// True when the keys of a Docker daemon and its client do not fit each other, the address or the date.
    pub(super) fn is_about_keys(&self) -> bool {
        matches!(
            self,
            Self::NoAnswer { reason: NoResponse::WrongServer, .. }
                | Self::CertificateNames { .. }
                | Self::Certificate { .. }
                | Self::CredentialsExpired { .. }
                | Self::CredentialsRefused { .. }
                | Self::CredentialsInvalid { .. }
                | Self::NoCredentials { .. }
        )
    }

    /// True when a service that listens on the guest's loopback alone would not have been reached either.
    pub(super) fn is_about_the_way(&self) -> bool {
        let Self::NoAnswer { attempts, only_directly, .. } = self else { return false };
        *only_directly || attempts.iter().any(|attempt| attempt.ends_with(FORBIDS))
    }

    /// True when what was put into the guest was not there any more when it was used.
    pub(crate) fn is_about_transfer(&self) -> bool {
        matches!(self, Self::ActionFailed { step: FailedStep::Install(InstallObstacle::Transfer), .. })
    }

    /// True when nothing in the guest speaks for the service any more.
    pub(super) fn says_that_it_is_gone(&self) -> bool {
        matches!(
            self,
            Self::NotInstalled { .. }
                | Self::LeadsElsewhere { .. }
                | Self::NoContext { .. }
                | Self::UnknownContext { .. }
                | Self::ContextUnnameable { .. }
        )
    }

    /// True when something in the guest speaks for the service all the same, and only a context has to be chosen.
    pub(crate) fn asks_for_a_context(&self) -> bool {
        match self {
            Self::LeadsElsewhere { of_guest, .. } | Self::NoContext { of_guest, .. } => !of_guest.is_empty(),
            Self::UnknownContext { .. } | Self::ContextUnnameable { .. } => true,
            _ => false,
        }
    }

    /// How the server lets the user in whose keys it does not accept.
    pub(crate) fn login_methods(&self) -> Option<&[String]> {
        match self {
            Self::Ssh(ssh::Error::AuthenticationFailed { methods, .. })
            | Self::Probe(probe::Error::Ssh(ssh::Error::AuthenticationFailed { methods, .. })) => {
                Some(methods)
            }
            _ => None,
        }
    }

    /// The same error, with `source` as what was wrong before, where that is why a Docker daemon's TLS is left as it is.
    pub(crate) fn caused_by(self, trouble: impl FnOnce() -> Option<Error>) -> Self {
        match self {
            Self::ActionFailed {
                verb,
                service,
                machine,
                step: step @ FailedStep::Tls,
                said,
                source: None,
            } => {
                let source = trouble().map(Box::new);
                Self::ActionFailed { verb, service, machine, step, said, source }
            }
            error => error,
        }
    }

    /// What is the same when a service says the same again, if maybe in other words.
    pub(super) fn kind(&self) -> ErrorKind {
        let answer = match self {
            Self::NoAnswer { reason, listens, .. } => Some((*reason, *listens)),
            _ => None,
        };
        ErrorKind { variant: mem::discriminant(self), answer }
    }

    /// True when the time of the command was over.
    pub(super) fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            Self::Ssh(error) => error.is_timeout(),
            Self::Probe(error) => error.is_timeout(),
            Self::Control(error) => error.is_timeout(),
            _ => false,
        }
    }

    /// The same error, which knows whether Vagrant has said how `machine` is reached.
    pub(super) fn about_route_of(self, machine: &Machine) -> Self {
        match self {
            Self::Ssh(error) if machine.origin().is_some() => Self::Ssh(error.of_vagrant()),
            error => error,
        }
    }

    /// True when the machine cannot be reached, so that another route may lead there.
    pub(super) fn is_about_the_route(&self) -> bool {
        matches!(self, Self::Ssh(_) | Self::Timeout(_))
    }
}

/// What an error is about, without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ErrorKind {
    variant: Discriminant<Error>,
    answer: Option<(NoResponse, bool)>,
}

fn list(before: &str, items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!("{before}{}", items.join(", ")) }
}

/// `a.service is down`, or several that are.
fn are_down(units: &[UnitName]) -> String {
    let names: Vec<String> = units.iter().map(UnitName::full).collect();
    format!("{} {} down", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

/// The first of what may be very many.
pub(crate) fn some(names: &[String]) -> String {
    match names.len().checked_sub(MOST_NAMES) {
        _ if names.is_empty() => "none".to_owned(),
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST_NAMES].join(", ")),
    }
}

/// Of a certificate that are told.
const MOST_NAMES: usize = 10;
