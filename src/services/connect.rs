//! The services that a command uses, all of which are known to work.

use super::availability::{Assessment, Availability};
use super::connected::ConnectedService;
use super::error::Error;
use super::inspection::Inspection;
use crate::base::deadline::Deadline;
use crate::base::types::ServiceName;
use crate::catalogue::Service;

/// What became of the services that were asked for.
#[derive(Debug)]
pub(crate) struct Connections<'a> {
    pub(crate) connected: Vec<ConnectedService<'a>>,
    /// Those that do not run or cannot be used from outside, when all that run were asked for.
    pub(crate) left_out: Vec<LeftOut>,
    /// Others could not be connected to, and were warned of.
    pub(crate) has_failed: bool,
}

/// A service that is not used although everything was asked for.
#[derive(Debug)]
pub(crate) struct LeftOut {
    pub(crate) service: ServiceName,
    pub(crate) reason: Error,
    /// What to type about it, where that is known.
    pub(crate) hint: Option<String>,
}

impl LeftOut {
    /// True when it may come at any moment: all that is needed is to start it, or to choose a context there.
    pub(crate) fn may_come(&self) -> bool {
        matches!(self.reason, Error::NotRunning { .. }) || self.reason.asks_for_a_context()
    }
}

/// Connects to `services`. With `all`, one that is not installed, stopped or unusable from outside is skipped and is
/// not an error, and one that fails does not keep the others from being used. `note` gets the reason for each that is
/// skipped although it is installed, `warn` each failure but the one that is returned.
///
/// Errors: the first that is not installed or cannot be used; with `all`, the first failure if no service could be
/// connected to.
pub(crate) fn connect<'a>(
    inspection: &Inspection,
    services: &[&'a Service],
    all: bool,
    deadline: Deadline,
    mut note: impl FnMut(&Error),
    warn: impl FnMut(Error),
) -> Result<Connections<'a>, Error> {
    if !all {
        services.iter().try_for_each(|service| inspection.require_installed(service))?;
    }
    let (mut connected, mut left_out, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for Assessment { availability, service, .. } in inspection.assess(services, all, deadline) {
        match availability {
            Availability::Connected(service) => connected.push(*service),
            Availability::NotInstalled(reason) if all && !reason.asks_for_a_context() => {}
            Availability::NotInstalled(reason)
            | Availability::Down(_, reason)
            | Availability::NoAccess(reason)
                if all =>
            {
                let reason = inspection.look_closer(reason);
                note(&reason);
                left_out.push(LeftOut { service: service.name.clone(), reason, hint: None });
            }
            Availability::NotInstalled(error)
            | Availability::Down(_, error)
            | Availability::NoAccess(error)
            | Availability::Unusable(error) => failed.push(inspection.look_closer(error)),
        }
    }
    let is_failure = !failed.is_empty() && (!all || connected.is_empty());
    let failure = is_failure.then(|| failed.remove(0));
    let has_failed = !failed.is_empty();
    failed.into_iter().for_each(warn);
    failure.map_or(Ok(Connections { connected, left_out, has_failed }), Err)
}
