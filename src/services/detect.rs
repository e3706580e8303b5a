//! A service and the facts → the flavour that is in the guest, and its state. Pure.

use std::time::Duration;

use super::last_resort::{Destination, KubeconfigLead};
use super::state::State;
use crate::base::text::sh_word;
use crate::base::timeouts;
use crate::base::types::{GuestPattern, KubeContextName, ServiceName, UnitName, VariantId};
use crate::catalogue::{Access, Flavour, Hints, ProvidedFlavour, Service};
use crate::guest::control::{Target, Verb};
use crate::guest::probe::{Facts, RegistryContainer, UnitState};

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
    /// Those of them that have ended with an error.
    pub(crate) failed: Vec<UnitName>,
    /// For how long those that are down may stay so before waiting for them is in vain. None where that may always change.
    pub(super) patience: Option<Duration>,
    /// For how long all of its units are active, where they are and it was asked.
    pub(crate) active_for: Option<Duration>,
    /// Only its answer tells whether it runs.
    pub(crate) must_be_asked: bool,
    /// The context that is used of the kubeconfig that is its only sign.
    pub(crate) context: Option<UsedContext>,
    /// The service whose flavour it is, if that is another one.
    pub(crate) provider: Option<&'a ServiceName>,
    /// The container in which it is, if that is its sign.
    pub(super) container: Option<RegistryContainer>,
}

/// The context that is used of a kubeconfig of the guest.
#[derive(Clone, Debug)]
pub(crate) struct UsedContext {
    pub(crate) name: KubeContextName,
    /// Somebody has chosen it; else it is the current one there.
    pub(crate) is_chosen: bool,
    /// Those that lead to the guest itself.
    pub(crate) of_guest: Vec<KubeContextName>,
}

/// Finds the flavour of `service` that is in the guest: the first of which something runs, else the first. One of another service
/// that is this one too only without any of its own; one of last resort only without both, for the context that is `chosen`.
pub(crate) fn detect<'a>(
    service: &'a Service,
    facts: &Facts,
    chosen: Option<&KubeContextName>,
) -> Option<DetectedService<'a>> {
    let own = service.flavours.iter().filter(|flavour| !flavour.last_resort).map(|flavour| (flavour, None));
    let provided = service.provided.iter().map(|provided| (&provided.flavour, Some(&provided.by)));
    first_up(service, own, facts)
        .or_else(|| first_up(service, provided, facts))
        .or_else(|| last_resorts(service).find_map(|flavour| last_resort(service, flavour, facts, chosen)))
}

/// The first of `flavours` that is there and of which something runs, else the first that is there. Each comes with the service
/// that it is of, if that is another one.
fn first_up<'a>(
    service: &'a Service,
    flavours: impl Iterator<Item = (&'a Flavour, Option<&'a ServiceName>)>,
    facts: &Facts,
) -> Option<DetectedService<'a>> {
    let there = flavours.filter(|(flavour, _)| is_there(flavour, service, facts));
    let mut detected: Vec<_> = there
        .map(|(flavour, provider)| DetectedService {
            provider,
            ..DetectedService::new(service, flavour, facts)
        })
        .collect();
    let up = detected.iter().position(|detected| detected.state.is_up()).unwrap_or(0);
    (!detected.is_empty()).then(|| detected.swap_remove(up))
}

/// The flavours of `service` of which a kubeconfig is the only sign.
pub(super) fn last_resorts(service: &Service) -> impl Iterator<Item = &Flavour> {
    service.flavours.iter().filter(|flavour| flavour.last_resort)
}

