//! From a request to a program in the cache.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::NamedTempFile;

use super::alias;
use super::archive;
use super::cache::{self, Cache, Installed, Receipt, Release, Verified};
use super::checksum::{Checksum, Computed};
use super::download::{Fetcher, Lookup};
use super::error::{Attempt, Error};
use super::events::{Event, Watcher};
use super::mirror::Mirrors;
use super::release::{self, Candidate, ChecksumSource, ReleaseFormat};
use crate::base::files::{PartialFile, ProgramFolder};
use crate::base::types::ServiceName;
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;
use crate::catalogue::{Client, OutdatedRule};

/// Which release is wanted, and what would do.
#[derive(Clone, Debug)]
pub(crate) struct InstallRequest<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// Its client.
    pub client: &'a Client,
    /// The version, by all the names that its release may have.
    pub versions: Vec<ReleaseVersion>,
    /// Where the version is from.
    pub origin: VersionOrigin,
    /// What it should run on.
    pub platform: Platform,
    /// What is accepted as its checksum.
    pub checksums: ChecksumPolicy,
}

/// Where a version is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionOrigin {
    /// The user names it, and gets that one or an error.
    User,
    /// The server in the machine says it. It need not have been published: the nearest release has to do.
    Server,
}

/// Which checksum of a release is good enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChecksumPolicy {
    /// One that somebody else says, or else the first that is seen.
    Any,
    /// One that somebody else says.
    Required,
    /// This one.
    Given(Checksum),
}

/// With what a release is fetched.
#[derive(Clone)]
pub(crate) struct DownloadContext<'w> {
    /// Where to look instead of at the publisher's.
    pub mirrors: Mirrors,
    /// The file with the authorities to believe in place of the system's.
    pub authorities: Option<PathBuf>,
    /// The variable that should name a proxy and names none.
    pub unusable_proxy: Option<&'static str>,
    /// How long to wait for a server that is silent.
    pub idle_timeout: Duration,
    /// Who is told what happens.
    pub watcher: Watcher<'w>,
}

/// What a release's checksum has to be.
struct ExpectedChecksum {
    /// One of these; none when nobody knows.
    values: Vec<Checksum>,
    verified: Verified,
    /// Who said it, in words.
    authority: String,
    /// The publisher's file that says it.
    published: Option<String>,
}

