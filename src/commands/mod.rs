//! One file per command, named as the user types it.

mod r#box;
mod clients;
mod completions;
mod env;
mod in_use;
mod install_cli;
mod json;
mod kubeconfig;
mod machines;
mod services;
mod status;
mod table;

use std::ffi::OsString;

use clap::ValueEnum;

use crate::cli::{Command, Global, OutputFormat, option_in};
use crate::deadline::Deadline;
use crate::dirs::Folders;
use crate::error::{Error, ExitCode};
use crate::host::{self, Host};
use crate::machine::{self, Machine, Selection};
use crate::service::Catalogue;
use crate::shell::{self, Detected, Shell};
use crate::ui::Ui;

/// What every command is given.
#[derive(Clone)]
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
            as_remembered: false,
        };
        Self { host, ui, deadline, selection }
    }

    /// The shell to write for.
    fn shell(&self, named: Option<Shell>) -> Shell {
        named.unwrap_or_else(|| match shell::detect(&self.host, host::ancestors()) {
            Detected::Known(shell) => shell,
            Detected::Instead(shell, unknown) => {
                let name =
                    shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                self.ui
                    .note(&format!("`{unknown}` in SERVICE_MANAGER_SHELL is not known; writing for {name}"));
                shell
            }
            Detected::Assumed(shell, unknown) => {
                let unknown =
                    unknown.iter().map(|name| format!(" (`{name}` is not known)")).collect::<String>();
                self.ui.note(&format!("writing for sh{unknown}; `--shell NAME` names another shell"));
                shell
            }
        })
    }

    /// The machine that the user means.
    fn machine(&self) -> Result<Machine, Error> {
        let machine = machine::resolve(&self.selection, &self.host, &self.folders()?, self.deadline)?;
        machine.notes().iter().for_each(|note| self.ui.note(note));
        Ok(machine)
    }

    /// The same, for which nothing is started: what was known of it is enough.
    fn remembered_machine(&self) -> Result<Machine, Error> {
        let selection = Selection { as_remembered: true, ..self.selection.clone() };
        machine::resolve(&selection, &self.host, &self.folders()?, self.deadline)
    }

    /// The services that are known here.
    fn catalogue(&self) -> Result<Catalogue, Error> {
        Catalogue::load(&self.folders()?)
    }

    fn folders(&self) -> Result<Folders, Error> {
        Folders::find(&self.host)
    }
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::Env(args) => env::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Kubeconfig(args) => kubeconfig::run(args, context),
        Command::Box(args) => r#box::run(args, context),
        Command::Machines(args) => machines::run(args, context),
        Command::Services(args) => services::run(args, context),
        Command::InstallCli(args) => install_cli::run(args, context),
        Command::Clients(args) => clients::run(&args.what, context),
        Command::Completions(args) => completions::run(args),
    }
}

/// Output that a shell evaluates, so that a failure has to reach the shell too.
pub(crate) struct Script {
    shell: Option<Shell>,
}

impl Script {
    /// What `command` prints, if that is a script.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        match command {
            Command::Env(args) if !args.script_readable && args.output == OutputFormat::Text => {
                Some(Self { shell: args.shell })
            }
            Command::InstallCli(args) if !args.dry_run && args.output == OutputFormat::Text => {
                Some(Self { shell: args.shell })
            }
            _ => None,
        }
    }

    /// The same for arguments that could not be parsed.
    pub(crate) fn of_arguments(arguments: &[OsString]) -> Option<Self> {
        let has = |word: &str| arguments.iter().any(|argument| argument == word);
        let shell = option_in(arguments, "--shell").and_then(|name| Shell::from_str(name, true).ok());
        let has_none = has("--script-readable") || has("--dry-run");
        let is_script = (has("env") || has("install-cli"))
            && !has_none
            && option_in(arguments, "--output") != Some("json");
        is_script.then_some(Self { shell })
    }

    /// One statement that makes the evaluation fail with `code`.
    pub(crate) fn failure(&self, host: &Host, code: ExitCode) -> String {
        let shell = self.shell.unwrap_or_else(|| shell::detect(host, host::ancestors()).shell());
        shell.failure(code)
    }
}
