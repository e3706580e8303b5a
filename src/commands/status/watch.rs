//! `status --watch`: one connection, a question now and then, and what has changed since.

use std::sync::Arc;
use std::time::Duration;

use super::report::{Inquiry, Report, Row};
use super::{Format, table};
use crate::base::deadline::in_time;
use crate::commands::context::{Context, print};
use crate::error::{Error, Invocation};
use crate::guest::ssh::Connection;
use crate::services::inspection::Visit;
use crate::ui::json;
use crate::ui::{self, Frame, Ui};

/// Asks every `interval` and shows what changes, until somebody ends the program or nobody reads any more.
///
/// Errors: those of the first question. Later ones are shown, and the next question connects anew.
pub(super) fn watch(
    inquiry: Inquiry,
    interval: Duration,
    format: Format,
    context: &Context,
) -> Result<(), Error> {
    let inquiry = Arc::new(inquiry);
    let limit = context.deadline.limit();
    let mut display = Display::new(format, context.ui, context.invocation().clone());
    let (mut connection, report) = ask(&inquiry, None, limit).map(|(open, report)| (Some(open), report))?;
    display.show(&report)?;
    while ui::wait(interval) {
        let report = match ask(&inquiry, connection.take(), limit) {
            Ok((open, report)) => {
                connection = Some(open);
                report
            }
            Err(problem) => inquiry.unknown(problem)?,
        };
        display.show(&report)?;
    }
    Ok(())
}

/// Asks once, over `connection` or a new one, which can be used again.
fn ask(
    inquiry: &Arc<Inquiry>,
    connection: Option<Connection>,
    limit: Duration,
) -> Result<(Connection, Report), Error> {
    let inquiry = Arc::clone(inquiry);
    in_time(
        limit,
        || (),
        move |deadline| {
            let mut connection = match connection {
                Some(mut connection) => {
                    connection.set_deadline(deadline);
                    connection
                }
                None => Visit::connect(inquiry.machine(), deadline)?,
            };
            let report = inquiry.ask(&mut connection, deadline)?;
            Ok((connection, report))
        },
    )
}

/// What is shown, and what was.
struct Display {
    format: Format,
    ui: Ui,
    typed: Invocation,
    frame: Frame,
    lines: Vec<String>,
    warnings: Vec<String>,
    document: String,
}

impl Display {
    fn new(format: Format, ui: Ui, typed: Invocation) -> Self {
        let (lines, warnings) = (Vec::new(), Vec::new());
        Self { format, ui, typed, frame: Frame::default(), lines, warnings, document: String::new() }
    }

    fn show(&mut self, report: &Report) -> Result<(), Error> {
        match self.format {
            Format::Table => {
                let table = |width| table::render(&report.rows, width, self.ui);
                let ui = self.ui;
                let text = |warning: &Error| ui.warning_text(&warning.explain(&self.typed));
                let warnings: String = report.warnings().map(text).collect();
                return Ok(self.frame.show(|width| table(width) + &warnings)?);
            }
            Format::Lines => print(&self.changed_lines(&report.rows))?,
            Format::Json => print(&self.changed_document(report)?)?,
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
    use crate::services::detect::State;
    use crate::ui::ColorChoice;

    fn display() -> Display {
        Display::new(Format::Lines, Ui::new(ColorChoice::Never, true, true), Invocation::default())
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
