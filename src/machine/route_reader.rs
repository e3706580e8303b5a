//! From the text of an ssh config to a route.

use std::path::{Path, PathBuf};

use super::address::{Address, parse_port};
use super::error::Error;
use super::ssh_config::{HostSettings, SshConfig};
use crate::base::env::Env;
use crate::base::suggest::nearest;
use crate::base::text::sanitize;
use crate::base::types::{HostName, Invalid, MachineName, SshUser};
use crate::guest::ssh::{Hop, Route};

/// The alias that was named, or the only one of the file.
pub(super) fn choose_alias(
    config: &SshConfig,
    file: &Path,
    wanted: Option<&MachineName>,
) -> Result<MachineName, Error> {
    let aliases = config.aliases();
    let no_alias = |name: Option<&MachineName>| {
        let known: Vec<String> = aliases.iter().map(|alias| sanitize(alias)).collect();
        let nearest = name.and_then(|name| nearest(name.as_str(), &known));
        Error::NoSuchAlias { name: name.map(ToString::to_string), path: file.to_owned(), nearest, known }
    };
    match (wanted, aliases.as_slice()) {
        (Some(name), _) if aliases.contains(&name.as_str()) => Ok(name.clone()),
        (None, [only]) => MachineName::parse(only)
            .map_err(|source| Error::Value { what: format!("Host in {}", file.display()), source }),
        (name, _) => Err(no_alias(name)),
    }
}

/// Turns the text of one ssh config into hops.
pub(super) struct RouteReader<'a> {
    pub(super) config: &'a SshConfig,
    pub(super) file: &'a Path,
    pub(super) env: &'a Env,
}

impl RouteReader<'_> {
    /// The route to the machine that `alias` stands for.
    pub(super) fn route(&self, alias: &MachineName) -> Result<Route, Error> {
        let target = self.hop(alias.as_str(), None)?;
        Ok(Route { target, jump: self.jump(&self.config.settings(alias.as_str()))? })
    }

    /// The hop that `alias` stands for; `address` overrides what the file says.
    fn hop(&self, alias: &str, address: Option<&Address>) -> Result<Hop, Error> {
        let settings = self.config.settings(alias);
        let host_name = settings.host_name.as_deref().unwrap_or(alias).replace("%h", alias);
        let user = match (address.and_then(|address| address.user.clone()), &settings.user) {
            (Some(user), _) => user,
            (None, Some(user)) => SshUser::parse(user).map_err(|source| self.invalid("User", source))?,
            (None, None) => own_user(self.env)?,
        };
        let port = match (address.and_then(|address| address.port), &settings.port) {
            (Some(port), _) => port,
            (None, Some(port)) => parse_port(port).map_err(|source| self.invalid("Port", source))?,
            (None, None) => SSH_PORT,
        };
        let only = settings.identities_only.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        let identities = settings.identity_files.iter().filter(|file| !file.eq_ignore_ascii_case("none"));
        let identities: Vec<PathBuf> =
            identities.map(|file| self.env.expand(Path::new(&file.replacen("%d/", "~/", 1)))).collect();
        let default_identities =
            if settings.identity_files.is_empty() { default_identities(self.env) } else { Vec::new() };
        Ok(Hop {
            user,
            host: HostName::parse(&host_name).map_err(|source| self.invalid("HostName", source))?,
            port,
            identities,
            identities_only: only,
            default_identities,
            host_key_alias: None,
        })
    }

    fn jump(&self, settings: &HostSettings) -> Result<Option<Hop>, Error> {
        match settings.proxy_jump.as_deref() {
            None => Ok(None),
            Some(value) if value.eq_ignore_ascii_case("none") => Ok(None),
            Some(value) if value.contains(',') => Err(Error::SeveralJumps { path: self.file.to_owned() }),
            Some(value) => {
                let address: Address = value.parse().map_err(|source| self.invalid("ProxyJump", source))?;
                let gate = address.host.as_str();
                match self.config.settings(gate).proxy_jump {
                    Some(further) if !further.eq_ignore_ascii_case("none") => {
                        Err(Error::SeveralJumps { path: self.file.to_owned() })
                    }
                    _ => self.hop(gate, Some(&address)).map(Some),
                }
            }
        }
    }

    fn invalid(&self, keyword: &str, source: Invalid) -> Error {
        Error::Value { what: format!("{keyword} in {}", self.file.display()), source }
    }
}

/// ssh's own default keys, those that exist.
pub(super) fn default_identities(env: &Env) -> Vec<PathBuf> {
    let path = |name| env.expand(Path::new("~/.ssh")).join(name);
    DEFAULT_IDENTITIES.map(path).into_iter().filter(|path| path.is_file()).collect()
}

pub(super) fn own_user(env: &Env) -> Result<SshUser, Error> {
    let user = env.user.as_deref().ok_or(Error::NoUser)?;
    SshUser::parse(user).map_err(|source| Error::Value { what: "USER".into(), source })
}

pub(super) const SSH_PORT: u16 = 22;
/// In the order in which OpenSSH's `ssh_config(5)` lists them, without the hardware keys.
const DEFAULT_IDENTITIES: [&str; 3] = ["id_rsa", "id_ecdsa", "id_ed25519"];
