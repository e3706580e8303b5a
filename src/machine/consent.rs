//! Whether Vagrant, and with it a program of the project, may be started.
//!
//! As direnv and mise do it: the user allows it once per project, for what would run as it is then. Somebody who has
//! run `vagrant up` in a project has allowed that too. The project then stands in Vagrant's index, in the user's home,
//! which neither a repository nor a guest can write; what it would run is remembered at first sight.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::dialog::{Dialog, VagrantQuestion};
use super::error::{Error, ProjectFolder};
use super::vagrant::{Project, index_ids};
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::files::{self, PrivateFolder};
use crate::base::paths::Folders;

/// What the user has allowed.
#[derive(Clone, Copy)]
pub(crate) struct Consents<'a> {
    env: &'a Env,
    folders: &'a Folders,
}

/// `consent.json`
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ConsentRecord {
    version: u32,
    /// For people.
    folder: PathBuf,
    /// What the user has allowed.
    allowed: Option<String>,
    /// The user wants Vagrant never to be started.
    #[serde(default)]
    is_denied: bool,
    /// For each of Vagrant's ids what would have run when it was seen for the first time.
    #[serde(default)]
    seen: BTreeMap<String, String>,
}

/// What is known without asking.
enum ConsentState {
    Allowed,
    Denied,
    /// Something was allowed before, but not this.
    Changed,
    Unknown,
}

impl<'a> Consents<'a> {
    /// Those that are kept in `folders`.
    pub(crate) fn new(env: &'a Env, folders: &'a Folders) -> Self {
        Self { env, folders }
    }

    /// True when Vagrant may be started in `project` and nobody has to be asked.
    ///
    /// Errors: the project, or what is kept about it, cannot be read or written.
    pub(super) fn is_given(&self, project: &Project, deadline: Deadline) -> Result<bool, Error> {
        let digest = project.code_digest()?;
        Ok(matches!(self.known(project, &digest, deadline)?, ConsentState::Allowed))
    }

    /// Asks for what is not allowed yet.
    ///
    /// Errors: the user does not allow it; the project, or what is kept about it, cannot be read or written.
    pub(super) fn require(
        &self,
        project: &Project,
        dialog: &dyn Dialog,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let digest = project.code_digest()?;
        let path = project.vagrantfile_path().unwrap_or_else(|| project.folder.clone());
        let found = ProjectFolder { folder: project.folder.clone(), variables: project.variables() };
        let has_changed = match self.known(project, &digest, deadline)? {
            ConsentState::Allowed => return Ok(()),
            ConsentState::Denied => return Err(Error::VagrantDenied { path, project: found }),
            ConsentState::Changed => true,
            ConsentState::Unknown => false,
        };
        let question = VagrantQuestion { vagrantfile: &path, digest: &digest, has_changed };
        if !dialog.allows_vagrant(&question) {
            return Err(Error::VagrantNotAllowed { path, has_changed, project: found });
        }
        // A guest may write while the user reads.
        if project.code_digest()? != digest {
            return Err(Error::VagrantNotAllowed { path, has_changed: true, project: found });
        }
        self.keep_allowed(project, Some(digest), deadline)
    }

    /// Lets Vagrant be started in `project`, as it is now.
    ///
    /// Errors: the project cannot be read, or this cannot be kept.
    pub(crate) fn allow(&self, project: &Project, deadline: Deadline) -> Result<(), Error> {
        self.keep_allowed(project, Some(project.code_digest()?), deadline)
    }

    /// Keeps Vagrant from being started in `project`, whatever its index says.
    ///
    /// Errors: this cannot be kept.
    pub(crate) fn deny(&self, project: &Project, deadline: Deadline) -> Result<(), Error> {
        self.keep_allowed(project, None, deadline)
    }

    /// Vagrant itself has started this program in `project`, so all of that ran already.
    ///
    /// Errors: as for [`Self::allow`].
    pub(super) fn started_by_vagrant(&self, project: &Project, deadline: Deadline) -> Result<(), Error> {
        let (record, digest) = (self.read(project)?, project.code_digest()?);
        if record.is_denied || record.allowed.as_ref() == Some(&digest) {
            return Ok(());
        }
        self.keep_allowed(project, Some(digest), deadline)
    }

