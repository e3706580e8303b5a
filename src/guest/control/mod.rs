//! Starting and stopping services in the guest: one command for each, made of fixed functions and validated words.

mod answer;
mod changes;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keys;
mod proxy;
mod script;

use std::time::Duration;

use secrecy::SecretString;

use self::answer::outcome;
pub use self::answer::{Culprit, Failure, Outcome};
pub use self::changes::{Changes, Image, ProxyChange, WhileItRuns};
pub use self::keys::Keys;
pub use self::proxy::{Proxy, Written};
use crate::base::types::{GuestPath, ServiceName, SshUser, UnitName};
use crate::catalogue::Control;
use crate::error::Error;
use crate::guest::probe::frame::{End, Nonce, parse};
use crate::guest::ssh::Connection;
use crate::services::detect::Found;

/// What is to become of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It runs, now and after the next boot.
    Start,
    /// It does not, and nothing starts it again.
    Stop,
    /// What runs is stopped and started again.
    Restart,
}

/// What is done for it in the guest.
#[derive(Clone, Debug)]
pub struct Action {
    instance: Instance,
    steps: Vec<Step>,
}

/// Whose systemd it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instance {
    /// The machine's: root has to act.
    System,
    /// The login user's own.
    User,
}

/// A part of an action; each can be done twice.
#[derive(Clone, Debug)]
enum Step {
    /// Has the units start with the machine.
    Enable(Vec<UnitName>),
    /// Has nothing start them.
    Disable(Vec<UnitName>),
    Start(Vec<UnitName>),
    /// Stops them and what they have started.
    Stop(Vec<UnitName>),
    /// Stops what would start them again.
    Disarm(Vec<UnitName>),
    /// Stops the pods that go on without their kubelet.
    StopPods,
    /// Has the user's systemd stay when nobody is logged in.
    Linger,
    /// Waits until a container engine answers at its socket.
    Ping(GuestPath),
    /// Fails, with what the unit has said.
    Explain(UnitName),
    /// Has `sccli` start or stop a service, which comes or goes with these units.
    Sccli {
        service: ServiceName,
        word: &'static str,
        units: Vec<UnitName>,
    },
    /// Has `sccli` see these variables when it starts something next.
    SccliVariables(Vec<(&'static str, SecretString)>),
    /// Fills in what is not said of an image from what was said before.
    SccliImage,
    /// Has the units, and what pulls images, read these variables; those that run start anew if that is new to them.
    SetProxy {
        variables: SecretString,
        units: Vec<UnitName>,
    },
    /// Has no unit read them any more.
    RemoveProxy,
    /// Has `sccli` write down the next proxy that it is given, instead of the one that it was given first.
    ForgetSccliProxy,
    /// Takes back the proxy that `sccli` has set up.
    RemoveSccliProxy,
    /// Has the units see these variables; those that run start anew if that is new to them.
    SetImage {
        variables: Vec<(&'static str, SecretString)>,
        units: Vec<UnitName>,
    },
    /// Has a Docker daemon talk TLS, with these keys, and gives those of its clients to a user.
    TalkTls {
        unit: UnitName,
        keys: Keys,
        user: SshUser,
        /// Also if it does already.
        again: bool,
    },
}

impl Verb {
    /// The word that the user types.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    /// What is going on.
    pub fn participle(self) -> &'static str {
        match self {
            Self::Start => "starting",
            Self::Stop => "stopping",
            Self::Restart => "restarting",
        }
    }

    /// What it leads to.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Start | Self::Restart => "up",
            Self::Stop => "gone",
        }
    }
}

