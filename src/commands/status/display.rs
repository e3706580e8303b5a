//! What `status --watch` shows: on a terminal the table, in place; elsewhere what has changed.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::format::StatusFormat;
use super::report::{Report, Row};
use super::table;
use crate::base::platform::Keyboard;
use crate::commands::context::{Context, print};
use crate::error::{Error, Explain, Invocation};
use crate::ui::json::{self, Machines};
use crate::ui::{self, TerminalFrame, Ui};

/// What is shown, and what was.
pub(super) struct Display {
    format: StatusFormat,
    ui: Ui,
    interval: Duration,
    /// They are called by their labels.
    is_of_several: bool,
    machines: Vec<WatchedMachine>,
    /// `q` ends it.
    has_keys: bool,
    changed_at: Option<SystemTime>,
    frame: TerminalFrame,
    document: String,
    /// That of the host.
    zone: TimeZone,
}

/// What is known of a machine, and what was told of it.
struct WatchedMachine {
    typed: Invocation,
    report: Option<Report>,
    lines: Vec<String>,
    warnings: Vec<String>,
}

impl Display {
    /// For the one machine of `context`.
    pub(super) fn of_one(format: StatusFormat, interval: Duration, context: &Context) -> Self {
        Self::new(format, interval, context.ui, vec![context.invocation().clone()], false)
    }

    /// For the machines of `contexts`.
    pub(super) fn of_several(format: StatusFormat, interval: Duration, contexts: &[Context], ui: Ui) -> Self {
        let typed = contexts.iter().map(|context| context.invocation().clone()).collect();
        Self::new(format, interval, ui, typed, true)
    }

    fn new(
        format: StatusFormat,
        interval: Duration,
        ui: Ui,
        typed: Vec<Invocation>,
        is_of_several: bool,
    ) -> Self {
        let machine = |typed| WatchedMachine { typed, report: None, lines: Vec::new(), warnings: Vec::new() };
        Self {
            format,
            ui,
            interval,
            is_of_several,
            machines: typed.into_iter().map(machine).collect(),
            has_keys: false,
            changed_at: None,
            frame: TerminalFrame::default(),
            document: String::new(),
            zone: TimeZone::system(),
        }
    }

    pub(super) fn has_keys(&mut self, has_keys: bool) {
        self.has_keys = has_keys;
    }

    pub(super) fn has_answer(&self, place: usize) -> bool {
        self.machines[place].report.is_some()
    }

    /// Shows the `report` of the machine at `place`.
    pub(super) fn answer(&mut self, place: usize, mut report: Report) -> Result<(), Error> {
        let now = SystemTime::now();
        if let Some(before) = &self.machines[place].report
            && report.mark_changes(before)
        {
            self.changed_at = Some(now);
        }
        let machine = &mut self.machines[place];
        machine.report = Some(report);
        match self.format {
            StatusFormat::Table => return self.redraw(now),
            StatusFormat::Lines => print(&machine.changed_lines(self.is_of_several))?,
            StatusFormat::Json => print(&self.changed_document()?)?,
        }
        self.machines[place].warn(self.ui);
        Ok(())
    }

    fn redraw(&mut self, now: SystemTime) -> Result<(), Error> {
        let known =
            self.machines.iter().filter_map(|machine| Some((&machine.typed, machine.report.as_ref()?)));
        let known: Vec<(&Invocation, &Report)> = known.collect();
        let reports: Vec<&Report> = known.iter().map(|(_, report)| *report).collect();
        let problems = known.iter().map(|(typed, report)| table::problems([*report], typed, self.ui));
        let problems: String = problems.collect();
        let clock = if ui::redraws_in_place() { self.clock(now, reports.len()) } else { String::new() };
        let (ui, is_of_several) = (self.ui, self.is_of_several);
        let table = |width| match reports.as_slice() {
            [only] if !is_of_several => table::of_machine(only, None, width, ui),
            reports => table::render_all(reports, width, ui),
        };
        if Keyboard::was_stopped() {
            self.frame.leave();
        }
        let clock = |width| table::clock_line(&clock, width, ui);
        Ok(self.frame.show(|width| clock(width) + &table(width) + &problems)?)
    }

    /// When the last answer came, and what there is to know about the watch; the most important first.
    fn clock(&self, now: SystemTime, answered: usize) -> String {
        let key = if self.has_keys { "q" } else { "Ctrl-C" };
        let all = self.machines.len();
        let missing = if answered < all {
            format!(", {answered} of {all} machines have answered")
        } else {
            String::new()
        };
        let changed = self
            .changed_at
            .map(|time| format!(", changed {}", time_of_day(time, &self.zone)))
            .unwrap_or_default();
        let (now, seconds) = (time_of_day(now, &self.zone), self.interval.as_secs_f64());
        format!("{now}, every {seconds} s, {key} ends{missing}{changed}")
    }

