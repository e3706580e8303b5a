//! `service-manager start SERVICE...`

use super::Context;
use super::life_cycle::{Condition, Session, each, tell};
use crate::cli::StartArgs;
use crate::control::Verb;
use crate::error::Error;
use crate::service::Service;

pub(super) fn run(args: &StartArgs, context: &Context) -> Result<(), Error> {
    each(&args.services, context, start)
}

fn start(session: &mut Session, service: &Service) -> Result<(), Error> {
    let (found, condition) = session.look(service)?;
    let answer = match condition {
        Condition::Up(answer) => {
            session.note(&format!("{} runs already", service.title));
            answer
        }
        Condition::Unusable(error) => return Err(error),
        Condition::Partly(_) | Condition::Down(_) => {
            session.act(Verb::Start, &found)?;
            session.wait_until_up(service)?
        }
    };
    session.keep(answer)?;
    tell(&format!("{} service configured successfully...", service.title))
}
