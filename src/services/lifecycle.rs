//! Starting and stopping services: one connection, over which the guest is asked, told, and asked again.

mod install;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use secrecy::SecretString;

pub(crate) use self::install::InstallPlan;
use super::availability::{Assessment, Availability, Readiness};
use super::cache;
use super::connected::ConnectedService;
use super::detect::{DetectedService, detect};
use super::error::{Error, ErrorKind};
use super::inspection::Inspection;
use super::session::MachineSession;
use super::state::State;
use crate::base::deadline::{Deadline, WorkerPanicked};
use crate::base::timeouts;
use crate::base::types::{ServiceName, SshUser, UnitName};
use crate::catalogue::{Access, Catalogue, Control, DOCKER_FILES, Service};
use crate::guest::control::{
    self, Action, ActionOutcome, Changes, Failure, Keys, KeysRenewal, Verb, installation_mark,
};
use crate::guest::probe::{Facts, FileFact, Questions};
use crate::ui::{Spinner, Ui};

/// A machine whose services are started or stopped.
pub(crate) struct Lifecycle<'c> {
    session: MachineSession,
    catalogue: &'c Catalogue,
    ui: Ui,
    /// Of the whole command.
    whole: Deadline,
    /// The part of that time that each service has.
    part: Duration,
    /// Of the service whose turn it is.
    deadline: Deadline,
}

/// How an action is spoken of.
#[derive(Clone, Copy, Debug)]
struct ActionWords {
    /// What is done: `start`.
    verb: &'static str,
    /// What it leads to: `up`.
    wanted: &'static str,
}

const INSTALL: ActionWords = ActionWords { verb: "install", wanted: "installed" };

impl From<Verb> for ActionWords {
    fn from(verb: Verb) -> Self {
        Self { verb: verb.as_str(), wanted: verb.wanted() }
    }
}

impl<'c> Lifecycle<'c> {
    pub(crate) fn new(session: MachineSession, catalogue: &'c Catalogue, ui: Ui, deadline: Deadline) -> Self {
        Self { session, catalogue, ui, whole: deadline, part: deadline.limit(), deadline }
    }

    /// Does `step` for each of `services`; each has an equal part of the command's time. One that fails is no reason not
    /// to do it for the others, unless it `is_final`.
    ///
    /// Returns what came of each, in their order, up to the final one.
    pub(crate) fn for_each<T>(
        &mut self,
        services: &[&Service],
        mut step: impl FnMut(&mut Self, &Service) -> T,
        is_final: impl Fn(&T) -> bool,
    ) -> Vec<T> {
        let limit = self.whole.limit() / u32::try_from(services.len()).unwrap_or(1).max(1);
        let mut results = Vec::new();
        for service in services {
            self.part = limit;
            self.set_deadline(self.whole.at_most(limit));
            results.push(step(self, service));
            if results.last().is_some_and(&is_final) {
                break;
            }
        }
        results
    }

    fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.session.set_deadline(deadline);
    }

    pub(crate) fn machine_name(&self) -> String {
        self.session.machine().name.to_string()
    }

    /// Detects `service` and connects to it.
    ///
    /// Errors: those of asking; there is no such service in the machine.
    pub(crate) fn inspect<'s>(&mut self, service: &'s Service) -> Result<Inspected<'s>, Error> {
        let mark = installation_mark(&service.name).filter(|_| !service.install.is_empty());
        self.ask(service, &Questions::to_use([service]).of_what_comes_up().with_file(mark))
    }

    /// Detects `service` and sees whether it answers; for that no token is made.
    ///
    /// Errors: as for [`Self::inspect`].
    pub(crate) fn inspect_readonly<'s>(&mut self, service: &'s Service) -> Result<Inspected<'s>, Error> {
        self.ask(service, &Questions::about([service]).with_listening())
    }

    fn ask<'s>(&mut self, service: &'s Service, questions: &Questions) -> Result<Inspected<'s>, Error> {
        let inspection = self.session.inspect(questions)?;
        let deadline = self.deadline.at_most(timeouts::START_ATTEMPT);
        let assessment = inspection.assess_one(service, deadline);
        match assessment.detected.clone() {
            Some(detected) => Ok(Inspected { detected, assessment, inspection }),
            None => Err(assessment.into_error().unwrap_or(WorkerPanicked.into())),
        }
    }

    /// Those services that run and will not when `detected` is started.
    ///
    /// Errors: those of asking.
    pub(crate) fn stopped_by(&mut self, detected: &DetectedService) -> Result<Vec<String>, Error> {
        let others = all_stopped_by(&detected.flavour.control, self.catalogue)?;
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let facts = self.session.inspect(&Questions::about(others.iter().copied()))?.facts;
        let runs = |service: &&&Service| own(service, &facts).is_some_and(|found| found.state.is_up());
        Ok(others.iter().filter(runs).map(|service| service.name.to_string()).collect())
    }

    /// Those of `services` that, as they come in this machine, cannot be started together, since one stops the other.
    ///
    /// Errors: those of asking.
    pub(crate) fn mutually_exclusive(&mut self, services: &[&Service]) -> Result<Option<Exclusive>, Error> {
        if exclusive_under_sccli(services).is_none() {
            return Ok(None);
        }
        let facts = self.session.inspect(&Questions::about(services.iter().copied()))?.facts;
        let detected: Vec<_> = services.iter().filter_map(|service| own(service, &facts)).collect();
        let pairs = detected.iter().flat_map(|detected| {
            let stopped = stopped_by(&detected.flavour.control, services);
            stopped.map(|other| (&detected.service.name, other))
        });
        let pairs: Vec<(&ServiceName, &ServiceName)> = pairs.collect();
        let Some((service, other)) = pairs.first() else { return Ok(None) };
        let (service, other) = (service.to_string(), other.to_string());
        let error = Some(Error::MutuallyExclusive { service, machine: self.machine_name(), other });
        let names =
            pairs.iter().flat_map(|(service, other)| [(*service).clone(), (*other).clone()]).collect();
        Ok(Some(Exclusive { names, error }))
    }

    /// Makes sure that nothing else stops when `detected` is started.
    ///
    /// Errors: something would; those of asking.
    pub(crate) fn require_room(&mut self, detected: &DetectedService) -> Result<(), Error> {
        let others = self.stopped_by(detected)?;
        if others.is_empty() {
            return Ok(());
        }
        let service = detected.service.name.to_string();
        Err(Error::WouldStop { service, machine: self.machine_name(), others })
    }

    /// The units of the services that stop when `detected` starts.
    ///
    /// Errors: a service file names one that is not there.
    fn units_stopped_by(&self, detected: &DetectedService) -> Result<Vec<UnitName>, Error> {
        let others = all_stopped_by(&detected.flavour.control, self.catalogue)?;
        let flavours = others.into_iter().flat_map(|service| &service.flavours);
        let by_sccli = flavours.filter(|flavour| matches!(flavour.control, Control::Sccli { .. }));
        Ok(by_sccli.flat_map(|flavour| flavour.units.iter().cloned()).collect())
    }

    /// Does what `verb` asks for, and makes `changes`.
    ///
    /// Errors: nothing in the guest can, the user may not, or a part of it fails; those of the connection.
    pub(crate) fn act(
        &mut self,
        verb: Verb,
        detected: &DetectedService,
        changes: &Changes,
    ) -> Result<(), Error> {
        let user = self.session.machine().route().target.user.clone();
        let target = detected.target();
        let action = Action::new(verb, target).ok_or_else(|| Error::NoControl {
            verb: verb.as_str(),
            service: detected.service.name.to_string(),
            flavour: detected.flavour.name.to_string(),
            machine: self.machine_name(),
            remedy: detected.remedy(verb),
        })?;
        let mut action = action.with(changes, target, &user)?;
        if verb == Verb::Start {
            action = action.stopping(self.units_stopped_by(detected)?);
        }
        let text = format!("{} {}", verb.participle(), detected.service.title);
        let spinner = Spinner::new(self.ui, &text);
        let restarted = self.execute(&action, verb, detected.service)?;
        drop(spinner);
        self.note_restarted(&restarted);
        Ok(())
    }

    /// Lets `detected`, which runs, start with the machine too, and notes when its user may not do that.
    ///
    /// Errors: those of the connection; systemd refuses.
    pub(crate) fn enable(&mut self, detected: &DetectedService) -> Result<(), Error> {
        let Some(action) = Action::enable(detected.target()) else { return Ok(()) };
        match self.execute(&action, Verb::Start, detected.service) {
            Err(Error::NoSudo { user, .. }) => {
                let service = &detected.service.title;
                self.ui.note(&format!(
                    "whether {service} starts with the machine is left as it is: `{user}` cannot use sudo"
                ));
                Ok(())
            }
            result => result.map(drop),
        }
    }

    /// Returns the units that had to start anew for changes.
    fn execute(&mut self, action: &Action, verb: Verb, service: &Service) -> Result<Vec<UnitName>, Error> {
        // Before this side has given up.
        let patience = (self.deadline.left() / 2).min(timeouts::OTHER_ACTION);
        self.execute_patiently(action, verb.into(), service, patience)
    }

    /// As [`Self::execute`]; what holds a lock in the guest has `patience` to end.
    fn execute_patiently(
        &mut self,
        action: &Action,
        words: ActionWords,
        service: &Service,
        patience: Duration,
    ) -> Result<Vec<UnitName>, Error> {
        let ui = self.ui;
        let outcome = self.session.execute(action, patience, |progress| ui.note(&progress.to_string()));
        self.done(outcome, words, service)
    }

    /// The units that had to start anew, if all was done.
    fn done(
        &self,
        outcome: Result<ActionOutcome, Error>,
        words: ActionWords,
        service: &Service,
    ) -> Result<Vec<UnitName>, Error> {
        let (ActionWords { verb, wanted }, name) = (words, service.name.to_string());
        match outcome {
            Ok(ActionOutcome::Done(restarted)) => Ok(restarted),
            Ok(ActionOutcome::NotRoot(stderr)) => Err(Error::NoSudo {
                user: self.session.machine().route().target.user.to_string(),
                machine: self.machine_name(),
                what: format!("only root can {verb} {name}"),
                stderr,
                as_root: self.session.machine().route().as_root(),
            }),
            Ok(ActionOutcome::Failed(Failure { step, said })) => {
                let machine = self.machine_name();
                Err(Error::ActionFailed { verb, service: name, machine, step, said, source: None })
            }
            Err(error) if error.is_timeout() && verb == INSTALL.verb => Err(Error::InstallTimedOut {
                service: name,
                machine: self.machine_name(),
                limit: self.deadline.limit(),
            }),
            Err(error) if error.is_timeout() => Err(self.timed_out(service, wanted, None)),
            Err(error) => Err(error),
        }
    }

    /// Waits until all of `service` is up and answers. Where the keys of a Docker daemon are in the way that may be
    /// replaced, they are, once.
    ///
    /// Errors: it has failed, does not come up in time, or cannot be used for a reason that waiting does not change.
    pub(crate) fn wait_until_up<'s>(
        &mut self,
        service: &'s Service,
    ) -> Result<Option<Box<ConnectedService<'s>>>, Error> {
        match self.wait_for_answer(service) {
            Err(error) if error.is_about_keys() => {
                self.renew_keys(service, error)?;
                self.wait_for_answer(service)
            }
            answer => answer,
        }
    }

    /// Replaces the keys of a Docker daemon that makes its own, because of `error`.
    ///
    /// Errors: `error`, where that is not what the machine has; those of the connection and of what is done.
    fn renew_keys(&mut self, service: &Service, error: Error) -> Result<(), Error> {
        if service.flavours.iter().all(|flavour| flavour.access.renewable_keys().is_none()) {
            return Err(error);
        }
        let inspected = self.inspect(service)?;
        let user = self.session.machine().route().target.user.clone();
        let Some(renewal) = inspected.keys_renewal(user)? else { return Err(error) };
        self.ui.note(&format!("{} is given new certificates: {error}", service.title));
        let restarted = self.execute(&Action::renew_keys(renewal), Verb::Start, service)?;
        self.note_restarted(&restarted);
        Ok(())
    }

    fn note_restarted(&self, units: &[UnitName]) {
        if !units.is_empty() {
            let names: Vec<&str> = units.iter().map(UnitName::as_str).collect();
            self.ui.note(&format!("restarted for the changes: {}", names.join(", ")));
        }
    }

    /// As [`Self::wait_until_up`], and changes nothing.
    fn wait_for_answer<'s>(
        &mut self,
        service: &'s Service,
    ) -> Result<Option<Box<ConnectedService<'s>>>, Error> {
        let wanted = Verb::Start.wanted();
        let _spinner = Spinner::new(self.ui, &format!("waiting until {} answers", service.title));
        let (mut last, mut word, mut setback) = (None, LastWord::default(), Setback::default());
        loop {
            let Inspected { detected, assessment, .. } = match self.inspect(service) {
                Err(error) if error.is_timeout() => return Err(self.timed_out(service, wanted, last)),
                inspected => inspected?,
            };
            match assessment.readiness_after(word.heard(&assessment)) {
                Readiness::Ready => return Ok(assessment.into_connected()),
                Readiness::Stuck => return assessment.into_error().map_or(Ok(None), Err),
                Readiness::Coming | Readiness::Down => {
                    let error =
                        assessment.into_problem().filter(|error| !matches!(error, Error::NoAccess { .. }));
                    // An attempt that was cut short knows less.
                    last = if self.deadline.is_over() { last.or(error) } else { error.or(last) };
                }
            }
            if setback.is_final(detected.patience) {
                // It tells why.
                self.execute(&Action::report_failure(detected.target()), Verb::Start, service)?;
            }
            self.pause().map_err(|()| self.timed_out(service, wanted, last.take()))?;
        }
    }

    /// Waits until nothing of `service` is up.
    ///
    /// Errors: something still is when the time is over.
    pub(crate) fn wait_until_down(&mut self, service: &Service) -> Result<(), Error> {
        let _spinner = Spinner::new(self.ui, &format!("waiting until {} is gone", service.title));
        loop {
            match self.inspect_readonly(service) {
                // What had no time to answer may be there all the same.
                Ok(_) if self.deadline.is_over() => break,
                Ok(inspected) if inspected.assessment.readiness() == Readiness::Down => return Ok(()),
                Err(error) if error.says_that_it_is_gone() => return Ok(()),
                Ok(_) => {}
                Err(error) if error.is_timeout() => break,
                Err(error) => return Err(error),
            }
            if self.pause().is_err() {
                break;
            }
        }
        Err(self.timed_out(service, Verb::Stop.wanted(), None))
    }

    /// Writes what the host's clients need.
    ///
    /// Errors: the machine's folder is locked or cannot be written.
    pub(crate) fn keep(&self, connected: Option<Box<ConnectedService>>) -> Result<(), Error> {
        let Some(connected) = connected else { return Ok(()) };
        connected.notes().iter().for_each(|note| self.ui.note(note));
        cache::keep(*connected, self.session.machine(), self.whole)
    }

    /// Waits a moment; an error when the time would be over then.
    fn pause(&self) -> Result<(), ()> {
        if self.deadline.left() <= timeouts::START_POLL {
            return Err(());
        }
        thread::sleep(timeouts::START_POLL);
        Ok(())
    }

    fn timed_out(&self, service: &Service, wanted: &'static str, last: Option<Error>) -> Error {
        Error::StartTimedOut {
            service: service.name.to_string(),
            machine: self.machine_name(),
            wanted,
            limit: self.deadline.limit(),
            source: last.map(Box::new),
        }
    }
}

