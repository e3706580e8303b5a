//! `service-manager registry trust [--remove] | login`

mod login;
mod trust;

pub(super) use self::trust::take_away_trust;
use super::context::Context;
use crate::access::certificate::Certificates;
use crate::access::endpoint::Via;
use crate::cli::{RegistryArgs, RegistryCommand};
use crate::error::Error;
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
    let machine = inspection.machine;
    let exported = export(connected, &machine, false, context.deadline)?;
    let exported = exported
        .into_iter()
        .find_map(|ExportedService { connected, block, .. }| Some((place_in(&block)?.to_owned(), connected)));
    let nothing = || Error::NothingToExport { machines: vec![format!("`{}`", machine.name)], hint: None };
    let (place, connected) = exported.ok_or_else(nothing)?;
    act(NamedRegistry { machine, connected, place })
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

    /// The place by which its certificate calls it, where the address that leads there is another one.
    fn trusted_place(&self) -> String {
        let address = self.connected.endpoint.address().filter(|_| !self.is_of_cluster());
        match address.and_then(|address| Some((address.server_name.as_ref()?, address.port))) {
            Some((name, port)) => format!("{name}:{port}"),
            None => self.place.clone(),
        }
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

const REGISTRY: &str = "registry";
const DOCKER_REGISTRY: &str = "DOCKER_REGISTRY";
/// Since `OpenShift` 4, readable by all who are logged in (openshift/cluster-ingress-operator:
/// pkg/operator/controller/certificate-publisher). Before, the cluster's own authority signed it.
const INGRESS_AUTHORITY: (&str, &str) =
    ("/api/v1/namespaces/openshift-config-managed/configmaps/default-ingress-cert", "/data/ca-bundle.crt");
