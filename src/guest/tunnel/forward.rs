//! What a tunnel leads to, and where it begins.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::types::{GuestPath, Port, ServiceName};
use crate::catalogue::EngineProgram;

/// Where a forward leads in the guest. It comes from a service file, never from the guest: with the guest's word for it, a
/// client could be led to another machine behind the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum ForwardTarget {
    /// A socket file that the login user may open.
    Socket(SocketFile),
    /// A port on the guest's loopback. Nothing else: an address that swallows packets would block all other connections.
    Port(Port),
    /// A container engine's socket that only root may open: each connection is one `sudo -n ENGINE system dial-stdio`.
    Engine(EngineProgram),
}

/// What is run in the guest to reach an engine, by whatever shell the user has there. It says [`BEGIN`] first: a `.bashrc` may
/// have written something before.
pub(super) fn command(engine: EngineProgram) -> String {
    format!("echo {BEGIN}; exec sudo -n {}", dial(engine))
}

/// The line after which the engine speaks.
pub(super) const BEGIN: &str = "@service-manager-begin@";

fn dial(engine: EngineProgram) -> &'static str {
    match engine {
        EngineProgram::Docker => "docker system dial-stdio",
        EngineProgram::Podman => "podman system dial-stdio",
    }
}

/// An absolute path of a socket in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "GuestPath", into = "GuestPath")]
pub(crate) struct SocketFile(GuestPath);

impl SocketFile {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<GuestPath> for SocketFile {
    type Error = &'static str;

    fn try_from(path: GuestPath) -> Result<Self, Self::Error> {
        if path.as_str().starts_with('/') { Ok(Self(path)) } else { Err("not an absolute path") }
    }
}

impl From<SocketFile> for GuestPath {
    fn from(SocketFile(path): SocketFile) -> Self {
        path
    }
}

impl fmt::Display for ForwardTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => f.write_str(path.as_str()),
            Self::Port(port) => write!(f, "127.0.0.1:{}", port.number()),
            Self::Engine(engine) => f.write_str(dial(*engine)),
        }
    }
}

/// Where a forward begins on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum LocalEnd {
    /// A socket file that only its user can open.
    Socket(PathBuf),
    /// A port of 127.0.0.1, which every user of the host can connect to: only for services that ask who is there.
    Port(u16),
}

impl fmt::Display for LocalEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Port(port) => write!(f, "127.0.0.1:{port}"),
        }
    }
}

/// A way from the host to one service of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forward {
    pub(crate) service: ServiceName,
    pub(crate) target: ForwardTarget,
    pub(crate) local: LocalEnd,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let parse = |text: &str| serde_json::from_str::<ForwardTarget>(text);
        for good in [
            r#"{"socket":"/run/docker.sock"}"#,
            r#"{"socket":"/run/user/1000/podman/podman.sock"}"#,
            r#"{"port":6443}"#,
            r#"{"engine":"docker"}"#,
        ] {
            let target = parse(good).unwrap();
            assert_eq!(serde_json::to_string(&target).unwrap(), good);
        }
        for odd in [
            r#"{"socket":"run/docker.sock"}"#,
            r#"{"socket":"%t/docker.sock"}"#,
            r#"{"socket":"~/docker.sock"}"#,
            r#"{"socket":"/run/../x"}"#,
            "{\"socket\":\"/run/x\\ny\"}",
            r#"{"port":0}"#,
            r#"{"port":65536}"#,
            r#"{"port":"192.0.2.1:22"}"#,
            r#"{"engine":"docker; id"}"#,
            r#"{"host":"192.0.2.1"}"#,
        ] {
            assert!(parse(odd).is_err(), "{odd}");
        }
    }
}
