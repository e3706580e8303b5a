//! `service-manager stop SERVICE...`

use super::context::{Context, for_each_service, print};
use crate::catalogue::Service;
use crate::cli::StopArgs;
use crate::error::Error;
use crate::guest::control::{Changes, Verb};
use crate::services::{Lifecycle, Readiness};

pub(super) fn run(args: &StopArgs, context: &Context) -> Result<(), Error> {
    let stop = |machine: &mut Lifecycle, service: &Service| stop(machine, service, context);
    for_each_service(&args.services, context, |_, _| Ok(()), stop)
}

/// A service that is down is told to stop all the same: its socket may listen still, and the next boot would start it.
fn stop(machine: &mut Lifecycle, service: &Service, context: &Context) -> Result<(), Error> {
    let inspected = machine.inspect_readonly(service)?;
    if inspected.assessment.readiness() == Readiness::Down {
        context.note(&format!("{} does not run", service.title));
    }
    machine.act(Verb::Stop, &inspected.detected, &Changes::default())?;
    machine.wait_until_down(service)?;
    print(&format!("{} service stopped successfully...\n", service.title))
}
