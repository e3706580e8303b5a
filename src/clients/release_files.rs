//! Files of releases that are put into guests: fetched once, verified by what their publisher says, and kept. What has no
//! receipt is not here, whatever files there are.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::cache::checksum_of;
use super::checksum::{Checksum, Computed};
use super::download::{Fetcher, Lookup};
use super::error::{Attempt, Error};
use super::events::Event;
use super::install::{DownloadContext, fetcher};
use crate::base::deadline::Deadline;
use crate::base::files::{self, PartialFile, ProgramFolder};
use crate::base::release::{ReleaseFileName, ReleaseTag, Sha256Sum};
use crate::base::timeouts;
use crate::base::types::ServiceName;

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReleaseFile {
    /// The service that is installed with it.
    pub service: ServiceName,
    /// What is released, in words.
    pub release: ServiceName,
    pub tag: ReleaseTag,
    pub name: ReleaseFileName,
    /// The publisher's folder for this release.
    pub folder: String,
    /// The file of checksums there.
    pub checksums: ReleaseFileName,
}

/// A file that is here, and is what its publisher has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchedFile {
    pub path: PathBuf,
    pub sha256: Sha256Sum,
}

/// The store of these files.
#[derive(Clone, Debug)]
pub(crate) struct ReleaseCache {
    root: PathBuf,
}

/// What is known of a file; written after it.
#[derive(Debug, Serialize, Deserialize)]
struct FileReceipt {
    url: String,
    /// The address of the publisher's file of checksums.
    checksums: String,
    sha256: Sha256Sum,
}

/// A file that is here, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CachedReleaseFile {
    /// The service that is installed with it.
    pub service: ServiceName,
    pub tag: ReleaseTag,
    pub path: PathBuf,
    /// In bytes, when it was listed.
    pub size: u64,
    pub sha256: Sha256Sum,
    pub url: String,
    pub checksums_url: String,
}

/// The release that the publisher of `name` calls the latest, as the address `url` says.
///
/// Errors: it cannot be asked, or says no release.
pub(crate) fn latest_release(
    name: &ServiceName,
    url: &str,
    context: &DownloadContext,
) -> Result<ReleaseTag, Error> {
    let unclear = |what| Error::ReleaseUnclear { name: name.to_string(), url: url.to_owned(), what };
    let failed = |source| Error::Download { url: url.to_owned(), source };
    match fetcher(context)?.named_at(url, |text| ReleaseTag::parse(text).ok()).map_err(failed)? {
        Lookup::Found(Some(tag)) => Ok(tag),
        Lookup::Found(None) => Err(unclear("it names no release".to_owned())),
        Lookup::NotFound(answer) => Err(unclear(answer)),
    }
}

impl ReleaseFile {
    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }

    /// The error where it is not here and nothing may be downloaded; `known` is a release of which all is here.
    pub(crate) fn not_cached(&self, known: Option<&ReleaseTag>) -> Error {
        Error::ReleaseNotCached {
            name: self.release.to_string(),
            tag: Some(self.tag.to_string()),
            file: Some(self.name.to_string()),
            known: known.map(ToString::to_string),
        }
    }

    fn not_published(&self, url: String, answer: String) -> Error {
        Error::ReleaseNotPublished {
            name: self.release.to_string(),
            tag: self.tag.to_string(),
            attempts: vec![Attempt { url, answer }],
        }
    }

    /// The address of the file of checksums.
    pub(crate) fn checksums_url(&self) -> String {
        format!("{}/{}", self.folder, self.checksums)
    }
}

impl ReleaseCache {
    /// The cache below `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The newest release of which all is here that is `wanted` of it.
    ///
    /// Errors: those of `wanted`; the cache cannot be read.
    pub(crate) fn newest_complete<E: From<Error>>(
        &self,
        service: &ServiceName,
        wanted: impl Fn(&ReleaseTag) -> Result<Vec<ReleaseFile>, E>,
    ) -> Result<Option<ReleaseTag>, E> {
        for tag in self.releases(service)? {
            if self.has_all(&wanted(&tag)?)? {
                return Ok(Some(tag));
            }
        }
        Ok(None)
    }

