//! One look at the guest: log in, ask everything with one command, and connect to what was found.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::SystemTime;

use super::availability::{Assessment, Availability};
use super::connected::{ConnectedService, api};
use super::context_choice::ChosenContexts;
use super::detect::{DetectedService, detect, last_resorts};
use super::error::{Error, FailedUnit};
use super::guest_credentials::{CredentialReader, GuestCredentials};
use super::last_resort::KubeconfigLead;
use super::state::State;
use super::tunnel_access::{Reached, TunnelAccess, TunnelLifetime};
use crate::access::credentials::{Credentials, Expired};
use crate::access::endpoint::{self, EndpointSearch, Via};
use crate::base::deadline::{Deadline, WorkerPanicked};
use crate::base::types::Port;
use crate::base::{parallel, timeouts};
use crate::catalogue::{Access, Service};
use crate::guest::probe::Facts;
use crate::guest::ssh::HostKey;
use crate::guest::tunnel::{self, LocalEnd};
use crate::machine::Machine;
use crate::settings::TunnelMode;

/// What a guest answered, and how it was reached.
#[derive(Debug)]
pub(crate) struct Inspection {
    pub(crate) machine: Machine,
    pub(crate) facts: Facts,
    /// The address at which SSH reached the guest; none through a jump host.
    pub(crate) address: Option<IpAddr>,
    /// The key of the guest's SSH server.
    pub(crate) host_key: HostKey,
    /// How services are reached that are not reached directly.
    pub(super) tunnel: TunnelAccess,
    pub(super) contexts: ChosenContexts,
}

/// Whether somebody listens at a port in the guest.
enum PortUse {
    /// The guest was not asked, or cannot tell.
    Unknown,
    No,
    /// On the guest's loopback.
    Local,
    ForOthers,
}

