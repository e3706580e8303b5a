//! From what was typed to one machine. The first that applies: `--host`, `--ssh-config`,
//! `SERVICE_MANAGER_SSH_CONFIG`, the machine of the name, the Vagrant project around, the chosen machine, the only
//! remembered one.

use super::address::Address;
use super::choice::chosen;
use super::dialog::Dialog;
use super::error::Error;
use super::find::only;
use super::route_reader::{default_identities, default_known_hosts, own_user};
use super::search::MachineSearch;
use super::selection::Selection;
use super::store::Machine;
use super::vagrant::Project;
use super::vagrant_resolver::VagrantResolver;
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::paths::Folders;
use crate::base::types::MachineName;
use crate::guest::ssh::{Hop, Route, SSH_PORT};

/// Finds the machine that `selection` means.
///
/// Errors: none or several machines fit, the ssh config cannot be read, does not name the machine or
/// holds a value that is not of its kind; a Vagrant machine is not created, or Vagrant does not say how it is reached
/// before `deadline`.
pub(crate) fn resolve(
    selection: &Selection,
    env: &Env,
    folders: &Folders,
    dialog: &dyn Dialog,
    deadline: Deadline,
) -> Result<Machine, Error> {
    if let Some(address) = &selection.host {
        return from_address(address, selection, env, folders);
    }
    let search = MachineSearch { selection, env, folders, dialog, deadline };
    if let Some(file) = &selection.ssh_config {
        return search.ssh_config(&env.expand(file));
    }
    if let Some(file) = &env.ssh_config {
        match (search.ssh_config(&env.expand(file)), &selection.machine) {
            // The variable is for all commands, the name is for this one.
            (Err(error @ Error::NoSuchAlias { .. }), Some(name)) => {
                return search.called(name)?.ok_or(error);
            }
            (machine, _) => return machine,
        }
    }
    if let Some(name) = &selection.machine {
        return search.called(name)?.map_or_else(|| Err(search.unknown(name)), Ok);
    }
    if let Some(project) = Project::find_from_cwd(env)? {
        return search.vagrant().find_in_project(project, deadline);
    }
    let known = search.known()?;
    match chosen(folders, &known)? {
        Some(machine) => search.remembered(machine),
        None => search.remembered(only(&known)?),
    }
}

/// The machine that `remembered` is now.
///
/// Errors: as for [`resolve`].
pub(crate) fn resolve_remembered(
    remembered: &Machine,
    selection: &Selection,
    env: &Env,
    folders: &Folders,
    dialog: &dyn Dialog,
    deadline: Deadline,
) -> Result<Machine, Error> {
    MachineSearch { selection, env, folders, dialog, deadline }.remembered(remembered)
}

/// The machine that belongs to the current folder, as it is remembered: nobody is asked and nothing started. None outside
/// of Vagrant's projects.
///
/// Errors: none of the project's machines is remembered, or it is not said which is meant.
pub(crate) fn resolve_from_cwd(
    env: &Env,
    folders: &Folders,
    dialog: &dyn Dialog,
    deadline: Deadline,
) -> Result<Option<Machine>, Error> {
    let selection = Selection { as_remembered: true, ..Selection::default() };
    let vagrant = VagrantResolver::new(env, folders, &selection, dialog);
    Project::find_from_cwd(env)?.map(|project| vagrant.find_in_project(project, deadline)).transpose()
}

fn from_address(
    address: &Address,
    selection: &Selection,
    env: &Env,
    folders: &Folders,
) -> Result<Machine, Error> {
    let user = address.user.clone().map_or_else(|| own_user(env), Ok)?;
    let mut target = Hop {
        default_identities: default_identities(env),
        host_key_policy: default_known_hosts(env),
        ..Hop::new(user, address.host.clone(), address.port.unwrap_or(SSH_PORT))
    };
    selection.choose_identity(&mut target, env);
    let name = match &selection.machine {
        Some(name) => name.clone(),
        None => MachineName::parse(&address.host.as_str().replace([':', '%'], "-"))
            .or_else(|_| MachineName::parse("host"))
            .map_err(|source| Error::Value { what: "--host".into(), source })?,
    };
    Ok(Machine::new(name, Route { target, jumps: Vec::new(), proxy_command: None }, folders))
}
