//! Services of the guest that only SSH leads to.

use std::net::{Ipv4Addr, SocketAddr};

use super::connected::{ConnectedService, api};
use super::detect::DetectedService;
use super::error::Error;
use super::inspection::Inspection;
use super::tunnel_access::{Reached, TunnelLifetime};
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
        let target = ForwardTarget::Port(port);
        let _waiting = self.waits_for_tunnel(detected);
        let place = format!("{target}{THROUGH_SSH}");
        let no_response = |reason: String| endpoint::Error::NoResponse {
            reasons: Vec::new(),
            attempts: vec![format!("{place}{reason}")],
            reason: endpoint::NoResponse::ConnectionRefused,
        };
        let lead = match self.tunnel.lead(&self.machine, &detected.service.name, target, deadline) {
            Ok(lead) => lead,
            Err(reason) => return Some(Err(no_response(reason))),
        };
        let LocalEnd::Port(local) = lead.forward.local else { return None };
        let credentials = Credentials { port: local, ..credentials.clone() };
        let search = EndpointSearch {
            api: api(&detected.flavour.access),
            addresses: &[Ipv4Addr::LOCALHOST.into()],
            credentials: &credentials,
            via: Via::Ssh,
            connect: timeouts::API_ANSWER,
        };
        Some(match search.run(deadline) {
            Ok((endpoint, client)) => match directly() {
                Some((endpoint, client)) => {
                    lead.withdraw(deadline);
                    Ok((endpoint, client, None))
                }
                None => match lead.keep(&self.machine, deadline) {
                    Ok(brief) => Ok((endpoint, client, brief)),
                    Err(error) => Err(no_response(in_one_line(&error))),
                },
            },
            Err(endpoint::Error::NoResponse { attempts, .. }) => {
                let heard =
                    || if attempts.is_empty() { "no time was left".to_owned() } else { attempts.join(", ") };
                Err(no_response(lead.withdraw(deadline).unwrap_or_else(heard)))
            }
            Err(error) => {
                lead.withdraw(deadline);
                Err(error)
            }
        })
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
        let lead = self.tunnel.lead(&self.machine, &detected.service.name, target.clone(), deadline);
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

/// What stands between a place in the guest and what was heard there.
pub(crate) const THROUGH_SSH: &str = " through SSH: ";
/// Where a service's file says that it can.
const INSTEAD_TLS: &str = "; `service-manager start docker --tls` makes dockerd talk TLS on port 2376 instead, and restarts it for that";
