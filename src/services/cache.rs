//! How services were connected to last, so that the next `env` needs no SSH. The cache only says where to look: `env`
//! connects to every service with the very credentials that it exports, before it prints anything.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::connect::LeftOut;
use super::connected::ConnectedService;
use super::context_choice::ContextChoice;
use super::detect::{DetectedService, UsedContext, last_resorts};
use super::error::Error;
use super::exported::{ExportedService, export};
use super::tunnel_access::TunnelAccess;
use crate::access::certificate::Certificates;
use crate::access::credentials::Credentials;
use crate::access::endpoint::{Admission, Endpoint, EndpointAddress, EndpointPlace, Via};
use crate::access::kubeconfig::{self, ClusterEntry};
use crate::base::deadline::Deadline;
use crate::base::files::{self, PrivateFolder};
use crate::base::paths::MachineFiles;
use crate::base::text::hex;
use crate::base::types::{KubeContextName, ServiceName};
use crate::base::{parallel, timeouts};
use crate::catalogue::{self, Control, Service};
use crate::export::Block;
use crate::machine::{Machine, chosen_contexts};

/// `services.json`: what is known of a machine's services.
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceCache {
    /// The version of the program that wrote it.
    program: String,
    /// The route to the machine, and which one it was.
    route_key: String,
    services: BTreeMap<ServiceName, CachedService>,
    /// The contexts of the guest's kubeconfigs that are the only sign of a service.
    #[serde(default)]
    contexts: BTreeMap<ServiceName, CachedContexts>,
    /// What was printed last, by the words that asked for it.
    printed: BTreeMap<String, Vec<Block>>,
}

/// What is known of one service.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct CachedService {
    /// When that was, in seconds since 1970.
    at: u64,
    /// The digest of its definition.
    definition: String,
    /// How it was connected to; none when it could not be.
    connection: Option<CachedConnection>,
    /// Why it was left out, if it was.
    #[serde(default)]
    left_out: Option<String>,
    /// What to type about that.
    #[serde(default)]
    hint: Option<String>,
}

/// The contexts of a kubeconfig of the guest.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct CachedContexts {
    /// The one that was chosen, if it was.
    chosen: Option<KubeContextName>,
    /// Those that lead to the guest itself.
    of_guest: Vec<KubeContextName>,
}

/// How a service was connected to.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct CachedConnection {
    flavour: ServiceName,
    /// The service whose flavour that is, if it is another one.
    #[serde(default)]
    provider: Option<ServiceName>,
    /// The context of the guest's kubeconfig, where that is the only sign of the service.
    #[serde(default)]
    context: Option<KubeContextName>,
    place: EndpointPlace,
    via: Via,
    /// The credentials, in the form whose reader lets nothing else in; none where none are needed.
    kubeconfig: Option<String>,
    /// Whom a registry's clients trust, in PEM; empty where it talks HTTP without TLS.
    #[serde(default)]
    registry: Option<String>,
    /// How many of its variables had no value.
    left_out: usize,
}

/// How much an answer that is kept may leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Each of the services was connected to.
    Named,
    /// It was found out lately of each whether it can be connected to.
    All,
    /// Those that were connected to, whenever that was; nothing is said of the others.
    Known,
}

impl ServiceCache {
    /// Reads what is cached for `machine`. Empty, but for the contexts that were chosen, when the file is damaged, or from
    /// another version of the program, another route, an earlier machine of that name, or before another choice.
    pub(crate) fn of(machine: &Machine) -> Self {
        // Whoever asks the machine is told that they cannot be read.
        let chosen = chosen_contexts(&machine.files);
        let read = || {
            files::refuse_shared(machine.files.folder()).ok()?;
            let text = files::read(&machine.files.services(), LONGEST).ok()??;
            let cache: Self = serde_json::from_slice(&text).ok()?;
            let is_of_choice = chosen.as_ref().is_ok_and(|chosen| cache.chosen_contexts() == *chosen);
            (is_of_choice && cache.program == PROGRAM && cache.route_key == route_key(machine))
                .then_some(cache)
        };
        read().unwrap_or_else(|| Self::new(machine, chosen.unwrap_or_default()))
    }

    fn new(machine: &Machine, chosen: BTreeMap<ServiceName, KubeContextName>) -> Self {
        let known = |name| CachedContexts { chosen: Some(name), of_guest: Vec::new() };
        Self {
            program: PROGRAM.to_owned(),
            route_key: route_key(machine),
            contexts: chosen.into_iter().map(|(service, name)| (service, known(name))).collect(),
            ..Self::default()
        }
    }

