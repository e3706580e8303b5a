//! The table that a terminal shows.

use console::{Emoji, Style};

use super::report::{Report, Row, ShownEndpoint};
use crate::error::{Explain, Invocation};
use crate::services::State;
use crate::ui::Ui;
use crate::ui::table::{Cell, Column, Table, shorten};

/// All that is shown of one machine. `by` says what has made it the one that is meant, where nobody named it.
pub(super) fn of_machine(report: &Report, by: Option<&str>, width: Option<usize>, ui: Ui) -> String {
    machine_line(report, by, width, ui) + &render(&report.rows, width, ui)
}

/// The table of one machine; it is fitted to `width`.
fn render(rows: &[Row], width: Option<usize>, ui: Ui) -> String {
    let rows = rows.iter().map(|row| {
        let [_, cells @ ..] = cells(&("", row), ui);
        cells
    });
    Table::new([SERVICE, STATE, FLAVOUR, VERSION, ENDPOINT], rows.collect()).fitted(width, ui)
}

/// The line above that of one machine: which it is, and how it is reached.
fn machine_line(report: &Report, by: Option<&str>, width: Option<usize>, ui: Ui) -> String {
    let by = by.map(|by| format!(" ({by})")).unwrap_or_default();
    let through_ssh =
        report.rows.iter().filter_map(|row| row.endpoint.as_ref()).any(ShownEndpoint::is_through_ssh);
    let services = if through_ssh { ", services through SSH" } else { "" };
    let place = report.place.as_ref().map(|place| format!("  {place}{services}")).unwrap_or_default();
    let line = shorten(&format!("{}{by}{place}", report.machine), width.unwrap_or(usize::MAX));
    // Only its name stands out, as far as there is room for it.
    let (name, rest) = line.split_at(report.machine.len().min(line.len()));
    ui.styled(name, Style::new().bold()) + rest + "\n"
}

/// The table of several machines.
pub(super) fn render_all(reports: &[&Report], width: Option<usize>, ui: Ui) -> String {
    let rows = reports.iter().copied().flat_map(rows_of).map(|row| cells(&row, ui)).collect();
    Table::new([MACHINE, SERVICE, STATE, FLAVOUR, VERSION, ENDPOINT], rows).fitted(width, ui)
}

/// A line for each problem of `reports`, and what to type for it: what stands under the table. Hints repeat what was
/// `typed`.
pub(super) fn problems<'r>(
    reports: impl IntoIterator<Item = &'r Report>,
    typed: &Invocation,
    ui: Ui,
) -> String {
    let problems = reports.into_iter().flat_map(Report::problems);
    problems.map(|problem| ui.problem_text(&problem.explain(typed))).collect()
}

/// The rows of a machine. What it does not have is left out, as long as it has anything.
fn rows_of(report: &Report) -> impl Iterator<Item = (&str, &Row)> {
    let is_there = |row: &Row| row.state != Some(State::NotInstalled);
    let has_any = report.rows.iter().any(is_there);
    let rows = report.rows.iter().filter(move |row| !has_any || is_there(row));
    rows.map(|row| (report.machine.as_str(), row))
}

/// The rows of `reports`, each with its machine.
fn cells((machine, row): &(&str, &Row), ui: Ui) -> [Cell; 6] {
    let [_, flavour, version, endpoint] = row.values();
    let or_dash = |text: Option<String>| Cell::from(text.unwrap_or_else(|| "-".to_owned()));
    let values = [state(row.state, row.state_name()), or_dash(flavour), or_dash(version), or_dash(endpoint)];
    let mut changed = row.changed.into_iter();
    let [state, flavour, version, endpoint] =
        values.map(|cell| if changed.next() == Some(true) { cell.marked(ui) } else { cell });
    [
        Cell::from((*machine).to_owned()),
        Cell::from(row.service.to_string()),
        state,
        flavour,
        version,
        endpoint,
    ]
}

/// The line above a table that is watched.
pub(super) fn clock_line(text: &str, width: Option<usize>, ui: Ui) -> String {
    if text.is_empty() {
        return String::new();
    }
    ui.styled(&shorten(text, width.unwrap_or(usize::MAX)), Style::new().dim()) + "\n"
}

/// A state with its mark, so that colours are not all that tells them apart.
fn state(state: Option<State>, name: &str) -> Cell {
    let (mark, style) = match state {
        Some(State::Running) => (Emoji("●", "*"), Style::new().green()),
        Some(State::Starting) => (Emoji("◐", "~"), Style::new().cyan()),
        Some(State::Degraded) => (Emoji("!", "!"), Style::new().yellow()),
        Some(State::Failed) => (Emoji("✗", "x"), Style::new().red()),
        Some(State::Stopped) => (Emoji("○", "o"), Style::new().blue()),
        Some(State::NotInstalled) => (Emoji("·", "."), Style::new().dim()),
        None => (Emoji("?", "?"), Style::new().magenta()),
    };
    Cell::styled(&format!("{mark} {name}"), style)
}

