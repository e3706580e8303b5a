//! The variables that a command is given: those of `env`, and none that its clients would heed instead.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use super::server::ServerRelease;
use crate::base::env::{EXEC, Env};
use crate::base::paths::Folders;
use crate::base::types::VariableName;
use crate::catalogue::{Catalogue, Service};
use crate::commands::env::{MachineExports, joined};
use crate::error::Error;
use crate::export::{Block, Export, proxy_variable, without_proxy};
use crate::services::leftovers;

/// What a command is given, and which servers that leads to.
pub(super) struct GivenVariables {
    exports: Vec<Export>,
    gone: Vec<VariableName>,
    /// The names of the machines.
    machines: String,
    pub(super) servers: Vec<ServerRelease>,
}

impl GivenVariables {
    pub(super) fn new(
        all: &[MachineExports],
        catalogue: &Catalogue,
        folders: &Folders,
        env: &Env,
    ) -> Result<Self, Error> {
        let blocks: Vec<(&str, Vec<Block>)> = all.iter().map(MachineExports::blocks).collect();
        let blocks = joined(&blocks)?;
        let connected = || all.iter().flat_map(|exports| &exports.services).map(|service| &service.connected);
        let services = connected().map(|connected| connected.detected.service);
        let keys: Vec<String> = all.iter().map(|exports| exports.machine.key()).collect();
        let left = leftovers(env, folders, &catalogue.select(&[])?, &blocks, &keys).into_iter();
        let heeded = services.flat_map(overridden_by).filter(|name| !is_set(&blocks, name)).cloned();
        let gone = heeded.chain(left.map(|left| left.name)).collect();
        let addresses = connected().filter_map(|connected| connected.endpoint.address());
        let behind =
            addresses.filter(|address| proxy_variable(env, address.host.as_str(), address.port).is_some());
        let behind: Vec<&str> = behind.map(|address| address.host.as_str()).collect();
        let direct = if behind.is_empty() { Vec::new() } else { without_proxy(env, &behind)? };
        let machines: Vec<&str> = all.iter().map(|exports| exports.machine.name.as_str()).collect();
        Ok(Self {
            exports: blocks.into_iter().flat_map(|block| block.exports).chain(direct).collect(),
            gone,
            machines: machines.join(","),
            servers: connected().map(ServerRelease::of).collect(),
        })
    }

    /// Sets and removes variables for `command`. The folders `first` come first in its PATH.
    pub(super) fn give_to(&self, command: &mut Command, first: &[PathBuf], env: &Env) {
        for name in &self.gone {
            command.env_remove(name.as_str());
        }
        for Export { name, value, .. } in &self.exports {
            command.env(name.as_str(), value);
        }
        command.env(EXEC, &self.machines);
        if env.plugin.is_some() {
            // They are about this very command, and the file that one of them names is gone.
            for name in PLUGINS {
                command.env_remove(name);
            }
        }
        if let Some(path) = path_with(first, env) {
            command.env("PATH", path);
        }
    }
}

/// The variables that clients of `service` heed.
fn overridden_by(service: &Service) -> impl Iterator<Item = &VariableName> {
    service.exports.iter().map(|export| &export.name).chain(&service.overrides)
}

fn is_set(blocks: &[Block], name: &VariableName) -> bool {
    blocks.iter().flat_map(|block| &block.exports).any(|export| export.name == *name)
}

/// The PATH with the folders `first` at its beginning; none when nothing changes.
fn path_with(first: &[PathBuf], env: &Env) -> Option<OsString> {
    if first.is_empty() {
        return None;
    }
    let others = env.path.iter().flat_map(std::env::split_paths).filter(|folder| !first.contains(folder));
    let joined = std::env::join_paths(first.iter().cloned().chain(others));
    joined.inspect_err(|error| log::debug!("{error}")).ok()
}

/// What the Vagrant plugin has set for this program.
const PLUGINS: [&str; 3] =
    ["SERVICE_MANAGER_PLUGIN", "SERVICE_MANAGER_VAGRANT_MACHINE", "SERVICE_MANAGER_SSH_CONFIG"];
