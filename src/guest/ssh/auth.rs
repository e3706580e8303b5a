//! Logging in with keys: from files, and from the agent.

use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use libssh2_sys as code;
use secrecy::{ExposeSecret, SecretString};
use ssh_key::{PrivateKey, PublicKey};
use ssh2::{Agent, ErrorCode, Session};

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
    let methods = || methods(transport, &user);
    // A key that could not be used explains the failure better than those that were refused; one that is not there does not.
    Err(match unusable.filter(|error| refused.is_empty() || !is_missing_file(error)) {
        Some(unusable) => unusable,
        None if refused.len() == MOST_OFFERS => Error::TooManyKeys { user, place, tried: refused },
        None => {
            let tried = if refused.is_empty() { missing } else { refused };
            Error::AuthenticationFailed { methods: methods(), user, place, tried }
        }
    })
}

/// How the server lets `user` in; empty when it does not say. It is asked once no key is accepted, which it says then too.
fn methods(transport: &Transport, user: &str) -> Vec<String> {
    // The crate takes for granted that it is text.
    let ask = |session: &Session| {
        panic::catch_unwind(AssertUnwindSafe(|| session.auth_methods(user).map(methods_in)))
            .unwrap_or_else(|_| Ok(Vec::new()))
    };
    transport.attempt(ask).ok().and_then(Result::ok).unwrap_or_default()
}

/// The names in `list`, as far as they are names (RFC 4251, 6).
fn methods_in(list: &str) -> Vec<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-.@_".contains(c);
    let is_name = |name: &&str| (1..=64).contains(&name.len()) && name.chars().all(is_plain);
    list.split(',').filter(is_name).take(MOST_METHODS).map(str::to_owned).collect()
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

/// What came of the keys that an agent holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AgentTrial {
    Accepted,
    Refused,
    /// It has none that is wanted, or there is no agent.
    NoSuchKey,
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
        Ok(self.try_agent(None)? == AgentTrial::Accepted || self.try_files(&self.hop.default_identities)?)
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
        let trial = public.map_or(Ok(AgentTrial::NoSuchKey), |public| self.try_agent(Some(&public)))?;
        if trial == AgentTrial::NoSuchKey {
            self.unusable.get_or_insert(error);
        }
        Ok(trial == AgentTrial::Accepted)
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

    /// Offers the agent's keys, or only the one whose public half is `wanted`, with its certificates first. No agent is no
    /// error.
    fn try_agent(&mut self, wanted: Option<&[u8]>) -> Result<AgentTrial, Error> {
        if self.agent.is_none() {
            self.agent = connect_agent(self.transport, &self.hop.agent);
        }
        let Some(agent) = &self.agent else { return Ok(AgentTrial::NoSuchKey) };
        let mut keys = agent.identities().unwrap_or_default();
        if let Some(wanted) = wanted {
            keys.retain(|key| key.blob() == wanted || is_certificate_of(key.blob(), wanted));
            keys.sort_by_key(|key| key.blob() == wanted);
        }
        let trial = if keys.is_empty() { AgentTrial::NoSuchKey } else { AgentTrial::Refused };
        for key in keys.iter().take(MOST_OFFERS.saturating_sub(self.refused.len())) {
            match self.transport.attempt(|_| agent.userauth(self.hop.user.as_str(), key))? {
                Ok(()) => return Ok(AgentTrial::Accepted),
                Err(error) if is_refusal(&error) || is_agents_own(&error) => {
                    self.refused.push(format!("agent: {}", key.comment()));
                }
                Err(error) => return Err(Error::lost(error)),
            }
        }
        Ok(trial)
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

/// True when `blob`, in SSH's wire form, is a certificate for the key `wanted` (OpenSSH: PROTOCOL.certkeys): it has a nonce after its
/// kind, then what the key has there.
fn is_certificate_of(blob: &[u8], wanted: &[u8]) -> bool {
    let is_certificate = || {
        let (kind, rest) = first_string(blob)?;
        let (_nonce, rest) = first_string(rest)?;
        let (plain, key) = first_string(wanted)?;
        Some(kind.strip_prefix(plain) == Some(b"-cert-v01@openssh.com") && rest.starts_with(key))
    };
    is_certificate().unwrap_or(false)
}

/// The string that `bytes` begin with (RFC 4251, 5), and the rest.
fn first_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
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

/// The agent does not sign with the key, or in a way that is not understood.
fn is_agents_own(error: &ssh2::Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::Session(code::LIBSSH2_ERROR_AGENT_PROTOCOL | code::LIBSSH2_ERROR_ALGO_UNSUPPORTED)
    )
}

fn is_missing_file(error: &Error) -> bool {
    matches!(error, Error::Key { source, .. } if source.kind() == io::ErrorKind::NotFound)
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
/// A server has three or four.
const MOST_METHODS: usize = 8;
const LONGEST_KEY: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(strings: &[&[u8]]) -> Vec<u8> {
        let string = |text: &&[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat();
        strings.iter().flat_map(string).collect()
    }

    #[test]
    fn only_names_are_taken_for_methods() {
        assert_eq!(methods_in("publickey,gssapi-with-mic,x@example.com").len(), 3);
        assert_eq!(methods_in(""), [""; 0]);
        let hostile = format!("\u{1b}[2J,a b,{},password", "x".repeat(65));
        assert_eq!(methods_in(&hostile), ["password"]);
        assert_eq!(methods_in(&"a,".repeat(1000)).len(), MOST_METHODS);
    }

    #[test]
    fn a_certificate_is_one_for_its_key_only() {
        let key = wire(&[b"ssh-ed25519", b"key"]);
        let certificate = |kind: &[u8], key: &[u8]| wire(&[kind, b"nonce", key, b"serial"]);
        let kind = b"ssh-ed25519-cert-v01@openssh.com";
        assert!(is_certificate_of(&certificate(kind, b"key"), &key));
        assert!(!is_certificate_of(&certificate(kind, b"other"), &key));
        assert!(!is_certificate_of(&certificate(b"ssh-rsa-cert-v01@openssh.com", b"key"), &key));
        assert!(!is_certificate_of(&key, &key));
        for hostile in [&b""[..], b"\xff\xff\xff\xffx", b"\0\0\0\x01", &certificate(kind, b"key")[..40]] {
            assert!(!is_certificate_of(hostile, &key) && !is_certificate_of(&key, hostile));
        }
    }
}
