//! `service-manager hook SHELL [SERVICE...]`: exports that follow the user from project to project.
//!
//! Changing directory never opens an SSH connection and never starts Vagrant. The hook exports the services that `env` has
//! connected to before, if they still answer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::context::{Context, print};
use crate::base::env::Env;
use crate::base::timeouts;
use crate::base::types::VariableName;
use crate::catalogue::{Catalogue, Service};
use crate::cli::HookArgs;
use crate::error::Error;
use crate::export::shell::{HookTarget, watch_file};
use crate::export::{Block, Export};
use crate::machine::Machine;
use crate::services::{ExportedService, Scope, ServiceCache, export_cached};
use crate::ui::StdoutError;

pub(super) fn run(args: &HookArgs, context: &Context) -> Result<(), Error> {
    if !args.now {
        context.catalogue()?.select(&args.services)?;
        return print(&args.shell.snippet(&command(&context.env))?);
    }
    let wanted = HookServices::find(&args.services, context);
    match args.shell {
        HookTarget::Direnv => in_direnv(&wanted, context),
        target => print_change(target, &wanted, context),
    }
}

/// The names of the services that are meant; all where both lists are empty.
struct HookServices<'a> {
    typed: &'a [String],
    of_project: Vec<String>,
}

impl<'a> HookServices<'a> {
    /// Reads the project's own file, and says so once if it does not count yet.
    fn find(typed: &'a [String], context: &Context) -> Self {
        // What is wrong in a project is no reason to fail at every prompt.
        let project =
            context.project_file_for_hook().inspect_err(|error| log::debug!("{error}")).unwrap_or_default();
        let names = project.map(|file| file.services).unwrap_or_default();
        Self { typed, of_project: names.iter().map(ToString::to_string).collect() }
    }

    /// The services themselves. Most folders have no machine, so nothing is read of them before there is one.
    /// One that the project's file names and that is gone is told once.
    fn of<'c>(&self, catalogue: &'c Catalogue, context: &Context) -> Result<Vec<&'c Service>, Error> {
        if !self.typed.is_empty() {
            return Ok(catalogue.select(self.typed)?);
        }
        // More than the project wants is not what it wants.
        Ok(catalogue.select(&self.of_project).unwrap_or_else(|_| {
            // Other commands say the same of the file.
            if let Err(fault) = context.project_file() {
                context.warn_once_of_project_file(&fault);
            }
            Vec::new()
        }))
    }
}

/// What the snippet runs: this very command, with `--now`.
fn command(env: &Env) -> Vec<OsString> {
    let mut words = env.arguments.clone();
    if let Some(program) = words.first_mut().filter(|program| Path::new(program).components().count() > 1) {
        // From another folder a relative path would lead elsewhere.
        *program = env.expand(Path::new(program)).into();
    }
    words.push("--now".into());
    words
}

/// Prints what changes in the current folder, and tells the user: nothing, unless another machine belongs to it, or more has
/// been found out about the one that does.
fn print_change(target: HookTarget, wanted: &HookServices, context: &Context) -> Result<(), Error> {
    let before = HookState::read(&context.env);
    let machine = machine_here(context);
    if machine.is_none() && before.is_none() {
        return Ok(());
    }
    let catalogue = context.catalogue()?;
    let services = &wanted.of(&catalogue, context)?;
    let now = machine.as_ref().map(|machine| Circumstances::of(machine, services, &context.env));
    if before.as_ref().is_some_and(|before| before.holds(now.as_ref())) {
        return Ok(());
    }
    let exported = machine.as_ref().and_then(|machine| reconnect(services, machine, context));
    if let Some(machine) = machine.as_ref().filter(|_| exported.is_none()) {
        let is_told = before.as_ref().is_some_and(|before| before.awaits(machine));
        if !is_told && ServiceCache::of(machine).has_connected(services) {
            note_ask(machine, context);
        }
    }
    let wanted =
        machine.as_ref().zip(exported).map(|(machine, exported)| HookVariables::of(exported, machine));
    let change = Change::new(before.as_ref(), now, wanted, &context.env)?;
    let text = target.shell().change(&change.exports, &change.gone)?;
    if let Some(summary) = change.summary(machine.as_ref(), &context.env) {
        context.note(&summary);
    }
    print(&text)
}

