//! Commands about the image registry in the machine.

use clap::{Args, Subcommand};

use crate::base::types::DnsName;

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager registry trust")]
pub(crate) struct RegistryArgs {
    #[command(subcommand)]
    pub(crate) what: RegistryCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    Trust(RegistryTrustArgs),
    Login(RegistryLoginArgs),
}

/// Makes skopeo, podman and buildah trust the registry, and prints what root types for docker
///
/// Writes one file below `~/.config/containers`, for you alone. Typed again, it brings a new address or certificate.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager registry trust")]
pub(crate) struct RegistryTrustArgs {
    /// Remove what it has written. Asks no machine
    #[arg(long)]
    pub(crate) remove: bool,
}

/// Logs in to the registry
///
/// skopeo, podman and buildah read the login from `REGISTRY_AUTH_FILE`, which `env registry` exports from now on; it holds your own
/// logins too. A cluster gives a token for a day.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager registry login --user dev --password-stdin <file")]
pub(crate) struct RegistryLoginArgs {
    /// The user, where the registry has users of its own
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub(crate) user: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "user")]
    pub(crate) password_stdin: bool,
    /// The project of the cluster to push to
    #[arg(long, value_name = "PROJECT", default_value = "default")]
    pub(crate) namespace: DnsName,
    /// Log docker in as well, in your own files, as `docker login` does
    #[arg(long)]
    pub(crate) docker: bool,
}
