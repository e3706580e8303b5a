//! `service-manager machines` and `service-manager machines forget NAME`

use super::Context;
use crate::cli::{MachinesArgs, MachinesCommand};
use crate::error::Error;
use crate::grammar::MachineName;
use crate::machine::{forget, remembered};
use crate::ui;

pub(super) fn run(args: &MachinesArgs, context: &Context) -> Result<(), Error> {
    match &args.what {
        None => list(context),
        Some(MachinesCommand::Forget(args)) => forget_all(&args.name, context),
    }
}

fn list(context: &Context) -> Result<(), Error> {
    let machines = remembered(&context.folders()?)?;
    let width = machines.iter().map(|machine| machine.name.as_str().len()).max().unwrap_or(0);
    let line =
        |machine: &crate::machine::Machine| format!("{:width$}  {}\n", machine.name.as_str(), machine.route);
    ui::print(&machines.iter().map(line).collect::<String>())
}

/// Forgets every machine of the name: whoever rebuilt one does not care at which address it was.
fn forget_all(name: &MachineName, context: &Context) -> Result<(), Error> {
    let machines = remembered(&context.folders()?)?;
    let (meant, others): (Vec<_>, Vec<_>) = machines.iter().partition(|machine| machine.name == *name);
    if meant.is_empty() {
        let known = others.iter().map(|machine| machine.name.to_string()).collect();
        return Err(Error::UnknownMachine { name: name.to_string(), known });
    }
    meant.into_iter().try_for_each(forget)
}