const MACHINE: Column = Column::new("MACHINE");
const SERVICE: Column = Column::new("SERVICE");
const STATE: Column = Column::new("STATE");
const FLAVOUR: Column = Column::new("FLAVOUR").optional(1);
const VERSION: Column = Column::new("VERSION").cut_to(8).optional(3);
const ENDPOINT: Column = Column::new("ENDPOINT").cut_to(16).optional(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::ColorChoice;
    use crate::{machine, services};

    /// The marks of a terminal without UTF-8, whatever the tests run in.
    fn plain(text: &str) -> String {
        text.replace('●', "*").replace('○', "o").replace('·', ".")
    }

    fn table(width: Option<usize>) -> String {
        let rows = [
            Row::of("openshift", Some(State::NotInstalled), None),
            Row::of("kubernetes", Some(State::Running), None),
        ];
        plain(&render(&rows, width, Ui::new(ColorChoice::Never, true, false)))
    }

    #[test]
    fn what_does_not_fit_is_cut_and_then_left_out() {
        let full = "\
SERVICE     STATE            FLAVOUR  VERSION  ENDPOINT
openshift   . not installed  -        -        -
kubernetes  * running        kubeadm  v1.36.3  https://192.168.56.7:6443
";
        assert_eq!(table(None), full);
        assert_eq!(table(Some(80)), full);
        assert_eq!(
            table(Some(70)),
            "\
SERVICE     STATE            FLAVOUR  VERSION  ENDPOINT
openshift   . not installed  -        -        -
kubernetes  * running        kubeadm  v1.36.3  https://192.168.56.7:..
"
        );
        assert_eq!(
            table(Some(60)),
            "\
SERVICE     STATE            VERSION  ENDPOINT
openshift   . not installed  -        -
kubernetes  * running        v1.36.3  https://192.168.56.7..
"
        );
        assert_eq!(
            table(Some(40)),
            "\
SERVICE     STATE            VERSION
openshift   . not installed  -
kubernetes  * running        v1.36.3
"
        );
    }

    #[test]
    fn the_line_of_a_machine_fits_too() {
        let report = Report { place: Some("dev@192.168.56.7:22".into()), ..Report::of(Vec::new(), None) };
        let line = |width| machine_line(&report, None, width, Ui::new(ColorChoice::Never, true, false));
        assert_eq!(line(None), "box  dev@192.168.56.7:22\n");
        assert_eq!(line(Some(12)), "box  dev@1..\n");
        assert_eq!(line(Some(1)), "b\n");
    }

    #[test]
    fn of_several_machines_each_line_names_its_own() {
        let report = |machine: &str, docker, kubernetes| {
            let rows =
                vec![Row::of("docker", Some(docker), None), Row::of("kubernetes", Some(kubernetes), None)];
            Report { machine: machine.into(), ..Report::of(rows, None) }
        };
        let none = State::NotInstalled;
        let reports = [
            report("box", none, State::Running),
            report("longer", State::Stopped, none),
            report("bare", none, none),
        ];
        let reports: Vec<&Report> = reports.iter().collect();
        let table = |width| plain(&render_all(&reports, width, Ui::new(ColorChoice::Never, true, false)));
        assert_eq!(
            table(None),
            "\
MACHINE  SERVICE     STATE            FLAVOUR  VERSION  ENDPOINT
box      kubernetes  * running        kubeadm  v1.36.3  https://192.168.56.7:6443
longer   docker      o stopped        -        -        -
bare     docker      . not installed  -        -        -
bare     kubernetes  . not installed  -        -        -
"
        );
        assert!(table(Some(40)).starts_with("MACHINE  SERVICE     STATE\n"));
    }

    #[test]
    fn each_problem_has_a_line_and_a_hint() {
        let no_access = services::Error::NoAccess {
            service: "docker".into(),
            machine: "box".into(),
            ssh: "ssh://box".into(),
            reason: serde_json::from_value(
                serde_json::json!({"because": "only has a socket", "help": "none"}),
            )
            .unwrap(),
            ports: Vec::new(),
        };
        let rows = vec![Row::of("docker", Some(State::Running), Some(no_access.into()))];
        let reports =
            [Report::of(rows, None), Report::of(Vec::new(), Some(machine::Error::NoMachine.into()))];
        let text = problems(&reports, &Invocation::default(), Ui::new(ColorChoice::Never, true, false));
        assert_eq!(
            text.lines().map(|line| line.split(": ").next().unwrap()).collect::<Vec<_>>(),
            ["PROBLEM", "hint", "PROBLEM", "hint"]
        );
        assert!(text.starts_with("PROBLEM: docker in `box` only has a socket\nhint: none\n"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 1..100 {
            for line in table(Some(width)).lines() {
                assert!(console::measure_text_width(line) <= width, "{width}: {line}");
            }
        }
    }
}
