//! What a tunnel leads to, where it begins, and what for.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

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

/// A port of the host and the port of the guest that it leads to, as `ssh -L` and `kubectl port-forward` have them:
/// `LOCAL:REMOTE`, or one number for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortMapping {
    pub(crate) local: Port,
    pub(crate) guest: Port,
}

impl PortMapping {
    /// True when only root may listen at the port of the host, on many systems.
    pub(crate) fn is_privileged(self) -> bool {
        self.local.number() < FIRST_UNPRIVILEGED
    }

    /// The forward for the application there.
    pub(crate) fn forward(self) -> Forward {
        Forward {
            purpose: ForwardPurpose::Application(self.local),
            target: ForwardTarget::Port(self.guest),
            local: LocalEnd::Port(self.local.number()),
        }
    }
}

impl FromStr for PortMapping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A number has digits only: `+1` is none.
        let port = |digits: &str| {
            let number =
                digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten();
            number.and_then(|number| Port::try_from(number).ok()).ok_or(FORM)
        };
        let (local, guest) = text.split_once(':').unwrap_or((text, text));
        Ok(Self { local: port(local)?, guest: port(guest)? })
    }
}

impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.local.number(), self.guest.number()) {
            (local, guest) if local == guest => write!(f, "{local}"),
            (local, guest) => write!(f, "{local}:{guest}"),
        }
    }
}

const FORM: &str = "a port is 1 to 65535; or `LOCAL:REMOTE`, the port here and the one in the machine";
pub(super) const FIRST_UNPRIVILEGED: u16 = 1024;

/// Where a forward begins on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum LocalEnd {
    /// A socket file that only its user can open.
    Socket(PathBuf),
    /// A port of 127.0.0.1, which every user of the host can connect to: only for services that ask who is there, and for what
    /// the user wants there.
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

/// What a forward is for. A tunnel has one for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum ForwardPurpose {
    /// A service that `env` exports.
    Service(ServiceName),
    /// An application of the user's own, at this port of the host.
    Application(Port),
    /// A port that a service publishes in the guest, at the same port of the host.
    Published { service: ServiceName, port: Port },
}

impl ForwardPurpose {
    /// The service that it is for, or that publishes it.
    pub(crate) fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Service(name) | Self::Published { service: name, .. } => Some(name),
            Self::Application(_) => None,
        }
    }

    /// True for an application of the user's own.
    pub(crate) fn is_application(&self) -> bool {
        matches!(self, Self::Application(_))
    }

    /// The port, if it is for one that is published.
    pub(super) fn published_port(&self) -> Option<Port> {
        match self {
            Self::Published { port, .. } => Some(*port),
            Self::Service(_) | Self::Application(_) => None,
        }
    }

    /// True when another port of the host is as good as the one that is taken.
    pub(super) fn takes_any_port(&self) -> bool {
        matches!(self, Self::Service(_))
    }
}

impl fmt::Display for ForwardPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => name.fmt(f),
            Self::Application(_) => f.write_str("application"),
            Self::Published { service, .. } => write!(f, "published by {service}"),
        }
    }
}

/// A way from the host to one port or socket of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forward {
    pub(crate) purpose: ForwardPurpose,
    pub(crate) target: ForwardTarget,
    pub(crate) local: LocalEnd,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_mapped_as_ssh_has_it() {
        let mapping = |text: &str| text.parse::<PortMapping>().map(|mapping| mapping.to_string());
        for (text, shown) in
            [("8080", "8080"), ("8080:80", "8080:80"), ("80:80", "80"), ("1:65535", "1:65535")]
        {
            assert_eq!(mapping(text).as_deref(), Ok(shown));
        }
        for odd in [
            "",
            ":",
            "8080:",
            ":80",
            "0",
            "0:80",
            "80:0",
            "65536",
            "+80",
            "-1",
            " 80",
            "80 ",
            "80:80:80",
            "127.0.0.1:80",
            "0x50",
            "http",
            "8080/udp",
            "$(id)",
            "8080\n",
            "٨٠",
        ] {
            assert!(mapping(odd).is_err(), "{odd:?}");
        }
        assert!("1023:80".parse::<PortMapping>().unwrap().is_privileged());
        assert!(!"1024:80".parse::<PortMapping>().unwrap().is_privileged());
    }

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
