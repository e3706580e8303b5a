//! `service-manager exec [SERVICE...] [-- COMMAND...]`: another program in place of this one, with the variables of `env`.

mod client;
mod environment;
mod server;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use self::client::client_on_path;
use self::client::{ClientSearch, FoundProgram};
use self::environment::GivenVariables;
use super::at_once::all_at_once;
use super::context::Context;
use super::env;
use crate::base::deadline::in_time;
use crate::base::env::{EXEC_CLIENT, Env};
use crate::base::files;
use crate::base::paths::Folders;
use crate::base::platform::{FALLBACK_SHELL, replace_process};
use crate::base::program;
use crate::base::suggest::nearest;
use crate::catalogue::{self, Catalogue};
use crate::cli::{EnvArgs, ExecArgs, Separated, separate};
use crate::error::{Error, ExecError};

/// The command line of `env`, in which `--` stands before the command of `exec`.
pub(crate) fn separated(env: &Env) -> Separated {
    separate(env.arguments.clone(), || service_names(env))
}

/// The words before the command that are not its own.
pub(super) fn service_names(env: &Env) -> Vec<String> {
    let catalogue = Folders::find(env).ok().and_then(|folders| Catalogue::load(&folders).ok());
    let entries = catalogue.iter().flat_map(Catalogue::entries);
    // The command itself says what is wrong with a catalogue.
    let services = entries.map(|entry| &entry.service).filter(|service| !service.is_client_only());
    services.map(|service| service.name.to_string()).collect()
}

pub(super) fn run(args: &ExecArgs, context: &Context) -> Result<(), Error> {
    let prepared = Prepared::new(args, context);
    // Nobody is left to do that later.
    let handed_over = context.env.plugin.as_ref().and_then(|plugin| plugin.ssh_config.as_deref());
    handed_over.into_iter().for_each(files::remove_handed_over);
    Err(prepared?.replace_this(args, context).into())
}

/// A program that is found, and what it is given.
struct Prepared {
    found: FoundProgram,
    /// What it is called by itself.
    name: OsString,
    environment: GivenVariables,
    /// The folders of clients that fit.
    fitting: Vec<PathBuf>,
}

impl Prepared {
    fn new(args: &ExecArgs, context: &Context) -> Result<Self, Error> {
        let catalogue = Arc::new(context.catalogue()?);
        catalogue.select(&args.services).map_err(|error| match error {
            catalogue::Error::UnknownService { .. } => Error::NoSuchObject(error),
            error => error.into(),
        })?;
        let name = args.command.first().cloned().unwrap_or_else(|| shell(&context.env));
        // Before anybody is asked: a word may be misspelt.
        let program = Program::of(&name, args, &catalogue, &context.env)?;
        let environment = environment(args, &catalogue, context)?;
        let found = match program {
            Program::Found(found) => found,
            Program::Client(client) => client.find(&environment.servers, args, context)?,
        };
        let fitting = client::fitting_folders(&catalogue, &environment.servers, context)?;
        Ok(Self { found, name, environment, fitting })
    }

    /// Has the program take the place of this one. Returns when it does not.
    fn replace_this(self, args: &ExecArgs, context: &Context) -> ExecError {
        let path = self.found.path;
        let mut command = program::command(&path);
        command.args(args.command.iter().skip(1));
        self.environment.give_to(&mut command, &self.fitting, &context.env);
        if self.found.is_own_client {
            command.env(EXEC_CLIENT, &path);
        }
        log::debug!("running `{}`", path.display());
        let source = replace_process(&mut command, &self.name);
        ExecError::NotStarted { path, source }
    }
}

/// What is to be run.
enum Program<'a> {
    /// A client, of which the servers decide which one is meant.
    Client(ClientSearch<'a>),
    Found(FoundProgram),
}

impl<'a> Program<'a> {
    /// Errors: there is no program `name`, or it cannot be run.
    fn of(name: &OsStr, args: &ExecArgs, catalogue: &'a Catalogue, env: &Env) -> Result<Self, ExecError> {
        if let Some(client) = ClientSearch::of(name, catalogue) {
            return Ok(Self::Client(client));
        }
        if args.client_version.is_some() {
            return Err(ExecError::NotAClient { command: name.to_string_lossy().into_owned() });
        }
        find(name, catalogue, env).map(Self::Found)
    }
}

/// Connects to the services as `env` does.
fn environment(
    args: &ExecArgs,
    catalogue: &Arc<Catalogue>,
    context: &Context,
) -> Result<GivenVariables, Error> {
    let (names, kube_context) = (args.services.clone(), args.kube_context.chosen.clone());
    let (catalogue, context) = (Arc::clone(catalogue), context.clone());
    in_time(
        context.deadline.limit(),
        || (),
        move |deadline| {
            let context = context.with_deadline(deadline);
            let of_project = env::services_of_project(&names, &context)?;
            let names = if names.is_empty() { of_project } else { names };
            let services = catalogue.select(&names)?;
            let context = context.that_uses(kube_context.as_ref(), &services)?;
            let args = EnvArgs { services: names, ..EnvArgs::default() };
            let contexts = context.of_each_machine();
            let all = all_at_once(&contexts, |context| env::exports(&services, &args, context))?;
            env::require_exports(&all)?;
            GivenVariables::new(&all, &catalogue, &context.folders()?, &context.env)
        },
    )
}

/// The program `name`, which is no client.
fn find(name: &OsStr, catalogue: &Catalogue, env: &Env) -> Result<FoundProgram, ExecError> {
    let path = Path::new(name);
    if path.components().count() > 1 {
        return refuse_itself(env.current_folder.join(path)).map(FoundProgram::at);
    }
    let folders = env.path.as_deref().unwrap_or_default();
    if let Some(path) = program::find_all(name, folders).into_iter().next() {
        return refuse_itself(path).map(FoundProgram::at);
    }
    if let Some(path) = program::find_unusable(name, folders) {
        return Err(ExecError::NotExecutable { path });
    }
    let name = name.to_string_lossy().into_owned();
    let known = catalogue.entries().iter().flat_map(|entry| {
        let program = entry.service.client.as_ref().map(|client| client.program.to_string());
        [entry.service.name.to_string()].into_iter().chain(program)
    });
    let known: Vec<String> = known.chain(program::names(folders)).collect();
    Err(ExecError::NoSuchProgram { nearest: nearest(&name, &known), name })
}

/// Errors: `path` leads to this program, by another name.
fn refuse_itself(path: PathBuf) -> Result<PathBuf, ExecError> {
    let is_named_so = path.file_stem().is_some_and(|name| name == env!("CARGO_PKG_NAME"));
    if !is_named_so && program::is_this_one(&path) {
        return Err(ExecError::RunsItself { path });
    }
    Ok(path)
}

/// The user's shell.
fn shell(env: &Env) -> OsString {
    env.shell.clone().unwrap_or_else(|| FALLBACK_SHELL.to_owned()).into()
}
