//! Making, keeping and ending the forwards of a machine's tunnel.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::error::Error;
use super::login::login;
use crate::access::endpoint::{ApiClient, Endpoint, Via};
use crate::base::causes::in_one_line;
use crate::base::deadline::Deadline;
use crate::base::timeouts;
use crate::base::types::ServiceName;
use crate::guest::tunnel::{
    self, BriefTunnel, ControlAnswer, ControlClient, ControlRequest, Forward, ForwardPurpose, ForwardTarget,
    LocalEnd, TunnelWay,
};
use crate::machine::Machine;
use crate::settings::TunnelMode;
use crate::ui::{Spinner, Ui};

/// Whether services may be reached through SSH, and how long that lasts.
#[derive(Clone, Debug)]
pub(crate) struct TunnelAccess {
    pub(crate) mode: TunnelMode,
    /// What services publish in the machine is here too.
    pub(crate) publish: bool,
    pub(crate) lifetime: TunnelLifetime,
    /// Where this program keeps its files, if the user has said so.
    pub(crate) home: Option<PathBuf>,
    /// The socket of the agent that has the user's keys.
    pub(crate) agent: Option<PathBuf>,
    /// Those that end with this command, to one machine.
    pub(crate) brief: BriefTunnels,
    /// Where it is said that a tunnel is waited for.
    pub(crate) ui: Ui,
}

/// Tunnels that end with a command. One that asks again and again does not log in each time.
#[derive(Clone, Debug, Default)]
pub(crate) struct BriefTunnels(Arc<Mutex<Vec<KnownBriefTunnel>>>);

#[derive(Debug)]
struct KnownBriefTunnel {
    forward: Forward,
    tunnel: Arc<BriefTunnel>,
}

impl BriefTunnels {
    /// The one to `target`, which is begun if there is none. One that leads elsewhere by now ends.
    fn find_or_start(
        &self,
        machine: &Machine,
        service: &ServiceName,
        target: &ForwardTarget,
        entrance: Entrance,
    ) -> Result<(Forward, Arc<BriefTunnel>), tunnel::ServeError> {
        let purpose = ForwardPurpose::Service(service.clone());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.forward.purpose != purpose || known.forward.target == *target);
        if let Some(known) = known.iter().find(|known| known.forward.purpose == purpose) {
            return Ok((known.forward.clone(), Arc::clone(&known.tunnel)));
        }
        let (brief, local) = BriefTunnel::start(
            login(machine.clone()),
            service.clone(),
            target.clone(),
            entrance == Entrance::Private,
        )?;
        let (forward, brief) = (Forward { purpose, target: target.clone(), local }, Arc::new(brief));
        known.push(KnownBriefTunnel { forward: forward.clone(), tunnel: Arc::clone(&brief) });
        Ok((forward, brief))
    }

    /// Ends the one that is `brief`, as soon as nobody uses it.
    fn end(&self, brief: &Arc<BriefTunnel>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| !Arc::ptr_eq(&known.tunnel, brief));
    }
}

/// How long a tunnel lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TunnelLifetime {
    /// As long as it is used: a process in the background holds it.
    Background,
    /// As long as this command.
    Command,
}

/// Who may use a tunnel's end on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entrance {
    /// Whom the target itself lets in: a port leads to one, and a socket of the user's to a socket.
    Usual,
    /// The user alone: a socket leads to a port too. It is beside the usual one.
    Private,
}

impl Entrance {
    fn purpose(self, service: &ServiceName) -> ForwardPurpose {
        ForwardPurpose::Service(self.name(service))
    }

    fn name(self, service: &ServiceName) -> ServiceName {
        let beside = || ServiceName::parse(&format!("{service}-private")).ok();
        let beside = beside().filter(|_| self == Self::Private);
        beside.unwrap_or_else(|| service.clone())
    }
}

/// A service that was connected to, and what leads there if that is to end with the connection.
pub(super) type Reached = (Endpoint, ApiClient, Option<Arc<BriefTunnel>>);

/// A forward through a tunnel, for which nobody has vouched yet.
pub(super) struct Lead {
    pub(super) forward: Forward,
    holder: Holder,
}

