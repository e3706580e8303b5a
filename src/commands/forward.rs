//! `service-manager forward [--stop] LOCAL[:REMOTE]...`

use serde::Serialize;

use super::context::{Context, print, print_json};
use crate::cli::{ForwardArgs, OutputFormat};
use crate::error::Error;
use crate::guest::tunnel::{Forward, PortMapping};
use crate::machine::Machine;
use crate::services::{ForwardedPort, stop_ports};

pub(super) fn run(args: &ForwardArgs, context: &Context) -> Result<(), Error> {
    check(&args.ports)?;
    if args.stop {
        return Ok(stop_ports(&context.remembered_machine()?, &args.ports, context.deadline)?);
    }
    let mut machine = context.machine()?;
    let session = context.open_session(&mut machine)?;
    let forwarded = session.forward_ports(&args.ports, context.deadline)?;
    match args.output {
        OutputFormat::Text => print_all(&machine, &forwarded, context),
        OutputFormat::Json => print_json(&ForwardJson::new(&machine, &forwarded)),
    }
}

/// Errors: a port that only root may listen at, or one that is named twice.
fn check(mappings: &[PortMapping]) -> Result<(), Error> {
    for (index, mapping) in mappings.iter().enumerate() {
        let port = mapping.local.number();
        if mapping.is_privileged() {
            let instead = format!("{}:{}", UNPRIVILEGED + port, mapping.guest.number());
            return Err(Error::PrivilegedPort { port, instead });
        }
        if mappings[..index].iter().any(|before| before.local == mapping.local) {
            return Err(Error::PortTwice { port });
        }
    }
    Ok(())
}

/// Where each begins, for programs; what it is, for people.
fn print_all(machine: &Machine, forwarded: &[ForwardedPort], context: &Context) -> Result<(), Error> {
    for ForwardedPort { mapping, is_listening } in forwarded {
        let Forward { local, target, .. } = mapping.forward();
        print(&format!("{local}\n"))?;
        let yet = if *is_listening { "" } else { ", where nobody listens yet" };
        context.note(&format!(
            "{local} leads to {target} in `{}`{yet}; `service-manager forward --stop {}` ends that",
            machine.name,
            mapping.local.number()
        ));
    }
    Ok(())
}

/// What `--output json` prints.
#[derive(Serialize)]
struct ForwardJson<'a> {
    machine: &'a str,
    forwards: Vec<ForwardedJson>,
}

#[derive(Serialize)]
struct ForwardedJson {
    local: String,
    target: String,
    listening: bool,
}

impl<'a> ForwardJson<'a> {
    fn new(machine: &'a Machine, forwarded: &[ForwardedPort]) -> Self {
        let entry = |port: &ForwardedPort| {
            let Forward { local, target, .. } = port.mapping.forward();
            ForwardedJson {
                local: local.to_string(),
                target: target.to_string(),
                listening: port.is_listening,
            }
        };
        Self { machine: machine.name.as_str(), forwards: forwarded.iter().map(entry).collect() }
    }
}

/// What makes another port of one that only root may listen at: 8080 of 80, 8443 of 443.
const UNPRIVILEGED: u16 = 8000;
