//! `service-manager env [SERVICE...]`

mod surroundings;

use serde::Serialize;

use self::surroundings::{left_in_shell, mind_the_proxy};
use super::at_once::all_at_once;
use super::context::{Context, print, print_json};
use crate::access::endpoint::Endpoint;
use crate::base::types::{ServiceName, VariableName, Version};
use crate::catalogue::{self, Catalogue, Service};
use crate::cli::{EnvArgs, EnvFormat};
use crate::error::{Error, Explain};
use crate::export::shell::{Shell, dotenv, script_readable};
use crate::export::{self as exporting, Block, Export};
use crate::guest::probe::Questions;
use crate::machine::{self, Machine};
use crate::services::{
    self, ConnectedService, Connections, ExportedService, LeftOut, Scope, ServiceCache, bring_back_ports,
    connect, export, export_cached,
};
use crate::ui::json;

pub(super) fn run(args: &EnvArgs, context: &Context) -> Result<(), Error> {
    let known = context.catalogue()?;
    let of_project = if args.unset { Vec::new() } else { services_of_project(&args.services, context)? };
    let args = &args.clone().or_services(of_project);
    let services = known.select(&args.services).map_err(|error| match error {
        catalogue::Error::UnknownService { .. } => Error::NoSuchObject(error),
        error => error.into(),
    })?;
    if args.unset {
        return unset(&services, args, context);
    }
    let context = &context.that_uses(args.kube_context.chosen.as_ref(), &services)?;
    let contexts = context.of_each_machine();
    if args.freshness.cached {
        let all = all_at_once(&contexts, |context| printed(&services, args, context))?;
        return print_cached(&known, &all, args, context);
    }
    let all = all_at_once(&contexts, |context| exports(&services, args, context))?;
    let tunnel = context.tunnel()?;
    for MachineExports { machine, .. } in &all {
        bring_back_ports(machine, &tunnel, context.deadline);
    }
    if !args.script_readable {
        require_exports(&all)?;
    }
    print_all(&known, all, args, context)
}

/// The services that the project around names, where none is `typed`. Those of a machine that is named are others.
///
/// Errors: what the project's file says is not understood.
pub(super) fn services_of_project(typed: &[String], context: &Context) -> Result<Vec<String>, Error> {
    if !typed.is_empty() || context.means_another_machine() {
        return Ok(Vec::new());
    }
    let services = context.project_file()?.map(|file| file.services).unwrap_or_default();
    Ok(services.iter().map(ToString::to_string).collect())
}

/// Errors: nothing is exported of any machine.
pub(super) fn require_exports(all: &[MachineExports]) -> Result<(), Error> {
    let has_exports = |service: &ExportedService| !service.block.exports.is_empty();
    if all.iter().flat_map(|exports| &exports.services).any(has_exports) {
        return Ok(());
    }
    let machines = all.iter().map(|exports| format!("`{}`", exports.machine.name)).collect();
    let hint = all.iter().find_map(|exports| exports.hint.clone());
    Err(Error::NothingToExport { machines, hint })
}

/// Connects to all services of the machine that is meant, so that it is known how that is done.
///
/// Errors: those of `env`.
pub(super) fn find_services(context: &Context) -> Result<Machine, Error> {
    let catalogue = context.catalogue()?;
    let services = catalogue.select(&[])?;
    let machine = context.machine()?;
    let args = EnvArgs::default();
    Ok(inspect(&services, machine, None, &args, &context.clone().that_publishes())?.machine)
}

/// What is exported of one machine.
pub(super) struct MachineExports<'a> {
    pub(super) machine: Machine,
    pub(super) services: Vec<ExportedService<'a>>,
    /// What to type for the first service that is left out.
    hint: Option<String>,
}

impl MachineExports<'_> {
    pub(super) fn blocks(&self) -> (&str, Vec<Block>) {
        let blocks = self.services.iter().map(|service| service.block.clone()).collect();
        (self.machine.name.as_str(), blocks)
    }
}

