//! `service-manager status [SERVICE...]`

mod report;
mod table;
mod watch;

use self::report::Inquiry;
use super::{Context, json};
use crate::cli::{OutputFormat, StatusArgs};
use crate::error::Error;
use crate::ui;
use crate::visit::Visit;

pub(super) fn run(args: &StatusArgs, context: &Context) -> Result<(), Error> {
    let format = Format::of(args);
    let inquiry = Inquiry::new(context.catalogue()?, &args.services, || context.machine())?;
    if let Some(interval) = args.watch {
        return watch::watch(inquiry, interval, format, context);
    }
    let mut connection = Visit::connect(inquiry.machine(), context.deadline)?;
    let report = inquiry.ask(&mut connection, context.deadline)?;
    report.warnings().for_each(|warning| context.ui.warning(warning));
    match format {
        Format::Json => json::print(&report.document()),
        Format::Table => ui::print(&table::render(&report.rows, ui::stdout_width(), context.ui)),
        Format::Lines => ui::print(&report.lines()),
    }
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// A promise to scripts: `kubernetes - running`.
    Lines,
    /// For people.
    Table,
    /// For other programs.
    Json,
}

impl Format {
    fn of(args: &StatusArgs) -> Self {
        match args.output {
            OutputFormat::Json => Self::Json,
            OutputFormat::Text if args.script_readable || !ui::is_stdout_terminal() => Self::Lines,
            OutputFormat::Text => Self::Table,
        }
    }
}