/// Units of a service that are down although it was started.
#[derive(Default)]
struct Setback {
    since: Option<Instant>,
    /// Since when none is, after that.
    over_since: Option<Instant>,
}

impl Setback {
    /// Whether waiting for what is down is in vain by now. One that fails whenever systemd starts it again is up now and then.
    fn is_final(&mut self, patience: Option<Duration>) -> bool {
        let Some(patience) = patience else {
            let over_since = *self.over_since.get_or_insert_with(Instant::now);
            self.since = self.since.filter(|_| over_since.elapsed() <= timeouts::RESTART_BY_SYSTEMD);
            return false;
        };
        self.over_since = None;
        self.since.get_or_insert_with(Instant::now).elapsed() > patience
    }
}

/// What a service that comes up says again and again, until nothing else is to be expected.
#[derive(Default)]
struct LastWord(Option<(ErrorKind, Instant)>);

impl LastWord {
    /// For how long it has said what it says now.
    fn heard(&mut self, assessment: &Assessment) -> Duration {
        let kind = match (&assessment.availability, &assessment.detected) {
            (Availability::Unusable(error), Some(detected)) if detected.state == State::Running => {
                error.kind()
            }
            _ => {
                self.0 = None;
                return Duration::ZERO;
            }
        };
        match self.0 {
            Some((known, since)) if known == kind => since.elapsed(),
            _ => {
                self.0 = Some((kind, Instant::now()));
                Duration::ZERO
            }
        }
    }
}