/// `flavour`, where its kubeconfig leads to the guest itself. What somebody has chosen is there too where it does not, so that they
/// are told.
fn last_resort<'a>(
    service: &'a Service,
    flavour: &'a Flavour,
    facts: &Facts,
    chosen: Option<&KubeContextName>,
) -> Option<DetectedService<'a>> {
    let pattern = flavour.detect.context.as_ref();
    let fits = |name: &KubeContextName| pattern.is_none_or(|pattern| pattern.rest_of(name).is_some());
    let KubeconfigLead { destination, .. } = KubeconfigLead::of(flavour, facts, chosen)?;
    let context = match destination {
        Destination::Guest { context, of_guest } if fits(&context) => {
            Some(UsedContext { name: context, is_chosen: chosen.is_some(), of_guest })
        }
        Destination::Elsewhere { .. } | Destination::Unknown { .. }
            if chosen.is_some() && pattern.is_none() =>
        {
            None
        }
        _ => return None,
    };
    is_there(flavour, service, facts)
        .then(|| DetectedService { context, ..DetectedService::new(service, flavour, facts) })
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
        let down: Vec<UnitName> = units.iter().filter(is_down).cloned().collect();
        let has_failed = |unit: &&UnitName| state_of(unit).is_some_and(UnitState::has_failed);
        let failed = units.iter().filter(has_failed).cloned().collect();
        let patience = patience(&units.iter().filter_map(state_of).collect::<Vec<_>>());
        let container = container(flavour, facts).cloned();
        let is_down_container = container.as_ref().is_some_and(|container| !container.is_running);
        // Whether it really runs, the service will say itself.
        let must_be_asked =
            !is_down_container && flavour.must_be_asked() || facts.no_systemd && states.is_empty();
        let ages: Option<Vec<Duration>> =
            units.iter().map(|unit| facts.ages.get(unit.short()).copied()).collect();
        let active_for = ages.and_then(|ages| ages.into_iter().min());
        let state = if must_be_asked { State::Running } else { state(&states) };
        Self {
            service,
            flavour,
            state,
            units,
            down,
            failed,
            patience,
            active_for,
            must_be_asked,
            context: None,
            provider: None,
            container,
        }
    }

    /// `service` as it was when its flavour was the one called `flavour` of the service `provider`, or its own, used by `context`. None
    /// when there is none any more.
    pub(crate) fn remembered(
        service: &'a Service,
        flavour: &ServiceName,
        provider: Option<&ServiceName>,
        context: Option<UsedContext>,
    ) -> Option<Self> {
        let (flavour, provider) = if provider.is_none() {
            (service.flavours.iter().find(|known| known.name == *flavour)?, None)
        } else {
            let known = |of_other: &&ProvidedFlavour| {
                Some(&of_other.by) == provider && of_other.flavour.name == *flavour
            };
            let of_other = service.provided.iter().find(known)?;
            (&of_other.flavour, Some(&of_other.by))
        };
        Some(Self {
            service,
            flavour,
            state: State::Running,
            units: Vec::new(),
            down: Vec::new(),
            failed: Vec::new(),
            patience: None,
            active_for: None,
            must_be_asked: flavour.must_be_asked(),
            context,
            provider,
            container: None,
        })
    }

    /// True where a kubeconfig would do, and there is more.
    pub(super) fn is_more_than_last_resort(&self) -> bool {
        !self.flavour.last_resort && last_resorts(self.service).next().is_some()
    }

    /// What the user can do about a failure.
    pub(super) fn hints(&self) -> Hints {
        let hints = &self.flavour.hints;
        if let Some(RegistryContainer { name, .. }) = &self.container {
            return hints.with(&[("container", name.as_str())]);
        }
        let Some(UsedContext { name: context, .. }) = &self.context else { return hints.clone() };
        let cluster = self.flavour.detect.context.as_ref().and_then(|pattern| pattern.rest_of(context));
        hints.with(&[
            ("context", &sh_word(context.as_str())),
            ("cluster", &sh_word(cluster.unwrap_or(context.as_str()))),
        ])
    }

    /// What the user can do where this program cannot do what `verb` asks for.
    pub(super) fn remedy(&self, verb: Verb) -> Option<String> {
        let Hints { start, stop, .. } = self.hints();
        match verb {
            Verb::Start => start,
            Verb::Stop => stop,
            Verb::Restart => restart(stop, start),
        }
    }

    /// What an action in the guest has to know of it.
    pub(super) fn target(&self) -> Target<'_> {
        Target {
            control: &self.flavour.control,
            units: &self.units,
            down: self.failed.first().or(self.down.first()),
            static_pods: self.flavour.static_pods,
            has_tls: self.flavour.access.has_docker_keys(),
        }
    }

    /// True when it may answer: something of it is up, or pods may go on without its units.
    pub(crate) fn may_answer(&self) -> bool {
        self.state.is_up() || self.flavour.static_pods
    }
}

