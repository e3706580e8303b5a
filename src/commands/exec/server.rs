//! The servers that were connected to, as far as it matters for their clients.

use crate::base::types::{ServiceName, Version};
use crate::base::version::ReleaseVersion;
use crate::catalogue::{Service, VERSION};
use crate::services::ConnectedService;

/// The version of a service, and of the API that it speaks.
pub(in crate::commands) struct ServerRelease {
    service: ServiceName,
    title: String,
    version: Option<Version>,
    /// Of the Kubernetes in it.
    kubernetes: Option<Version>,
}

impl ServerRelease {
    pub(super) fn of(connected: &ConnectedService) -> Self {
        let detected = &connected.detected;
        let has_kubernetes = detected.flavour.access.has_kubeconfig();
        Self {
            service: detected.service.name.clone(),
            title: detected.service.title.clone(),
            version: connected.version(),
            kubernetes: connected.endpoint.version.clone().filter(|_| has_kubernetes),
        }
    }

    /// What it is, for people.
    pub(super) fn name(&self, service: &Service) -> String {
        let version = self.version_for(service).map(|version| format!(" {version}")).unwrap_or_default();
        format!("{}{version}", self.title)
    }

    /// The version that the client of `service` has to fit: that of the service, or of the Kubernetes in another one.
    pub(super) fn version_for(&self, service: &Service) -> Option<&Version> {
        if self.service == service.name { self.version.as_ref() } else { self.kubernetes.as_ref() }
    }

    /// True when the client of `service` is one for it.
    pub(super) fn is_for(&self, service: &Service) -> bool {
        self.service == service.name || (self.kubernetes.is_some() && is_plain_kubernetes(service))
    }
}

/// Those of `servers` that the client of `service` is for, its own first.
pub(super) fn server_for<'s>(service: &Service, servers: &'s [ServerRelease]) -> Option<&'s ServerRelease> {
    let own = servers.iter().find(|server| server.service == service.name);
    own.or_else(|| servers.iter().find(|server| server.is_for(service)))
}

/// The releases that are named by the version of `server`.
pub(super) fn releases(service: &Service, server: Option<&ServerRelease>) -> Vec<ReleaseVersion> {
    server.and_then(|server| server.version_for(service)).map(ReleaseVersion::named_by).unwrap_or_default()
}

/// True when `service` is no more than the Kubernetes API, so that its client fits every cluster.
fn is_plain_kubernetes(service: &Service) -> bool {
    let mut flavours = service.flavours.iter();
    !service.flavours.is_empty()
        && flavours.all(|flavour| flavour.access.has_kubeconfig() && !flavour.values.contains_key(VERSION))
}
