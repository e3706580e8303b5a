//! The clients that are here: `bin/SERVICE/VERSION/PROGRAM`. What has no receipt is not here, whatever files there are.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::checksum::{Checksum, Hasher};
use super::error::Error;
use crate::base::deadline::Deadline;
use crate::base::files::{self, ProgramFolder};
use crate::base::timeouts;
use crate::base::types::{ProgramName, ServiceName};
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;

/// The store of clients.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    /// What this program itself runs on.
    host: Option<Platform>,
}

/// What is known of an installed client. It is written after the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// The program's name, without `.exe`.
    pub program: ProgramName,
    /// Its version.
    pub version: ReleaseVersion,
    /// What it runs on.
    pub platform: Platform,
    /// The publisher's address of the release.
    pub url: String,
    /// The checksum of what was there.
    pub checksum: Checksum,
    /// Who said that it is right.
    pub verified: Verified,
    /// The publisher's file of checksums, where that is who.
    pub published: Option<String>,
    /// The program's length in bytes.
    pub size: u64,
    /// The program's own checksum.
    pub program_checksum: Checksum,
    /// Versions that were asked for and never published, for which this one stands in.
    #[serde(default)]
    pub instead_of: Vec<ReleaseVersion>,
}

/// Who said what a checksum should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verified {
    /// The user, with `--checksum`.
    Given,
    /// Those who saw it there before.
    Pinned,
    /// The publisher.
    Published,
    /// Nobody: it was recorded.
    Recorded,
}

/// A client that is here.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// The service that it uses.
    pub service: ServiceName,
    /// What is known of it.
    pub receipt: Receipt,
    /// The program.
    pub path: PathBuf,
}

/// One version of a client for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// The service that it uses.
    pub service: ServiceName,
    /// Its version.
    pub version: ReleaseVersion,
    /// What it runs on.
    pub platform: Platform,
}

