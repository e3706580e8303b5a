//! Machines of Vagrant. What Vagrant said of one is kept with the machine and used without starting Vagrant, for as
//! long as Vagrant's own files about the machine are the same and it leads there.

use std::path::Path;

use super::resolve::{Reader, Search, Selection, alias, choose_identity};
use super::ssh_config::{LONGEST_CONFIG, SshConfig};
use super::store::{Machine, Origin, Way, files_of};
use crate::base::deadline::Deadline;
use crate::base::env::{Env, Plugin};
use crate::base::files;
use crate::base::types::MachineName;
use crate::error::Error;
use crate::guest::ssh::Route;
use crate::machine::vagrant::{Created, Program, Project};

/// Who asks Vagrant.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    program: Program,
    env: Env,
    selection: Selection,
}

impl Search<'_> {
    /// The machine that is meant where none is named: the only one of `project`, or its primary one.
    ///
    /// Errors: no machine is created, several are and none of them is the primary one, or those of [`Self::vagrant`].
    pub(super) fn of_project(&self, project: Project) -> Result<Machine, Error> {
        let created = project.machines();
        let several = || Error::SeveralMachines {
            known: created.iter().map(ToString::to_string).collect(),
            words: "--machine",
        };
        let handed_over = self.env.plugin.as_ref().map(Plugin::machine_name);
        match (created.as_slice(), handed_over) {
            ([], _) => Err(Error::VagrantEmpty { folder: project.folder }),
            (_, Some(Some(name))) => self.vagrant(project, &name, false),
            ([only], _) => self.vagrant(project, only, false),
            (_, Some(None)) => Err(several()),
            (names, None) => match self.primary(&project, names)? {
                Some(primary) => self.vagrant(project, &primary, true),
                None => Err(several()),
            },
        }
    }

    /// The machine `name` of `project`, reached as Vagrant said, or says now.
    ///
    /// Errors: it is not created, or Vagrant does not say how it is reached.
    pub(super) fn vagrant(
        &self,
        project: Project,
        name: &MachineName,
        is_primary: bool,
    ) -> Result<Machine, Error> {
        let files = files_of(name, project.digest(name).as_ref(), self.folders);
        let kept = Machine::read(files.clone())?;
        let Some(created) = project.created(name) else {
            return Err(if project.is_there() {
                Error::VagrantNotCreated { machine: name.to_string(), folder: project.folder }
            } else {
                let machine = kept.map_or_else(|| name.to_string(), |kept| kept.key());
                Error::VagrantGone { machine, folder: project.folder }
            });
        };
        let before = kept.as_ref().and_then(Machine::origin);
        let was_primary = before.as_ref().is_some_and(|before| before.is_primary_in(&project));
        let asker = Asker {
            program: Program::new(self.env, self.folders),
            env: self.env.clone(),
            selection: self.selection.clone(),
        };
        let told = asker.was_told(&project, name, &created)?;
        let is_rebuilt = before.as_ref().is_some_and(|before| before.created.id != created.id);
        let is_same = before.is_some_and(|before| before.created == created);
        let kept = kept.filter(|_| is_same || self.selection.as_remembered);
        let was_asked = told.is_some() || kept.is_none();
        let mut route = match (told, kept) {
            (Some(told), _) => told,
            (None, Some(kept)) => kept.route(),
            (None, None) if self.selection.as_remembered => {
                return Err(Error::NothingCached { machine: name.to_string() });
            }
            (None, None) => asker.ask(&project, name, &created, self.deadline)?,
        };
        choose_identity(&mut route.target, self.selection, self.env);
        let origin = Some(Origin { project, created, is_primary: is_primary || was_primary });
        let machine = Machine::found(name.clone(), files, Way { route, origin, was_asked });
        Ok(machine.with(asker, is_rebuilt))
    }

    /// The primary machine of `project`, if it is among those `created`. As long as the Vagrantfile is the same, what
    /// Vagrant said before is enough.
    fn primary(&self, project: &Project, created: &[MachineName]) -> Result<Option<MachineName>, Error> {
        for name in created {
            let kept = Machine::read(files_of(name, project.digest(name).as_ref(), self.folders))?;
            if kept.and_then(|kept| kept.origin()).is_some_and(|origin| origin.is_primary_in(project)) {
                return Ok(Some(name.clone()));
            }
        }
        if self.selection.as_remembered {
            return Ok(None);
        }
        let primary = Program::new(self.env, self.folders).primary(project, self.deadline)?;
        Ok(primary.filter(|primary| created.contains(primary)))
    }
}