    /// The contexts of the guest's kubeconfigs that were chosen, by service.
    fn chosen_contexts(&self) -> BTreeMap<ServiceName, KubeContextName> {
        let chosen = |(service, known): (&ServiceName, &CachedContexts)| {
            Some((service.clone(), known.chosen.clone()?))
        };
        self.contexts.iter().filter_map(chosen).collect()
    }

    /// The contexts of the guest's kubeconfigs that lead to the guest itself.
    pub(crate) fn contexts_of_guest(&self) -> impl Iterator<Item = &KubeContextName> {
        self.contexts.values().flat_map(|known| &known.of_guest)
    }

    fn chosen_context(&self, service: &Service) -> Option<&KubeContextName> {
        self.contexts.get(&service.name)?.chosen.as_ref()
    }

    /// True when the connections to `services` are those that `choice` asks for.
    fn fits(&self, choice: &ContextChoice, services: &[&Service]) -> bool {
        let ContextChoice::Named(name) = choice else { return false };
        let with_contexts = services.iter().filter(|service| last_resorts(service).next().is_some());
        let uses = |service: &&Service| {
            let connection = self.services.get(&service.name).and_then(|known| known.connection.as_ref());
            connection.is_some_and(|connection| connection.context.as_ref() == Some(name))
                && self.chosen_context(service) == Some(name)
        };
        with_contexts.into_iter().all(uses)
    }

    /// Keeps which contexts `connected` use, for the next time. A connection by another one is forgotten.
    ///
    /// Errors: the machine's folder is locked or cannot be written.
    pub(crate) fn keep_contexts(
        machine: &Machine,
        connected: &[&ConnectedService],
        deadline: Deadline,
    ) -> Result<(), Error> {
        if connected.iter().all(|connected| connected.detected.context.is_none()) {
            return Ok(());
        }
        let folder = machine.lock(deadline)?;
        let before = Self::of(machine);
        let mut cache = Self::of(machine);
        for connected in connected {
            cache.choose(connected);
        }
        if cache == before { Ok(()) } else { cache.write(machine, &folder) }
    }

    fn choose(&mut self, connected: &ConnectedService) {
        let DetectedService { service, context, .. } = &connected.detected;
        let Some(UsedContext { name, is_chosen, of_guest }) = context else { return };
        let (chosen, of_guest) = (is_chosen.then(|| name.clone()), of_guest.clone());
        self.contexts.insert(service.name.clone(), CachedContexts { chosen, of_guest });
        let uses_another = |known: &CachedService| {
            known.connection.as_ref().is_some_and(|known| known.context.as_ref() != Some(name))
        };
        if self.services.get(&service.name).is_some_and(uses_another) {
            self.services.remove(&service.name);
        }
    }