impl Action {
    /// What `verb` asks for, with the service as it was found. None when nothing in the guest can do it.
    pub fn new(verb: Verb, found: &Found) -> Option<Self> {
        let units = match &found.flavour.control {
            Control::User { units, .. } => units,
            Control::System { .. } | Control::Sccli { .. } => &found.units,
        };
        if units.is_empty() {
            return None;
        }
        let steps = match &found.flavour.control {
            Control::System { ping, .. } => {
                steps(verb, units, found.flavour.static_pods, None, ping.as_ref())
            }
            // Else it would end with this connection.
            Control::User { ping, .. } => steps(verb, units, false, Some(Step::Linger), ping.as_ref()),
            Control::Sccli { service, .. } => sccli_steps(verb, service, units),
        };
        Some(Self { instance: Instance::of(found), steps })
    }

    /// The same action, with `changes` for the service that it starts; `user` is given a client's keys.
    ///
    /// Errors: a change that cannot be made in this way.
    pub fn with(self, changes: &Changes, found: &Found, user: &SshUser) -> Result<Self, Error> {
        let mut steps = match (&found.flavour.control, &changes.proxy) {
            (_, None) => Vec::new(),
            (Control::Sccli { .. }, Some(ProxyChange::Remove)) => vec![Step::RemoveSccliProxy],
            (Control::Sccli { .. }, Some(ProxyChange::Set(proxy))) => {
                vec![Step::ForgetSccliProxy, Step::SccliVariables(proxy.for_sccli()?)]
            }
            (_, Some(ProxyChange::Remove)) => vec![Step::RemoveProxy],
            (control, Some(ProxyChange::Set(proxy))) => {
                let units = if let Control::User { units, .. } = control { units } else { &found.units };
                vec![Step::SetProxy {
                    variables: proxy.environment(&changes.addresses),
                    units: units.clone(),
                }]
            }
        };
        if !changes.image.is_empty() {
            let variables = changes.image.variables();
            match &found.flavour.control {
                Control::Sccli { .. } => steps.extend([Step::SccliVariables(variables), Step::SccliImage]),
                Control::System { .. } | Control::User { .. } => {
                    steps.push(Step::SetImage { variables, units: found.units.clone() });
                }
            }
        }
        // What runs is restarted by that, what does not is started.
        if let (Some(keys), Some(unit)) = (&changes.keys, found.units.first()) {
            let (unit, keys, user) = (unit.clone(), keys.clone(), user.clone());
            steps.push(Step::TalkTls { unit, keys, user, again: found.flavour.access.has_docker_keys() });
        }
        steps.extend(self.steps);
        Ok(Self { instance: self.instance, steps })
    }

    /// Has the guest say why the first unit that is down is so, and does nothing.
    pub fn explain(found: &Found) -> Self {
        let instance = Instance::of(found);
        Self { instance, steps: found.down.first().cloned().map(Step::Explain).into_iter().collect() }
    }

    /// Does it, over `connection`, when no other one is at it; that is waited for with `patience`.
    ///
    /// Errors: those of the connection; the answer is cut off, too long or not of the agreed form.
    pub fn carry_out(
        &self,
        connection: &mut Connection,
        user_is_root: bool,
        patience: Duration,
    ) -> Result<Outcome, Error> {
        let nonce = Nonce::random()?;
        let command = script::command(self.instance == Instance::System && !user_is_root);
        let script = script::script(self, &nonce, patience);
        let mut end = End::of(&nonce);
        let output =
            connection.run_with(command, script.as_bytes(), LONGEST_ANSWER, |stdout| end.is_in(stdout))?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        match parse(&output.stdout, &nonce) {
            Ok(frames) => outcome(&frames),
            Err(_) if !script::has_begun(&output.stdout, &nonce) => Ok(Outcome::NotRoot(stderr)),
            Err(_) => Err(Error::AnswerIncomplete { stderr }),
        }
    }
}

