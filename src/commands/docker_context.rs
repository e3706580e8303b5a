//! `service-manager docker-context [--name NAME] [--use] [--remove]`

use std::path::Path;

use super::context::{Context, print};
use crate::access::docker_context::{DockerContext, DockerContextStore, PutOutcome, Removal};
use crate::base::deadline::Deadline;
use crate::base::paths;
use crate::base::text::{escape_control, sh_word};
use crate::base::types::DockerContextName;
use crate::cli::DockerContextArgs;
use crate::error::Error;
use crate::guest::probe::Questions;
use crate::machine::{DockerContextRecord, Machine, docker_contexts};
use crate::services::{self, ConnectedService, Connections, connect, keep};

pub(super) fn run(args: &DockerContextArgs, context: &Context) -> Result<(), Error> {
    if args.remove { remove(context) } else { make(args, context) }
}

fn make(args: &DockerContextArgs, context: &Context) -> Result<(), Error> {
    let folder = paths::docker_config(&context.env)?;
    let machine = context.machine()?;
    let name = name(args.name.as_ref(), &machine, &folder)?;
    // Before anything is started for it.
    DockerContextStore::open(&folder, context.deadline)?.require_free(&name, &machine.key())?;
    let catalogue = context.catalogue()?;
    let services = catalogue.select(&[DOCKER.to_owned()])?;
    let inspection = context.inspect(machine, &Questions::to_use(services.iter().copied()))?;
    let warn = |error: services::Error| context.warn(&error.into());
    let Connections { connected, .. } =
        connect(&inspection, &services, false, context.deadline, |_| (), warn)?;
    let machine = inspection.machine;
    for service in connected {
        put(&name, &service, &machine, &folder, args, context)?;
        keep(service, &machine, context.deadline)?;
    }
    print(&format!("{name}\n"))
}

/// What is typed; else what it is called already; else the machine's name, as in kubeconfigs.
fn name(
    typed: Option<&DockerContextName>,
    machine: &Machine,
    folder: &Path,
) -> Result<DockerContextName, Error> {
    let known = docker_contexts(&machine.files)?.into_iter().find(|record| record.folder == folder);
    if let Some(name) = typed.cloned().or(known.map(|record| record.name)) {
        return Ok(name);
    }
    let name = format!("{}-{DOCKER}", machine.name);
    DockerContextName::parse(&name).map_err(|source| Error::Value { what: format!("`{name}`"), source })
}

/// Has the context lead to `service`.
fn put(
    name: &DockerContextName,
    service: &ConnectedService,
    machine: &Machine,
    folder: &Path,
    args: &DockerContextArgs,
    context: &Context,
) -> Result<(), Error> {
    service.notes().iter().for_each(|note| context.note(note));
    let store = DockerContextStore::open(folder, context.deadline)?;
    let former = remember(name, machine, folder, context.deadline)?;
    let outcome = store.put(DockerContext {
        name,
        description: &format!("{} in the machine `{}`", service.detected.service.title, machine.name),
        machine: &machine.key(),
        host: &service.endpoint.docker_host(),
        credentials: service.credentials.as_ref(),
    })?;
    for former in former {
        report_removal(&former, &store.remove(&former.name, &machine.key())?, context);
    }
    let done = match outcome {
        PutOutcome::Added => "added",
        PutOutcome::Replaced => "replaced",
        PutOutcome::Unchanged => "already as it should be:",
    };
    context.note(&format!("{done} the docker context `{name}`"));
    if args.switch {
        report_switch(name, store.switch_to(name, &machine.key())?.as_deref(), context);
    } else {
        context.note(&format!("`docker --context {}` uses it", sh_word(name.as_str())));
    }
    Ok(())
}

/// Keeps what `machines forget` looks for. Returns those that it was called by before.
fn remember(
    name: &DockerContextName,
    machine: &Machine,
    folder: &Path,
    deadline: Deadline,
) -> Result<Vec<DockerContextRecord>, Error> {
    let locked = machine.lock(deadline)?;
    let known = docker_contexts(&machine.files)?;
    let (former, mut others): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|record| record.folder == folder);
    others.push(DockerContextRecord { folder: folder.to_owned(), name: name.clone() });
    machine.remember_docker_contexts(&locked, &others)?;
    Ok(former.into_iter().filter(|record| record.name != *name).collect())
}

/// Says which context docker takes now.
fn report_switch(name: &DockerContextName, before: Option<&str>, context: &Context) {
    let before = before.unwrap_or(DEFAULT);
    if before == name.as_str() {
        context.note(&format!("the current docker context is `{name}`"));
    } else {
        let before = escape_control(before);
        context.note(&format!("the current docker context is `{name}` now; it was `{before}`"));
    }
    let env = &context.env;
    if env.has_docker_host {
        context.note(
            "DOCKER_HOST is set in this shell, so docker takes no context there; `service-manager env docker --unset` prints what unsets it",
        );
    } else if let Some(other) = env.docker_context.as_ref().filter(|other| *other != name.as_str()) {
        let other = escape_control(other);
        context.note(&format!(
            "DOCKER_CONTEXT is set in this shell, so docker takes `{other}` there; `unset DOCKER_CONTEXT`"
        ));
    }
}

fn remove(context: &Context) -> Result<(), Error> {
    let machine = context.remembered_machine()?;
    let records = docker_contexts(&machine.files)?;
    if records.is_empty() {
        context.note(&format!("no docker context leads to `{}`", machine.name));
    }
    for record in records {
        take_away(&record, &machine.key(), context.deadline, context)?;
        let locked = machine.lock(context.deadline)?;
        let mut left = docker_contexts(&machine.files)?;
        left.retain(|known| *known != record);
        machine.remember_docker_contexts(&locked, &left)?;
    }
    Ok(())
}

/// Removes the context `record`, if it still leads to the machine with this `key`.
pub(super) fn take_away(
    record: &DockerContextRecord,
    key: &str,
    deadline: Deadline,
    context: &Context,
) -> Result<(), Error> {
    if !record.folder.exists() {
        return Ok(());
    }
    let removal = DockerContextStore::open(&record.folder, deadline)?.remove(&record.name, key)?;
    report_removal(record, &removal, context);
    Ok(())
}

fn report_removal(record: &DockerContextRecord, removal: &Removal, context: &Context) {
    if *removal != Removal::NotThere {
        context.note(&format!("removed the docker context `{}`", record.name));
    }
    if let Removal::RemovedCurrent { now } = removal {
        let now = now.as_ref().map_or(DEFAULT, DockerContextName::as_str);
        context.note(&format!("the current docker context is `{now}`"));
    }
}

const DOCKER: &str = "docker";
/// What docker calls the context that is none.
const DEFAULT: &str = "default";