/// The machine that belongs to the folder, if one does that is known. One that the project's file names and that is not is told
/// once.
fn machine_here(context: &Context) -> Option<Machine> {
    match context.machine_here() {
        Ok(machine) => machine,
        Err(error @ Error::OfProjectFile { .. }) => {
            context.warn_once_of_project_file(&error);
            None
        }
        Err(error) => {
            log::debug!("{error}");
            None
        }
    }
}

/// Prints exports for an `.envrc`, and the files that direnv has to watch. direnv itself restores the environment.
fn in_direnv(wanted: &HookServices, context: &Context) -> Result<(), Error> {
    let mut text = watch_file(&context.folders()?.machines())?;
    match context.remembered_machine() {
        Ok(machine) => {
            let catalogue = context.catalogue()?;
            let services = &wanted.of(&catalogue, context)?;
            text += &watch_file(&machine.files.services())?;
            match reconnect(services, &machine, context) {
                Some(exported) => {
                    let HookVariables { exports, gone } = HookVariables::of(exported, &machine);
                    text += &HookTarget::Direnv.shell().change(&exports, &gone)?;
                }
                None => note_ask(&machine, context),
            }
        }
        // direnv looks again as soon as the machine is known.
        Err(error) => context.warn(&error),
    }
    print(&text)
}

/// What the shell is to have.
#[derive(Debug, Default, PartialEq)]
struct HookVariables {
    exports: Vec<Export>,
    /// What it must not have from before.
    gone: Vec<VariableName>,
}

impl HookVariables {
    /// Those of `services`, which may share a variable; it is set and restored once. In a project of Vagrant's Docker provider
    /// nothing for Docker: with that Vagrant would look for its own machines in there, not find them, and forget them.
    fn of(services: Vec<ExportedService>, machine: &Machine) -> Self {
        let is_vagrants = machine.origin().is_some_and(|origin| origin.project.uses("docker"));
        let is_left_out = |name: &VariableName| is_vagrants && name.as_str().starts_with("DOCKER_");
        let mut variables = Self::default();
        for block in services.into_iter().map(|service| service.block) {
            variables.add(block);
        }
        variables.exports.retain(|export| !is_left_out(&export.name));
        variables.gone.retain(|name| !is_left_out(name));
        variables
    }

    fn add(&mut self, block: Block) {
        for export in block.exports {
            if self.exports.iter().all(|known| known.name != export.name) {
                self.exports.push(export);
            }
        }
        self.gone.extend(block.gone);
        let exports = &self.exports;
        self.gone.retain(|name| exports.iter().all(|export| export.name != *name));
        self.gone.sort();
        self.gone.dedup();
    }
}

fn note_ask(machine: &Machine, context: &Context) {
    context.note(&format!("`{}` is not as it was; `service-manager env` asks it", machine.name));
}

/// Connects to `services` where they were before, within the hook's short limit or the one that was typed. None when one no longer answers.
fn reconnect<'a>(
    services: &[&'a Service],
    machine: &Machine,
    context: &Context,
) -> Option<Vec<ExportedService<'a>>> {
    let deadline =
        if context.has_own_timeout() { context.deadline } else { context.deadline.at_most(timeouts::HOOK) };
    let exported = export_cached(services, machine, Scope::Known, false, None, None, deadline);
    exported.inspect_err(|error| log::debug!("{error}")).ok()?.map(|(_, exported)| exported)
}

/// What the hook has changed in the shell's environment. The shell keeps it in a variable.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HookState {
    /// The key of the machine that belongs to the folder.
    machine: String,
    /// None until the machine answers again.
    variables: Option<Vec<Replaced>>,
    /// When its services were last found out about, as it was then.
    #[serde(default)]
    found_out: Option<u64>,
    /// Their names.
    #[serde(default)]
    services: String,
    /// The folder in which the machine did not answer.
    #[serde(default)]
    folder: Option<String>,
}

/// What decides whether there is anything to do.
#[derive(Debug, PartialEq)]
struct Circumstances {
    /// The key of the machine that belongs to the folder.
    machine: String,
    /// When its services were last found out about, in milliseconds since 1970.
    found_out: Option<u64>,
    /// The names of those that are meant, which the project's own file may say.
    services: String,
    /// The current folder.
    folder: String,
}

impl Circumstances {
    fn of(machine: &Machine, services: &[&Service], env: &Env) -> Self {
        let changed = machine.files.services().metadata().and_then(|meta| meta.modified()).ok();
        let since_1970 = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            machine: machine.key(),
            found_out: since_1970.and_then(|time| time.as_millis().try_into().ok()),
            services: services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(" "),
            folder: env.current_folder.to_string_lossy().into_owned(),
        }
    }
}

