//! Where the host reaches a service.

use std::net::{IpAddr, SocketAddr};

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::api_client::{Api, ApiAnswer, ApiClient, ApiConfig, AttemptOutcome};
use crate::access::credentials::Credentials;
use crate::base::deadline::Deadline;
use crate::base::types::{ApiVersion, DnsName, HostName, Version};

/// Where the host reaches a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The address, or a name that leads there.
    pub host: HostName,
    /// The address that was connected to; `host` may be a name that leads there.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The name to compare the certificate with, when it does not name the host.
    pub server_name: Option<DnsName>,
    /// What the service says it is, if it says so.
    pub version: Option<Version>,
    /// The newest version of its API, where it has versions of its own.
    pub api_version: Option<ApiVersion>,
}

impl Endpoint {
    /// `HOST:PORT`
    pub(crate) fn place(&self) -> String {
        match self.host.as_str().parse() {
            Ok(address) => SocketAddr::new(address, self.port).to_string(),
            Err(_) => format!("{}:{}", self.host, self.port),
        }
    }

    /// The URL that clients are given.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.place())
    }

    /// Uses the service once more where it was, with `credentials`. None when anything there is not as it was.
    pub(crate) fn reconnect(
        &self,
        api: Api,
        credentials: &Credentials,
        deadline: Deadline,
    ) -> Option<(Self, ApiClient)> {
        let access = ApiConfig::new(api, credentials, deadline).ok()?;
        let place = SocketAddr::new(self.address, self.port);
        let name = self.server_name.clone().or_else(|| DnsName::parse(self.host.as_str()).ok());
        match access.attempt(place, name.as_ref()) {
            AttemptOutcome::Good(good) => {
                let (client, ApiAnswer { version, api_version }) = *good;
                Some((Self { version, api_version, ..self.clone() }, client))
            }
            outcome => {
                log::debug!("{} is not as it was: {outcome:?}", self.place());
                None
            }
        }
    }
}

/// In JSON: the URL, and its parts.
impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_struct("Endpoint", 4)?;
        document.serialize_field("url", &self.url())?;
        document.serialize_field("host", &self.host)?;
        document.serialize_field("port", &self.port)?;
        document.serialize_field("server_name", &self.server_name)?;
        document.end()
    }
}
