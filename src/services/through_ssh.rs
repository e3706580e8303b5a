//! Services of the guest that only SSH leads to.

use std::net::{Ipv4Addr, SocketAddr};

use super::connected::{ConnectedService, api};
use super::detect::DetectedService;
use super::error::Error;
use super::inspection::Inspection;
use super::tunnel_access::{Entrance, Lead, Reached, TunnelLifetime};
use crate::access::credentials::Credentials;
use crate::access::endpoint::{self, ApiClient, Endpoint, EndpointSearch, Via};
use crate::base::causes::in_one_line;
use crate::base::deadline::{Deadline, WorkerPanicked};
use crate::base::text::sh_word;
use crate::base::timeouts;
use crate::base::types::{GuestPath, Port};
use crate::catalogue::{Access, Control, EngineProgram, Flavour, Reason};
use crate::guest::probe::FileFact;
use crate::guest::tunnel::{ForwardTarget, LocalEnd, SocketFile, StartError};
use crate::settings::TunnelMode;
use crate::ui::Spinner;

impl Inspection {
    /// Connects to `detected` through a tunnel to its port on the guest's loopback. None where that is not allowed. `directly` is
    /// asked before the tunnel is kept: a service that just starts may have refused there a moment before it answered here.
    pub(super) fn connect_through_ssh(
        &self,
        detected: &DetectedService,
        credentials: &Credentials,
        deadline: Deadline,
        directly: impl FnOnce() -> Option<(Endpoint, ApiClient)>,
    ) -> Option<Result<Reached, endpoint::Error>> {
        let port = Port::try_from(credentials.port).ok().filter(|_| self.tunnel.is_allowed())?;
        let way = SshWay { inspection: self, detected, credentials, port, deadline };
        let _waiting = self.waits_for_tunnel(detected);
        if self.may_be_open_to_all(detected) {
            match way.ask_privately() {
                Ok(None) => {}
                Ok(Some(reached)) => return Some(Ok(reached)),
                Err(error) => return Some(Err(error)),
            }
        }
        Some(way.connect(directly))
    }

    /// A port of the host leads all of its users to what asks for no login, so that the user has to want it.
    fn may_be_open_to_all(&self, detected: &DetectedService) -> bool {
        detected.flavour.access.is_registry() && self.tunnel.mode != TunnelMode::Always
    }