    /// The releases that something is here of, the newest first.
    ///
    /// Errors: the cache cannot be read.
    pub(crate) fn releases(&self, service: &ServiceName) -> Result<Vec<ReleaseTag>, Error> {
        let is_here = |folder: &PathBuf| {
            let files = files::folders_in(folder).unwrap_or_default();
            files.iter().any(|file| file.join(RECEIPT).is_file())
        };
        let folders = files::folders_in(&self.root.join(service.as_str()))?;
        let tag = |folder: &PathBuf| ReleaseTag::parse(folder.file_name()?.to_str()?).ok();
        let mut tags: Vec<ReleaseTag> =
            folders.iter().filter(|folder| is_here(folder)).filter_map(tag).collect();
        tags.sort_by(|one, other| other.precedence(one));
        Ok(tags)
    }

    /// All files that are here, of whatever service and release, in the order of their paths.
    ///
    /// Errors: the cache cannot be read.
    pub(crate) fn all(&self) -> Result<Vec<CachedReleaseFile>, Error> {
        let mut all = Vec::new();
        for folder in self.file_folders()? {
            let (Some(place), Some(receipt)) = (place_of(&folder), receipt_in(&folder)?) else { continue };
            let ((service, tag, name), FileReceipt { url, checksums: checksums_url, sha256 }) =
                (place, receipt);
            let path = folder.join(name);
            let size = fs::metadata(&path).map(|meta| meta.len()).unwrap_or_default();
            all.push(CachedReleaseFile { service, tag, path, size, sha256, url, checksums_url });
        }
        Ok(all)
    }

    /// The folders of files of which a part was downloaded and which nobody has gone on with for `time`.
    ///
    /// Errors: the cache cannot be read.
    pub(crate) fn leftovers(&self, time: Duration) -> Result<Vec<PathBuf>, Error> {
        let mut leftovers = Vec::new();
        for folder in self.file_folders()? {
            if receipt_in(&folder)?.is_none() && unused_for(&folder) >= time {
                leftovers.push(folder);
            }
        }
        Ok(leftovers)
    }

    fn file_folders(&self) -> Result<Vec<PathBuf>, Error> {
        let mut folders = vec![self.root.clone()];
        for _ in 0..FOLDERS_IN_ROOT {
            let below: Result<Vec<_>, _> = folders.iter().map(|folder| files::folders_in(folder)).collect();
            folders = below?.concat();
        }
        folders.sort();
        Ok(folders)
    }

