//! Tables for people: one form for all of them.

use console::{Style, measure_text_width, truncate_str};

use crate::base::text::escape_control;
use crate::ui::{self, Ui};

/// Rows under a head, fitted to the width of the terminal. Into a pipe only the rows go, with tabs.
pub(crate) struct Table<const COLUMNS: usize> {
    columns: [Column; COLUMNS],
    rows: Vec<[Cell; COLUMNS]>,
}

/// A column, and what becomes of it where there is little room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    head: &'static str,
    /// It may be cut off, down to so many characters.
    shortest: Option<usize>,
    cut: Cut,
    /// It may be left out; the lowest number goes first.
    importance: Option<u8>,
}

/// Where a text is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    End,
    /// Of a path the end says most.
    Beginning,
}

/// A text in a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Column {
    /// One that is always there, and whole.
    pub(crate) const fn new(head: &'static str) -> Self {
        Self { head, shortest: None, cut: Cut::End, importance: None }
    }

    /// The same, which may be cut off down to `shortest` characters.
    pub(crate) const fn cut_to(self, shortest: usize) -> Self {
        Self { shortest: Some(shortest), ..self }
    }

    /// The same for paths.
    pub(crate) const fn path_cut_to(self, shortest: usize) -> Self {
        Self { shortest: Some(shortest), cut: Cut::Beginning, ..self }
    }

    /// The same, which may be left out: of several the one of the lowest `importance` first.
    pub(crate) const fn optional(self, importance: u8) -> Self {
        Self { importance: Some(importance), ..self }
    }

    fn shortened(self, text: &str, width: usize) -> String {
        match self.cut {
            Cut::End => shorten(text, width),
            Cut::Beginning => shorten_beginning(text, width),
        }
    }
}

impl Cell {
    /// `text` from anywhere, in `style`.
    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self { text: escape_control(text), style }
    }

    /// The same, so that it stands out: where there are no colours, by a sign.
    pub(crate) fn marked(self, ui: Ui) -> Self {
        if ui.color_stdout {
            return Self { style: self.style.reverse(), ..self };
        }
        Self { text: format!("{} {CHANGED}", self.text), ..self }
    }

    fn width(&self) -> usize {
        measure_text_width(&self.text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::styled(&text, Style::new())
    }
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table of `rows`.
    pub(crate) fn new<C: Into<Cell>>(columns: [Column; COLUMNS], rows: Vec<[C; COLUMNS]>) -> Self {
        Self { columns, rows: rows.into_iter().map(|cells| cells.map(Into::into)).collect() }
    }

    /// Its text for standard output.
    pub(crate) fn render(&self, ui: Ui) -> String {
        if !ui::is_stdout_terminal() {
            let line = |cells: &[Cell; COLUMNS]| cells.each_ref().map(|cell| cell.text.as_str()).join("\t");
            return self.rows.iter().map(|cells| line(cells) + "\n").collect();
        }
        if self.rows.is_empty() { String::new() } else { self.fitted(ui::stdout_width(), ui) }
    }

    /// Its text for a terminal of so many columns. No line is wider.
    pub(crate) fn fitted(&self, width: Option<usize>, ui: Ui) -> String {
        let shown = self.layout(width);
        let head = self.columns.map(|column| Cell::styled(column.head, Style::new().bold()));
        let line = |cells: &[Cell; COLUMNS]| self.line(cells, &shown, width, ui);
        std::iter::once(&head).chain(&self.rows).map(line).collect()
    }

    fn line(
        &self,
        cells: &[Cell; COLUMNS],
        shown: &[(usize, usize)],
        width: Option<usize>,
        ui: Ui,
    ) -> String {
        let mut left = width.unwrap_or(usize::MAX);
        let mut text = String::new();
        for (place, &(column, wide)) in shown.iter().enumerate() {
            let cell = self.columns[column].shortened(&cells[column].text, wide.min(left));
            let taken = measure_text_width(&cell);
            text.push_str(&ui.styled(&cell, cells[column].style.clone()));
            left = left.saturating_sub(wide + GAP);
            if place + 1 < shown.len() && left > 0 {
                text.push_str(&" ".repeat(wide - taken + GAP));
            }
        }
        text + "\n"
    }

    /// The columns that are shown, each with its width.
    fn layout(&self, width: Option<usize>) -> Vec<(usize, usize)> {
        let widest = |column: usize| {
            let cells = self.rows.iter().map(|cells| cells[column].width());
            cells.max().unwrap_or(0).max(measure_text_width(self.columns[column].head))
        };
        let mut shown: Vec<(usize, usize)> = (0..COLUMNS).map(|column| (column, widest(column))).collect();
        let Some(width) = width else { return shown };
        loop {
            let fitting = self.cut(&shown, width);
            let least = shown.iter().filter(|(column, _)| self.columns[*column].importance.is_some());
            let least = least.min_by_key(|(column, _)| self.columns[*column].importance).copied();
            match least {
                Some((least, _)) if total(&fitting) > width => shown.retain(|(column, _)| *column != least),
                _ => return fitting,
            }
        }
    }

    /// The same columns, cut off as far as they may be and it takes; the last ones first.
    fn cut(&self, shown: &[(usize, usize)], width: usize) -> Vec<(usize, usize)> {
        let mut cut = shown.to_vec();
        for place in (0..cut.len()).rev() {
            let excess = total(&cut).saturating_sub(width);
            let (column, wide) = &mut cut[place];
            let shortest = self.columns[*column].shortest.unwrap_or(*wide).min(*wide);
            *wide -= excess.min(*wide - shortest);
        }
        cut
    }
}

