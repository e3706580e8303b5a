//! Which `kubectl` is run: an installed one that fits the server, one on the PATH that does, or one that is installed now.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::server::{ServerRelease, releases, server_for};
use crate::base::deadline::Deadline;
use crate::base::env::EXEC_CLIENT;
use crate::base::text::sh_word;
use crate::base::types::Version;
use crate::base::version::ReleaseVersion;
use crate::base::{program, timeouts};
use crate::catalogue::platform::Platform;
use crate::catalogue::{Catalogue, Client, Service, Skew};
use crate::cli::ExecArgs;
use crate::clients::cache::{Cache, Installed};
use crate::clients::fitting::{Fit, best, reported_version};
use crate::clients::install::{ChecksumPolicy, InstallRequest, VersionOrigin};
use crate::clients::release::published_names;
use crate::clients::{self, Event};
use crate::commands::context::Context;
use crate::error::{Error, ExecError, Explain};
use crate::ui::Progress;

/// What runs in place of this program.
pub(super) struct FoundProgram {
    pub(super) path: PathBuf,
    /// A client that is the user's own, from the PATH: it may be a script that starts this program.
    pub(super) is_own_client: bool,
}

impl FoundProgram {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, is_own_client: false }
    }
}

/// A client that is looked for.
pub(super) struct ClientSearch<'a> {
    service: &'a Service,
    client: &'a Client,
}

/// A client on the PATH.
struct ClientOnPath {
    path: PathBuf,
    version: Option<ReleaseVersion>,
}

impl ClientOnPath {
    /// Which version it is, as far as that is known.
    fn name(&self) -> String {
        self.version.as_ref().map_or_else(|| "another version".to_owned(), ToString::to_string)
    }
}

impl<'a> ClientSearch<'a> {
    /// The client called `name`, if one is.
    pub(super) fn of(name: &OsStr, catalogue: &'a Catalogue) -> Option<Self> {
        all(catalogue).find(|search| name == search.client.program.as_str())
    }

    /// The program to run for `servers`.
    ///
    /// Errors: none fits and none may or can be installed.
    pub(super) fn find(
        &self,
        servers: &[ServerRelease],
        args: &ExecArgs,
        context: &Context,
    ) -> Result<FoundProgram, Error> {
        let cache = Cache::new(context.folders()?.clients());
        if let Some(version) = &args.client_version {
            return self.exactly(version, &cache, args, context);
        }
        let server = server_for(self.service, servers);
        let request = self.request(&releases(self.service, server), VersionOrigin::Server)?;
        let installed = self.installed(&request, &cache)?;
        if let Some((Fit::Same | Fit::Newer, installed)) = &installed {
            return Ok(handed_out(installed));
        }
        let on_path = self.on_path(&request, args.any_version, context);
        if let Some(own) =
            on_path.as_ref().filter(|own| args.any_version || self.fit(own, &request) != Fit::No)
        {
            return Ok(FoundProgram { path: own.path.clone(), is_own_client: true });
        }
        let any = || cache.usable(&self.service.name, &request.platform).map(|all| best(all, None, None));
        let installed = if args.any_version && installed.is_none() { any()? } else { installed };
        match installed {
            Some((_, installed)) => Ok(handed_out(&installed)),
            None if args.offline || request.versions.is_empty() => {
                Err(self.none_fits(server, &request, on_path.as_ref(), args.offline).into())
            }
            None => install(&request, &cache, context)
                .map_err(|error| self.or_any_version(error, on_path.as_ref(), args)),
        }
    }

    /// `error`, which kept a client that fits from being installed, with the one on the PATH as another way out.
    fn or_any_version(&self, error: Error, on_path: Option<&ClientOnPath>, args: &ExecArgs) -> Error {
        let Some(own) = on_path else { return error };
        let services: String = args.services.iter().map(|name| format!(" {}", sh_word(name))).collect();
        let program = self.client.program.as_str();
        let any = format!(
            "`service-manager exec{services} --any-version -- {program}` runs {}, which is on the PATH, all the same",
            own.name()
        );
        let hint = error.hint().map_or_else(|| any.clone(), |hint| format!("{hint}; or {any}"));
        Error::Hinted { error: Box::new(error), hint }
    }

    /// The release `version` and no other.
    fn exactly(
        &self,
        version: &Version,
        cache: &Cache,
        args: &ExecArgs,
        context: &Context,
    ) -> Result<FoundProgram, Error> {
        let request = self.request(&ReleaseVersion::named_by(version), VersionOrigin::User)?;
        match request.find(cache)? {
            Some(installed) => Ok(handed_out(&installed)),
            None if args.offline => {
                let known = cache.usable(&self.service.name, &request.platform)?;
                let known = known.iter().map(|installed| installed.receipt.version.to_string()).collect();
                let (program, version) = (self.client.program.to_string(), version.to_string());
                Err(clients::Error::NotCached { program, version, option: "--client-version", known }.into())
            }
            None => install(&request, cache, context),
        }
    }

