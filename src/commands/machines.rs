//! `service-manager machines [forget NAME | trust NAME | allow [FOLDER] | deny [FOLDER]]`

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::context::{Context, print, print_json};
use super::docker_context::take_away;
use super::kubeconfig::take_out;
use super::registry::take_away_trust;
use crate::access::kubeconfig;
use crate::base::files;
use crate::base::paths::MachineFiles;
use crate::base::text::{escape_control, humanize_duration, sh_path};
use crate::cli::{
    AllowArgs, DenyArgs, ForgetArgs, MachinesArgs, MachinesCommand, OutputFormat, TrustArgs, UseArgs,
};
use crate::error::Error;
use crate::guest::ssh::HostKeyChange;
use crate::guest::tunnel;
use crate::machine::{
    self, Consents, DockerContextRecord, FoundProjectFile, Machine, PROJECT_FILE, Project, ProjectFileError,
    Remembered, forget, remembered,
};
use crate::services::{self, ShownHostKeys};
use crate::ui::table::{Column, Table};
use crate::ui::{self, json};

pub(super) fn run(args: &MachinesArgs, context: &Context) -> Result<(), Error> {
    match &args.what {
        None => list(args.output, context),
        Some(MachinesCommand::Use(args)) => choose(args, context),
        Some(MachinesCommand::List(args)) => list(args.output, context),
        Some(MachinesCommand::Forget(args)) => forget_one(args, context),
        Some(MachinesCommand::Trust(args)) => trust(args, context),
        Some(MachinesCommand::Allow(AllowArgs { folder })) => allow(folder.as_deref(), context),
        Some(MachinesCommand::Deny(DenyArgs { folder })) => deny(folder.as_deref(), context),
    }
}

/// Has what a project brings along count, as it is now.
fn allow(folder: Option<&Path>, context: &Context) -> Result<(), Error> {
    let (file, folders) = (project_file(folder, context)?, context.folders()?);
    if let Some(file) = &file {
        let invalid = |source| machine::Error::ProjectFile { path: file.path.clone(), source };
        let catalogue = context.catalogue()?;
        file.read().and_then(|read| read.check(&catalogue)).map_err(invalid)?;
        if file.is_foreign {
            return Err(invalid(ProjectFileError::Foreign).into());
        }
        file.allow(&folders, context.deadline)?;
        context.note(&format!("{} counts, as it is now", sh_path(&file.path)));
    }
    let Some((project, path)) = vagrant_project(folder, file.as_ref(), context)? else { return Ok(()) };
    Consents::new(&context.env, &folders).allow(&project, context.deadline)?;
    context.note(&format!("Vagrant may run `{path}`, as it is now"));
    Ok(())
}

/// Has what a project brings along never count.
fn deny(folder: Option<&Path>, context: &Context) -> Result<(), Error> {
    let (file, folders) = (project_file(folder, context)?, context.folders()?);
    if let Some(file) = &file {
        file.deny(&folders, context.deadline)?;
        context.note(&format!("{} does not count", sh_path(&file.path)));
    }
    let Some((project, path)) = vagrant_project(folder, file.as_ref(), context)? else { return Ok(()) };
    Consents::new(&context.env, &folders).deny(&project, context.deadline)?;
    context.note(&format!("Vagrant is not started for `{path}`"));
    Ok(())
}

/// The file of the project around `folder`, or the current one. If a file is named, it is that one and no other.
///
/// Errors: the file that is named cannot be read.
fn project_file(folder: Option<&Path>, context: &Context) -> Result<Option<FoundProjectFile>, Error> {
    let Some(folder) = folder else { return Ok(FoundProjectFile::find(&context.env)) };
    let path = context.env.expand(folder);
    if !is_project_file(&path) {
        return Ok(FoundProjectFile::find_from(&path));
    }
    let unreadable = |source| machine::Error::ProjectFile { path: path.clone(), source };
    Ok(Some(FoundProjectFile::at(&path, &context.env).map_err(unreadable)?))
}

fn is_project_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == PROJECT_FILE)
}

/// The Vagrant project there. None where there is only the project's `file`, or that alone is named.
fn vagrant_project(
    folder: Option<&Path>,
    file: Option<&FoundProjectFile>,
    context: &Context,
) -> Result<Option<(Project, String)>, Error> {
    if folder.is_some_and(is_project_file) {
        return Ok(None);
    }
    match project(folder, context) {
        Err(Error::Machine(machine::Error::NoProject { .. })) if file.is_some() => Ok(None),
        project => project.map(Some),
    }
}

