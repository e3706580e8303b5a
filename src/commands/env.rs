//! `service-manager env [SERVICE...]`

use serde::Serialize;

use super::context::{Context, at_once, print, print_json};
use crate::access::endpoint::Endpoint;
use crate::base::types::{ServiceName, VariableName, Version};
use crate::catalogue::Service;
use crate::cli::{EnvArgs, OutputFormat};
use crate::error::Error;
use crate::export::shell::script_readable;
use crate::export::{self, Block, Export};
use crate::guest::probe::Questions;
use crate::machine::{self, Machine};
use crate::services::cache::{Memory, Scope};
use crate::services::connected::{Used, use_services};
use crate::services::inspection::InUse;
use crate::services::prepared::{Ready, recall};
use crate::ui::json;

pub(super) fn run(args: &EnvArgs, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services = catalogue.select(&args.services)?;
    if args.unset {
        return unset(&services, args, context);
    }
    let contexts = context.of_each_machine();
    if args.freshness.cached {
        let all = at_once(&contexts, |context| printed(args, context));
        let all: Vec<(Machine, Vec<Block>)> = all.into_iter().collect::<Result<_, _>>()?;
        let blocks = joined(all.iter().map(|(machine, blocks)| (machine, blocks.as_slice())))?;
        return print_blocks(&blocks, args, context);
    }
    let all = at_once(&contexts, |context| answer(&services, args, context));
    let all: Vec<Ready> = all.into_iter().collect::<Result<_, _>>()?;
    print_all(&all, args, context)
}

/// Uses `services` of one machine: as they were used before, if they are good still, else as the machine says.
fn answer<'a>(services: &[&'a Service], args: &EnvArgs, context: &Context) -> Result<Ready<'a>, Error> {
    let mut machine = context.machine()?;
    let all = args.services.is_empty();
    let scope = if all { Scope::All } else { Scope::Named };
    let asked = args.services.join(" ");
    // With the API's version it is another answer than most want to have again.
    let asked = (!args.api_version).then_some(asked.as_str());
    let recalled = if args.freshness.refresh {
        None
    } else {
        recall(services, &machine, scope, args.api_version, context.deadline)?
    };
    if let Some((memory, ready)) = recalled {
        if let Err(error) = memory.confirm(&machine, &ready.answers(), asked, context.deadline) {
            log::debug!("{error}");
        }
        return Ok(ready);
    }
    let questions = Questions::to_use(services.iter().copied());
    let visit = context.inspect(&mut machine, &questions)?;
    let Used { in_use, left_out, failed } = use_services(services, all, &machine, &visit, context)?;
    // In a shell's start-up, what is left out on purpose would be noise.
    if in_use.is_empty() {
        note_nothing(&left_out, &machine, context);
    }
    let ready = Ready::new(in_use, machine.clone(), args.api_version, context.deadline)?;
    // What failed is told each time, so it is looked for each time; and what is stopped may be started at any time.
    let is_stopped = |error: &Error| matches!(error, Error::NotRunning { .. });
    if failed == 0
        && !left_out.iter().any(is_stopped)
        && let Err(error) = Memory::keep(&machine, services, &ready.answers(), asked, context.deadline)
    {
        log::debug!("{error}");
    }
    Ok(ready)
}

fn print_all(all: &[Ready], args: &EnvArgs, context: &Context) -> Result<(), Error> {
    for ready in all {
        ready.tell(context.ui);
    }
    match (args.output, all) {
        (OutputFormat::Json, [only]) => print_json(&Document::from(only)),
        (OutputFormat::Json, several) => {
            print_json(&json::Machines { machines: several.iter().map(Document::from).collect() })
        }
        (OutputFormat::Text, all) => {
            let blocks = joined(all.iter().map(|ready| (&ready.machine, ready.blocks.as_slice())))?;
            print_blocks(&blocks, args, context)
        }
    }
}

/// The blocks of several machines as those of one.
fn joined<'a>(all: impl Iterator<Item = (&'a Machine, &'a [Block])>) -> Result<Vec<Block>, Error> {
    let all: Vec<(&str, &[Block])> = all.map(|(machine, blocks)| (machine.name.as_str(), blocks)).collect();
    match all.as_slice() {
        [(_, only)] => Ok(only.to_vec()),
        several => export::join(several),
    }
}

/// Prints what removes the variables of `services`; asks nobody.
fn unset(services: &[&Service], args: &EnvArgs, context: &Context) -> Result<(), Error> {
    let mut names: Vec<VariableName> = Vec::new();
    for export in services.iter().flat_map(|service| &service.exports) {
        if !names.contains(&export.name) {
            names.push(export.name.clone());
        }
    }
    match args.output {
        OutputFormat::Json => print_json(&Unset { unset: names.iter().map(VariableName::as_str).collect() }),
        OutputFormat::Text => print(&context.shell(args.shell).unset(&names, &context.env.typed())?),
    }
}

fn print_blocks(blocks: &[Block], args: &EnvArgs, context: &Context) -> Result<(), Error> {
    print(&if args.script_readable {
        script_readable(blocks)
    } else {
        context.shell(args.shell).set(blocks, args.services.len() != 1, &context.env.typed())?
    })
}

/// What was printed last, whatever has become of it. Nothing is started and nobody asked.
fn printed(args: &EnvArgs, context: &Context) -> Result<(Machine, Vec<Block>), Error> {
    let machine = context.remembered_machine()?;
    let memory = Memory::of(&machine);
    let nothing = || machine::Error::NoCachedOutput { machine: machine.name.to_string() };
    let blocks = memory.printed(&args.services.join(" ")).ok_or_else(nothing)?.to_vec();
    Ok((machine, blocks))
}

fn note_nothing(left_out: &[Error], machine: &Machine, context: &Context) {
    let none = left_out.is_empty().then(|| format!("`{}` has none of the services", machine.name));
    for reason in left_out.iter().map(ToString::to_string).chain(none) {
        context.note(&format!("nothing to export: {reason}"));
    }
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Document<'a> {
    machine: &'a str,
    services: Vec<Entry<'a>>,
}

impl<'a> From<&'a Ready<'_>> for Document<'a> {
    fn from(ready: &'a Ready) -> Self {
        let services = ready.in_use.iter().zip(&ready.blocks).map(Entry::from).collect();
        Self { machine: ready.machine.name.as_str(), services }
    }
}

/// What `--unset --output json` prints.
#[derive(Serialize)]
struct Unset<'a> {
    unset: Vec<&'a str>,
}

/// A service in JSON.
#[derive(Serialize)]
struct Entry<'a> {
    service: &'a ServiceName,
    flavour: &'a ServiceName,
    version: Option<Version>,
    endpoint: &'a Endpoint,
    exports: Vec<Variable<'a>>,
}

/// A list of these, unlike an object, keeps its order in every reader.
#[derive(Serialize)]
struct Variable<'a> {
    name: &'a VariableName,
    value: &'a str,
}

impl<'a> From<(&'a InUse<'a>, &'a Block)> for Entry<'a> {
    fn from((in_use, block): (&'a InUse<'a>, &'a Block)) -> Self {
        let variable = |export: &'a Export| Variable { name: &export.name, value: &export.value };
        Self {
            service: &in_use.found.service.name,
            flavour: &in_use.found.flavour.name,
            version: in_use.version(),
            endpoint: &in_use.endpoint,
            exports: block.exports.iter().map(variable).collect(),
        }
    }
}