impl Inspection {
    /// Detects each of `services` and connects to it, all at once; in their order. Where `all` are asked for, one that comes as the
    /// flavour of another one of them is not there by itself.
    pub(crate) fn assess<'a>(
        &self,
        services: &[&'a Service],
        all: bool,
        deadline: Deadline,
    ) -> Vec<Assessment<'a>> {
        let is_another_one = |detected: &DetectedService| {
            all && services.iter().any(|other| Some(&other.name) == detected.provider)
        };
        let detect = |service| self.detect(service).filter(|detected| !is_another_one(detected));
        let assess = |service| self.assess_detected(service, detect(service), deadline);
        let results = parallel::map(services.to_vec(), MOST_AT_ONCE, assess);
        let panicked = |service: &'a Service| Assessment {
            service,
            detected: detect(service),
            availability: Availability::Unusable(WorkerPanicked.into()),
            partly_down: None,
        };
        let assessed = results.into_iter().zip(services);
        assessed.map(|(result, service)| result.unwrap_or_else(|_| panicked(service))).collect()
    }

    /// Detects `service` and connects to it.
    pub(crate) fn assess_one<'a>(&self, service: &'a Service, deadline: Deadline) -> Assessment<'a> {
        self.assess_detected(service, self.detect(service), deadline)
    }

    fn assess_detected<'a>(
        &self,
        service: &'a Service,
        detected: Option<DetectedService<'a>>,
        deadline: Deadline,
    ) -> Assessment<'a> {
        let availability = match &detected {
            Some(detected) => self.availability(detected, deadline),
            None => Availability::NotInstalled(self.why_not_there(service)),
        };
        let partly_down = match &availability {
            Availability::Connected(connected) => self.partly_down(&connected.detected),
            _ => None,
        };
        Assessment { service, detected, availability, partly_down }
    }

    /// Which of its units are down although it answers.
    fn partly_down(&self, detected: &DetectedService) -> Option<Error> {
        (detected.state == State::Degraded && !detected.down.is_empty()).then(|| Error::PartlyDown {
            service: detected.service.name.to_string(),
            machine: self.machine.name.to_string(),
            down: detected.down.clone(),
            start: detected.hints().start,
            failed: Self::failed_unit(detected),
        })
    }

    /// The flavour of `service` that is in the guest.
    ///
    /// Errors: there is none.
    pub(crate) fn installed<'a>(&self, service: &'a Service) -> Result<DetectedService<'a>, Error> {
        self.detect(service).ok_or_else(|| self.why_not_there(service))
    }

    fn detect<'a>(&self, service: &'a Service) -> Option<DetectedService<'a>> {
        detect(service, &self.facts, self.contexts.of(&service.name))
    }

    /// Errors: no flavour of `service` is in the guest.
    pub(super) fn require_installed(&self, service: &Service) -> Result<(), Error> {
        self.installed(service).map(drop)
    }

    /// Why no flavour of `service` is in the guest, where a kubeconfig might be taken for one.
    fn why_not_there(&self, service: &Service) -> Error {
        if self.facts.unreadable_registries
            && service.flavours.iter().any(|flavour| flavour.detect.container.is_some())
        {
            return Error::RegistryUnreadable { machine: self.machine.name.to_string() };
        }
        let lead = last_resorts(service).find_map(|flavour| KubeconfigLead::of(flavour, &self.facts, None));
        lead.and_then(|lead| lead.refusal(service, &self.machine)).unwrap_or_else(|| Error::NotInstalled {
            service: service.name.to_string(),
            machine: self.machine.name.to_string(),
            no_systemd: self.facts.no_systemd,
        })
    }

    fn availability<'a>(&self, detected: &DetectedService<'a>, deadline: Deadline) -> Availability<'a> {
        if self.contexts.typed.is_some() && detected.is_more_than_last_resort() {
            let (service, flavour) = (&detected.service.name, &detected.flavour.name);
            let what = format!("{service} as {flavour} has it");
            return Availability::Unusable(Error::ContextUnfit { what });
        }
        if !detected.may_answer() {
            return self.down(detected, detected.state);
        }
        match self.connect(detected, deadline) {
            Ok(connected) => Availability::Connected(Box::new(connected)),
            Err(error @ (Error::NoAccess { .. } | Error::NotThroughSsh { .. })) => {
                Availability::NoAccess(error)
            }
            Err(error) if error.is_about_the_way() && detected.flavour.last_resort => {
                Availability::Unusable(error)
            }
            Err(Error::NoAnswer { .. }) if detected.must_be_asked => self.down(detected, State::Stopped),
            Err(Error::NoAnswer { .. }) if !detected.state.is_up() => self.down(detected, detected.state),
            Err(error) => Availability::Unusable(error),
        }
    }

    fn down<'a>(&self, detected: &DetectedService<'a>, state: State) -> Availability<'a> {
        let error = Error::NotRunning {
            service: detected.service.name.to_string(),
            machine: self.machine.name.to_string(),
            state,
            start: detected.hints().start,
            failed: Self::failed_unit(detected).filter(|_| state == State::Failed),
        };
        Availability::Down(state, error)
    }

    /// The first of its units that has ended with an error.
    fn failed_unit(detected: &DetectedService) -> Option<FailedUnit> {
        let unit = detected.failed.first()?.clone();
        Some(FailedUnit { unit, said: None })
    }

    /// Connects to `detected` with the admin's credentials from the guest.
    ///
    /// Errors: there are no good credentials, or it cannot be used at any address.
    fn connect<'a>(
        &self,
        detected: &DetectedService<'a>,
        deadline: Deadline,
    ) -> Result<ConnectedService<'a>, Error> {
        // Pods that go on answer at once, or do not go on.
        let deadline =
            if detected.state.is_up() { deadline } else { deadline.at_most(timeouts::STATIC_PODS) };
        if let Access::Socket { .. } = detected.flavour.access {
            return self.connect_to_socket(detected, deadline);
        }
        let reader = CredentialReader {
            detected,
            facts: &self.facts,
            machine: &self.machine,
            chosen: self.contexts.of(&detected.service.name),
        };
        let mut failed = None;
        for found in reader.read()? {
            match self.try_credentials(detected, found, deadline) {
                Ok(connected) => return Ok(connected),
                // The first one is the preferred one, so its failure is the one to tell.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let failed = failed.unwrap_or(WorkerPanicked.into());
        self.connect_to_its_socket(detected, &failed, deadline).ok_or(failed)
    }

    fn try_credentials<'a>(
        &self,
        detected: &DetectedService<'a>,
        found: GuestCredentials,
        deadline: Deadline,
    ) -> Result<ConnectedService<'a>, Error> {
        let GuestCredentials { path, credentials } = found;
        let expired = |Expired { what, on }| Error::CredentialsExpired {
            service: detected.service.name.to_string(),
            what,
            on,
            path: path.clone(),
            machine: self.machine.name.to_string(),
            remedy: detected.hints().expired,
        };
        let credentials = credentials.current(SystemTime::now()).map_err(expired)?;
        if credentials.is_plain && !self.tunnel.is_allowed() {
            return Err(self.without_tls(detected));
        }
        let reached = self.reach(detected, &credentials, deadline);
        let (endpoint, client, brief) =
            reached.map_err(|error| self.explain(error, detected, &path, credentials.port))?;
        let version = endpoint.version.iter().map(|version| format!(" {version}")).collect::<String>();
        log::debug!("{}{version} answers at {}", detected.service.title, endpoint.url());
        let mut detected = detected.clone();
        if !detected.state.is_up() {
            detected.state = State::Degraded;
        }
        Ok(ConnectedService { detected, credentials: Some(credentials), endpoint, client, brief })
    }

    /// Connects directly, else through SSH.
    fn reach(
        &self,
        detected: &DetectedService,
        credentials: &Credentials,
        deadline: Deadline,
    ) -> Result<Reached, endpoint::Error> {
        // What is not encrypted by itself is by SSH.
        if (self.tunnel.mode == TunnelMode::Always || credentials.is_plain)
            && let Some(reached) = self.connect_through_ssh(detected, credentials, deadline, || None)
        {
            return reached;
        }
        let search = EndpointSearch {
            api: api(&detected.flavour.access),
            addresses: &self.direct_addresses(credentials.port),
            credentials,
            via: Via::Direct,
            socket: None,
            connect: self.tunnel.direct_limit(),
        };
        match search.run(deadline) {
            Ok((endpoint, client)) => Ok((endpoint, client, None)),
            Err(endpoint::Error::NoResponse { attempts, reason, reasons })
                if self.may_be_behind_ssh(detected, credentials.port, &reasons) =>
            {
                let again = || {
                    let addresses = worth_another_try(credentials.port, &reasons);
                    let patient =
                        EndpointSearch { addresses: &addresses, connect: timeouts::API_CONNECT, ..search };
                    (!addresses.is_empty()).then(|| patient.run(deadline))
                };
                // Where it just starts, another try costs less than another login.
                match again() {
                    Some(Ok((endpoint, client))) => return Ok((endpoint, client, None)),
                    Some(Err(error)) if !matches!(error, endpoint::Error::NoResponse { .. }) => {
                        return Err(error);
                    }
                    Some(Err(_)) | None => {}
                }
                let directly = || again().and_then(Result::ok);
                match self.connect_through_ssh(detected, credentials, deadline, directly) {
                    Some(Err(endpoint::Error::NoResponse { attempts: more, .. })) => {
                        let attempts = [attempts, more].concat();
                        Err(endpoint::Error::NoResponse { attempts, reason, reasons })
                    }
                    Some(reached) => reached,
                    None => Err(endpoint::Error::NoResponse { attempts, reason, reasons }),
                }
            }
            // A daemon of docker takes any registry at a loopback address.
            Err(error @ endpoint::Error::OtherNames { .. }) if detected.flavour.access.is_registry() => {
                match self.connect_through_ssh(detected, credentials, deadline, || None) {
                    Some(Ok(reached)) => Ok(reached),
                    Some(Err(open @ endpoint::Error::OpenToAll { .. })) => Err(open),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// True when a service that does not answer directly may do so on the guest's loopback: it is up, and somebody listens at
    /// its port. Not where the guest itself has another server there; nor, for whoever only looks, where it refuses although
    /// somebody listens for others: that is about to end, most likely, and not worth another login.
    fn may_be_behind_ssh(
        &self,
        detected: &DetectedService,
        port: u16,
        reasons: &[(IpAddr, endpoint::NoResponse)],
    ) -> bool {
        let is_brief = self.tunnel.lifetime == TunnelLifetime::Command;
        detected.state.is_up()
            && match (self.port_use(port), self.heard_from_itself(reasons)) {
                (PortUse::No, _) | (_, Some(endpoint::NoResponse::WrongServer)) => false,
                (PortUse::ForOthers, Some(endpoint::NoResponse::ConnectionRefused)) => !is_brief,
                _ => true,
            }
    }

    /// Those that do not lead through SSH themselves, as `forward` has one do.
    fn direct_addresses(&self, port: u16) -> Vec<IpAddr> {
        let forwards = tunnel::read_forwards(&self.machine.files).unwrap_or_default();
        let is_forwarded = forwards.iter().any(|forward| forward.local == LocalEnd::Port(port));
        self.addresses().into_iter().filter(|address| !(is_forwarded && address.is_loopback())).collect()
    }

    /// What was heard at the address at which SSH reached the guest, unless that is a port of the host's own. None where it kept
    /// silent.
    fn heard_from_itself(&self, reasons: &[(IpAddr, endpoint::NoResponse)]) -> Option<endpoint::NoResponse> {
        let itself = self.address.filter(|address| !address.is_loopback())?;
        let heard = reasons.iter().find(|(address, _)| *address == itself).map(|(_, reason)| *reason);
        heard.filter(|reason| *reason != endpoint::NoResponse::Timeout)
    }

    /// Why only a tunnel leads to `service`, as far as this host can tell. None where it is reached directly, or where it is
    /// reached this way because that was wanted, or because no address of the guest leads there at all.
    pub(crate) fn why_through_ssh(&self, service: &ConnectedService) -> Option<Detour> {
        let is_needed = service.endpoint.is_through_ssh() && self.tunnel.mode == TunnelMode::Auto;
        let port = service.credentials.as_ref().filter(|_| is_needed)?.port;
        if matches!(self.port_use(port), PortUse::Local) {
            return Some(Detour::OnLoopback { port });
        }
        let place = SocketAddr::new(self.address.filter(|address| !address.is_loopback())?, port);
        let failed = TcpStream::connect_timeout(&place, timeouts::EXPLAINING_PORT).err()?;
        let is_silent = failed.kind() != io::ErrorKind::ConnectionRefused;
        Some(Detour::Closed { place, is_silent })
    }

    fn port_use(&self, port: u16) -> PortUse {
        match self.facts.listening.as_ref().map(|ports| ports.get(&port)) {
            None => PortUse::Unknown,
            Some(None) => PortUse::No,
            Some(Some(false)) => PortUse::Local,
            Some(Some(true)) => PortUse::ForOthers,
        }
    }

    /// Adds the names of service and machine, and what the user can do about it.
    fn explain(&self, error: endpoint::Error, detected: &DetectedService, path: &str, port: u16) -> Error {
        let (service, machine) = (detected.service.name.to_string(), self.machine.name.to_string());
        let (hints, path) = (detected.hints(), path.to_owned());
        match error {
            endpoint::Error::NoResponse { attempts, reason, .. } => {
                let unit = detected.units.last().map(ToString::to_string);
                let listens = matches!(self.port_use(port), PortUse::Local | PortUse::ForOthers);
                let remedy = detected.flavour.access.has_docker_keys().then(|| hints.expired.clone());
                let by_vagrant = self.machine.origin().is_some();
                let only_directly = self.tunnel.mode == TunnelMode::Never;
                Error::NoAnswer {
                    service,
                    machine,
                    attempts,
                    reason,
                    listens,
                    path,
                    unit,
                    remedy,
                    by_vagrant,
                    only_directly,
                    failed: Self::failed_unit(detected).map(Box::new),
                }
            }
            endpoint::Error::OtherNames { address, names } => {
                let remedy = hints.names.replace("{address}", &address.ip().to_string());
                Error::CertificateNames { service, machine, place: address.to_string(), names, remedy }
            }
            endpoint::Error::Certificate { address, is_early, source } => {
                let remedy = if is_early { COMPARE_CLOCKS.to_owned() } else { hints.expired.clone() };
                Error::Certificate { service, place: address.to_string(), source, remedy }
            }
            endpoint::Error::Refused { address, reason } => {
                let (place, remedy) = (address.to_string(), hints.expired.clone());
                Error::CredentialsRefused { service, machine, place, path, reason, remedy }
            }
            endpoint::Error::OpenToAll { .. } => self.open_to_all(detected),
            endpoint::Error::Unexpected { address, source } => {
                Error::Unexpected { service, place: address.to_string(), source }
            }
            endpoint::Error::NotPrepared(source) => Error::NotPrepared { service, source },
            endpoint::Error::Credentials(source) => {
                let remedy = hints.expired.clone();
                Error::CredentialsInvalid { service, path, machine, source, remedy }
            }
        }
    }

    /// The same error, with a better reason where a port of the guest that is open gives one.
    pub(crate) fn look_closer(&self, error: Error) -> Error {
        let Error::NoAccess { service, machine, ssh, reason, ports } = error else { return error };
        let is_open =
            |port: Port| self.addresses().into_iter().any(|address| accepts((address, port.number())));
        let better = ports.iter().find(|open| is_open(open.port)).map(|open| open.reason.clone());
        Error::NoAccess { service, machine, ssh, reason: better.unwrap_or(reason), ports }
    }

    /// The addresses at which the host may reach the guest's services, the likeliest first: the one that
    /// just worked for SSH, then those the guest has. An address of this host is none of the guest's, whatever it
    /// says: its credentials would be sent to a program of the host.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> = self.address.into_iter().collect();
        for address in &self.facts.addresses {
            if !addresses.contains(address) && !is_of_this_host(*address) {
                addresses.push(*address);
            }
        }
        addresses
    }
}

/// The addresses at which a service that did not answer directly may do so by now: something was heard there, or a connection
/// is accepted. A server that just starts, or has much to do, is slow with TLS. Nothing of the guest begins to listen at the
/// host's own loopback.
fn worth_another_try(port: u16, reasons: &[(IpAddr, endpoint::NoResponse)]) -> Vec<IpAddr> {
    let tried = reasons.iter().filter(|(address, _)| !address.is_loopback() && *address != VIRTUALBOX_NAT);
    let is_worth_it = |(address, reason): (IpAddr, endpoint::NoResponse)| match reason {
        endpoint::NoResponse::ConnectionRefused | endpoint::NoResponse::NotReady => Some(address),
        endpoint::NoResponse::WrongServer => None,
        endpoint::NoResponse::Timeout => accepts((address, port)).then_some(address),
    };
    let results = parallel::map(tried.copied().collect(), reasons.len(), is_worth_it);
    results.into_iter().filter_map(|result| result.ok().flatten()).collect()
}

/// Why a service is reached through SSH only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detour {
    /// It listens on the guest's loopback alone.
    OnLoopback { port: u16 },
    /// SSH reaches the guest at this address, and this port of it is not open.
    Closed {
        place: SocketAddr,
        /// Nothing comes back, as where a firewall drops what comes.
        is_silent: bool,
    },
}

/// True when somebody listens at `place`.
fn accepts(place: (IpAddr, u16)) -> bool {
    TcpStream::connect_timeout(&place.into(), timeouts::EXPLAINING_PORT).is_ok()
}

/// True when `address` is one of this host's own: then a socket can be bound to it.
fn is_of_this_host(address: IpAddr) -> bool {
    let can_bind = |address: IpAddr| UdpSocket::bind((address, 0)).is_ok();
    // Where any address can be bound (`ip_nonlocal_bind` in `ip(7)`), nothing is known.
    can_bind(address) && !can_bind(NOBODYS_ADDRESS)
}

const COMPARE_CLOCKS: &str = "compare the clocks: `date -u` here and in the machine";
/// Every `VirtualBox` guest has it behind its NAT (<https://www.virtualbox.org/manual/ch06.html>, "NAT").
pub(super) const VIRTUALBOX_NAT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 15));
/// TEST-NET-1 (RFC 5737).
const NOBODYS_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Services of one machine.
const MOST_AT_ONCE: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_host_is_told_from_others() {
        assert!(is_of_this_host([127, 0, 0, 1].into()));
        assert!(!is_of_this_host(NOBODYS_ADDRESS));
    }
}
