//! From a wish to a program in the cache.

use std::time::Duration;

use tempfile::NamedTempFile;

use super::alias;
use super::archive;
use super::cache::{self, Cache, Installed, Receipt, Release, Verified};
use super::checksum::{Checksum, Computed};
use super::download::{Fault, Fetcher, Found};
use super::mirror::Mirrors;
use super::release::{self, Candidate, Expected, Format};
use super::{Event, Watcher};
use crate::base::files::{PartialFile, ProgramFolder};
use crate::base::types::ServiceName;
use crate::base::version::ReleaseVersion;
use crate::catalogue::Client;
use crate::catalogue::platform::Platform;
use crate::error::Error;

/// Which release is wanted, and what would do.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// Its client.
    pub client: &'a Client,
    /// The version, by all the names that its release may have.
    pub versions: Vec<ReleaseVersion>,
    /// What it should run on.
    pub platform: Platform,
    /// What is accepted as its checksum.
    pub checksums: Checksums,
}

/// Which checksum of a release is good enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// One that somebody else says, or else the first that is seen.
    Any,
    /// One that somebody else says.
    Required,
    /// This one.
    Given(Checksum),
}

/// With what a release is fetched.
#[derive(Clone)]
pub struct Means<'w> {
    /// Where to look instead of at the publisher's.
    pub mirrors: Mirrors,
    /// How long to wait for a server that is silent.
    pub patience: Duration,
    /// Who is told what happens.
    pub watcher: Watcher<'w>,
}

/// An address that was tried, and what was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The address.
    pub url: String,
    /// The answer.
    pub answer: String,
}

/// What a release's checksum has to be.
struct Right {
    /// One of these; none when nobody knows.
    values: Vec<Checksum>,
    verified: Verified,
    /// Who said it, in words.
    said_by: String,
    /// The publisher's file that says it.
    published: Option<String>,
}