impl Origin {
    /// True when it is the primary machine of what `project` still is.
    fn is_primary_in(&self, project: &Project) -> bool {
        self.is_primary && self.created.vagrantfile.is_some() && self.created.vagrantfile == project.changed()
    }
}

impl Asker {
    /// The way to the machine `name`, if Vagrant has told it already: its plugin hands it over.
    ///
    /// Errors: Vagrant said that it is not running, or a way that is none.
    fn was_told(
        &self,
        project: &Project,
        name: &MachineName,
        created: &Created,
    ) -> Result<Option<Route>, Error> {
        let is_about = |plugin: &&Plugin| plugin.machine_name().as_ref() == Some(name);
        let plugin = self.env.plugin.as_ref().filter(is_about);
        let Some(plugin) = plugin else { return Ok(None) };
        if self.selection.as_remembered || Project::around(&self.env)?.as_ref() != Some(project) {
            return Ok(None);
        }
        let (machine, folder) = (name.to_string(), project.folder.clone());
        let file = plugin.ssh_config.as_ref().ok_or(Error::VagrantNotRunning { machine, folder })?;
        let text = files::read_text(file, LONGEST_CONFIG)?
            .ok_or_else(|| Error::NoSshConfig { path: file.clone() })?;
        alias(&SshConfig::parse(&text), file, Some(name))?;
        self.route(&text, name, created).map(Some)
    }

    fn ask(
        &self,
        project: &Project,
        name: &MachineName,
        created: &Created,
        deadline: Deadline,
    ) -> Result<Route, Error> {
        self.route(&self.program.ssh_config(project, name, deadline)?, name, created)
    }

    /// The way that `text` describes, as `vagrant ssh-config` writes it.
    fn route(&self, text: &str, name: &MachineName, created: &Created) -> Result<Route, Error> {
        let config = SshConfig::parse(text);
        let reader = Reader { config: &config, file: Path::new("vagrant ssh-config"), env: &self.env };
        let mut route = reader.route(name)?;
        choose_identity(&mut route.target, &self.selection, &self.env);
        // Its forwarded port may change, its host key may not.
        route.target.host_key_alias = Some(created.id.name().clone());
        Ok(route)
    }
}

impl Machine {
    /// Asks Vagrant how the machine is reached, after the way that was known did not lead there: once, until it was
    /// reached again. True when there is another way now.
    ///
    /// Errors: it is not created or not running any more, or Vagrant does not say.
    pub fn has_moved(&self, deadline: Deadline) -> Result<bool, Error> {
        let Some(asker) = &self.asker else { return Ok(false) };
        let Some(origin) = self.origin() else { return Ok(false) };
        if std::mem::replace(&mut self.way().was_asked, true) || deadline.is_over() {
            return Ok(false);
        }
        let (machine, folder) = (self.name.to_string(), origin.project.folder.clone());
        let created = origin.project.created(&self.name);
        let created = created.ok_or(Error::VagrantNotCreated { machine, folder })?;
        match asker.ask(&origin.project, &self.name, &created, deadline) {
            Ok(route) => {
                let mut way = self.way();
                way.origin = Some(Origin { created, ..origin });
                Ok(std::mem::replace(&mut way.route, route.clone()) != route)
            }
            // What went wrong before says more.
            Err(Error::NoVagrant { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
