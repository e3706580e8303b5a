//! Makes the services inside a development VM (the *guest*) usable from the developer's machine (the *host*).
//!
//! `base` knows nothing of the field. `catalogue` holds what `services/*.yaml` say, `access` turns credentials into
//! a verified endpoint, `guest` talks SSH, `clients` is the cache of programs, `machine` knows which guest is meant,
//! `ui` shows, `export` makes variables and files, `services` joins all of that. `cli` is the command line, `error` what a
//! command ends with, `commands` has a file for each command. Imports point down, in this order from right to left.
//!
//! `docs/explanation/architecture.md` follows one command through the files and gives the reasons.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests set their own scene"))]

mod access;
mod base;
mod catalogue;
mod cli;
mod clients;
mod commands;
mod error;
mod export;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod guest;
mod machine;
mod services;
mod settings;
mod ui;

use std::ffi::OsString;

use clap::ValueEnum;

use crate::base::deadline::{Deadline, in_time};
pub use crate::base::env::Env;
use crate::base::timeouts;
pub use crate::base::types::VariableName;
use crate::cli::{Cli, Refusal};
use crate::commands::context::Context;
pub use crate::error::ExitCode;
use crate::error::{Error, Explain, Invocation, Script};
pub use crate::export::shell::Shell;
pub use crate::export::{Block, Error as ExportError, Export, PathEntry};
use crate::ui::{ColorChoice, Ui};

/// Runs the command that `env` was given and says how it ended. Errors are told to the user here and
/// nowhere else.
pub fn run(env: &Env) -> ExitCode {
    if cli::is_background(&env.arguments) {
        base::platform::close_inherited();
    }
    let separated = commands::exec::separated(env);
    let cli = match Cli::parse_as(env.program(), &separated.arguments) {
        Ok(cli) => cli,
        Err(answer) => return answer_of_the_parser(env, separated.own(), answer),
    };
    if cli.global.verbose {
        ui::show_steps();
    }
    let ui = Ui::new(cli.global.color, env.no_color, cli.global.quiet);
    // As its users' scripts have always read it.
    let ui = if env.plugin.is_some() { ui.without_progress_lines() } else { ui };
    let script = Script::of(&cli.command);
    let invocation = Invocation::new(env, &cli.global);
    let ended = run_command(env.clone(), cli, ui);
    ui::end_waiting();
    match ended {
        Ok(()) => ExitCode::Done,
        Err(error) => {
            if !matches!(error, Error::Diagnosed { .. }) {
                ui.error(&error.explain(&invocation));
            }
            fail(env, script, error.exit_code())
        }
    }
}

/// Runs the command within the time that the user allows. One that stays limits each of its rounds itself.
fn run_command(env: Env, cli: Cli, ui: Ui) -> Result<(), Error> {
    let limit = cli.global.timeout.unwrap_or_else(|| cli.command.time_limit());
    let limit = limit.saturating_mul(cli.command.timeout_multiplier());
    let manages_own_timeout = cli.command.manages_own_timeout();
    // A shell that waits for a script may be one that starts up.
    let may_ask = ui::is_person_there() && (Script::of(&cli.command).is_none() || ui::is_stdout_terminal());
    let run = move |deadline| {
        let context = Context::new(env, &cli.global, ui, deadline).that_may_ask(may_ask);
        commands::run(&cli.command, &context)
    };
    if manages_own_timeout {
        return run(Deadline::after(limit));
    }
    // A lock that is left would keep kubectl out for ever.
    in_time(limit, || base::files::unlock_before_the_end(timeouts::UNLOCK), run)
}

/// Help and version go to standard output, wrong usage to standard error.
fn answer_of_the_parser(env: &Env, arguments: &[OsString], answer: Refusal) -> ExitCode {
    let color = cli::option_in(arguments, "--color").and_then(|when| ColorChoice::from_str(when, true).ok());
    let ui = Ui::new(color.unwrap_or_default(), env.no_color, false);
    if !answer.use_stderr() {
        // No hint is in there, so the line need not be read again for one.
        ui.parser(&answer);
        return ExitCode::Done;
    }
    let typed = cli::selection_in_refused(arguments, &answer)
        .map_or_else(|| Invocation::of_program(env), |global| Invocation::new(env, &global));
    let answer = cli::with_hints(answer, |hint| typed.complete(hint));
    ui.parser(&answer);
    let lacks_object = cli::lacks_object(&answer, arguments);
    let code = if lacks_object { ExitCode::NotRunning } else { ExitCode::Failure };
    fail(env, Script::of_arguments(arguments), code)
}

/// Where a shell would evaluate the output, one statement makes it fail too.
fn fail(env: &Env, script: Option<Script>, code: ExitCode) -> ExitCode {
    if let Some(script) = script.filter(|_| !ui::is_stdout_terminal()) {
        // The exit code says it all the same.
        let _ = ui::print(&script.failure(env, code));
    }
    code
}
