//! `service-manager restart SERVICE...`

use super::context::Context;
use crate::catalogue::Service;
use crate::cli::RestartArgs;
use crate::error::Error;
use crate::guest::control::{Changes, Verb};
use crate::services::lifecycle::{Condition, Look, Session, each, tell};

pub(super) fn run(args: &RestartArgs, context: &Context) -> Result<(), Error> {
    each(&args.services, context, |_, _| Ok(()), restart)
}

fn restart(session: &mut Session, service: &Service) -> Result<(), Error> {
    let Look { found, condition, .. } = session.glance(service)?;
    if let Condition::Down(error) = condition {
        return Err(error);
    }
    session.require_room(&found)?;
    session.act(Verb::Restart, &found, &Changes::default())?;
    let answer = session.wait_until_up(service)?;
    session.keep(answer)?;
    tell(&format!("{} service restarted successfully...", service.title))
}