impl InstallRequest<'_> {
    /// What is here already; nothing is asked.
    ///
    /// Errors: those of the cache; what is here is not as good as is wanted.
    pub(crate) fn find(&self, cache: &Cache) -> Result<Option<Installed>, Error> {
        self.find_version(&self.versions[0], cache)
    }

    fn find_version(&self, version: &ReleaseVersion, cache: &Cache) -> Result<Option<Installed>, Error> {
        let Some(installed) = cache.find(self.service, version, &self.platform)? else {
            return Ok(None);
        };
        match &self.checksums {
            ChecksumPolicy::Required if installed.receipt.verified == Verified::Recorded => {
                Err(Error::ChecksumRequired { url: installed.receipt.url })
            }
            ChecksumPolicy::Given(checksum) if installed.receipt.checksum != *checksum => Ok(None),
            _ => Ok(Some(installed)),
        }
    }

    /// Fetches the release: the first of its candidates that exists. One that exists and is not right ends it.
    ///
    /// Errors: it was never published, cannot be fetched, or is not what it should be.
    pub(crate) fn install(&self, cache: &Cache, context: &DownloadContext) -> Result<Installed, Error> {
        let fetcher = fetcher(context)?;
        let mut attempts = Vec::new();
        let candidates = release::candidates(self.client, &self.versions, &self.platform);
        if candidates.is_empty() && !self.has_substitutes() {
            return Err(self.not_offered());
        }
        if let Some(installed) = self.first_of(&candidates, cache, &fetcher, context, &mut attempts)? {
            return Ok(installed);
        }
        for version in self.nearest(&fetcher)? {
            let candidates = release::candidates(self.client, &[version], &self.platform);
            if let Some(installed) = self.first_of(&candidates, cache, &fetcher, context, &mut attempts)? {
                return Ok(installed);
            }
        }
        let (program, platform) = (self.client.program.to_string(), self.platform.to_string());
        Err(Error::NotPublished { program, version: self.wanted().to_string(), platform, attempts })
    }

    /// What stands in for the version, which was never published: what the publisher says, then what the service file
    /// says for servers.
    fn nearest(&self, fetcher: &Fetcher) -> Result<Vec<ReleaseVersion>, Error> {
        let published = alias::substitute_for(self.client, &self.wanted(), fetcher)?;
        let known = if self.has_substitutes() { self.substitutes() } else { &[] };
        Ok(published.into_iter().chain(known.iter().cloned()).collect())
    }

    fn has_substitutes(&self) -> bool {
        self.origin == VersionOrigin::Server && !self.substitutes().is_empty()
    }

    fn substitutes(&self) -> &[ReleaseVersion] {
        release::substitutes(self.client, &self.versions[0])
    }

    /// What is wrong with `installed`, if the machine wants a client that is too old.
    pub(crate) fn outdated(&self, installed: &Installed) -> Option<&OutdatedRule> {
        let is_old = |rule: &&OutdatedRule| !installed.receipt.version.is_at_least(&rule.until);
        self.client.outdated.as_ref().filter(|_| self.origin == VersionOrigin::Server).filter(is_old)
    }

    /// Where the release may be.
    ///
    /// Errors: nowhere.
    pub(crate) fn candidates(&self) -> Result<Vec<Candidate>, Error> {
        let mut candidates = release::candidates(self.client, &self.versions, &self.platform);
        if candidates.is_empty() && self.has_substitutes() {
            candidates = release::candidates(self.client, self.substitutes(), &self.platform);
        }
        if candidates.is_empty() { Err(self.not_offered()) } else { Ok(candidates) }
    }

    fn not_offered(&self) -> Error {
        let (program, version) = (self.client.program.to_string(), self.wanted().to_string());
        if release::is_known(self.client, &self.versions) {
            return Error::NotOffered { program, version, platform: self.platform.to_string() };
        }
        let nearest = self.substitutes().first().map(ToString::to_string);
        Error::UnknownVersion { program, version, nearest }
    }

    fn release(&self, candidate: &Candidate) -> Release {
        let Candidate { version, platform, .. } = candidate.clone();
        Release { service: self.service.clone(), version, platform }
    }

    fn wanted(&self) -> ReleaseVersion {
        self.versions[0].clone()
    }

    fn first_of(
        &self,
        candidates: &[Candidate],
        cache: &Cache,
        fetcher: &Fetcher,
        context: &DownloadContext,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Option<Installed>, Error> {
        for candidate in candidates {
            let release = self.release(candidate);
            let folder = cache.lock(&release, || (context.watcher)(&Event::Waiting))?;
            // Another request may have installed it, or it is here since a moment ago.
            if let Some(installed) = self.find_version(&candidate.version, cache)? {
                let installed = installed.substituting(&self.versions[0], &folder)?;
                self.notify_substitute(&installed, context.watcher);
                return Ok(Some(installed));
            }
            let installation =
                Installation { request: self, candidate, cache, fetcher, watcher: context.watcher };
            match installation.run(&folder) {
                Ok(Lookup::Found(installed)) => {
                    self.notify_substitute(&installed, context.watcher);
                    return Ok(Some(installed));
                }
                Ok(Lookup::NotFound(answer)) => attempts.push(Attempt { url: candidate.url.clone(), answer }),
                Err(error) => {
                    folder.remove_if_empty();
                    return Err(error);
                }
            }
            folder.remove_if_empty();
        }
        Ok(None)
    }

    /// Tells when `installed` stands in for another version.
    pub(crate) fn notify_substitute(&self, installed: &Installed, watcher: Watcher) {
        let (wanted, version) = (&self.wanted(), &installed.receipt.version);
        if wanted != version {
            watcher(&Event::VersionSubstituted { wanted, version });
        }
    }
}

