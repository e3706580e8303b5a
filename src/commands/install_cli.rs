//! `service-manager install-cli SERVICE`

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::clients::in_megabytes;
use super::context::{Context, print, print_json};
use crate::base::deadline::in_time;
use crate::base::files;
use crate::base::platform::LIST_SEPARATOR;
use crate::base::types::{MemberPattern, ServiceName};
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;
use crate::catalogue::{self, Catalogue, Client, Service};
use crate::cli::{InstallCliArgs, OutputFormat, WantedVersion};
use crate::clients::cache::{Cache, Installed, Receipt, Release, Verified};
use crate::clients::checksum::Checksum;
use crate::clients::host_proxy::unusable_proxy;
use crate::clients::install::{ChecksumPolicy, DownloadContext, InstallRequest, VersionOrigin, fetcher};
use crate::clients::mirror::Mirrors;
use crate::clients::release::{Candidate, ChecksumSource, published_names};
use crate::clients::{self, Event, Watcher, alias};
use crate::error::Error;
use crate::export::{self, Block, PathEntry};
use crate::guest::probe::Questions;
use crate::services::{ConnectedService, Scope, ServiceCache, connect};
use crate::settings::Settings;
use crate::ui::Progress;

pub(super) fn run(args: &InstallCliArgs, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let service = find(&args.service, &catalogue)?;
    let client = service
        .client
        .as_ref()
        .ok_or_else(|| clients::Error::NoClient { service: service.name.to_string() })?;
    let progress = Progress::new(context.ui);
    let watcher = |event: &Event| progress.show(event);
    let downloads = || context.downloads(&watcher);
    let request = InstallRequest {
        service: &service.name,
        client,
        versions: published_names(client, &versions(args, service, client, context, &downloads)?),
        origin: if args.cli_version.is_some() { VersionOrigin::User } else { VersionOrigin::Server },
        platform: platform(args)?,
        checksums: checksums(args),
    };
    let cache = Cache::new(context.folders()?.clients());
    if args.dry_run {
        return dry_run(&request, &cache, args.output);
    }
    let folder = args.path.as_ref().map(|folder| context.env.expand(folder));
    if let Some(path) = folder.clone().filter(|folder| folder.is_file()) {
        return Err(Error::NotFolder { path });
    }
    if args.output == OutputFormat::Text {
        refuse_colon(folder.as_deref().unwrap_or(cache.root()))?;
    }
    let (installed, was_there) = match request.find(&cache)? {
        Some(installed) => {
            request.notify_substitute(&installed, &watcher);
            (installed, true)
        }
        None if args.offline => return Err(not_cached(&request)),
        None => (request.install(&cache, &downloads()?)?, false),
    };
    installed.touch();
    if !was_there {
        note_outdated(&request, &installed, context);
    }
    let (path, is_new) = match &folder {
        Some(folder) => put(&installed, folder, context)?,
        None => (installed.path.clone(), !was_there),
    };
    show(&installed, &path, is_new, args, context)
}

/// The service that has the client, by its own name or the client's.
fn find<'a>(name: &str, catalogue: &'a Catalogue) -> Result<&'a Service, Error> {
    let found = catalogue.find(name);
    let by_program = catalogue
        .entries()
        .iter()
        .map(|entry| &entry.service)
        .find(|service| service.client.as_ref().is_some_and(|client| client.program.as_str() == name));
    match (found, by_program) {
        (Ok(entry), _) => Ok(&entry.service),
        (Err(catalogue::Error::UnknownService { .. }), Some(service)) => Ok(service),
        (Err(error), _) => Err(error.into()),
    }
}

fn platform(args: &InstallCliArgs) -> Result<Platform, Error> {
    let host = || Platform::host().map_err(|source| Error::Value { what: "this host".to_owned(), source });
    args.platform.clone().map_or_else(host, Ok)
}

fn checksums(args: &InstallCliArgs) -> ChecksumPolicy {
    match &args.checksum {
        Some(checksum) => ChecksumPolicy::Given(checksum.clone()),
        None if args.require_checksum => ChecksumPolicy::Required,
        None => ChecksumPolicy::Any,
    }
}

