//! One file per command, named as the user types it; [`context`] is what they share, [`at_once`] what those share that
//! work for several machines, and [`each_service`] what those share that start and stop.

mod at_once;
mod r#box;
mod clients;
mod completions;
mod console;
pub(crate) mod context;
mod docker_context;
mod doctor;
mod each_service;
mod env;
pub(crate) mod exec;
mod forward;
mod hook;
mod install_cli;
mod kubeconfig;
mod logs;
mod machines;
mod man;
mod registry;
mod restart;
mod services;
mod ssh;
mod start;
mod status;
mod stop;
mod tunnel;

use std::ffi::OsString;

use self::context::Context;
use crate::catalogue::Service;
use crate::cli::{
    Command, KUBERNETES, Meaning, StatusArgs, command_name, is_about_a_machine, parse_seconds, retyped_line,
};
use crate::error::Error;

/// Runs `command`. An error about a word that is no service says what else it may be.
pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    dispatch(command, context).map_err(|error| match other_meaning(&error, command, context) {
        Some(hint) => Error::Hinted { error: error.into(), hint },
        None => error,
    })
}

/// What to type instead, where `error` is about a word that was taken for a service's name.
fn other_meaning(error: &Error, command: &Command, context: &Context) -> Option<String> {
    let word = error.unknown_word()?;
    if let Command::Status(StatusArgs { watch: Some(_), .. }) = command
        && parse_seconds(word).is_ok()
    {
        return Some(format!("did you mean `service-manager status --watch={word}`?"));
    }
    let typed = exec::separated(&context.env).arguments;
    let (name, line) = (command_name(&typed), |meaning| retyped_line(&typed, word, meaning));
    if !is_about_a_machine(&name) {
        return None;
    }
    if context.knows_machine(word) {
        return Some(format!("`{word}` is a machine: `{}`", line(Meaning::Machine)));
    }
    // Without a `--` behind it, it is the program that makes one.
    let is_service = |words: &[OsString]| words[0] == word && words[1] == "--";
    let is_program = matches!(error, Error::Exec(_)) && !typed.windows(2).any(is_service);
    (KUBERNETES.contains(&word) && !is_program).then(|| {
        let choice = if takes_context(command) { "; of several, `--context NAME` means one" } else { "" };
        format!("`{word}` is a Kubernetes here: `{}`{choice}", line(Meaning::Service("kubernetes")))
    })
}

/// True for the commands that have `--context`.
fn takes_context(command: &Command) -> bool {
    matches!(command, Command::Env(_) | Command::Exec(_) | Command::Status(_) | Command::Kubeconfig(_))
}

/// `command` for each of `services`, between backquotes.
fn retyped_for(command: &str, services: &[&Service]) -> String {
    let retyped = services.iter().map(|service| format!("`service-manager {command} {}`", service.name));
    retyped.collect::<Vec<_>>().join(", ")
}

fn dispatch(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::Env(args) => env::run(args, &context.clone().that_leaves_tunnels()),
        Command::Exec(args) => exec::run(args, &context.clone().that_leaves_tunnels()),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Start(args) => start::run(args, &context.clone().that_leaves_tunnels()),
        Command::Stop(args) => stop::run(args, context),
        Command::Restart(args) => restart::run(args, &context.clone().that_leaves_tunnels()),
        Command::Kubeconfig(args) => kubeconfig::run(args, &context.clone().that_leaves_tunnels()),
        Command::DockerContext(args) => docker_context::run(args, &context.clone().that_leaves_tunnels()),
        Command::Registry(args) => registry::run(args, &context.clone().that_leaves_tunnels()),
        Command::Box(args) => r#box::run(args, context),
        Command::Ssh(args) => ssh::run(args, context),
        Command::Logs(args) => logs::run(args, context),
        Command::Console(args) => console::run(args, &context.clone().that_leaves_tunnels()),
        Command::Machines(args) => machines::run(args, context),
        Command::Services(args) => services::run(args, context),
        Command::InstallCli(args) => install_cli::run(args, context),
        Command::Clients(args) => clients::run(&args.what, context),
        Command::Hook(args) => hook::run(args, &context.clone().that_waits_silently()),
        Command::Forward(args) => forward::run(args, &context.clone().that_leaves_tunnels()),
        Command::Tunnel(args) => tunnel::run(args, &context.clone().that_leaves_tunnels()),
        Command::Man(args) => man::run(args),
        Command::Completions(args) => completions::run(args, context),
    }
}
