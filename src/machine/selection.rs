//! What the user said about the machine.

use std::path::PathBuf;

use super::address::Address;
use crate::base::env::Env;
use crate::base::types::MachineName;
use crate::guest::ssh::Hop;

/// What the user said about the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// `--machine`
    pub machine: Option<MachineName>,
    /// `--ssh-config`
    pub ssh_config: Option<PathBuf>,
    /// `--host`
    pub host: Option<Address>,
    /// `--identity`
    pub identity: Option<PathBuf>,
    /// What Vagrant said before is enough, whatever has changed: it is not started.
    pub as_remembered: bool,
}

impl Selection {
    /// A key that was typed is meant for the machine itself, and is the only one to try.
    pub(super) fn choose_identity(&self, target: &mut Hop, env: &Env) {
        if let Some(identity) = &self.identity {
            target.identities = vec![env.expand(identity)];
            target.identities_only = true;
        }
    }
}
