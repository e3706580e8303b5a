//! `service-manager restart SERVICE...`

use super::context::{Context, for_each_service, print};
use crate::catalogue::Service;
use crate::cli::RestartArgs;
use crate::error::Error;
use crate::guest::control::{Changes, Verb};
use crate::services::{Lifecycle, Readiness};

pub(super) fn run(args: &RestartArgs, context: &Context) -> Result<(), Error> {
    for_each_service(&args.services, context, |_, _| Ok(()), restart)
}

fn restart(machine: &mut Lifecycle, service: &Service) -> Result<(), Error> {
    let inspected = machine.inspect_readonly(service)?;
    if inspected.assessment.readiness() == Readiness::Down {
        return inspected.assessment.into_error().map_or(Ok(()), |error| Err(error.into()));
    }
    machine.require_room(&inspected.detected)?;
    machine.act(Verb::Restart, &inspected.detected, &Changes::default())?;
    let connected = machine.wait_until_up(service)?;
    machine.keep(connected)?;
    print(&format!("{} service restarted successfully...\n", service.title))
}
