//! One visit to the guest: connect, ask everything, remember the way.

use std::net::IpAddr;
use std::time::SystemTime;

use crate::credentials::Credentials;
use crate::deadline::Deadline;
use crate::discover::Found;
use crate::endpoint::{Endpoint, Search};
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
        files::refuse_shared(machine.files.folder())?;
        let mut known_hosts = read_known_hosts(machine)?;
        let connection = Connection::open(&machine.route, &mut known_hosts, deadline)?;
        log::debug!("logged in as {}", machine.route);
        let folder = machine.lock(deadline)?;
        // First what `machines forget` looks for.
        machine.remember(&folder)?;
        if let Some(text) = known_hosts.learnt() {
            folder.write(&machine.files.known_hosts(), text.as_bytes())?;
        }
        drop(folder);
        let user_is_root = machine.route.target.user.as_str() == "root";
        let facts = probe::ask(questions, &connection, user_is_root)?;
        log::debug!("the guest answered: {} units, {} files", facts.units.len(), facts.files.len());
        Ok(Self { facts, address: connection.address() })
    }

    /// Uses `found` with the admin's credentials from the guest, and says where and with which.
    ///
    /// Errors: nothing of it is up, there are no good credentials, or it cannot be used at any address.
    pub fn use_service(
        &self,
        found: &Found,
        machine: &Machine,
        deadline: Deadline,
    ) -> Result<(Credentials, Endpoint), Error> {
        let name = machine.name.as_str();
        found.require_running(name)?;
        let credentials = found.credentials(&self.facts, machine.route.target.user.as_str(), name)?;
        let credentials =
            credentials.current(SystemTime::now()).map_err(|expired| Error::CredentialsExpired {
                what: expired.what,
                on: expired.on,
                path: found.flavour.kubeconfig.path.to_string(),
                machine: name.to_owned(),
                remedy: found.flavour.remedies.expired.clone(),
            })?;
        let search =
            Search { found, machine: name, candidates: self.candidates(), credentials: &credentials };
        let endpoint = search.run(deadline)?;
        log::debug!("{} {} answers at {}", found.service.title, endpoint.version, endpoint.url());
        Ok((credentials, endpoint))
    }

    /// The addresses at which the host may reach the guest's services, the likeliest first: the one that
    /// just worked for SSH, then those the guest has.
    fn candidates(&self) -> Vec<IpAddr> {
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
    KnownHosts::parse(machine.key(), &text)
        .ok_or_else(|| Error::KnownHostsDamaged { path, machine: machine.key() })
}

const LONGEST_KNOWN_HOSTS: u64 = 64 << 10;
