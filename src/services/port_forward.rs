//! Ports of the user's own applications in the guest, at ports of the host.

use super::error::Error;
use super::session::MachineSession;
use super::tunnel_access::{TunnelAccess, write_forwards};
use crate::base::causes::in_one_line;
use crate::base::deadline::Deadline;
use crate::base::platform::is_port_used;
use crate::base::timeouts;
use crate::guest::ssh::PortTrial;
use crate::guest::tunnel::{
    self, ControlAnswer, ControlClient, ControlError, ControlRequest, Forward, ForwardPurpose, PortMapping,
};
use crate::machine::Machine;

/// A port of the host that leads into the guest.
pub(crate) struct ForwardedPort {
    pub(crate) mapping: PortMapping,
    /// Somebody listens there by now.
    pub(crate) is_listening: bool,
}

impl MachineSession {
    /// Has each of `mappings` be there until it is taken back: all of them or none.
    ///
    /// Errors: sshd forbids it, a port of the host is taken, the process that holds the tunnel cannot be asked.
    pub(crate) fn forward_ports(
        &self,
        mappings: &[PortMapping],
        deadline: Deadline,
    ) -> Result<Vec<ForwardedPort>, Error> {
        let mut forwarded = Vec::new();
        for mapping in mappings {
            let is_listening = match self.connection.try_port(mapping.guest)? {
                PortTrial::Open => true,
                PortTrial::Closed => false,
                PortTrial::Forbidden { reason } => {
                    let machine = self.machine.name.to_string();
                    return Err(Error::ForwardingForbidden { machine, port: mapping.guest.number(), reason });
                }
            };
            forwarded.push(ForwardedPort { mapping: *mapping, is_listening });
        }
        let mut holder = ApplicationForwards::find(&self.machine, &self.tunnel, deadline)?;
        if let Err(error) = holder.add_all(mappings) {
            holder.take_back();
            return Err(error);
        }
        if let Err(error) = holder.keep() {
            holder.take_back();
            return Err(error);
        }
        Ok(forwarded)
    }
}

/// The process that holds the tunnel, and what it was given.
struct ApplicationForwards<'m> {
    machine: &'m Machine,
    client: ControlClient,
    added: Vec<Forward>,
    deadline: Deadline,
}

impl<'m> ApplicationForwards<'m> {
    fn find(machine: &'m Machine, tunnel: &TunnelAccess, deadline: Deadline) -> Result<Self, Error> {
        let client = tunnel.find_or_start(machine, deadline)?;
        Ok(Self { machine, client, added: Vec::new(), deadline })
    }

