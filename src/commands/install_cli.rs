//! `service-manager install-cli SERVICE...`

mod named;
mod output;
mod versions;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::named::{InstallFailure, NamedClient, refuse_options_for_one};
use self::output::{HandedOut, dry_run, show};
use self::versions::{Versions, versions};
use super::context::Context;
use crate::base::files;
use crate::base::platform::LIST_SEPARATOR;
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;
use crate::cli::{InstallCliArgs, OutputFormat};
use crate::clients::cache::{Cache, Installed};
use crate::clients::host_proxy::unusable_proxy;
use crate::clients::install::{ChecksumPolicy, DownloadContext, InstallRequest, VersionOrigin};
use crate::clients::mirror::Mirrors;
use crate::clients::release::published_names;
use crate::clients::{self, Event, Watcher};
use crate::error::Error;
use crate::settings::Settings;
use crate::ui::Progress;

pub(super) fn run(args: &InstallCliArgs, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let project = context.project_file()?.map(|file| file.clients).unwrap_or_default();
    let names = if args.services.is_empty() {
        project.keys().map(ToString::to_string).collect()
    } else {
        args.services.clone()
    };
    if names.is_empty() {
        return Err(Error::NoClientNamed);
    }
    let clients = NamedClient::all(&names, &catalogue)?;
    refuse_options_for_one(args, &clients)?;
    let progress = Progress::new(context.ui);
    let watcher = |event: &Event| progress.show(event);
    let downloads = || context.downloads(&watcher);
    let installer = Installer::new(args, context, &watcher)?;
    let Versions { known, mut failures } = versions(clients, args, &project, context, &downloads);
    let mut handed_out = Vec::new();
    for (client, versions) in known {
        let is_given = args.cli_version.is_some() || project.contains_key(&client.service.name);
        let request = client.request(&versions, is_given, args)?;
        if args.dry_run {
            return dry_run(&request, &installer.cache, args.output);
        }
        match installer.install(&request) {
            Ok(client) => handed_out.push(client),
            Err(error) => failures.push(InstallFailure::of(client, error)),
        }
    }
    // What programs read does not depend on a file that happens to be around.
    let is_list = args.services.len() != 1;
    show(&handed_out, &failures, is_list, args, context)?;
    context.end(failures.into_iter().map(|failure| failure.error).collect(), 0)
}

impl<'a> NamedClient<'a> {
    fn request(
        self,
        versions: &[ReleaseVersion],
        is_given: bool,
        args: &InstallCliArgs,
    ) -> Result<InstallRequest<'a>, Error> {
        let Self { service, client } = self;
        Ok(InstallRequest {
            service: &service.name,
            client,
            versions: published_names(client, versions),
            origin: if is_given { VersionOrigin::User } else { VersionOrigin::Server },
            platform: platform(args)?,
            checksums: checksums(args),
        })
    }
}

/// Puts clients where they belong.
struct Installer<'a> {
    args: &'a InstallCliArgs,
    context: &'a Context,
    cache: Cache,
    /// Where copies go.
    folder: Option<PathBuf>,
    watcher: Watcher<'a>,
}

impl<'a> Installer<'a> {
    /// Errors: the folder is none, or no PATH can lead there. Nothing was downloaded then.
    fn new(args: &'a InstallCliArgs, context: &'a Context, watcher: Watcher<'a>) -> Result<Self, Error> {
        let cache = Cache::new(context.folders()?.clients());
        let folder = args.path.as_ref().map(|folder| context.env.expand(folder));
        if let Some(path) = folder.clone().filter(|folder| folder.is_file()) {
            return Err(Error::NotFolder { path });
        }
        if args.output == OutputFormat::Text && !args.dry_run {
            refuse_colon(folder.as_deref().unwrap_or(cache.root()))?;
        }
        Ok(Self { args, context, cache, folder, watcher })
    }

    fn install(&self, request: &InstallRequest) -> Result<HandedOut, Error> {
        let (installed, was_there) = match request.find(&self.cache)? {
            Some(installed) => {
                request.notify_substitute(&installed, self.watcher);
                (installed, true)
            }
            None if self.args.offline => return Err(not_cached(request, &self.cache)?),
            None => (request.install(&self.cache, &self.context.downloads(self.watcher)?)?, false),
        };
        installed.touch();
        if !was_there {
            note_outdated(request, &installed, self.context);
        }
        let (path, is_new) = match &self.folder {
            Some(folder) => put(&installed, folder, self.context)?,
            None => (installed.path.clone(), !was_there),
        };
        Ok(HandedOut { installed, path, is_new })
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

/// Why nothing is taken where nothing may be downloaded.
///
/// Errors: what is installed cannot be read.
fn not_cached(request: &InstallRequest, cache: &Cache) -> Result<Error, Error> {
    let known = cache.usable(request.service, &request.platform)?;
    let known = known.iter().map(|installed| installed.receipt.version.to_string()).collect();
    let (program, version) = (request.client.program.to_string(), request.versions[0].to_string());
    Ok(clients::Error::NotCached { program, version, option: "--cli-version", known }.into())
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
