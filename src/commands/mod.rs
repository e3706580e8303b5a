//! One file per command, named as the user types it.

mod r#box;
mod clients;
mod completions;
mod env;
mod hook;
mod install_cli;
mod kubeconfig;
mod machines;
mod man;
mod restart;
mod services;
mod start;
mod status;
mod stop;

use std::ffi::OsString;
use std::{fmt, thread};

use clap::ValueEnum;

use crate::base::deadline::Deadline;
use crate::base::env::{Host, ancestors};
use crate::base::paths::Folders;
use crate::base::types::MachineName;
use crate::catalogue::Catalogue;
use crate::cli::{Command, Global, OutputFormat, option_in};
use crate::error::{Error, ExitCode};
use crate::export::shell::{self, Detected, Follower, Shell};
use crate::machine::{self, Machine, Selection, remembered};
use crate::ui::Ui;

/// What every command is given.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) host: Host,
    pub(crate) ui: Ui,
    pub(crate) deadline: Deadline,
    /// Empty for the one that is meant where none is named.
    machines: Vec<Wanted>,
    selection: Selection,
}

impl Context {
    pub(crate) fn new(host: Host, global: &Global, ui: Ui, deadline: Deadline) -> Self {
        let selection = Selection {
            machine: None,
            ssh_config: global.ssh_config.clone(),
            host: global.host.clone(),
            identity: global.identity.clone(),
            as_remembered: false,
        };
        let mut machines: Vec<Wanted> = Vec::new();
        for name in &global.machines {
            // Named twice it is one machine.
            if !machines.iter().any(|known| matches!(known, Wanted::Named(known) if known == name)) {
                machines.push(Wanted::Named(name.clone()));
            }
        }
        Self { host, ui, deadline, machines, selection }
    }

    /// The same for each of the machines that are meant.
    pub(crate) fn of_each_machine(&self) -> Vec<Self> {
        match self.machines.as_slice() {
            [] | [_] => vec![self.clone()],
            several => several.iter().map(|wanted| self.of_machine(wanted.clone())).collect(),
        }
    }

    /// What the user calls the machine, where several are meant.
    pub(crate) fn label(&self) -> String {
        self.machines.first().map(ToString::to_string).unwrap_or_default()
    }

    /// The same for each machine that was used from here.
    pub(crate) fn of_all_machines(&self) -> Result<Vec<Self>, Error> {
        let known = remembered(&self.folders()?)?;
        let wanted = |machine: &Machine| Wanted::Remembered(machine.clone().into(), machine.label(&known));
        Ok(known.iter().map(|machine| self.of_machine(wanted(machine))).collect())
    }

    fn of_machine(&self, wanted: Wanted) -> Self {
        Self { machines: vec![wanted], ..self.clone() }
    }

    /// The shell to write for.
    pub(crate) fn shell(&self, named: Option<Shell>) -> Shell {
        named.unwrap_or_else(|| match shell::detect(&self.host, ancestors()) {
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
    pub(crate) fn machine(&self) -> Result<Machine, Error> {
        let machine = self.find(&self.selection)?;
        machine.notes().iter().for_each(|note| self.ui.note(note));
        Ok(machine)
    }

    /// The same, for which nothing is started: what was known of it is enough.
    pub(crate) fn remembered_machine(&self) -> Result<Machine, Error> {
        self.find(&Selection { as_remembered: true, ..self.selection.clone() })
    }

    /// The machine that is named, or that belongs to the current folder: as it is remembered, nothing is started. None
    /// outside of Vagrant's projects.
    pub(crate) fn machine_here(&self) -> Result<Option<Machine>, Error> {
        let Selection { ssh_config, host, .. } = &self.selection;
        let is_named = ssh_config.is_some() || host.is_some() || self.host.ssh_config.is_some();
        if self.machines.is_empty() && !is_named {
            return machine::around(&self.host, &self.folders()?, self.deadline);
        }
        self.remembered_machine().map(Some)
    }

    /// The one machine that is meant.
    ///
    /// Errors: several are named, or those of resolving it.
    fn find(&self, selection: &Selection) -> Result<Machine, Error> {
        let (host, folders) = (&self.host, self.folders()?);
        let machine = match self.machines.as_slice() {
            [] => None,
            [Wanted::Named(name)] => Some(name.clone()),
            [Wanted::Remembered(machine, _)] => {
                return machine::again(machine, selection, host, &folders, self.deadline);
            }
            several => {
                let machines = several.iter().map(ToString::to_string).collect();
                return Err(Error::OneMachine { machines });
            }
        };
        machine::resolve(&Selection { machine, ..selection.clone() }, host, &folders, self.deadline)
    }

    /// The services that are known here.
    pub(crate) fn catalogue(&self) -> Result<Catalogue, Error> {
        Catalogue::load(&self.folders()?)
    }

    pub(crate) fn folders(&self) -> Result<Folders, Error> {
        Folders::find(&self.host)
    }
}

/// A machine that a command is about.
#[derive(Clone)]
enum Wanted {
    /// The one of this name.
    Named(MachineName),
    /// One that was used from here, and what it is called among them.
    Remembered(Box<Machine>, String),
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(formatter),
            Self::Remembered(_, label) => label.fmt(formatter),
        }
    }
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::Env(args) => env::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Start(args) => start::run(args, context),
        Command::Stop(args) => stop::run(args, context),
        Command::Restart(args) => restart::run(args, context),
        Command::Kubeconfig(args) => kubeconfig::run(args, context),
        Command::Box(args) => r#box::run(args, context),
        Command::Machines(args) => machines::run(args, context),
        Command::Services(args) => services::run(args, context),
        Command::InstallCli(args) => install_cli::run(args, context),
        Command::Clients(args) => clients::run(&args.what, context),
        Command::Hook(args) => hook::run(args, context),
        Command::Man(args) => man::run(args),
        Command::Completions(args) => completions::run(args),
    }
}

/// Does `work` for each of `contexts`, all at once; the results are in their order.
fn at_once<T: Send>(
    contexts: &[Context],
    work: impl Fn(&Context) -> Result<T, Error> + Sync,
) -> Vec<Result<T, Error>> {
    // Most often it is one, which needs no thread.
    if let [only] = contexts {
        return vec![work(only)];
    }
    thread::scope(|scope| {
        let work = &work;
        let attempts: Vec<_> = contexts.iter().map(|context| scope.spawn(|| work(context))).collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap_or(Err(Error::BrokenOff))).collect()
    })
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
            // What a shell runs for each folder must not fail there.
            Command::Hook(args) if !args.now || args.shell == Follower::Direnv => {
                Some(Self { shell: Some(args.shell.shell()) })
            }
            _ => None,
        }
    }

    /// The same for arguments that could not be parsed.
    pub(crate) fn of_arguments(arguments: &[OsString]) -> Option<Self> {
        let has = |word: &str| arguments.iter().any(|argument| argument == word);
        let shell = option_in(arguments, "--shell").and_then(|name| Shell::from_str(name, true).ok());
        let has_none = has("--script-readable") || has("--dry-run") || has("--now");
        let is_script = (has("env") || has("install-cli") || has("hook"))
            && !has_none
            && option_in(arguments, "--output") != Some("json");
        is_script.then_some(Self { shell })
    }

    /// One statement that makes the evaluation fail with `code`.
    pub(crate) fn failure(&self, host: &Host, code: ExitCode) -> String {
        let shell = self.shell.unwrap_or_else(|| shell::detect(host, ancestors()).shell());
        shell.failure(code)
    }
}