    fn add_all(&mut self, mappings: &[PortMapping]) -> Result<(), Error> {
        let known = applications(&mut self.client, self.deadline)?;
        for mapping in mappings {
            let forward = mapping.forward();
            match known.iter().find(|known| known.purpose == forward.purpose) {
                Some(known) if known.target == forward.target => {}
                Some(known) => {
                    return Err(Error::PortLeadsElsewhere {
                        port: mapping.local.number(),
                        target: known.target.to_string(),
                        machine: self.machine.name.to_string(),
                        instead: another(*mapping),
                    });
                }
                None => self.add(forward, *mapping)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, forward: Forward, mapping: PortMapping) -> Result<(), Error> {
        let deadline = self.deadline.at_most(timeouts::TUNNEL_CONTROL);
        match self.client.ask(&ControlRequest::Add(forward.clone()), deadline)? {
            ControlAnswer::PortTaken => {
                Err(Error::PortTaken { port: mapping.local.number(), instead: another(mapping) })
            }
            ControlAnswer::Added(_) => {
                self.added.push(forward);
                Ok(())
            }
            _ => {
                let path = self.machine.files.tunnel().control();
                Err(ControlError::Refused { path, reason: "nothing that is expected".to_owned() }.into())
            }
        }
    }

    /// Leaves the tunnel as it was.
    fn take_back(&mut self) {
        let deadline = self.deadline.at_most(timeouts::TUNNEL_CONTROL);
        for forward in std::mem::take(&mut self.added) {
            // Where it cannot be asked any more, it has ended.
            let _ = self.client.ask(&ControlRequest::Remove(forward), deadline);
        }
    }

    /// They are there again when the tunnel is started again.
    fn keep(&self) -> Result<(), Error> {
        write_forwards(self.machine, self.deadline, |forwards| {
            forwards.retain(|known| !self.added.iter().any(|new| new.purpose == known.purpose));
            forwards.extend(self.added.iter().cloned());
        })
    }
}

/// Takes back what leads to applications of `machine` from the ports `mappings` of the host: all of them or none.
///
/// Errors: nothing is forwarded from one of them.
pub(crate) fn stop_ports(
    machine: &Machine,
    mappings: &[PortMapping],
    deadline: Deadline,
) -> Result<(), Error> {
    let mut client = tunnel::find(&machine.files);
    let mut known = tunnel::read_forwards(&machine.files)?;
    if let Some(client) = &mut client {
        known.extend(applications(client, deadline)?);
    }
    let purposes: Vec<ForwardPurpose> = mappings.iter().map(|mapping| mapping.forward().purpose).collect();
    for (purpose, mapping) in purposes.iter().zip(mappings) {
        if !known.iter().any(|forward| forward.purpose == *purpose) {
            let machine = machine.name.to_string();
            return Err(Error::NotForwarded { port: mapping.local.number(), machine });
        }
    }
    // First what would bring them back.
    write_forwards(machine, deadline, |forwards| {
        forwards.retain(|forward| !purposes.contains(&forward.purpose));
    })?;
    for mapping in mappings {
        if let Some(client) = &mut client {
            let deadline = deadline.at_most(timeouts::TUNNEL_CONTROL);
            client.ask(&ControlRequest::Remove(mapping.forward()), deadline)?;
        }
    }
    Ok(())
}

/// Has nothing lead to applications of `machine`, and no port be published, when its tunnel is started again.
///
/// Errors: the machine's folder is locked or cannot be written.
pub(crate) fn forget_ports(machine: &Machine, deadline: Deadline) -> Result<(), Error> {
    let is_kept = |forward: &Forward| !forward.purpose.is_application();
    if tunnel::publishes(&machine.files) {
        machine.lock(deadline)?.write_json(&machine.files.publish(), &false)?;
    }
    match tunnel::read_forwards(&machine.files) {
        Ok(forwards) if forwards.iter().all(is_kept) => Ok(()),
        Ok(_) => write_forwards(machine, deadline, |forwards| forwards.retain(is_kept)),
        // `env` finds out again what leads to the services.
        Err(_) => {
            Ok(machine.lock(deadline)?.write_json(&machine.files.forwards(), &Vec::<Forward>::new())?)
        }
    }
}

/// Has the tunnel of `machine` be there where something leads to applications, or ports are to be published, which it begins
/// with then. What fails is for the log: it keeps no other command from its work.
pub(crate) fn bring_back_ports(machine: &Machine, tunnel: &TunnelAccess, deadline: Deadline) {
    let forwards = tunnel::read_forwards(&machine.files).unwrap_or_default();
    let publishes = tunnel.publish || tunnel::publishes(&machine.files);
    if !publishes && !forwards.iter().any(|forward| forward.purpose.is_application()) {
        return;
    }
    let found = tunnel.find_or_start(machine, deadline);
    let asked = found.and_then(|mut client| {
        if publishes {
            client.ask(&ControlRequest::Publish, deadline.at_most(timeouts::TUNNEL_CONTROL))?;
        }
        Ok(())
    });
    if let Err(error) = asked {
        log::warn!("{}", in_one_line(&error));
    }
}

/// Has the tunnel of `machine` publish what its services publish, from now on.
///
/// Errors: the machine's folder cannot be written, the process that holds the tunnel cannot be asked.
pub(crate) fn publish_ports(
    machine: &Machine,
    tunnel: &TunnelAccess,
    deadline: Deadline,
) -> Result<(), Error> {
    machine.lock(deadline)?.write_json(&machine.files.publish(), &true)?;
    let mut client = tunnel.find_or_start(machine, deadline)?;
    client.ask(&ControlRequest::Publish, deadline.at_most(timeouts::TUNNEL_CONTROL))?;
    Ok(())
}

/// What leads to applications now.
fn applications(client: &mut ControlClient, deadline: Deadline) -> Result<Vec<Forward>, ControlError> {
    let answer = client.ask(&ControlRequest::List, deadline.at_most(timeouts::TUNNEL_CONTROL))?;
    let ControlAnswer::Status(status) = answer else { return Ok(Vec::new()) };
    let forwards = status.forwards.into_iter().map(|status| status.forward);
    Ok(forwards.filter(|forward| forward.purpose.is_application()).collect())
}

/// What to type in place of `mapping`, whose port of the host is taken.
fn another(mapping: PortMapping) -> String {
    let after = mapping.local.number().checked_add(1).into_iter().flat_map(|next| next..=u16::MAX);
    let free = after.take(MOST_PORTS).find(|port| !is_port_used(*port));
    format!("{}:{}", free.map_or_else(|| "PORT".to_owned(), |port| port.to_string()), mapping.guest.number())
}

/// Where so many are taken one after the other, the user chooses better.
const MOST_PORTS: usize = 100;
