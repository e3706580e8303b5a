//! From the text of an ssh config to a route.

use std::path::{Path, PathBuf};

use super::address::{Address, parse_port};
use super::error::Error;
use super::openssh::OpenSsh;
use super::ssh_config::{HostSettings, SshConfig};
use super::tokens::{Tokens, account_path};
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::platform::account_name;
use crate::base::suggest::nearest;
use crate::base::text::sanitize;
use crate::base::types::{Invalid, MachineName, SshHost, SshUser};
use crate::guest::ssh::{AgentChoice, Hop, HostKeyPolicy, Route, SSH_PORT};

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
        // It may stand there as a pattern.
        (Some(name), _) if config.knows(name.as_str()) => Ok(name.clone()),
        (None, [only]) => MachineName::parse(only)
            .map_err(|source| Error::Value { what: format!("Host in {}", file.display()), source }),
        (name, _) => Err(no_alias(name)),
    }
}

/// Who says what stands in an ssh config.
pub(super) enum ConfigReader<'a> {
    /// This program itself, where there is no OpenSSH.
    Own(&'a SshConfig),
    /// The same for what Vagrant prints: it writes paths as they are, whatever tokens and variables they seem to have.
    Vagrant(&'a SshConfig),
    /// The user's `ssh`; `own` for the user's own config.
    OpenSsh { program: OpenSsh, own: bool, deadline: Deadline },
}

/// Turns what one ssh config says into hops.
pub(super) struct RouteReader<'a> {
    pub(super) config: ConfigReader<'a>,
    pub(super) file: &'a Path,
    pub(super) env: &'a Env,
}

impl RouteReader<'_> {
    /// The route to the machine that `alias` stands for.
    pub(super) fn route(&self, alias: &MachineName) -> Result<Route, Error> {
        let settings = self.settings(alias.as_str())?;
        let target = self.hop(alias.as_str(), &settings, None)?;
        let (jumps, proxy_command) = self.way_to(alias.as_str(), &settings, &target, MOST_JUMPS)?;
        Ok(Route { target, jumps, proxy_command })
    }

    fn settings(&self, alias: &str) -> Result<HostSettings, Error> {
        match &self.config {
            ConfigReader::Own(config) | ConfigReader::Vagrant(config) => Ok(config.settings(alias)),
            ConfigReader::OpenSsh { program, own, deadline } => {
                program.settings(alias, self.file, *own, self.env, *deadline)
            }
        }
    }

    /// The hop that `alias` stands for; `address` overrides what the file says.
    fn hop(&self, alias: &str, settings: &HostSettings, address: Option<&Address>) -> Result<Hop, Error> {
        let host = self.host_name(alias, settings);
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
        let tokens = self.tokens(alias, &host, port, user.as_str(), settings);
        let paths = |keyword, files: &[String]| -> Result<Vec<PathBuf>, Error> {
            let files = files.iter().filter(|file| !is_none(file));
            files.map(|file| self.path(keyword, file, &tokens)).collect()
        };
        let identities = paths("IdentityFile", &settings.identity_files)?;
        let default_identities =
            if settings.identity_files.is_empty() { default_identities(self.env) } else { Vec::new() };
        Ok(Hop {
            host: SshHost::parse(&host).map_err(|source| self.invalid("HostName", source))?,
            identities,
            certificates: paths("CertificateFile", &settings.certificate_files)?,
            agent: self.agent(settings, &tokens)?,
            identities_only: settings.identities_only.as_deref().is_some_and(is_yes),
            default_identities,
            host_key_alias: None,
            host_key_policy: HostKeyPolicy {
                // A config that has it learn any key wants no comparison either.
                files: if settings.strict_host_key_checking.as_deref().is_some_and(is_no) {
                    Vec::new()
                } else {
                    self.known_hosts(settings, &tokens)?
                },
                strict: settings.strict_host_key_checking.as_deref().is_some_and(is_yes),
                alias: settings.host_key_alias.clone(),
            },
            user,
            port,
        })
    }

    /// The name of the host, in which OpenSSH has replaced the tokens already.
    fn host_name(&self, alias: &str, settings: &HostSettings) -> String {
        match (&settings.host_name, &self.config) {
            (None, _) => alias.to_owned(),
            (Some(name), ConfigReader::OpenSsh { .. } | ConfigReader::Vagrant(_)) => name.clone(),
            (Some(name), ConfigReader::Own(_)) => {
                name.split("%%").map(|part| part.replace("%h", alias)).collect::<Vec<_>>().join("%")
            }
        }
    }

    /// The files that are named, or those that `ssh` looks into by itself.
    fn known_hosts(&self, settings: &HostSettings, tokens: &Tokens) -> Result<Vec<PathBuf>, Error> {
        let kinds = [
            ("UserKnownHostsFile", &settings.user_known_hosts, USER_KNOWN_HOSTS),
            ("GlobalKnownHostsFile", &settings.global_known_hosts, GLOBAL_KNOWN_HOSTS),
        ];
        let mut paths = Vec::new();
        for (keyword, named, default) in kinds {
            if named.is_empty() {
                paths.extend(default.map(|path| self.env.expand(Path::new(path))));
            }
            for file in named.iter().filter(|file| !is_none(file)) {
                paths.push(self.path(keyword, file, tokens)?);
            }
            if matches!(self.config, ConfigReader::OpenSsh { .. }) {
                paths.extend(self.joined(keyword, named, tokens)?);
            }
        }
        Ok(paths)
    }

    /// The files whose names have blanks: `ssh -G` prints a list without quotes.
    fn joined(&self, keyword: &str, words: &[String], tokens: &Tokens) -> Result<Vec<PathBuf>, Error> {
        let mut paths = Vec::new();
        for start in 0..words.len() {
            for end in start + 2..=words.len() {
                paths.push(self.path(keyword, &words[start..end].join(" "), tokens)?);
            }
        }
        paths.retain(|path| path.is_file());
        Ok(paths)
    }

    fn tokens<'a>(
        &'a self,
        alias: &'a str,
        host: &'a str,
        port: u16,
        user: &'a str,
        settings: &'a HostSettings,
    ) -> Tokens<'a> {
        let jump = settings.proxy_jump.as_deref().filter(|jump| !is_none(jump)).unwrap_or_default();
        let host_key_alias = settings.host_key_alias.as_deref();
        Tokens { env: self.env, alias, host, port, user, host_key_alias, jump }
    }

    fn path(&self, keyword: &str, file: &str, tokens: &Tokens) -> Result<PathBuf, Error> {
        if matches!(self.config, ConfigReader::Vagrant(_)) {
            return Ok(self.env.expand(Path::new(file)));
        }
        let path = tokens.expand_path(file).map_err(|source| self.invalid(keyword, source))?;
        let of_account = account_path(&path).map_err(|source| self.invalid(keyword, source))?;
        Ok(of_account.unwrap_or_else(|| self.env.expand(Path::new(&path))))
    }

    fn agent(&self, settings: &HostSettings, tokens: &Tokens) -> Result<AgentChoice, Error> {
        Ok(match settings.identity_agent.as_deref() {
            None | Some("SSH_AUTH_SOCK" | "$SSH_AUTH_SOCK") => AgentChoice::Environment,
            Some(value) if is_none(value) => AgentChoice::None,
            Some(value) => {
                let path = match value.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                    Some(name) => format!("${{{name}}}"),
                    None => value.to_owned(),
                };
                AgentChoice::Socket(self.path("IdentityAgent", &path, tokens)?)
            }
        })
    }

    /// The servers before `target`, which `alias` stands for, and the command that reaches the first of all.
    fn way_to(
        &self,
        alias: &str,
        settings: &HostSettings,
        target: &Hop,
        left: usize,
    ) -> Result<(Vec<Hop>, Option<String>), Error> {
        let Some(value) = settings.proxy_jump.as_deref().filter(|value| !is_none(value)) else {
            let command = settings.proxy_command.as_deref().filter(|command| !is_none(command));
            let tokens =
                self.tokens(alias, target.host.as_str(), target.port, target.user.as_str(), settings);
            let command = command.map(|command| tokens.expand(command)).transpose();
            return Ok((Vec::new(), command.map_err(|source| self.invalid("ProxyCommand", source))?));
        };
        let addresses: Vec<Address> = value
            .split(',')
            .map(|address| address.parse().map_err(|source| self.invalid("ProxyJump", source)))
            .collect::<Result<_, _>>()?;
        let Some(left) = left.checked_sub(addresses.len()) else {
            return Err(Error::TooManyJumps { path: self.file.to_owned() });
        };
        let mut way = (Vec::new(), None);
        for (index, address) in addresses.iter().enumerate() {
            let alias = address.host.as_str();
            let settings = self.settings(alias)?;
            let hop = self.hop(alias, &settings, Some(address))?;
            if index == 0 {
                // Only the first one is reached in a way of its own.
                way = self.way_to(alias, &settings, &hop, left)?;
            }
            way.0.push(hop);
        }
        Ok(way)
    }

    fn invalid(&self, keyword: &str, source: Invalid) -> Error {
        Error::Value { what: format!("{keyword} in {}", self.file.display()), source }
    }
}

