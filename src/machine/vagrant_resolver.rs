//! Machines of Vagrant. What Vagrant said of one is kept with the machine and used without starting Vagrant, for as
//! long as Vagrant's own files about the machine are the same and it leads there.

use std::path::Path;

use super::configured::resolve_again;
use super::consent::Consents;
use super::dialog::Dialog;
use super::error::Error;
use super::own_config::OwnConfig;
use super::route_reader::{ConfigReader, RouteReader, choose_alias};
use super::selection::Selection;
use super::ssh_config::{LONGEST_CONFIG, SshConfig};
use super::store::{Machine, Origin, Recorded, RouteState, files_of};
use super::vagrant::{CreatedMachine, Project, VagrantProgram};
use crate::base::deadline::Deadline;
use crate::base::env::{Env, Plugin};
use crate::base::files;
use crate::base::paths::{Folders, MachineFiles};
use crate::base::types::MachineName;
use crate::guest::ssh::Route;

/// Finds machines of Vagrant's projects. It alone starts Vagrant.
#[derive(Clone, Copy)]
pub(crate) struct VagrantResolver<'a> {
    env: &'a Env,
    folders: &'a Folders,
    selection: &'a Selection,
    dialog: &'a dyn Dialog,
}

impl<'a> VagrantResolver<'a> {
    /// With what was typed, and for whom.
    pub(crate) fn new(
        env: &'a Env,
        folders: &'a Folders,
        selection: &'a Selection,
        dialog: &'a dyn Dialog,
    ) -> Self {
        Self { env, folders, selection, dialog }
    }

    /// The machine that is meant where none is named: the only one of `project`, or its primary one.
    ///
    /// Errors: no machine is created, several are and none of them is the primary one, or those of [`Self::find`].
    pub(super) fn find_in_project(&self, project: Project, deadline: Deadline) -> Result<Machine, Error> {
        let created = project.machines();
        let several = || Error::MultipleMachines {
            known: created.iter().map(ToString::to_string).collect(),
            words: "--machine",
        };
        let handed_over = self.env.plugin.as_ref().map(Plugin::machine_name);
        match (created.as_slice(), handed_over) {
            ([], _) => Err(Error::VagrantEmpty { folder: project.folder }),
            (_, Some(Some(name))) => self.find(project, &name, false, deadline),
            ([only], _) => self.find(project, only, false, deadline),
            (_, Some(None)) => Err(several()),
            (names, None) => match self.primary(&project, names, deadline)? {
                Some(primary) => self.find(project, &primary, true, deadline),
                None => Err(several()),
            },
        }
    }

    /// The machine `name` of `project`, reached as Vagrant said, or says now.
    ///
    /// Errors: it is not created, or Vagrant does not say how it is reached.
    pub(super) fn find(
        &self,
        project: Project,
        name: &MachineName,
        is_primary: bool,
        deadline: Deadline,
    ) -> Result<Machine, Error> {
        let files = files_of(name, &project.identity(name.as_str()), self.folders);
        let kept = self.read(files.clone())?;
        let Some(created) = project.created(name) else { return Err(gone(project, name, kept.as_ref())) };
        let before = kept.as_ref().and_then(Machine::origin);
        let is_rebuilt = before.is_some_and(|before| before.created.id != created.id);
        let is_primary = is_primary || before.is_some_and(|before| before.is_primary_in(&project));
        let is_same = before.is_some_and(|before| before.created == created);
        let from_plugin = self.route_from_plugin(&project, name, &created)?;
        if from_plugin.is_some() {
            self.note_started_by_vagrant(&project, deadline);
        } else if let Some(kept) = kept.as_ref().filter(|_| !is_same && !is_rebuilt)
            && !self.selection.as_remembered
            && !Consents::new(self.env, self.folders).is_given(&project, deadline).unwrap_or(false)
        {
            // Nobody has to allow anything as long as the known route leads there.
            let mut machine = kept.clone();
            machine.choose_identity(self.selection, self.env);
            return Ok(machine);
        }
        let kept = kept.filter(|_| is_same || self.selection.as_remembered);
        let is_current = from_plugin.is_some() || kept.is_none();
        let mut route = match (from_plugin, kept) {
            (Some(route), _) => route,
            (None, Some(kept)) => kept.route().clone(),
            (None, None) if self.selection.as_remembered => {
                return Err(Error::NoCachedOutput { machine: name.to_string() });
            }
            (None, None) => self.ask_route(&project, name, &created, deadline)?,
        };
        self.selection.choose_identity(&mut route.target, self.env);
        let origin = Some(Origin { project, created, is_primary });
        let state = RouteState { route, origin, config: None, is_current };
        Ok(Machine::with_state(name.clone(), files, state).rebuilt(is_rebuilt))
    }

