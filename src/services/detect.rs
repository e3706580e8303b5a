//! A service and the facts → the flavour that is in the guest, and its state. Pure.

use std::time::Duration;

use super::state::State;
use crate::base::types::{GuestPattern, ServiceName, UnitName, VariantId};
use crate::catalogue::{Flavour, Service};
use crate::guest::control::Target;
use crate::guest::probe::{Facts, UnitState};

/// A service as it is in the guest.
#[derive(Clone, Debug)]
pub(crate) struct DetectedService<'a> {
    pub(crate) service: &'a Service,
    pub(crate) flavour: &'a Flavour,
    /// What its units say.
    pub(crate) state: State,
    /// Those of its units that the guest has.
    pub(crate) units: Vec<UnitName>,
    /// Those of them that are not active.
    pub(crate) down: Vec<UnitName>,
    /// For how long all of its units are active, where they are and it was asked.
    pub(crate) active_for: Option<Duration>,
    /// Only its answer tells whether it runs.
    pub(crate) must_be_asked: bool,
}

/// Finds the flavour of `service` that is in the guest: the first of which something runs, else the first.
pub(crate) fn detect<'a>(service: &'a Service, facts: &Facts) -> Option<DetectedService<'a>> {
    let there = service.flavours.iter().filter(|flavour| is_there(flavour, facts));
    let mut detected: Vec<_> = there.map(|flavour| DetectedService::new(service, flavour, facts)).collect();
    let up = detected.iter().position(|detected| detected.state.is_up()).unwrap_or(0);
    (!detected.is_empty()).then(|| detected.swap_remove(up))
}

impl<'a> DetectedService<'a> {
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
        let must_be_asked = flavour.must_be_asked() || facts.no_systemd && states.is_empty();
        let ages: Option<Vec<Duration>> =
            units.iter().map(|unit| facts.ages.get(unit.short()).copied()).collect();
        let active_for = ages.and_then(|ages| ages.into_iter().min());
        let state = if must_be_asked { State::Running } else { state(&states) };
        Self { service, flavour, state, units, down, active_for, must_be_asked }
    }

    /// `service` as it was when its flavour was the one called `flavour`. None when there is none any more.
    pub(crate) fn remembered(service: &'a Service, flavour: &ServiceName) -> Option<Self> {
        let flavour = service.flavours.iter().find(|known| known.name == *flavour)?;
        let (units, down, must_be_asked) = (Vec::new(), Vec::new(), flavour.must_be_asked());
        let active_for = None;
        Some(Self { service, flavour, state: State::Running, units, down, active_for, must_be_asked })
    }

    /// What an action in the guest has to know of it.
    pub(super) fn target(&self) -> Target<'_> {
        Target {
            control: &self.flavour.control,
            units: &self.units,
            down: &self.down,
            static_pods: self.flavour.static_pods,
            has_tls: self.flavour.access.has_docker_keys(),
        }
    }

    /// True when it may answer: something of it is up, or pods may go on without its units.
    pub(crate) fn may_answer(&self) -> bool {
        self.state.is_up() || self.flavour.static_pods
    }
}

fn is_there(flavour: &Flavour, facts: &Facts) -> bool {
    flavour.detect.files.iter().all(|path| facts.files.contains_key(path))
        && has_units(flavour, facts)
        && is_variant(&flavour.detect.variants, facts)
}

/// Without systemd, the file with its credentials stands for a flavour that has units elsewhere.
fn has_units(flavour: &Flavour, facts: &Facts) -> bool {
    let units = &flavour.detect.units;
    if facts.no_systemd && !units.is_empty() {
        let is_found = |pattern: &GuestPattern| facts.files.keys().any(|path| pattern.matches(path));
        return flavour.access.files().iter().any(is_found);
    }
    units.iter().all(|unit| facts.units.contains_key(unit.short()))
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
    use crate::guest::probe::FileFact;

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
        detect(services[0], facts).map(|found| (found.flavour.name.to_string(), found.state))
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
    fn what_was_never_started_is_known_by_its_unit() {
        for (unit, flavour) in [
            ("k3s", "k3s"),
            ("rke2-server", "rke2"),
            ("k0scontroller", "k0s"),
            ("snap.microk8s.daemon-kubelite", "microk8s"),
        ] {
            let of = |state| found(&facts(&[(unit, state)], &[]));
            assert_eq!(of(UnitState::Inactive), Some((flavour.into(), State::Stopped)));
            assert_eq!(of(UnitState::Failed), Some((flavour.into(), State::Failed)));
            assert_eq!(of(UnitState::Activating), Some((flavour.into(), State::Starting)));
        }
    }

    #[test]
    fn without_systemd_a_kubeconfig_is_reason_to_ask() {
        let without = |files: &[&str]| found(&Facts { no_systemd: true, ..facts(&[], files) });
        assert_eq!(without(&[K3S]), Some(("k3s".into(), State::Running)));
        assert_eq!(without(&[ADMIN, MANIFEST]), Some(("kubeadm".into(), State::Running)));
        assert_eq!(without(&[]), None);
        assert_eq!(found(&facts(&[], &[K3S])), None, "with systemd, the unit was removed");
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
