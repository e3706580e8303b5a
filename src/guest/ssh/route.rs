//! The way to a guest.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::types::{MachineName, SshHost, SshUser};

/// The agent that is asked for keys (`IdentityAgent` in `ssh_config(5)`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AgentChoice {
    /// The one that `SSH_AUTH_SOCK` names.
    #[default]
    Environment,
    None,
    /// The one that listens at this socket.
    Socket(PathBuf),
}

/// What the user's own known hosts count for at first contact. Later the key that was learnt then is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostKeyPolicy {
    /// The files (`UserKnownHostsFile`, `GlobalKnownHostsFile`).
    pub files: Vec<PathBuf>,
    /// A server that is in none of them is refused (`StrictHostKeyChecking yes`).
    pub strict: bool,
    /// What the server is called in them, if not by its host and port (`HostKeyAlias`).
    pub alias: Option<String>,
}

/// Where SSH servers listen if nobody says otherwise.
pub(crate) const SSH_PORT: u16 = 22;

/// One SSH server and how to log in to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hop {
    /// The user to log in as.
    pub user: SshUser,
    /// Host name or address.
    pub host: SshHost,
    /// TCP port.
    pub port: u16,
    /// Keys that were chosen for this server, in order.
    pub identities: Vec<PathBuf>,
    /// Certificates for them, besides those that lie beside a key (`CertificateFile`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<PathBuf>,
    /// Whom to ask for more keys.
    #[serde(default)]
    pub agent: AgentChoice,
    /// Try no other key than `identities`.
    pub identities_only: bool,
    /// Keys to try after those of the agent.
    pub default_identities: Vec<PathBuf>,
    /// What its host key is known by, where the address is not what makes it the same server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key_alias: Option<MachineName>,
    /// What is asked of its host key at first contact.
    #[serde(default)]
    pub host_key_policy: HostKeyPolicy,
}

/// The way to the guest: directly, or through other servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// The guest.
    pub target: Hop,
    /// The servers to go through, the first one first (`ProxyJump`).
    #[serde(default, alias = "jump", deserialize_with = "jumps", skip_serializing_if = "Vec::is_empty")]
    pub jumps: Vec<Hop>,
    /// The command that reaches the first server, for `sh` (`ProxyCommand`). It comes from a file of the user's, or from
    /// Vagrant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_command: Option<String>,
}

/// As records before 2.0.0 had it: one server, or null.
fn jumps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hop>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Jumps {
        Several(Vec<Hop>),
        One(Option<Box<Hop>>),
    }
    Ok(match Jumps::deserialize(deserializer)? {
        Jumps::Several(jumps) => jumps,
        Jumps::One(jump) => jump.map(|jump| *jump).into_iter().collect(),
    })
}

impl Route {
    /// Has the agent at the socket `agent` be asked wherever that of the environment would be.
    pub(crate) fn use_agent(&mut self, agent: &Path) {
        let hops = self.jumps.iter_mut().chain([&mut self.target]);
        for hop in hops.filter(|hop| hop.agent == AgentChoice::Environment) {
            hop.agent = AgentChoice::Socket(agent.to_owned());
        }
    }
}

impl Route {
    /// The same server for root, as `--host` takes it. None where an address alone does not lead there.
    pub(crate) fn as_root(&self) -> Option<String> {
        let is_direct = self.jumps.is_empty() && self.proxy_command.is_none();
        is_direct.then(|| format!("root@{}", self.target.place()))
    }
}

impl Hop {
    /// A server about which no more is known.
    pub(crate) fn new(user: SshUser, host: SshHost, port: u16) -> Self {
        Self {
            user,
            host,
            port,
            identities: Vec::new(),
            certificates: Vec::new(),
            agent: AgentChoice::default(),
            identities_only: false,
            default_identities: Vec::new(),
            host_key_alias: None,
            host_key_policy: HostKeyPolicy::default(),
        }
    }

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
        self.jumps.iter().rev().try_for_each(|jump| write!(f, " through {jump}"))?;
        if self.proxy_command.is_some() { f.write_str(" by its ProxyCommand") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_earlier_versions_are_read() {
        let hop = |host: &str| {
            format!(
                r#"{{"user":"dev","host":"{host}","port":22,"identities":[],"identities_only":false,"default_identities":[]}}"#
            )
        };
        for (jump, wanted) in
            [("null".to_owned(), 0), (hop("gate"), 1), (format!("[{},{}]", hop("a"), hop("b")), 2)]
        {
            let text = format!(r#"{{"target":{},"jump":{jump}}}"#, hop("vm"));
            let route: Route = serde_json::from_str(&text).unwrap();
            assert_eq!(route.jumps.len(), wanted, "{text}");
            let again: Route = serde_json::from_str(&serde_json::to_string(&route).unwrap()).unwrap();
            assert_eq!(again, route);
        }
    }
}
