//! `service-manager restart SERVICE...`

use super::Context;
use super::life_cycle::{Condition, Session, each, tell};
use crate::cli::RestartArgs;
use crate::control::Verb;
use crate::error::Error;
use crate::service::Service;

pub(super) fn run(args: &RestartArgs, context: &Context) -> Result<(), Error> {
    each(&args.services, context, restart)
}

fn restart(session: &mut Session, service: &Service) -> Result<(), Error> {
    let (found, condition) = session.look(service)?;
    if let Condition::Down(error) = condition {
        return Err(error);
    }
    session.act(Verb::Restart, &found)?;
    let answer = session.wait_until_up(service)?;
    session.keep(answer)?;
    tell(&format!("{} service restarted successfully...", service.title))
}
