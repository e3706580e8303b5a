//! One machine that is watched: a connection that stays, and a question now and then.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::report::{Inquiry, Report};
use crate::base::deadline::in_time;
use crate::catalogue::Catalogue;
use crate::commands::context::Context;
use crate::error::Error;
use crate::machine::Machine;
use crate::services::MachineSession;
use crate::ui;

/// What happens while machines are watched.
pub(super) enum WatchEvent {
    /// The only machine has answered for the first time, or could not be asked.
    Begun(Box<(Follower, Result<Report, Error>)>),
    /// The machine at this place has answered, or could not be asked.
    Answer(usize, Box<Result<Report, Error>>),
    /// The user has pressed `q`, or nobody reads the output any more.
    End,
}

/// A machine that is asked again and again.
pub(super) struct Follower {
    context: Context,
    catalogue: Arc<Catalogue>,
    names: Vec<String>,
    /// What it is called where several are watched.
    label: Option<String>,
    /// None as long as it is not known which machine that is.
    inquiry: Option<Inquiry>,
    session: Option<MachineSession>,
}

impl Follower {
    /// Asks about the services called `names` of the machine of `context`.
    pub(super) fn new(context: Context, catalogue: &Arc<Catalogue>, names: &[String]) -> Self {
        let (catalogue, names) = (Arc::clone(catalogue), names.to_vec());
        Self { context, catalogue, names, label: None, inquiry: None, session: None }
    }

    /// The same for one of several, whose names are their labels.
    pub(super) fn with_label(self) -> Self {
        Self { label: Some(self.context.label()), ..self }
    }

    /// The same, known to be `machine`.
    pub(super) fn of(self, machine: Machine) -> Self {
        let inquiry = Some(Inquiry::new(Arc::clone(&self.catalogue), &self.names, machine));
        Self { inquiry, ..self }
    }

    /// The same; from now on the keyboard is not there for answers, nor the terminal for what is waited for.
    pub(super) fn that_asks_nobody(self) -> Self {
        Self { context: self.context.that_may_ask(false).that_waits_silently(), ..self }
    }

    /// Asks for the first time.
    pub(super) fn begin(mut self) -> WatchEvent {
        let first = self.ask();
        WatchEvent::Begun(Box::new((self, first)))
    }

    /// Asks, now and whenever `interval` is over, and sends the answers; until nobody takes them or reads standard output.
    pub(super) fn follow(
        mut self,
        place: usize,
        first: bool,
        interval: Duration,
        events: &Sender<WatchEvent>,
    ) {
        let mut is_due = first;
        loop {
            if is_due && events.send(WatchEvent::Answer(place, Box::new(self.report()))).is_err() {
                return;
            }
            is_due = true;
            if !ui::wait(interval) {
                let _ = events.send(WatchEvent::End);
                return;
            }
        }
    }

    /// What the machine says, or that it could not be asked.
    fn report(&mut self) -> Result<Report, Error> {
        match (self.ask(), &self.label) {
            (Ok(report), _) => Ok(report),
            (Err(problem), None) => self.unknown(problem),
            (Err(problem), Some(label)) => {
                self.unknown(Error::MachineUnavailable { machine: label.clone(), source: problem.into() })
            }
        }
    }

    fn unknown(&self, problem: Error) -> Result<Report, Error> {
        let report = match &self.inquiry {
            Some(inquiry) => inquiry.unknown(problem)?,
            None => Report::unknown(&self.catalogue.select(&self.names)?, problem),
        };
        Ok(self.labelled(report))
    }

    fn labelled(&self, report: Report) -> Report {
        let machine = self.label.clone().unwrap_or(report.machine);
        Report { machine, ..report }
    }

    /// Asks once, over the session or a new one, which is there for the next time unless this fails. What was found out
    /// about the route is kept even then.
    fn ask(&mut self) -> Result<Report, Error> {
        let inquiry = self.inquiry()?;
        let (limit, context) = (self.context.deadline.limit(), self.context.clone());
        let (mut asking, open) = (inquiry, self.session.take());
        let round = move |deadline| {
            let answer = ask_over(&mut asking, open, &context.with_deadline(deadline));
            Ok::<_, Error>((asking, answer))
        };
        let (asked, answer) = in_time(limit, || (), round)?;
        self.inquiry = Some(asked);
        let (open, report) = answer?;
        self.session = Some(open).filter(|open| !open.is_worn());
        Ok(self.labelled(report))
    }

    fn inquiry(&self) -> Result<Inquiry, Error> {
        if let Some(inquiry) = &self.inquiry {
            return Ok(inquiry.clone());
        }
        let context = self.context.clone();
        let find = move |deadline| context.with_deadline(deadline).machine();
        let machine = in_time(self.context.deadline.limit(), || (), find)?;
        Ok(Inquiry::new(Arc::clone(&self.catalogue), &self.names, machine))
    }
}

fn ask_over(
    inquiry: &mut Inquiry,
    session: Option<MachineSession>,
    context: &Context,
) -> Result<(MachineSession, Report), Error> {
    let mut session = session.map_or_else(|| inquiry.open_session(context), Ok)?;
    session.set_deadline(context.deadline);
    let report = inquiry.ask(&mut session, context.deadline)?;
    Ok((session, report))
}
