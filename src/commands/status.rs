//! `service-manager status [SERVICE...]`

mod report;
mod table;
mod watch;

use std::sync::Arc;

use self::report::{Inquiry, Report};
use super::context::{Context, at_once, print, print_json};
use crate::base::deadline::in_time;
use crate::catalogue::Catalogue;
use crate::cli::{OutputFormat, StatusArgs};
use crate::error::Error;
use crate::ui;
use crate::ui::json::Machines;

pub(super) fn run(args: &StatusArgs, context: &Context) -> Result<(), Error> {
    let format = StatusFormat::of(args);
    let catalogue = Arc::new(context.catalogue()?);
    // A wrong name is no machine's problem.
    catalogue.select(&args.services)?;
    if let Some(interval) = args.watch {
        let inquiry = Inquiry::new(catalogue, &args.services, context.machine()?);
        return watch::watch(inquiry, interval, format, context);
    }
    let contexts = if args.all { context.of_all_machines()? } else { context.of_each_machine() };
    let ask = |context: &Context| ask(&catalogue, &args.services, context);
    match contexts.as_slice() {
        [only] if !args.all => show(&ask(only)?, format, context),
        several => {
            if several.is_empty() {
                context.note("no machine was used from here yet; `service-manager status` uses one");
            }
            let services = catalogue.select(&args.services)?;
            let answers = several.iter().zip(at_once(several, ask));
            let report = |(context, answer): (&Context, Result<Report, Error>)| {
                let machine = context.label();
                let not_asked = |problem: Error| Error::MachineUnavailable {
                    machine: machine.clone(),
                    source: problem.into(),
                };
                let report = answer.unwrap_or_else(|problem| Report::unknown(&services, not_asked(problem)));
                Report { machine, ..report }
            };
            show_all(several, &answers.map(report).collect::<Vec<_>>(), format, context)
        }
    }
}

/// Asks one machine, within the time that the user allows.
fn ask(catalogue: &Arc<Catalogue>, names: &[String], context: &Context) -> Result<Report, Error> {
    let (catalogue, names, context) = (Arc::clone(catalogue), names.to_vec(), context.clone());
    in_time(
        context.deadline.limit(),
        || (),
        move |deadline| {
            let context = context.with_deadline(deadline);
            Inquiry::new(catalogue, &names, context.machine()?).ask_once(&context)
        },
    )
}

fn show(report: &Report, format: StatusFormat, context: &Context) -> Result<(), Error> {
    if format != StatusFormat::Table {
        report.warnings().for_each(|warning| context.warn(warning));
    }
    match format {
        StatusFormat::Json => print_json(&report.document(context.invocation())),
        StatusFormat::Table => {
            let table = table::of_machine(report, context.default_by()?, ui::stdout_width(), context.ui);
            print(&(table + &table::problems(std::slice::from_ref(report), context.invocation(), context.ui)))
        }
        StatusFormat::Lines => print(&report.lines()),
    }
}

/// A machine that cannot be asked is no reason to go without the others.
fn show_all(
    contexts: &[Context],
    reports: &[Report],
    format: StatusFormat,
    context: &Context,
) -> Result<(), Error> {
    if format != StatusFormat::Table {
        for (context, report) in contexts.iter().zip(reports) {
            report.warnings().for_each(|warning| context.warn(warning));
        }
    }
    match format {
        StatusFormat::Json => {
            let documents = contexts.iter().zip(reports);
            let machines = documents.map(|(context, report)| report.document(context.invocation())).collect();
            print_json(&Machines { machines })
        }
        StatusFormat::Table => {
            let problems = contexts.iter().zip(reports).map(|(context, report)| {
                table::problems(std::slice::from_ref(report), context.invocation(), context.ui)
            });
            let table = table::render_all(reports, ui::stdout_width(), context.ui);
            print(&(table + &problems.collect::<String>()))
        }
        StatusFormat::Lines => print(&reports.iter().map(Report::lines_of_machine).collect::<String>()),
    }
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StatusFormat {
    /// A promise to scripts: `kubernetes - running`.
    Lines,
    /// For people.
    Table,
    /// For other programs.
    Json,
}

impl StatusFormat {
    fn of(args: &StatusArgs) -> Self {
        match args.output {
            OutputFormat::Json => Self::Json,
            OutputFormat::Text if args.script_readable || !ui::is_stdout_terminal() => Self::Lines,
            OutputFormat::Text => Self::Table,
        }
    }
}
