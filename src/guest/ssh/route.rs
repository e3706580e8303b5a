//! The way to a guest.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::types::{HostName, MachineName, SshUser};

/// One SSH server and how to log in to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hop {
    /// The user to log in as.
    pub user: SshUser,
    /// Host name or address.
    pub host: HostName,
    /// TCP port.
    pub port: u16,
    /// Keys that were chosen for this server, in order.
    pub identities: Vec<PathBuf>,
    /// Try no other key than `identities`.
    pub identities_only: bool,
    /// Keys to try after those of the agent.
    pub default_identities: Vec<PathBuf>,
    /// What its host key is known by, where the address is not what makes it the same server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key_alias: Option<MachineName>,
}

/// The way to the guest: directly, or through one other server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// The guest.
    pub target: Hop,
    /// The server to go through (`ProxyJump`).
    pub jump: Option<Hop>,
}

impl Hop {
    /// Where the server listens: `HOST:PORT`.
    pub(crate) fn place(&self) -> String {
        let Self { host, port, .. } = self;
        if host.as_str().contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.place())
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target)?;
        self.jump.as_ref().map_or(Ok(()), |jump| write!(f, " through {jump}"))
    }
}