/// Connects to `services` of one machine: where they were before, if they are good still, else as the machine says.
pub(super) fn exports<'a>(
    services: &[&'a Service],
    args: &EnvArgs,
    context: &Context,
) -> Result<MachineExports<'a>, Error> {
    let machine = context.machine()?;
    let scope = if args.services.is_empty() { Scope::All } else { Scope::Named };
    // With the API's version it is another answer than `--cached` has to repeat.
    let more = if args.more.api_version { " --api-version" } else { "" };
    let asked = args.services.join(" ") + more;
    let asked = Some(asked.as_str());
    let cached = if args.freshness.refresh {
        None
    } else {
        let tunnel = context.tunnel()?;
        let choice = context.chosen_in_kubeconfig();
        let api_version = args.more.api_version;
        export_cached(services, &machine, scope, api_version, Some(&tunnel), choice, context.deadline)?
    };
    if let Some((cache, exported)) = cached {
        cache.left_out(services).for_each(|reason| context.note_left_out(reason));
        let hint = cache.hint(services).map(str::to_owned);
        if let Err(error) = cache.confirm(&machine, &exported, asked, context.deadline) {
            log::debug!("{error}");
        }
        return Ok(MachineExports { machine, services: exported, hint });
    }
    inspect(services, machine, asked, args, context)
}

/// Asks the machine, and caches what it said.
fn inspect<'a>(
    services: &[&'a Service],
    machine: Machine,
    asked: Option<&str>,
    args: &EnvArgs,
    context: &Context,
) -> Result<MachineExports<'a>, Error> {
    let questions = Questions::to_use(services.iter().copied());
    let inspection = context.inspect(machine, &questions)?;
    let all = args.services.is_empty();
    let warn = |error: services::Error| context.warn(&error.into());
    let note = |left_out: &services::Error| context.note_left_out_now(left_out);
    let Connections { connected, left_out, has_failed } =
        connect(&inspection, services, all, context.deadline, note, warn)
            .map_err(|error| context.with_last_words(error, &inspection.machine))?;
    let hinted = |left_out: LeftOut| LeftOut { hint: left_out.reason.hint(), ..left_out };
    let left_out: Vec<LeftOut> = left_out.into_iter().map(hinted).collect();
    let hint = hint_of_all(&left_out);
    // What failed is told each time, so it is looked for each time; and what is stopped may be started at any time.
    let is_cacheable = !has_failed && !left_out.iter().any(LeftOut::may_come);
    let exported = export(connected, &inspection.machine, args.more.api_version, context.deadline)?;
    if is_cacheable
        && let Err(error) =
            ServiceCache::keep(&inspection.machine, services, &exported, &left_out, asked, context.deadline)
    {
        log::debug!("{error}");
    }
    if !is_cacheable {
        let connected: Vec<&ConnectedService> = exported.iter().map(|exported| &exported.connected).collect();
        ServiceCache::keep_contexts(&inspection.machine, &connected, context.deadline)?;
    }
    // What is published is asked of those that could be connected to, whatever became of the others.
    if !is_cacheable && context.tunnel()?.publish {
        let used: Vec<&Service> = exported.iter().map(|service| service.connected.detected.service).collect();
        ServiceCache::keep(&inspection.machine, &used, &exported, &[], None, context.deadline)?;
    }
    Ok(MachineExports { machine: inspection.machine, services: exported, hint })
}

/// What to type where all services are left out. What to type about one that has failed was said with its note.
fn hint_of_all(left_out: &[LeftOut]) -> Option<String> {
    let (failed, others): (Vec<_>, Vec<_>) =
        left_out.iter().partition(|left_out| left_out.reason.is_about_a_failed_service());
    let of_others = others.iter().find_map(|left_out| left_out.hint.clone());
    of_others.or_else(|| (!failed.is_empty()).then(|| "`service-manager doctor` says more".into()))
}

fn print_all(
    known: &Catalogue,
    mut all: Vec<MachineExports>,
    args: &EnvArgs,
    context: &Context,
) -> Result<(), Error> {
    for service in all.iter().flat_map(|exports| &exports.services) {
        service.notes().iter().for_each(|note| context.note(note));
    }
    let is_script = args.output == EnvFormat::Text && !args.script_readable;
    let shell = if is_script { context.shell(args.shell) } else { Shell::Posix };
    let mut services: Vec<&mut ExportedService> =
        all.iter_mut().flat_map(|exports| &mut exports.services).collect();
    mind_the_proxy(&mut services, args.more.no_proxy, shell, context)?;
    if !args.script_readable {
        let blocks: Vec<Block> = all.iter().flat_map(|exports| exports.blocks().1).collect();
        let keys: Vec<String> = all.iter().map(|exports| exports.machine.key()).collect();
        let left = left_in_shell(known, &blocks, &keys, context)?;
        let first = all.iter_mut().find_map(|exports| exports.services.first_mut());
        if let Some(service) = first {
            service.block.gone.extend(left);
        }
    }
    match (args.output, all.as_slice()) {
        (EnvFormat::Json, [only]) => print_json(&EnvJson::from(only)),
        (EnvFormat::Json, several) => {
            print_json(&json::Machines { machines: several.iter().map(EnvJson::from).collect() })
        }
        (EnvFormat::Text | EnvFormat::Dotenv, all) => {
            let blocks: Vec<(&str, Vec<Block>)> = all.iter().map(MachineExports::blocks).collect();
            print_blocks(&joined(&blocks)?, shell, args, context)
        }
    }
}