enum Holder {
    Process {
        client: ControlClient,
        /// It was not there before.
        is_new: bool,
    },
    Command {
        brief: Arc<BriefTunnel>,
        known: BriefTunnels,
    },
}

impl TunnelAccess {
    pub(super) fn is_allowed(&self) -> bool {
        self.mode != TunnelMode::Never
    }

    /// How long it may take to connect directly. Nobody waits long for an address that only the guest knows when there is
    /// another way.
    pub(super) fn direct_limit(&self) -> Duration {
        if self.is_allowed() { timeouts::BEFORE_TUNNEL } else { timeouts::API_CONNECT }
    }

    /// True when services may be used to which `vias` have led.
    pub(super) fn allows(&self, vias: &[Via]) -> bool {
        match self.mode {
            TunnelMode::Never => !vias.contains(&Via::Ssh),
            TunnelMode::Always => !vias.contains(&Via::Direct),
            TunnelMode::Auto => true,
        }
    }

    /// True when services to which `vias` have led may be used as before. A tunnel that has ended is started again.
    pub(super) fn is_fit_for(&self, vias: &[Via], machine: &Machine, deadline: Deadline) -> bool {
        if !self.allows(vias) {
            return false;
        }
        if !vias.contains(&Via::Ssh) {
            return true;
        }
        let found = self.find_or_start(machine, deadline);
        found.inspect_err(|error| log::debug!("{error}")).is_ok()
    }

    /// The process that holds the tunnel of `machine`, which is started if there is none. It learns how the machine is reached
    /// now.
    ///
    /// Errors: it cannot be started, or does not answer by `deadline`.
    pub(super) fn find_or_start(
        &self,
        machine: &Machine,
        deadline: Deadline,
    ) -> Result<ControlClient, tunnel::StartError> {
        let route = serde_json::to_string(machine.route()).map_err(std::io::Error::from)?;
        let _waiting = Spinner::after_a_moment(self.ui, &format!("starting the tunnel to {}", machine.name));
        let way = TunnelWay { agent: self.agent.clone(), route };
        tunnel::find_or_start(&machine.files, self.home.as_deref(), &way, deadline)
    }

    /// Leads clients of the host to `target`.
    pub(super) fn lead(
        &self,
        machine: &Machine,
        service: &ServiceName,
        target: ForwardTarget,
        entrance: Entrance,
        deadline: Deadline,
    ) -> Result<Lead, String> {
        let service = &entrance.name(service);
        let purpose = ForwardPurpose::Service(service.clone());
        if self.lifetime == TunnelLifetime::Command {
            let found = self.brief.find_or_start(machine, service, &target, entrance);
            let (forward, brief) = found.map_err(|error| in_one_line(&error))?;
            return Ok(Lead { forward, holder: Holder::Command { brief, known: self.brief.clone() } });
        }
        machine.files.tunnel().require_short_names(service.as_str()).map_err(|error| in_one_line(&error))?;
        let known = tunnel::read_forwards(&machine.files).map_err(|error| in_one_line(&error))?;
        let before = known.into_iter().find(|forward| forward.purpose == purpose);
        let local = match (&target, &before) {
            (ForwardTarget::Port(_), Some(Forward { local: local @ LocalEnd::Port(_), .. })) => local.clone(),
            (ForwardTarget::Port(_), _) if entrance == Entrance::Usual => {
                LocalEnd::Port(usual_port(machine, service))
            }
            _ => LocalEnd::Socket(machine.files.tunnel().service(service.as_str())),
        };
        let mut client = self.find_or_start(machine, deadline).map_err(|error| in_one_line(&error))?;
        let mut forward = Forward { purpose, target, local };
        match client.ask(&ControlRequest::Add(forward.clone()), deadline.at_most(timeouts::TUNNEL_CONTROL)) {
            Ok(ControlAnswer::Added(local)) => forward.local = local,
            Ok(_) => return Err("the tunnel gives an odd answer".to_owned()),
            Err(error) => return Err(in_one_line(&error)),
        }
        let is_new = before.as_ref() != Some(&forward);
        Ok(Lead { forward, holder: Holder::Process { client, is_new } })
    }
}

