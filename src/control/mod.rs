//! Starting and stopping services in the guest: one command for each, made of fixed functions and validated words.

mod script;

use crate::discover::Found;
use crate::error::Error;
use crate::grammar::{GuestPath, UnitName, line, printable};
use crate::probe::frame::{End, Frame, Nonce, parse};
use crate::service::Control;
use crate::ssh::Connection;

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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// How an action ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was done.
    Done,
    /// Nothing was done: the user may not act as root. What the guest said to it.
    NotRoot(String),
    /// A part of it failed, and what comes after that was not done.
    Failed(Failure),
}

/// Why a part of an action failed, in words of the guest that may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The unit, or the socket that nothing answers at.
    pub what: String,
    /// What was said about it.
    pub said: Vec<String>,
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
        let (instance, units, ping) = match &found.flavour.control {
            Control::System { ping } => (Instance::System, &found.units, ping),
            Control::User { units, ping } => (Instance::User, units, ping),
        };
        if units.is_empty() {
            return None;
        }
        let units = units.clone();
        let backwards = || units.iter().rev().cloned().collect();
        let mut steps = match verb {
            Verb::Start => vec![Step::Enable(units.clone())],
            Verb::Stop => {
                vec![Step::Disable(units.clone()), Step::Disarm(units.clone()), Step::Stop(backwards())]
            }
            Verb::Restart => vec![Step::Stop(backwards())],
        };
        if found.flavour.static_pods && verb != Verb::Start {
            steps.push(Step::StopPods);
        }
        if verb != Verb::Stop {
            // Else it would end with this connection.
            steps.extend((instance == Instance::User).then_some(Step::Linger));
            steps.push(Step::Start(units));
            steps.extend(ping.clone().map(Step::Ping));
        }
        Some(Self { instance, steps })
    }

    /// Has the guest say why the first unit that is down is so, and does nothing.
    pub fn explain(found: &Found) -> Self {
        let instance = match found.flavour.control {
            Control::System { .. } => Instance::System,
            Control::User { .. } => Instance::User,
        };
        Self { instance, steps: found.down.first().cloned().map(Step::Explain).into_iter().collect() }
    }

    /// Does it, over `connection`.
    ///
    /// Errors: those of the connection; the answer is cut off, too long or not of the agreed form.
    pub fn carry_out(&self, connection: &mut Connection, user_is_root: bool) -> Result<Outcome, Error> {
        let nonce = Nonce::random()?;
        let command = script::command(self.instance == Instance::System && !user_is_root);
        let script = script::script(self, &nonce);
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

/// Reads the answer.
///
/// Errors: it says what nobody asked for.
fn outcome(frames: &[Frame]) -> Result<Outcome, Error> {
    let mut failure: Option<Failure> = None;
    for frame in frames {
        let text = String::from_utf8_lossy(frame.body);
        match (frame.kind, &mut failure) {
            ("failed", None) => failure = Some(Failure { what: printable(&text), said: Vec::new() }),
            ("said", Some(failure)) => failure.said.extend(lines(&text)),
            _ => return Err(Error::AnswerMalformed),
        }
    }
    Ok(failure.map_or(Outcome::Done, Outcome::Failed))
}

/// The last lines of what a program said.
fn lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(MOST_LINES)).map(|text| line(text)).collect()
}

const LONGEST_ANSWER: usize = 256 << 10;
/// Of what a unit said.
const MOST_LINES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::discover;
    use crate::probe::{Facts, FileFact, UnitState};
    use crate::service::Catalogue;

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

    #[test]
    fn an_answer_says_what_failed_and_nothing_else() {
        let frame = |kind, body| Frame { kind, index: None, body };
        assert_eq!(outcome(&[]).unwrap(), Outcome::Done);
        let said = b"one\n\n\x1b[31mtwo\n";
        assert_eq!(
            outcome(&[frame("failed", b"k3s\x07"), frame("said", said)]).unwrap(),
            Outcome::Failed(Failure {
                what: "k3s\\u{7}".into(),
                said: vec!["one".into(), "\\u{1b}[31mtwo".into()]
            })
        );
        let many = "x\n".repeat(1000);
        let Outcome::Failed(failure) =
            outcome(&[frame("failed", b"k3s"), frame("said", many.as_bytes())]).unwrap()
        else {
            panic!("it did not fail")
        };
        assert_eq!(failure.said.len(), MOST_LINES);
        for hostile in
            [&[frame("said", b"x")][..], &[frame("root", b"")], &[frame("failed", b""), frame("failed", b"")]]
        {
            assert!(outcome(hostile).is_err());
        }
    }
}