/// To stop and to start, as one hint. Both may begin with where to do it.
fn restart(stop: Option<String>, start: Option<String>) -> Option<String> {
    let (Some(stop), Some(start)) = (stop, start) else { return None };
    let is_same_place = |place: &&str| stop.starts_with(place);
    let place = start.split_inclusive(": ").next().filter(is_same_place).unwrap_or_default();
    let start = &start[place.len()..];
    // What stops it may say what starts it already.
    Some(if stop.contains(start) { stop } else { format!("{stop}, then {start}") })
}

fn is_there(flavour: &Flavour, service: &Service, facts: &Facts) -> bool {
    flavour.detect.files.iter().all(|path| facts.files.contains_key(path))
        && has_units(flavour, service, facts)
        && is_variant(&flavour.detect.variants, facts)
        && (flavour.detect.container.is_none() || container(flavour, facts).is_some())
}

/// The container that is a sign of `flavour`: the first by its name that runs, else the first. An engine names them in the order in which
/// they were made, which changes.
fn container<'f>(flavour: &Flavour, facts: &'f Facts) -> Option<&'f RegistryContainer> {
    let pattern = flavour.detect.container.as_ref()?;
    let fitting = facts.registries.iter().filter(|container| pattern.matches(&container.name));
    fitting.min_by_key(|container| (!container.is_running, container.name.as_str()))
}

/// Without systemd, the file with its credentials, or its socket, stands for a flavour that has units elsewhere; not one that is the only sign of
/// another flavour.
fn has_units(flavour: &Flavour, service: &Service, facts: &Facts) -> bool {
    let units = &flavour.detect.units;
    if facts.no_systemd && !units.is_empty() {
        let of_others: Vec<GuestPattern> =
            last_resorts(service).flat_map(|other| other.access.files()).collect();
        let is_found = |pattern: &GuestPattern| {
            !of_others.contains(pattern) && facts.files.keys().any(|path| pattern.matches(path))
        };
        return flavour.access.files().iter().any(is_found) || has_socket(flavour, facts);
    }
    units.iter().all(|unit| facts.units.contains_key(unit.short()))
}

/// A container engine's socket is as good as a file.
fn has_socket(flavour: &Flavour, facts: &Facts) -> bool {
    matches!(&flavour.access, Access::Socket { path, .. } if facts.files.contains_key(path))
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
    } else if units.iter().any(|unit| unit.has_failed()) {
        State::Failed
    } else {
        State::Stopped
    }
}