    /// Connects to the socket of a container engine in the guest.
    ///
    /// Errors: a tunnel is not allowed, or leads nowhere.
    pub(super) fn connect_to_socket<'a>(
        &self,
        detected: &DetectedService<'a>,
        deadline: Deadline,
    ) -> Result<ConnectedService<'a>, Error> {
        let Access::Socket { path, engine, .. } = &detected.flavour.access else {
            return Err(self.no_access(detected));
        };
        let target = self.tunnel.is_allowed().then(|| self.socket_target(path, *engine)).flatten();
        let Some(target) = target else { return Err(self.no_access(detected)) };
        let _waiting = self.waits_for_tunnel(detected);
        let failed = |reason: String| Error::NotThroughSsh {
            service: detected.service.name.to_string(),
            machine: self.machine.name.to_string(),
            reason,
            remedy: self.remedy(detected, &target),
        };
        if self.tunnel.lifetime == TunnelLifetime::Background {
            let files = self.machine.files.tunnel();
            files.require_short_names(detected.service.name.as_str()).map_err(StartError::from)?;
        }
        let lead = self.tunnel.lead(
            &self.machine,
            &detected.service.name,
            target.clone(),
            Entrance::Usual,
            deadline,
        );
        let lead = lead.map_err(failed)?;
        let LocalEnd::Socket(local) = lead.forward.local.clone() else {
            return Err(self.no_access(detected));
        };
        let (endpoint, client) = match Endpoint::at_socket(local, deadline) {
            Ok(connected) => connected,
            Err(reason) => return Err(failed(lead.withdraw(deadline).unwrap_or(reason))),
        };
        let brief = lead.keep(&self.machine, deadline)?;
        log::debug!("{} answers at {}", detected.service.title, endpoint.url());
        Ok(ConnectedService { detected: detected.clone(), credentials: None, endpoint, client, brief })
    }

    fn waits_for_tunnel(&self, detected: &DetectedService) -> Spinner {
        let what = format!("connecting to {} through SSH", detected.service.title);
        Spinner::after_a_moment(self.tunnel.ui, &what)
    }

    /// Connects to the socket of an engine that talks TLS too, where that has `failed`: its certificate names nothing that leads to
    /// it through SSH. Docker compares it with the host that it connects to, and a socket has none.
    pub(super) fn connect_to_its_socket<'a>(
        &self,
        detected: &DetectedService<'a>,
        failed: &Error,
        deadline: Deadline,
    ) -> Option<ConnectedService<'a>> {
        let Error::CertificateNames { place, .. } = failed else { return None };
        place.parse().ok().filter(|place: &SocketAddr| place.ip().is_loopback())?;
        let is_other_way = |other: &&Flavour| {
            other.units == detected.flavour.units && matches!(other.access, Access::Socket { .. })
        };
        let flavour = detected.service.flavours.iter().find(is_other_way)?;
        let detected = DetectedService { flavour, ..detected.clone() };
        let connected = self.connect_to_socket(&detected, deadline);
        connected.inspect_err(|error| log::debug!("{error}")).ok()
    }

    /// The socket itself where the user may open it, else what root's engine makes of it.
    fn socket_target(&self, path: &GuestPath, engine: Option<EngineProgram>) -> Option<ForwardTarget> {
        match (self.facts.files.get(path), engine) {
            (Some(FileFact::Writable), _) | (_, None) => {
                let path = path.absolute(self.facts.runtime.as_ref())?;
                Some(ForwardTarget::Socket(SocketFile::try_from(path).ok()?))
            }
            (_, Some(engine)) => Some(ForwardTarget::Engine(engine)),
        }
    }

    /// What the user can do when the tunnel leads nowhere.
    fn remedy(&self, detected: &DetectedService, target: &ForwardTarget) -> String {
        match target {
            ForwardTarget::Engine(EngineProgram::Docker) => format!(
                "in the machine: `sudo usermod --append --groups docker {}` lets the user open the socket, and with it be \
                 root there",
                sh_word(self.machine.route().target.user.as_str())
            ),
            ForwardTarget::Engine(EngineProgram::Podman) => {
                "in the machine: `systemctl --user enable --now podman.socket` gives the user an engine of their own"
                    .to_owned()
            }
            ForwardTarget::Socket(_) | ForwardTarget::Port(_) => {
                let tls = match detected.flavour.control {
                    Control::System { tls: true, .. } => INSTEAD_TLS,
                    _ => "",
                };
                format!(
                    "in the machine, `sudo sshd -T | grep -i -e streamlocal -e disableforwarding` shows whether sshd forbids \
                     it{tls}"
                )
            }
        }
    }

    /// Why a service without TLS cannot be used without a tunnel.
    pub(super) fn without_tls(&self, detected: &DetectedService) -> Error {
        let service = detected.service.name.to_string();
        Error::NoAccess {
            machine: self.machine.name.to_string(),
            ssh: self.ssh_url(),
            reason: Reason {
                because: "talks HTTP without TLS, which is used through SSH only".to_owned(),
                help: format!("`service-manager env {service} --tunnel auto` leads to it through SSH"),
            },
            service,
            ports: Vec::new(),
        }
    }

    /// Why a registry that asks for no login gets no port of this host.
    pub(super) fn open_to_all(&self, detected: &DetectedService) -> Error {
        let service = detected.service.name.to_string();
        Error::NoAccess {
            machine: self.machine.name.to_string(),
            ssh: self.ssh_url(),
            reason: Reason {
                because: "asks for no login, so every user of this host could push to it through a port of 127.0.0.1"
                    .to_owned(),
                help: format!(
                    "`service-manager env {service} --tunnel always` opens such a port all the same, until \
                     `service-manager tunnel stop`"
                ),
            },
            service,
            ports: Vec::new(),
        }
    }

    /// Why a service that only has a socket cannot be used without a tunnel.
    fn no_access(&self, detected: &DetectedService) -> Error {
        let (reason, ports) = match &detected.flavour.access {
            Access::Socket { reason, ports, .. } | Access::Unsupported { reason, ports } => (reason, ports),
            Access::Kubeconfig { .. }
            | Access::ServiceAccount { .. }
            | Access::Docker { .. }
            | Access::Registry { .. } => {
                return WorkerPanicked.into();
            }
        };
        Error::NoAccess {
            service: detected.service.name.to_string(),
            machine: self.machine.name.to_string(),
            ssh: self.ssh_url(),
            reason: reason.clone(),
            ports: ports.clone(),
        }
    }

    fn ssh_url(&self) -> String {
        format!("ssh://{}", self.machine.route().target)
    }
}

/// A port of the guest's loopback, to be reached through SSH.
struct SshWay<'w> {
    inspection: &'w Inspection,
    detected: &'w DetectedService<'w>,
    credentials: &'w Credentials,
    port: Port,
    deadline: Deadline,
}

