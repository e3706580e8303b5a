//! The services that a command uses, and what the user should know of them.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use crate::base::text::humanize_duration;
use crate::catalogue::{Access, Service};
use crate::commands::context::Context;
use crate::error::Error;
use crate::machine::Machine;
use crate::services::detect::discover;
use crate::services::inspection::{InUse, Visit};
use crate::ui::Ui;

/// What became of the services that were asked for.
pub(crate) struct Used<'a> {
    pub(crate) in_use: Vec<InUse<'a>>,
    /// Why the others are left out.
    pub(crate) left_out: Vec<Error>,
    /// How many failed, of which the user was told.
    pub(crate) failed: usize,
}

/// Uses `services`, so that what is printed of them is known to work. Who asks for `all` that run takes what
/// does not for no failure; one that fails is no reason to go without the others.
pub(crate) fn use_services<'a>(
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
        context.warn(error);
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    Ok(Used { in_use, left_out, failed: failed.len() })
}

/// Notes what the user should know of services that are exported.
pub(crate) fn tell(in_use: &[InUse], ui: Ui) {
    for service in in_use {
        note_server_name(service, ui);
        note_end(service, ui);
    }
}

fn note_server_name(service: &InUse, ui: Ui) {
    if let Some(name) = &service.endpoint.server_name {
        ui.note(&format!(
            "the certificate does not name {}, so the kubeconfig says `tls-server-name: {name}`; \
             kubectl before 1.18 and some other clients ignore that",
            service.endpoint.host
        ));
    }
}

/// A server may allow tokens for a short time only.
fn note_end(service: &InUse, ui: Ui) {
    let end = service.credentials.client_auth.expires_at();
    if let Some(left) =
        end.and_then(|end| end.duration_since(SystemTime::now()).ok()).filter(|left| *left < DAY)
    {
        let is_made = matches!(service.found.flavour.access, Access::ServiceAccount { .. });
        let more = if is_made { "; the same command gets a new one then" } else { "" };
        ui.note(&format!(
            "the token for {} expires in {}{more}",
            service.found.service.title,
            humanize_duration(left)
        ));
    }
}

const DAY: Duration = Duration::from_hours(24);