    fn known(&self, project: &Project, digest: &str, deadline: Deadline) -> Result<ConsentState, Error> {
        let record = self.read(project)?;
        if record.is_denied {
            return Ok(ConsentState::Denied);
        }
        if record.allowed.as_deref() == Some(digest) {
            return Ok(ConsentState::Allowed);
        }
        if self.env.plugin.is_some() && Project::find_from_cwd(self.env)?.as_ref() == Some(project) {
            return Ok(ConsentState::Allowed);
        }
        // An id alone may be known to a guest, and a folder's name to everybody.
        let indexed = index_ids(self.env, project)?;
        let mut ids = project.index_ids();
        ids.retain(|id| indexed.contains(id));
        if ids.iter().any(|id| !record.seen.contains_key(id)) {
            let record = self.update(project, deadline, |record| {
                // Ids of machines that are gone too: else their former guests could come back with them.
                for id in indexed {
                    record.seen.entry(id).or_insert_with(|| digest.to_owned());
                }
            })?;
            return Ok(if record.is_denied { ConsentState::Denied } else { ConsentState::Allowed });
        }
        let is_seen = ids.iter().any(|id| record.seen.get(id).is_some_and(|seen| seen == digest));
        let has_changed = !ids.is_empty() || record.allowed.is_some();
        Ok(if is_seen {
            ConsentState::Allowed
        } else if has_changed {
            ConsentState::Changed
        } else {
            ConsentState::Unknown
        })
    }

    fn keep_allowed(
        &self,
        project: &Project,
        digest: Option<String>,
        deadline: Deadline,
    ) -> Result<(), Error> {
        self.update(project, deadline, |record| {
            record.is_denied = digest.is_none();
            record.allowed = digest;
        })
        .map(drop)
    }

    fn folder(&self, project: &Project) -> PathBuf {
        self.folders.projects().join(project.identity("").key())
    }

    /// What is not understood allows nothing.
    fn read(&self, project: &Project) -> Result<ConsentRecord, Error> {
        let folder = self.folder(project);
        files::refuse_shared(&folder)?;
        let text = files::read(&folder.join(FILE), LONGEST_RECORD)?.unwrap_or_default();
        let record: Option<ConsentRecord> = serde_json::from_slice(&text).ok();
        Ok(record.filter(|record| record.version == VERSION).unwrap_or_default())
    }

    /// Changes the record under its folder's lock, so that nothing is lost of what another process writes meanwhile.
    fn update(
        &self,
        project: &Project,
        deadline: Deadline,
        change: impl FnOnce(&mut ConsentRecord),
    ) -> Result<ConsentRecord, Error> {
        let folder = self.folder(project);
        let lock = PrivateFolder::lock(&folder, deadline)?;
        let mut record =
            ConsentRecord { version: VERSION, folder: project.folder.clone(), ..self.read(project)? };
        change(&mut record);
        lock.write_json(&folder.join(FILE), &record)?;
        Ok(record)
    }
}

const FILE: &str = "consent.json";
const VERSION: u32 = 1;
const LONGEST_RECORD: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::machine::store::UnreadableRecord;

    /// Says yes, after it has written `meanwhile` into the Vagrantfile.
    struct SaysYes {
        meanwhile: Option<&'static str>,
        asked: Cell<u32>,
    }

    impl SaysYes {
        fn new(meanwhile: Option<&'static str>) -> Self {
            Self { meanwhile, asked: Cell::new(0) }
        }
    }

    impl Dialog for SaysYes {
        fn unreadable_record(&self, _: &UnreadableRecord) {}

        fn vagrant_not_asked(&self, _: Error) {}

        fn allows_vagrant(&self, question: &VagrantQuestion) -> bool {
            self.asked.set(self.asked.get() + 1);
            if let Some(text) = self.meanwhile {
                fs::write(question.vagrantfile, text).unwrap();
            }
            true
        }
    }

    #[test]
    fn what_changes_while_the_user_is_asked_is_not_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let home = fs::canonicalize(folder.path()).unwrap();
        let project = home.join("project");
        fs::create_dir(&project).unwrap();
        fs::write(project.join("Vagrantfile"), "# shown").unwrap();
        let env = Env { current_folder: project.clone(), home: Some(home), ..Env::default() };
        let folders = Folders::find(&env).unwrap();
        let (consents, project) =
            (Consents::new(&env, &folders), Project::new(project.clone(), None, project.join(".vagrant")));
        let require =
            |dialog: &SaysYes| consents.require(&project, dialog, Deadline::after(Duration::from_secs(5)));

        let refused = require(&SaysYes::new(Some("# another")));
        assert!(matches!(refused, Err(Error::VagrantNotAllowed { has_changed: true, .. })), "{refused:?}");
        let dialog = SaysYes::new(None);
        require(&dialog).unwrap();
        require(&dialog).unwrap();
        assert_eq!(dialog.asked.get(), 1);
    }
}