    /// Connects again to those of `services` that are cached; all at once.
    ///
    /// None when anything is not as it was, or too long ago; of those that are merely [`Scope::Known`], when no one is.
    pub(crate) fn reconnect<'a>(
        &self,
        services: &[&'a Service],
        scope: Scope,
        now: SystemTime,
        deadline: Deadline,
    ) -> Option<Vec<ConnectedService<'a>>> {
        let connections = self.connections(services, scope, now)?;
        let deadline = deadline.at_most(timeouts::CACHED_ENDPOINT);
        let reconnect = |(service, connection): (&'a Service, &CachedConnection)| {
            let known = self.contexts.get(&service.name).cloned().unwrap_or_default();
            let context = connection.context.clone().map(|name| UsedContext {
                is_chosen: known.chosen.as_ref() == Some(&name),
                of_guest: known.of_guest,
                name,
            });
            let provider = connection.provider.as_ref();
            let detected = DetectedService::remembered(service, &connection.flavour, provider, context)?;
            let credentials = connection.credentials(now).ok()?;
            ConnectedService::reconnect(detected, credentials, &connection.endpoint(), deadline)
        };
        let attempts = parallel::map(connections, MOST_AT_ONCE, reconnect).into_iter();
        let attempts: Vec<Option<ConnectedService>> =
            attempts.map(|attempt| attempt.ok().flatten()).collect();
        match scope {
            Scope::Named | Scope::All => attempts.into_iter().collect(),
            Scope::Known => {
                Some(attempts.into_iter().flatten().collect()).filter(|good: &Vec<_>| !good.is_empty())
            }
        }
    }

    /// What has led to those of `services` that were connected to.
    fn vias(&self, services: &[&Service]) -> impl Iterator<Item = Via> {
        let known = services.iter().filter_map(|service| self.services.get(&service.name));
        known.filter_map(|known| Some(known.connection.as_ref()?.via))
    }

    /// True when one of `services` was connected to.
    pub(crate) fn has_connected(&self, services: &[&Service]) -> bool {
        let known = services.iter().filter_map(|service| self.services.get(&service.name));
        known.into_iter().any(|known| known.connection.is_some())
    }

    /// Whether `sccli` starts what is in the machine, as the flavours of those of `services` say that were used; none where
    /// none was.
    pub(crate) fn used_sccli(&self, services: &[&Service]) -> Option<bool> {
        let flavours = services.iter().filter_map(|service| {
            let used = self.services.get(&service.name)?.connection.as_ref()?;
            service.flavours.iter().find(|flavour| flavour.name == used.flavour)
        });
        let by_sccli = flavours.map(|flavour| matches!(flavour.control, Control::Sccli { .. }));
        by_sccli.reduce(|one, other| one || other)
    }

    /// True when each of `answers` has all values that it had. One that has lost some may only have been slow to
    /// answer.
    pub(crate) fn is_matched_by(&self, answers: &[ExportedService]) -> bool {
        answers.iter().all(|answer| {
            let known = self.services.get(&answer.connected.detected.service.name);
            let connection = known.and_then(|known| known.connection.as_ref());
            connection.is_some_and(|connection| answer.left_out.len() <= connection.left_out)
        })
    }

    /// What was printed last for the question `asked`, whatever has become of it.
    pub(crate) fn printed(&self, asked: &str) -> Option<&[Block]> {
        self.printed.get(asked).map(Vec::as_slice)
    }

    /// All that was printed last of the machine with this `folder`, whatever has become of it; empty when that is not known.
    pub(super) fn printed_of(folder: &MachineFiles) -> Vec<Vec<Block>> {
        #[derive(Default, Deserialize)]
        struct Printed {
            printed: BTreeMap<String, Vec<Block>>,
        }
        let read = || {
            files::refuse_shared(folder.folder()).ok()?;
            serde_json::from_slice(&files::read(&folder.services(), LONGEST).ok()??).ok()
        };
        let Printed { printed } = read().unwrap_or_default();
        printed.into_values().collect()
    }

    /// Why those of `services` were left out that are in the machine and could not be used.
    pub(crate) fn left_out(&self, services: &[&Service]) -> impl Iterator<Item = &str> {
        let known = services.iter().filter_map(|service| self.services.get(&service.name));
        known.filter_map(|known| known.left_out.as_deref())
    }

    /// What to type about the first of `services` that was left out and of which that is known.
    pub(crate) fn hint(&self, services: &[&Service]) -> Option<&str> {
        services.iter().find_map(|service| self.services.get(&service.name)?.hint.as_deref())
    }

    /// Keeps what an inspection has found out: how `answers` were connected to, and that the others of `services` were
    /// not, some of which are `left_out`.
    ///
    /// Errors: the machine's folder is locked or cannot be written.
    pub(crate) fn keep(
        machine: &Machine,
        services: &[&Service],
        answers: &[ExportedService],
        left_out: &[LeftOut],
        asked: Option<&str>,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let folder = machine.lock(deadline)?;
        // Under the lock: another process may have found out about other services.
        let mut cache = Self::of(machine);
        for service in services {
            let answer = answers.iter().find(|answer| answer.connected.detected.service.name == service.name);
            if let Some(answer) = answer {
                cache.choose(&answer.connected);
            }
            // What the user has opened to all users of this host is not opened again unasked.
            let is_lasting = |answer: &&ExportedService| !answer.connected.endpoint.is_open_to_this_host();
            let connection = answer.filter(is_lasting).map(CachedConnection::new).transpose()?;
            let (at, definition) = (seconds(SystemTime::now()), digest(service)?);
            let left_out = left_out.iter().find(|left_out| left_out.service == service.name);
            let hint = left_out.and_then(|left_out| left_out.hint.clone());
            let left_out = left_out.map(|left_out| left_out.reason.to_string());
            let known = CachedService { at, definition, connection, left_out, hint };
            cache.services.insert(service.name.clone(), known);
        }
        cache.print(answers, asked);
        cache.write(machine, &folder)
    }

    /// Keeps that `answers` are still good: the route, which Vagrant may have changed, and what is printed.
    ///
    /// Errors: the machine's folder is locked or cannot be written.
    pub(crate) fn confirm(
        self,
        machine: &Machine,
        answers: &[ExportedService],
        asked: Option<&str>,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let folder = machine.lock(deadline)?;
        machine.remember(&folder)?;
        let mut cache = Self::of(machine);
        cache.print(answers, asked);
        if cache == self { Ok(()) } else { cache.write(machine, &folder) }
    }

    fn print(&mut self, answers: &[ExportedService], asked: Option<&str>) {
        let blocks = || answers.iter().map(|answer| answer.block.clone()).collect();
        self.printed.extend(asked.map(|asked| (asked.to_owned(), blocks())));
    }

    fn write(&self, machine: &Machine, folder: &PrivateFolder) -> Result<(), Error> {
        let failed = |source: serde_json::Error| files::Error::Write {
            path: machine.files.services(),
            source: source.into(),
        };
        // A choice cannot be found out again. It comes first: a cache that does not fit it is not used.
        let chosen = self.chosen_contexts();
        if chosen_contexts(&machine.files).ok().as_ref() != Some(&chosen) {
            machine.remember_chosen_contexts(folder, &chosen)?;
        }
        Ok(folder.write_unsynced(&machine.files.services(), &serde_json::to_vec(self).map_err(failed)?)?)
    }

    fn connections<'a>(
        &self,
        services: &[&'a Service],
        scope: Scope,
        now: SystemTime,
    ) -> Option<Vec<(&'a Service, &CachedConnection)>> {
        let mut connections = Vec::new();
        for service in services {
            let known = self.services.get(&service.name).filter(|known| known.holds(service, scope, now));
            match (known.map(|known| &known.connection), scope) {
                (Some(Some(connection)), _) if self.is_another_one(connection, services, scope) => {}
                (Some(Some(connection)), _) => connections.push((*service, connection)),
                (Some(None), Scope::All) | (_, Scope::Known) => {}
                (Some(None), Scope::Named) | (None, _) => return None,
            }
        }
        (!connections.is_empty()).then_some(connections)
    }
}

