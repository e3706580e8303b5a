//! `service-manager clients list|verify|prune|uninstall|export`

mod releases;

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use self::releases::ReleaseJson;
use super::context::{Context, print, print_json};
use crate::base::text::sh_word;
use crate::base::types::ServiceName;
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;
use crate::cli::{ClientsCommand, ClientsPruneArgs, ClientsUninstallArgs, OutputFormat};
use crate::clients::cache::{Cache, Installed, Verified};
use crate::clients::export::{export, export_release};
use crate::clients::install::fetcher;
use crate::clients::release_files::{CachedReleaseFile, ReleaseCache, remove_unused};
use crate::clients::{self, Event};
use crate::error::Error;
use crate::ui::Progress;
use crate::ui::table::{Column, Table};

pub(super) fn run(command: &ClientsCommand, context: &Context) -> Result<(), Error> {
    let cache = Cache::new(context.folders()?.clients());
    let releases = ReleaseCache::new(context.folders()?.releases());
    match command {
        ClientsCommand::List(args) => list(&cache, &releases, args.output, context),
        ClientsCommand::Verify(args) => verify(&cache, args.output, context),
        ClientsCommand::Prune(args) => prune(&cache, &releases, args, context),
        ClientsCommand::Uninstall(args) => uninstall(&cache, &releases, args),
        ClientsCommand::Export(args) => {
            export_all(&cache, &releases, &context.env.expand(&args.folder), context)
        }
    }
}

/// A client in JSON.
#[derive(Serialize)]
struct ClientJson<'a> {
    service: &'a ServiceName,
    client: &'a str,
    release: &'a ReleaseVersion,
    platform: &'a Platform,
    path: &'a Path,
    size: u64,
    /// Seconds since 1970.
    last_used: Option<u64>,
    verified: Verified,
    /// Only `verify` looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    intact: Option<bool>,
}

#[derive(Serialize)]
struct ClientsJson<'a> {
    clients: Vec<ClientJson<'a>>,
    /// What `start --install` has downloaded for machines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    releases: Vec<ReleaseJson<'a>>,
}

impl<'a> ClientJson<'a> {
    fn new(installed: &'a Installed, intact: Option<bool>) -> Self {
        let last_used = installed.last_used().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let receipt = &installed.receipt;
        Self {
            service: &installed.service,
            client: receipt.program.as_str(),
            release: &receipt.version,
            platform: &receipt.platform,
            path: &installed.path,
            size: receipt.size,
            last_used: last_used.map(|time| time.as_secs()),
            verified: receipt.verified,
            intact,
        }
    }
}

fn list(
    cache: &Cache,
    releases: &ReleaseCache,
    format: OutputFormat,
    context: &Context,
) -> Result<(), Error> {
    let (all, files) = (cache.all()?, releases.all()?);
    if files.is_empty() {
        note_when_empty(&all, cache, context);
    }
    if format == OutputFormat::Json {
        return print_json_of(&all, &files);
    }
    let rows = all.iter().map(|installed| {
        let receipt = &installed.receipt;
        [
            installed.service.to_string(),
            receipt.version.to_string(),
            receipt.platform.to_string(),
            in_megabytes(receipt.size),
            ago(installed.unused_for()),
            installed.path.display().to_string(),
        ]
    });
    let rows = rows.chain(files.iter().map(release_row));
    print(&Table::new(COLUMNS, rows.collect()).render(context.ui))
}

/// The line of what was downloaded for machines, whatever platform this is.
fn release_row(file: &CachedReleaseFile) -> [String; 6] {
    [
        file.service.to_string(),
        file.tag.to_string(),
        "machines".to_owned(),
        in_megabytes(file.size),
        ago(file.unused_for()),
        file.path.display().to_string(),
    ]
}

const COLUMNS: [Column; 6] = [
    Column::new("SERVICE"),
    Column::new("VERSION").cut_to(12),
    Column::new("PLATFORM").optional(1),
    Column::new("SIZE").optional(4),
    Column::new("LAST USED").optional(2),
    Column::new("PROGRAM").path_cut_to(16).optional(3),
];

