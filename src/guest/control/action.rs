//! What a user asks for → the steps that do it, and how they ended.

use std::time::Duration;

use super::answer::{ActionOutcome, read_answer};
use super::changes::{Changes, ProxyChange};
use super::error::Error;
use super::install::GuestInstall;
use super::install_progress::{InstallProgress, PROGRESS};
use super::proxy::ProxyError;
use super::script;
use super::step::{Instance, KeysRenewal, Step};
use super::target::Target;
use super::verb::Verb;
use crate::base::release::Sha256Sum;
use crate::base::types::{GuestPath, ServiceName, SshUser, UnitName};
use crate::catalogue::Control;
use crate::guest::frame::{Arrivals, End, Nonce};
use crate::guest::ssh::Connection;

/// What is done for it in the guest.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    instance: Instance,
    steps: Vec<Step>,
}

impl Action {
    /// What `verb` asks for. None when nothing in the guest can do it.
    pub(crate) fn new(verb: Verb, target: Target) -> Option<Self> {
        let units = target.own_units();
        if units.is_empty() {
            return None;
        }
        let steps = match target.control {
            Control::System { ping, .. } => steps(verb, units, target.static_pods, None, ping.as_ref()),
            // Else it would end with this connection.
            Control::User { ping, .. } => steps(verb, units, false, Some(Step::Linger), ping.as_ref()),
            Control::Sccli { service, .. } => sccli_steps(verb, service, units),
        };
        Some(Self { instance: Instance::of(target.control), steps })
    }

    /// The same action, which stops others with these `units`, as `sccli` does.
    pub(crate) fn stopping(mut self, units: Vec<UnitName>) -> Self {
        if !units.is_empty() {
            self.steps.push(Step::ForgetFailures(units));
        }
        self
    }

    /// The same action, with `changes` to the service before it starts; `user` is given a client's keys.
    ///
    /// Errors: a proxy that cannot be set in this way.
    pub(crate) fn with(self, changes: &Changes, target: Target, user: &SshUser) -> Result<Self, ProxyError> {
        let mut steps = proxy_steps(changes, target)?;
        steps.extend(image_steps(changes, target));
        // This restarts what runs and starts what does not.
        if let (Some(keys), Some(unit)) = (&changes.keys, target.units.first()) {
            let (unit, keys, user) = (unit.clone(), keys.clone(), user.clone());
            steps.push(Step::EnableTls { unit, keys, user, replace: target.has_tls });
        }
        steps.extend(self.steps);
        Ok(Self { instance: self.instance, steps })
    }

    /// Lets what runs start with the machine too. None when nothing in the guest can do it, or `sccli` does it by itself.
    pub(crate) fn enable(target: Target) -> Option<Self> {
        let units = target.own_units();
        if units.is_empty() || matches!(target.control, Control::Sccli { .. }) {
            return None;
        }
        Some(Self { instance: Instance::of(target.control), steps: vec![Step::Enable(units.to_vec())] })
    }

    /// Replaces the keys of a Docker daemon that makes its own, and starts it anew with them.
    pub(crate) fn renew_keys(renewal: KeysRenewal) -> Self {
        Self { instance: Instance::System, steps: vec![Step::RenewKeys(renewal)] }
    }

    /// Installs a service, through `proxy`, with what was pushed.
    pub(crate) fn install(request: &GuestInstall, pushed: &[Sha256Sum], proxy: Option<&ProxyChange>) -> Self {
        Self { instance: Instance::System, steps: request.steps(pushed, proxy) }
    }

    /// Finds out whether a service can be installed, and changes nothing.
    pub(crate) fn check_installation(request: &GuestInstall) -> Self {
        Self { instance: Instance::System, steps: vec![request.check()] }
    }

    /// Reports why a unit that is down is so, and does nothing.
    pub(crate) fn report_failure(target: Target) -> Self {
        let steps = target.down.cloned().map(Step::ReportFailure).into_iter().collect();
        Self { instance: Instance::of(target.control), steps }
    }

    /// Does it, over `connection`. Another one that is at work there has `patience` to end. How an installation comes along goes to
    /// `progress`.
    ///
    /// Errors: those of the connection; the answer is cut off, too long or not of the agreed form.
    pub(crate) fn execute(
        &self,
        connection: &mut Connection,
        user_is_root: bool,
        patience: Duration,
        mut progress: impl FnMut(InstallProgress),
    ) -> Result<ActionOutcome, Error> {
        let nonce = Nonce::random()?;
        let command = script::command(self.instance == Instance::System && !user_is_root);
        let script = script::script(self.instance, &self.steps, &nonce, patience);
        let (mut end, mut arrivals) = (End::of(&nonce), Arrivals::of(&nonce, PROGRESS));
        let output = connection.run_with(command, script.as_bytes(), LONGEST_ANSWER, |stdout| {
            while let Some(body) = arrivals.next_in(stdout) {
                progress(InstallProgress::read(body));
            }
            end.is_in(stdout)
        })?;
        read_answer(&output, &nonce)
    }
}

