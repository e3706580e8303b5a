//! What is in the user's shell already: variables that an earlier `env` has set, and a proxy.

use std::collections::BTreeMap;

use crate::base::types::VariableName;
use crate::catalogue::Catalogue;
use crate::commands::context::Context;
use crate::error::Error;
use crate::export::shell::Shell;
use crate::export::{Block, proxy_variable, without_proxy};
use crate::services::{ExportedService, Leftover, leftovers};

/// The variables that the shell has from an earlier `env`, and that `blocks` of the machines with these `keys` do not set;
/// the user is told of them.
pub(super) fn left_in_shell(
    catalogue: &Catalogue,
    blocks: &[Block],
    keys: &[String],
    context: &Context,
) -> Result<Vec<VariableName>, Error> {
    let services = catalogue.select(&[])?;
    let left = leftovers(&context.env, &context.folders()?, &services, blocks, keys);
    let mut of_machines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Leftover { name, machine } in &left {
        of_machines.entry(machine).or_default().push(name.as_str());
    }
    for (key, names) in of_machines {
        let machine = key.rsplit_once('-').map_or("a machine".to_owned(), |(name, _)| format!("`{name}`"));
        context.note(&format!("unset: {}, which an earlier `env` has set for {machine}", names.join(", ")));
    }
    Ok(left.into_iter().map(|left| left.name).collect())
}

/// Adds what keeps clients from looking for `services` behind the host's proxy where `is_wanted`; else says what to type.
pub(super) fn mind_the_proxy(
    services: &mut [&mut ExportedService],
    is_wanted: bool,
    shell: Shell,
    context: &Context,
) -> Result<(), Error> {
    let env = &context.env;
    let addresses = services.iter().filter_map(|service| service.connected.endpoint.address());
    let (mut proxy, mut hosts) = (None, Vec::new());
    for address in addresses {
        let host = address.host.as_str();
        if let Some(variable) = proxy_variable(env, host, address.port) {
            proxy = Some(variable);
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
    }
    let Some(proxy) = proxy else { return Ok(()) };
    let exports = without_proxy(env, &hosts)?;
    if is_wanted {
        if let Some(service) = services.last_mut() {
            service.block.exports.extend(exports);
        }
        return Ok(());
    }
    let line = shell.change(&exports, &[])?;
    context.note(&format!(
        "clients look for {} behind the proxy in {proxy}; `{}` makes them go there directly, \
         and so does `service-manager env --no-proxy`",
        hosts.join(", "),
        line.lines().collect::<Vec<_>>().join("; ")
    ));
    Ok(())
}
