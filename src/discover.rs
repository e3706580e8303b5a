//! A service and the facts → the flavour that is there, its state, its credentials. Pure.

use crate::credentials::Credentials;
use crate::error::Error;
use crate::grammar::UnitName;
use crate::kubeconfig;
use crate::probe::{Facts, FileFact, UnitState};
use crate::service::{Flavour, Service};

/// A service as it is in the guest.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The service.
    pub service: &'a Service,
    /// The way it comes.
    pub flavour: &'a Flavour,
    /// What its units say.
    pub state: State,
    /// The units that are not active, of those that the guest has.
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

/// Finds the flavour of `service` that is in the guest: the first that runs, else the first.
pub fn discover<'a>(service: &'a Service, facts: &Facts) -> Option<Found<'a>> {
    let there = service.flavours.iter().filter(|flavour| is_there(flavour, facts));
    let mut found: Vec<Found> = there.map(|flavour| Found::new(service, flavour, facts)).collect();
    let running = found.iter().position(|found| found.state == State::Running).unwrap_or(0);
    (!found.is_empty()).then(|| found.swap_remove(running))
}

impl<'a> Found<'a> {
    fn new(service: &'a Service, flavour: &'a Flavour, facts: &Facts) -> Self {
        let state_of = |unit: &UnitName| facts.units.get(unit.as_str()).copied();
        // A unit that the guest does not have is no part of this installation: etcd may run elsewhere.
        let states: Vec<UnitState> = flavour.units.iter().filter_map(state_of).collect();
        let is_down = |unit: &&UnitName| state_of(unit).is_some_and(|state| state != UnitState::Active);
        let down = flavour.units.iter().filter(is_down).cloned().collect();
        Self { service, flavour, state: state(&states), down }
    }

    /// Errors when nothing of the service is up.
    pub fn require_running(&self, machine: &str) -> Result<(), Error> {
        match self.state {
            State::Running | State::Starting | State::Degraded => Ok(()),
            state @ (State::Stopped | State::Failed | State::NotInstalled) => Err(Error::NotRunning {
                service: self.service.name.to_string(),
                machine: machine.to_owned(),
                state: state.as_str(),
                units: self.down.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    /// The admin's credentials from the guest.
    ///
    /// Errors: the file is not there, cannot be read, or is refused.
    pub fn credentials(&self, facts: &Facts, user: &str, machine: &str) -> Result<Credentials, Error> {
        let file = &self.flavour.kubeconfig;
        let (path, user, machine) = (file.path.to_string(), user.to_owned(), machine.to_owned());
        match facts.files.get(&file.path) {
            Some(FileFact::Text { content, parts }) => kubeconfig::read(content.bytes(), parts)
                .map_err(|source| Error::Kubeconfig { path, machine, source }),
            Some(_) if file.root && !facts.root => {
                Err(Error::NoSudo { user, machine, path, stderr: facts.stderr.clone() })
            }
            Some(_) => Err(Error::NotReadable { user, machine, path }),
            None => Err(Error::NoCredentials {
                service: self.service.name.to_string(),
                flavour: self.flavour.name.to_string(),
                machine,
                path,
            }),
        }
    }
}

fn is_there(flavour: &Flavour, facts: &Facts) -> bool {
    flavour.signs.files.iter().all(|path| facts.files.contains_key(path))
        && flavour.signs.units.iter().all(|unit| facts.units.contains_key(unit.as_str()))
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
