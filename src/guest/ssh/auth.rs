//! Logging in with keys: from files, and from the agent.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use libssh2_sys as code;
use secrecy::{ExposeSecret, SecretString};
use ssh_key::{PrivateKey, PublicKey};
use ssh2::{Agent, ErrorCode};

use super::error::Error;
use super::route::{AgentChoice, Hop};
use super::transport::Transport;
use crate::base::files;

/// Tries the keys that were chosen for the hop; then, unless only those are wanted, those of the agent and
/// the default ones.
pub(super) fn authenticate(transport: &Transport, hop: &Hop) -> Result<(), Error> {
    let mut login = Login { transport, hop, agent: None, unusable: None, refused: Vec::new() };
    if login.try_all()? {
        return Ok(());
    }
    let missing = login.missing();
    let Login { unusable, refused, .. } = login;
    let (user, place) = (hop.user.to_string(), hop.place());
    // A key that could not be used explains the failure better than those that were refused.
    Err(match unusable {
        Some(unusable) => unusable,
        None if refused.len() == MOST_OFFERS => Error::TooManyKeys { user, place, tried: refused },
        None if refused.is_empty() => Error::AuthenticationFailed { user, place, tried: missing },
        None => Error::AuthenticationFailed { user, place, tried: refused },
    })
}

/// A private key's file, as far as it can be used.
enum PrivateKeyFile {
    /// Its text, in PEM or OpenSSH's form.
    Usable(SecretString),
    /// Protected by a passphrase; the public half if it can be had, to find the key in the agent.
    Locked(Option<Vec<u8>>),
    /// The public half alone, as `IdentityFile` may name one: which key of the agent to use.
    Public(Vec<u8>),
}

struct Login<'a> {
    transport: &'a Transport,
    hop: &'a Hop,
    agent: Option<Agent>,
    /// Why a key could not even be offered.
    unusable: Option<Error>,
    /// The keys that the server did not accept.
    refused: Vec<String>,
}

impl Login<'_> {
    fn try_all(&mut self) -> Result<bool, Error> {
        let chosen = self.try_files(&self.hop.identities)?;
        if chosen || self.hop.identities_only {
            return Ok(chosen);
        }
        Ok(self.try_agent(None)? || self.try_files(&self.hop.default_identities)?)
    }

    /// Where keys were looked for and none were.
    fn missing(&self) -> Vec<String> {
        let agent = match (&self.hop.agent, &self.agent) {
            (AgentChoice::None, _) => None,
            (_, None) => Some("the agent: there is none".to_owned()),
            (_, Some(_)) => Some("the agent: it has no key".to_owned()),
        };
        let files = (self.hop.identities.is_empty() && self.hop.default_identities.is_empty())
            .then(|| "~/.ssh/id_*: none there".to_owned());
        agent.filter(|_| !self.hop.identities_only).into_iter().chain(files).collect()
    }

    fn try_files(&mut self, paths: &[PathBuf]) -> Result<bool, Error> {
        for path in paths {
            if self.refused.len() < MOST_OFFERS && self.try_file(path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn try_file(&mut self, path: &Path) -> Result<bool, Error> {
        let (public, error) = match PrivateKeyFile::read(path) {
            Ok(PrivateKeyFile::Usable(text)) => return self.try_with_certificates(path, &text),
            Ok(PrivateKeyFile::Locked(public)) => (public, Error::KeyLocked { path: path.to_owned() }),
            Ok(PrivateKeyFile::Public(public)) => (Some(public), Error::KeyPublic { path: path.to_owned() }),
            Err(error) => (None, error),
        };
        let found = public.map_or(Ok(false), |public| self.try_agent(Some(&public)))?;
        if !found {
            self.unusable.get_or_insert(error);
        }
        Ok(found)
    }

    /// First with the certificates for the key, as `ssh` does, then as it is.
    fn try_with_certificates(&mut self, path: &Path, text: &SecretString) -> Result<bool, Error> {
        let beside = with_suffix(path, "-cert.pub");
        for file in std::iter::once(&beside).chain(&self.hop.certificates) {
            let Some(certificate) = certificate_in(file) else { continue };
            if self.refused.len() < MOST_OFFERS && self.try_key(file, Some(&certificate), text)? {
                return Ok(true);
            }
        }
        Ok(self.refused.len() < MOST_OFFERS && self.try_key(path, None, text)?)
    }

    fn try_key(
        &mut self,
        path: &Path,
        certificate: Option<&str>,
        text: &SecretString,
    ) -> Result<bool, Error> {
        let user = self.hop.user.as_str();
        let answer = self.transport.attempt(|session| {
            session.userauth_pubkey_memory(user, certificate, text.expose_secret(), None)
        })?;
        match answer {
            Ok(()) => Ok(true),
            Err(error) if is_refusal(&error) => {
                self.refused.push(path.display().to_string());
                Ok(false)
            }
            Err(error) if is_bad_key(&error) => {
                let source = io::Error::new(io::ErrorKind::InvalidData, error);
                self.unusable.get_or_insert(Error::Key { path: path.to_owned(), source });
                Ok(false)
            }
            Err(error) => Err(Error::lost(error)),
        }
    }

    /// Offers the agent's keys, or only the one whose public half is `wanted`. No agent is no error.
    fn try_agent(&mut self, wanted: Option<&[u8]>) -> Result<bool, Error> {
        if self.agent.is_none() {
            self.agent = connect_agent(self.transport, &self.hop.agent);
        }
        let Some(agent) = &self.agent else { return Ok(false) };
        let keys = agent.identities().unwrap_or_default();
        let fitting = keys.iter().filter(|key| wanted.is_none_or(|wanted| wanted == key.blob()));
        for key in fitting.take(MOST_OFFERS.saturating_sub(self.refused.len())) {
            match self.transport.attempt(|_| agent.userauth(self.hop.user.as_str(), key))? {
                Ok(()) => return Ok(true),
                Err(error) if is_refusal(&error) => self.refused.push(format!("agent: {}", key.comment())),
                Err(error) => return Err(Error::lost(error)),
            }
        }
        Ok(false)
    }
}

impl PrivateKeyFile {
    fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Key { path: path.to_owned(), source };
        match fs::metadata(path) {
            Ok(meta) if meta.is_file() => {}
            Ok(_) => return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a file"))),
            // The private half may be in the agent only.
            Err(error) => return public_half(path).map(|key| Self::Locked(Some(key))).ok_or(failed(error)),
        }
        let text = match files::read_text(path, LONGEST_KEY) {
            Ok(text) => SecretString::from(text.unwrap_or_default()),
            Err(files::Error::Read { source, .. }) => return Err(failed(source)),
            Err(error) => return Err(failed(io::Error::other(error))),
        };
        if text.expose_secret().contains('\0') {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "not text")));
        }
        if let Ok(public) = PublicKey::from_openssh(text.expose_secret().trim()) {
            return public.to_bytes().map(Self::Public).map_err(|error| failed(io::Error::other(error)));
        }
        Ok(match Lock::of(text.expose_secret()) {
            Lock::None => Self::Usable(text),
            Lock::Passphrase(public) => Self::Locked(public.or_else(|| public_half(path))),
        })
    }
}