    fn has_all(&self, files: &[ReleaseFile]) -> Result<bool, Error> {
        for file in files {
            if self.find(file)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The file, if it is here and still what it was.
    ///
    /// Errors: others than the user can write where it is.
    pub(crate) fn find(&self, file: &ReleaseFile) -> Result<Option<FetchedFile>, Error> {
        let folder = self.folder(file);
        let path = folder.join(file.name.as_str());
        let receipt = receipt_in(&folder)?;
        let Some(FileReceipt { sha256, .. }) = receipt.filter(|receipt| receipt.url == file.url()) else {
            return Ok(None);
        };
        self.refuse_others(file)?;
        match checksum_of(&path) {
            Ok(now) if now.hex() == sha256.as_str() => Ok(Some(FetchedFile { path, sha256 })),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(files::Error::Read { path, source }.into()),
        }
    }

    /// The same, for a machine: it counts as used now.
    ///
    /// Errors: as for [`Self::find`].
    pub(crate) fn take(&self, file: &ReleaseFile) -> Result<Option<FetchedFile>, Error> {
        let found = self.find(file)?;
        if found.is_some() {
            let _ = files::touch(&self.folder(file).join(RECEIPT));
        }
        Ok(found)
    }

    /// Fetches the file, unless it is here.
    ///
    /// Errors: it was never published, cannot be fetched, or is not what its publisher says.
    pub(crate) fn fetch(&self, file: &ReleaseFile, context: &DownloadContext) -> Result<FetchedFile, Error> {
        self.refuse_others(file)?;
        let patience = Deadline::after(timeouts::OTHER_INSTALLATION);
        let folder =
            ProgramFolder::lock(&self.folder(file), patience, || (context.watcher)(&Event::Waiting))?;
        if let Some(found) = self.take(file)? {
            return Ok(found);
        }
        let fetched = fetcher(context).and_then(|fetcher| self.fetch_into(&folder, file, &fetcher, context));
        if fetched.is_err() {
            folder.remove_if_empty();
        }
        fetched
    }

    fn fetch_into(
        &self,
        folder: &ProgramFolder,
        file: &ReleaseFile,
        fetcher: &Fetcher,
        context: &DownloadContext,
    ) -> Result<FetchedFile, Error> {
        let mut partial = folder.partial()?;
        let sha256 = match download(&mut partial, file, fetcher, context) {
            Ok(sha256) => sha256,
            // What came so far stays for the next attempt.
            Err(error @ Error::Download { .. }) if keeps_partial_file(&error) => {
                partial.discard_if_empty();
                return Err(error);
            }
            Err(error) => {
                partial.discard();
                return Err(error);
            }
        };
        folder.remove_file(RECEIPT)?;
        folder.finish_partial(partial, file.name.as_str())?;
        let (url, checksums) = (file.url(), file.checksums_url());
        let receipt = FileReceipt { url, checksums, sha256: sha256.clone() };
        // These types are all text.
        folder.write(RECEIPT, &serde_json::to_vec_pretty(&receipt).unwrap_or_default())?;
        Ok(FetchedFile { path: self.folder(file).join(file.name.as_str()), sha256 })
    }

    fn folder(&self, file: &ReleaseFile) -> PathBuf {
        let ReleaseFile { service, tag, name, .. } = file;
        self.root.join(service.as_str()).join(tag.as_str()).join(name.as_str())
    }

    /// What is put into a guest is nobody else's.
    fn refuse_others(&self, file: &ReleaseFile) -> Result<(), Error> {
        let folder = self.folder(file);
        for path in folder.ancestors().take(OWN_LEVELS).filter(|path| path.exists()) {
            files::refuse_writable_by_others(path)?;
        }
        Ok(files::refuse_replaceable(&folder)?)
    }
}

impl CachedReleaseFile {
    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.path.file_name().and_then(OsStr::to_str).unwrap_or_default()
    }

    /// When it was last put into a machine.
    pub(crate) fn last_used(&self) -> Option<SystemTime> {
        fs::metadata(self.folder().join(RECEIPT)).and_then(|meta| meta.modified()).ok()
    }

    /// For how long it was put into none.
    pub(crate) fn unused_for(&self) -> Duration {
        unused_for(self.folder())
    }
}

/// What the folder of a file is of: `SERVICE/RELEASE/FILE`.
fn place_of(folder: &Path) -> Option<(ServiceName, ReleaseTag, String)> {
    let mut names = folder.iter().rev().map(OsStr::to_str);
    let (name, tag, service) = (names.next()??, names.next()??, names.next()??);
    Some((ServiceName::parse(service).ok()?, ReleaseTag::parse(tag).ok()?, name.to_owned()))
}

/// By its receipt, by what has come of it, or by itself.
fn unused_for(folder: &Path) -> Duration {
    let paths = [folder.join(RECEIPT), folder.join(files::PARTIAL), folder.to_owned()];
    let changed = paths.iter().find_map(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok());
    SystemTime::now().duration_since(changed.unwrap_or(SystemTime::UNIX_EPOCH)).unwrap_or_default()
}

/// Removes the `folder` of a file, if it was unused for `time`. False where it was not, or another process is at it.
///
/// Errors: it cannot be removed.
pub(crate) fn remove_unused(folder: &Path, time: Duration) -> Result<bool, Error> {
    let held = match ProgramFolder::lock(folder, Deadline::after(timeouts::OTHER_RECORDING), || ()) {
        Ok(held) => held,
        Err(files::Error::FolderLocked { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if unused_for(folder) < time {
        return Ok(false);
    }
    held.remove()?;
    Ok(true)
}

/// Fetches the file into `partial` and compares its checksum.
fn download(
    partial: &mut PartialFile,
    file: &ReleaseFile,
    fetcher: &Fetcher,
    context: &DownloadContext,
) -> Result<Sha256Sum, Error> {
    let url = file.url();
    let failed = |source| Error::Download { url: url.clone(), source };
    let opened = match fetcher.open(&url, partial, &[]).map_err(failed)? {
        Lookup::Found(opened) => opened,
        Lookup::NotFound(answer) => return Err(file.not_published(url, answer)),
    };
    let expected = published_sha256(file, fetcher)?;
    let computed = fetcher.save(opened, partial, Some(expected.algorithm()));
    (context.watcher)(&Event::Finished);
    same(&url, &expected, &computed.map_err(failed)?)
}

/// What is put into a guest has a line of its own with the kind of sum that the guest compares.
fn published_sha256(file: &ReleaseFile, fetcher: &Fetcher) -> Result<Checksum, Error> {
    let url = file.checksums_url();
    let found = fetcher.text(&url, &[]).map_err(|source| Error::Download { url: url.clone(), source })?;
    match found {
        Lookup::Found(text) => {
            let listed = Checksum::listed_sha256(&text, file.name.as_str());
            listed.map_err(|source| Error::ChecksumFile { url, source })
        }
        Lookup::NotFound(answer) => Err(file.not_published(url, answer)),
    }
}

fn same(url: &str, expected: &Checksum, computed: &Computed) -> Result<Sha256Sum, Error> {
    let got = computed.like(expected.algorithm());
    let sum = Sha256Sum::parse(computed.sha256.hex());
    match sum {
        Ok(sum) if got == expected => Ok(sum),
        _ => Err(Error::ReleaseMismatch {
            url: url.to_owned(),
            expected: expected.to_string(),
            got: got.to_string(),
        }),
    }
}

fn receipt_in(folder: &Path) -> Result<Option<FileReceipt>, Error> {
    let text = files::read(&folder.join(RECEIPT), LONGEST_RECEIPT)?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
}

fn keeps_partial_file(error: &Error) -> bool {
    matches!(error, Error::Download { source, .. } if source.keeps_partial_file())
}

const RECEIPT: &str = ".receipt.json";
const LONGEST_RECEIPT: u64 = 64 << 10;
/// `service-manager/releases/SERVICE/RELEASE/FILE`.
const OWN_LEVELS: usize = 5;
/// `SERVICE/RELEASE/FILE`.
const FOLDERS_IN_ROOT: usize = 3;

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::base::text::hex;

    fn file(tag: &ReleaseTag, name: &str) -> ReleaseFile {
        ReleaseFile {
            service: "kubernetes".parse().unwrap(),
            release: "k3s".parse().unwrap(),
            tag: tag.clone(),
            name: name.parse().unwrap(),
            folder: format!("https://example.com/{}", tag.in_address()),
            checksums: "sums.txt".parse().unwrap(),
        }
    }

    /// As if it had been fetched.
    fn put(cache: &ReleaseCache, file: &ReleaseFile) {
        let patience = Deadline::after(timeouts::OTHER_INSTALLATION);
        let folder = ProgramFolder::lock(&cache.folder(file), patience, || {}).unwrap();
        folder.write(file.name.as_str(), b"content").unwrap();
        let sha256 = Sha256Sum::parse(&hex(&Sha256::digest(b"content"))).unwrap();
        let receipt = FileReceipt { url: file.url(), checksums: file.checksums_url(), sha256 };
        folder.write(RECEIPT, &serde_json::to_vec(&receipt).unwrap()).unwrap();
    }

    #[test]
    fn a_release_counts_when_all_that_is_wanted_of_it_is_here() {
        let below = tempfile::tempdir().unwrap();
        let cache = ReleaseCache::new(below.path().join("releases"));
        let service = "kubernetes".parse().unwrap();
        let (old, complete, newest): (ReleaseTag, ReleaseTag, ReleaseTag) = (
            "v1.30.9+k3s1".parse().unwrap(),
            "v1.31.5+k3s1".parse().unwrap(),
            "v1.32.0+k3s1".parse().unwrap(),
        );
        let newest_with = |names: &[&str]| {
            let wanted = |tag: &ReleaseTag| Ok(names.iter().map(|name| file(tag, name)).collect());
            cache.newest_complete::<Error>(&service, wanted).unwrap()
        };
        assert_eq!(newest_with(&["k3s"]), None);
        for (tag, name) in
            [(&old, "k3s"), (&complete, "k3s"), (&complete, "images.tar"), (&newest, "k3s-arm64")]
        {
            put(&cache, &file(tag, name));
        }
        let all: Vec<String> = cache.all().unwrap().into_iter().map(|file| file.url).collect();
        let urls = [
            "v1.30.9%2Bk3s1/k3s",
            "v1.31.5%2Bk3s1/images.tar",
            "v1.31.5%2Bk3s1/k3s",
            "v1.32.0%2Bk3s1/k3s-arm64",
        ];
        assert_eq!(all, urls.map(|url| format!("https://example.com/{url}")));
        assert_eq!(cache.releases(&service).unwrap(), [newest.clone(), complete.clone(), old.clone()]);
        assert_eq!(newest_with(&["k3s"]), Some(complete.clone()));
        assert_eq!(newest_with(&["k3s", "images.tar"]), Some(complete.clone()));
        assert_eq!(newest_with(&["k3s-arm64"]), Some(newest));
        assert_eq!(newest_with(&["k3s-s390x"]), None);
        // One that was changed is not here.
        let place = cache.folder(&file(&complete, "k3s")).join("k3s");
        std::fs::write(place, b"another").unwrap();
        assert_eq!(newest_with(&["k3s"]), Some(old));
    }
}