/// The Vagrant project around `folder`, or the current one, and its Vagrantfile for people.
fn project(folder: Option<&Path>, context: &Context) -> Result<(Project, String), Error> {
    let env = &context.env;
    let project = match folder {
        Some(folder) => Project::find_from(&env.expand(folder), env)?,
        None => Project::find_from_cwd(env)?,
    };
    let place = || folder.map_or_else(|| env.current_folder.clone(), |folder| env.expand(folder));
    let project = project.ok_or_else(|| machine::Error::NoProject { folder: place() })?;
    let path = project.vagrantfile_path().unwrap_or_else(|| project.folder.clone());
    Ok((project, escape_control(&path.to_string_lossy())))
}

/// Chooses the machine that is meant from now on where nothing else says which.
fn choose(args: &UseArgs, context: &Context) -> Result<(), Error> {
    let folders = context.folders()?;
    let known = context.remembered_machines()?.machines;
    if args.name == "-" {
        machine::choose(&folders, None, context.deadline).map_err(machine::Error::from)?;
        context.note("no machine is chosen any more");
        return Ok(());
    }
    let words = "service-manager machines use";
    let machine = machine::find_preferring_project(&args.name, &known, &context.env, &folders, words)?;
    machine::choose(&folders, Some(machine), context.deadline).map_err(machine::Error::from)?;
    let label = machine.label(&known);
    context.note(&format!("from now on commands outside of Vagrant projects mean `{label}`"));
    Ok(())
}

fn list(output: OutputFormat, context: &Context) -> Result<(), Error> {
    let machines = context.remembered_machines()?.machines;
    let chosen = machine::chosen(&context.folders()?, &machines).map_err(machine::Error::from)?;
    let chosen = chosen.map(Machine::key);
    if output == OutputFormat::Json {
        let json = |machine: &Machine| MachineJson::new(machine, chosen.as_ref());
        return print_json(&json::Machines { machines: machines.iter().map(json).collect() });
    }
    if machines.is_empty() {
        context.note("no machine was used from here yet; `service-manager status` uses one");
    }
    let mark = |machine: &Machine| if chosen == Some(machine.key()) { " *" } else { "" };
    let row = |machine: &Machine| {
        let folder = machine.origin().map(|origin| origin.project.folder.to_string_lossy().into_owned());
        let label = machine.label(&machines) + mark(machine);
        [label, machine.route().to_string(), state(machine), folder.unwrap_or_else(|| "-".to_owned())]
    };
    print(&Table::new(COLUMNS, machines.iter().map(row).collect()).render(context.ui))
}

const COLUMNS: [Column; 4] = [
    Column::new("MACHINE"),
    Column::new("ADDRESS").cut_to(16).optional(3),
    Column::new("STATE").optional(2),
    Column::new("VAGRANT PROJECT").path_cut_to(16).optional(1),
];

/// What Vagrant's files say has become of it.
fn lost(machine: &Machine) -> Option<&'static str> {
    machine.origin().and_then(|origin| origin.loss(&machine.name))
}

/// What is known of a machine without asking it.
fn state(machine: &Machine) -> String {
    let lost = lost(machine);
    let age = machine.last_use().and_then(|time| SystemTime::now().duration_since(time).ok());
    match (lost, age) {
        (Some(lost), _) => lost.to_owned(),
        (None, Some(age)) => format!("used {} ago", humanize_duration(age)),
        (None, None) => "used".to_owned(),
    }
}

/// The names of the contexts in the kubeconfigs of a machine: those of its entries elsewhere too.
fn contexts(machine: &MachineFiles) -> Vec<String> {
    let paths = machine.kubeconfigs().into_iter();
    let texts = paths.filter_map(|path| files::read_text(&path, LONGEST_KUBECONFIG).ok().flatten());
    let contexts: BTreeSet<String> = texts.flat_map(|text| kubeconfig::contexts(&text)).collect();
    contexts.into_iter().collect()
}

/// Forgets one machine. A name that several have is not enough: with the others' host keys their protection
/// would go.
///
/// Whatever cannot be removed is told, and keeps nothing else from being removed.
fn forget_one(args: &ForgetArgs, context: &Context) -> Result<(), Error> {
    let folders = context.folders()?;
    let Remembered { machines: known, unreadable } = remembered(&folders).map_err(machine::Error::from)?;
    if let Some(record) = unreadable.iter().find(|record| record.files.key() == args.name) {
        return forget_files(&record.files, &args.name, context);
    }
    let words = "service-manager machines forget";
    let machine = match machine::find_preferring_project(&args.name, &known, &context.env, &folders, words) {
        Err(machine::Error::UnknownMachine { .. } | machine::Error::NotUsedYet { .. })
            if args.ignore_unknown =>
        {
            return Ok(());
        }
        Err(error @ machine::Error::UnknownMachine { .. }) if known.is_empty() && unreadable.is_empty() => {
            let hint = "nothing is kept of any machine, so there is nothing to remove".into();
            return Err(Error::Hinted { error: Box::new(error.into()), hint });
        }
        found => found?,
    };
    forget_files(&machine.files, machine.name.as_str(), context)
}