impl Lead {
    /// It is good: it is there again when the tunnel is started again. What has to live on with the connection.
    pub(super) fn keep(
        self,
        machine: &Machine,
        deadline: Deadline,
    ) -> Result<Option<Arc<BriefTunnel>>, Error> {
        match self.holder {
            Holder::Command { brief, .. } => return Ok(Some(brief)),
            Holder::Process { is_new: false, .. } => return Ok(None),
            Holder::Process { is_new: true, .. } => {}
        }
        write_forwards(machine, deadline, |forwards| {
            forwards.retain(|forward| forward.purpose != self.forward.purpose);
            forwards.push(self.forward);
        })?;
        Ok(None)
    }

    /// It is good until the tunnel ends, and is not there again by itself. What has to live on with the connection.
    pub(super) fn keep_once(self) -> Option<Arc<BriefTunnel>> {
        match self.holder {
            Holder::Command { brief, .. } => Some(brief),
            Holder::Process { .. } => None,
        }
    }

    /// It ends, and so does the usual one to `service`, whoever uses it, which never begins again by itself.
    ///
    /// Errors: the machine's folder is locked or cannot be written.
    pub(super) fn close(
        mut self,
        service: &ServiceName,
        machine: &Machine,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let purpose = Entrance::Usual.purpose(service);
        if let Holder::Process { client, .. } = &mut self.holder {
            let request =
                ControlRequest::Remove(Forward { purpose: purpose.clone(), ..self.forward.clone() });
            // Where it cannot be asked any more, it has ended.
            let _ = client.ask(&request, deadline.at_most(timeouts::TUNNEL_CONTROL));
            write_forwards(machine, deadline, |forwards| {
                forwards.retain(|forward| forward.purpose != purpose);
            })?;
        }
        self.withdraw(deadline);
        Ok(())
    }

    /// It leads nowhere. The reason, if the tunnel knows it.
    pub(super) fn withdraw(self, deadline: Deadline) -> Option<String> {
        let mut client = match self.holder {
            Holder::Command { brief, known } => {
                known.end(&brief);
                return brief.failure();
            }
            Holder::Process { client, .. } => client,
        };
        let deadline = deadline.at_most(timeouts::TUNNEL_CONTROL);
        let status = match client.ask(&ControlRequest::List, deadline) {
            Ok(ControlAnswer::Status(status)) => Some(status),
            _ => None,
        };
        // Where it cannot be asked any more, it has ended.
        let _ = client.ask(&ControlRequest::Withdraw(self.forward.clone()), deadline);
        let status = status?;
        let of_forward =
            status.forwards.into_iter().find(|known| known.forward.purpose == self.forward.purpose);
        of_forward.and_then(|forward| forward.last_error).or(status.last_error)
    }
}

/// Where the tunnel of `machine` that runs in the background leads to `service`, if it does.
pub(super) fn led_to(machine: &Machine, service: &ServiceName) -> Option<LocalEnd> {
    tunnel::find(&machine.files)?;
    let purpose = ForwardPurpose::Service(service.clone());
    let forwards = tunnel::read_forwards(&machine.files).ok()?;
    forwards.into_iter().find(|forward| forward.purpose == purpose).map(|forward| forward.local)
}

/// Changes what the tunnel of `machine` begins with when it is started again.
///
/// Errors: the machine's folder is locked or cannot be written.
pub(super) fn write_forwards(
    machine: &Machine,
    deadline: Deadline,
    change: impl FnOnce(&mut Vec<Forward>),
) -> Result<(), Error> {
    let folder = machine.lock(deadline)?;
    let mut forwards = tunnel::read_forwards(&machine.files)?;
    change(&mut forwards);
    Ok(folder.write_json(&machine.files.forwards(), &forwards)?)
}

/// A port that no other machine, service or user has, with some luck: kubeconfigs that were merged somewhere stay good when the
/// tunnel is made anew. Linux and macOS give out none of these themselves.
fn usual_port(machine: &Machine, service: &ServiceName) -> u16 {
    let path = machine.files.folder().join(service.as_str());
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    FIRST_PORT + u16::from_be_bytes([digest[0], digest[1]]) % PORTS
}

const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;