/// A program that has yet to be put into its place.
enum UnplacedProgram {
    /// The file that was downloaded.
    Whole(PartialFile),
    /// What was in it.
    Unpacked(NamedTempFile),
}

/// One release on its way into its folder.
struct Installation<'a> {
    request: &'a InstallRequest<'a>,
    candidate: &'a Candidate,
    cache: &'a Cache,
    fetcher: &'a Fetcher<'a>,
    watcher: Watcher<'a>,
}

impl Installation<'_> {
    fn run(&self, folder: &ProgramFolder) -> Result<Lookup<Installed>, Error> {
        let url = &self.candidate.url;
        if self.candidate.checksum == ChecksumSource::Recorded
            && self.request.checksums == ChecksumPolicy::Required
        {
            return Err(Error::ChecksumRequired { url: url.clone() });
        }
        let mut partial = folder.partial()?;
        match self.fetch(&mut partial) {
            Ok(Lookup::Found((expected, computed))) => {
                self.put(folder, partial, &expected, &computed).map(Lookup::Found)
            }
            Ok(Lookup::NotFound(answer)) => {
                partial.discard_if_empty();
                Ok(Lookup::NotFound(answer))
            }
            // What came so far stays for the next attempt.
            Err(Error::Download { url, source }) if source.keeps_partial_file() => {
                partial.discard_if_empty();
                Err(Error::Download { url, source })
            }
            Err(error) => {
                partial.discard();
                Err(error)
            }
        }
    }

    /// Fetches the file and compares its checksum.
    fn fetch(&self, partial: &mut PartialFile) -> Result<Lookup<(ExpectedChecksum, Computed)>, Error> {
        let url = &self.candidate.url;
        let failed = |source| Error::Download { url: url.clone(), source };
        let opened = match self.fetcher.open(url, partial, &self.candidate.missing).map_err(failed)? {
            Lookup::Found(opened) => opened,
            Lookup::NotFound(answer) => return Ok(Lookup::NotFound(answer)),
        };
        if self.candidate.platform != self.request.platform {
            (self.watcher)(&Event::PlatformSubstituted { platform: &self.candidate.platform });
        }
        let expected = self.expected_checksum()?;
        let algorithm = expected.values.first().map(Checksum::algorithm);
        let computed = self.fetcher.save(opened, partial, algorithm);
        (self.watcher)(&Event::Finished);
        let computed = computed.map_err(failed)?;
        self.compare(&expected, &computed)?;
        Ok(Lookup::Found((expected, computed)))
    }

    /// What the checksum has to be, by whoever knows it.
    fn expected_checksum(&self) -> Result<ExpectedChecksum, Error> {
        let by = |values, verified, authority: &str| ExpectedChecksum {
            values,
            verified,
            authority: authority.to_owned(),
            published: None,
        };
        if let ChecksumPolicy::Given(checksum) = &self.request.checksums {
            return Ok(by(vec![checksum.clone()], Verified::Given, "`--checksum`"));
        }
        match &self.candidate.checksum {
            ChecksumSource::Pinned { values } => {
                Ok(by(values.clone(), Verified::Pinned, "the list of known checksums"))
            }
            ChecksumSource::Published { urls } => self.published(urls),
            ChecksumSource::Recorded => {
                let recorded = self.cache.recorded(&self.candidate.url)?;
                let authority = "the record of the first download";
                Ok(by(recorded.into_iter().collect(), Verified::Recorded, authority))
            }
        }
    }

    /// What the publisher says, at the first of `urls` that exists.
    fn published(&self, urls: &[String]) -> Result<ExpectedChecksum, Error> {
        let Candidate { url, missing, .. } = self.candidate;
        let (checksum, published) =
            published_checksum(self.fetcher, url, self.candidate.file_name(), urls, missing)?;
        let authority = format!("`{published}`");
        let (values, published) = (vec![checksum], Some(published));
        Ok(ExpectedChecksum { values, verified: Verified::Published, authority, published })
    }

    fn compare(&self, expected: &ExpectedChecksum, computed: &Computed) -> Result<(), Error> {
        let url = &self.candidate.url;
        let Some(first) = expected.values.first() else { return Ok(()) };
        let got = computed.like(first.algorithm());
        if expected.values.contains(got) {
            return Ok(());
        }
        Err(Error::ChecksumMismatch {
            url: url.clone(),
            expected: expected.values.iter().map(ToString::to_string).collect(),
            authority: expected.authority.clone(),
            got: got.to_string(),
            sha256: computed.sha256.to_string(),
        })
    }

    /// Puts the program into its place and, when all is there, the receipt beside it.
    fn put(
        &self,
        folder: &ProgramFolder,
        partial: PartialFile,
        expected: &ExpectedChecksum,
        computed: &Computed,
    ) -> Result<Installed, Error> {
        let Candidate { version, platform, url, format, .. } = self.candidate;
        let program = platform.program(self.request.client.program.as_str());
        let path = self.cache.path(&self.request.release(self.candidate), &program);
        let (finished, program_checksum) = match format {
            ReleaseFormat::Raw => (UnplacedProgram::Whole(partial), computed.sha256.clone()),
            ReleaseFormat::Archive { kind, member } => {
                let mut unfinished = folder.unfinished()?;
                let extracted = archive::extract(partial.file(), *kind, member, unfinished.as_file_mut());
                partial.discard();
                let checksum = extracted.map_err(|source| Error::Archive { url: url.clone(), source })?;
                (UnplacedProgram::Unpacked(unfinished), checksum)
            }
        };
        if expected.values.is_empty() {
            // Only what could be used: an error page is never taken for the release.
            self.cache.record(url, &computed.sha256)?;
            (self.watcher)(&Event::ChecksumRecorded { url, checksum: &computed.sha256 });
        }
        // Until here all is as it was. What is replaced is gone from now on: its receipt would vouch for another program.
        folder.remove_file(cache::RECEIPT)?;
        match finished {
            UnplacedProgram::Whole(partial) => folder.finish_partial(partial, &program)?,
            UnplacedProgram::Unpacked(unfinished) => folder.finish(unfinished, &program)?,
        }
        let failed = |source| crate::base::files::Error::Read { path: path.clone(), source };
        let receipt = Receipt {
            program: self.request.client.program.clone(),
            version: version.clone(),
            platform: platform.clone(),
            url: url.clone(),
            checksum: computed.sha256.clone(),
            verified: expected.verified,
            published: expected.published.clone(),
            size: path.metadata().map_err(failed)?.len(),
            program_checksum,
            instead_of: Some(self.request.wanted()).filter(|wanted| wanted != version).into_iter().collect(),
        };
        let installed = Installed { service: self.request.service.clone(), receipt, path };
        installed.write_receipt(folder)?;
        Ok(installed)
    }
}

