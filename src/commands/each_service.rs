//! What `start`, `stop` and `restart` share: every service has its turn, and what became of each is shown.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::context::{Context, print, print_json};
use crate::base::types::ServiceName;
use crate::catalogue::Service;
use crate::cli::OutputFormat;
use crate::error::{Error, ExitCode, Explain};
use crate::guest::control::Verb;
use crate::services::Lifecycle;
use crate::ui::Explanation;

/// What the user has asked for.
pub(super) struct Request<'a> {
    pub(super) verb: Verb,
    /// The services.
    pub(super) names: &'a [String],
    pub(super) format: OutputFormat,
}

/// What became of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ServiceOutcome {
    Started,
    Stopped,
    Restarted,
    /// It was so already.
    Unchanged,
    /// What would be done was shown.
    Shown,
    Failed,
    /// What failed before leaves nothing to do.
    NotTried,
}

/// The turn of a service.
struct Turn {
    result: Result<ServiceOutcome, Error>,
    took: Duration,
}

/// Does `step` for each of the services, once `check` has found no fault in all of them.
///
/// Errors: the fault, or the first failure; the user is told of the others.
pub(super) fn for_each_service(
    request: &Request,
    context: &Context,
    check: impl FnOnce(&mut Lifecycle, &[&Service]) -> Result<(), Error>,
    mut step: impl FnMut(&mut Lifecycle, &Service) -> Result<ServiceOutcome, Error>,
) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services = catalogue.select(request.names)?;
    let session = context.open_session(&mut context.machine()?)?;
    let mut machine = Lifecycle::new(session, &catalogue, context.ui, context.deadline);
    check(&mut machine, &services)?;
    let take_turn = |machine: &mut Lifecycle, service: &Service| {
        let start = Instant::now();
        let result = step(machine, service);
        let took = start.elapsed();
        if !matches!(result, Ok(ServiceOutcome::NotTried)) {
            context.ui.step_done(service.name.as_str(), result.is_ok(), took);
        }
        Turn { result: result.and_then(|outcome| request.print_line(service, outcome)), took }
    };
    let turns = machine.for_each(&services, take_turn, |turn| turn.result.as_ref().is_err_and(is_final));
    if request.format == OutputFormat::Json {
        let services = services.iter().enumerate();
        let services = services.map(|(place, service)| TurnJson::new(service, turns.get(place), context));
        print_json(&TurnsJson { machine: &machine.machine_name(), services: services.collect() })?;
    }
    end(turns, context)
}

/// Nothing can be done for the services that follow.
fn is_final(error: &Error) -> bool {
    error.exit_code() == ExitCode::Unreachable
}

fn end(turns: Vec<Turn>, context: &Context) -> Result<(), Error> {
    let failures: Vec<Error> = turns.into_iter().filter_map(|turn| turn.result.err()).collect();
    // The machine being out of reach is what the command ends with, whatever failed before.
    let chosen = failures.iter().position(is_final).unwrap_or(0);
    context.end(failures, chosen)
}

impl Request<'_> {
    /// The words of the old plugin, which scripts know.
    fn print_line(&self, service: &Service, outcome: ServiceOutcome) -> Result<ServiceOutcome, Error> {
        let done = match self.verb {
            Verb::Start => "configured",
            Verb::Stop => "stopped",
            Verb::Restart => "restarted",
        };
        if self.format == OutputFormat::Text
            && !matches!(outcome, ServiceOutcome::NotTried | ServiceOutcome::Shown)
        {
            print(&format!("{} service {done} successfully...\n", service.title))?;
        }
        Ok(outcome)
    }
}

/// What `--output json` prints.
#[derive(Serialize)]
struct TurnsJson<'a> {
    machine: &'a str,
    services: Vec<TurnJson<'a>>,
}

#[derive(Serialize)]
struct TurnJson<'a> {
    service: &'a ServiceName,
    outcome: ServiceOutcome,
    ms: Option<u64>,
    problem: Option<Explanation>,
}

impl<'a> TurnJson<'a> {
    /// None is the turn that it did not come to.
    fn new(service: &'a Service, turn: Option<&Turn>, context: &Context) -> Self {
        let (outcome, problem) = match turn.map(|turn| &turn.result) {
            None => (ServiceOutcome::NotTried, None),
            Some(Ok(outcome)) => (*outcome, None),
            Some(Err(error)) => (ServiceOutcome::Failed, Some(error.explain(context.invocation()))),
        };
        let took = turn.filter(|_| outcome != ServiceOutcome::NotTried).map(|turn| turn.took);
        let ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        Self { service: &service.name, outcome, ms, problem }
    }
}
