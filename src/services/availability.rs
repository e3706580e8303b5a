//! Whether a service of the guest can be used from the host, and if not, why not.

use super::connected::ConnectedService;
use super::detect::DetectedService;
use super::error::Error;
use super::state::State;
use crate::catalogue::Service;

/// Whether a service can be used from the host, and if not, why not.
#[derive(Debug)]
pub(crate) enum Availability<'a> {
    /// The host has connected to it.
    Connected(Box<ConnectedService<'a>>),
    /// No flavour of it is in the guest.
    NotInstalled(Error),
    /// Nothing of it is up.
    Down(State, Error),
    /// It runs, and is made so that nobody outside of the guest can use it.
    NoAccess(Error),
    /// Something of it is up, or should be, and the host could not use it.
    Unusable(Error),
}

/// What was found out about a service.
#[derive(Debug)]
pub(crate) struct Assessment<'a> {
    pub(crate) service: &'a Service,
    /// None when it is not installed.
    pub(crate) detected: Option<DetectedService<'a>>,
    pub(crate) availability: Availability<'a>,
}

/// How far a service is that should come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// All of it is up and answers, or it cannot be used from outside.
    Ready,
    /// All of it is up, and waiting does not make it usable.
    Stuck,
    /// Something of it is up, and it may still come.
    Coming,
    /// Nothing of it is up.
    Down,
}

impl<'a> Assessment<'a> {
    /// The state to show.
    pub(crate) fn state(&self) -> State {
        match (&self.availability, &self.detected) {
            (Availability::NotInstalled(_), _) | (_, None) => State::NotInstalled,
            (Availability::Connected(connected), _) => connected.detected.state,
            (Availability::Down(state, _), _) => *state,
            (Availability::NoAccess(_), Some(detected)) => detected.state,
            (Availability::Unusable(error), Some(detected)) => {
                let is_silent = matches!(error, Error::NoAnswer { .. }) && detected.state == State::Running;
                // What answers runs, whatever it answers.
                let is_unsure = is_silent || detected.must_be_asked || !detected.state.is_up();
                if is_unsure { State::Degraded } else { detected.state }
            }
        }
    }

    /// How far it is when it should come up.
    pub(crate) fn readiness(&self) -> Readiness {
        let is_whole = self.detected.as_ref().is_some_and(|detected| detected.state == State::Running);
        match &self.availability {
            Availability::NotInstalled(_) | Availability::Down(..) => Readiness::Down,
            Availability::Connected(_) | Availability::NoAccess(_) if is_whole => Readiness::Ready,
            Availability::Unusable(error) if is_whole && !error.is_transient() => Readiness::Stuck,
            Availability::Connected(_) | Availability::NoAccess(_) | Availability::Unusable(_) => {
                Readiness::Coming
            }
        }
    }

    /// The connection to it, if there is one.
    pub(crate) fn into_connected(self) -> Option<Box<ConnectedService<'a>>> {
        match self.availability {
            Availability::Connected(connected) => Some(connected),
            _ => None,
        }
    }

    /// Why it cannot be used, unless it can.
    pub(crate) fn into_error(self) -> Option<Error> {
        match self.availability {
            Availability::Connected(_) => None,
            Availability::NotInstalled(error)
            | Availability::Down(_, error)
            | Availability::NoAccess(error)
            | Availability::Unusable(error) => Some(error),
        }
    }
}
