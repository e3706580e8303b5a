//! `service-manager status [SERVICE...]`

mod display;
mod follow;
mod format;
mod report;
mod table;
mod watch;

use std::sync::Arc;

use self::format::StatusFormat;
use self::report::{Inquiry, Report};
use self::watch::Watch;
use super::at_once::at_once;
use super::context::{Context, print, print_json};
use super::env::services_of_project;
use crate::base::deadline::in_time;
use crate::catalogue::Catalogue;
use crate::cli::StatusArgs;
use crate::error::Error;
use crate::ui;
use crate::ui::json::Machines;

pub(super) fn run(args: &StatusArgs, context: &Context) -> Result<(), Error> {
    let format = StatusFormat::of(args);
    let catalogue = Arc::new(context.catalogue()?);
    // A wrong name is no machine's problem.
    let services = catalogue.select(&args.services)?;
    let context = &context.that_uses(args.kube_context.as_ref(), &services)?;
    if let Err(fault) = services_of_project(&args.services, context) {
        context.warn(&fault);
    }
    let contexts = if args.all { context.of_all_machines()? } else { context.of_each_machine() };
    if let Some(interval) = args.watch {
        let watch = Watch { catalogue: &catalogue, names: &args.services, interval, format };
        match contexts.as_slice() {
            [only] if !args.all => return watch.one(only),
            [] => {}
            several => return watch.all(several, context.ui),
        }
    }
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
            print(&(table + &table::problems([report], context.invocation(), context.ui)))
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
            let problems = contexts
                .iter()
                .zip(reports)
                .map(|(context, report)| table::problems([report], context.invocation(), context.ui));
            let table =
                table::render_all(&reports.iter().collect::<Vec<_>>(), ui::stdout_width(), context.ui);
            print(&(table + &problems.collect::<String>()))
        }
        StatusFormat::Lines => print(&reports.iter().map(Report::lines_of_machine).collect::<String>()),
    }
}
