//! Whether a service of the guest can be used from the host, and if not, why not.

use std::time::Duration;

use super::connected::ConnectedService;
use super::detect::DetectedService;
use super::error::Error;
use super::state::State;
use crate::access::endpoint::NoResponse;
use crate::base::timeouts;
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
    /// Which of its units are down, where it can be used all the same.
    pub(crate) partly_down: Option<Error>,
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

    /// How far it is when it should come up, as far as one look tells: a server that was started a moment ago may
    /// still get other certificates and rules.
    pub(crate) fn readiness(&self) -> Readiness {
        let is_settled = |detected: &DetectedService| {
            // Without units nothing can start it anew.
            detected.units.is_empty() || detected.active_for.is_some_and(|age| age >= timeouts::LONG_ACTIVE)
        };
        let settled = self.detected.as_ref().is_some_and(is_settled);
        self.readiness_after(match settled {
            true => Duration::MAX,
            false if self.is_docker() => timeouts::DOCKER_KEYS,
            false => Duration::ZERO,
        })
    }

    /// The same when it has said nothing else for `time`.
    pub(crate) fn readiness_after(&self, time: Duration) -> Readiness {
        let is_whole = self.detected.as_ref().is_some_and(|detected| detected.state == State::Running);
        match &self.availability {
            Availability::NotInstalled(_) | Availability::Down(..) => Readiness::Down,
            Availability::Connected(_) | Availability::NoAccess(_) if is_whole => Readiness::Ready,
            Availability::Unusable(error) if is_whole && self.is_final(error, time) => Readiness::Stuck,
            Availability::Connected(_) | Availability::NoAccess(_) | Availability::Unusable(_) => {
                Readiness::Coming
            }
        }
    }

    fn is_docker(&self) -> bool {
        self.detected.as_ref().is_some_and(|detected| detected.flavour.access.has_docker_keys())
    }

    fn is_final(&self, error: &Error, time: Duration) -> bool {
        let settles_after = match error {
            // A daemon that is active listens, if it ever will.
            Error::NoAnswer { reason: NoResponse::ConnectionRefused, listens: false, .. }
                if self.is_docker() =>
            {
                Some(timeouts::LAST_WORD)
            }
            // It has read its certificates, and writes none.
            error if self.is_docker() => error.settles_after().map(|_| timeouts::DOCKER_KEYS),
            error => error.settles_after(),
        };
        settles_after.is_some_and(|wanted| time >= wanted)
    }

    /// True when `start` replaces the keys because of which it cannot be used.
    pub(crate) fn needs_new_keys(&self) -> bool {
        let renews = |detected: &DetectedService| detected.flavour.access.renewable_keys().is_some();
        matches!(&self.availability, Availability::Unusable(error) if error.is_about_keys())
            && self.detected.as_ref().is_some_and(renews)
    }

    /// The connection to it, if there is one.
    pub(crate) fn into_connected(self) -> Option<Box<ConnectedService<'a>>> {
        match self.availability {
            Availability::Connected(connected) => Some(connected),
            _ => None,
        }
    }

    /// The connection to it, or why it cannot be used.
    pub(crate) fn into_result(self) -> Result<Box<ConnectedService<'a>>, Error> {
        match self.availability {
            Availability::Connected(connected) => Ok(connected),
            Availability::NotInstalled(error)
            | Availability::Down(_, error)
            | Availability::NoAccess(error)
            | Availability::Unusable(error) => Err(error),
        }
    }

    /// Why it cannot be used, or what of it is down all the same.
    pub(crate) fn into_problem(mut self) -> Option<Error> {
        let partly_down = self.partly_down.take();
        self.into_error().or(partly_down)
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
