//! The services that a command uses, all of which are known to work.

use super::availability::{Assessment, Availability};
use super::connected::ConnectedService;
use super::error::Error;
use super::inspection::Inspection;
use crate::base::deadline::Deadline;
use crate::catalogue::Service;

/// What became of the services that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Connections<'a> {
    pub(crate) connected: Vec<ConnectedService<'a>>,
    /// Why services are left out that do not run or cannot be used from outside, when all that run were asked for.
    pub(crate) left_out: Vec<Error>,
    /// Why others could not be connected to.
    pub(crate) failed: Vec<Error>,
}

/// Connects to `services`. With `all`, one that is not installed, stopped or unusable from outside is skipped and is
/// not an error, and one that fails does not keep the others from being used.
///
/// Errors: the first that cannot be used; with `all`, the first failure if no service could be connected to.
pub(crate) fn connect<'a>(
    inspection: &Inspection,
    services: &[&'a Service],
    all: bool,
    deadline: Deadline,
) -> Result<Connections<'a>, Error> {
    let mut connections = Connections::default();
    for assessment in inspection.assess(services, deadline) {
        connections.add(assessment, all, inspection);
    }
    let is_failure = !all || connections.connected.is_empty();
    if is_failure && !connections.failed.is_empty() {
        return Err(connections.failed.swap_remove(0));
    }
    Ok(connections)
}

impl<'a> Connections<'a> {
    fn add(&mut self, assessment: Assessment<'a>, all: bool, inspection: &Inspection) {
        match assessment.availability {
            Availability::Connected(connected) => self.connected.push(*connected),
            Availability::NotInstalled(_) if all => {}
            Availability::Down(_, error) | Availability::NoAccess(error) if all => self.left_out.push(error),
            Availability::NotInstalled(error)
            | Availability::Down(_, error)
            | Availability::NoAccess(error)
            | Availability::Unusable(error) => self.failed.push(inspection.look_closer(error)),
        }
    }
}