/// What systemd does not start again stays as it is; what is on its way up may take as long as it wants.
fn patience(units: &[UnitState]) -> Option<Duration> {
    let is = |wanted| units.contains(&wanted);
    if is(UnitState::Failed) {
        Some(timeouts::FAILED_UNIT)
    } else if is(UnitState::Restarting) || is(UnitState::Inactive) && !is(UnitState::Activating) {
        Some(timeouts::RESTART_BY_SYSTEMD)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        detect(services[0], facts, None).map(|found| (found.flavour.name.to_string(), found.state))
    }

    const ADMIN: &str = "/etc/kubernetes/admin.conf";
    const MANIFEST: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";
    const K3S: &str = "/etc/rancher/k3s/k3s.yaml";

    #[test]
    fn to_restart_is_to_stop_and_to_start() {
        let hint = |stop: &str, start: &str| restart(Some(stop.into()), Some(start.into())).unwrap();
        assert_eq!(
            hint("in the machine: `oc cluster down`", "in the machine: `oc cluster up`"),
            "in the machine: `oc cluster down`, then `oc cluster up`"
        );
        assert_eq!(
            hint("on the host: `stop`", "in the machine: `start`"),
            "on the host: `stop`, then in the machine: `start`"
        );
        let both = "in the machine: `stop`; `install` makes a unit for it";
        assert_eq!(hint(both, "in the machine: `install` makes a unit for it"), both);
    }

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
    fn what_is_down_is_waited_for_as_long_as_it_may_come() {
        use UnitState::{Activating, Active, Failed, Inactive, Restarting};
        let soon = Some(timeouts::FAILED_UNIT);
        let later = Some(timeouts::RESTART_BY_SYSTEMD);
        for (units, expected) in [
            ([Active, Active], None),
            ([Active, Activating], None),
            ([Inactive, Activating], None),
            ([Active, Inactive], later),
            ([Activating, Restarting], later),
            ([Activating, Failed], soon),
        ] {
            assert_eq!(patience(&units), expected, "{units:?}");
        }
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
        let cred = "/var/lib/rancher/k3s/server/cred/admin.kubeconfig";
        assert_eq!(without(&[cred]), Some(("k3s".into(), State::Running)));
        assert_eq!(found(&facts(&[], &[K3S])), None, "with systemd, the unit was removed");
    }

    #[test]
    fn without_systemd_a_socket_is_reason_to_ask() {
        let docker = |facts: &Facts| {
            let catalogue = Catalogue::built_in().unwrap();
            let services = catalogue.select(&["docker".to_owned()]).unwrap();
            detect(services[0], facts, None).map(|found| (found.flavour.name.to_string(), found.state))
        };
        let socket = Facts { no_systemd: true, ..facts(&[], &["/run/docker.sock"]) };
        assert_eq!(docker(&socket), Some(("socket".into(), State::Running)));
        assert_eq!(docker(&Facts { no_systemd: true, ..Facts::default() }), None);
        assert_eq!(docker(&facts(&[], &["/run/docker.sock"])), None, "with systemd, whose is it?");
    }

    /// A kubeconfig of the login user with these contexts and servers; the first is the current one.
    fn with_user_kubeconfig(facts: Facts, contexts: &[(&str, &str)]) -> Facts {
        let lines = |line: &dyn Fn(&str, &str) -> String| {
            contexts.iter().map(|(name, server)| line(name, server)).collect::<String>()
        };
        let text = format!(
            "clusters:\n{}contexts:\n{}current-context: {}\n",
            lines(&|name, server| format!("- {{name: \"{name}\", cluster: {{server: \"{server}\"}}}}\n")),
            lines(&|name, _| format!("- {{name: \"{name}\", context: {{cluster: \"{name}\", user: u}}}}\n")),
            contexts[0].0
        );
        let fact = FileFact::Text { content: text.into_bytes().into(), parts: BTreeMap::new() };
        let mut facts = facts;
        facts.files.insert("~/.kube/config".parse().unwrap(), fact);
        facts
    }

    const LOCAL: &str = "https://127.0.0.1:40001";
    const CLOUD: &str = "https://api.example.com";

    #[test]
    fn a_kubeconfig_that_leads_to_the_guest_is_the_last_resort() {
        use UnitState::Inactive;
        let last = |facts: Facts, contexts: &[(&str, &str)]| found(&with_user_kubeconfig(facts, contexts));
        let nothing = Facts::default;
        let running = |flavour: &str| Some((flavour.to_owned(), State::Running));
        assert_eq!(last(nothing(), &[("kind-dev", LOCAL)]), running("kind"));
        assert_eq!(last(nothing(), &[("k3d-dev", LOCAL)]), running("k3d"));
        assert_eq!(last(nothing(), &[("kind-", LOCAL)]), running("kubeconfig"));
        assert_eq!(last(nothing(), &[("own", LOCAL), ("kind-dev", LOCAL)]), running("kubeconfig"));
        assert_eq!(last(nothing(), &[("kind-dev", CLOUD), ("own", LOCAL)]), None);
        let no_systemd = || Facts { no_systemd: true, ..Facts::default() };
        assert_eq!(last(no_systemd(), &[("own", LOCAL)]), running("kubeconfig"), "not `plain`");
        assert_eq!(last(no_systemd(), &[("own", CLOUD)]), None);
        let stopped = |flavour: &str| Some((flavour.to_owned(), State::Stopped));
        let with_k3s = facts(&[("k3s", Inactive)], &[]);
        assert_eq!(last(with_k3s, &[("kind-dev", LOCAL)]), stopped("k3s"));
        assert_eq!(last(facts(&[("kube-apiserver", Inactive)], &[]), &[("a", LOCAL)]), stopped("plain"));
    }

    #[test]
    fn an_openshift_is_a_kubernetes_where_there_is_no_other() {
        let catalogue = Catalogue::built_in().unwrap();
        let services = catalogue.select(&["kubernetes".to_owned()]).unwrap();
        let provider = |facts: &Facts| {
            let found = detect(services[0], facts, None).unwrap();
            assert!(found.flavour.values.is_empty(), "those are about OpenShift");
            (found.flavour.name.to_string(), found.provider.map(ToString::to_string))
        };
        let openshift = || Some("openshift".to_owned());
        let microshift = |state| facts(&[("microshift", state)], &[]);
        assert_eq!(provider(&microshift(UnitState::Inactive)), ("microshift".into(), openshift()));
        let copied = with_user_kubeconfig(microshift(UnitState::Active), &[("microshift", LOCAL)]);
        assert_eq!(
            provider(&copied),
            ("microshift".into(), openshift()),
            "a copy of its kubeconfig is no other one"
        );
        let both = facts(&[("microshift", UnitState::Active), ("k3s", UnitState::Inactive)], &[]);
        assert_eq!(provider(&both), ("k3s".into(), None));
        let remembered = |name: &str, by: Option<&str>| {
            let by: Option<ServiceName> = by.map(|by| by.parse().unwrap());
            DetectedService::remembered(services[0], &name.parse().unwrap(), by.as_ref(), None).is_some()
        };
        assert!(remembered("microshift", Some("openshift")) && remembered("k3s", None));
        assert!(!remembered("microshift", None) && !remembered("k3s", Some("openshift")));
    }

    #[test]
    fn a_chosen_context_counts_whatever_becomes_of_it() {
        let facts =
            with_user_kubeconfig(Facts::default(), &[("kind-a", LOCAL), ("k3d-b", LOCAL), ("c", CLOUD)]);
        let catalogue = Catalogue::built_in().unwrap();
        let services = catalogue.select(&["kubernetes".to_owned()]).unwrap();
        let chosen = |name: &str| {
            let found = detect(services[0], &facts, Some(&name.parse().unwrap())).unwrap();
            (found.flavour.name.to_string(), found.context.map(|context| context.name.to_string()))
        };
        assert_eq!(chosen("k3d-b"), ("k3d".into(), Some("k3d-b".into())));
        assert_eq!(chosen("c"), ("kubeconfig".into(), None), "it is told where that leads");
        assert_eq!(chosen("kind-x"), ("kubeconfig".into(), None), "it is told that there is none");
    }

    #[test]
    fn names_of_contexts_are_quoted_in_what_is_pasted() {
        let facts = with_user_kubeconfig(Facts::default(), &[("k3d-$(id)", LOCAL)]);
        let catalogue = Catalogue::built_in().unwrap();
        let services = catalogue.select(&["kubernetes".to_owned()]).unwrap();
        let hints = detect(services[0], &facts, None).unwrap().hints();
        assert_eq!(hints.start.as_deref(), Some("in the machine: `k3d cluster start '$(id)'`"));
        // What looks like a placeholder in a name is none.
        let facts = with_user_kubeconfig(Facts::default(), &[(";id;{cluster}", LOCAL)]);
        let hints = detect(services[0], &facts, None).unwrap().hints();
        assert!(hints.start.is_some_and(|start| start.contains("the context ';id;{cluster}' in")));
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
