//! The rows that are wanted: each is measured, shown and kept.

use std::process::Command;

use crate::measure::{Line, Outcome, Pair, Row, peak};
use crate::report;

/// The lines measured so far.
pub(crate) struct Table {
    words: Vec<String>,
    pub(crate) lines: Vec<Line>,
}

impl Table {
    /// One with the rows that have one of `words` in a name; all of them without a word.
    pub(crate) fn choosing(words: Vec<String>) -> Self {
        Self { words, lines: Vec::new() }
    }

    /// Measures a row if it is wanted. Only then `pair` sets up what the runs need; what it lacks is its error.
    pub(crate) fn row<'a>(&mut self, row: Row, pair: impl FnOnce() -> Result<Pair<'a>, String>) {
        self.add(row, |row| match pair().map(|pair| row.times(&pair)) {
            Ok(Ok(times)) => Outcome::Times(times),
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(reason) => Outcome::Missing(reason),
        });
    }

    /// The memory that a command needs at its peak.
    pub(crate) fn memory(&mut self, row: Row, command: impl FnOnce() -> Command) {
        self.add(row, |_| Outcome::Peak(peak(command())));
    }

    fn add(&mut self, row: Row, outcome: impl FnOnce(&Row) -> Outcome) {
        let names = |word: &String| row.ours.contains(word.as_str()) || row.theirs.contains(word.as_str());
        if self.words.is_empty() || self.words.iter().any(names) {
            let outcome = outcome(&row);
            let line = Line { row, outcome };
            report::show(&line);
            self.lines.push(line);
        }
    }
}
