//! The table that a terminal shows.

use console::{Style, measure_text_width};

use super::report::{Report, Row};
use crate::access::endpoint::Endpoint;
use crate::error::{Explain, Invocation};
use crate::services::State;
use crate::ui::Ui;

/// The table of one machine; columns that would make it wider than `width` are left out, the least important ones first.
pub(super) fn render(rows: &[Row], width: Option<usize>, ui: Ui) -> String {
    table(&rows.iter().map(|row| ("", row)).collect::<Vec<_>>(), &[SERVICE, STATE], width, ui)
}

/// The table of several machines.
pub(super) fn render_all(reports: &[Report], width: Option<usize>, ui: Ui) -> String {
    let rows: Vec<(&str, &Row)> = reports.iter().flat_map(rows_of).collect();
    table(&rows, &[MACHINE, SERVICE, STATE], width, ui)
}

/// A line for each problem of `reports`, and what to type for it: what stands under the table. Hints repeat what was
/// `typed`.
pub(super) fn problems(reports: &[Report], typed: &Invocation, ui: Ui) -> String {
    let problems = reports.iter().flat_map(Report::problems);
    problems.map(|problem| ui.problem_text(&problem.explain(typed))).collect()
}

/// The rows of a machine. What it does not have is left out, as long as it has anything.
fn rows_of(report: &Report) -> impl Iterator<Item = (&str, &Row)> {
    let is_there = |row: &Row| row.state != Some(State::NotInstalled);
    let has_any = report.rows.iter().any(is_there);
    let rows = report.rows.iter().filter(move |row| !has_any || is_there(row));
    rows.map(|row| (report.machine.as_str(), row))
}

/// The table of `rows`, each with its machine; the columns `always` are in it whatever the width.
fn table(rows: &[(&str, &Row)], always: &[usize], width: Option<usize>, ui: Ui) -> String {
    let lines: Vec<[String; COLUMNS]> =
        std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let widest = |column: usize| lines.iter().map(|cells| measure_text_width(&cells[column])).max();
    let widths: Vec<usize> = (0..COLUMNS).map(|column| widest(column).unwrap_or(0)).collect();
    let columns = chosen(always, &widths, width);
    let mut text = String::new();
    for (line, cells) in lines.iter().enumerate() {
        let row = line.checked_sub(1).map(|row| rows[row].1);
        for (place, &column) in columns.iter().enumerate() {
            let cell = &cells[column];
            text.push_str(&ui.styled(cell, style(row, column)));
            if place + 1 < columns.len() {
                text.push_str(&" ".repeat(widths[column] - measure_text_width(cell) + GAP));
            }
        }
        text.push('\n');
    }
    text
}

/// Those of `always`, and the others that fit.
fn chosen(always: &[usize], widths: &[usize], width: Option<usize>) -> Vec<usize> {
    let mut columns = always.to_vec();
    for column in [ENDPOINT, VERSION, FLAVOUR] {
        let wanted = columns.iter().chain([&column]);
        let needed = wanted.map(|column| widths[*column]).sum::<usize>() + GAP * columns.len();
        if width.is_none_or(|width| needed <= width) {
            columns.push(column);
        }
    }
    columns.sort_unstable();
    columns
}

fn cells((machine, row): &(&str, &Row)) -> [String; COLUMNS] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        (*machine).to_owned(),
        row.service.to_string(),
        row.state_name().to_owned(),
        or_dash(row.flavour.as_ref().map(ToString::to_string)),
        or_dash(row.version.as_ref().map(ToString::to_string)),
        or_dash(row.endpoint.as_ref().map(Endpoint::url)),
    ]
}

fn style(row: Option<&Row>, column: usize) -> Style {
    let Some(row) = row else { return Style::new().bold() };
    if column != STATE {
        return Style::new();
    }
    match row.state {
        Some(State::Running) => Style::new().green(),
        Some(State::Failed | State::Degraded) => Style::new().red(),
        Some(State::Starting) => Style::new().yellow(),
        Some(State::Stopped | State::NotInstalled) | None => Style::new().dim(),
    }
}

const COLUMNS: usize = 6;
const HEAD: [&str; COLUMNS] = ["MACHINE", "SERVICE", "STATE", "FLAVOUR", "VERSION", "ENDPOINT"];
const MACHINE: usize = 0;
const SERVICE: usize = 1;
const STATE: usize = 2;
const FLAVOUR: usize = 3;
const VERSION: usize = 4;
const ENDPOINT: usize = 5;
const GAP: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::ColorChoice;
    use crate::{machine, services};

    fn table(width: Option<usize>) -> String {
        let rows = [
            Row::of("openshift", Some(State::NotInstalled), None),
            Row::of("kubernetes", Some(State::Running), None),
        ];
        render(&rows, width, Ui::new(ColorChoice::Never, true, false))
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let full = "\
SERVICE     STATE          FLAVOUR  VERSION  ENDPOINT
openshift   not installed  -        -        -
kubernetes  running        kubeadm  v1.36.3  https://192.168.56.7:6443
";
        assert_eq!(table(None), full);
        assert_eq!(table(Some(80)), full);
        assert_eq!(
            table(Some(62)),
            "\
SERVICE     STATE          VERSION  ENDPOINT
openshift   not installed  -        -
kubernetes  running        v1.36.3  https://192.168.56.7:6443
"
        );
        assert_eq!(
            table(Some(40)),
            "\
SERVICE     STATE          VERSION
openshift   not installed  -
kubernetes  running        v1.36.3
"
        );
        assert_eq!(table(Some(1)), "SERVICE     STATE\nopenshift   not installed\nkubernetes  running\n");
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
        let table = |width| render_all(&reports, width, Ui::new(ColorChoice::Never, true, false));
        assert_eq!(
            table(None),
            "\
MACHINE  SERVICE     STATE          FLAVOUR  VERSION  ENDPOINT
box      kubernetes  running        kubeadm  v1.36.3  https://192.168.56.7:6443
longer   docker      stopped        -        -        -
bare     docker      not installed  -        -        -
bare     kubernetes  not installed  -        -        -
"
        );
        assert!(table(Some(1)).starts_with("MACHINE  SERVICE     STATE\n"));
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
        for width in 25..100 {
            for line in table(Some(width)).lines() {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
            }
        }
    }
}
