//! Tables for people.

use console::{Style, measure_text_width};

use crate::base::text::escape_control;
use crate::ui::{self, Ui};

/// Rows under a head. Into a pipe only the rows go, with tabs.
pub(crate) struct Table<const COLUMNS: usize> {
    head: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table of `rows`.
    pub(crate) fn new(head: [&'static str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> Self {
        let rows = rows.into_iter().map(|cells| cells.map(|cell| escape_control(&cell))).collect();
        Self { head, rows }
    }

    /// Its text.
    pub(crate) fn render(&self, ui: Ui) -> String {
        if !ui::is_stdout_terminal() {
            return self.rows.iter().map(|cells| cells.join("\t") + "\n").collect();
        }
        if self.rows.is_empty() {
            return String::new();
        }
        let head = self.head.map(str::to_owned);
        let lines: Vec<&[String; COLUMNS]> = std::iter::once(&head).chain(&self.rows).collect();
        let width =
            |column: usize| lines.iter().map(|cells| measure_text_width(&cells[column])).max().unwrap_or(0);
        let cell = |line: usize, column: usize, text: &str| {
            let style = if line == 0 { Style::new().bold() } else { Style::new() };
            let gap = if column == COLUMNS - 1 { 0 } else { width(column) - measure_text_width(text) + GAP };
            ui.styled(text, style) + &" ".repeat(gap)
        };
        let line = |(number, cells): (usize, &&[String; COLUMNS])| {
            cells.iter().enumerate().map(|(column, text)| cell(number, column, text)).collect::<String>()
                + "\n"
        };
        lines.iter().enumerate().map(line).collect()
    }
}

const GAP: usize = 2;
