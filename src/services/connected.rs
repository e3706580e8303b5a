//! A service that the host has connected to: all that is needed to use it.

use std::sync::Arc;

use super::detect::DetectedService;
use super::tunnel_access::led_to;
use crate::access::credentials::Credentials;
use crate::access::endpoint::{Api, ApiClient, Endpoint};
use crate::base::deadline::Deadline;
use crate::base::types::Version;
use crate::catalogue::{Access, ApiQuestion, Source, VERSION};
use crate::export::ServiceAccess;
use crate::guest::tunnel::{BriefTunnel, LocalEnd};
use crate::machine::Machine;

/// A service that the host has connected to, with the very credentials that are exported.
#[derive(Debug)]
pub(crate) struct ConnectedService<'a> {
    /// The service, as it is in the guest.
    pub(crate) detected: DetectedService<'a>,
    /// With what the host logged in; none where a socket needs nothing.
    pub(crate) credentials: Option<Credentials>,
    /// Where.
    pub(crate) endpoint: Endpoint,
    pub(super) client: ApiClient,
    /// What leads there, if that is to end with this.
    pub(super) brief: Option<Arc<BriefTunnel>>,
}

impl<'a> ConnectedService<'a> {
    /// Connects to `detected` at the endpoint where it was. None when anything there is not as it was.
    pub(super) fn reconnect(
        detected: DetectedService<'a>,
        credentials: Option<Credentials>,
        endpoint: &Endpoint,
        deadline: Deadline,
    ) -> Option<Self> {
        let api = api(&detected.flavour.access);
        let (endpoint, client) = endpoint.reconnect(api, credentials.as_ref(), deadline)?;
        // It asked for a login before.
        if endpoint.is_open_to_this_host() {
            return None;
        }
        Some(Self { detected, credentials, endpoint, client, brief: None })
    }

    /// The version of the service: what its API says it is, or what the flavour says to ask instead. None when the
    /// answer is no version: what the API says of itself would be another one.
    pub(crate) fn version(&self) -> Option<Version> {
        match self.detected.flavour.values.get(VERSION) {
            Some(Source::Ask(questions)) => Version::parse(&ask(&self.client, questions)?).ok(),
            _ => self.endpoint.version.clone(),
        }
    }

    /// Where it can be used when this command has ended. None where only a tunnel of this command's own leads there.
    pub(crate) fn lasting_endpoint(&self, machine: &Machine) -> Option<Endpoint> {
        if self.brief.is_none() {
            return Some(self.endpoint.clone());
        }
        match led_to(machine, &self.detected.service.name)? {
            LocalEnd::Port(port) => self.endpoint.at_port(port),
            LocalEnd::Socket(path) => self.endpoint.behind_socket(path),
        }
    }

    /// What exports are made of.
    pub(crate) fn access(&self) -> ServiceAccess<'_> {
        ServiceAccess {
            service: self.detected.service,
            flavour: self.detected.flavour,
            endpoint: &self.endpoint,
            credentials: self.credentials.as_ref(),
            client: &self.client,
        }
    }
}

/// The API that a service with this access speaks.
pub(super) fn api(access: &Access) -> Api {
    match access {
        Access::Docker { .. } | Access::Socket { .. } => Api::Docker,
        Access::Registry { .. } => Api::Registry,
        Access::Kubeconfig { .. } | Access::ServiceAccount { .. } | Access::Unsupported { .. } => {
            Api::Kubernetes
        }
    }
}

/// What the API says to the first of `questions` that it has an answer to.
fn ask(client: &ApiClient, questions: &[ApiQuestion]) -> Option<String> {
    questions.iter().find_map(|question| client.ask(question.path.as_str(), question.pointer.as_str()))
}