impl ServiceCache {
    /// True when everything is asked for, and another one of `services` leads to the same.
    fn is_another_one(&self, connection: &CachedConnection, services: &[&Service], scope: Scope) -> bool {
        let Some(provider) = &connection.provider else { return false };
        let is_asked_for = services.iter().any(|service| service.name == *provider);
        match scope {
            Scope::Named => false,
            Scope::All => is_asked_for,
            Scope::Known => {
                is_asked_for && self.services.get(provider).is_some_and(|known| known.connection.is_some())
            }
        }
    }
}

impl CachedService {
    /// True when it is about `service` as that is defined now, and not too old for `scope`.
    fn holds(&self, service: &Service, scope: Scope, now: SystemTime) -> bool {
        let limit = match scope {
            Scope::Named => FRESH,
            Scope::All => FRESH_FOR_ALL,
            Scope::Known => Duration::MAX,
        };
        // A time in the future means that a clock has jumped.
        let age = seconds(now).checked_sub(self.at);
        age.is_some_and(|age| age <= limit.as_secs())
            && digest(service).is_ok_and(|digest| digest == self.definition)
    }
}

/// Cached credentials are of no use any more.
struct ExpireSoon;

impl CachedConnection {
    fn new(answer: &ExportedService) -> Result<Self, Error> {
        let ConnectedService { detected, credentials, endpoint, .. } = &answer.connected;
        let server = endpoint.url();
        let entry = |credentials| ClusterEntry {
            name: detected.service.name.as_str(),
            server: &server,
            server_name: endpoint.address().and_then(|address| address.server_name.as_ref()),
            credentials,
        };
        let of_registry = |credentials: &&Credentials| {
            detected.flavour.access.is_registry().then(|| credentials.authority.as_str().to_owned())
        };
        let registry = credentials.as_ref().as_ref().and_then(of_registry);
        let with_kubeconfig = credentials.as_ref().filter(|_| registry.is_none());
        let written = with_kubeconfig.map(|credentials| kubeconfig::write(&[entry(credentials)]));
        Ok(Self {
            flavour: detected.flavour.name.clone(),
            provider: detected.provider.cloned(),
            context: detected.context.as_ref().map(|context| context.name.clone()),
            place: endpoint.place.clone(),
            via: endpoint.via,
            kubeconfig: written.transpose()?,
            registry,
            left_out: answer.left_out.len(),
        })
    }

    fn endpoint(&self) -> Endpoint {
        let (place, via, admission) = (self.place.clone(), self.via, Admission::default());
        Endpoint { place, via, version: None, api_version: None, admission }
    }

    fn of_registry(&self, authority: &str) -> Option<Credentials> {
        let EndpointPlace::Address(EndpointAddress { port, is_plain, .. }) = &self.place else { return None };
        let authority = if *is_plain { None } else { Some(Certificates::parse(authority.as_bytes())?) };
        Some(Credentials::registry(authority, *port))
    }

