//! `service-manager logs SERVICE [-f] [--since TIME]`

use std::time::Duration;

use super::context::Context;
use crate::base::deadline::Deadline;
use crate::cli::LogsArgs;
use crate::error::Error;
use crate::guest::probe::Questions;
use crate::ui::print_to_reader;

pub(super) fn run(args: &LogsArgs, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services = catalogue.select(std::slice::from_ref(&args.service))?;
    let mut session = context.open_session(&mut context.machine()?)?;
    let inspection = session.inspect(&Questions::about(services.iter().copied()))?;
    let detected = inspection.installed(services[0])?;
    if args.follow {
        session.set_deadline(Deadline::after(LONGEST_WATCH));
    }
    let mut printed = Ok(true);
    session.read_journal(&detected, args.since.as_ref(), args.follow, |line| {
        printed = print_to_reader(&format!("{line}\n"));
        matches!(printed, Ok(true))
    })?;
    printed?;
    Ok(())
}

/// Whoever follows a journal ends that.
const LONGEST_WATCH: Duration = Duration::from_hours(24);
