//! The chain of questions, in the order of `env`, each answered by the same functions as there. What depends on an answer
//! that is missing is not asked.

use std::time::{Duration, Instant};

use super::examination::{Examination, names};
use super::finding::{ChainStep, Finding};
use super::{guest, host, login};
use crate::base::files::PrivateFolder;
use crate::base::platform::LockHolder;
use crate::base::text::humanize_duration;
use crate::base::{files, timeouts};
use crate::catalogue::Service;
use crate::commands::context::Context;
use crate::error::{Error, ExitCode, Explain};
use crate::machine::Machine;
use crate::services::{ConnectedService, Scope, reconnect_cached};

/// All that was found out.
pub(super) struct Diagnosis {
    pub(super) findings: Vec<Finding>,
    /// The services that can be used.
    pub(super) working: Vec<String>,
    /// What `env` would end with.
    pub(super) code: ExitCode,
    pub(super) machine: Option<Machine>,
}

/// Examines `services` of the machine that is meant; `are_named` by the user, so that all of them have to work. `fault` is what is
/// wrong with the project's file.
pub(super) fn examine(
    services: &[&Service],
    are_named: bool,
    fault: Option<&Error>,
    context: &Context,
) -> Diagnosis {
    let mut examination = Examination::new(context);
    let machine = machine(&mut examination);
    let mut working = Vec::new();
    if let Some(machine) = &machine {
        if let Some(fault) = fault {
            examination.fails(fault, Duration::ZERO);
        }
        let has_state = state(machine, &mut examination);
        let scope = if are_named { Scope::Named } else { Scope::All };
        let cached = if has_state { cache(services, machine, scope, &mut examination) } else { Vec::new() };
        let is_cached = !cached.is_empty();
        working = names(&cached);
        host::examine(services, machine, &mut examination);
        if has_state {
            let found = guest_itself(services, are_named, machine.clone(), &mut examination);
            if found.is_empty() {
                host::clients(&cached, &mut examination);
            }
            if !is_cached {
                working = found;
            }
        }
        if is_cached {
            // Then `env` asks nobody else.
            examination.forgive();
            fault.inspect(|fault| examination.ends_with(fault.exit_code()));
        }
    } else {
        examination.not_asked(ChainStep::Connection, "which machine is meant is not known");
    }
    let (findings, code) = examination.end();
    Diagnosis { findings, working, code, machine }
}

fn machine(examination: &mut Examination) -> Option<Machine> {
    let begin = Instant::now();
    let machine = match examination.context.machine() {
        Ok(machine) => machine,
        Err(error) => {
            examination.fails(&error, begin.elapsed());
            return None;
        }
    };
    let text = format!("`{}` is {}, {}", machine.name, machine.route(), rule(&machine, examination.context));
    examination.ok(ChainStep::Machine, &text, Some(begin.elapsed()));
    if let Some(origin) = machine.origin() {
        match origin.loss(&machine.name) {
            Some(loss) => {
                let text = format!("Vagrant's files say of `{}`: {loss}", machine.name);
                examination.note(ChainStep::Vagrant, &text, None);
            }
            None => examination.ok(
                ChainStep::Vagrant,
                "Vagrant's files say that it is still the same machine",
                None,
            ),
        }
    }
    Some(machine)
}

/// By which rule it is the one that is meant, and whether it was used before.
fn rule(machine: &Machine, context: &Context) -> String {
    let by = match context.default_by() {
        Ok(Some(by)) => format!("by `{by}`"),
        _ if context.names_a_machine() => "as you named it".to_owned(),
        _ if machine.origin().is_some() => "that of the current folder".to_owned(),
        _ => "the only one that was used from here".to_owned(),
    };
    let used = machine.last_use().and_then(|time| time.elapsed().ok());
    match used {
        Some(used) => format!("{by}, used {} ago", humanize_duration(used)),
        None => format!("{by}, not used from here before"),
    }
}

/// The machine's folder on this host. False when nothing can be kept there.
fn state(machine: &Machine, examination: &mut Examination) -> bool {
    let begin = Instant::now();
    let folder = machine.files.folder();
    let deadline = examination.context.deadline.at_most(timeouts::LOCK_OF_ANOTHER);
    // It is made when there is something to keep.
    let lock = || if folder.exists() { machine.lock(deadline).map(drop) } else { Ok(()) };
    let checked = files::refuse_shared(folder).and_then(|()| lock());
    match checked {
        Ok(()) => {
            examination.ok(
                ChainStep::State,
                &format!("`{}` is yours alone, and free", folder.display()),
                None,
            );
            true
        }
        Err(error) => {
            let is_locked = matches!(error, files::Error::FolderLocked { .. });
            examination.fails(&error.into(), begin.elapsed());
            let holder = is_locked.then(|| PrivateFolder::holder(folder)).flatten();
            if let Some(LockHolder { process, program }) = holder {
                let text = format!("it is locked by process {process}, `{program}`");
                examination.note(ChainStep::State, &text, None);
            }
            examination.not_asked(ChainStep::Connection, "nothing that is learnt could be kept");
            false
        }
    }
}

/// What `env` would say without asking the machine; empty when it would ask.
fn cache<'s>(
    services: &[&'s Service],
    machine: &Machine,
    scope: Scope,
    examination: &mut Examination,
) -> Vec<ConnectedService<'s>> {
    let begin = Instant::now();
    let tunnel = match examination.context.tunnel() {
        Ok(tunnel) => tunnel,
        Err(error) => {
            examination.fails(&error, begin.elapsed());
            return Vec::new();
        }
    };
    let cached = reconnect_cached(services, machine, scope, &tunnel, examination.context.deadline);
    let text = match &cached {
        Some(_) => "`env` has its answer from the last time, which is still good",
        None => "`env` would ask the machine: nothing is known from the last time, or it is not as it was",
    };
    examination.ok(ChainStep::Cache, text, Some(begin.elapsed()));
    cached.unwrap_or_default()
}

/// The machine itself: logs in and asks. The services that can be used.
fn guest_itself(
    services: &[&Service],
    are_named: bool,
    mut machine: Machine,
    examination: &mut Examination,
) -> Vec<String> {
    let begin = Instant::now();
    let was_known = machine.files.known_hosts().exists();
    match examination.context.open_session(&mut machine) {
        Ok(session) => {
            let place = machine.route().target.place();
            let text = format!("{place} lets `{}` in", machine.route().target.user);
            examination.ok(ChainStep::Connection, &format!("an SSH server answers at {place}"), None);
            let learnt = if was_known { "the one that was known" } else { "learnt just now" };
            let key = format!("its host key, {}, is {learnt}", session.host_key());
            examination.ok(ChainStep::HostKey, &key, None);
            examination.ok(ChainStep::Login, &text, Some(begin.elapsed()));
            guest::examine(services, are_named, session, examination)
        }
        Err(error) => {
            examination.fails(&error, begin.elapsed());
            login::look_closer(&error, &machine, examination);
            examination.not_asked(ChainStep::Guest, "nobody could log in");
            Vec::new()
        }
    }
}