impl Wish<'_> {
    /// What is here already; nothing is asked.
    ///
    /// Errors: those of the cache; what is here is not as good as is wanted.
    pub fn find(&self, cache: &Cache) -> Result<Option<Installed>, Error> {
        self.find_version(&self.versions[0], cache)
    }

    fn find_version(&self, version: &ReleaseVersion, cache: &Cache) -> Result<Option<Installed>, Error> {
        let Some(installed) = cache.find(self.service, version, &self.platform)? else {
            return Ok(None);
        };
        match &self.checksums {
            Checksums::Required if installed.receipt.verified == Verified::Recorded => {
                Err(Error::ChecksumRequired { url: installed.receipt.url })
            }
            Checksums::Given(checksum) if installed.receipt.checksum != *checksum => Ok(None),
            _ => Ok(Some(installed)),
        }
    }

    /// Fetches the release: the first of its candidates that exists. One that exists and is not right ends it.
    ///
    /// Errors: it was never published, cannot be fetched, or is not what it should be.
    pub fn install(&self, cache: &Cache, means: &Means) -> Result<Installed, Error> {
        let fetcher = fetcher(means)?;
        let mut tried = Vec::new();
        let candidates = self.candidates(&self.versions)?;
        if let Some(installed) = self.first_of(&candidates, cache, &fetcher, means, &mut tried)? {
            return Ok(installed);
        }
        let wanted = self.wanted();
        if let Some(version) = alias::instead_of(self.client, &wanted, &fetcher)? {
            let candidates = self.candidates(&[version])?;
            if let Some(installed) = self.first_of(&candidates, cache, &fetcher, means, &mut tried)? {
                return Ok(installed);
            }
        }
        let (program, platform) = (self.client.program.to_string(), self.platform.to_string());
        Err(Error::NotPublished { program, version: wanted.to_string(), platform, tried })
    }

    /// Where the release may be.
    ///
    /// Errors: nowhere.
    pub fn candidates(&self, versions: &[ReleaseVersion]) -> Result<Vec<Candidate>, Error> {
        let candidates = release::candidates(self.client, versions, &self.platform);
        if candidates.is_empty() {
            let (program, platform) = (self.client.program.to_string(), self.platform.to_string());
            return Err(Error::NotOffered { program, version: self.wanted().to_string(), platform });
        }
        Ok(candidates)
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
        means: &Means,
        tried: &mut Vec<Tried>,
    ) -> Result<Option<Installed>, Error> {
        for candidate in candidates {
            let release = self.release(candidate);
            let folder = cache.lock(&release, || (means.watcher)(&Event::Waits))?;
            // It may be here for another wish, or since a moment ago.
            if let Some(installed) = self.find_version(&candidate.version, cache)? {
                let installed = installed.standing_in_for(&self.versions[0], &folder)?;
                self.tell_stand_in(&installed, means.watcher);
                return Ok(Some(installed));
            }
            let installation = Installation { wish: self, candidate, cache, fetcher, watcher: means.watcher };
            match installation.run(&folder) {
                Ok(Found::Here(installed)) => {
                    self.tell_stand_in(&installed, means.watcher);
                    return Ok(Some(installed));
                }
                Ok(Found::Nowhere(answer)) => tried.push(Tried { url: candidate.url.clone(), answer }),
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
    pub fn tell_stand_in(&self, installed: &Installed, watcher: Watcher) {
        let (wanted, version) = (&self.wanted(), &installed.receipt.version);
        if wanted != version {
            watcher(&Event::Instead { wanted, version });
        }
    }
}

/// A program that has yet to be put into its place.
enum Finished {
    /// The file that was downloaded.
    Whole(PartialFile),
    /// What was in it.
    Unpacked(NamedTempFile),
}

/// One release on its way into its folder.
struct Installation<'a> {
    wish: &'a Wish<'a>,
    candidate: &'a Candidate,
    cache: &'a Cache,
    fetcher: &'a Fetcher<'a>,
    watcher: Watcher<'a>,
}

impl Installation<'_> {
    fn run(&self, folder: &ProgramFolder) -> Result<Found<Installed>, Error> {
        let url = &self.candidate.url;
        if self.candidate.checksum == Expected::Recorded && self.wish.checksums == Checksums::Required {
            return Err(Error::ChecksumRequired { url: url.clone() });
        }
        let mut partial = folder.partial()?;
        match self.fetch(&mut partial) {
            Ok(Found::Here((right, computed))) => {
                self.put(folder, partial, &right, &computed).map(Found::Here)
            }
            Ok(Found::Nowhere(answer)) => {
                partial.discard_if_empty();
                Ok(Found::Nowhere(answer))
            }
            // What came so far stays for the next attempt.
            Err(
                error @ Error::Download {
                    source: Fault::Network(_) | Fault::Short { .. } | Fault::Slow(_),
                    ..
                },
            ) => {
                partial.discard_if_empty();
                Err(error)
            }
            Err(error) => {
                partial.discard();
                Err(error)
            }
        }
    }

    /// Fetches the file and compares its checksum.
    fn fetch(&self, partial: &mut PartialFile) -> Result<Found<(Right, Computed)>, Error> {
        let url = &self.candidate.url;
        let failed = |source| Error::Download { url: url.clone(), source };
        let opened = match self.fetcher.open(url, partial).map_err(failed)? {
            Found::Here(opened) => opened,
            Found::Nowhere(answer) => return Ok(Found::Nowhere(answer)),
        };
        if self.candidate.platform != self.wish.platform {
            (self.watcher)(&Event::StandsIn { platform: &self.candidate.platform });
        }
        let right = self.right()?;
        let algorithm = right.values.first().map(Checksum::algorithm);
        let computed = self.fetcher.save(opened, partial, algorithm);
        (self.watcher)(&Event::Ends);
        let computed = computed.map_err(failed)?;
        self.compare(&right, &computed)?;
        Ok(Found::Here((right, computed)))
    }

    /// What the checksum has to be, by whoever knows it.
    fn right(&self) -> Result<Right, Error> {
        let by = |values, verified, said_by: &str| Right {
            values,
            verified,
            said_by: said_by.to_owned(),
            published: None,
        };
        if let Checksums::Given(checksum) = &self.wish.checksums {
            return Ok(by(vec![checksum.clone()], Verified::Given, "`--checksum`"));
        }
        match &self.candidate.checksum {
            Expected::Pinned { values } => {
                Ok(by(values.clone(), Verified::Pinned, "the list of known checksums"))
            }
            Expected::Published { urls } => self.published(urls),
            Expected::Recorded => {
                let recorded = self.cache.recorded(&self.candidate.url)?;
                let said_by = "the record of the first download";
                Ok(by(recorded.into_iter().collect(), Verified::Recorded, said_by))
            }
        }
    }

    /// What the publisher says, at the first of `urls` that exists.
    fn published(&self, urls: &[String]) -> Result<Right, Error> {
        let mut tried = Vec::new();
        for url in urls {
            let failed = |source| Error::Download { url: url.clone(), source };
            match self.fetcher.text(url).map_err(failed)? {
                Found::Nowhere(answer) => tried.push(Tried { url: url.clone(), answer }),
                Found::Here(text) => {
                    let failed = |source| Error::ChecksumFile { url: url.clone(), source };
                    let checksum = Checksum::published(&text, self.candidate.file_name()).map_err(failed)?;
                    let (said_by, published) = (format!("`{url}`"), Some(url.clone()));
                    return Ok(Right {
                        values: vec![checksum],
                        verified: Verified::Published,
                        said_by,
                        published,
                    });
                }
            }
        }
        Err(Error::ChecksumMissing { url: self.candidate.url.clone(), tried })
    }

    fn compare(&self, right: &Right, computed: &Computed) -> Result<(), Error> {
        let url = &self.candidate.url;
        let Some(first) = right.values.first() else { return Ok(()) };
        let got = computed.like(first.algorithm());
        if right.values.contains(got) {
            return Ok(());
        }
        Err(Error::ChecksumMismatch {
            url: url.clone(),
            expected: right.values.iter().map(ToString::to_string).collect(),
            said_by: right.said_by.clone(),
            got: got.to_string(),
            sha256: computed.sha256.to_string(),
        })
    }

    /// Puts the program into its place and, when all is there, the receipt beside it.
    fn put(
        &self,
        folder: &ProgramFolder,
        partial: PartialFile,
        right: &Right,
        computed: &Computed,
    ) -> Result<Installed, Error> {
        let Candidate { version, platform, url, format, .. } = self.candidate;
        let program = platform.program(self.wish.client.program.as_str());
        let path = self.cache.path(&self.wish.release(self.candidate), &program);
        let (finished, program_checksum) = match format {
            Format::Raw => (Finished::Whole(partial), computed.sha256.clone()),
            Format::Archive { kind, member } => {
                let mut unfinished = folder.unfinished()?;
                let extracted = archive::extract(partial.file(), *kind, member, unfinished.as_file_mut());
                partial.discard();
                let checksum = extracted.map_err(|source| Error::Archive { url: url.clone(), source })?;
                (Finished::Unpacked(unfinished), checksum)
            }
        };
        if right.values.is_empty() {
            // Only what could be used: an error page is never taken for the release.
            self.cache.record(url, &computed.sha256)?;
            (self.watcher)(&Event::Recorded { url, checksum: &computed.sha256 });
        }
        // Until here all is as it was. What is replaced is gone from now on: its receipt would vouch for another program.
        folder.remove_file(cache::RECEIPT)?;
        match finished {
            Finished::Whole(partial) => folder.finish_partial(partial, &program)?,
            Finished::Unpacked(unfinished) => folder.finish(unfinished, &program)?,
        }
        let failed = |source| crate::base::files::Error::Read { path: path.clone(), source };
        let receipt = Receipt {
            program: self.wish.client.program.clone(),
            version: version.clone(),
            platform: platform.clone(),
            url: url.clone(),
            checksum: computed.sha256.clone(),
            verified: right.verified,
            published: right.published.clone(),
            size: path.metadata().map_err(failed)?.len(),
            program_checksum,
            instead_of: Some(self.wish.wanted()).filter(|wanted| wanted != version).into_iter().collect(),
        };
        let installed = Installed { service: self.wish.service.clone(), receipt, path };
        installed.write_receipt(folder)?;
        Ok(installed)
    }
}

/// What fetches with `means`.
///
/// Errors: the system's authorities or proxies cannot be used.
pub fn fetcher<'w>(means: &Means<'w>) -> Result<Fetcher<'w>, Error> {
    let failed = |source| Error::Network { source };
    Fetcher::new(means.mirrors.clone(), means.patience, means.watcher).map_err(failed)
}
