//! `service-manager env [SERVICE...]`

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::Context;
use super::json::{self, Place};
use crate::cli::{EnvArgs, OutputFormat};
use crate::client_files::ClientFiles;
use crate::discover::discover;
use crate::error::Error;
use crate::export::{Block, Export, Values};
use crate::grammar::{ServiceName, VariableName, Version, span};
use crate::machine::Machine;
use crate::probe::Questions;
use crate::service::{Access, Service};
use crate::shell::script_readable;
use crate::ui;
use crate::visit::{InUse, Visit};

pub(super) fn run(args: &EnvArgs, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services = catalogue.select(&args.services)?;
    if args.unset {
        let mut names: Vec<VariableName> = Vec::new();
        for export in services.iter().flat_map(|service| &service.exports) {
            if !names.contains(&export.name) {
                names.push(export.name.clone());
            }
        }
        return match args.output {
            OutputFormat::Json => {
                json::print(&Unset { unset: names.iter().map(VariableName::as_str).collect() })
            }
            OutputFormat::Text => {
                ui::print(&context.shell(args.shell).unset(&names, &context.host.arguments)?)
            }
        };
    }
    let machine = context.machine()?;
    let visit = Visit::make(&machine, &Questions::to_use(services.iter().copied()), context.deadline)?;
    let all = args.services.is_empty();
    let Used { in_use, left_out } = use_services(&services, all, &machine, &visit, context)?;
    // In a shell's start-up, what is left out on purpose would be noise.
    if in_use.is_empty() {
        note_nothing(&left_out, &machine, context);
    }
    let files = ClientFiles::new(&machine, &in_use)?;
    let blocks: Vec<Block> =
        in_use.iter().map(|service| block(service, &files, args, context)).collect::<Result<_, _>>()?;
    files.write(context.deadline)?;
    if args.output == OutputFormat::Json {
        let services = in_use.iter().zip(&blocks).map(Entry::from).collect();
        return json::print(&Document { machine: machine.name.as_str(), services });
    }
    ui::print(&if args.script_readable {
        script_readable(&blocks)
    } else {
        context.shell(args.shell).set(&blocks, args.services.len() != 1, &context.host.arguments)?
    })
}

/// What became of the services that were asked for.
pub(super) struct Used<'a> {
    pub(super) in_use: Vec<InUse<'a>>,
    /// Why the others are left out.
    pub(super) left_out: Vec<Error>,
}

/// Uses `services`, so that what is printed of them is known to work. Who asks for `all` that run takes what
/// does not for no failure; one that fails is no reason to go without the others.
pub(super) fn use_services<'a>(
    services: &[&'a Service],
    all: bool,
    machine: &Machine,
    visit: &Visit,
    context: &Context,
) -> Result<Used<'a>, Error> {
    let machine_name = machine.name.to_string();
    let not_installed =
        |service: &str| Error::NotInstalled { service: service.to_owned(), machine: machine_name.clone() };
    let mut found = Vec::new();
    for service in services {
        match discover(service, &visit.facts) {
            Some(service) => found.push(service),
            None if all => {}
            None => return Err(not_installed(service.name.as_str())),
        }
    }
    let (mut in_use, mut left_out, mut failed) = (Vec::new(), Vec::new(), VecDeque::new());
    for service in visit.use_services(found, machine, context.deadline) {
        match service {
            Ok(service) => in_use.push(service),
            Err(error @ (Error::NotRunning { .. } | Error::NoAccess { .. })) if all => left_out.push(error),
            Err(error) => failed.push_back(visit.look_closer(error)),
        }
    }
    let is_failure = !all || in_use.is_empty();
    let failure = failed.pop_front_if(|_| is_failure);
    for error in &failed {
        context.ui.warning(error);
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    for service in &in_use {
        note_server_name(service, context);
        note_end(service, context);
    }
    Ok(Used { in_use, left_out })
}

fn note_nothing(left_out: &[Error], machine: &Machine, context: &Context) {
    let none = left_out.is_empty().then(|| format!("`{}` has none of the services", machine.name));
    for reason in left_out.iter().map(ToString::to_string).chain(none) {
        context.ui.note(&format!("nothing to export: {reason}"));
    }
}

fn note_server_name(service: &InUse, context: &Context) {
    if let Some(name) = &service.endpoint.server_name {
        context.ui.note(&format!(
            "the certificate does not name {}, so the kubeconfig says `tls-server-name: {name}`; \
             kubectl before 1.18 and some other clients ignore that",
            service.endpoint.host
        ));
    }
}

/// A server may allow tokens for a short time only.
fn note_end(service: &InUse, context: &Context) {
    let end = service.credentials.proof.end();
    if let Some(left) =
        end.and_then(|end| end.duration_since(SystemTime::now()).ok()).filter(|left| *left < DAY)
    {
        let is_made = matches!(service.found.flavour.access, Access::ServiceAccount { .. });
        let more = if is_made { "; the same command gets a new one then" } else { "" };
        context.ui.note(&format!(
            "the token for {} expires in {}{more}",
            service.found.service.title,
            span(left)
        ));
    }
}

fn block(service: &InUse, files: &ClientFiles, args: &EnvArgs, context: &Context) -> Result<Block, Error> {
    let folder = files.folder(service);
    let values = Values {
        in_use: service,
        kubeconfig: text(files.kubeconfig())?,
        folder: text(&folder)?,
        api_version: args.api_version,
    };
    Block::new(&values, |reason| context.ui.note(&format!("{}: {reason}", service.found.service.title)))
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::PathNotText { path: path.to_owned() })
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Document<'a> {
    machine: &'a str,
    services: Vec<Entry<'a>>,
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
    endpoint: Place<'a>,
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
            endpoint: Place::from(&in_use.endpoint),
            exports: block.exports.iter().map(variable).collect(),
        }
    }
}

const DAY: Duration = Duration::from_hours(24);
