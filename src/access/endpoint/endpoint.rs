//! Where the host reaches a service.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::api_client::{Admission, Api, ApiAnswer, ApiClient, ApiConfig, AttemptOutcome};
use crate::access::credentials::Credentials;
use crate::base::deadline::Deadline;
use crate::base::platform::socket_url;
use crate::base::timeouts;
use crate::base::types::{ApiVersion, DnsName, HostName, Version};

/// Where the host reaches a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub place: EndpointPlace,
    pub via: Via,
    /// What the service says it is, if it says so.
    pub version: Option<Version>,
    /// The newest version of its API, where it has versions of its own.
    pub api_version: Option<ApiVersion>,
    /// Whom it lets in.
    pub admission: Admission,
}

/// How the host's clients name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EndpointPlace {
    Address(EndpointAddress),
    /// A socket file of the host, through which no credentials are needed.
    Socket(PathBuf),
}

/// An address at which a service talks TLS, or at least HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndpointAddress {
    /// The address, or a name that leads there.
    pub host: HostName,
    /// The address that was connected to; `host` may be a name that leads there.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The name to compare the certificate with, when it does not name the host.
    pub server_name: Option<DnsName>,
    /// It talks HTTP without TLS.
    #[serde(default)]
    pub is_plain: bool,
}

/// What leads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Via {
    Direct,
    /// A tunnel.
    Ssh,
}

impl EndpointAddress {
    /// `HOST:PORT`
    pub(crate) fn place(&self) -> String {
        match self.host.as_str().parse() {
            Ok(address) => SocketAddr::new(address, self.port).to_string(),
            Err(_) => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Endpoint {
    /// The address, unless it is a socket.
    pub(crate) fn address(&self) -> Option<&EndpointAddress> {
        match &self.place {
            EndpointPlace::Address(address) => Some(address),
            EndpointPlace::Socket(_) => None,
        }
    }

    /// True when a tunnel leads there.
    pub(crate) fn is_through_ssh(&self) -> bool {
        matches!(self.via, Via::Ssh)
    }

    /// True when a tunnel leads there that lets in all users of this host, since nobody is asked for a login.
    pub(crate) fn is_open_to_this_host(&self) -> bool {
        self.is_through_ssh() && self.admission == Admission::Everybody
    }

    /// True when it was asked without a login, and wants one.
    pub(crate) fn wants_login(&self) -> bool {
        self.admission == Admission::LoginWanted
    }

    /// The URL that clients are given.
    pub(crate) fn url(&self) -> String {
        match &self.place {
            EndpointPlace::Address(address) => {
                format!("{}://{}", if address.is_plain { "http" } else { "https" }, address.place())
            }
            EndpointPlace::Socket(path) => socket_url(path),
        }
    }

    /// The same as `DOCKER_HOST` has it.
    pub(crate) fn docker_host(&self) -> String {
        match &self.place {
            EndpointPlace::Address(address) => format!("tcp://{}", address.place()),
            EndpointPlace::Socket(_) => self.url(),
        }
    }

    /// The same at another port of its address. None where it is a socket.
    pub(crate) fn at_port(&self, port: u16) -> Option<Self> {
        let place = EndpointPlace::Address(EndpointAddress { port, ..self.address()?.clone() });
        Some(Self { place, ..self.clone() })
    }

    /// The same behind another socket. None where it is none.
    pub(crate) fn behind_socket(&self, path: PathBuf) -> Option<Self> {
        let is_socket = matches!(self.place, EndpointPlace::Socket(_));
        is_socket.then(|| Self { place: EndpointPlace::Socket(path), ..self.clone() })
    }

    /// The container engine behind the socket `path` of the host.
    ///
    /// Errors: why nobody answers there.
    pub(crate) fn at_socket(path: PathBuf, deadline: Deadline) -> Result<(Self, ApiClient), String> {
        match ApiConfig::attempt_socket(&path, deadline) {
            AttemptOutcome::Good(good) => {
                let (client, ApiAnswer { version, api_version, admission }) = *good;
                let place = EndpointPlace::Socket(path);
                Ok((Self { place, via: Via::Ssh, version, api_version, admission }, client))
            }
            AttemptOutcome::Silent(_, reason) | AttemptOutcome::Refused(reason) => Err(reason),
            AttemptOutcome::Unexpected(error) => Err(error.to_string()),
            AttemptOutcome::OtherNames(_) | AttemptOutcome::BadCertificate(_) => {
                Err("it talks TLS".to_owned())
            }
        }
    }

    /// Uses the service once more where it was, with `credentials`. None when anything there is not as it was.
    pub(crate) fn reconnect(
        &self,
        api: Api,
        credentials: Option<&Credentials>,
        deadline: Deadline,
    ) -> Option<(Self, ApiClient)> {
        let outcome = match (&self.place, credentials) {
            (EndpointPlace::Socket(path), _) => ApiConfig::attempt_socket(path, deadline),
            (EndpointPlace::Address(known), Some(credentials)) => {
                let limit = deadline.at_most(timeouts::API_CONNECT).left();
                let config = ApiConfig::new(api, credentials, None, limit, deadline).ok()?;
                let name = known.server_name.clone().or_else(|| DnsName::parse(known.host.as_str()).ok());
                config.attempt(SocketAddr::new(known.address, known.port), name.as_ref())
            }
            (EndpointPlace::Address(_), None) => return None,
        };
        match outcome {
            AttemptOutcome::Good(good) => {
                let (client, ApiAnswer { version, api_version, admission }) = *good;
                Some((Self { version, api_version, admission, ..self.clone() }, client))
            }
            outcome => {
                log::debug!("{} is not as it was: {outcome:?}", self.url());
                None
            }
        }
    }
}

/// In JSON: the URL, and its parts.
impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_struct("Endpoint", 5)?;
        let address = self.address();
        document.serialize_field("url", &self.url())?;
        document.serialize_field("host", &address.map(|address| &address.host))?;
        document.serialize_field("port", &address.map(|address| address.port))?;
        document.serialize_field("server_name", &address.and_then(|address| address.server_name.as_ref()))?;
        document.serialize_field("via", &self.via)?;
        document.end()
    }
}
