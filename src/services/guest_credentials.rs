//! A service and the facts → the admin's credentials from the guest. Pure.

use std::collections::BTreeMap;

use super::detect::DetectedService;
use super::error::Error;
use super::last_resort::KubeconfigLead;
use crate::access::certificate::Certificates;
use crate::access::credentials::{ClientAuth, CredentialError, Credentials};
use crate::access::kubeconfig;
use crate::access::registry_config::RegistryConfig;
use crate::base::types::{GuestPath, GuestPattern, KubeContextName, Port};
use crate::catalogue::{Access, DOCKER_FILES};
use crate::guest::probe::{Facts, FileContent, FileFact, TokenFact};
use crate::machine::Machine;

/// Credentials from the guest, and where they were.
#[derive(Clone, Debug)]
pub(super) struct GuestCredentials {
    /// The file or folder in the guest.
    pub(super) path: String,
    /// What was in it.
    pub(super) credentials: Credentials,
}

/// Looks for credentials in what a guest answered.
pub(super) struct CredentialReader<'a> {
    pub(super) detected: &'a DetectedService<'a>,
    pub(super) facts: &'a Facts,
    pub(super) machine: &'a Machine,
    /// The context that somebody has chosen for a flavour of last resort.
    pub(super) chosen: Option<&'a KubeContextName>,
}

