//! One visit to the guest: connect, ask everything, remember the way.

use std::net::IpAddr;

use crate::deadline::Deadline;
use crate::error::Error;
use crate::files;
use crate::machine::Machine;
use crate::probe::{self, Facts, Questions};
use crate::ssh::{Connection, KnownHosts};

/// What a visit brought home.
#[derive(Debug)]
pub struct Visit {
    /// The guest's answers.
    pub facts: Facts,
    /// The address at which SSH reached the guest; none through a jump host.
    pub address: Option<IpAddr>,
}

impl Visit {
    /// Visits `machine` with one connection and one command.
    ///
    /// Errors: those of connecting, of asking, and of keeping what was learnt about the machine.
    pub fn make(machine: &Machine, questions: &Questions, deadline: Deadline) -> Result<Self, Error> {
        let mut known_hosts = read_known_hosts(machine)?;
        let connection = Connection::open(&machine.route, &mut known_hosts, deadline)?;
        log::debug!("logged in as {}", machine.route);
        let folder = machine.lock(deadline)?;
        if let Some(text) = known_hosts.learnt() {
            folder.write(&machine.files.known_hosts(), text.as_bytes())?;
        }
        machine.remember(&folder)?;
        drop(folder);
        let user_is_root = machine.route.target.user.as_str() == "root";
        let facts = probe::ask(questions, &connection, user_is_root)?;
        log::debug!("the guest answered: {} units, {} files", facts.units.len(), facts.files.len());
        Ok(Self { facts, address: connection.address() })
    }

    /// The addresses at which the host may reach the guest's services, the likeliest first: the one that
    /// just worked for SSH, then those the guest has.
    pub fn candidates(&self) -> Vec<IpAddr> {
        let mut candidates: Vec<IpAddr> = self.address.into_iter().collect();
        for address in &self.facts.addresses {
            if !candidates.contains(address) {
                candidates.push(*address);
            }
        }
        candidates
    }
}

fn read_known_hosts(machine: &Machine) -> Result<KnownHosts, Error> {
    let path = machine.files.known_hosts();
    let text = files::read_text(&path, LONGEST_KNOWN_HOSTS)?.unwrap_or_default();
    KnownHosts::parse(machine.name.clone(), &text)
        .ok_or_else(|| Error::KnownHostsDamaged { path, machine: machine.name.to_string() })
}

const LONGEST_KNOWN_HOSTS: u64 = 64 << 10;