fn is_none(value: &str) -> bool {
    value.eq_ignore_ascii_case("none")
}

/// OpenSSH prints a `yes` of the config as `true`.
fn is_yes(value: &str) -> bool {
    ["yes", "true"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

fn is_no(value: &str) -> bool {
    ["no", "off", "false"].iter().any(|no| value.eq_ignore_ascii_case(no))
}

/// ssh's own default keys, those that exist.
pub(super) fn default_identities(env: &Env) -> Vec<PathBuf> {
    let path = |name| env.expand(Path::new("~/.ssh")).join(name);
    DEFAULT_IDENTITIES.map(path).into_iter().filter(|path| path.is_file()).collect()
}

/// The user to log in as when nobody says: the one of this account, whatever the environment lacks.
pub(super) fn own_user(env: &Env) -> Result<SshUser, Error> {
    let user = env.user.clone().or_else(account_name).ok_or(Error::NoUser)?;
    SshUser::parse(&user).map_err(|source| Error::Value { what: "USER".into(), source })
}

/// Where `ssh` looks for host keys by default.
pub(super) fn default_known_hosts(env: &Env) -> HostKeyPolicy {
    let files = USER_KNOWN_HOSTS.into_iter().chain(GLOBAL_KNOWN_HOSTS);
    let files = files.map(|path| env.expand(Path::new(path))).collect();
    HostKeyPolicy { files, ..HostKeyPolicy::default() }
}

const USER_KNOWN_HOSTS: [&str; 2] = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"];
const GLOBAL_KNOWN_HOSTS: [&str; 2] = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];
/// More are a circle.
const MOST_JUMPS: usize = 8;
/// In the order in which OpenSSH's `ssh_config(5)` lists them, without the hardware keys.
const DEFAULT_IDENTITIES: [&str; 3] = ["id_rsa", "id_ecdsa", "id_ed25519"];