    /// The document when anything in it has changed and all have answered.
    fn changed_document(&mut self) -> Result<String, Error> {
        let known: Option<Vec<_>> = self
            .machines
            .iter()
            .map(|machine| Some(machine.report.as_ref()?.document(&machine.typed)))
            .collect();
        let Some(mut machines) = known else { return Ok(String::new()) };
        let document = match machines.pop() {
            Some(only) if !self.is_of_several => json::line(&only)?,
            last => {
                machines.extend(last);
                json::line(&Machines { machines })?
            }
        };
        let changed = if document == self.document { String::new() } else { document.clone() };
        self.document = document;
        Ok(changed)
    }
}

impl WatchedMachine {
    /// The lines of the services whose state is not what it was.
    fn changed_lines(&mut self, has_label: bool) -> String {
        let Some(report) = &self.report else { return String::new() };
        let label = if has_label { format!("{} ", report.machine) } else { String::new() };
        let lines: Vec<String> =
            report.rows.iter().map(Row::line).map(|line| format!("{label}{line}")).collect();
        let changed = lines.iter().filter(|line| !self.lines.contains(line)).cloned().collect();
        self.lines = lines;
        changed
    }

    /// Warns of what was not there before.
    fn warn(&mut self, ui: Ui) {
        let Some(report) = &self.report else { return };
        let mut warnings = Vec::new();
        for warning in report.warnings() {
            let text = warning.to_string();
            if !self.warnings.contains(&text) {
                ui.warning(&warning.explain(&self.typed));
            }
            warnings.push(text);
        }
        self.warnings = warnings;
    }
}

/// By the clock of the host, or in UTC where that does not know its time zone.
fn time_of_day(time: SystemTime, zone: &TimeZone) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default().to_zoned(zone.clone());
    let utc = if zone.is_unknown() { " UTC" } else { "" };
    format!("{}{utc}", time.strftime("%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::services::State;
    use crate::ui::ColorChoice;

    fn display(format: StatusFormat, machines: usize) -> Display {
        let ui = Ui::new(ColorChoice::Never, true, true);
        let typed = vec![Invocation::default(); machines];
        Display::new(format, Duration::from_secs(2), ui, typed, machines > 1)
    }

    fn report(docker: State, kubernetes: Option<State>) -> Report {
        Report::of(vec![Row::of("docker", Some(docker), None), Row::of("kubernetes", kubernetes, None)], None)
    }

    #[test]
    fn a_line_is_printed_when_it_changes() {
        let mut display = display(StatusFormat::Lines, 1);
        let mut changed = |docker, kubernetes| {
            display.machines[0].report = Some(report(docker, kubernetes));
            display.machines[0].changed_lines(false)
        };
        let (running, stopped) = (State::Running, State::Stopped);
        assert_eq!(changed(running, Some(running)), "docker - running\nkubernetes - running\n");
        assert_eq!(changed(running, Some(running)), "");
        assert_eq!(changed(running, Some(stopped)), "kubernetes - stopped\n");
        assert_eq!(changed(running, None), "kubernetes - unknown\n");
        assert_eq!(changed(stopped, Some(running)), "docker - stopped\nkubernetes - running\n");
    }

    #[test]
    fn a_document_is_printed_when_it_changes() {
        let mut display = display(StatusFormat::Json, 1);
        let mut changed = |state| {
            display.machines[0].report = Some(report(State::Running, Some(state)));
            display.changed_document().unwrap()
        };
        assert!(changed(State::Running).starts_with("{\"version\":1,\"machine\":\"box\",\"problem\":null,"));
        assert_eq!(changed(State::Running), "");
        let document = changed(State::Failed);
        assert_eq!(document.matches('\n').count(), 1);
        assert!(document.contains("\"failed\""), "{document}");
    }

    #[test]
    fn the_document_of_several_waits_until_all_have_answered() {
        let mut display = display(StatusFormat::Json, 2);
        display.machines[0].report = Some(report(State::Running, None));
        assert_eq!(display.changed_document().unwrap(), "");
        display.machines[1].report = Some(report(State::Stopped, None));
        let document = display.changed_document().unwrap();
        assert!(document.starts_with("{\"version\":1,\"machines\":[{\"machine\":\"box\","), "{document}");
    }

    #[test]
    fn the_clock_says_what_matters_first() {
        let mut display = display(StatusFormat::Table, 2);
        display.zone = TimeZone::UTC;
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(
            display.clock(at(3661), 1),
            "01:01:01, every 2 s, Ctrl-C ends, 1 of 2 machines have answered"
        );
        display.has_keys(true);
        display.changed_at = Some(at(86_399));
        assert_eq!(display.clock(at(0), 2), "00:00:00, every 2 s, q ends, changed 23:59:59");
    }

    #[test]
    fn the_clock_is_that_of_the_host() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // In winter and in summer.
        assert_eq!(time_of_day(at(1_768_478_400), &berlin), "13:00:00");
        assert_eq!(time_of_day(at(1_784_116_800), &berlin), "14:00:00");
        assert_eq!(time_of_day(at(0), &TimeZone::unknown()), "00:00:00 UTC");
    }
}