/// Shows what has changed of a machine's host keys, and accepts that if the user does.
fn trust(args: &TrustArgs, context: &Context) -> Result<(), Error> {
    let folders = context.folders()?;
    let known = context.remembered_machines()?.machines;
    let words = "service-manager machines trust";
    let machine = machine::find_preferring_project(&args.name, &known, &context.env, &folders, words)?;
    let waiting = context.waits_for(&machine.route().target.place());
    // It need not be the one that other commands mean.
    let about_it = |error: services::Error| Error::OfMachine {
        machine: machine.label(&known),
        error: Box::new(error.into()),
    };
    let shown = ShownHostKeys::ask(machine, context.deadline).map_err(about_it)?;
    drop(waiting);
    let Some(last) = shown.changes.last() else {
        context.note(&format!("`{}` has the host key that is known", machine.name));
        return Ok(());
    };
    for HostKeyChange { server, known, offered } in &shown.changes {
        let known = known.as_deref().unwrap_or("not known");
        context.note(&format!("the host key of {server} was {known}; now it is {offered}"));
    }
    let (name, offered) = (machine.name.to_string(), last.offered.clone());
    let accepted = match &args.fingerprint {
        Some(fingerprint) => shown.changes.iter().all(|change| change.offered == *fingerprint),
        None if context.may_ask() => ui::confirm("Is that the machine's own key?"),
        None => return Err(Error::FingerprintNeeded { machine: name, offered }),
    };
    if !accepted {
        return Err(Error::HostKeyNotAccepted { machine: name });
    }
    Ok(shown.trust(machine, context.deadline)?)
}

/// Removes what is kept of the machine `name`, its entries in the user's own kubeconfigs, and its docker contexts.
fn forget_files(machine: &MachineFiles, name: &str, context: &Context) -> Result<(), Error> {
    let mut failed = Vec::new();
    failed.extend(tunnel::stop(machine, context.deadline).err().map(Error::from));
    failed.extend(take_out_everywhere(machine, name, context));
    failed.extend(take_away_docker_contexts(machine, context));
    failed.extend(take_away_trust(machine, context));
    let choice = machine::choose_no_more(&context.folders()?, &machine.key(), context.deadline);
    failed.extend(choice.err().map(|error| machine::Error::from(error).into()));
    failed.extend(forget(machine, context.deadline).err().map(Error::from));
    let last = failed.len().saturating_sub(1);
    context.end(failed, last)
}

/// Removes the machine's docker contexts. Returns what kept that from being done.
fn take_away_docker_contexts(machine: &MachineFiles, context: &Context) -> Vec<Error> {
    let records = match machine::docker_contexts(machine) {
        Ok(records) => records,
        Err(error) => return vec![error.into()],
    };
    let take_away = |record: DockerContextRecord| {
        let deadline = context.deadline.at_most(context.deadline.left() / 2);
        let failed = take_away(&record, &machine.key(), deadline, context).err()?;
        Some(Error::DockerContextLeft { name: record.name.to_string(), source: failed.into() })
    };
    records.into_iter().filter_map(take_away).collect()
}

/// Takes the machine's entries out of the user's kubeconfigs. Returns what kept that from being done.
fn take_out_everywhere(machine: &MachineFiles, name: &str, context: &Context) -> Vec<Error> {
    let merges = match machine::merges(machine) {
        Ok(merges) => merges,
        Err(error) => return vec![error.into()],
    };
    let contexts = contexts(machine);
    let mut failed = Vec::new();
    for path in merges {
        // Some time has to be left for the rest.
        let deadline = context.deadline.at_most(context.deadline.left() / 2);
        if let Err(error) = take_out(&machine.key(), name, &path, deadline, context) {
            let (machine, contexts) = (name.to_owned(), contexts.clone());
            failed.push(Error::NotTakenOut { machine, path, contexts, source: error.into() });
        }
    }
    failed
}

/// A machine in JSON.
#[derive(Serialize)]
struct MachineJson {
    machine: String,
    key: String,
    route: String,
    /// The folder of its Vagrant project.
    project: Option<String>,
    /// In seconds since 1970.
    last_used: Option<u64>,
    lost: Option<&'static str>,
    /// `machines use` has chosen it.
    chosen: bool,
}

impl MachineJson {
    /// About `machine`, where the machine with the key `chosen` is chosen.
    fn new(machine: &Machine, chosen: Option<&String>) -> Self {
        let last_used = machine.last_use().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let folder = machine.origin().map(|origin| escape_control(&origin.project.folder.to_string_lossy()));
        Self {
            machine: machine.name.to_string(),
            key: machine.key(),
            route: machine.route().to_string(),
            project: folder,
            last_used: last_used.map(|time| time.as_secs()),
            lost: lost(machine),
            chosen: chosen == Some(&machine.key()),
        }
    }
}

const LONGEST_KUBECONFIG: u64 = 1 << 20;