impl SshWay<'_> {
    /// Leads a port of this host there.
    ///
    /// Errors: nothing good answers there; it asks for no login, and nobody has wanted it all the same.
    fn connect(
        &self,
        directly: impl FnOnce() -> Option<(Endpoint, ApiClient)>,
    ) -> Result<Reached, endpoint::Error> {
        let (machine, deadline) = (&self.inspection.machine, self.deadline);
        let lead = self.lead(Entrance::Usual)?;
        let (endpoint, client) = match self.search(&lead.forward.local) {
            Ok(found) => found,
            Err(error) => return Err(self.withdraw(lead, error)),
        };
        let is_open = endpoint.is_open_to_this_host();
        // Where nobody could ask privately.
        if is_open && self.inspection.may_be_open_to_all(self.detected) {
            return Err(self.close(lead));
        }
        if let Some((endpoint, client)) = directly() {
            lead.withdraw(deadline);
            return Ok((endpoint, client, None));
        }
        let brief = if is_open { Ok(lead.keep_once()) } else { lead.keep(machine, deadline) };
        Ok((endpoint, client, brief.map_err(|error| self.no_response(&in_one_line(&error)))?))
    }

    /// Asks through a socket that is the user's alone, so that no port is open before it is known that a login is wanted. None where
    /// it is, so one may be led there. What leads there where that is enough for this command.
    ///
    /// Errors: nothing good answers there, or it asks for no login.
    fn ask_privately(&self) -> Result<Option<Reached>, endpoint::Error> {
        let lead = self.lead(Entrance::Private)?;
        match self.search(&lead.forward.local) {
            Ok((endpoint, _)) if endpoint.is_open_to_this_host() => Err(self.close(lead)),
            Ok((endpoint, client)) if self.inspection.tunnel.lifetime == TunnelLifetime::Command => {
                Ok(Some((endpoint, client, lead.keep_once())))
            }
            Ok(_) => {
                lead.withdraw(self.deadline);
                Ok(None)
            }
            Err(error) => Err(self.withdraw(lead, error)),
        }
    }

    fn lead(&self, entrance: Entrance) -> Result<Lead, endpoint::Error> {
        let Inspection { tunnel, machine, .. } = self.inspection;
        let target = ForwardTarget::Port(self.port);
        let lead = tunnel.lead(machine, &self.detected.service.name, target, entrance, self.deadline);
        lead.map_err(|reason| self.no_response(&reason))
    }

    fn search(&self, local: &LocalEnd) -> Result<(Endpoint, ApiClient), endpoint::Error> {
        let (port, socket) = match local {
            LocalEnd::Port(port) => (*port, None),
            LocalEnd::Socket(path) => (self.port.number(), Some(path.as_path())),
        };
        let search = EndpointSearch {
            api: api(&self.detected.flavour.access),
            addresses: &[Ipv4Addr::LOCALHOST.into()],
            credentials: &Credentials { port, ..self.credentials.clone() },
            via: Via::Ssh,
            socket,
            connect: timeouts::API_ANSWER,
        };
        search.run(self.deadline)
    }

    /// Ends `lead`, which has led to `error`; the tunnel may know more about it.
    fn withdraw(&self, lead: Lead, error: endpoint::Error) -> endpoint::Error {
        let said = lead.withdraw(self.deadline);
        let endpoint::Error::NoResponse { attempts, .. } = error else { return error };
        let heard = if attempts.is_empty() { "no time was left".to_owned() } else { attempts.join(", ") };
        self.no_response(&said.unwrap_or(heard))
    }

    /// Ends `lead` and whatever else leads all users of this host there.
    fn close(&self, lead: Lead) -> endpoint::Error {
        let Inspection { machine, .. } = self.inspection;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()));
        match lead.close(&self.detected.service.name, machine, self.deadline) {
            Ok(()) => endpoint::Error::OpenToAll { address },
            Err(error) => self.no_response(&in_one_line(&error)),
        }
    }

    fn no_response(&self, reason: &str) -> endpoint::Error {
        endpoint::Error::NoResponse {
            reasons: Vec::new(),
            attempts: vec![format!("{}{THROUGH_SSH}{reason}", ForwardTarget::Port(self.port))],
            reason: endpoint::NoResponse::ConnectionRefused,
        }
    }
}

/// What stands between a place in the guest and what was heard there.
pub(crate) const THROUGH_SSH: &str = " through SSH: ";
/// Where a service's file says that it can.
const INSTEAD_TLS: &str = "; `service-manager start docker --tls` makes dockerd talk TLS on port 2376 instead, and restarts it for that";
