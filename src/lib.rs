//! Makes the services inside a development VM (the *guest*) usable from the developer's machine (the *host*).
//!
//! `service-manager env kubernetes`, followed through the modules:
//!
//! 1. [`host`] reads environment and arguments, `cli` parses them, `run` below picks the command.
//! 2. `commands::env` is the story; every step returns a value.
//! 3. `machine` resolves which machine is meant and how it is reached; `vagrant` knows Vagrant's.
//! 4. `service` holds what `services/*.yaml` say; `probe` makes one script of all questions.
//! 5. `visit` carries it through `ssh`, one connection and one command, and brings the facts home.
//! 6. `discover` finds flavour, state and credentials in the facts; `kubeconfig` lets only the harmless part in.
//! 7. `endpoint` connects to the service with those credentials, over `tls`, and so proves what is exported.
//! 8. `export` fills in the templates, `client_files` writes what the clients read, `shell` renders, `ui` prints.
//!
//! `docs/architecture.md` is the same map with the reasons.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests set their own scene"))]

pub mod access;
pub mod base;
pub mod catalogue;
mod cli;
pub mod clients;
mod commands;
pub mod error;
pub mod export;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod guest;
pub mod machine;
pub mod services;
pub mod settings;
mod ui;

use std::time::Duration;

use clap::ValueEnum;

use crate::base::deadline::{Deadline, in_time};
pub use crate::base::env::Env;
use crate::cli::Cli;
use crate::commands::context::Context;
pub use crate::error::ExitCode;
use crate::error::{Error, Invocation, Script};
use crate::ui::{ColorChoice, Ui};

/// Runs the command that `host` was given and says how it ended. Errors are told to the user here and
/// nowhere else.
pub fn run(env: &Env) -> ExitCode {
    let cli = match Cli::parse_as(env.program(), &env.arguments) {
        Ok(cli) => cli,
        Err(answer) => return answer_of_the_parser(env, &answer),
    };
    if cli.global.verbose {
        ui::show_steps();
    }
    let ui = Ui::new(cli.global.color, env.no_color, cli.global.quiet);
    let script = Script::of(&cli.command);
    let invocation = Invocation::new(env, &cli.global);
    match run_command(env.clone(), cli, ui) {
        Ok(()) => ExitCode::Done,
        Err(error) => {
            ui.error(&error.explain(&invocation));
            fail(env, script, error.exit_code())
        }
    }
}

/// Runs the command within the time that the user allows. One that stays limits each of its rounds itself.
fn run_command(env: Env, cli: Cli, ui: Ui) -> Result<(), Error> {
    let limit = cli.global.timeout.unwrap_or_else(|| cli.command.time_limit());
    let limit = limit.saturating_mul(cli.command.turns());
    let stays = cli.command.stays();
    let run = move |deadline| commands::run(&cli.command, &Context::new(env, &cli.global, ui, deadline));
    if stays {
        return run(Deadline::after(limit));
    }
    // A lock that is left would keep kubectl out for ever.
    in_time(limit, || base::files::unlock_before_the_end(PATIENCE), run)
}

/// Help and version go to standard output, wrong usage to standard error.
fn answer_of_the_parser(env: &Env, answer: &clap::Error) -> ExitCode {
    let color =
        cli::option_in(&env.arguments, "--color").and_then(|when| ColorChoice::from_str(when, true).ok());
    Ui::new(color.unwrap_or_default(), env.no_color, false).parser(answer);
    if answer.use_stderr() {
        fail(env, Script::of_arguments(&env.arguments), ExitCode::Failure)
    } else {
        ExitCode::Done
    }
}

/// Where a shell would evaluate the output, one statement makes it fail too.
fn fail(env: &Env, script: Option<Script>, code: ExitCode) -> ExitCode {
    if let Some(script) = script.filter(|_| !ui::is_stdout_terminal()) {
        // The exit code says it all the same.
        let _ = ui::print(&script.failure(env, code));
    }
    code
}

/// For a file that is being changed when the time is over.
const PATIENCE: Duration = Duration::from_secs(5);