/// Whether a private key is protected by a passphrase.
enum Lock {
    None,
    /// OpenSSH's own form tells the public half all the same.
    Passphrase(Option<Vec<u8>>),
}

impl Lock {
    fn of(text: &str) -> Self {
        if let Ok(key) = PrivateKey::from_openssh(text) {
            let public = || key.public_key().to_bytes().ok();
            return if key.is_encrypted() { Self::Passphrase(public()) } else { Self::None };
        }
        // RFC 1421 and PKCS#8 (RFC 7468) say it in words.
        let locked = text.contains("Proc-Type: 4,ENCRYPTED") || text.contains("BEGIN ENCRYPTED PRIVATE KEY");
        if locked { Self::Passphrase(None) } else { Self::None }
    }
}

/// The public half that lies beside a private key, in its wire form.
fn public_half(path: &Path) -> Option<Vec<u8>> {
    let text = files::read_text(&with_suffix(path, ".pub"), LONGEST_KEY).ok()??;
    PublicKey::from_openssh(text.trim()).ok()?.to_bytes().ok()
}

/// The text of `file`, if it is a certificate (OpenSSH: PROTOCOL.certkeys). Whether it is for this key the server says.
fn certificate_in(file: &Path) -> Option<String> {
    let text = files::read_text(file, LONGEST_KEY).ok()??;
    let kind = text.split_whitespace().next()?;
    (kind.ends_with("-cert-v01@openssh.com") && !text.contains('\0')).then_some(text)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn connect_agent(transport: &Transport, choice: &AgentChoice) -> Option<Agent> {
    let mut agent = transport.session().agent().ok()?;
    match choice {
        AgentChoice::Environment => {}
        AgentChoice::None => return None,
        AgentChoice::Socket(path) => agent.set_identity_path(path).ok()?,
    }
    agent.connect().ok()?;
    agent.list_identities().ok()?;
    Some(agent)
}

fn is_refusal(error: &ssh2::Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::Session(
            code::LIBSSH2_ERROR_AUTHENTICATION_FAILED | code::LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED
        )
    )
}

/// libssh2 could not read the key, or has no algorithm for it.
fn is_bad_key(error: &ssh2::Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::Session(
            code::LIBSSH2_ERROR_FILE
                | code::LIBSSH2_ERROR_KEYFILE_AUTH_FAILED
                | code::LIBSSH2_ERROR_METHOD_NOT_SUPPORTED
        )
    )
}

/// OpenSSH's server hangs up at the sixth failure (`MaxAuthTries` in `sshd_config(5)`).
const MOST_OFFERS: usize = 5;
const LONGEST_KEY: u64 = 64 << 10;
