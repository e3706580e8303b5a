//! What the host's clients read: kubeconfigs and Docker's certificates, in the machine's own folder.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::error::Error;
use super::service_access::ServiceAccess;
use crate::access::credentials::ClientAuth;
use crate::access::kubeconfig::{self, ClusterEntry};
use crate::base::deadline::Deadline;
use crate::base::types::ServiceName;
use crate::catalogue::{Access, DOCKER_FILES};
use crate::machine::Machine;

/// The files for the clients of some services of one machine.
pub(crate) struct ClientFiles<'a> {
    machine: &'a Machine,
    services: Vec<ServiceAccess<'a>>,
    kubeconfig: PathBuf,
}

impl<'a> ClientFiles<'a> {
    /// Says where the files of `services` are; writes nothing yet.
    ///
    /// Errors: a folder whose name kubectl cannot be given.
    pub(crate) fn new(machine: &'a Machine, services: Vec<ServiceAccess<'a>>) -> Result<Self, Error> {
        let names: Vec<&str> = services.iter().filter(|service| has_kubeconfig(service)).map(name).collect();
        let kubeconfig = machine.files.kubeconfig(&names);
        let is_two_paths = std::env::split_paths(&kubeconfig).nth(1).is_some();
        if is_two_paths && !names.is_empty() {
            return Err(Error::SeparatorInPath { path: kubeconfig });
        }
        Ok(Self { machine, services, kubeconfig })
    }

    /// The kubeconfig, with a context for each of the services that has one.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The contexts in it, each with the name of its service.
    pub(crate) fn contexts(&self) -> Vec<(&'a ServiceName, String)> {
        let services = self.services.iter().filter(|service| has_kubeconfig(service));
        services.map(|service| (&service.service.name, self.context(service))).collect()
    }

    fn context(&self, service: &ServiceAccess) -> String {
        format!("{}-{}", self.machine.name, name(service))
    }

    /// The folder for the certificates of `service`.
    pub(crate) fn folder(&self, service: &ServiceAccess) -> PathBuf {
        self.machine.files.service(name(service))
    }

    /// Writes all of them.
    ///
    /// Errors: the machine's folder is locked or cannot be written.
    pub(crate) fn write(&self, deadline: Deadline) -> Result<(), Error> {
        let folder = self.machine.lock(deadline)?;
        if self.services.iter().any(has_kubeconfig) {
            folder.write(&self.kubeconfig, self.kubeconfig_text()?.as_bytes())?;
        }
        for service in &self.services {
            if let (Access::Docker { .. }, Some(credentials)) = (&service.flavour.access, service.credentials)
                && let ClientAuth::Certificate { certificate, key } = &credentials.client_auth
            {
                let texts = [credentials.authority.as_str(), certificate.as_str(), key.expose_secret()];
                for (file, text) in DOCKER_FILES.iter().zip(texts) {
                    folder.write(&self.folder(service).join(file), text.as_bytes())?;
                }
            }
        }
        Ok(())
    }

    /// The text of the kubeconfig. The first service's context is the current one.
    pub(crate) fn kubeconfig_text(&self) -> Result<String, Error> {
        let services: Vec<&ServiceAccess> =
            self.services.iter().filter(|service| has_kubeconfig(service)).collect();
        let names: Vec<String> = services.iter().map(|service| self.context(service)).collect();
        let servers: Vec<String> = services.iter().map(|service| service.endpoint.url()).collect();
        let entries: Vec<ClusterEntry> = services
            .iter()
            .zip(names.iter().zip(&servers))
            .filter_map(|(service, (name, server))| {
                let address = service.endpoint.address()?;
                let (server_name, credentials) = (address.server_name.as_ref(), service.credentials?);
                Some(ClusterEntry { name, server, server_name, credentials })
            })
            .collect();
        Ok(kubeconfig::write(&entries)?)
    }
}

fn has_kubeconfig(service: &ServiceAccess) -> bool {
    service.flavour.access.has_kubeconfig()
}

fn name<'a>(service: &ServiceAccess<'a>) -> &'a str {
    service.service.name.as_str()
}
