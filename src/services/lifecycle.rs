//! What `start`, `stop` and `restart` have in common: one connection, over which the guest is asked, told, and asked again.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::{connected, prepared};
use crate::base::deadline::{Deadline, WorkerPanicked};
use crate::base::types::UnitName;
use crate::catalogue::{Catalogue, Control, Service};
use crate::commands::context::{Context, print};
use crate::error::{Error, ExitCode};
use crate::guest::control::{Action, Changes, Failure, Outcome, Verb};
use crate::guest::probe::Questions;
use crate::guest::ssh::Connection;
use crate::machine::Machine;
use crate::services::detect::{Found, State, discover};
use crate::services::inspection::{InUse, Visit};
use crate::ui::Spinner;

/// A connection to a machine whose services are started or stopped.
pub(crate) struct Session<'c> {
    machine: Machine,
    connection: Connection,
    catalogue: &'c Catalogue,
    context: &'c Context,
    /// Of the service whose turn it is.
    deadline: Deadline,
}

/// How a service is, seen from here.
pub(crate) enum Condition<'a> {
    /// All of it is up and answers. Some cannot be used from the host.
    Up(Option<Box<InUse<'a>>>),
    /// All of it is up, but waiting does not make it usable.
    Unusable(Error),
    /// Something of it is up. Why it cannot be used, where that was tried.
    Partly(Option<Error>),
    /// Nothing of it is up, as this error says.
    Down(Error),
}

/// What was seen of a service.
pub(crate) struct Look<'a> {
    pub(crate) found: Found<'a>,
    pub(crate) condition: Condition<'a>,
    /// Those of the machine.
    pub(crate) addresses: Vec<IpAddr>,
}

/// Does `step` for each of the services called `names`, once `check` has found no fault in all of them. One that fails
/// is no reason not to do it for the others.
///
/// Errors: the fault, or the first failure; the user is told of the others.
pub(crate) fn each(
    names: &[String],
    context: &Context,
    check: impl FnOnce(&mut Session, &[&Service]) -> Result<(), Error>,
    mut step: impl FnMut(&mut Session, &Service) -> Result<(), Error>,
) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services = catalogue.select(names)?;
    // What the whole command has is as much for each name.
    let limit = context.deadline.limit() / u32::try_from(names.len()).unwrap_or(1).max(1);
    let mut session = Session::open(&catalogue, context)?;
    check(&mut session, &services)?;
    let mut failure = None;
    for service in services {
        session.begin_turn(limit);
        match step(&mut session, service) {
            Err(error) if error.exit_code() == ExitCode::Unreachable => {
                if let Some(failure) = failure {
                    context.warn(&failure);
                }
                return Err(error);
            }
            Err(error) if failure.is_some() => context.warn(&error),
            Err(error) => failure = Some(error),
            Ok(()) => {}
        }
    }
    failure.map_or(Ok(()), Err)
}

impl<'c> Session<'c> {
    fn open(catalogue: &'c Catalogue, context: &'c Context) -> Result<Self, Error> {
        let (mut machine, deadline) = (context.machine()?, context.deadline);
        let connection = context.connect(&mut machine)?;
        Ok(Self { machine, connection, catalogue, context, deadline })
    }

    pub(crate) fn machine_name(&self) -> String {
        self.machine.name.to_string()
    }

    fn begin_turn(&mut self, limit: Duration) {
        self.deadline = self.context.deadline.at_most(limit);
        self.connection.set_deadline(self.deadline);
    }

