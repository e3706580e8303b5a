//! `service-manager restart SERVICE...`

use super::context::Context;
use super::each_service::{Request, ServiceOutcome, for_each_service};
use crate::catalogue::Service;
use crate::cli::RestartArgs;
use crate::error::Error;
use crate::guest::control::{Changes, Verb};
use crate::services::{Lifecycle, Readiness};

pub(super) fn run(args: &RestartArgs, context: &Context) -> Result<(), Error> {
    let request = Request { verb: Verb::Restart, names: &args.services, format: args.output };
    for_each_service(&request, context, |_, _| Ok(()), restart)
}

fn restart(machine: &mut Lifecycle, service: &Service) -> Result<ServiceOutcome, Error> {
    let inspected = machine.inspect_readonly(service)?;
    if inspected.assessment.readiness() == Readiness::Down {
        let error = inspected.assessment.into_error();
        return error.map_or(Ok(ServiceOutcome::NotTried), |error| Err(error.into()));
    }
    machine.require_room(&inspected.detected)?;
    machine.act(Verb::Restart, &inspected.detected, &Changes::default())?;
    let connected = machine.wait_until_up(service)?;
    machine.keep(connected)?;
    Ok(ServiceOutcome::Restarted)
}
