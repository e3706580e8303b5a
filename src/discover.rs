//! A service and the facts → the flavour that is there, its state, its credentials. Pure.

use crate::error::Error;
use crate::kubeconfig::Credentials;
use crate::probe::{Facts, FileFact, UnitState};
use crate::service::{Flavour, Service};

/// A service as it is in the guest.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The service.
    pub service: &'a Service,
    /// The way it comes.
    pub flavour: &'a Flavour,
    /// What its units say.
    pub state: State,
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
    /// A unit ended with an error.
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

/// Finds the flavour of `service` that is in the guest: the first that runs, else the first.
pub fn discover<'a>(service: &'a Service, facts: &Facts) -> Option<Found<'a>> {
    let there = service.flavours.iter().filter(|flavour| is_there(flavour, facts));
    let found: Vec<Found> =
        there.map(|flavour| Found { service, flavour, state: state(flavour, facts) }).collect();
    found.iter().find(|found| found.state == State::Running).or(found.first()).copied()
}

impl Found<'_> {
    /// Errors when nothing of the service is up.
    pub fn require_running(&self, machine: &str) -> Result<(), Error> {
        match self.state {
            State::Running | State::Starting | State::Degraded => Ok(()),
            state @ (State::Stopped | State::Failed | State::NotInstalled) => Err(Error::NotRunning {
                service: self.service.name.to_string(),
                machine: machine.to_owned(),
                state: state.as_str(),
                units: self.units(),
            }),
        }
    }

    /// The admin's credentials from the guest.
    ///
    /// Errors: the file is not there, cannot be read without root, or is refused.
    pub fn credentials(&self, facts: &Facts, user: &str, machine: &str) -> Result<Credentials, Error> {
        let path = &self.flavour.kubeconfig.path;
        match facts.files.get(path) {
            Some(FileFact::Text { content, parts }) => Credentials::parse(content, parts).map_err(|source| {
                Error::Kubeconfig { path: path.to_string(), machine: machine.to_owned(), source }
            }),
            Some(FileFact::Denied | FileFact::Hidden | FileFact::Present) => Err(Error::NoSudo {
                user: user.to_owned(),
                machine: machine.to_owned(),
                path: path.to_string(),
            }),
            None => Err(Error::NoCredentials {
                service: self.service.name.to_string(),
                flavour: self.flavour.name.to_string(),
                machine: machine.to_owned(),
                path: path.to_string(),
            }),
        }
    }

    /// The names of the units that must be active.
    pub fn units(&self) -> Vec<String> {
        self.flavour.units.iter().map(ToString::to_string).collect()
    }
}

fn is_there(flavour: &Flavour, facts: &Facts) -> bool {
    flavour.found.files.iter().all(|path| facts.files.contains_key(path))
        && flavour.found.units.iter().all(|unit| facts.units.contains_key(unit.as_str()))
}

fn state(flavour: &Flavour, facts: &Facts) -> State {
    // A unit that the guest does not have is no part of this installation: etcd may run elsewhere.
    let units = flavour.units.iter().filter_map(|unit| facts.units.get(unit.as_str()));
    let states: Vec<UnitState> = units.copied().collect();
    let is = |wanted| states.contains(&wanted);
    if is(UnitState::Failed) {
        State::Failed
    } else if is(UnitState::Activating) {
        State::Starting
    } else if is(UnitState::Active) && is(UnitState::Inactive) {
        State::Degraded
    } else if is(UnitState::Active) {
        State::Running
    } else {
        State::Stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Catalogue;

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
            (Active, Failed, State::Failed),
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
