//! What `install-cli` prints.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::named::InstallFailure;
use crate::base::types::{MemberPattern, ServiceName};
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;
use crate::cli::{InstallCliArgs, OutputFormat};
use crate::clients::cache::{Cache, Installed, Receipt, Release, Verified};
use crate::clients::checksum::Checksum;
use crate::clients::install::InstallRequest;
use crate::clients::release::{Candidate, ChecksumSource};
use crate::commands::clients::in_megabytes;
use crate::commands::context::{Context, print, print_json};
use crate::error::{Error, Explain};
use crate::export::{self, Block, PathEntry};
use crate::ui::Explanation;

/// A client that is there now.
pub(super) struct HandedOut {
    pub(super) installed: Installed,
    /// Where it is, or its copy.
    pub(super) path: PathBuf,
    /// False when it was there already.
    pub(super) is_new: bool,
}

/// Prints what is there now. Nothing if the only client that was named is not: its failure is all there is to tell.
pub(super) fn show(
    clients: &[HandedOut],
    failures: &[InstallFailure],
    several: bool,
    args: &InstallCliArgs,
    context: &Context,
) -> Result<(), Error> {
    let documents = clients.iter().map(HandedOut::document).collect::<Result<Vec<_>, _>>()?;
    match (args.output, documents.as_slice()) {
        (OutputFormat::Json, documents) if several => {
            let failed = failures.iter().flat_map(|failure| FailedJson::all(failure, context)).collect();
            print_json(&SeveralJson { clients: documents, failed })
        }
        (OutputFormat::Json, [only]) => print_json(only),
        (_, []) => Ok(()),
        (_, documents) => {
            let blocks = blocks(documents, context);
            print(&context.shell(args.shell).set(&blocks, false, &context.env.typed())?)?;
            // Through the plugin, scripts read both streams as they always have.
            if context.env.plugin.is_none() {
                for client in clients {
                    context.note(&summary(&client.installed.receipt));
                }
            }
            Ok(())
        }
    }
}

/// What a shell evaluates: a block for each client; a folder is put first in the PATH once.
fn blocks(clients: &[InstallJson], context: &Context) -> Vec<Block> {
    let path = context.env.path.as_ref();
    let before = path.into_iter().flat_map(|path| std::env::split_paths(path).map(PathBuf::into_os_string));
    // Those of the blocks before are there by then.
    let mut others: Vec<OsString> = before.collect();
    let mut blocks = Vec::new();
    for (place, client) in clients.iter().enumerate() {
        let InstallJson { service, client: program, path, folder, installed, .. } = client;
        let is_first = !clients[..place].iter().any(|before| before.folder == *folder);
        let entry = is_first.then(|| PathEntry { folder: (*folder).to_owned(), others: others.clone() });
        let now = if *installed { "now" } else { "already" };
        let comment = format!("Binary {now} available at {path}\nrun binary as:\n{program} <command>");
        let (exports, gone) = (Vec::new(), Vec::new());
        blocks.push(Block { service: service.to_string(), comment, exports, gone, path: entry });
        others.insert(0, (*folder).into());
    }
    blocks
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

/// What `--output json` prints of one client.
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

/// What it prints of several.
#[derive(Serialize)]
struct SeveralJson<'a> {
    clients: &'a [InstallJson<'a>],
    failed: Vec<FailedJson<'a>>,
}

#[derive(Serialize)]
struct FailedJson<'a> {
    service: &'a ServiceName,
    problem: Explanation,
}

impl<'a> FailedJson<'a> {
    fn all(failure: &'a InstallFailure, context: &Context) -> impl Iterator<Item = Self> {
        let problem = failure.error.explain(context.invocation());
        failure.services.iter().map(move |service| Self { service, problem: problem.clone() })
    }
}

impl HandedOut {
    /// Errors: its path cannot be printed.
    fn document(&self) -> Result<InstallJson<'_>, Error> {
        let Self { installed, path, is_new } = self;
        let unprintable = || export::Error::Unprintable { name: "the folder".to_owned() };
        let folder = path.parent().and_then(Path::to_str).ok_or_else(unprintable)?;
        let receipt = &installed.receipt;
        Ok(InstallJson {
            service: &installed.service,
            client: receipt.program.as_str(),
            path: path.to_str().ok_or_else(unprintable)?,
            folder,
            release: &receipt.version,
            platform: &receipt.platform,
            installed: *is_new,
            url: &receipt.url,
            checksum: &receipt.checksum,
            verified: receipt.verified,
        })
    }
}

/// Prints where the release may be.
pub(super) fn dry_run(request: &InstallRequest, cache: &Cache, format: OutputFormat) -> Result<(), Error> {
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