impl Cache {
    /// The cache below `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, host: Platform::host().ok() }
    }

    /// Its folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The release `wanted` of `service` that is here for `platform`, or one that stands in for it.
    ///
    /// Errors: others than the user can write what would be run.
    pub(crate) fn find(
        &self,
        service: &ServiceName,
        wanted: &ReleaseVersion,
        platform: &Platform,
    ) -> Result<Option<Installed>, Error> {
        let platforms = || std::iter::once(platform.clone()).chain(platform.stand_in());
        let runs_there =
            |installed: &Installed| platforms().any(|platform| platform == installed.receipt.platform);
        let is_good = |installed: &Installed| runs_there(installed) && installed.is_whole();
        let exact = platforms().find_map(|platform| {
            let release = Release { service: service.clone(), version: wanted.clone(), platform };
            self.installed(&release).filter(is_good)
        });
        if let Some(exact) = exact {
            return exact.trusted().map(Some);
        }
        let is_substitute =
            |installed: &Installed| installed.receipt.instead_of.contains(wanted) && is_good(installed);
        self.of_service(service)?.into_iter().find(is_substitute).map(Installed::trusted).transpose()
    }

    /// Those of `service` that run on `platform` and can be trusted.
    ///
    /// Errors: the cache cannot be read.
    pub(crate) fn usable(&self, service: &ServiceName, platform: &Platform) -> Result<Vec<Installed>, Error> {
        let runs_here = |installed: &Installed| {
            let own = &installed.receipt.platform;
            own == platform || platform.stand_in().as_ref() == Some(own)
        };
        let all =
            self.of_service(service)?.into_iter().filter(|client| client.is_whole() && runs_here(client));
        Ok(all.filter_map(|client| client.trusted().ok()).collect())
    }

    /// All that are here, in the order of their names and versions; those too whose programs were changed since.
    ///
    /// Errors: the cache cannot be read.
    pub(crate) fn all(&self) -> Result<Vec<Installed>, Error> {
        let mut all = Vec::new();
        for service in self.services()? {
            all.extend(self.of_service(&service)?);
        }
        all.sort_by(|a, b| {
            let by_version = a.receipt.version.precedence(&b.receipt.version);
            a.service.cmp(&b.service).then(by_version).then(a.receipt.platform.cmp(&b.receipt.platform))
        });
        Ok(all)
    }

    /// Removes what is here of a release when it `is_meant` still, now that no other process is at it: it may have been
    /// installed or handed out a moment ago. False when it was left.
    ///
    /// Errors: it cannot be removed.
    pub(crate) fn remove(
        &self,
        release: &Release,
        is_meant: impl Fn(Option<&Installed>, Duration) -> bool,
    ) -> Result<bool, Error> {
        let folder = match self.lock_until(release, Deadline::after(timeouts::OTHER_RECORDING), || ()) {
            Ok(folder) => folder,
            Err(Error::Files(files::Error::FolderLocked { .. })) => return Ok(false),
            Err(error) => return Err(error),
        };
        let installed = self.installed(release);
        let left_for = || unused_for(&self.folder(release).join(files::PARTIAL));
        let unused = installed.as_ref().map_or_else(left_for, Installed::unused_for);
        if is_meant(installed.as_ref(), unused) { Ok(folder.remove().map(|()| true)?) } else { Ok(false) }
    }

    /// The folder of a release, for this process alone.
    ///
    /// Errors: it cannot be written, others than the user can write there, or another process keeps it.
    pub(crate) fn lock(&self, release: &Release, on_wait: impl FnOnce()) -> Result<ProgramFolder, Error> {
        self.lock_until(release, Deadline::after(timeouts::OTHER_INSTALLATION), on_wait)
    }

    fn lock_until(
        &self,
        release: &Release,
        deadline: Deadline,
        on_wait: impl FnOnce(),
    ) -> Result<ProgramFolder, Error> {
        let folder = self.folder(release);
        for path in folder.ancestors().take(OWN_LEVELS - 1).filter(|path| path.exists()) {
            files::refuse_writable_by_others(path)?;
        }
        files::refuse_replaceable(&folder)?;
        Ok(ProgramFolder::lock(&folder, deadline, on_wait)?)
    }

    /// Where the program of a release will be.
    pub(crate) fn path(&self, release: &Release, program: &str) -> PathBuf {
        self.folder(release).join(program)
    }

    /// The releases that are not here, but something of them is, and nothing was done about it for `time`.
    ///
    /// Errors: the cache cannot be read.
    pub(crate) fn leftovers(&self, time: Duration) -> Result<Vec<Release>, Error> {
        let mut leftovers = Vec::new();
        for service in self.services()? {
            for folder in files::folders_in(&self.root.join(service.as_str()))? {
                let Some(release) = self.release_in(&service, &folder) else { continue };
                // Going on with a download changes the file and not the folder.
                let partial = folder.join(files::PARTIAL);
                let left_for = unused_for(if partial.exists() { &partial } else { &folder });
                if self.installed(&release).is_none() && left_for >= time {
                    leftovers.push(release);
                }
            }
        }
        Ok(leftovers)
    }

    /// The checksum that was recorded when the file at `url` was first seen.
    ///
    /// Errors: the record cannot be read.
    pub(crate) fn recorded(&self, url: &str) -> Result<Option<Checksum>, Error> {
        Ok(self.records()?.remove(url))
    }

    /// Records that the file at `url` has `checksum`.
    ///
    /// Errors: the record cannot be read or written.
    pub(crate) fn record(&self, url: &str, checksum: &Checksum) -> Result<(), Error> {
        let folder = ProgramFolder::lock(&self.root, Deadline::after(timeouts::OTHER_RECORDING), || ())?;
        let mut records = self.records()?;
        records.insert(url.to_owned(), checksum.clone());
        Ok(folder.write(RECORDS, &as_json(&records))?)
    }

    fn records(&self) -> Result<BTreeMap<String, Checksum>, Error> {
        let path = self.root.join(RECORDS);
        let Some(text) = files::read(&path, LONGEST_RECORDS)? else { return Ok(BTreeMap::new()) };
        let invalid =
            |error| files::Error::Read { path, source: io::Error::new(io::ErrorKind::InvalidData, error) };
        Ok(serde_json::from_slice::<BTreeMap<String, Checksum>>(&text).map_err(invalid)?)
    }

    fn services(&self) -> Result<Vec<ServiceName>, Error> {
        let folders = files::folders_in(&self.root)?;
        Ok(folders.iter().filter_map(|folder| ServiceName::parse(name_of(folder)?).ok()).collect())
    }

    fn of_service(&self, service: &ServiceName) -> Result<Vec<Installed>, Error> {
        let folders = files::folders_in(&self.root.join(service.as_str()))?;
        let releases = folders.iter().filter_map(|folder| self.release_in(service, folder));
        Ok(releases.filter_map(|release| self.installed(&release)).collect())
    }

    /// The release, if it has a receipt.
    fn installed(&self, release: &Release) -> Option<Installed> {
        let folder = self.folder(release);
        let text = files::read(&folder.join(RECEIPT), LONGEST_RECEIPT).ok()??;
        let receipt: Receipt = serde_json::from_slice(&text).ok()?;
        let path = folder.join(receipt.platform.program(receipt.program.as_str()));
        let service = release.service.clone();
        (receipt.version == release.version).then_some(Installed { service, receipt, path })
    }

    /// Its folder. What is for this host needs no more than a version; a home may be shared by several hosts.
    fn folder(&self, release: &Release) -> PathBuf {
        let Release { service, version, platform } = release;
        let is_own =
            self.host.iter().any(|host| host == platform || host.stand_in().as_ref() == Some(platform));
        let more = if is_own { String::new() } else { format!("+{}", platform.as_str().replace('/', "-")) };
        self.root.join(service.as_str()).join(format!("{version}{more}"))
    }

    /// The release that belongs into `folder`.
    fn release_in(&self, service: &ServiceName, folder: &Path) -> Option<Release> {
        let name = name_of(folder)?;
        let (version, platform) = match name.split_once('+') {
            Some((version, platform)) => (version, Platform::parse(&platform.replacen('-', "/", 1)).ok()),
            None => (name, self.host.clone()),
        };
        let release = Release {
            service: service.clone(),
            version: ReleaseVersion::parse(version).ok()?,
            platform: platform?,
        };
        (self.folder(&release) == folder).then_some(release)
    }
}