/// Services that cannot be started together.
pub(crate) struct Exclusive {
    names: BTreeSet<ServiceName>,
    /// What it is to start two of them.
    pub(crate) error: Option<Error>,
}

impl Exclusive {
    pub(crate) fn is_about(&self, service: &Service) -> bool {
        self.names.contains(&service.name)
    }
}

/// The first of `services` that may stop another one, and that one: where `sccli` starts them.
pub(crate) fn exclusive_under_sccli<'s>(
    services: &[&'s Service],
) -> Option<(&'s ServiceName, &'s ServiceName)> {
    services.iter().find_map(|service| {
        let mut controls = service.flavours.iter().map(|flavour| &flavour.control);
        controls.find_map(|control| Some((&service.name, stopped_by(control, services).next()?)))
    })
}

/// `service` as it is in the guest, unless it is merely what another one provides there: that one does not stop itself.
fn own<'s>(service: &'s Service, facts: &Facts) -> Option<DetectedService<'s>> {
    detect(service, facts, None).filter(|found| found.provider.is_none())
}

/// The services that stop when one with this `control` is started.
///
/// Errors: its service file names one that is not there.
fn all_stopped_by<'c>(control: &Control, catalogue: &'c Catalogue) -> Result<Vec<&'c Service>, Error> {
    let names: Vec<String> = stops(control).iter().map(ToString::to_string).collect();
    // To name none would be to mean all.
    if names.is_empty() { Ok(Vec::new()) } else { Ok(catalogue.select(&names)?) }
}