/// A variable that was set.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replaced {
    name: VariableName,
    /// What it was before.
    before: Option<String>,
    /// What it was set to; none where it was taken away.
    now: Option<String>,
}

impl HookState {
    /// Reads the variable; none when it is missing or not ours.
    fn read(env: &Env) -> Option<Self> {
        serde_json::from_str(env.variable(STATE_VARIABLE)?).ok()
    }

    /// True when nothing has changed since: one that did not answer is tried again in another folder.
    fn holds(&self, now: Option<&Circumstances>) -> bool {
        now.is_some_and(|now| {
            let is_done = self.variables.is_some() || self.folder.as_ref() == Some(&now.folder);
            let is_same = self.machine == now.machine && self.services == now.services;
            is_done && is_same && self.found_out == now.found_out
        })
    }

    /// True when `machine` was found not to answer.
    fn awaits(&self, machine: &Machine) -> bool {
        self.variables.is_none() && self.machine == machine.key()
    }

    fn variables(&self) -> &[Replaced] {
        self.variables.as_deref().unwrap_or_default()
    }
}

/// What changes in the shell's environment.
#[derive(Debug, PartialEq)]
struct Change {
    exports: Vec<Export>,
    gone: Vec<VariableName>,
}

impl Change {
    /// From what was set `before` to the exports `wanted` of the machine that belongs to the folder `now`. What the user has
    /// set meanwhile stays.
    fn new(
        before: Option<&HookState>,
        now: Option<Circumstances>,
        wanted: Option<HookVariables>,
        env: &Env,
    ) -> Result<Self, Error> {
        let replaced = before.iter().flat_map(|before| before.variables());
        let ours =
            replaced.filter(|replaced| env.variable(replaced.name.as_str()) == replaced.now.as_deref());
        let mut restored: BTreeMap<&VariableName, Option<String>> =
            ours.map(|replaced| (&replaced.name, replaced.before.clone())).collect();
        let (mut exports, mut gone) = (Vec::new(), Vec::new());
        let current = |name: &VariableName| env.variable(name.as_str()).map(ToOwned::to_owned);
        let variables = wanted.map(|wanted| {
            let mut variables = Vec::new();
            for export in wanted.exports {
                let before = restored.remove(&export.name).unwrap_or_else(|| current(&export.name));
                let now = Some(export.value.clone());
                variables.push(Replaced { name: export.name.clone(), before, now });
                exports.push(export);
            }
            for name in wanted.gone {
                let before = restored.remove(&name).unwrap_or_else(|| current(&name));
                gone.extend(current(&name).map(|_| name.clone()));
                // What was not there needs not be put back.
                variables.extend(before.map(|before| Replaced { name, before: Some(before), now: None }));
            }
            variables
        });
        for (name, value) in restored {
            match value {
                Some(value) => exports.push(export(name.clone(), value)),
                None => gone.push(name.clone()),
            }
        }
        let own: VariableName = VariableName::parse(STATE_VARIABLE)
            .map_err(|source| Error::Value { what: STATE_VARIABLE.into(), source })?;
        match now {
            Some(Circumstances { machine, found_out, services, folder }) => {
                let folder = variables.is_none().then_some(folder);
                let text =
                    serde_json::to_string(&HookState { machine, variables, found_out, services, folder })
                        .map_err(|error| StdoutError(error.into()))?;
                exports.push(export(own, text));
            }
            None => gone.push(own),
        }
        Ok(Self { exports, gone })
    }

