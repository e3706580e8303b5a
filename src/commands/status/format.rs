//! The forms in which `status` prints.

use crate::cli::{OutputFormat, StatusArgs};
use crate::ui;

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusFormat {
    /// A promise to scripts: `kubernetes - running`.
    Lines,
    /// For people.
    Table,
    /// For other programs.
    Json,
}

impl StatusFormat {
    pub(super) fn of(args: &StatusArgs) -> Self {
        match args.output {
            OutputFormat::Json => Self::Json,
            OutputFormat::Text if args.script_readable || !ui::is_stdout_terminal() => Self::Lines,
            OutputFormat::Text => Self::Table,
        }
    }
}
