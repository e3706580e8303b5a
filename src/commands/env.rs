//! `service-manager env [SERVICE...]`

use super::Context;
use crate::cli::EnvArgs;
use crate::discover::discover;
use crate::error::Error;
use crate::export::Block;
use crate::kubeconfig;
use crate::machine::Machine;
use crate::probe::Questions;
use crate::service::{Catalogue, Service};
use crate::shell::script_readable;
use crate::ui;
use crate::visit::Visit;

pub(super) fn run(args: &EnvArgs, context: &Context) -> Result<(), Error> {
    let catalogue = Catalogue::built_in()?;
    let services = catalogue.select(&args.services)?;
    if args.unset {
        let exports = services.iter().flat_map(|service| &service.exports);
        let names: Vec<_> = exports.map(|export| export.name.clone()).collect();
        return ui::print(&context.shell(args.shell).unset(&names, &context.host.arguments)?);
    }
    let machine = context.machine()?;
    let visit = Visit::make(&machine, &Questions::about(services.iter().copied()), context.deadline)?;
    let all = args.services.is_empty();
    let mut blocks = Vec::new();
    for service in services {
        match block(service, &machine, &visit, context) {
            Ok(block) => blocks.push(block),
            // Who asks for whatever runs takes what does not for no failure.
            Err(error @ (Error::NotInstalled { .. } | Error::NotRunning { .. })) if all => {
                context.ui.note(&format!("nothing to export: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    ui::print(&if args.script_readable {
        script_readable(&blocks)
    } else {
        context.shell(args.shell).set(&blocks, all, &context.host.arguments)?
    })
}

/// Proves that `service` can be used, writes its kubeconfig and says what to export.
fn block(service: &Service, machine: &Machine, visit: &Visit, context: &Context) -> Result<Block, Error> {
    let name = machine.name.as_str();
    let found = discover(service, &visit.facts)
        .ok_or_else(|| Error::NotInstalled { service: service.name.to_string(), machine: name.to_owned() })?;
    // Before anything is written: a folder that no shell can carry is no place for a kubeconfig.
    let block = Block::new(service, &machine.files.kubeconfig())?;
    let (credentials, endpoint) = visit.use_service(&found, machine, context.deadline)?;
    if let Some(name) = &endpoint.server_name {
        context.ui.note(&format!(
            "the certificate does not name {}, so the kubeconfig says `tls-server-name: {name}`; \
             kubectl before 1.18 and some other clients ignore that",
            endpoint.address
        ));
    }
    let text = kubeconfig::write(name, &endpoint.url(), endpoint.server_name.as_ref(), &credentials)?;
    machine.lock(context.deadline)?.write(&machine.files.kubeconfig(), text.as_bytes())?;
    Ok(block)
}
