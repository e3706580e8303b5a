//! The table that a terminal shows.

use console::{Style, measure_text_width};

use super::report::Row;
use crate::discover::State;
use crate::endpoint::Endpoint;
use crate::ui::Ui;

/// The table; columns that would make it wider than `width` are left out, the least important ones first.
pub(super) fn render(rows: &[Row], width: Option<usize>, ui: Ui) -> String {
    let lines: Vec<[String; COLUMNS]> =
        std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let widest = |column: usize| lines.iter().map(|cells| measure_text_width(&cells[column])).max();
    let widths: Vec<usize> = (0..COLUMNS).map(|column| widest(column).unwrap_or(0)).collect();
    let columns = chosen(&widths, width);
    let mut text = String::new();
    for (line, cells) in lines.iter().enumerate() {
        let row = line.checked_sub(1).map(|row| &rows[row]);
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

/// The columns that fit. What a service is and how it is doing is always shown.
fn chosen(widths: &[usize], width: Option<usize>) -> Vec<usize> {
    let mut columns = vec![SERVICE, STATE];
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

fn cells(row: &Row) -> [String; COLUMNS] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
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

const COLUMNS: usize = 5;
const HEAD: [&str; COLUMNS] = ["SERVICE", "STATE", "FLAVOUR", "VERSION", "ENDPOINT"];
const SERVICE: usize = 0;
const STATE: usize = 1;
const FLAVOUR: usize = 2;
const VERSION: usize = 3;
const ENDPOINT: usize = 4;
const GAP: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::ColorChoice;

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
    fn no_line_is_wider_than_the_terminal() {
        for width in 25..100 {
            for line in table(Some(width)).lines() {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
            }
        }
    }
}
