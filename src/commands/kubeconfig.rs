//! `service-manager kubeconfig [SERVICE] [--print] [--merge [FILE]] [--use]`

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::context::{Context, print, print_json};
use super::retyped_for;
use crate::access::kubeconfig::{self, Addition, MergeOutcome, Merged};
use crate::base::deadline::Deadline;
use crate::base::files::{self, SharedFile};
use crate::base::paths;
use crate::base::text::{sh_path, sh_word};
use crate::base::types::ServiceName;
use crate::catalogue::{Catalogue, Service};
use crate::cli::{KubeconfigArgs, OutputFormat};
use crate::error::Error;
use crate::export::ClientFiles;
use crate::guest::probe::Questions;
use crate::machine::Machine;
use crate::services::{self, ConnectedService, Connections, ServiceCache, connect};

pub(super) fn run(args: &KubeconfigArgs, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services = orchestrators(args.service.as_deref(), &catalogue)?;
    let target = args.merge.as_ref().map(|file| target(file.as_deref(), &catalogue, context)).transpose()?;
    let context = &context.that_uses(args.kube_context.chosen.as_ref(), &services)?;
    let questions = Questions::to_use(services.iter().copied());
    let inspection = context.inspect(context.machine()?, &questions)?;
    let warn = |error: services::Error| context.warn(&error.into());
    let Connections { connected, left_out, .. } =
        connect(&inspection, &services, args.service.is_none(), context.deadline, |_| (), warn)?;
    let machine = inspection.machine;
    if connected.is_empty() {
        let nothing = || Error::NoKubeconfig { what: format!("`{}`", machine.name), instead: None };
        return Err(left_out.into_iter().next().map_or_else(nothing, |left_out| left_out.reason.into()));
    }
    for left_out in left_out {
        context.note_left_out(&left_out.reason.to_string());
    }
    connected.iter().flat_map(ConnectedService::notes).for_each(|note| context.note(&note));
    let files = ClientFiles::new(&machine, connected.iter().map(ConnectedService::access).collect())?;
    files.write(context.deadline)?;
    ServiceCache::keep_contexts(&machine, &connected.iter().collect::<Vec<_>>(), context.deadline)?;
    let text = files.kubeconfig_text()?;
    let merged = target.as_deref().map(|target| merge(&text, &machine, target, args.switch, context));
    let merged = merged.transpose()?;
    match (args.output, target) {
        (OutputFormat::Json, target) => print_json(&KubeconfigJson {
            machine: machine.name.as_str(),
            path: files.kubeconfig(),
            contexts: files.contexts().into_iter().map(ContextJson::from).collect(),
            merged: target.as_deref().zip(merged.as_ref()).map(MergedJson::from),
        }),
        (OutputFormat::Text, Some(_)) => Ok(()),
        (OutputFormat::Text, None) if args.print => print(&text),
        (OutputFormat::Text, None) => print(&format!("{}\n", files.kubeconfig().display())),
    }
}

/// What `--output json` prints.
#[derive(Serialize)]
struct KubeconfigJson<'a> {
    machine: &'a str,
    path: &'a Path,
    contexts: Vec<ContextJson<'a>>,
    merged: Option<MergedJson<'a>>,
}

#[derive(Serialize)]
struct ContextJson<'a> {
    name: String,
    service: &'a ServiceName,
}

impl<'a> From<(&'a ServiceName, String)> for ContextJson<'a> {
    fn from((service, name): (&'a ServiceName, String)) -> Self {
        Self { name, service }
    }
}

/// The user's own kubeconfig.
#[derive(Serialize)]
struct MergedJson<'a> {
    path: &'a Path,
    contexts: &'a [kubeconfig::MergedContext],
    current: Option<&'a str>,
}

impl<'a> From<(&'a Path, &'a Merged)> for MergedJson<'a> {
    fn from((path, merged): (&'a Path, &'a Merged)) -> Self {
        Self { path, contexts: &merged.contexts, current: merged.current.as_deref() }
    }
}

/// The service called `name`, or all that have kubeconfigs.
///
/// Errors: there is no such service, or it has none.
fn orchestrators<'c>(name: Option<&str>, catalogue: &'c Catalogue) -> Result<Vec<&'c Service>, Error> {
    let has_kubeconfig =
        |service: &Service| service.flavours.iter().any(|flavour| flavour.access.has_kubeconfig());
    catalogue.select_fitting(name, has_kubeconfig, |name, fitting| {
        let instead = retyped_for("kubeconfig", fitting);
        Error::NoKubeconfig { what: name.to_owned(), instead: Some(instead) }
    })
}

