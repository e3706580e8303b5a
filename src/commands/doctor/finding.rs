//! What was found out, and at which step.

use std::time::Duration;

use serde::Serialize;

use crate::base::text::{escape_control, sanitize_line};
use crate::error::{Error, Explain, Invocation};
use crate::guest::{probe, ssh};
use crate::machine;
use crate::services;

/// A question of the chain, in the order in which `env` depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChainStep {
    /// Which machine is meant.
    Machine,
    /// What Vagrant knows of it.
    Vagrant,
    /// This host's own files.
    State,
    /// What is known of the services from before.
    Cache,
    /// Whether an SSH server answers.
    Connection,
    /// Whether it is the one that was known.
    HostKey,
    /// Whether it lets the user in.
    Login,
    /// How the guest itself is.
    Guest,
    /// Whether a service is there and runs.
    Service,
    /// Whether it can be logged in to.
    Credentials,
    /// Whether it can be reached and accepts that.
    Endpoint,
    /// What is set and installed on this host.
    Host,
}

impl ChainStep {
    /// The step at which `error` happens.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Machine(error) => Self::of_machine(error),
            Error::Services(error) => Self::of_service(error),
            Error::Files(_) | Error::Settings(_) | Error::NoHome(_) => Self::State,
            Error::Timeout(_) => Self::Connection,
            _ => Self::Machine,
        }
    }

    fn of_machine(error: &machine::Error) -> Self {
        use machine::Error as E;
        match error {
            E::Files(_) => Self::State,
            E::KnownHostsDamaged { .. } | E::HostKeyNotLearnt { .. } => Self::HostKey,
            E::VagrantGone { .. }
            | E::VagrantStale { .. }
            | E::ForeignVagrantfile { .. }
            | E::VagrantNotAllowed { .. }
            | E::VagrantDenied { .. }
            | E::VagrantEmpty { .. }
            | E::VagrantNotCreated { .. }
            | E::VagrantNotRunning { .. }
            | E::NoVagrant { .. }
            | E::VagrantFailed { .. } => Self::Vagrant,
            _ => Self::Machine,
        }
    }

    fn of_service(error: &services::Error) -> Self {
        use services::Error as E;
        match error {
            E::Machine(error) => Self::of_machine(error),
            E::Ssh(error) | E::Probe(probe::Error::Ssh(error)) => Self::of_ssh(error),
            E::Timeout(_) => Self::Connection,
            E::Probe(_) | E::Control(_) => Self::Guest,
            E::Files(_) | E::Export(_) | E::Kubeconfigs(_) => Self::State,
            E::NoSudo { .. }
            | E::NotReadable { .. }
            | E::NoCredentials { .. }
            | E::CredentialsInvalid { .. }
            | E::Kubeconfig { .. }
            | E::CredentialsExpired { .. } => Self::Credentials,
            E::NoAccess { .. }
            | E::NotThroughSsh { .. }
            | E::NoAnswer { .. }
            | E::CertificateNames { .. }
            | E::Certificate { .. }
            | E::CredentialsRefused { .. }
            | E::Unexpected { .. }
            | E::NotPrepared { .. } => Self::Endpoint,
            _ => Self::Service,
        }
    }

    fn of_ssh(error: &ssh::Error) -> Self {
        use ssh::Error as E;
        match error {
            E::HostKeyUnknown { .. }
            | E::HostKeyChanged { .. }
            | E::HostKeyConflict { .. }
            | E::KnownHosts { .. }
            | E::HostKeyRevoked { .. }
            | E::HostKeyStrict { .. } => Self::HostKey,
            E::AuthenticationFailed { .. }
            | E::TooManyKeys { .. }
            | E::KeyLocked { .. }
            | E::KeyPublic { .. }
            | E::Key { .. } => Self::Login,
            E::AnswerTooLong { .. } => Self::Guest,
            _ => Self::Connection,
        }
    }
}

/// What was found out at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FindingState {
    /// As it should be.
    Ok,
    /// Worth to know; nothing fails because of it alone.
    Note,
    /// Something fails because of it.
    Problem,
    /// It was not asked, since a step before has failed.
    Unknown,
}

/// A finding. Its text may be from anywhere, and is made harmless for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) step: ChainStep,
    pub(super) service: Option<String>,
    pub(super) state: FindingState,
    pub(super) text: String,
    /// Outermost first.
    pub(super) causes: Vec<String>,
    pub(super) hint: Option<String>,
    /// How long it took, in milliseconds; none where that tells nothing.
    pub(super) ms: Option<u64>,
}

impl Finding {
    pub(super) fn new(step: ChainStep, state: FindingState, text: &str) -> Self {
        let text = sanitize_line(text);
        Self { step, service: None, state, text, causes: Vec::new(), hint: None, ms: None }
    }

    /// The problem that `env` would end with too.
    pub(super) fn of_error(error: &Error, typed: &Invocation) -> Self {
        let mut problem = Self::new(ChainStep::of(error), FindingState::Problem, &error.to_string());
        problem.causes = error.causes().iter().map(|cause| sanitize_line(cause)).collect();
        match error.hint() {
            Some(hint) => problem.hint(&hint, typed),
            None => problem,
        }
    }

    #[must_use]
    pub(super) fn hint(self, hint: &str, typed: &Invocation) -> Self {
        // Cut off, a command would not be the one that is meant.
        Self { hint: Some(escape_control(&typed.complete(hint))), ..self }
    }

    #[must_use]
    pub(super) fn about(self, service: &str) -> Self {
        Self { service: Some(service.to_owned()), ..self }
    }

    #[must_use]
    pub(super) fn with_causes(mut self, causes: &[String]) -> Self {
        self.causes.extend(causes.iter().map(|cause| sanitize_line(cause)));
        self
    }

    #[must_use]
    pub(super) fn after(self, time: Duration) -> Self {
        Self { ms: u64::try_from(time.as_millis()).ok(), ..self }
    }
}