fn verify(cache: &Cache, format: OutputFormat, context: &Context) -> Result<(), Error> {
    let all = cache.all()?;
    note_when_empty(&all, cache, context);
    let verdicts: Vec<bool> = all.iter().map(Installed::is_intact).collect::<Result<_, _>>()?;
    let judged = || all.iter().zip(&verdicts);
    if format == OutputFormat::Json {
        print_listing(
            judged().map(|(installed, intact)| ClientJson::new(installed, Some(*intact))).collect(),
        )?;
    } else {
        let line = |(installed, intact): (&Installed, &bool)| {
            let verdict = if *intact { "intact" } else { "changed since it was installed" };
            format!("{}: {verdict}\n", installed.path.display())
        };
        print(&judged().map(line).collect::<String>())?;
    }
    let changed: Vec<&Installed> =
        judged().filter(|(_, intact)| !**intact).map(|(installed, _)| installed).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let name = |installed: &&Installed| format!("{} {}", installed.service, installed.receipt.version);
    let services = changed.iter().map(name).collect();
    Err(clients::Error::DamagedClients { count: changed.len(), all: all.len(), services }.into())
}

fn prune(
    cache: &Cache,
    releases: &ReleaseCache,
    args: &ClientsPruneArgs,
    context: &Context,
) -> Result<(), Error> {
    let limit = Duration::from_secs(args.unused_for.saturating_mul(DAY));
    let mut unused: Vec<Installed> =
        cache.all()?.into_iter().filter(|installed| installed.unused_for() >= limit).collect();
    let mut leftovers = cache.leftovers(LEFT_FOR)?;
    let mut files = releases.all()?;
    files.retain(|file| file.unused_for() >= limit);
    let mut parts = releases.leftovers(LEFT_FOR)?;
    if !args.dry_run {
        let is_unused = |installed: Option<&Installed>, unused| installed.is_some() && unused >= limit;
        unused = only_removed(unused, |installed| cache.remove(&installed.release(), is_unused))?;
        let is_left = |installed: Option<&Installed>, unused| installed.is_none() && unused >= LEFT_FOR;
        leftovers = only_removed(leftovers, |release| cache.remove(release, is_left))?;
        files = only_removed(files, |file| remove_unused(file.folder(), limit))?;
        parts = only_removed(parts, |folder| remove_unused(folder, LEFT_FOR))?;
    }
    let what = if args.dry_run { "would remove" } else { "removed" };
    tell_removed(&unused, &files, what, args.output)?;
    let saved: u64 = unused.iter().map(|installed| installed.receipt.size).sum();
    let of_releases = match files.len() {
        0 => String::new(),
        number => {
            let size = in_megabytes(files.iter().map(|file| file.size).sum());
            format!(", {} for machines of {size}", count(number, "download"))
        }
    };
    let left = match leftovers.len() + parts.len() {
        0 => String::new(),
        number => format!(", and the left-overs of {}", count(number, "download")),
    };
    let clients = format!("{} of {}", count(unused.len(), "client"), in_megabytes(saved));
    context.note(&format!("{what} {clients}{of_releases}{left}"));
    Ok(())
}

fn uninstall(cache: &Cache, releases: &ReleaseCache, args: &ClientsUninstallArgs) -> Result<(), Error> {
    let all = cache.all()?;
    let mut files = releases.all()?;
    files.retain(|file| releases::is_meant(file, &args.service, args.release.as_ref()));
    // By the service or, as for `install-cli`, by the program.
    let is_service = all.iter().any(|installed| installed.service.as_str() == args.service);
    let is_named = |installed: &Installed| {
        let name = if is_service { installed.service.as_str() } else { installed.receipt.program.as_str() };
        name == args.service
    };
    let is_meant = |installed: &Installed| {
        is_named(installed)
            && args
                .release
                .as_ref()
                .is_none_or(|version| ReleaseVersion::named_by(version).contains(&installed.receipt.version))
    };
    let (meant, others): (Vec<Installed>, Vec<Installed>) = all.into_iter().partition(is_meant);
    if meant.is_empty() && files.is_empty() {
        let same_service = others.iter().filter(|other| is_named(other));
        let known =
            same_service.map(|other| format!("{} {}", other.service, other.receipt.version)).collect();
        let version = args.release.as_ref().map(ToString::to_string);
        return Err(clients::Error::NoSuchClient { program: args.service.clone(), version, known }.into());
    }
    let removed = only_removed(meant, |installed| {
        cache.remove(&installed.release(), |installed, _| installed.is_some())
    })?;
    let files = only_removed(files, |file| remove_unused(file.folder(), Duration::ZERO))?;
    tell_removed(&removed, &files, "removed", args.output)
}

