//! `service-manager stop SERVICE...`

use super::context::Context;
use crate::catalogue::Service;
use crate::cli::StopArgs;
use crate::error::Error;
use crate::guest::control::{Changes, Verb};
use crate::services::lifecycle::{Condition, Look, Session, each, tell};

pub(super) fn run(args: &StopArgs, context: &Context) -> Result<(), Error> {
    each(&args.services, context, |_, _| Ok(()), stop)
}

/// What is down is told to stop all the same: its socket may listen still, and the next boot would start it.
fn stop(session: &mut Session, service: &Service) -> Result<(), Error> {
    let Look { found, condition, .. } = session.glance(service)?;
    if let Condition::Down(_) = condition {
        session.note(&format!("{} does not run", service.title));
    }
    session.act(Verb::Stop, &found, &Changes::default())?;
    session.wait_until_down(service)?;
    tell(&format!("{} service stopped successfully...", service.title))
}