    /// Asks Vagrant, or the user's ssh config, how `machine` is reached, after the known route did not lead there. None when
    /// that is still the route, or nobody can say.
    ///
    /// Errors: it is not created or not running any more, or Vagrant or the config does not say.
    pub(crate) fn refresh_route(
        &self,
        machine: &Machine,
        deadline: Deadline,
    ) -> Result<Option<Machine>, Error> {
        if machine.config().is_some() && !deadline.is_over() {
            let now = resolve_again(machine, &OwnConfig::read(self.env)?, self.env, deadline)?;
            return Ok(now.filter(|now| now.route() != machine.route()));
        }
        let Some(origin) = machine.origin().filter(|_| !deadline.is_over()) else { return Ok(None) };
        let Some(created) = origin.project.created(&machine.name) else {
            let (machine, folder) = (machine.name.to_string(), origin.project.folder.clone());
            return Err(Error::VagrantNotCreated { machine, folder });
        };
        match self.ask_route(&origin.project, &machine.name, &created, deadline) {
            Ok(route) if route == *machine.route() => Ok(None),
            Ok(route) => Ok(Some(machine.with_route(route, Origin { created, ..origin.clone() }))),
            // What went wrong before says more.
            Err(Error::NoVagrant { .. } | Error::VagrantDenied { .. }) => Ok(None),
            Err(error @ Error::VagrantNotAllowed { .. }) => {
                self.dialog.vagrant_not_asked(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The primary machine of `project`, if it is among those `created`. As long as the Vagrantfile is the same, what
    /// Vagrant said before is enough.
    fn primary(
        &self,
        project: &Project,
        created: &[MachineName],
        deadline: Deadline,
    ) -> Result<Option<MachineName>, Error> {
        for name in created {
            let kept = self.read(files_of(name, &project.identity(name.as_str()), self.folders))?;
            let origin = kept.as_ref().and_then(Machine::origin);
            if origin.is_some_and(|origin| origin.is_primary_in(project)) {
                return Ok(Some(name.clone()));
            }
        }
        if self.selection.as_remembered {
            return Ok(None);
        }
        let primary = self.program(project, deadline)?.primary(project, deadline)?;
        Ok(primary.filter(|primary| created.contains(primary)))
    }

    /// The machine that `files` remember. What is not understood there is said, and counts for nothing.
    fn read(&self, files: MachineFiles) -> Result<Option<Machine>, Error> {
        Ok(match Machine::read(files)? {
            Recorded::Machine(machine) => Some(*machine),
            Recorded::Nothing => None,
            Recorded::Unreadable(record) => {
                self.dialog.unreadable_record(&record);
                None
            }
        })
    }

    /// The route to the machine `name`, if Vagrant has said it already: its plugin hands it over.
    ///
    /// Errors: Vagrant said that it is not running, or a route that is none.
    fn route_from_plugin(
        &self,
        project: &Project,
        name: &MachineName,
        created: &CreatedMachine,
    ) -> Result<Option<Route>, Error> {
        let is_about = |plugin: &&Plugin| plugin.machine_name().as_ref() == Some(name);
        let plugin = self.env.plugin.as_ref().filter(is_about);
        let Some(plugin) = plugin else { return Ok(None) };
        if self.selection.as_remembered || Project::find_from_cwd(self.env)?.as_ref() != Some(project) {
            return Ok(None);
        }
        let (machine, folder) = (name.to_string(), project.folder.clone());
        let file = plugin.ssh_config.as_ref().ok_or(Error::VagrantNotRunning { machine, folder })?;
        let text = files::read_text(file, LONGEST_CONFIG)?
            .ok_or_else(|| Error::NoSshConfig { path: file.clone() })?;
        choose_alias(&SshConfig::parse(&text), file, Some(name))?;
        self.read_route(&text, name, created).map(Some)
    }

    fn note_started_by_vagrant(&self, project: &Project, deadline: Deadline) {
        let consents = Consents::new(self.env, self.folders);
        if let Err(error) = consents.started_by_vagrant(project, deadline) {
            log::debug!("what Vagrant has run is not kept: {error}");
        }
    }

    fn ask_route(
        &self,
        project: &Project,
        name: &MachineName,
        created: &CreatedMachine,
        deadline: Deadline,
    ) -> Result<Route, Error> {
        let text = self.program(project, deadline)?.ssh_config(project, name, deadline)?;
        self.read_route(&text, name, created)
    }

    /// Vagrant, if it may be started in `project`.
    ///
    /// Errors: the user has not allowed that.
    fn program(&self, project: &Project, deadline: Deadline) -> Result<VagrantProgram, Error> {
        let program = VagrantProgram::new(self.env, self.folders);
        // What is not there cannot be allowed.
        if program.is_there() {
            Consents::new(self.env, self.folders).require(project, self.dialog, deadline)?;
        }
        Ok(program)
    }

    /// The route that `text` describes, as `vagrant ssh-config` writes it.
    fn read_route(&self, text: &str, name: &MachineName, created: &CreatedMachine) -> Result<Route, Error> {
        let config = SshConfig::parse(text);
        let config = ConfigReader::Vagrant(&config);
        let reader = RouteReader { config, file: Path::new("vagrant ssh-config"), env: self.env };
        let mut route = reader.route(name)?;
        self.selection.choose_identity(&mut route.target, self.env);
        // Its forwarded port may change, its host key may not.
        route.target.host_key_alias = Some(created.id.name().clone());
        Ok(route)
    }
}

impl Origin {
    /// True when it is the primary machine of what `project` still is.
    fn is_primary_in(&self, project: &Project) -> bool {
        self.is_primary
            && self.created.vagrantfile.is_some()
            && self.created.vagrantfile == project.vagrantfile_modified()
    }
}

/// Why there is no machine `name` in `project`; `kept` is what is remembered of it.
fn gone(project: Project, name: &MachineName, kept: Option<&Machine>) -> Error {
    if project.is_there() {
        return Error::VagrantNotCreated { machine: name.to_string(), folder: project.folder };
    }
    let machine = kept.map_or_else(|| name.to_string(), Machine::key);
    Error::VagrantGone { machine, folder: project.folder }
}
