//! `status --watch`: one connection, a question now and then, and what has changed since.

use std::time::Duration;

use super::report::{Inquiry, Report, Row};
use super::{StatusFormat, table};
use crate::base::deadline::in_time;
use crate::commands::context::{Context, print};
use crate::error::{Error, Explain, Invocation};
use crate::services::MachineSession;
use crate::ui::json;
use crate::ui::{self, TerminalFrame, Ui};

/// Asks every `interval` and shows what changes, until somebody ends the program or nobody reads any more.
///
/// Errors: those of the first question. Later ones are shown, and the next question connects anew.
pub(super) fn watch(
    mut inquiry: Inquiry,
    interval: Duration,
    format: StatusFormat,
    context: &Context,
) -> Result<(), Error> {
    let mut display = Display::new(format, context.ui, context.invocation().clone());
    let mut session = None;
    display.show(&ask(&mut inquiry, &mut session, context)?)?;
    while ui::wait(interval) {
        let report = match ask(&mut inquiry, &mut session, context) {
            Err(problem) => inquiry.unknown(problem)?,
            Ok(report) => report,
        };
        display.show(&report)?;
    }
    Ok(())
}

/// Asks once, over `session` or a new one, which is there for the next time unless this fails. What was found out
/// about the route is kept even then.
fn ask(
    inquiry: &mut Inquiry,
    session: &mut Option<MachineSession>,
    context: &Context,
) -> Result<Report, Error> {
    let (limit, context) = (context.deadline.limit(), context.clone());
    let (mut asking, open) = (inquiry.clone(), session.take());
    let round = move |deadline| {
        let answer = ask_over(&mut asking, open, &context.with_deadline(deadline));
        Ok::<_, Error>((asking, answer))
    };
    let (asked, answer) = in_time(limit, || (), round)?;
    *inquiry = asked;
    let (open, report) = answer?;
    *session = Some(open).filter(|open| !open.is_worn());
    Ok(report)
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

/// What is shown, and what was.
struct Display {
    format: StatusFormat,
    ui: Ui,
    typed: Invocation,
    frame: TerminalFrame,
    lines: Vec<String>,
    warnings: Vec<String>,
    document: String,
}

impl Display {
    fn new(format: StatusFormat, ui: Ui, typed: Invocation) -> Self {
        let (lines, warnings) = (Vec::new(), Vec::new());
        Self { format, ui, typed, frame: TerminalFrame::default(), lines, warnings, document: String::new() }
    }

    fn show(&mut self, report: &Report) -> Result<(), Error> {
        match self.format {
            StatusFormat::Table => {
                let table = |width| table::of_machine(report, None, width, self.ui);
                let problems = table::problems(std::slice::from_ref(report), &self.typed, self.ui);
                return Ok(self.frame.show(|width| table(width) + &problems)?);
            }
            StatusFormat::Lines => print(&self.changed_lines(&report.rows))?,
            StatusFormat::Json => print(&self.changed_document(report)?)?,
        }
        self.warn(report);
        Ok(())
    }

    /// The lines of the services whose state is not what it was.
    fn changed_lines(&mut self, rows: &[Row]) -> String {
        let lines: Vec<String> = rows.iter().map(Row::line).collect();
        let changed = lines.iter().filter(|line| !self.lines.contains(line)).cloned().collect();
        self.lines = lines;
        changed
    }

    fn changed_document(&mut self, report: &Report) -> Result<String, Error> {
        let document = json::line(&report.document(&self.typed))?;
        let changed = if document == self.document { String::new() } else { document.clone() };
        self.document = document;
        Ok(changed)
    }

    /// Warns of what was not there before.
    fn warn(&mut self, report: &Report) {
        let mut warnings = Vec::new();
        for warning in report.warnings() {
            let text = warning.to_string();
            if !self.warnings.contains(&text) {
                self.ui.warning(&warning.explain(&self.typed));
            }
            warnings.push(text);
        }
        self.warnings = warnings;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::State;
    use crate::ui::ColorChoice;

    fn display() -> Display {
        Display::new(StatusFormat::Lines, Ui::new(ColorChoice::Never, true, true), Invocation::default())
    }

    fn rows(docker: State, kubernetes: Option<State>) -> Vec<Row> {
        vec![Row::of("docker", Some(docker), None), Row::of("kubernetes", kubernetes, None)]
    }

    #[test]
    fn a_line_is_printed_when_it_changes() {
        let mut display = display();
        let mut changed = |docker, kubernetes| display.changed_lines(&rows(docker, kubernetes));
        let (running, stopped) = (State::Running, State::Stopped);
        assert_eq!(changed(running, Some(running)), "docker - running\nkubernetes - running\n");
        assert_eq!(changed(running, Some(running)), "");
        assert_eq!(changed(running, Some(stopped)), "kubernetes - stopped\n");
        assert_eq!(changed(running, None), "kubernetes - unknown\n");
        assert_eq!(changed(stopped, Some(running)), "docker - stopped\nkubernetes - running\n");
    }

    #[test]
    fn a_document_is_printed_when_it_changes() {
        let mut display = display();
        let mut changed =
            |state| display.changed_document(&Report::of(rows(State::Running, Some(state)), None)).unwrap();
        assert!(changed(State::Running).starts_with("{\"version\":1,\"machine\":\"box\",\"problem\":null,"));
        assert_eq!(changed(State::Running), "");
        let document = changed(State::Failed);
        assert_eq!(document.matches('\n').count(), 1);
        assert!(document.contains("\"failed\""), "{document}");
    }
}
