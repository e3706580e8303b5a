//! `install-cli` and `clients`: the programs that use services.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::values::{OutputFormat, shell_parser};
use crate::base::types::{Version, VersionAlias};
use crate::catalogue::platform::Platform;
use crate::clients::checksum::{Checksum, ChecksumAlgorithm};
use crate::export::shell::Shell;

#[derive(Debug, Args)]
// Whoever types `--version` here means the client's, and within `eval` nothing else would be seen.
#[command(disable_version_flag = true)]
#[command(after_help = "Example: eval \"$(service-manager install-cli kubernetes)\"")]
pub(crate) struct InstallCliArgs {
    /// The services, for example `openshift`, or the programs themselves: `oc`; otherwise the `clients` of the project's file
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// The version: `1.31.5`, or as the publisher has it `stable`, `latest`, `stable-1.31`
    #[arg(long, value_name = "VERSION")]
    pub(crate) cli_version: Option<WantedVersion>,
    /// Put a copy of the program into this folder, in place of any that is there
    #[arg(long, value_name = "FOLDER")]
    pub(crate) path: Option<PathBuf>,
    /// The system and processor that it is for; those of this host by default
    #[arg(long, value_name = "SYSTEM/PROCESSOR")]
    pub(crate) platform: Option<Platform>,
    /// Accept the download with this checksum, even if the publisher's differs
    #[arg(long, value_name = "sha256:HEX", value_parser = parse_sha256, hide_short_help = true)]
    pub(crate) checksum: Option<Checksum>,
    /// Take nothing whose checksum nobody publishes
    #[arg(long, conflicts_with = "checksum", hide_short_help = true)]
    pub(crate) require_checksum: bool,
    /// Download nothing: take what is in the cache
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print where the release may be, in the order in which that would be tried; asks nobody
    #[arg(long, requires = "cli_version", conflicts_with_all = ["path", "shell"])]
    pub(crate) dry_run: bool,
    /// The shell to write for; otherwise the one this was started from
    #[arg(long, value_name = "SHELL", ignore_case = true, value_parser = shell_parser())]
    pub(crate) shell: Option<Shell>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "shell")]
    pub(crate) output: OutputFormat,
}

/// A version as it may be named: `1.31.5`, or a word for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WantedVersion {
    Version(Version),
    Alias(VersionAlias),
}

impl FromStr for WantedVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (Version::parse(text), VersionAlias::parse(text)) {
            (Ok(version), _) => Ok(Self::Version(version)),
            (_, Ok(alias)) if !text.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()) => {
                Ok(Self::Alias(alias))
            }
            (Err(invalid), _) => Err(invalid.to_string()),
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients list")]
pub(crate) struct ClientsArgs {
    #[command(subcommand)]
    pub(crate) what: ClientsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientsCommand {
    List(ClientsListArgs),
    Verify(ClientsVerifyArgs),
    Prune(ClientsPruneArgs),
    Uninstall(ClientsUninstallArgs),
    Export(ClientsExportArgs),
}

/// Lists them, with their sizes and when they were last handed out, and what `start --install` has downloaded for machines
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients list -o json")]
pub(crate) struct ClientsListArgs {
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Tells whether they are still what was installed
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients verify")]
pub(crate) struct ClientsVerifyArgs {
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Removes those that were not handed out for long, and what downloads have left
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients prune --unused-for 30")]
pub(crate) struct ClientsPruneArgs {
    /// Keep what `install-cli` has handed out within so many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) unused_for: u64,
    /// Only print what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Removes one of them, or all versions of one
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients uninstall kubernetes 1.36.3")]
pub(crate) struct ClientsUninstallArgs {
    /// The service, for example `openshift`, or the program itself: `oc`; `k3s` for what `start --install` has downloaded
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// The version; otherwise all
    #[arg(value_name = "VERSION")]
    pub(crate) release: Option<Version>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Downloads what they are from into a folder that serves as a mirror, for hosts without a network
///
/// There `install-cli` uses it with `SERVICE_MANAGER_MIRROR=https://=file:///FOLDER`.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager clients export /mnt/mirror")]
pub(crate) struct ClientsExportArgs {
    /// The folder; created when it is missing
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// Takes the one kind of checksum that receipts have.
fn parse_sha256(text: &str) -> Result<Checksum, String> {
    let checksum = Checksum::parse(text).map_err(|invalid| invalid.to_string())?;
    let is_sha256 = checksum.algorithm() == ChecksumAlgorithm::Sha256;
    is_sha256.then_some(checksum).ok_or_else(|| "not a SHA-256 checksum (64 hexadecimal digits)".to_owned())
}