fn proxy_steps(changes: &Changes, target: Target) -> Result<Vec<Step>, ProxyError> {
    Ok(match (target.control, &changes.proxy) {
        (_, None) => Vec::new(),
        (Control::Sccli { .. }, Some(ProxyChange::Remove)) => vec![Step::RemoveSccliProxy],
        (Control::Sccli { .. }, Some(ProxyChange::Set(proxy))) => {
            vec![Step::Variables(proxy.for_sccli()?)]
        }
        (_, Some(ProxyChange::Remove)) => vec![Step::RemoveProxy],
        (_, Some(ProxyChange::Set(proxy))) => {
            let variables = proxy.environment(&changes.addresses);
            vec![Step::SetProxy { variables, units: target.own_units().to_vec() }]
        }
    })
}

fn image_steps(changes: &Changes, target: Target) -> Vec<Step> {
    if changes.image.is_empty() {
        return Vec::new();
    }
    let variables = changes.image.variables();
    match target.control {
        Control::Sccli { .. } => vec![Step::Variables(variables), Step::CompleteSccliImage],
        Control::System { .. } | Control::User { .. } => {
            vec![Step::SetImage { variables, units: target.units.to_vec() }]
        }
    }
}

/// The steps for `units`.
fn steps(
    verb: Verb,
    units: &[UnitName],
    has_pods: bool,
    before_start: Option<Step>,
    ping: Option<&GuestPath>,
) -> Vec<Step> {
    let units = units.to_vec();
    let backwards = || units.iter().rev().cloned().collect();
    let mut steps = match verb {
        Verb::Start => vec![Step::Enable(units.clone())],
        Verb::Stop => {
            vec![Step::Disable(units.clone()), Step::StopTriggers(units.clone()), Step::Stop(backwards())]
        }
        Verb::Restart => vec![Step::Stop(backwards())],
    };
    if has_pods && verb != Verb::Start {
        steps.push(Step::StopPods);
    }
    if verb != Verb::Stop {
        steps.extend(before_start);
        steps.push(Step::Start(units));
        steps.extend(ping.cloned().map(Step::WaitForEngine));
    }
    steps
}

/// The steps for who has `sccli`. It is never asked to restart, which begins with its `status`: that stops Kubernetes when
/// one of its units is down, and Docker would be restarted too.
fn sccli_steps(verb: Verb, service: &ServiceName, units: &[UnitName]) -> Vec<Step> {
    let call = |word| Step::Sccli { service: service.clone(), word, units: units.to_vec() };
    match verb {
        // It knows nothing of sockets, and leaves Docker as the next boot finds it.
        Verb::Start => {
            let (service, units) = (service.clone(), units.to_vec());
            vec![Step::Enable(units.clone()), Step::StartSccli { service, units }]
        }
        Verb::Stop => vec![Step::Disable(units.to_vec()), Step::StopTriggers(units.to_vec()), call("stop")],
        Verb::Restart => vec![call("stop"), call("start")],
    }
}

const LONGEST_ANSWER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Catalogue, Flavour};

    /// The steps for the flavour called `name` of `service`, with all of its units there.
    fn steps(service: &str, name: &str, verb: Verb) -> Option<Vec<String>> {
        let catalogue = Catalogue::built_in().unwrap();
        let services = catalogue.select(&[service.to_owned()]).unwrap();
        let flavour = services[0].flavours.iter().find(|flavour| flavour.name.as_str() == name).unwrap();
        let Flavour { control, units, static_pods, .. } = flavour;
        let target = Target { control, units, down: None, static_pods: *static_pods, has_tls: false };
        Some(Action::new(verb, target)?.steps.iter().map(script::call).collect())
    }

    #[test]
    fn units_start_in_their_order_and_stop_the_other_way() {
        let steps = |verb| steps("kubernetes", "plain", verb).unwrap();
        let (forward, backward) =
            ("'etcd.service' 'kube-apiserver.service'", "'kube-apiserver.service' 'etcd.service'");
        assert_eq!(steps(Verb::Start), [format!("enable {forward}"), format!("start {forward}")]);
        assert_eq!(
            steps(Verb::Stop),
            [format!("disable {forward}"), format!("stop_triggers {forward}"), format!("stop {backward}")]
        );
        assert_eq!(steps(Verb::Restart), [format!("stop {backward}"), format!("start {forward}")]);
    }

    #[test]
    fn pods_that_go_on_are_stopped_too() {
        let has_pods =
            |flavour, verb| steps("kubernetes", flavour, verb).unwrap().contains(&"stop_pods".to_owned());
        assert!(!has_pods("kubeadm", Verb::Start));
        assert!(has_pods("kubeadm", Verb::Stop) && has_pods("kubeadm", Verb::Restart));
        assert!(!has_pods("plain", Verb::Stop));
    }

    #[test]
    fn a_users_own_daemon_stays_when_the_user_goes() {
        let steps = steps("docker", "rootless", Verb::Start).unwrap();
        assert_eq!(
            steps,
            [
                "enable 'docker.service'",
                "linger",
                "start 'docker.service'",
                "wait_for_engine \"$XDG_RUNTIME_DIR\"/'docker.sock'"
            ]
        );
    }

    #[test]
    fn what_has_no_units_cannot_be_started() {
        assert_eq!(steps("openshift", "minishift", Verb::Start), None);
    }
}
