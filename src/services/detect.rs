//! A service and the facts → the flavour that is there, its state, its credentials. Pure.

use std::collections::BTreeMap;

use crate::access::credentials::{ClientAuth, CredentialError, Credentials};
use crate::access::kubeconfig;
use crate::base::types::{GuestPath, GuestPattern, Port, ServiceName, UnitName, VariantId};
use crate::catalogue::{Access, DOCKER_FILES, Flavour, Service};
use crate::error::Error;
use crate::guest::probe::{Content, Facts, FileFact, TokenFact, UnitState};
use crate::machine::Machine;

/// A service as it is in the guest.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The service.
    pub service: &'a Service,
    /// The way it comes.
    pub flavour: &'a Flavour,
    /// What its units say.
    pub state: State,
    /// Those of its units that the guest has.
    pub units: Vec<UnitName>,
    /// Those of them that are not active.
    pub down: Vec<UnitName>,
}

/// The state of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Every unit is active, and where it was asked the service answers.
    Running,
    /// A unit is on its way up.
    Starting,
    /// No unit is active.
    Stopped,
    /// No unit is active, and one ended with an error.
    Failed,
    /// Some units are down, or all are up and the service does not answer.
    Degraded,
    /// No flavour of it was found.
    NotInstalled,
}

impl State {
    /// The state in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Degraded => "degraded",
            Self::NotInstalled => "not installed",
        }
    }
}

/// Credentials from the guest, and where they were.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The file or folder in the guest.
    pub path: String,
    /// What was in it.
    pub credentials: Credentials,
}

/// Finds the flavour of `service` that is in the guest: the first of which something runs, else the first.
pub fn discover<'a>(service: &'a Service, facts: &Facts) -> Option<Found<'a>> {
    let there = service.flavours.iter().filter(|flavour| is_there(flavour, facts));
    let mut found: Vec<Found> = there.map(|flavour| Found::new(service, flavour, facts)).collect();
    let up = found.iter().position(Found::is_up).unwrap_or(0);
    (!found.is_empty()).then(|| found.swap_remove(up))
}

impl<'a> Found<'a> {
    fn new(service: &'a Service, flavour: &'a Flavour, facts: &Facts) -> Self {
        let state_of = |unit: &UnitName| facts.units.get(unit.short()).copied();
        // A unit that the guest does not have is no part of this installation: etcd may run elsewhere.
        let units: Vec<UnitName> =
            flavour.units.iter().filter(|unit| state_of(unit).is_some()).cloned().collect();
        let is_active = |path| facts.files.contains_key(path);
        let sockets = flavour
            .sockets
            .iter()
            .map(|path| if is_active(path) { UnitState::Active } else { UnitState::Inactive });
        let states: Vec<UnitState> = units.iter().filter_map(state_of).chain(sockets).collect();
        let is_down = |unit: &&UnitName| state_of(unit) != Some(UnitState::Active);
        let down = units.iter().filter(is_down).cloned().collect();
        // Whether it really runs, the service will say itself.
        let state = if flavour.must_be_asked() { State::Running } else { state(&states) };
        Self { service, flavour, state, units, down }
    }

    /// `service` as it was when its flavour was the one called `flavour`. None when there is none any more.
    pub fn remembered(service: &'a Service, flavour: &ServiceName) -> Option<Self> {
        let flavour = service.flavours.iter().find(|known| known.name == *flavour)?;
        Some(Self { service, flavour, state: State::Running, units: Vec::new(), down: Vec::new() })
    }

    /// Errors when nothing of the service is up, and nothing can be but its units.
    pub fn require_running(&self, machine: &str) -> Result<(), Error> {
        if self.is_up() || self.flavour.static_pods {
            Ok(())
        } else {
            Err(self.not_running(self.state, machine))
        }
    }

    /// True when something of it runs.
    pub fn is_up(&self) -> bool {
        match self.state {
            State::Running | State::Starting | State::Degraded => true,
            State::Stopped | State::Failed | State::NotInstalled => false,
        }
    }

    /// The error for a service that is in `state`.
    pub fn not_running(&self, state: State, machine: &str) -> Error {
        Error::NotRunning {
            service: self.service.name.to_string(),
            machine: machine.to_owned(),
            state,
            start: self.flavour.hints.start.clone(),
        }
    }