    /// Finds `service` and tries to use it.
    ///
    /// Errors: those of asking; there is no such service in the machine.
    pub(crate) fn look<'s>(&mut self, service: &'s Service) -> Result<Look<'s>, Error> {
        self.ask(service, &Questions::to_use([service]))
    }

    /// Finds `service` and sees whether it answers; for that no token is made.
    ///
    /// Errors: as for [`Self::look`].
    pub(crate) fn glance<'s>(&mut self, service: &'s Service) -> Result<Look<'s>, Error> {
        self.ask(service, &Questions::about([service]))
    }

    fn ask<'s>(&mut self, service: &'s Service, questions: &Questions) -> Result<Look<'s>, Error> {
        let visit = Visit::ask(&self.machine, questions, &mut self.connection)?;
        let not_installed =
            || Error::NotInstalled { service: service.name.to_string(), machine: self.machine_name() };
        let found = discover(service, &visit.facts).ok_or_else(not_installed)?;
        let deadline = self.deadline.at_most(ATTEMPT);
        let answer = visit.use_services(vec![found.clone()], &self.machine, deadline).pop();
        let is_whole = found.state == State::Running;
        let condition = match answer.unwrap_or(Err(WorkerPanicked.into())) {
            Ok(in_use) if is_whole => Condition::Up(Some(Box::new(in_use))),
            Err(Error::NoAccess { .. }) if is_whole => Condition::Up(None),
            Ok(_) | Err(Error::NoAccess { .. }) => Condition::Partly(None),
            Err(error @ Error::NotRunning { .. }) => Condition::Down(error),
            Err(error) if is_whole && !may_pass(&error) => Condition::Unusable(error),
            Err(error) => Condition::Partly(Some(error)),
        };
        Ok(Look { found, condition, addresses: visit.addresses() })
    }

    /// Those services that run and will not when `found` is started.
    ///
    /// Errors: those of asking.
    pub(crate) fn stopped_by(&mut self, found: &Found) -> Result<Vec<String>, Error> {
        let Control::Sccli { stops, .. } = &found.flavour.control else { return Ok(Vec::new()) };
        let names: Vec<String> = stops.iter().map(ToString::to_string).collect();
        if names.is_empty() {
            return Ok(names);
        }
        let others = self.catalogue.select(&names)?;
        let questions = Questions::about(others.iter().copied());
        let facts = Visit::ask(&self.machine, &questions, &mut self.connection)?.facts;
        let runs = |service: &&&Service| discover(service, &facts).is_some_and(|found| found.is_up());
        Ok(others.iter().filter(runs).map(|service| service.name.to_string()).collect())
    }

    /// Refuses to start `services` when, as they come in this machine, one of them stops another one.
    ///
    /// Errors: it does; those of asking.
    pub(crate) fn refuse_rivals(&mut self, services: &[&Service]) -> Result<(), Error> {
        let stopped = |control: &Control| {
            let Control::Sccli { stops, .. } = control else { return None };
            services.iter().find(|other| stops.contains(&other.name)).map(|other| other.name.to_string())
        };
        let mut flavours = services.iter().flat_map(|service| &service.flavours);
        if !flavours.any(|flavour| stopped(&flavour.control).is_some()) {
            return Ok(());
        }
        let questions = Questions::about(services.iter().copied());
        let facts = Visit::ask(&self.machine, &questions, &mut self.connection)?.facts;
        for found in services.iter().filter_map(|service| discover(service, &facts)) {
            if let Some(other) = stopped(&found.flavour.control) {
                let service = found.service.name.to_string();
                return Err(Error::Rivals { service, machine: self.machine_name(), other });
            }
        }
        Ok(())
    }

    /// Makes sure that nothing else stops when `found` is started.
    ///
    /// Errors: something would; those of asking.
    pub(crate) fn require_room(&mut self, found: &Found) -> Result<(), Error> {
        let others = self.stopped_by(found)?;
        if others.is_empty() {
            return Ok(());
        }
        let service = found.service.name.to_string();
        Err(Error::WouldStop { service, machine: self.machine_name(), others })
    }

    /// Does what `verb` asks for, and makes `changes`.
    ///
    /// Errors: nothing in the guest can, the user may not, or a part of it fails; those of the connection.
    pub(crate) fn act(&mut self, verb: Verb, found: &Found, changes: &Changes) -> Result<(), Error> {
        let user = self.machine.route().target.user.clone();
        let action = Action::new(verb, found).ok_or_else(|| Error::NoControl {
            verb: verb.as_str(),
            service: found.service.name.to_string(),
            flavour: found.flavour.name.to_string(),
            machine: self.machine_name(),
            start: found.flavour.hints.start.clone().filter(|_| verb == Verb::Start),
        })?;
        let action = action.with(changes, found, &user)?;
        let spinner =
            Spinner::new(self.context.ui, &format!("{} {}", verb.participle(), found.service.title));
        let restarted = self.carry_out(&action, verb, found)?;
        drop(spinner);
        if !restarted.is_empty() {
            let names: Vec<&str> = restarted.iter().map(UnitName::as_str).collect();
            self.note(&format!("restarted for the changes: {}", names.join(", ")));
        }
        Ok(())
    }

    /// Returns the units that had to start anew for changes.
    fn carry_out(&mut self, action: &Action, verb: Verb, found: &Found) -> Result<Vec<UnitName>, Error> {
        let user = self.machine.route().target.user.clone();
        // Before this side has given up.
        let patience = self.deadline.left().min(MOST_PATIENCE) / 2;
        match action.carry_out(&mut self.connection, user.as_str() == "root", patience) {
            Ok(Outcome::Done(restarted)) => Ok(restarted),
            Ok(Outcome::NotRoot(stderr)) => Err(Error::NoSudo {
                user: user.to_string(),
                machine: self.machine_name(),
                what: format!("only root can {} {}", verb.as_str(), found.service.name),
                stderr,
            }),
            Ok(Outcome::Failed(Failure { culprit, said })) => Err(Error::NotDone {
                verb: verb.as_str(),
                service: found.service.name.to_string(),
                machine: self.machine_name(),
                culprit,
                said,
            }),
            Err(Error::Timeout(_)) => Err(self.not_yet(found.service, verb.wanted(), None)),
            Err(error) => Err(error),
        }
    }

    /// Waits until all of `service` is up and answers.
    ///
    /// Errors: it has failed, does not come up in time, or cannot be used for a reason that waiting does not change.
    pub(crate) fn wait_until_up<'s>(
        &mut self,
        service: &'s Service,
    ) -> Result<Option<Box<InUse<'s>>>, Error> {
        let wanted = Verb::Start.wanted();
        let _spinner = Spinner::new(self.context.ui, &format!("waiting until {} answers", service.title));
        let (mut last, mut failed_since) = (None, None);
        loop {
            let Look { found, condition, .. } = match self.look(service) {
                Err(Error::Timeout(_)) => return Err(self.not_yet(service, wanted, last)),
                look => look?,
            };
            let error = match condition {
                Condition::Up(in_use) => return Ok(in_use),
                Condition::Unusable(error) => return Err(error),
                Condition::Partly(error) => error,
                Condition::Down(error) => Some(error),
            };
            // An attempt that was cut short knows less.
            last = if self.deadline.is_over() { last.or(error) } else { error.or(last) };
            if found.state != State::Failed {
                failed_since = None;
            } else if failed_since.get_or_insert_with(Instant::now).elapsed() > FAILED_FOR {
                // It tells why.
                self.carry_out(&Action::explain(&found), Verb::Start, &found)?;
            }
            pause(self.deadline).map_err(|()| self.not_yet(service, wanted, last.take()))?;
        }
    }

    /// Waits until nothing of `service` is up.
    ///
    /// Errors: something still is when the time is over.
    pub(crate) fn wait_until_down(&mut self, service: &Service) -> Result<(), Error> {
        let _spinner = Spinner::new(self.context.ui, &format!("waiting until {} is gone", service.title));
        loop {
            match self.glance(service) {
                // What had no time to answer may be there all the same.
                Ok(_) if self.deadline.is_over() => break,
                Ok(Look { condition: Condition::Down(_), .. }) | Err(Error::NotInstalled { .. }) => {
                    return Ok(());
                }
                Ok(_) => {}
                Err(Error::Timeout(_)) => break,
                Err(error) => return Err(error),
            }
            if pause(self.deadline).is_err() {
                break;
            }
        }
        Err(self.not_yet(service, Verb::Stop.wanted(), None))
    }

    /// Writes what the host's clients need.
    ///
    /// Errors: the machine's folder is locked or cannot be written.
    pub(crate) fn keep(&self, in_use: Option<Box<InUse>>) -> Result<(), Error> {
        let Some(in_use) = in_use else { return Ok(()) };
        connected::tell(std::slice::from_ref(&in_use), self.context.ui);
        prepared::keep(*in_use, &self.machine, self.context.deadline)
    }

    /// Says what was found.
    pub(crate) fn note(&self, text: &str) {
        self.context.note(text);
    }

    fn not_yet(&self, service: &Service, wanted: &'static str, last: Option<Error>) -> Error {
        Error::NotYet {
            service: service.name.to_string(),
            machine: self.machine_name(),
            wanted,
            limit: self.deadline.limit(),
            source: last.map(Box::new),
        }
    }
}

/// Says what has become of a service.
pub(crate) fn tell(text: &str) -> Result<(), Error> {
    print(&format!("{text}\n"))
}

/// Waits a moment; an error when `deadline` would be over then.
fn pause(deadline: Deadline) -> Result<(), ()> {
    if deadline.left() <= PAUSE {
        return Err(());
    }
    thread::sleep(PAUSE);
    Ok(())
}

/// True for what a service that comes up may say for a while: its files are not written yet, its rules not loaded.
fn may_pass(error: &Error) -> bool {
    matches!(
        error,
        Error::NotRunning { .. }
            | Error::NoAnswer { .. }
            | Error::NoCredentials { .. }
            | Error::CredentialsInvalid { .. }
            | Error::CredentialsRefused { .. }
            | Error::Kubeconfig { .. }
            | Error::Response { .. }
    )
}

/// A half of it, for others that start or stop something.
const MOST_PATIENCE: Duration = Duration::from_mins(4);
const PAUSE: Duration = Duration::from_millis(250);
/// For one attempt to use a service.
const ATTEMPT: Duration = Duration::from_secs(10);
/// systemd starts some units again, which may help.
const FAILED_FOR: Duration = Duration::from_secs(12);
