//! What every command is given.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum;
use serde::Serialize;

use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::parallel;
use crate::base::paths::Folders;
use crate::base::platform::ancestors;
use crate::base::text::{escape_control, sh_path, sh_word};
use crate::base::types::MachineName;
use crate::catalogue::{Catalogue, Service};
use crate::cli::Global;
use crate::error::{Error, Explain, Invocation};
use crate::export::shell::{self, Detected, Shell};
use crate::guest::probe::Questions;
use crate::machine::{
    self, Dialog, FileConsent, FoundProjectFile, Machine, PROJECT_FILE, Project, ProjectFile, Remembered,
    Selection, UnreadableRecord, VagrantQuestion, VagrantResolver, remembered,
};
use crate::services::{
    self, BriefTunnels, ContextChoice, Inspection, MachineSession, TunnelAccess, TunnelLifetime,
};
use crate::settings::{Settings, TunnelMode};
use crate::ui::{self, Spinner, Ui, json};

/// What every command is given.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) ui: Ui,
    pub(crate) deadline: Deadline,
    /// Empty for the one that is meant where none is named.
    machines: Vec<Wanted>,
    selection: Selection,
    invocation: Invocation,
    /// What is typed; else what is set counts.
    tunnel: Option<TunnelMode>,
    /// What services publish is to be here, whatever is set.
    publishes: bool,
    /// How long a tunnel lasts that the command needs.
    tunnel_lifetime: TunnelLifetime,
    /// The context of the machine's kubeconfig that is typed.
    in_kubeconfig: Option<ContextChoice>,
    has_own_timeout: bool,
    /// The user is at a terminal, and no shell waits for the output.
    may_ask: bool,
    /// The records and project files that the user was told of, here and in every copy.
    told: Arc<Mutex<BTreeSet<String>>>,
    /// Whether the user has allowed Vagrant to run what has this digest, here and in every copy.
    answers: Arc<Mutex<BTreeMap<String, bool>>>,
}

impl Context {
    pub(crate) fn new(env: Env, global: &Global, ui: Ui, deadline: Deadline) -> Self {
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
        let invocation = Invocation::new(&env, global);
        let may_ask = false;
        let (told, answers) = (Arc::default(), Arc::default());
        let (tunnel, tunnel_lifetime) = (global.tunnel, TunnelLifetime::Command);
        let has_own_timeout = global.timeout.is_some();
        Self {
            env,
            ui,
            deadline,
            machines,
            selection,
            invocation,
            tunnel,
            publishes: false,
            tunnel_lifetime,
            in_kubeconfig: None,
            has_own_timeout,
            may_ask,
            told,
            answers,
        }
    }

    /// The same for a user who can be asked.
    #[must_use]
    pub(crate) fn that_may_ask(self, may_ask: bool) -> Self {
        Self { may_ask, ..self }
    }

    /// The same for a command whose user goes on with what it has found: a tunnel lasts.
    #[must_use]
    pub(crate) fn that_leaves_tunnels(self) -> Self {
        Self { tunnel_lifetime: TunnelLifetime::Background, ..self }
    }

    /// The same for a command about one of `services`, to which the context of a kubeconfig leads that was typed.
    ///
    /// Errors: none of them may come as a kubeconfig alone.
    pub(crate) fn that_uses(
        &self,
        chosen: Option<&ContextChoice>,
        services: &[&Service],
    ) -> Result<Self, Error> {
        let has_contexts = |service: &&Service| service.flavours.iter().any(|flavour| flavour.last_resort);
        if chosen.is_some() && !services.iter().any(has_contexts) {
            let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            return Err(Error::ContextUnfit { what: names.join(" and ") });
        }
        Ok(Self { in_kubeconfig: chosen.cloned(), ..self.clone() })
    }

    /// The context of the machine's kubeconfig that is typed.
    pub(crate) fn chosen_in_kubeconfig(&self) -> Option<&ContextChoice> {
        self.in_kubeconfig.as_ref()
    }

    /// The same for a command that publishes ports.
    #[must_use]
    pub(crate) fn that_publishes(self) -> Self {
        Self { publishes: true, ..self }
    }

    /// Whether, and for how long, services are reached through SSH.
    pub(crate) fn tunnel(&self) -> Result<TunnelAccess, Error> {
        let settings = Settings::load(&self.folders()?)?;
        let mode = self.tunnel.unwrap_or(settings.tunnel);
        let home = self.env.service_manager_home.as_ref().map(|home| self.env.current_folder.join(home));
        let agent = self.env.variable("SSH_AUTH_SOCK").map(|agent| self.env.current_folder.join(agent));
        Ok(TunnelAccess {
            mode,
            publish: self.publishes || settings.publish,
            lifetime: self.tunnel_lifetime,
            home,
            agent,
            brief: BriefTunnels::default(),
            ui: self.ui,
        })
    }