    /// The credentials, if any are needed.
    ///
    /// Errors: they expire soon.
    fn credentials(&self, now: SystemTime) -> Result<Option<Credentials>, ExpireSoon> {
        let credentials = match (&self.kubeconfig, &self.registry) {
            (Some(text), _) => kubeconfig::read(text.as_bytes(), None, &|_| None).map_err(|_| ExpireSoon)?,
            (None, Some(authority)) => self.of_registry(authority).ok_or(ExpireSoon)?,
            (None, None) => return Ok(None),
        };
        let soon = now + NEARLY_OVER;
        let lasts = credentials.client_auth.expires_at().is_none_or(|end| end > soon);
        let authorities = credentials.authority.der().len();
        let later = credentials.clone().current(soon).map_err(|_| ExpireSoon)?;
        (lasts && later.authority.der().len() == authorities).then_some(Some(credentials)).ok_or(ExpireSoon)
    }
}

/// Connects to the services where they were and exports them, without asking the machine. A `tunnel` that has led there is
/// started again; without one, nothing is started. None when anything has
/// changed.
///
/// Errors: what the clients read cannot be written.
pub(crate) fn export_cached<'a>(
    services: &[&'a Service],
    machine: &Machine,
    scope: Scope,
    api_version: bool,
    tunnel: Option<&TunnelAccess>,
    choice: Option<&ContextChoice>,
    deadline: Deadline,
) -> Result<Option<(ServiceCache, Vec<ExportedService<'a>>)>, Error> {
    let cache = ServiceCache::of(machine);
    if choice.is_some_and(|choice| !cache.fits(choice, services)) {
        return Ok(None);
    }
    let vias: Vec<Via> = cache.vias(services).collect();
    if tunnel.is_some_and(|tunnel| !tunnel.is_fit_for(&vias, machine, deadline)) {
        return Ok(None);
    }
    let Some(connected) = cache.reconnect(services, scope, SystemTime::now(), deadline) else {
        log::debug!("the services are not as they were, or not known");
        return Ok(None);
    };
    for service in &connected {
        log::debug!("{} answers at {} as before", service.detected.service.title, service.endpoint.url());
    }
    let exported = export(connected, machine, api_version, deadline)?;
    Ok(cache.is_matched_by(&exported).then_some((cache, exported)))
}

/// The services as [`export_cached`] would connect to them, for whoever only wants to know whether it would: nothing is started,
/// written or exported.
pub(crate) fn reconnect_cached<'a>(
    services: &[&'a Service],
    machine: &Machine,
    scope: Scope,
    tunnel: &TunnelAccess,
    deadline: Deadline,
) -> Option<Vec<ConnectedService<'a>>> {
    let cache = ServiceCache::of(machine);
    let vias: Vec<Via> = cache.vias(services).collect();
    tunnel.allows(&vias).then(|| cache.reconnect(services, scope, SystemTime::now(), deadline)).flatten()
}

/// Writes the files that a service's clients read, and caches the connection, as printing its exports would.
///
/// Errors: the machine's folder is locked or cannot be written.
pub(crate) fn keep(connected: ConnectedService, machine: &Machine, deadline: Deadline) -> Result<(), Error> {
    let services = [connected.detected.service];
    let exported = export(vec![connected], machine, false, deadline)?;
    ServiceCache::keep(machine, &services, &exported, &[], None, deadline)
}

/// The route to `machine`, with its user, and the machine's id: another user of the guest may see other services.
fn route_key(machine: &Machine) -> String {
    let origin = machine.origin().map(|origin| format!(" {:?}", origin.created.id)).unwrap_or_default();
    format!("{}{origin}", machine.route())
}

/// Tells whether a service is still defined as it was.
fn digest(service: &Service) -> Result<String, Error> {
    let failed = |error: serde_json::Error| {
        let (file, source) = (service.name.to_string(), serde::ser::Error::custom(error));
        catalogue::Error::ServiceFile { file, source }
    };
    let text = serde_json::to_vec(&(service, &service.provided)).map_err(failed)?;
    Ok(hex(&Sha256::digest(text)[..8]))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const PROGRAM: &str = env!("CARGO_PKG_VERSION");
/// Services of one machine.
const MOST_AT_ONCE: usize = 20;
const LONGEST: u64 = 4 << 20;
/// A service that was named is connected to again, so its age matters little.
const FRESH: Duration = Duration::from_hours(12);
/// For so long `env` may miss that somebody started a service which it did not export before.
const FRESH_FOR_ALL: Duration = Duration::from_mins(5);
/// Credentials that expire sooner are asked for again.
const NEARLY_OVER: Duration = Duration::from_hours(1);
