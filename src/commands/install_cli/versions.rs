//! Which version of a client is wanted: the one that is named, or that of the service in the machine.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::named::{InstallFailure, NamedClient};
use crate::base::deadline::in_time;
use crate::base::types::{ServiceName, Version};
use crate::base::version::ReleaseVersion;
use crate::catalogue::Service;
use crate::cli::{InstallCliArgs, WantedVersion};
use crate::clients::install::{DownloadContext, fetcher};
use crate::clients::{self, alias};
use crate::commands::context::Context;
use crate::error::Error;
use crate::guest::probe::Questions;
use crate::machine::Machine;
use crate::services::{ConnectedService, Scope, ServiceCache, connect};

/// The versions of some clients.
pub(super) struct Versions<'a> {
    /// Each by all the names that its release may have.
    pub(super) known: Vec<(NamedClient<'a>, Vec<ReleaseVersion>)>,
    pub(super) failures: Vec<InstallFailure>,
}

/// The versions of `clients` that are wanted: as typed, else as the `project` has them, else those of the machine.
pub(super) fn versions<'a, 'w>(
    clients: Vec<NamedClient<'a>>,
    args: &InstallCliArgs,
    project: &BTreeMap<ServiceName, Version>,
    context: &Context,
    downloads: &dyn Fn() -> Result<DownloadContext<'w>, Error>,
) -> Versions<'a> {
    let mut versions = Versions { known: Vec::new(), failures: Vec::new() };
    let mut of_server = Vec::new();
    for client in clients {
        match &args.cli_version {
            None if project.contains_key(&client.service.name) => {
                let named = project.get(&client.service.name).map(ReleaseVersion::named_by);
                versions.add(client, Ok(named.unwrap_or_default()));
            }
            Some(wanted) => versions.add(client, named(wanted, client, args, downloads)),
            None if client.service.is_client_only() => {
                versions.add(client, Err(clients::Error::VersionNeeded { program: client.program() }.into()));
            }
            None => of_server.push(client),
        }
    }
    versions.add_those_of_the_server(of_server, context);
    versions
}

impl<'a> Versions<'a> {
    fn add(&mut self, client: NamedClient<'a>, versions: Result<Vec<ReleaseVersion>, Error>) {
        match versions {
            Ok(versions) => self.known.push((client, versions)),
            Err(error) => self.failures.push(InstallFailure::of(client, error)),
        }
    }

    /// Asks the machine about all of them at once. That it cannot be asked is one failure.
    fn add_those_of_the_server(&mut self, clients: Vec<NamedClient<'a>>, context: &Context) {
        if clients.is_empty() {
            return;
        }
        let services: Vec<Service> = clients.iter().map(|client| client.service.clone()).collect();
        let asking = context.clone();
        let ask = move |deadline| versions_in_use(&services, &asking.with_deadline(deadline));
        let failures = self.failures.len();
        match in_time(context.deadline.limit(), || (), ask) {
            Ok(answers) => {
                clients.into_iter().zip(answers).for_each(|(client, versions)| self.add(client, versions));
            }
            Err(error) => {
                let services = clients.iter().map(|client| client.service.name.clone()).collect();
                self.failures.push(InstallFailure { services, error });
            }
        }
        if self.failures.len() > failures {
            context.note("with `--cli-version VERSION` no machine is asked");
        }
    }
}

fn named<'w>(
    wanted: &WantedVersion,
    client: NamedClient,
    args: &InstallCliArgs,
    downloads: &dyn Fn() -> Result<DownloadContext<'w>, Error>,
) -> Result<Vec<ReleaseVersion>, Error> {
    match wanted {
        WantedVersion::Version(version) => Ok(ReleaseVersion::named_by(version)),
        WantedVersion::Alias(alias) if args.offline || args.dry_run => {
            let (program, alias) = (client.program(), alias.to_string());
            Err(clients::Error::AliasNotAsked { program, alias }.into())
        }
        WantedVersion::Alias(alias) => {
            Ok(vec![alias::version_of(client.client, alias, &fetcher(&downloads()?)?)?])
        }
    }
}

/// What the services in the machine say: where they were before, if they are good still, else as the machine says.
///
/// Errors: the machine cannot be asked.
fn versions_in_use(
    services: &[Service],
    context: &Context,
) -> Result<Vec<Result<Vec<ReleaseVersion>, Error>>, Error> {
    let (machine, deadline) = (context.machine()?, context.deadline);
    let cached: Vec<Option<Vec<ConnectedService>>> =
        services.iter().map(|service| reconnect(service, &machine, context)).collect();
    let silent: Vec<&Service> = services
        .iter()
        .zip(&cached)
        .filter(|(_, cached)| cached.is_none())
        .map(|(service, _)| service)
        .collect();
    let questions = Questions::to_use(silent.iter().copied());
    let inspection = if silent.is_empty() { None } else { Some(context.inspect(machine, &questions)?) };
    let answers = services.iter().zip(cached).map(|(service, cached)| {
        let connected = match (cached, &inspection) {
            (None, Some(inspection)) => {
                connect(inspection, &[service], false, deadline, |_| (), |_| ())?.connected
            }
            (cached, _) => cached.unwrap_or_default(),
        };
        let version = connected.first().and_then(ConnectedService::version);
        let versions = version.map(|version| ReleaseVersion::named_by(&version)).unwrap_or_default();
        if versions.is_empty() {
            return Err(clients::Error::NoVersion { service: service.title.clone() }.into());
        }
        Ok(versions)
    });
    Ok(answers.collect())
}

fn reconnect<'s>(
    service: &'s Service,
    machine: &Machine,
    context: &Context,
) -> Option<Vec<ConnectedService<'s>>> {
    ServiceCache::of(machine).reconnect(&[service], Scope::Named, SystemTime::now(), context.deadline)
}