impl Instance {
    fn of(found: &Found) -> Self {
        match found.flavour.control {
            Control::System { .. } | Control::Sccli { .. } => Self::System,
            Control::User { .. } => Self::User,
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
            vec![Step::Disable(units.clone()), Step::Disarm(units.clone()), Step::Stop(backwards())]
        }
        Verb::Restart => vec![Step::Stop(backwards())],
    };
    if has_pods && verb != Verb::Start {
        steps.push(Step::StopPods);
    }
    if verb != Verb::Stop {
        steps.extend(before_start);
        steps.push(Step::Start(units));
        steps.extend(ping.cloned().map(Step::Ping));
    }
    steps
}

/// The steps for who has `sccli`. It is never asked to restart, which begins with its `status`: that stops Kubernetes when
/// one of its units is down, and Docker would be restarted too.
fn sccli_steps(verb: Verb, service: &ServiceName, units: &[UnitName]) -> Vec<Step> {
    let call = |word| Step::Sccli { service: service.clone(), word, units: units.to_vec() };
    match verb {
        // It knows nothing of sockets, and leaves Docker as the next boot finds it.
        Verb::Start => vec![Step::Enable(units.to_vec()), call("start")],
        Verb::Stop => vec![Step::Disable(units.to_vec()), Step::Disarm(units.to_vec()), call("stop")],
        Verb::Restart => vec![call("stop"), call("start")],
    }
}

const LONGEST_ANSWER: usize = 256 << 10;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::guest::probe::{Facts, FileFact, UnitState};
    use crate::services::detect::discover;

    fn steps(service: &str, units: &[&str], files: &[&str], verb: Verb) -> Option<Vec<String>> {
        let facts = Facts {
            units: units.iter().map(|name| ((*name).to_owned(), UnitState::Active)).collect(),
            files: files.iter().map(|path| (path.parse().unwrap(), FileFact::Present)).collect(),
            ..Facts::default()
        };
        let catalogue = Catalogue::built_in().unwrap();
        let services = catalogue.select(&[service.to_owned()]).unwrap();
        let action = Action::new(verb, &discover(services[0], &facts).unwrap())?;
        Some(action.steps.iter().map(script::call).collect())
    }

    #[test]
    fn units_start_in_their_order_and_stop_the_other_way() {
        let steps = |verb| steps("kubernetes", &["etcd", "kube-apiserver"], &[], verb).unwrap();
        let (forward, backward) =
            ("'etcd.service' 'kube-apiserver.service'", "'kube-apiserver.service' 'etcd.service'");
        assert_eq!(steps(Verb::Start), [format!("enable {forward}"), format!("start {forward}")]);
        assert_eq!(
            steps(Verb::Stop),
            [format!("disable {forward}"), format!("disarm {forward}"), format!("stop {backward}")]
        );
        assert_eq!(steps(Verb::Restart), [format!("stop {backward}"), format!("start {forward}")]);
    }

    #[test]
    fn pods_that_go_on_are_stopped_too() {
        let files = ["/etc/kubernetes/admin.conf", "/etc/kubernetes/manifests/kube-apiserver.yaml"];
        let has_pods =
            |verb| steps("kubernetes", &["kubelet"], &files, verb).unwrap().contains(&"pods".to_owned());
        assert!(!has_pods(Verb::Start) && has_pods(Verb::Stop) && has_pods(Verb::Restart));
        assert!(
            !steps("kubernetes", &["kube-apiserver"], &[], Verb::Stop).unwrap().contains(&"pods".to_owned())
        );
    }

    #[test]
    fn a_users_own_daemon_stays_when_the_user_goes() {
        let files = ["~/.config/systemd/user/docker.service"];
        let steps = steps("docker", &[], &files, Verb::Start).unwrap();
        assert_eq!(
            steps,
            [
                "enable 'docker.service'",
                "linger",
                "start 'docker.service'",
                "ping \"$XDG_RUNTIME_DIR\"/'docker.sock'"
            ]
        );
    }

    #[test]
    fn what_has_no_units_cannot_be_started() {
        let files = ["/var/lib/minishift"];
        assert_eq!(steps("openshift", &[], &files, Verb::Start), None);
    }
}