impl Installed {
    /// What it is.
    pub(crate) fn release(&self) -> Release {
        let Receipt { version, platform, .. } = self.receipt.clone();
        Release { service: self.service.clone(), version, platform }
    }

    /// True when its program is there, and not cut short.
    fn is_whole(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.is_file() && meta.len() == self.receipt.size)
    }

    /// Writes the receipt of a program that is in its place in `folder`.
    ///
    /// Errors: it cannot be written.
    pub(crate) fn write_receipt(&self, folder: &ProgramFolder) -> Result<(), Error> {
        Ok(folder.write(RECEIPT, &as_json(&self.receipt))?)
    }

    /// The same, with a receipt that says for which version it stands in.
    ///
    /// Errors: the receipt cannot be written.
    pub(crate) fn substituting(
        mut self,
        wanted: &ReleaseVersion,
        folder: &ProgramFolder,
    ) -> Result<Self, Error> {
        let Receipt { version, instead_of, .. } = &mut self.receipt;
        if wanted != version && !instead_of.contains(wanted) {
            instead_of.push(wanted.clone());
            self.write_receipt(folder)?;
        }
        Ok(self)
    }

    /// Says that it was handed out just now, where this process may.
    pub(crate) fn touch(&self) {
        let _ = files::touch(&self.folder().join(RECEIPT));
    }

    /// When it was last handed out.
    pub(crate) fn last_used(&self) -> Option<SystemTime> {
        fs::metadata(self.folder().join(RECEIPT)).and_then(|meta| meta.modified()).ok()
    }

    /// For how long it was not handed out.
    pub(crate) fn unused_for(&self) -> Duration {
        unused_for(&self.folder().join(RECEIPT))
    }

    /// The folder that is put on the PATH.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// True when the program is still what was installed.
    ///
    /// Errors: it cannot be read.
    pub(crate) fn is_intact(&self) -> Result<bool, Error> {
        let failed = |source| files::Error::Read { path: self.path.clone(), source };
        Ok(self.is_whole() && checksum_of(&self.path).map_err(failed)? == self.receipt.program_checksum)
    }

    /// The same, if nobody but the user and root can have put the program there.
    fn trusted(self) -> Result<Self, Error> {
        let folders = self.path.ancestors().take(OWN_LEVELS);
        for path in folders {
            files::refuse_writable_by_others(path)?;
        }
        files::refuse_replaceable(&self.path)?;
        Ok(self)
    }
}

/// The SHA-256 of a file.
pub(super) fn checksum_of(path: &Path) -> io::Result<Checksum> {
    let mut hasher = Hasher::default();
    io::copy(&mut BufReader::with_capacity(BUFFER, files::open_regular(path)?), &mut hasher)?;
    Ok(hasher.sha256())
}

fn unused_for(path: &Path) -> Duration {
    let changed = fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    SystemTime::now().duration_since(changed).unwrap_or_default()
}

fn name_of(folder: &Path) -> Option<&str> {
    folder.file_name()?.to_str()
}

/// Not expected to be empty: these types are all text.
fn as_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec_pretty(value).unwrap_or_default()
}

/// The name of the receipt's file; removed first where a program is replaced.
pub(super) const RECEIPT: &str = ".receipt.json";
const RECORDS: &str = ".recorded.json";
const LONGEST_RECEIPT: u64 = 64 << 10;
const LONGEST_RECORDS: u64 = 4 << 20;
/// The program, its version, its service, `bin`, `service-manager`.
const OWN_LEVELS: usize = 5;
const BUFFER: usize = 128 << 10;
