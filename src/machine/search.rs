//! Where a machine may be found: in an ssh config, among those used before, in Vagrant's projects.

use std::path::Path;

use super::configured::{resolve_again, up_to_date};
use super::dialog::Dialog;
use super::error::Error;
use super::find::find;
use super::openssh::OpenSsh;
use super::own_config::OwnConfig;
use super::route_reader::{ConfigReader, RouteReader, choose_alias};
use super::selection::Selection;
use super::ssh_config::{LONGEST_CONFIG, SshConfig};
use super::store::{self, Machine, files_of, is_key};
use super::vagrant::{Project, indexed, stale_folder};
use super::vagrant_resolver::VagrantResolver;
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::files;
use crate::base::paths::Folders;
use crate::base::suggest::nearest;
use crate::base::text::sanitize;
use crate::base::types::MachineName;

/// The places where a machine may be found.
pub(super) struct MachineSearch<'a> {
    pub(super) selection: &'a Selection,
    pub(super) env: &'a Env,
    pub(super) folders: &'a Folders,
    pub(super) dialog: &'a dyn Dialog,
    pub(super) deadline: Deadline,
}

impl MachineSearch<'_> {
    pub(super) fn vagrant(&self) -> VagrantResolver<'_> {
        VagrantResolver::new(self.env, self.folders, self.selection, self.dialog)
    }

    /// The machines that were used before.
    pub(super) fn known(&self) -> Result<Vec<Machine>, Error> {
        let remembered = store::remembered(self.folders)?;
        remembered.unreadable.iter().for_each(|record| self.dialog.unreadable_record(record));
        Ok(remembered.machines)
    }

    /// A machine of `file`.
    pub(super) fn ssh_config(&self, file: &Path) -> Result<Machine, Error> {
        let text = files::read_named_text(file, LONGEST_CONFIG)?
            .ok_or_else(|| Error::NoSshConfig { path: file.to_owned() })?;
        let config = if self.env.home.is_some() {
            SshConfig::with_included(&text, &self.env.expand(Path::new("~/.ssh")))
        } else {
            SshConfig::parse(&text)
        };
        let name = choose_alias(&config, file, self.selection.machine.as_ref())?;
        if file == OwnConfig::path(self.env)
            && let Some(machine) = self.own_config(&name)?
        {
            return Ok(self.with_typed_identity(machine));
        }
        // A pipe is read by now: nobody else finds anything in it.
        let is_for_openssh = file.is_file() && !SshConfig::is_plain(&text);
        let config = match OpenSsh::find(self.env).filter(|_| is_for_openssh) {
            Some(program) => ConfigReader::OpenSsh { program, own: false, deadline: self.deadline },
            None => ConfigReader::Own(&config),
        };
        let mut route = RouteReader { config, file, env: self.env }.route(&name)?;
        self.selection.choose_identity(&mut route.target, self.env);
        Ok(Machine::new(name, route, self.folders))
    }

    /// The machine that `name` stands for in the user's own config, if it is there. One that was used before keeps its folder.
    fn own_config(&self, name: &MachineName) -> Result<Option<Machine>, Error> {
        let config = OwnConfig::read(self.env)?;
        let is_this = |machine: &Machine| machine.name == *name && machine.config().is_some();
        if let Some(before) = self.known()?.into_iter().find(is_this) {
            return resolve_again(&before, &config, self.env, self.deadline);
        }
        let found = config.route(name, None, self.env, self.deadline)?;
        Ok(found.map(|(route, origin)| {
            Machine::new(name.clone(), route.clone(), self.folders).configured(route, origin)
        }))
    }

    /// The machine `name`, wherever the user is: of the Vagrant project around, else one that was used before, else
    /// one of another Vagrant project, else a `Host` of the user's own ssh config.
    pub(super) fn called(&self, name: &MachineName) -> Result<Option<Machine>, Error> {
        // One that must not be used is none of the places.
        let project = Project::find_from_cwd(self.env).unwrap_or_default();
        if let Some(project) = project.filter(|project| self.env.hands_over(name) || project.knows(name)) {
            return self.vagrant().find(project, name, false, self.deadline).map(Some);
        }
        let known = self.known()?;
        if known.iter().any(|machine| machine.is_called(name.as_str())) {
            return self.remembered(find(name.as_str(), &known, "--machine")?).map(Some);
        }
        if let Some((project, name)) = self.indexed(name)? {
            return self.vagrant().find(project, &name, false, self.deadline).map(Some);
        }
        Ok(self.own_config(name)?.map(|machine| self.with_typed_identity(machine)))
    }

    fn with_typed_identity(&self, mut machine: Machine) -> Machine {
        machine.choose_identity(self.selection, self.env);
        machine
    }

    /// A machine that was used before.
    pub(super) fn remembered(&self, machine: &Machine) -> Result<Machine, Error> {
        if let Some(origin) = machine.origin() {
            return self.vagrant().find(origin.project.clone(), &machine.name, false, self.deadline);
        }
        let machine = if self.selection.as_remembered {
            machine.clone()
        } else {
            up_to_date(machine, self.env, self.deadline)?
        };
        Ok(self.with_typed_identity(machine))
    }

    /// The machine of Vagrant's index that is called `wanted`, by its name or its key.
    fn indexed(&self, wanted: &MachineName) -> Result<Option<(Project, MachineName)>, Error> {
        let key = |project: &Project, name: &MachineName| {
            files_of(name, &project.identity(name.as_str()), self.folders).key()
        };
        let mut fitting = indexed(self.env)?;
        fitting
            .retain(|(project, name)| name == wanted || is_key(wanted.as_str(), &key(project, name), name));
        if fitting.len() > 1 {
            let known = fitting.iter().map(|(project, name)| {
                format!("{} ({})", key(project, name), sanitize(&project.folder.to_string_lossy()))
            });
            return Err(Error::MultipleMachines { known: known.collect(), words: "--machine" });
        }
        Ok(fitting.pop())
    }

    /// The error for a machine that is nowhere.
    pub(super) fn unknown(&self, name: &MachineName) -> Error {
        if let Ok(Some(folder)) = stale_folder(self.env, name) {
            return Error::VagrantStale { machine: name.to_string(), folder };
        }
        // What cannot be read has no part in the list.
        let mut known: Vec<String> = store::remembered(self.folders)
            .unwrap_or_default()
            .machines
            .iter()
            .map(|machine| machine.name.to_string())
            .collect();
        known.extend(indexed(self.env).unwrap_or_default().into_iter().map(|(_, name)| name.to_string()));
        known.sort();
        known.dedup();
        let mut names = known.clone();
        if let Ok(config) = OwnConfig::read(self.env) {
            names.extend(config.aliases().into_iter().map(sanitize));
        }
        Error::UnknownMachine { name: name.to_string(), nearest: nearest(name.as_str(), &names), known }
    }
}
