//! `service-manager stop SERVICE...`

use super::context::Context;
use super::each_service::{Request, ServiceOutcome, for_each_service};
use crate::catalogue::Service;
use crate::cli::StopArgs;
use crate::error::Error;
use crate::guest::control::{Changes, Verb};
use crate::services::{Lifecycle, Readiness};

pub(super) fn run(args: &StopArgs, context: &Context) -> Result<(), Error> {
    let stop = |machine: &mut Lifecycle, service: &Service| stop(machine, service, context);
    let request = Request { verb: Verb::Stop, names: &args.services, format: args.output };
    for_each_service(&request, context, |_, _| Ok(()), stop)
}

/// A service that is down is told to stop all the same: its socket may listen still, and the next boot would start it.
fn stop(machine: &mut Lifecycle, service: &Service, context: &Context) -> Result<ServiceOutcome, Error> {
    let inspected = machine.inspect_readonly(service)?;
    let was_down = inspected.assessment.readiness() == Readiness::Down;
    if was_down {
        context.note(&format!("{} does not run", service.title));
    }
    machine.act(Verb::Stop, &inspected.detected, &Changes::default())?;
    machine.wait_until_down(service)?;
    Ok(if was_down { ServiceOutcome::Unchanged } else { ServiceOutcome::Stopped })
}