fn total(shown: &[(usize, usize)]) -> usize {
    shown.iter().map(|(_, wide)| wide + GAP).sum::<usize>().saturating_sub(GAP)
}

/// `text` in at most `width` columns.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    let mark = if width < ELLIPSIS.len() { "" } else { ELLIPSIS };
    truncate_str(text, width, mark).into_owned()
}

fn shorten_beginning(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(ELLIPSIS.len());
    let tails = text.char_indices().map(|(at, _)| &text[at..]);
    let tail = tails.into_iter().find(|tail| measure_text_width(tail) <= room).unwrap_or_default();
    shorten(&format!("{ELLIPSIS}{tail}"), width)
}

const GAP: usize = 2;
/// What marks a cell without colours.
const CHANGED: &str = "<";
/// Where something is cut off.
const ELLIPSIS: &str = "..";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::ColorChoice;

    const COLUMNS: [Column; 4] = [
        Column::new("NAME"),
        Column::new("KIND").optional(1),
        Column::new("VERSION").cut_to(8).optional(3),
        Column::new("PATH").path_cut_to(10).optional(2),
    ];

    fn table(width: usize) -> String {
        let row = |name: &str, path: &str| [name, "kind", "1.36.3-rc.1+long", path].map(str::to_owned);
        let rows = vec![row("one", "/a/b"), row("other", "/home/dev/.local/share/kubectl")];
        Table::new(COLUMNS, rows).fitted(Some(width), Ui::new(ColorChoice::Never, true, false))
    }

    #[test]
    fn columns_are_cut_and_then_left_out() {
        assert_eq!(
            table(80),
            "\
NAME   KIND  VERSION           PATH
one    kind  1.36.3-rc.1+long  /a/b
other  kind  1.36.3-rc.1+long  /home/dev/.local/share/kubectl
"
        );
        assert_eq!(
            table(48),
            "\
NAME   KIND  VERSION           PATH
one    kind  1.36.3-rc.1+long  /a/b
other  kind  1.36.3-rc.1+long  ..l/share/kubectl
"
        );
        assert_eq!(
            table(30),
            "\
NAME   VERSION      PATH
one    1.36.3-rc..  /a/b
other  1.36.3-rc..  ../kubectl
"
        );
        assert_eq!(table(16), "NAME   VERSION\none    1.36.3-..\nother  1.36.3-..\n");
        assert_eq!(table(5), "NAME\none\nother\n");
        assert_eq!(table(3), "N..\none\no..\n");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 1..100 {
            for line in table(width).lines() {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn control_characters_do_nothing() {
        let rows = vec![["\x1b[2J\n".to_owned(), "\u{202e}".to_owned()]];
        let table = Table::new([Column::new("A"), Column::new("B")], rows);
        let text = table.fitted(None, Ui::new(ColorChoice::Never, true, false));
        assert!(!text.contains(['\x1b', '\u{202e}']) && text.lines().count() == 2, "{text}");
    }
}
