//! What is set and installed on this host, and would have clients talk to somebody else.

use super::examination::Examination;
use super::finding::{ChainStep, Finding, FindingState};
use crate::base::version::ReleaseVersion;
use crate::catalogue::Service;
use crate::commands::exec::client_on_path;
use crate::export::proxy_variable;
use crate::guest::tunnel;
use crate::machine::Machine;
use crate::services::ConnectedService;

/// Looks at the variables and at the tunnel of `machine`.
pub(super) fn examine(services: &[&Service], machine: &Machine, examination: &mut Examination) {
    variables(services, machine, examination);
    forwards(machine, examination);
}

fn variables(services: &[&Service], machine: &Machine, examination: &mut Examination) {
    let env = &examination.context.env;
    let (mut foreign, mut winning): (Vec<String>, Vec<(String, &Service)>) = (Vec::new(), Vec::new());
    for service in services {
        let set = service.overrides.iter().filter(|name| env.variable(name.as_str()).is_some());
        winning.extend(set.map(|name| (name.to_string(), *service)));
        for export in service.exports.iter().filter(|export| export.list) {
            let Some(value) = env.variable(export.name.as_str()).filter(|value| !value.is_empty()) else {
                continue;
            };
            let is_ours = std::env::split_paths(value).any(|path| path.starts_with(machine.files.folder()));
            let name = export.name.to_string();
            if !is_ours && !foreign.contains(&name) {
                foreign.push(name);
            }
        }
    }
    for (name, service) in winning {
        let text =
            format!("{name} is set, which clients of {} heed instead of what `env` sets", service.title);
        let hint = format!("`unset {name}`; `service-manager exec {}` does without it", service.name);
        examination.note(ChainStep::Host, &text, Some(&hint));
    }
    for name in foreign {
        let text = format!(
            "{name} in this shell is not that of `{}`, so clients talk to another server",
            machine.name
        );
        examination.note(ChainStep::Host, &text, Some("`eval \"$(service-manager env)\"` sets it"));
    }
}

/// A tunnel that was made and has ended.
fn forwards(machine: &Machine, examination: &mut Examination) {
    let known = tunnel::read_forwards(&machine.files).unwrap_or_default();
    if known.is_empty() {
        return;
    }
    if tunnel::find(&machine.files).is_some() {
        return examination.ok(ChainStep::Host, "its tunnel is there", None);
    }
    let text = format!("the tunnel of `{}` has ended", machine.name);
    let hint = "`service-manager env` starts it again; `service-manager tunnel log` may say why it has ended";
    examination.note(ChainStep::Host, &text, Some(hint));
}

/// A proxy of this host that clients would ask for the service.
fn proxy(service: &ConnectedService, examination: &mut Examination) {
    let Some(address) = service.endpoint.address() else { return };
    let host = address.host.as_str();
    let Some(variable) = proxy_variable(&examination.context.env, host, address.port) else { return };
    let name = service.detected.service.name.as_str();
    let text = format!("clients look for {host} behind the proxy in {variable}");
    let hint = format!("add {host} to NO_PROXY, as `service-manager env --no-proxy` does");
    let finding = Finding::new(ChainStep::Host, FindingState::Note, &text).about(name);
    examination.add(finding.hint(&hint, examination.context.invocation()));
}

/// Looks at the clients of the services that were connected to.
pub(super) fn clients(connected: &[ConnectedService], examination: &mut Examination) {
    for service in connected {
        proxy(service, examination);
        client(service, examination);
    }
}

fn client(connected: &ConnectedService, examination: &mut Examination) {
    let service = connected.detected.service;
    let Some(client) = &service.client else { return };
    let server = connected.version();
    let server = server.as_ref().map(ReleaseVersion::named_by).unwrap_or_default();
    let (name, program) = (service.name.as_str(), client.program.as_str());
    let found = client_on_path(client, server.last(), examination.context);
    let (state, text) = match &found {
        None => (FindingState::Note, format!("there is no `{program}` on the PATH")),
        Some((path, Some(version), false)) => (
            FindingState::Note,
            format!("`{}` is {version}, which is too far from the server", path.display()),
        ),
        Some((path, None, false)) => {
            (FindingState::Note, format!("`{}` does not say its version", path.display()))
        }
        Some((path, _, true)) => (FindingState::Ok, format!("`{}` fits the server", path.display())),
    };
    let finding = Finding::new(ChainStep::Host, state, &text).about(name);
    let hint = format!(
        "`service-manager exec {name} -- {program}` runs one that fits; `service-manager install-cli {name}` installs it"
    );
    let typed = examination.context.invocation();
    examination.add(if state == FindingState::Note { finding.hint(&hint, typed) } else { finding });
}