    /// The admin's credentials from the guest, what is preferred first; at least one.
    ///
    /// Errors: there are none, they cannot be read, or are refused; the service cannot be used from outside.
    pub fn credentials(&self, facts: &Facts, machine: &Machine) -> Result<Vec<Candidate>, Error> {
        let guest = Guest { found: self, facts, machine };
        match &self.flavour.access {
            Access::Kubeconfig { paths, .. } => guest.kubeconfigs(paths),
            Access::ServiceAccount { authority, port } => guest.service_account(authority, *port),
            Access::Docker { folder, port, .. } => guest.docker(folder, *port),
            Access::Unsupported { reason, ports } => Err(Error::NoAccess {
                service: self.service.name.to_string(),
                machine: machine.name.to_string(),
                ssh: format!("ssh://{}", machine.route().target),
                reason: reason.clone(),
                ports: ports.clone(),
            }),
        }
    }
}

/// Looks for credentials in what a guest answered.
struct Guest<'a> {
    found: &'a Found<'a>,
    facts: &'a Facts,
    machine: &'a Machine,
}

impl Guest<'_> {
    /// Those of all readable files. One that is refused matters only when no other is good.
    fn kubeconfigs(&self, paths: &[GuestPattern]) -> Result<Vec<Candidate>, Error> {
        let (mut good, mut failed) = (Vec::new(), None);
        for path in paths.iter().flat_map(|pattern| self.expand(pattern)) {
            match self.kubeconfig(&path) {
                Ok(candidate) => good.push(candidate),
                Err(error) => {
                    log::debug!("{path}: {error}");
                    // What is wrong with a file says more than that there is none.
                    let says_more = matches!(failed, None | Some(Error::NoCredentials { .. }));
                    failed = if says_more { Some(error) } else { failed };
                }
            }
        }
        match failed {
            Some(error) if good.is_empty() => Err(error),
            _ => Ok(good),
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

    fn kubeconfig(&self, path: &GuestPath) -> Result<Candidate, Error> {
        let (content, parts) = self.text(path)?;
        let part = |path: &str| parts.get(path).map(|content| content.bytes().to_vec());
        let credentials = kubeconfig::read(content.bytes(), &part).map_err(|source| Error::Kubeconfig {
            path: path.to_string(),
            machine: self.machine.name.to_string(),
            source,
        })?;
        Ok(Candidate { path: path.to_string(), credentials })
    }

    fn service_account(&self, authority: &GuestPath, port: Port) -> Result<Vec<Candidate>, Error> {
        let (authority_text, _) = self.text(authority)?;
        let client_auth = match &self.facts.token {
            TokenFact::NotAsked => Ok(ClientAuth::Anonymous),
            TokenFact::Missing => Err(CredentialError::Missing("service account's token")),
            TokenFact::Found(token) => ClientAuth::account_token(token.bytes()),
        };
        let credentials = client_auth
            .and_then(|client_auth| {
                Credentials::service_account(authority_text.bytes(), client_auth, port.number())
            })
            .map_err(|source| self.refused(authority, source))?;
        Ok(vec![Candidate { path: authority.to_string(), credentials }])
    }

    fn docker(&self, folder: &GuestPath, port: Port) -> Result<Vec<Candidate>, Error> {
        let text = |name| self.text(&folder.child(name)).map(|(content, _)| content.bytes());
        let [authority, certificate, key] = DOCKER_FILES;
        let (authority, certificate, key) = (text(authority)?, text(certificate)?, text(key)?);
        let credentials = Credentials::docker(authority, certificate, key, port.number())
            .map_err(|source| self.refused(folder, source))?;
        Ok(vec![Candidate { path: folder.to_string(), credentials }])
    }

    fn text(&self, path: &GuestPath) -> Result<(&Content, &BTreeMap<String, Content>), Error> {
        let (user, machine) = (self.machine.route().target.user.to_string(), self.machine.name.to_string());
        match self.facts.files.get(path) {
            Some(FileFact::Text { content, parts }) => Ok((content, parts)),
            Some(_) if self.found.flavour.access.needs_root() && !self.facts.root => Err(Error::NoSudo {
                user,
                machine,
                what: format!("`{path}` is for root only"),
                stderr: self.facts.stderr.clone(),
            }),
            Some(_) => Err(Error::NotReadable { user, machine, path: path.to_string() }),
            None => Err(Error::NoCredentials {
                service: self.found.service.name.to_string(),
                flavour: self.found.flavour.name.to_string(),
                machine,
                path: path.to_string(),
            }),
        }
    }

    fn refused(&self, path: &GuestPath, source: CredentialError) -> Error {
        Error::CredentialsInvalid {
            service: self.found.service.name.to_string(),
            path: path.to_string(),
            machine: self.machine.name.to_string(),
            source,
            remedy: self.found.flavour.hints.expired.clone(),
        }
    }
}

fn is_there(flavour: &Flavour, facts: &Facts) -> bool {
    flavour.detect.files.iter().all(|path| facts.files.contains_key(path))
        && flavour.detect.units.iter().all(|unit| facts.units.contains_key(unit.short()))
        && is_variant(&flavour.detect.variants, facts)
}

fn is_variant(wanted: &[VariantId], facts: &Facts) -> bool {
    let variant = facts.release.value("VARIANT_ID");
    wanted.is_empty() || variant.is_some_and(|found| wanted.iter().any(|id| id.as_str() == found.as_str()))
}

fn state(units: &[UnitState]) -> State {
    let is = |wanted| units.contains(&wanted);
    if is(UnitState::Activating) {
        State::Starting
    } else if is(UnitState::Active) {
        let all = units.iter().all(|unit| *unit == UnitState::Active);
        if all { State::Running } else { State::Degraded }
    } else if is(UnitState::Failed) {
        State::Failed
    } else {
        State::Stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn facts(units: &[(&str, UnitState)], files: &[&str]) -> Facts {
        Facts {
            units: units.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect(),
            files: files.iter().map(|path| (path.parse().unwrap(), FileFact::Present)).collect(),
            ..Facts::default()
        }
    }

    fn found(facts: &Facts) -> Option<(String, State)> {
        let catalogue = Catalogue::built_in().unwrap();
        let services = catalogue.select(&["kubernetes".to_owned()]).unwrap();
        discover(services[0], facts).map(|found| (found.flavour.name.to_string(), found.state))
    }

    const ADMIN: &str = "/etc/kubernetes/admin.conf";
    const MANIFEST: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";
    const K3S: &str = "/etc/rancher/k3s/k3s.yaml";

    #[test]
    fn nothing_is_found_in_an_empty_guest() {
        assert_eq!(found(&facts(&[], &[])), None);
        assert_eq!(found(&facts(&[("kubelet", UnitState::Active)], &[])), None, "a worker is no cluster");
    }

    #[test]
    fn the_units_tell_the_state() {
        use UnitState::{Activating, Active, Failed, Inactive};
        for (etcd, server, state) in [
            (Active, Active, State::Running),
            (Inactive, Inactive, State::Stopped),
            (Active, Inactive, State::Degraded),
            (Active, Activating, State::Starting),
            (Active, Failed, State::Degraded),
            (Inactive, Failed, State::Failed),
        ] {
            let facts = facts(&[("etcd", etcd), ("kube-apiserver", server)], &[]);
            assert_eq!(found(&facts), Some(("plain".into(), state)));
        }
        let facts = facts(&[("kube-apiserver", Active)], &[]);
        assert_eq!(found(&facts), Some(("plain".into(), State::Running)), "etcd is elsewhere");
    }

    #[test]
    fn of_two_flavours_the_running_one_is_meant() {
        let files = [ADMIN, MANIFEST, K3S];
        let units = |k3s, kubelet| facts(&[("k3s", k3s), ("kubelet", kubelet)], &files);
        let (active, inactive) = (UnitState::Active, UnitState::Inactive);
        assert_eq!(found(&units(active, active)), Some(("k3s".into(), State::Running)));
        assert_eq!(found(&units(inactive, active)), Some(("kubeadm".into(), State::Running)));
        assert_eq!(found(&units(inactive, inactive)), Some(("k3s".into(), State::Stopped)));
    }
}