    /// What it does to the shell of `env`, for its user; none when that is nothing.
    fn summary(&self, machine: Option<&Machine>, env: &Env) -> Option<String> {
        let is_new = |export: &&Export| {
            let name = export.name.as_str();
            name != STATE_VARIABLE && env.variable(name) != Some(&export.value)
        };
        let names = |exports: Vec<&VariableName>| {
            exports.into_iter().map(VariableName::as_str).collect::<Vec<_>>().join(", ")
        };
        let set = names(self.exports.iter().filter(is_new).map(|export| &export.name).collect());
        let gone = names(self.gone.iter().filter(|name| name.as_str() != STATE_VARIABLE).collect());
        let of_machine = machine.map(|machine| format!(" for `{}`", machine.name)).unwrap_or_default();
        let set = (!set.is_empty()).then(|| format!("set {set}{of_machine}"));
        let parts: Vec<String> =
            set.into_iter().chain((!gone.is_empty()).then(|| format!("unset {gone}"))).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

fn export(name: VariableName, value: String) -> Export {
    Export { name, value, quoted: false, list: false }
}

/// The variable that keeps [`HookState`] (docs/reference/files.md).
const STATE_VARIABLE: &str = "SERVICE_MANAGER_HOOK";

#[cfg(test)]
mod tests {
    use super::*;

    fn env(environment: &[(&str, &str)]) -> Env {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Env { environment, ..Env::default() }
    }

    fn kubeconfig(path: &str) -> Export {
        export("KUBECONFIG".parse().unwrap(), path.to_owned())
    }

    fn here(machine: &str) -> Circumstances {
        Circumstances {
            machine: machine.into(),
            found_out: Some(1),
            services: "docker".into(),
            folder: "/project".into(),
        }
    }

    /// The change, and what is remembered of it.
    fn change(
        before: Option<&HookState>,
        machine: Option<&str>,
        wanted: Option<&str>,
        env: &Env,
    ) -> (Change, Option<HookState>) {
        let wanted = wanted.map(|path| HookVariables { exports: vec![kubeconfig(path)], gone: vec![] });
        let mut change = Change::new(before, machine.map(here), wanted, env).unwrap();
        let state = change.exports.pop_if(|export| export.name.as_str() == STATE_VARIABLE);
        (change, state.map(|export| serde_json::from_str(&export.value).unwrap()))
    }

    #[test]
    fn what_was_set_is_put_back() {
        for before in [None, Some("/own config")] {
            let at_home: Vec<(&str, &str)> = before.iter().map(|path| ("KUBECONFIG", *path)).collect();
            let (entered, state) = change(None, Some("a"), Some("/a"), &env(&at_home));
            assert_eq!(entered, Change { exports: vec![kubeconfig("/a")], gone: vec![] });
            let inside = env(&[("KUBECONFIG", "/a")]);
            let (moved, state) = change(state.as_ref(), Some("b"), Some("/b"), &inside);
            assert_eq!(moved, Change { exports: vec![kubeconfig("/b")], gone: vec![] });
            let inside = env(&[("KUBECONFIG", "/b")]);
            let (left, nothing) = change(state.as_ref(), None, None, &inside);
            let own = STATE_VARIABLE.parse().unwrap();
            assert_eq!(
                left,
                match before {
                    None => Change { exports: vec![], gone: vec!["KUBECONFIG".parse().unwrap(), own] },
                    Some(path) => Change { exports: vec![kubeconfig(path)], gone: vec![own] },
                }
            );
            assert_eq!(nothing, None);
        }
    }

    fn block(exports: Vec<Export>, gone: &[&str]) -> Block {
        let gone = gone.iter().map(|name| name.parse().unwrap()).collect();
        Block { service: "docker".into(), comment: String::new(), exports, gone, path: None }
    }

    #[test]
    fn what_two_services_have_is_put_back_once() {
        let (_, state) = change(None, Some("a"), Some("/a"), &env(&[]));
        let mut both = HookVariables::default();
        both.add(block(vec![kubeconfig("/b")], &[]));
        both.add(block(vec![kubeconfig("/b")], &["KUBECONFIG"]));
        let mut moved =
            Change::new(state.as_ref(), Some(here("b")), Some(both), &env(&[("KUBECONFIG", "/a")])).unwrap();
        let state = serde_json::from_str(&moved.exports.pop().unwrap().value).ok();
        assert_eq!(moved.exports, [kubeconfig("/b")]);
        let (left, _) = change(state.as_ref(), None, None, &env(&[("KUBECONFIG", "/b")]));
        assert_eq!(left.gone, ["KUBECONFIG".parse().unwrap(), STATE_VARIABLE.parse().unwrap()]);
    }

    /// The names that are set and those that are taken away, the hook's own left out; and what is remembered.
    fn changed(
        before: Option<&HookState>,
        wanted: Option<Block>,
        env: &Env,
    ) -> (Vec<String>, Vec<String>, Option<HookState>) {
        let now = wanted.as_ref().map(|_| here("a"));
        let wanted = wanted.map(|block| {
            let mut variables = HookVariables::default();
            variables.add(block);
            variables
        });
        let mut change = Change::new(before, now, wanted, env).unwrap();
        let state = change.exports.pop_if(|export| export.name.as_str() == STATE_VARIABLE);
        let set = change.exports.iter().map(|export| format!("{}={}", export.name, export.value)).collect();
        let gone =
            change.gone.iter().map(ToString::to_string).filter(|name| name != STATE_VARIABLE).collect();
        (set, gone, state.map(|export| serde_json::from_str(&export.value).unwrap()))
    }

    /// A socket needs no TLS, and docker would talk it all the same.
    #[test]
    fn what_is_taken_away_is_put_back() {
        let docker = || block(vec![export("DOCKER_HOST".parse().unwrap(), "unix:///s".into())], &[TLS]);
        let (set, gone, state) = changed(None, Some(docker()), &env(&[(TLS, "1")]));
        assert_eq!((set, gone), (vec!["DOCKER_HOST=unix:///s".to_owned()], vec![TLS.to_owned()]));
        let inside = env(&[("DOCKER_HOST", "unix:///s")]);
        let (set, gone, again) = changed(state.as_ref(), Some(docker()), &inside);
        assert_eq!((set.len(), gone.len()), (1, 0), "it is gone");
        let (set, gone, _) = changed(again.as_ref(), None, &inside);
        assert_eq!((set, gone), (vec![format!("{TLS}=1")], vec!["DOCKER_HOST".to_owned()]));
        // The user has set another one meanwhile.
        let other = env(&[("DOCKER_HOST", "unix:///s"), (TLS, "0")]);
        let (set, gone, _) = changed(again.as_ref(), None, &other);
        assert_eq!((set, gone), (vec![], vec!["DOCKER_HOST".to_owned()]));
        // There was none.
        let (_, gone, state) = changed(None, Some(docker()), &env(&[]));
        assert!(gone.is_empty());
        let (set, gone, _) = changed(state.as_ref(), None, &inside);
        assert_eq!((set, gone), (vec![], vec!["DOCKER_HOST".to_owned()]));
    }

    const TLS: &str = "DOCKER_TLS_VERIFY";

    #[test]
    fn what_the_user_has_set_meanwhile_stays() {
        let (_, state) = change(None, Some("a"), Some("/a"), &env(&[]));
        let (left, _) = change(state.as_ref(), None, None, &env(&[("KUBECONFIG", "/mine")]));
        assert_eq!(left, Change { exports: vec![], gone: vec![STATE_VARIABLE.parse().unwrap()] });
    }

    #[test]
    fn a_machine_that_does_not_answer_is_tried_again() {
        let (_, state) = change(None, Some("a"), None, &env(&[]));
        let state = state.unwrap();
        assert_eq!(state.variables, None);
        assert!(state.holds(Some(&here("a"))));
        let elsewhere = Circumstances { folder: "/project/below".into(), ..here("a") };
        assert!(!state.holds(Some(&elsewhere)));
    }

    #[test]
    fn what_is_found_out_about_the_machine_is_looked_at() {
        let (_, state) = change(None, Some("a"), Some("/a"), &env(&[]));
        let state = state.unwrap();
        let elsewhere = Circumstances { folder: "/project/below".into(), ..here("a") };
        assert!(state.holds(Some(&here("a"))) && state.holds(Some(&elsewhere)));
        for other in [
            Some(Circumstances { found_out: Some(2), ..here("a") }),
            Some(Circumstances { services: String::new(), ..here("a") }),
            Some(here("b")),
            None,
        ] {
            assert!(!state.holds(other.as_ref()), "{other:?}");
        }
    }

    #[test]
    fn says_what_it_does_to_the_shell() {
        let says = |change: &Change, set: &[(&str, &str)]| change.summary(None, &env(set));
        let (entered, state) = change(None, Some("a"), Some("/a"), &env(&[]));
        assert_eq!(says(&entered, &[]).as_deref(), Some("set KUBECONFIG"));
        assert_eq!(says(&entered, &[("KUBECONFIG", "/a")]), None);
        let (left, _) = change(state.as_ref(), None, None, &env(&[("KUBECONFIG", "/a")]));
        assert_eq!(says(&left, &[("KUBECONFIG", "/a")]).as_deref(), Some("unset KUBECONFIG"));
    }

    #[test]
    fn what_is_in_the_variable_may_be_anything() {
        for odd in [
            "",
            "{}",
            "[]",
            "x",
            "{\"machine\":1}",
            "{\"machine\":\"a\",\"variables\":[{\"name\":\"A=1;id\",\"before\":null,\"now\":\"\"}]}",
        ] {
            assert_eq!(HookState::read(&env(&[(STATE_VARIABLE, odd)])), None, "{odd}");
        }
    }
}