    /// The same with another limit.
    #[must_use]
    pub(crate) fn with_deadline(self, deadline: Deadline) -> Self {
        Self { deadline, ..self }
    }

    /// What was typed.
    pub(crate) fn invocation(&self) -> &Invocation {
        &self.invocation
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

    /// True when the user has named a machine.
    pub(crate) fn names_a_machine(&self) -> bool {
        self.means_another_machine() || self.env.ssh_config.is_some()
    }

    /// The user has named a machine, which need not be that of the project around.
    pub(crate) fn means_another_machine(&self) -> bool {
        let Selection { ssh_config, host, .. } = &self.selection;
        let is_named = !self.machines.is_empty() || self.env.machine.is_some();
        is_named || ssh_config.is_some() || host.is_some()
    }

    /// The same for each machine that was used from here.
    pub(crate) fn of_all_machines(&self) -> Result<Vec<Self>, Error> {
        let known = self.remembered_machines()?.machines;
        let wanted = |machine: &Machine| Wanted::Remembered(machine.clone().into(), machine.label(&known));
        Ok(known.iter().map(|machine| self.of_machine(wanted(machine))).collect())
    }

    /// What is remembered of all machines; what is not understood of it is said.
    pub(crate) fn remembered_machines(&self) -> Result<Remembered, Error> {
        let remembered = remembered(&self.folders()?).map_err(machine::Error::from)?;
        remembered.unreadable.iter().for_each(|record| self.unreadable_record(record));
        Ok(remembered)
    }

    /// True when a machine that was used from here, or that the project around has, is called `word`.
    pub(crate) fn knows_machine(&self, word: &str) -> bool {
        let Ok(name) = MachineName::parse(word) else { return false };
        let remembered = self.folders().ok().and_then(|folders| remembered(&folders).ok());
        let is_known = remembered.is_some_and(|known| known.machines.iter().any(|one| one.is_called(word)));
        let project = Project::find_from_cwd(&self.env).unwrap_or_default();
        is_known || project.is_some_and(|project| project.knows(&name))
    }

    fn of_machine(&self, wanted: Wanted) -> Self {
        let invocation = self.invocation.of_machine(&wanted.to_string());
        Self { machines: vec![wanted], invocation, ..self.clone() }
    }

    /// True when the user has said how long it may take.
    pub(crate) fn has_own_timeout(&self) -> bool {
        self.has_own_timeout
    }

    /// True where somebody answers a question.
    pub(crate) fn may_ask(&self) -> bool {
        self.may_ask
    }

    /// Something the user should know about what was just done.
    pub(crate) fn note(&self, text: &str) {
        self.ui.note(&self.invocation.complete(text));
    }

    /// Why a service is left out although everything was asked for.
    pub(crate) fn note_left_out(&self, reason: &str) {
        self.ui.note(&format!("left out: {reason}"));
    }

    /// The same, with what to type about one that has failed: nobody wants that.
    pub(crate) fn note_left_out_now(&self, reason: &services::Error) {
        let text = format!("left out: {reason}");
        if !reason.is_about_a_failed_service() {
            return self.ui.note(&text);
        }
        let hint = reason.hint().map(|hint| self.invocation.complete(&hint));
        self.ui.note_with_hint(&text, hint.as_deref());
    }

    /// Tells the user of all `failures` but the one at the place `chosen`, with which the command ends.
    ///
    /// Errors: that one; none where nothing has failed.
    pub(crate) fn end(&self, mut failures: Vec<Error>, chosen: usize) -> Result<(), Error> {
        if failures.is_empty() {
            return Ok(());
        }
        let failure = failures.remove(chosen);
        for error in &failures {
            self.warn(error);
        }
        Err(failure)
    }

    /// A failure that does not end the command.
    pub(crate) fn warn(&self, error: &Error) {
        self.ui.warning(&error.explain(&self.invocation));
    }

    /// The shell to write for.
    pub(crate) fn shell(&self, named: Option<Shell>) -> Shell {
        named.unwrap_or_else(|| match shell::detect(&self.env, ancestors()) {
            Detected::Known(shell) => shell,
            Detected::Instead(shell, unknown) => {
                let name = name_of(shell);
                self.note(&format!("`{unknown}` in SERVICE_MANAGER_SHELL is not known; writing for {name}"));
                shell
            }
            Detected::Assumed(shell, unknown) => {
                let unknown =
                    unknown.iter().map(|name| format!(" (`{name}` is not known)")).collect::<String>();
                let name = name_of(shell);
                self.note(&format!("writing for {name}{unknown}; `--shell NAME` names another shell"));
                shell
            }
        })
    }

    /// The machine that the user means.
    pub(crate) fn machine(&self) -> Result<Machine, Error> {
        let machine = self.find(&self.selection)?;
        machine.notes().iter().for_each(|note| self.note(note));
        Ok(machine)
    }

    /// The same, for which nothing is started: what was known of it is enough.
    pub(crate) fn remembered_machine(&self) -> Result<Machine, Error> {
        self.find(&Selection { as_remembered: true, ..self.selection.clone() })
    }

    /// The machine that is named, or that belongs to the current folder: as it is remembered, nothing is started. None
    /// outside of Vagrant's projects.
    pub(crate) fn machine_here(&self) -> Result<Option<Machine>, Error> {
        if !self.names_a_machine() && self.machine_of_project()?.is_none() {
            let folders = self.folders()?;
            return Ok(machine::resolve_from_cwd(&self.env, &folders, self, self.deadline)?);
        }
        self.remembered_machine().map(Some)
    }

    /// What the project around says, if the user has allowed that. Where not, a line says what to type, once.
    ///
    /// Errors: it is not valid, or names a service that there is not; what is kept about it cannot be read.
    pub(crate) fn project_file(&self) -> Result<Option<ProjectFile>, Error> {
        let file = self.unchecked_project_file()?;
        if let (Some(file), Some(found)) = (&file, FoundProjectFile::find(&self.env)) {
            file.check(&self.catalogue()?)
                .map_err(|source| machine::Error::ProjectFile { path: found.path, source })?;
        }
        Ok(file)
    }

    /// The same, in which a name of a service may be none.
    fn unchecked_project_file(&self) -> Result<Option<ProjectFile>, Error> {
        let Some(found) = FoundProjectFile::find(&self.env) else { return Ok(None) };
        if !found.is_foreign && found.consent(&self.folders()?)? == FileConsent::Given {
            let invalid = |source| machine::Error::ProjectFile { path: found.path.clone(), source };
            return Ok(Some(found.read().map_err(invalid)?));
        }
        if self.is_untold(&found.path.to_string_lossy()) {
            self.note_ignored(&found)?;
        }
        Ok(None)
    }

    /// Says why a project's file does not count, unless the user wants that.
    fn note_ignored(&self, found: &FoundProjectFile) -> Result<(), Error> {
        let path = sh_path(&found.path);
        let has_changed = match found.consent(&self.folders()?)? {
            FileConsent::Denied => return Ok(()),
            FileConsent::Outdated => " as it is now",
            FileConsent::Given | FileConsent::Missing => "",
        };
        if found.is_foreign {
            self.note(&format!("{path} does not count here: it belongs to somebody else"));
            return Ok(());
        }
        self.note(&format!(
            "{path} does not count{has_changed}, since you have not allowed it; if you trust it: \
             `service-manager machines allow {path}`"
        ));
        Ok(())
    }

    /// As [`Self::project_file`] for a hook, which runs again and again: a file that is not allowed is told of once, and one that
    /// is not valid is none.
    pub(crate) fn project_file_for_hook(&self) -> Result<Option<ProjectFile>, Error> {
        let Some(found) = FoundProjectFile::find(&self.env) else { return Ok(None) };
        let folders = self.folders()?;
        let counts = !found.is_foreign && found.consent(&folders)? == FileConsent::Given;
        if !counts && !found.is_news("", &folders, self.deadline)? {
            // Nor is anybody else told.
            self.is_untold(&found.path.to_string_lossy());
        }
        self.unchecked_project_file()
    }

    /// Tells once what is wrong with the project's file by now, for a hook: it was right when it was allowed, but a service or a
    /// machine may be gone since.
    pub(crate) fn warn_once_of_project_file(&self, error: &Error) {
        let is_news = || -> Result<bool, Error> {
            let Some(found) = FoundProjectFile::find(&self.env) else { return Ok(false) };
            Ok(found.is_news(&error.to_string(), &self.folders()?, self.deadline)?)
        };
        match is_news() {
            Ok(true) => self.warn(error),
            Ok(false) => {}
            Err(failure) => log::debug!("{failure}"),
        }
    }

    /// The machine that the project around names, where nothing is typed that says which one is meant.
    fn machine_of_project(&self) -> Result<Option<MachineName>, Error> {
        let Selection { ssh_config, host, .. } = &self.selection;
        let is_given = ssh_config.is_some() || host.is_some() || !self.machines.is_empty();
        if is_given
            || self.env.ssh_config.is_some()
            || self.env.plugin.is_some()
            || self.env.machine.is_some()
        {
            return Ok(None);
        }
        Ok(self.unchecked_project_file()?.and_then(|file| file.machine))
    }

    /// True the first time that it is asked, here and in every copy.
    fn is_untold(&self, what: &str) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned())
    }

    /// The name in `SERVICE_MANAGER_MACHINE`, where nothing is typed that says which machine is meant.
    fn machine_of_variable(&self) -> Result<Option<MachineName>, Error> {
        let is_typed = self.selection.host.is_some() || self.selection.ssh_config.is_some();
        let name = self.env.machine.as_deref().filter(|_| !is_typed && self.machines.is_empty());
        let invalid = |source| Error::Value { what: MACHINE_VARIABLE.into(), source };
        name.map(MachineName::parse).transpose().map_err(invalid)
    }

    /// What says which machine is meant, where that was not typed and is not the folder.
    ///
    /// Errors: what is remembered cannot be read.
    pub(crate) fn default_by(&self) -> Result<Option<&'static str>, Error> {
        if self.machine_of_variable()?.is_some() {
            return Ok(Some(MACHINE_VARIABLE));
        }
        if self.machine_of_project()?.is_some() {
            return Ok(Some(PROJECT_FILE));
        }
        let is_elsewhere = || Project::find_from_cwd(&self.env).is_ok_and(|project| project.is_none());
        if self.names_a_machine() || !is_elsewhere() {
            return Ok(None);
        }
        let known = self.remembered_machines()?.machines;
        let chosen = machine::chosen(&self.folders()?, &known).map_err(machine::Error::from)?;
        Ok(chosen.map(|_| "machines use"))
    }

    /// The one machine that is meant.
    ///
    /// Errors: several are named, or those of resolving it.
    fn find(&self, selection: &Selection) -> Result<Machine, Error> {
        let (env, folders) = (&self.env, self.folders()?);
        let machine = match self.machines.as_slice() {
            [] => self
                .machine_of_variable()?
                .map_or_else(|| self.machine_of_project(), |name| Ok(Some(name)))?,
            [Wanted::Named(name)] => Some(name.clone()),
            [Wanted::Remembered(machine, _)] => {
                let deadline = self.deadline;
                return Ok(machine::resolve_remembered(machine, selection, env, &folders, self, deadline)?);
            }
            several => {
                let machines = several.iter().map(ToString::to_string).collect();
                return Err(Error::MultipleMachines { machines });
            }
        };
        let is_of_project = machine.is_some() && self.machine_of_project()? == machine;
        let selection = Selection { machine, ..selection.clone() };
        let found = machine::resolve(&selection, env, &folders, self, self.deadline);
        found.map_err(|error| if is_of_project { self.of_project_file(error) } else { error.into() })
    }

    /// `error` about the machine that the project's file names.
    fn of_project_file(&self, error: machine::Error) -> Error {
        match (error, FoundProjectFile::find(&self.env)) {
            (error @ machine::Error::UnknownMachine { .. }, Some(found)) => {
                Error::OfProjectFile { path: found.path, error: Box::new(error.into()) }
            }
            (error, _) => error.into(),
        }
    }

    /// The same for what goes on beside something that stands on the terminal.
    #[must_use]
    pub(crate) fn that_waits_silently(self) -> Self {
        Self { ui: self.ui.without_waiting(), ..self }
    }

    /// Says that `place` is connected to, if that takes a while.
    pub(crate) fn waits_for(&self, place: &str) -> Spinner {
        Spinner::after_a_moment(self.ui, &format!("connecting to {place}"))
    }

    /// Logs in to `machine`, which is where it is now from then on.
    pub(crate) fn open_session(&self, machine: &mut Machine) -> Result<MachineSession, Error> {
        let folders = self.folders()?;
        let vagrant = VagrantResolver::new(&self.env, &folders, &self.selection, self);
        let before = self.login_before(machine)?;
        let _waiting = self.waits_for(&machine.route().target.place());
        let session = MachineSession::open(
            machine,
            &vagrant,
            self.tunnel()?,
            self.in_kubeconfig.clone(),
            self.deadline,
        )?;
        if let Some(before) = before {
            let (name, now) = (&machine.name, &machine.route().target);
            self.note(&format!("from now on `{name}` is reached as {now}, no longer as {before}"));
        }
        Ok(session)
    }

    /// As whom `machine` was logged in to before, if the user has typed another one.
    fn login_before(&self, machine: &Machine) -> Result<Option<String>, Error> {
        if self.selection.host.is_none() {
            return Ok(None);
        }
        let known = self.remembered_machines()?.machines;
        let before = known.iter().find(|known| known.key() == machine.key());
        let before = before.map(|known| known.route().target.to_string());
        Ok(before.filter(|before| *before != machine.route().target.to_string()))
    }

    /// Logs in to `machine` and asks `questions` with one command.
    pub(crate) fn inspect(&self, mut machine: Machine, questions: &Questions) -> Result<Inspection, Error> {
        let mut session = self.open_session(&mut machine)?;
        let _waiting = Spinner::after_a_moment(self.ui, &format!("asking {}", machine.name));
        Ok(session.inspect(questions)?)
    }

    /// `error`, with what its unit has written last if it is about one that has failed.
    pub(crate) fn with_last_words(&self, mut error: services::Error, machine: &Machine) -> Error {
        if error.failed_unit().is_some() {
            match self.open_session(&mut machine.clone()) {
                Ok(mut session) => session.add_last_words(&mut error),
                Err(failure) => log::debug!("{failure}"),
            }
        }
        error.into()
    }

    /// The services that are known here.
    pub(crate) fn catalogue(&self) -> Result<Catalogue, Error> {
        Ok(Catalogue::load(&self.folders()?)?)
    }

    pub(crate) fn folders(&self) -> Result<Folders, Error> {
        Ok(Folders::find(&self.env)?)
    }
}