/// Prints what was printed last, whatever has become of it.
fn print_cached(
    known: &Catalogue,
    all: &[(Machine, Vec<Block>)],
    args: &EnvArgs,
    context: &Context,
) -> Result<(), Error> {
    let of_machines: Vec<(&str, Vec<Block>)> =
        all.iter().map(|(machine, blocks)| (machine.name.as_str(), blocks.clone())).collect();
    let mut blocks = joined(&of_machines)?;
    if !args.script_readable {
        let keys: Vec<String> = all.iter().map(|(machine, _)| machine.key()).collect();
        let left = left_in_shell(known, &blocks, &keys, context)?;
        if let Some(block) = blocks.first_mut() {
            block.gone.extend(left);
        }
    }
    let shell = if args.script_readable { Shell::Posix } else { context.shell(args.shell) };
    print_blocks(&blocks, shell, args, context)
}

/// The blocks of several machines as those of one.
pub(super) fn joined(all: &[(&str, Vec<Block>)]) -> Result<Vec<Block>, Error> {
    match all {
        [(_, only)] => Ok(only.clone()),
        several => {
            let several: Vec<(&str, &[Block])> =
                several.iter().map(|(machine, blocks)| (*machine, blocks.as_slice())).collect();
            Ok(exporting::join(&several)?)
        }
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
        EnvFormat::Json => print_json(&Unset { unset: names.iter().map(VariableName::as_str).collect() }),
        EnvFormat::Dotenv => print(&names.iter().map(|name| format!("{name}=\n")).collect::<String>()),
        EnvFormat::Text => print(&context.shell(args.shell).unset(&names, &context.env.typed())?),
    }
}

fn print_blocks(blocks: &[Block], shell: Shell, args: &EnvArgs, context: &Context) -> Result<(), Error> {
    print(&if args.script_readable {
        script_readable(blocks)
    } else if args.output == EnvFormat::Dotenv {
        dotenv(blocks)?
    } else {
        shell.set(blocks, args.services.len() != 1, &context.env.typed())?
    })
}

/// What was printed last, whatever has become of it. Nothing is started and nobody asked.
fn printed(services: &[&Service], args: &EnvArgs, context: &Context) -> Result<(Machine, Vec<Block>), Error> {
    let machine = context.remembered_machine()?;
    let nothing = || machine::Error::NoCachedOutput { machine: machine.name.to_string() };
    let cache = ServiceCache::of(&machine);
    let blocks = cache.printed(&args.services.join(" ")).ok_or_else(nothing)?.to_vec();
    cache.left_out(services).for_each(|reason| context.note_left_out(reason));
    Ok((machine, blocks))
}

/// What `--output json` prints.
#[derive(Serialize)]
struct EnvJson<'a> {
    machine: &'a str,
    services: Vec<EnvServiceJson<'a>>,
}

impl<'a> From<&'a MachineExports<'_>> for EnvJson<'a> {
    fn from(exports: &'a MachineExports) -> Self {
        let services = exports.services.iter().map(EnvServiceJson::from).collect();
        Self { machine: exports.machine.name.as_str(), services }
    }
}

/// What `--unset --output json` prints.
#[derive(Serialize)]
struct Unset<'a> {
    unset: Vec<&'a str>,
}

/// A service in JSON.
#[derive(Serialize)]
struct EnvServiceJson<'a> {
    service: &'a ServiceName,
    flavour: &'a ServiceName,
    version: Option<Version>,
    endpoint: &'a Endpoint,
    exports: Vec<Variable<'a>>,
    /// What the shell must not have from before.
    unset: Vec<&'a VariableName>,
}

/// A list of these, unlike an object, keeps its order in every reader.
#[derive(Serialize)]
struct Variable<'a> {
    name: &'a VariableName,
    value: &'a str,
}

impl<'a> From<&'a ExportedService<'_>> for EnvServiceJson<'a> {
    fn from(service: &'a ExportedService) -> Self {
        let ExportedService { connected, block, .. } = service;
        let variable = |export: &'a Export| Variable { name: &export.name, value: &export.value };
        Self {
            service: &connected.detected.service.name,
            flavour: &connected.detected.flavour.name,
            version: connected.version(),
            endpoint: &connected.endpoint,
            exports: block.exports.iter().map(variable).collect(),
            unset: block.gone.iter().collect(),
        }
    }
}
