//! `service-manager machines` and `service-manager machines forget NAME`

use super::{Context, kubeconfig};
use crate::cli::{MachinesArgs, MachinesCommand};
use crate::error::Error;
use crate::grammar::visible;
use crate::machine::{self, Machine, remembered};
use crate::ui;

pub(super) fn run(args: &MachinesArgs, context: &Context) -> Result<(), Error> {
    match &args.what {
        None => list(context),
        Some(MachinesCommand::Forget(args)) => forget_one(&args.name, context),
    }
}

fn list(context: &Context) -> Result<(), Error> {
    let machines = remembered(&context.folders()?)?;
    if machines.is_empty() {
        context.ui.note("no machine was used from here yet; `service-manager status` uses one");
    }
    let labels: Vec<String> = machines.iter().map(|machine| machine.label(&machines)).collect();
    let width = labels.iter().map(String::len).max().unwrap_or(0);
    let line = |(label, machine): (&String, &Machine)| {
        let folder = machine.origin().map(|origin| visible(&origin.project.folder.to_string_lossy()));
        let origin = folder.map(|folder| format!("  Vagrant in {folder}")).unwrap_or_default();
        format!("{label:width$}  {}{origin}\n", machine.route())
    };
    ui::print(&labels.iter().zip(&machines).map(line).collect::<String>())
}

/// Forgets one machine. A name that several have is not enough: with the others' host keys their protection
/// would go.
fn forget_one(name: &str, context: &Context) -> Result<(), Error> {
    let known = remembered(&context.folders()?)?;
    let machine = machine::find(Some(name), &known, "service-manager machines forget")?;
    // First, while it is still known where: a failure leaves what a second try needs.
    for path in machine.merges()? {
        kubeconfig::take_out(machine, &path, context)?;
    }
    machine::forget(machine, context.deadline)
}