/// The names of the services that stop when one with this `control` is started.
fn stops(control: &Control) -> &[ServiceName] {
    match control {
        Control::Sccli { stops, .. } => stops,
        Control::System { .. } | Control::User { .. } => &[],
    }
}

/// Those of `services` that stop when one with this `control` is started.
fn stopped_by<'s>(control: &Control, services: &[&'s Service]) -> impl Iterator<Item = &'s ServiceName> {
    let stops = stops(control);
    services.iter().map(|service| &service.name).filter(move |name| stops.contains(name))
}

/// What was found out about a service of the machine.
pub(crate) struct Inspected<'s> {
    pub(crate) detected: DetectedService<'s>,
    pub(crate) assessment: Assessment<'s>,
    pub(crate) inspection: Inspection,
}

impl Inspected<'_> {
    /// What is needed to replace its keys for the addresses that the machine has now. None where `start` may not.
    ///
    /// Errors: the system has no random numbers.
    fn keys_renewal(&self, user: SshUser) -> Result<Option<KeysRenewal>, Error> {
        let Access::Docker { folder, daemon: Some(daemon), .. } = &self.detected.flavour.access else {
            return Ok(None);
        };
        let Some(unit) = self.detected.units.first().cloned() else { return Ok(None) };
        let text = |name: &'static str| match self.inspection.facts.files.get(&folder.child(name)) {
            Some(FileFact::Text { content, .. }) => {
                String::from_utf8(content.bytes().to_vec()).ok().map(SecretString::from)
            }
            _ => Some(SecretString::default()),
        };
        let old_keys: Option<Vec<SecretString>> = DOCKER_FILES.into_iter().map(text).collect();
        let old_keys = old_keys.and_then(|texts| texts.try_into().ok());
        let keys =
            Keys::make(&self.inspection.addresses(), SystemTime::now()).map_err(control::Error::from)?;
        Ok(Some(KeysRenewal { unit, daemon: daemon.clone(), user, old_keys, keys }))
    }
}
