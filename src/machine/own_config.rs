//! Machines that are a `Host` of the user's own ssh config. How one is reached is resolved again when the config has changed
//! since, and when the known route leads nowhere: what starts a machine may write another port there each time.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::openssh::OpenSsh;
use super::route_reader::{ConfigReader, RouteReader};
use super::ssh_config::SshConfig;
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::types::MachineName;
use crate::guest::ssh::{Hop, Route};

/// The user's own ssh config.
pub(super) struct OwnConfig {
    path: PathBuf,
    config: SshConfig,
}

/// That a machine is a `Host` of the user's own ssh config, and what that was when its route was resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ConfigOrigin {
    /// See [`SshConfig::digest`].
    pub(super) digest: String,
    /// The key that the user has typed for it, which no config knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<PathBuf>,
}

impl OwnConfig {
    /// Where it is.
    pub(super) fn path(env: &Env) -> PathBuf {
        env.expand(Path::new("~/.ssh/config"))
    }

    /// Reads it; it may not be there.
    ///
    /// Errors: it cannot be read.
    pub(super) fn read(env: &Env) -> Result<Self, Error> {
        let path = Self::path(env);
        let config = if env.home.is_some() { SshConfig::read(&path)? } else { SshConfig::parse("") };
        Ok(Self { path, config })
    }

    pub(super) fn aliases(&self) -> Vec<&str> {
        self.config.aliases()
    }

    /// The route to the machine `name`, if a `Host` is about it; `identity` was typed for it.
    ///
    /// Errors: a value there is not of its kind, or others can write the config, or `ssh` refuses it.
    pub(super) fn route(
        &self,
        name: &MachineName,
        identity: Option<PathBuf>,
        env: &Env,
        deadline: Deadline,
    ) -> Result<Option<(Route, ConfigOrigin)>, Error> {
        if !self.config.knows(name.as_str()) {
            return Ok(None);
        }
        let config = if let Some(program) = OpenSsh::find(env) {
            ConfigReader::OpenSsh { program, own: true, deadline }
        } else {
            self.config.refuse_writable_by_others(&self.path)?;
            ConfigReader::Own(&self.config)
        };
        let mut route = RouteReader { config, file: &self.path, env }.route(name)?;
        // Its address may change, its host key may not.
        route.target.host_key_alias = Some(name.clone());
        let origin = ConfigOrigin { digest: self.config.digest().to_owned(), identity };
        origin.choose_identity(&mut route.target);
        Ok(Some((route, origin)))
    }

    /// True when it is what it was for `origin`.
    pub(super) fn is_same(&self, origin: &ConfigOrigin) -> bool {
        origin.digest == self.config.digest()
    }
}

impl ConfigOrigin {
    fn choose_identity(&self, target: &mut Hop) {
        if let Some(identity) = &self.identity {
            target.identities = vec![identity.clone()];
            target.identities_only = true;
        }
    }
}
