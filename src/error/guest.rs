//! The guest: reaching it, asking it, changing it.

use std::io::ErrorKind;
use std::path::Path;

use super::explain::{DOCTOR, ExitCode, Explain};
use crate::base::text::{sh_path, sh_word};
use crate::guest::tunnel::{ControlError, StartError};
use crate::guest::{NoRandom, control, probe, ssh};

impl Explain for ssh::Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::AnswerTooLong { .. } => ExitCode::NotRunning,
            Self::Timeout(timeout) => timeout.exit_code(),
            _ => ExitCode::Unreachable,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownHost { .. } => {
                "check the spelling after `--host`, or `HostName` in the ssh config; a `Host` of your ssh config is `-m NAME`".into()
            }
            Self::Connect { by_vagrant: true, .. } => {
                "start the machine (`vagrant up`), or check host and port".into()
            }
            Self::Connect { source, .. } if source.kind() == ErrorKind::ConnectionRefused => {
                "check host and port, and that an SSH server (sshd) runs there".into()
            }
            Self::Connect { .. } => "start the machine, or check host and port".into(),
            Self::Handshake { place, .. } => format!("check that an SSH server listens at {place}"),
            Self::NothingShared { .. } => {
                "update the SSH server of the machine, or allow more in its `sshd_config`".into()
            }
            Self::Flooded { place } => format!("check that {place} is the SSH server of the machine"),
            Self::Jump { place, .. } => format!("from the jump host, `ssh-keyscan` should reach {place}"),
            Self::ProxyCommand { .. } | Self::ProxyCommandFailed { .. } => {
                "correct `ProxyCommand` in the ssh config".into()
            }
            Self::HostKeyConflict { place, files, .. } => format!(
                "if the machine was rebuilt, take the old key out: {}; if not, somebody may be in between",
                files.iter().map(|file| format!("`{}`", removal(place, file))).collect::<Vec<_>>().join(", ")
            ),
            Self::KnownHosts { .. } => "name another file with `UserKnownHostsFile` in the ssh config".into(),
            Self::HostKeyRevoked { .. } => "give the machine another host key".into(),
            Self::HostKeyStrict { .. } => {
                "if that is the machine's: log in once with `ssh -o StrictHostKeyChecking=ask`, which adds it"
                    .into()
            }
            Self::Lost { .. } => "try again; `-v` shows how far it came".into(),
            Self::Silent { .. } => {
                "when the machine answers again, type it again: what was done is not done twice".into()
            }
            Self::HostKeyUnknown { .. } => "give the machine an ed25519, ECDSA or RSA host key".into(),
            Self::HostKeyChanged { machine, .. } => format!(
                "if the machine was rebuilt: `service-manager machines trust {machine}`; if not, somebody may be in between"
            ),
            Self::AuthenticationFailed { .. } | Self::TooManyKeys { .. } => {
                "name the machine's key with `--identity FILE`".into()
            }
            Self::KeyLocked { path } => format!("`ssh-add {}`", sh_path(path)),
            Self::KeyPublic { path } => match path.extension() {
                Some(end) if end == "pub" => format!("`--identity {}`", sh_path(&path.with_extension(""))),
                _ => "name the private half with `--identity FILE`".into(),
            },
            Self::Key { .. } => "name another key with `--identity FILE`".into(),
            Self::AnswerTooLong { .. } => return None,
            Self::Timeout(timeout) => return timeout.hint(),
        })
    }
    /// It listens to what answers at the port, looks at each key and at the agent, and finds the line of the known key.
    fn doctor(&self) -> Option<String> {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Handshake { .. }
                | Self::Lost { .. }
                | Self::Silent { .. }
                | Self::HostKeyChanged { .. }
                | Self::AuthenticationFailed { .. }
                | Self::TooManyKeys { .. }
                | Self::KeyLocked { .. }
                | Self::Timeout(_)
        )
        .then(|| DOCTOR.to_owned())
    }
}

impl Explain for probe::Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Ssh(error) => error.exit_code(),
            Self::NoRandom(error) => error.exit_code(),
            Self::Incomplete { .. } | Self::BrokenOff { .. } | Self::Malformed => ExitCode::NotRunning,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Ssh(error) => error.hint(),
            Self::NoRandom(error) => error.hint(),
            Self::BrokenOff { .. } => {
                Some("try again; the machine may be going down or be out of memory".into())
            }
            Self::Incomplete { .. } | Self::Malformed => Some(LOGIN_SHELL.into()),
        }
    }
}

impl Explain for StartError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Files(error) => error.exit_code(),
            Self::Spawn(_) | Self::Ended { .. } | Self::Control(_) | Self::PathTooLong(_) => {
                ExitCode::Failure
            }
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Files(error) => return error.hint(),
            Self::Spawn(_) | Self::PathTooLong(_) => return None,
            Self::Ended { .. } | Self::Control(ControlError::Refused { .. } | ControlError::Talk { .. }) => {
                "`service-manager tunnel log` may say more".into()
            }
            Self::Control(ControlError::Timeout(timeout)) => return timeout.hint(),
        })
    }
}

impl Explain for control::Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Ssh(error) => error.exit_code(),
            Self::NoRandom(error) => error.exit_code(),
            Self::BrokenOff { .. } | Self::Malformed => ExitCode::NotRunning,
            Self::Unread { .. } => ExitCode::Failure,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Ssh(error) => error.hint(),
            Self::NoRandom(error) => error.hint(),
            Self::BrokenOff { .. } => Some("type it again: what was done is not done twice".into()),
            Self::Unread { .. } => {
                Some("`service-manager` downloads it again when you type that again".into())
            }
            Self::Malformed => Some(LOGIN_SHELL.into()),
        }
    }
}

impl Explain for control::ProxyError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Failure
    }

    fn hint(&self) -> Option<String> {
        Some(
            "`--proxy http://HOST:PORT --proxy-user USER`, with the password in SERVICE_MANAGER_PROXY_PASSWORD; \
             or all three as `proxy` in config.yaml"
                .into(),
        )
    }
}

impl Explain for NoRandom {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Failure
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

const LOGIN_SHELL: &str = "check that the user's login shell in the machine can run `sh`";
/// The command that takes the keys of `place`, as `HOST:PORT`, out of a `known_hosts` file, where only another port than SSH's own
/// is named (`ssh-keygen(1)`, `sshd(8)`).
fn removal(place: &str, file: &Path) -> String {
    let (host, port) = place.rsplit_once(':').unwrap_or((place, "22"));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = if port == "22" { host.to_owned() } else { format!("[{host}]:{port}") };
    format!("ssh-keygen -f {} -R {}", sh_path(file), sh_word(&name))
}
