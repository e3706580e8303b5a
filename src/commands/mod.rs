//! One file per command, named as the user types it.

mod r#box;
mod completions;
mod env;
mod machines;
mod status;

use std::ffi::OsString;
use std::time::Duration;

use crate::cli::{Command, Global};
use crate::deadline::Deadline;
use crate::dirs::Folders;
use crate::error::Error;
use crate::host::Host;
use crate::machine::{self, Machine, Selection};
use crate::shell::Shell;
use crate::ui::Ui;

/// What every command is given.
pub(crate) struct Context {
    pub(crate) host: Host,
    pub(crate) ui: Ui,
    pub(crate) deadline: Deadline,
    selection: Selection,
}

impl Context {
    pub(crate) fn new(host: Host, global: &Global, ui: Ui, deadline: Deadline) -> Self {
        let selection = Selection {
            machine: global.machine.clone(),
            ssh_config: global.ssh_config.clone(),
            host: global.host.clone(),
            identity: global.identity.clone(),
        };
        Self { host, ui, deadline, selection }
    }

    /// The machine that the user means.
    fn machine(&self) -> Result<Machine, Error> {
        machine::resolve(&self.selection, &self.host, &self.folders()?)
    }

    fn folders(&self) -> Result<Folders, Error> {
        Folders::find(&self.host)
    }
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::Env(args) => env::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Box(args) => r#box::run(args, context),
        Command::Machines(args) => machines::run(args, context),
        Command::Completions(args) => completions::run(args),
    }
}

/// The shell that evaluates what `command` prints, if one does.
pub(crate) fn failure_statement(command: &Command) -> Option<Shell> {
    match command {
        Command::Env(args) if !args.script_readable => Some(args.shell.unwrap_or_default()),
        _ => None,
    }
}

/// The same for arguments that could not be parsed.
pub(crate) fn failure_statement_of_arguments(arguments: &[OsString]) -> Option<Shell> {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    (has("env") && !has("--script-readable")).then(Shell::default)
}

/// What a command may take beyond its time to say itself what it was waiting for.
pub(crate) const GRACE: Duration = Duration::from_millis(200);
