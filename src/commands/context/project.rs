//! What the project around says, as far as its user has allowed that.

use super::Context;
use crate::base::text::sh_path;
use crate::base::types::MachineName;
use crate::error::Error;
use crate::machine::{self, FileConsent, FoundProjectFile, ProjectFile, Selection};

impl Context {
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
    pub(super) fn machine_of_project(&self) -> Result<Option<MachineName>, Error> {
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
}
