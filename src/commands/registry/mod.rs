//! `service-manager registry trust [--remove] | login`

mod login;
mod trust;

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

pub(super) use self::trust::take_away_trust;
use super::context::Context;
use crate::access::certificate::Certificates;
use crate::access::endpoint::Via;
use crate::base::deadline::Deadline;
use crate::base::timeouts;
use crate::cli::{RegistryArgs, RegistryCommand};
use crate::error::{Error, RegistryError};
use crate::export::Block;
use crate::guest::probe::Questions;
use crate::machine::Machine;
use crate::services::{self, ConnectedService, Connections, ExportedService, Inspection, connect, export};

pub(super) fn run(args: &RegistryArgs, context: &Context) -> Result<(), Error> {
    match &args.what {
        RegistryCommand::Trust(args) => trust::run(args, context),
        RegistryCommand::Login(args) => login::run(args, context),
    }
}

/// A registry as the host's programs name it.
struct NamedRegistry<'a> {
    machine: Machine,
    connected: ConnectedService<'a>,
    /// `HOST:PORT`, or the host alone where the port is that of HTTPS.
    place: String,
}

/// Gives the registry of the machine that is meant to `act`, connected to as `env registry` does.
///
/// Errors: it cannot be connected to, or nothing leads to it from the host.
fn with_registry<T>(
    context: &Context,
    act: impl FnOnce(NamedRegistry) -> Result<T, Error>,
) -> Result<T, Error> {
    let catalogue = context.catalogue()?;
    let services = catalogue.select(&[REGISTRY.to_owned()])?;
    let inspection = context.inspect(context.machine()?, &Questions::to_use(services.iter().copied()))?;
    let warn = |error: services::Error| context.warn(&error.into());
    let Connections { connected, .. } =
        connect(&inspection, &services, false, context.deadline, |_| (), warn)?;
    let exported = export(connected, &inspection.machine, false, context.deadline)?;
    let exported = exported
        .into_iter()
        .find_map(|ExportedService { connected, block, .. }| Some((place_in(&block)?.to_owned(), connected)));
    let nothing =
        || Error::NothingToExport { machines: vec![format!("`{}`", inspection.machine.name)], hint: None };
    let (place, connected) = exported.ok_or_else(nothing)?;
    if is_of_cluster(&connected) {
        require_in_machine(&place, &inspection, context.deadline)?;
    }
    act(NamedRegistry { machine: inspection.machine, connected, place })
}

/// True for a registry of a cluster, which is connected to in its place.
fn is_of_cluster(connected: &ConnectedService) -> bool {
    connected.detected.flavour.access.has_kubeconfig()
}

/// The guest says what its route is called: it could name a registry of others, for which its authority must not count. It says
/// its addresses too, so that only those count at which its SSH server has answered.
///
/// Errors: `place` leads somewhere else, or nowhere.
fn require_in_machine(place: &str, inspection: &Inspection, deadline: Deadline) -> Result<(), RegistryError> {
    let found = look_up(place.to_owned(), deadline);
    let reached = services::addresses(inspection, deadline).into_iter().filter(|address| address.reachable);
    let addresses: Vec<IpAddr> = reached.map(|address| address.ip).collect();
    let (place, machine) = (place.to_owned(), inspection.machine.name.to_string());
    match RouteEnd::of(&found, &addresses) {
        RouteEnd::Machine => Ok(()),
        RouteEnd::Elsewhere => Err(RegistryError::Elsewhere { place, machine }),
        RouteEnd::Nowhere => Err(RegistryError::Nowhere { place, machine }),
    }
}

/// Where a name leads.
#[derive(Debug, PartialEq, Eq)]
enum RouteEnd {
    /// To an address of the machine, or to a loopback address, from which the user has made a way there.
    Machine,
    Elsewhere,
    /// Nobody knows the name now. Others may know it later.
    Nowhere,
}

impl RouteEnd {
    /// That of a name with the addresses `found`, for the machine with `addresses`.
    fn of(found: &[IpAddr], addresses: &[IpAddr]) -> Self {
        match found {
            [] => Self::Nowhere,
            _ if found.iter().any(|address| address.is_loopback() || addresses.contains(address)) => {
                Self::Machine
            }
            _ => Self::Elsewhere,
        }
    }
}

/// The addresses of `host`, as far as a name server says them in time.
fn look_up(host: String, deadline: Deadline) -> Vec<IpAddr> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let found = (host.as_str(), HTTPS_PORT).to_socket_addrs().into_iter().flatten();
        // Nobody listens any more when it took too long.
        let _ = sender.send(found.map(|place| place.ip()).collect());
    });
    receiver.recv_timeout(deadline.at_most(timeouts::REGISTRY_NAME).left()).unwrap_or_default()
}

fn place_in(block: &Block) -> Option<&str> {
    let export = block.exports.iter().find(|export| export.name.as_str() == DOCKER_REGISTRY)?;
    Some(&export.value)
}

impl NamedRegistry<'_> {
    /// Whom its clients have to trust. None where it talks HTTP.
    fn authority(&self) -> Option<Certificates> {
        let credentials = self.connected.credentials.as_ref().filter(|credentials| !credentials.is_plain)?;
        if self.is_of_cluster() {
            let access = self.connected.access();
            let text = access.client.ask(INGRESS_AUTHORITY.0, INGRESS_AUTHORITY.1);
            if let Some(ingress) = text.and_then(|text| Certificates::parse(text.as_bytes())) {
                return Some(ingress);
            }
        }
        Some(credentials.authority.clone())
    }

    /// True when its certificate does not name the address that leads there.
    fn has_other_name(&self) -> bool {
        let address = self.connected.endpoint.address().filter(|_| !self.is_of_cluster());
        address.is_some_and(|address| address.server_name.is_some())
    }

    fn is_of_cluster(&self) -> bool {
        is_of_cluster(&self.connected)
    }

    /// True where a daemon of docker takes it as it is.
    fn is_on_loopback(&self) -> bool {
        !self.is_of_cluster() && self.connected.endpoint.via == Via::Ssh
    }
}

const HTTPS_PORT: u16 = 443;
const REGISTRY: &str = "registry";
const DOCKER_REGISTRY: &str = "DOCKER_REGISTRY";
/// Since `OpenShift` 4, readable by all who are logged in (openshift/cluster-ingress-operator:
/// pkg/operator/controller/certificate-publisher). Before, the cluster's own authority signed it.
const INGRESS_AUTHORITY: (&str, &str) =
    ("/api/v1/namespaces/openshift-config-managed/configmaps/default-ingress-cert", "/data/ca-bundle.crt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_leads_to_another_host_is_not_the_machines() {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let machine = addresses(&["192.168.56.7", "10.0.2.15"]);
        let leads = |found: &[&str]| RouteEnd::of(&addresses(found), &machine);
        assert_eq!(leads(&["203.0.113.5"]), RouteEnd::Elsewhere);
        assert_eq!(leads(&["203.0.113.5", "192.168.56.7"]), RouteEnd::Machine);
        assert_eq!(leads(&["127.0.0.1"]), RouteEnd::Machine);
        assert_eq!(leads(&[]), RouteEnd::Nowhere);
    }
}
