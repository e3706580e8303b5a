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
use crate::base::timeouts;
use crate::cli::{RegistryArgs, RegistryCommand};
use crate::error::{Error, RegistryError};
use crate::export::Block;
use crate::guest::probe::Questions;
use crate::machine::Machine;
use crate::services::{self, ConnectedService, Connections, ExportedService, connect, export};

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
    /// At which the host may reach the machine.
    addresses: Vec<IpAddr>,
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
    let addresses = inspection.addresses();
    let machine = inspection.machine;
    let exported = export(connected, &machine, false, context.deadline)?;
    let exported = exported
        .into_iter()
        .find_map(|ExportedService { connected, block, .. }| Some((place_in(&block)?.to_owned(), connected)));
    let nothing = || Error::NothingToExport { machines: vec![format!("`{}`", machine.name)], hint: None };
    let (place, connected) = exported.ok_or_else(nothing)?;
    let registry = NamedRegistry { machine, connected, place, addresses };
    registry.require_in_machine()?;
    act(registry)
}

/// The addresses of `host`, as far as a name server says them in time.
fn look_up(host: String) -> Vec<IpAddr> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let found = (host.as_str(), HTTPS_PORT).to_socket_addrs().into_iter().flatten();
        // Nobody listens any more when it took too long.
        let _ = sender.send(found.map(|place| place.ip()).collect());
    });
    receiver.recv_timeout(timeouts::NAME_LOOKUP).unwrap_or_default()
}

/// True when a name with the addresses `found` is that of another host than the one with `addresses`. One that nobody knows may
/// come to be known; what leads there from a loopback address the user has made.
fn is_elsewhere(found: &[IpAddr], addresses: &[IpAddr]) -> bool {
    !found.is_empty() && !found.iter().any(|address| address.is_loopback() || addresses.contains(address))
}

fn place_in(block: &Block) -> Option<&str> {
    let export = block.exports.iter().find(|export| export.name.as_str() == DOCKER_REGISTRY)?;
    Some(&export.value)
}

impl NamedRegistry<'_> {
    /// The guest says what its route is called: it could name a registry of others, for which its authority must not count.
    fn require_in_machine(&self) -> Result<(), RegistryError> {
        let is_elsewhere = || is_elsewhere(&look_up(self.place.clone()), &self.addresses);
        if self.is_of_cluster() && is_elsewhere() {
            let (place, machine) = (self.place.clone(), self.machine.name.to_string());
            return Err(RegistryError::Elsewhere { place, machine });
        }
        Ok(())
    }

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

    /// True for one of a cluster, which is connected to in its place.
    fn is_of_cluster(&self) -> bool {
        self.connected.detected.flavour.access.has_kubeconfig()
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
        assert!(is_elsewhere(&addresses(&["203.0.113.5"]), &machine));
        assert!(!is_elsewhere(&addresses(&["203.0.113.5", "192.168.56.7"]), &machine));
        assert!(!is_elsewhere(&addresses(&["127.0.0.1"]), &machine));
        assert!(!is_elsewhere(&[], &machine), "nobody knows the name");
    }
}
