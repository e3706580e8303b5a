//! Which machines a command is about.

use super::Context;
use super::wanted::Wanted;
use crate::base::types::MachineName;
use crate::error::Error;
use crate::machine::{
    self, Dialog, FoundProjectFile, Machine, PROJECT_FILE, Project, Remembered, Selection, remembered,
};

impl Context {
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

    /// The name in `SERVICE_MANAGER_MACHINE`, where nothing is typed that says which machine is meant.
    fn machine_of_variable(&self) -> Result<Option<MachineName>, Error> {
        let is_typed = self.selection.host.is_some() || self.selection.ssh_config.is_some();
        let name = self.env.machine.as_deref().filter(|_| !is_typed && self.machines.is_empty());
        let invalid = |source| Error::Value { what: MACHINE_VARIABLE.into(), source };
        name.map(MachineName::parse).transpose().map_err(invalid)
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
            (
                error @ (machine::Error::UnknownMachine { .. }
                | machine::Error::VagrantStale { .. }
                | machine::Error::VagrantGone { .. }),
                Some(found),
            ) => Error::OfProjectFile { path: found.path, error: Box::new(error.into()) },
            (error, _) => error.into(),
        }
    }
}

const MACHINE_VARIABLE: &str = "SERVICE_MANAGER_MACHINE";