    fn request(
        &self,
        versions: &[ReleaseVersion],
        origin: VersionOrigin,
    ) -> Result<InstallRequest<'a>, Error> {
        let platform =
            Platform::host().map_err(|source| Error::Value { what: "this host".to_owned(), source })?;
        Ok(InstallRequest {
            service: &self.service.name,
            client: self.client,
            versions: published_names(self.client, versions),
            origin,
            platform,
            checksums: ChecksumPolicy::Any,
        })
    }

    /// The best one that is installed: the server's very release, or one that stands in for it, or another that fits.
    fn installed(&self, request: &InstallRequest, cache: &Cache) -> Result<Option<(Fit, Installed)>, Error> {
        if !request.versions.is_empty()
            && let Some(installed) = request.find(cache)?
        {
            return Ok(Some((Fit::Same, installed)));
        }
        let all = cache.usable(&self.service.name, &request.platform)?;
        Ok(best(all, request.versions.last(), self.client.skew))
    }

    /// The first of that name on the PATH that does not lead back here. What it says its version is, if there is a rule about
    /// that and it `may_be_any` only.
    fn on_path(&self, request: &InstallRequest, may_be_any: bool, context: &Context) -> Option<ClientOnPath> {
        let name = request.platform.program(self.client.program.as_str());
        let env = &context.env;
        let is_other = |path: &PathBuf| !program::is_this_one(path) && env.exec_client.as_ref() != Some(path);
        let path = program::find_all(name.as_ref(), env.path.as_deref()?).into_iter().find(is_other)?;
        let has_rule = self.client.skew.is_some() && !request.versions.is_empty();
        let version = (has_rule && !may_be_any).then(|| version_of(&path)).flatten();
        Some(ClientOnPath { path, version })
    }

    fn fit(&self, own: &ClientOnPath, request: &InstallRequest) -> Fit {
        match (self.client.skew, request.versions.last(), &own.version) {
            (Some(Skew::Minor), Some(_), None) => Fit::No,
            (rule, server, Some(version)) => Fit::of(version, server, rule),
            (_, _, None) => Fit::Same,
        }
    }

    fn none_fits(
        &self,
        server: Option<&ServerRelease>,
        request: &InstallRequest,
        on_path: Option<&ClientOnPath>,
        is_offline: bool,
    ) -> ExecError {
        let service = &self.service.name;
        let own = server.map(|server| server.name(self.service));
        let install = match request.versions.first() {
            Some(version) => format!("service-manager install-cli {service} --cli-version {version}"),
            None => format!("service-manager install-cli {service} --cli-version VERSION"),
        };
        ExecError::NoFittingClient {
            program: self.client.program.to_string(),
            server: own.unwrap_or_else(|| "these services".to_owned()),
            install,
            is_offline,
            on_path: on_path.map(ClientOnPath::name),
        }
    }
}

/// The first `client` on the PATH, what it says its version is, and whether that fits `server`.
pub(in crate::commands) fn client_on_path(
    client: &Client,
    server: Option<&ReleaseVersion>,
    context: &Context,
) -> Option<(PathBuf, Option<ReleaseVersion>, bool)> {
    let path = program::find_all(client.program.as_str().as_ref(), context.env.path.as_deref()?)
        .into_iter()
        .next()?;
    let Some(rule) = client.skew.filter(|_| server.is_some()) else { return Some((path, None, true)) };
    let version = version_of(&path);
    let fits = version.as_ref().is_some_and(|version| Fit::of(version, server, Some(rule)) != Fit::No);
    Some((path, version, fits))
}

/// The folders of the installed clients that fit `servers`: what a script calls is the right one too.
pub(super) fn fitting_folders(
    catalogue: &Catalogue,
    servers: &[ServerRelease],
    context: &Context,
) -> Result<Vec<PathBuf>, Error> {
    let cache = Cache::new(context.folders()?.clients());
    let mut folders = Vec::new();
    for search in all(catalogue) {
        let Some(server) = server_for(search.service, servers) else { continue };
        let request = search.request(&releases(search.service, Some(server)), VersionOrigin::Server)?;
        if let Some((_, installed)) = search.installed(&request, &cache)? {
            folders.push(installed.folder().to_owned());
        }
    }
    Ok(folders)
}

fn all(catalogue: &Catalogue) -> impl Iterator<Item = ClientSearch<'_>> {
    let services = catalogue.entries().iter().map(|entry| &entry.service);
    services.filter_map(|service| Some(ClientSearch { service, client: service.client.as_ref()? }))
}

fn handed_out(installed: &Installed) -> FoundProgram {
    installed.touch();
    FoundProgram { path: installed.path.clone(), is_own_client: false }
}

fn install(request: &InstallRequest, cache: &Cache, context: &Context) -> Result<FoundProgram, Error> {
    let progress = Progress::new(context.ui);
    let watcher = |event: &Event| progress.show(event);
    Ok(handed_out(&request.install(cache, &context.downloads(&watcher)?)?))
}

/// What the client at `path` says its version is.
fn version_of(path: &Path) -> Option<ReleaseVersion> {
    let mut command = program::command(path);
    command.args(["version", "--client", "--output=json"]).env(EXEC_CLIENT, path);
    let output = program::run(command, &path.to_string_lossy(), Deadline::after(timeouts::CLIENT_VERSION));
    let output = output.inspect_err(|error| log::debug!("{error}")).ok()?;
    reported_version(&output.stdout)
}