impl Dialog for Context {
    fn allows_vagrant(&self, question: &VagrantQuestion) -> bool {
        if !self.may_ask {
            return false;
        }
        let path = escape_control(&question.vagrantfile.to_string_lossy());
        let changed = if question.has_changed { ", which has changed since you allowed it" } else { "" };
        // One question at a time, and each once.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(question.digest.to_owned()).or_insert_with(|| {
            ui::confirm(&format!(
                "To find the machine, Vagrant has to run `{path}`, a program{changed}. Allow that?"
            ))
        })
    }

    fn vagrant_not_asked(&self, error: machine::Error) {
        self.warn(&error.into());
    }

    fn unreadable_record(&self, record: &UnreadableRecord) {
        let key = record.files.key();
        if !self.is_untold(&key) {
            return;
        }
        let path = escape_control(&record.files.machine().to_string_lossy());
        let reason = if record.is_foreign { "is of another version of this program" } else { "is damaged" };
        let forget = format!("service-manager machines forget {}", sh_word(&key));
        self.note(&format!(
            "`{path}` {reason}, so what it says of a machine is left out; `{forget}` removes it"
        ));
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

/// Does `work` for each of `contexts`, all at once; the results are in their order.
pub(crate) fn at_once<T: Send>(
    contexts: &[Context],
    work: impl Fn(&Context) -> Result<T, Error> + Sync,
) -> Vec<Result<T, Error>> {
    let results = parallel::map(contexts.iter().collect(), MOST_AT_ONCE, work);
    results.into_iter().map(|result| result.unwrap_or_else(|error| Err(error.into()))).collect()
}

/// The same where all of it has to go well.
///
/// Errors: the first failure; of several machines it knows which one it is about.
pub(crate) fn all_at_once<T: Send>(
    contexts: &[Context],
    work: impl Fn(&Context) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let results = contexts.iter().zip(at_once(contexts, work));
    let of_machine = |context: &Context, error: Error| match contexts {
        [_] => error,
        _ => Error::OfMachine { machine: context.label(), error: error.into() },
    };
    results.map(|(context, result)| result.map_err(|error| of_machine(context, error))).collect()
}

/// Writes `text` to standard output.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    Ok(ui::print(text)?)
}

/// Writes a JSON document to standard output.
pub(crate) fn print_json<T: Serialize>(content: &T) -> Result<(), Error> {
    Ok(json::print(content)?)
}

fn name_of(shell: Shell) -> String {
    shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

const MACHINE_VARIABLE: &str = "SERVICE_MANAGER_MACHINE";
/// Machines: each takes a thread or two, and a connection.
const MOST_AT_ONCE: usize = 20;