/// The version that is wanted, by all the names that its release may have: the one that is named, or the service's.
fn versions<'w>(
    args: &InstallCliArgs,
    service: &Service,
    client: &Client,
    context: &Context,
    downloads: &dyn Fn() -> Result<DownloadContext<'w>, Error>,
) -> Result<Vec<ReleaseVersion>, Error> {
    let program = client.program.to_string();
    match &args.cli_version {
        Some(WantedVersion::Version(version)) => Ok(ReleaseVersion::named_by(version)),
        Some(WantedVersion::Alias(alias)) if args.offline || args.dry_run => {
            Err(clients::Error::AliasNotAsked { program, alias: alias.to_string() }.into())
        }
        Some(WantedVersion::Alias(alias)) => {
            Ok(vec![alias::version_of(client, alias, &fetcher(&downloads()?)?)?])
        }
        None if service.is_client_only() => Err(clients::Error::VersionNeeded { program }.into()),
        None => of_service(service, context)
            .inspect_err(|_| context.note("with `--cli-version VERSION` no machine is asked")),
    }
}

/// What the service in the machine says.
fn of_service(service: &Service, context: &Context) -> Result<Vec<ReleaseVersion>, Error> {
    let limit = context.deadline.limit();
    let (service, context) = (service.clone(), context.clone());
    let ask = move |deadline| version_in_use(&service, &context.with_deadline(deadline));
    in_time(limit, || (), ask)
}

fn version_in_use(service: &Service, context: &Context) -> Result<Vec<ReleaseVersion>, Error> {
    let (services, deadline) = ([service], context.deadline);
    let machine = context.machine()?;
    let cached = ServiceCache::of(&machine).reconnect(&services, Scope::Named, SystemTime::now(), deadline);
    let connected = if let Some(connected) = cached {
        connected
    } else {
        let inspection = context.inspect(machine, &Questions::to_use(services))?;
        connect(&inspection, &services, false, deadline, |_| (), |_| ())?.connected
    };
    let version = connected.first().and_then(ConnectedService::version);
    let versions = version.map(|version| ReleaseVersion::named_by(&version)).unwrap_or_default();
    if versions.is_empty() {
        return Err(clients::Error::NoVersion { service: service.title.clone() }.into());
    }
    Ok(versions)
}

/// Before anything is put where no PATH can lead.
fn refuse_colon(folder: &Path) -> Result<(), Error> {
    if folder.to_string_lossy().contains(LIST_SEPARATOR) {
        return Err(clients::Error::ColonOnPath { path: folder.to_owned() }.into());
    }
    Ok(())
}

fn note_outdated(request: &InstallRequest, installed: &Installed, context: &Context) {
    let Some(rule) = request.outdated(installed) else { return };
    let (program, version) = (&installed.receipt.program, &installed.receipt.version);
    context.note(&format!(
        "the machine says that `{program}` {version} is the right one; that is before {}, and older ones {}; \
         `--cli-version` names another",
        rule.until, rule.because
    ));
}

fn not_cached(request: &InstallRequest) -> Error {
    let (program, version) = (request.client.program.to_string(), request.versions[0].to_string());
    clients::Error::NotCached { program, version }.into()
}

/// Puts a copy of the program into `folder`. Returns its path, and whether another one, or none, was there.
fn put(installed: &Installed, folder: &Path, context: &Context) -> Result<(PathBuf, bool), Error> {
    let path = folder.join(installed.path.file_name().unwrap_or_default());
    let was_there = std::fs::symlink_metadata(&path).is_ok();
    let is_new = files::copy_program(&installed.path, &path).map_err(Error::NotPlaced)?;
    if is_new && was_there {
        context.note(&format!("replaced the `{}` that was there", path.display()));
    }
    Ok((path, is_new))
}

