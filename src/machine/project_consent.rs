//! Whether a project's own file counts. The user allows it as it is; another text has to be allowed anew, for it may be
//! that of a repository's owner, or of a guest.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::identity::Identity;
use super::project_file::FoundProjectFile;
use crate::base::deadline::Deadline;
use crate::base::files::{self, PrivateFolder};
use crate::base::paths::Folders;
use crate::base::text::hex;

/// What the user has said of a project's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileConsent {
    /// It counts.
    Given,
    /// It does not, and there is nothing to tell.
    Denied,
    /// Another text was allowed.
    Outdated,
    /// Nothing yet.
    Missing,
}

/// `project-file.json`
#[derive(Debug, Default, Serialize, Deserialize)]
struct FileConsentRecord {
    version: u32,
    /// For people.
    path: PathBuf,
    /// The digest of what was allowed.
    allowed: Option<String>,
    #[serde(default)]
    is_denied: bool,
    /// The digest of what a hook has told the user of last: the text that does not count, or what is wrong with it.
    #[serde(default)]
    told: Option<String>,
}

impl FoundProjectFile {
    /// What the user has said of it.
    ///
    /// Errors: what is kept about it cannot be read.
    pub(crate) fn consent(&self, folders: &Folders) -> Result<FileConsent, Error> {
        let record = self.record(folders)?;
        Ok(match record.allowed {
            _ if record.is_denied => FileConsent::Denied,
            Some(allowed) if allowed == self.digest() => FileConsent::Given,
            Some(_) => FileConsent::Outdated,
            None => FileConsent::Missing,
        })
    }

    /// Has it count, as it is now.
    ///
    /// Errors: this cannot be kept.
    pub(crate) fn allow(&self, folders: &Folders, deadline: Deadline) -> Result<(), Error> {
        let (allowed, is_denied) = (Some(self.digest()), false);
        self.keep(folders, deadline, |record| FileConsentRecord { allowed, is_denied, ..record })
    }

    /// Has it never count, and nobody is told of it.
    ///
    /// Errors: this cannot be kept.
    pub(crate) fn deny(&self, folders: &Folders, deadline: Deadline) -> Result<(), Error> {
        let (allowed, is_denied) = (None, true);
        self.keep(folders, deadline, |record| FileConsentRecord { allowed, is_denied, ..record })
    }

    /// True the first time that this is asked of what it is now, and of what there is to `say` of it.
    ///
    /// Errors: this cannot be kept.
    pub(crate) fn is_news(&self, say: &str, folders: &Folders, deadline: Deadline) -> Result<bool, Error> {
        let told = Some(hex(&Sha256::digest([self.content.as_slice(), say.as_bytes()].concat())));
        if self.record(folders)?.told == told {
            return Ok(false);
        }
        self.keep(folders, deadline, |record| FileConsentRecord { told, ..record })?;
        Ok(true)
    }

    fn digest(&self) -> String {
        hex(&Sha256::digest(&self.content))
    }

    fn folder(&self, folders: &Folders) -> PathBuf {
        let path = self.path.as_os_str().as_encoded_bytes();
        folders.projects().join(Identity::new(&[b"project file", path], path).key())
    }

    /// What is not understood allows nothing.
    fn record(&self, folders: &Folders) -> Result<FileConsentRecord, Error> {
        read(&self.folder(folders))
    }

    /// Changes the record under its folder's lock, so that nothing is lost of what another process writes meanwhile.
    fn keep(
        &self,
        folders: &Folders,
        deadline: Deadline,
        change: impl FnOnce(FileConsentRecord) -> FileConsentRecord,
    ) -> Result<(), Error> {
        let folder = self.folder(folders);
        let lock = PrivateFolder::lock(&folder, deadline)?;
        let record =
            FileConsentRecord { version: VERSION, path: self.path.clone(), ..change(read(&folder)?) };
        lock.write_json(&folder.join(FILE), &record)?;
        Ok(())
    }
}

fn read(folder: &Path) -> Result<FileConsentRecord, Error> {
    files::refuse_shared(folder)?;
    let text = files::read(&folder.join(FILE), LONGEST_RECORD)?.unwrap_or_default();
    let record: Option<FileConsentRecord> = serde_json::from_slice(&text).ok();
    Ok(record.filter(|record| record.version == VERSION).unwrap_or_default())
}

const FILE: &str = "project-file.json";
const VERSION: u32 = 1;
const LONGEST_RECORD: u64 = 64 << 10;
