//! Logging in to a machine with the host keys that were learnt.

use std::sync::Arc;

use super::error::Error;
use crate::base::causes::in_one_line;
use crate::base::deadline::Deadline;
use crate::base::files;
use crate::base::paths::Folders;
use crate::guest::ssh::{Connection, KnownHosts};
use crate::guest::tunnel::TunnelLogin;
use crate::machine::{self, Machine};

/// Connects to `machine`; host keys that were not known are learnt into what is returned.
///
/// Errors: those of connecting.
pub(super) fn connect(machine: &Machine, deadline: Deadline) -> Result<(Connection, KnownHosts), Error> {
    let mut known_hosts = read_known_hosts(machine)?;
    let connection = Connection::open(machine.route(), &mut known_hosts, deadline)?;
    Ok((connection, known_hosts))
}

/// Logs in to a machine that was logged in to before: its host keys are known, and nobody is asked about it.
///
/// Errors: those of connecting; the host key is not known.
fn log_in_again(machine: &Machine, deadline: Deadline) -> Result<Connection, Error> {
    let (connection, known_hosts) = connect(machine, deadline)?;
    match known_hosts.add_learnt(read_known_hosts(machine)?)? {
        None => Ok(connection),
        Some(_) => Err(machine::Error::HostKeyNotLearnt { machine: machine.name.to_string() }.into()),
    }
}

/// The host keys of `machine`.
///
/// Errors: they cannot be read.
pub(super) fn read_known_hosts(machine: &Machine) -> Result<KnownHosts, Error> {
    let path = machine.files.known_hosts();
    let text = files::read_text(&path, LONGEST_KNOWN_HOSTS)?.unwrap_or_default();
    let damaged = || machine::Error::KnownHostsDamaged { path, machine: machine.key() };
    Ok(KnownHosts::parse(machine.key(), &text).ok_or_else(damaged)?)
}

/// Logs in to `machine`, as it was reached just now.
pub(super) fn login(machine: Machine) -> TunnelLogin {
    Arc::new(move |_, deadline| log_in_again(&machine, deadline).map_err(|error| in_one_line(&error)))
}

/// Logs in to the machine with the key `key`, as it is remembered: another command may have found it at another place.
pub(crate) fn remembered_login(folders: Folders, key: String) -> TunnelLogin {
    Arc::new(move |agent, deadline| {
        let machine = machine::remembered(&folders).map_err(|error| in_one_line(&error))?;
        let machine = machine.machines.into_iter().find(|machine| machine.key() == key);
        let mut machine = machine.ok_or_else(|| "the machine is not remembered any more".to_owned())?;
        if let Some(agent) = agent {
            machine.use_agent(agent);
        }
        log_in_again(&machine, deadline).map_err(|error| in_one_line(&error))
    })
}

const LONGEST_KNOWN_HOSTS: u64 = 64 << 10;