fn show(
    installed: &Installed,
    path: &Path,
    is_new: bool,
    args: &InstallCliArgs,
    context: &Context,
) -> Result<(), Error> {
    let unprintable = || export::Error::Unprintable { name: "the folder".to_owned() };
    let text = path.to_str().ok_or_else(unprintable)?;
    let folder = path.parent().and_then(Path::to_str).ok_or_else(unprintable)?;
    let receipt = &installed.receipt;
    if args.output == OutputFormat::Json {
        return print_json(&InstallJson {
            service: &installed.service,
            client: receipt.program.as_str(),
            path: text,
            folder,
            release: &receipt.version,
            platform: &receipt.platform,
            installed: is_new,
            url: &receipt.url,
            checksum: &receipt.checksum,
            verified: receipt.verified,
        });
    }
    let others =
        context.env.path.as_ref().map(|path| std::env::split_paths(path).map(PathBuf::into_os_string));
    let comment = format!(
        "Binary {} available at {text}\nrun binary as:\n{} <command>",
        if is_new { "now" } else { "already" },
        receipt.program
    );
    let path = PathEntry { folder: folder.to_owned(), others: others.into_iter().flatten().collect() };
    let block = Block {
        service: installed.service.to_string(),
        comment,
        exports: Vec::new(),
        gone: Vec::new(),
        path: Some(path),
    };
    print(&context.shell(args.shell).set(&[block], false, &context.env.typed())?)?;
    // Through the plugin, scripts read both streams as they always have.
    if context.env.plugin.is_none() {
        context.note(&summary(receipt));
    }
    Ok(())
}

/// What was installed, in one line.
fn summary(receipt: &Receipt) -> String {
    let Receipt { program, version, size, .. } = receipt;
    let verified = match (receipt.verified, &receipt.published) {
        (Verified::Given, _) => "its checksum is the one that was given".to_owned(),
        (Verified::Pinned, _) => "its checksum is the one that this program knows".to_owned(),
        (Verified::Published, Some(url)) => format!("its checksum is the one in `{url}`"),
        (Verified::Published, None) => "its checksum is the publisher's".to_owned(),
        (Verified::Recorded, _) => {
            "nobody publishes its checksum, so that of the first download counts".to_owned()
        }
    };
    format!("{program} {version}, {}: {verified}", in_megabytes(*size))
}

/// What `--output json` prints.
#[derive(Serialize)]
struct InstallJson<'a> {
    service: &'a ServiceName,
    client: &'a str,
    path: &'a str,
    folder: &'a str,
    release: &'a ReleaseVersion,
    platform: &'a Platform,
    /// False when it was there already.
    installed: bool,
    url: &'a str,
    checksum: &'a Checksum,
    verified: Verified,
}

/// Prints where the release may be.
fn dry_run(request: &InstallRequest, cache: &Cache, format: OutputFormat) -> Result<(), Error> {
    let candidates = request.candidates()?;
    if format == OutputFormat::Text {
        return print(&candidates.iter().map(|candidate| candidate.url.clone() + "\n").collect::<String>());
    }
    let program = request.platform.program(request.client.program.as_str());
    let (service, version) = (request.service.clone(), request.versions[0].clone());
    let release = Release { service, version, platform: request.platform.clone() };
    print_json(&Plan {
        service: request.service,
        client: request.client.program.as_str(),
        release: &request.versions[0],
        platform: &request.platform,
        path: cache.path(&release, &program),
        candidates: candidates.iter().map(Place::from).collect(),
    })
}

/// What `--dry-run --output json` prints.
#[derive(Serialize)]
struct Plan<'a> {
    service: &'a ServiceName,
    client: &'a str,
    release: &'a ReleaseVersion,
    platform: &'a Platform,
    path: PathBuf,
    candidates: Vec<Place<'a>>,
}

/// Where the release may be.
#[derive(Serialize)]
struct Place<'a> {
    release: &'a ReleaseVersion,
    platform: &'a Platform,
    url: &'a str,
    member: Option<&'a MemberPattern>,
    checksum: &'a ChecksumSource,
}

impl<'a> From<&'a Candidate> for Place<'a> {
    fn from(candidate: &'a Candidate) -> Self {
        let Candidate { version, platform, url, format, checksum, .. } = candidate;
        Self { release: version, platform, url, member: format.member(), checksum }
    }
}

impl Context {
    /// With what to download.
    pub(super) fn downloads<'w>(&self, watcher: Watcher<'w>) -> Result<DownloadContext<'w>, Error> {
        let settings = Settings::load(&self.folders()?)?;
        let named = self.env.mirror.as_deref().unwrap_or_default();
        let mirrors = Mirrors::from_settings(named, &settings.mirrors, settings.allow_http)?;
        let idle_timeout = self.deadline.limit().max(Duration::from_millis(100));
        let authorities = self.env.authorities.clone();
        let unusable_proxy = unusable_proxy(|name| self.env.variable(name));
        Ok(DownloadContext { mirrors, authorities, unusable_proxy, idle_timeout, watcher })
    }
}
