//! `service-manager restart SERVICE...`

use super::Context;
use super::life_cycle::{Condition, Look, Session, each, tell};
use crate::cli::RestartArgs;
use crate::control::{Changes, Verb};
use crate::error::Error;
use crate::service::Service;

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