/// Those of `meant` that could be removed: others are left to the processes that are at them.
fn only_removed<T>(
    meant: Vec<T>,
    remove: impl Fn(&T) -> Result<bool, clients::Error>,
) -> Result<Vec<T>, clients::Error> {
    let mut removed = Vec::new();
    for one in meant {
        if remove(&one)? {
            removed.push(one);
        }
    }
    Ok(removed)
}

/// The sizes of files that are gone are not known any more.
fn tell_removed(
    removed: &[Installed],
    files: &[CachedReleaseFile],
    what: &str,
    format: OutputFormat,
) -> Result<(), Error> {
    if format == OutputFormat::Json {
        return print_json_of(removed, files);
    }
    let clients = removed.iter().map(|installed| &installed.path);
    let paths = clients.chain(files.iter().map(|file| &file.path));
    print(&paths.map(|path| format!("{what} {}\n", path.display())).collect::<String>())
}

fn export_all(cache: &Cache, releases: &ReleaseCache, folder: &Path, context: &Context) -> Result<(), Error> {
    let (all, releases) = (cache.all()?, releases.all()?);
    if all.is_empty() && releases.is_empty() {
        note_when_empty(&all, cache, context);
        return Ok(());
    }
    let progress = Progress::new(context.ui);
    let watcher = |event: &Event| progress.show(event);
    let fetcher = fetcher(&context.downloads(&watcher)?)?;
    for file in &releases {
        for path in export_release(file, &fetcher, folder)? {
            print(&format!("{}\n", path.display()))?;
        }
    }
    for installed in &all {
        for path in export(installed, cache, &fetcher, folder)? {
            print(&format!("{}\n", path.display()))?;
        }
    }
    for installed in all.iter().filter(|installed| installed.receipt.verified == Verified::Given) {
        context.note(&format!(
            "{} {} was accepted with `--checksum`, so there it needs that too: `--checksum {}`",
            installed.service, installed.receipt.version, installed.receipt.checksum
        ));
    }
    // Blanks and commas part mirrors, so they are written as an address has them.
    let address = reqwest::Url::from_file_path(folder).map(|address| address.as_str().replace(',', "%2C"));
    let address = address.unwrap_or_else(|()| format!("file://{}", folder.display()));
    let mirror = sh_word(&format!("https://={address}"));
    context.note(&format!("`SERVICE_MANAGER_MIRROR={mirror}` has `install-cli` use it"));
    Ok(())
}

fn note_when_empty(all: &[Installed], cache: &Cache, context: &Context) {
    if all.is_empty() {
        let folder = cache.root().display();
        context
            .note(&format!("no clients in {folder} yet; `service-manager install-cli SERVICE` installs one"));
    }
}

fn print_listing(clients: Vec<ClientJson>) -> Result<(), Error> {
    print_json(&ClientsJson { clients, releases: Vec::new() })
}

fn print_json_of(clients: &[Installed], files: &[CachedReleaseFile]) -> Result<(), Error> {
    let clients = clients.iter().map(|installed| ClientJson::new(installed, None)).collect();
    print_json(&ClientsJson { clients, releases: files.iter().map(ReleaseJson::new).collect() })
}

fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn in_megabytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

fn ago(time: Duration) -> String {
    match time.as_secs() / DAY {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}

const DAY: u64 = 24 * 60 * 60;
/// What was left that long ago nobody goes on with.
const LEFT_FOR: Duration = Duration::from_hours(24);