/// The file to merge into.
fn target(file: Option<&Path>, catalogue: &Catalogue, context: &Context) -> Result<PathBuf, Error> {
    let Some(file) = file else { return Ok(paths::user_kubeconfig(&context.env, &context.folders()?)?) };
    match file.to_str().filter(|name| catalogue.select(&[(*name).to_owned()]).is_ok()) {
        Some(service) => Err(Error::ServiceAsFile { service: service.to_owned() }),
        None => Ok(context.env.expand(file)),
    }
}

/// Puts `kubeconfig` into the user's own one at `path`.
fn merge(
    kubeconfig: &str,
    machine: &Machine,
    path: &Path,
    switch: bool,
    context: &Context,
) -> Result<Merged, Error> {
    let file = SharedFile::lock(path, context.deadline)?;
    let before = file.text(LONGEST)?.unwrap_or_default();
    let key = machine.key();
    let merged = kubeconfig::merge(&before, Addition { kubeconfig, machine: &key, switch })
        .map_err(|source| kubeconfig::Error::Merge { path: path.to_owned(), source })?;
    // First what `machines forget` looks for.
    machine.remember_merge(&machine.lock(context.deadline)?, path)?;
    if merged.text != before {
        file.replace(merged.text.as_bytes())?;
        if file.is_open_to_others() {
            context.note(&format!(
                "`{}` holds credentials now, so others have lost their access to it",
                path.display()
            ));
        }
    }
    drop(file);
    report(&merged, path, switch, context)?;
    Ok(merged)
}

/// Says what became of the user's kubeconfig and how to use it.
fn report(merged: &Merged, path: &Path, switch: bool, context: &Context) -> Result<(), Error> {
    for kubeconfig::MergedContext { name, outcome } in &merged.contexts {
        let done = match outcome {
            MergeOutcome::Added => format!("added the context `{name}` to"),
            MergeOutcome::Replaced => format!("replaced the context `{name}` in"),
            MergeOutcome::Unchanged => format!("the context `{name}` is already as it should be in"),
        };
        context.note(&format!("{done} `{}`", path.display()));
        if merged.current.as_ref() != Some(name) {
            // kubectl reads no other than the user's own without being told.
            let is_own = paths::user_kubeconfig(&context.env, &context.folders()?)? == path;
            let option = if is_own { String::new() } else { format!("--kubeconfig {} ", sh_path(path)) };
            context.note(&format!("`kubectl {option}--context {}` uses it", sh_word(name)));
        }
    }
    match (&merged.previous, &merged.current) {
        (Some(previous), Some(current)) if switch && previous != current => {
            context.note(&format!("the current context is `{current}` now; it was `{previous}`"));
        }
        (_, Some(current)) if switch => context.note(&format!("the current context is `{current}`")),
        _ => {}
    }
    Ok(())
}

/// Takes the entries of the machine `key`, called `name`, out of the user's kubeconfig at `path`, if it is still there, and out of what was
/// kept of it.
pub(super) fn take_out(
    key: &str,
    name: &str,
    path: &Path,
    deadline: Deadline,
    context: &Context,
) -> Result<(), Error> {
    let removed = if path.exists() { remove_entries(key, path, deadline) } else { Ok(false) };
    let was_there = matches!(removed, Ok(true));
    if was_there {
        context.note(&format!("took `{name}` out of `{}`", path.display()));
    }
    // Of a file that cannot be parsed it may be the only good copy, so it goes only when it holds our credentials.
    let has_ours = |content: &[u8]| content.windows(key.len()).any(|part| part == key.as_bytes());
    let backup = files::remove_backup(path, |content| was_there || has_ours(content));
    removed.and(backup.map_err(Error::from))
}

/// Takes the entries of the machine `key` out of the file `path`. False when there are none.
fn remove_entries(key: &str, path: &Path, deadline: Deadline) -> Result<bool, Error> {
    let file = SharedFile::lock(path, deadline)?;
    let before = file.text(LONGEST)?.unwrap_or_default();
    let after = kubeconfig::remove(&before, key)
        .map_err(|source| kubeconfig::Error::Merge { path: path.to_owned(), source })?;
    if after == before {
        return Ok(false);
    }
    file.replace_for_good(after.as_bytes())?;
    Ok(true)
}

/// Far more than the clusters of a company take.
const LONGEST: u64 = 4 << 20;