impl CredentialReader<'_> {
    /// The credentials, what is preferred first; at least one.
    ///
    /// Errors: there are none, they cannot be read, or are refused; the service cannot be used from outside.
    pub(super) fn read(&self) -> Result<Vec<GuestCredentials>, Error> {
        match &self.detected.flavour.access {
            Access::Kubeconfig { paths, .. } => self.kubeconfigs(paths),
            Access::ServiceAccount { authority, port } => self.service_account(authority, *port),
            Access::Docker { folder, port, .. } => self.docker(folder, *port),
            Access::Registry { config, port } => self.registry(config.as_ref(), *port),
            Access::Socket { reason, ports, .. } | Access::Unsupported { reason, ports } => {
                Err(Error::NoAccess {
                    service: self.service(),
                    machine: self.machine.name.to_string(),
                    ssh: format!("ssh://{}", self.machine.route().target),
                    reason: reason.clone(),
                    ports: ports.clone(),
                })
            }
        }
    }

    /// Those of all readable files. One that is refused matters only when no other is good.
    fn kubeconfigs(&self, paths: &[GuestPattern]) -> Result<Vec<GuestCredentials>, Error> {
        let (mut good, mut failed) = (Vec::new(), None);
        for path in self.paths(paths)? {
            match self.kubeconfig(&path) {
                Ok(found) => good.push(found),
                Err(error) => {
                    let is_missing = |error: &Error| matches!(error, Error::NoCredentials { .. });
                    // Most guests have only the first of them.
                    if good.is_empty() || !is_missing(&error) {
                        log::debug!("{path}: {error}");
                    }
                    // What is wrong with a file says more than that there is none, and the first file more than another; not a
                    // folder in which none of a pattern is.
                    let is_usual = failed.is_some() && is_missing(&error) && paths[0].path().is_some();
                    let says_more = failed.as_ref().is_none_or(is_missing) && !is_usual;
                    failed = if says_more { Some(error) } else { failed };
                }
            }
        }
        match failed {
            Some(error) if good.is_empty() => Err(error),
            _ => Ok(good),
        }
    }

    /// The files to read. Where one is the only sign of the service, it is that one.
    ///
    /// Errors: that one leads elsewhere.
    fn paths(&self, patterns: &[GuestPattern]) -> Result<Vec<GuestPath>, Error> {
        let flavour = self.detected.flavour;
        let lead =
            flavour.last_resort.then(|| KubeconfigLead::of(flavour, self.facts, self.chosen)).flatten();
        let Some(lead) = lead else {
            return Ok(patterns.iter().flat_map(|pattern| self.expand(pattern)).collect());
        };
        let path = lead.path.clone();
        match lead.refusal(self.detected.service, self.machine) {
            Some(refusal) => Err(refusal),
            None => Ok(vec![path]),
        }
    }

    /// The files that `pattern` means; its folder when none is seen.
    fn expand(&self, pattern: &GuestPattern) -> Vec<GuestPath> {
        if let Some(path) = pattern.path() {
            return vec![path];
        }
        let matching: Vec<GuestPath> =
            self.facts.files.keys().filter(|path| pattern.matches(path)).cloned().collect();
        if matching.is_empty() { GuestPath::parse(pattern.folder()).into_iter().collect() } else { matching }
    }

    fn kubeconfig(&self, path: &GuestPath) -> Result<GuestCredentials, Error> {
        let (content, parts) = self.text(path)?;
        let used = self.detected.context.as_ref().map(|context| &context.name);
        let part = |name: &str| parts.get(name).map(|content| content.bytes().to_vec());
        let credentials = kubeconfig::read(content.bytes(), used, &part);
        let credentials = credentials.map_err(|source| Error::Kubeconfig {
            path: path.to_string(),
            machine: self.machine.name.to_string(),
            source,
        })?;
        Ok(GuestCredentials { path: path.to_string(), credentials })
    }

    fn service_account(&self, authority: &GuestPath, port: Port) -> Result<Vec<GuestCredentials>, Error> {
        let (authority_text, _) = self.text(authority)?;
        let auth = match &self.facts.token {
            TokenFact::NotAsked => Ok(ClientAuth::Anonymous),
            TokenFact::Missing => Err(CredentialError::Missing("service account's token")),
            TokenFact::Found(token) => ClientAuth::account_token(token.bytes()),
        };
        let credentials = auth
            .and_then(|auth| Credentials::service_account(authority_text.bytes(), auth, port.number()))
            .map_err(|source| self.invalid(authority, source))?;
        Ok(vec![GuestCredentials { path: authority.to_string(), credentials }])
    }

    fn docker(&self, folder: &GuestPath, port: Port) -> Result<Vec<GuestCredentials>, Error> {
        let text = |name| self.text(&folder.child(name)).map(|(content, _)| content.bytes());
        let [authority, certificate, key] = DOCKER_FILES;
        let (authority, certificate, key) = (text(authority)?, text(certificate)?, text(key)?);
        let credentials = Credentials::docker(authority, certificate, key, port.number())
            .map_err(|source| self.invalid(folder, source))?;
        Ok(vec![GuestCredentials { path: folder.to_string(), credentials }])
    }

    /// The registry's own certificate counts as an authority: whoever can read it in the machine knows that server.
    fn registry(&self, config: Option<&GuestPath>, port: Port) -> Result<Vec<GuestCredentials>, Error> {
        let found = |path: String, authority, port| {
            vec![GuestCredentials { path, credentials: Credentials::registry(authority, port) }]
        };
        if let Some(container) = &self.detected.container {
            let path = format!("container {}", container.name);
            let content = container.certificate.as_ref().filter(|_| container.has_tls);
            let missing = || self.refused(&path, CredentialError::File("REGISTRY_HTTP_TLS_CERTIFICATE"));
            let authority =
                match (content.map(|content| Certificates::parse(content.bytes())), container.has_tls) {
                    (_, false) => None,
                    (Some(Some(authority)), true) => Some(authority),
                    (_, true) => return Err(missing()),
                };
            return Ok(found(path, authority, container.port.number()));
        }
        let Some(path) = config else {
            return Ok(found(format!("port {}", port.number()), None, port.number()));
        };
        let (content, parts) = self.text(path)?;
        let refused = |source| self.refused(path.as_str(), source);
        let config = RegistryConfig::parse(content.bytes()).map_err(refused)?;
        let authority = config.certificate.map(|name| {
            let file = parts.get(&name).ok_or(CredentialError::File("http.tls.certificate"))?;
            Certificates::parse(file.bytes()).ok_or(CredentialError::Invalid("http.tls.certificate"))
        });
        let authority = authority.transpose().map_err(refused)?;
        Ok(found(path.to_string(), authority, config.port.unwrap_or(port.number())))
    }

    fn refused(&self, path: &str, source: CredentialError) -> Error {
        Error::RegistryUnclear { path: path.to_owned(), machine: self.machine.name.to_string(), source }
    }

    fn text(&self, path: &GuestPath) -> Result<(&FileContent, &BTreeMap<String, FileContent>), Error> {
        let (user, machine) = (self.machine.route().target.user.to_string(), self.machine.name.to_string());
        match self.facts.files.get(path) {
            Some(FileFact::Text { content, parts }) => Ok((content, parts)),
            Some(_) if self.detected.flavour.access.needs_root() && !self.facts.root => Err(Error::NoSudo {
                user,
                machine,
                what: format!("`{path}` is for root only"),
                stderr: self.facts.stderr.clone(),
                as_root: self.machine.route().as_root(),
            }),
            Some(_) => Err(Error::NotReadable { user, machine, path: path.to_string() }),
            None => Err(Error::NoCredentials {
                service: self.service(),
                flavour: self.detected.flavour.name.to_string(),
                machine,
                path: path.to_string(),
            }),
        }
    }

    fn invalid(&self, path: &GuestPath, source: CredentialError) -> Error {
        Error::CredentialsInvalid {
            service: self.service(),
            path: path.to_string(),
            machine: self.machine.name.to_string(),
            source,
            remedy: self.detected.hints().expired,
        }
    }

    fn service(&self) -> String {
        self.detected.service.name.to_string()
    }
}