/// What the publisher says of the file called `name` at `url`, at the first of the addresses `at` that exists, and that address.
///
/// Errors: those of fetching it; it says nothing of the file, or there is none.
pub(super) fn published_checksum(
    fetcher: &Fetcher,
    url: &str,
    name: &str,
    at: &[String],
    missing: &[u16],
) -> Result<(Checksum, String), Error> {
    let mut attempts = Vec::new();
    for address in at {
        let failed = |source| Error::Download { url: address.clone(), source };
        match fetcher.text(address, missing).map_err(failed)? {
            Lookup::NotFound(answer) => attempts.push(Attempt { url: address.clone(), answer }),
            Lookup::Found(text) => {
                let failed = |source| Error::ChecksumFile { url: address.clone(), source };
                return Ok((Checksum::published(&text, name).map_err(failed)?, address.clone()));
            }
        }
    }
    Err(Error::ChecksumMissing { url: url.to_owned(), attempts })
}

/// What fetches with `context`.
///
/// Errors: the system's authorities cannot be used.
pub(crate) fn fetcher<'w>(context: &DownloadContext<'w>) -> Result<Fetcher<'w>, Error> {
    let failed = |source| Error::Network { source };
    let DownloadContext { mirrors, authorities, unusable_proxy, idle_timeout, watcher } = context;
    Fetcher::new(mirrors.clone(), authorities.as_deref(), *unusable_proxy, *idle_timeout, *watcher)
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::checksum::Hasher;
    use super::*;
    use crate::catalogue::Catalogue;

    /// Puts `oc` of Origin's release where a mirror of everything has it.
    fn publish(mirror: &Path, version: &str, commit: &str) {
        let name = format!("openshift-origin-client-tools-v{version}-{commit}-linux-64bit");
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_cksum();
        tar.append_data(&mut header, format!("{name}/oc"), &b"oc"[..]).unwrap();
        let archive = tar.into_inner().unwrap().finish().unwrap();
        let mut hasher = Hasher::default();
        hasher.update(&archive);
        let checksum = hasher.sha256().to_string();
        let hex = checksum.trim_start_matches("sha256:");
        let folder = mirror.join("github.com/openshift/origin/releases/download").join(format!("v{version}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.tar.gz")), archive).unwrap();
        fs::write(folder.join("CHECKSUM"), format!("{hex}  {name}.tar.gz\n")).unwrap();
    }

    /// What is installed when `version` is asked for, whether the machine's client is too old, and the substitutions.
    fn install(version: &str, origin: VersionOrigin) -> Result<(String, bool, Vec<String>), Error> {
        let below = tempfile::tempdir().unwrap();
        let mirror = below.path().join("mirror");
        publish(&mirror, "1.2.0", "2e62fab");
        publish(&mirror, "1.3.3", "bc17c1527938fa03b719e1a117d584442e3727b8");
        let catalogue = Catalogue::built_in().unwrap();
        let service = &catalogue.find("openshift").unwrap().service;
        let request = InstallRequest {
            service: &service.name,
            client: service.client.as_ref().unwrap(),
            versions: vec![version.parse().unwrap()],
            origin,
            platform: "linux/amd64".parse().unwrap(),
            checksums: ChecksumPolicy::Any,
        };
        let mut mirrors = Mirrors::new(false);
        mirrors.add("https://", &format!("file://{}", mirror.display())).unwrap();
        let substituted = RefCell::new(Vec::new());
        let watcher = |event: &Event| {
            if let Event::VersionSubstituted { wanted, version } = event {
                substituted.borrow_mut().push(format!("{wanted} {version}"));
            }
        };
        let context = DownloadContext {
            mirrors,
            authorities: None,
            unusable_proxy: None,
            idle_timeout: Duration::from_secs(5),
            watcher: &watcher,
        };
        let cache = Cache::new(below.path().join("service-manager/bin"));
        let installed = request.install(&cache, &context)?;
        assert_eq!(fs::read(&installed.path).unwrap(), b"oc");
        let version = installed.receipt.version.to_string();
        Ok((version, request.outdated(&installed).is_some(), substituted.take()))
    }

    #[test]
    fn a_server_without_a_client_of_its_own_gets_the_nearest() {
        let installed = install("3.2.1.17", VersionOrigin::Server).unwrap();
        assert_eq!(installed, ("1.2.0".into(), true, vec!["3.2.1.17 1.2.0".into()]));
        // It may be that only the publisher knows that there is none.
        let installed = install("3.3.99", VersionOrigin::Server).unwrap();
        assert_eq!(installed, ("1.3.3".into(), true, vec!["3.3.99 1.3.3".into()]));
    }

    #[test]
    fn a_version_that_the_user_names_is_that_one_or_an_error() {
        assert_eq!(install("1.3.3", VersionOrigin::User).unwrap(), ("1.3.3".into(), false, vec![]));
        let error = install("3.2.1", VersionOrigin::User).unwrap_err();
        assert!(matches!(error, Error::UnknownVersion { nearest: Some(nearest), .. } if nearest == "1.2.2"));
        assert!(matches!(install("3.3.99", VersionOrigin::User), Err(Error::NotPublished { .. })));
    }
}
