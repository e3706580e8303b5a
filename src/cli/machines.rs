//! `machines`: those that were used from here.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::OutputFormat;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example: service-manager machines --output json")]
pub(crate) struct MachinesArgs {
    #[command(subcommand)]
    pub(crate) what: Option<MachinesCommand>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MachinesCommand {
    Use(UseArgs),
    List(MachinesListArgs),
    Forget(ForgetArgs),
    Trust(TrustArgs),
    Allow(AllowArgs),
    Deny(DenyArgs),
}

/// Chooses the machine that is meant where nothing else says which
///
/// The choice counts in every shell, outside of Vagrant projects. `SERVICE_MANAGER_MACHINE` does the same for one shell.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines use default")]
pub(crate) struct UseArgs {
    /// The machine's name, or `-` for none; when several have it, one as `service-manager machines` lists it
    pub(crate) name: String,
}

/// Lists them, as `machines` alone does
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines list -o json")]
pub(crate) struct MachinesListArgs {
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
}

/// Removes what is kept of a machine: credentials, host keys, how it is reached
///
/// Takes it out of your own kubeconfigs too, if it was merged there.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines forget default")]
pub(crate) struct ForgetArgs {
    /// The machine's name; when several have it, the one of the Vagrant project around, or one as
    /// `service-manager machines` lists it
    pub(crate) name: String,
    /// End without an error if it is not known
    #[arg(long)]
    pub(crate) ignore_unknown: bool,
}

/// Accepts the host key that a machine shows now, as after it was made anew
///
/// Everything else that is kept of it stays. Shows both keys and asks; compare the new one with what `ssh-keygen -lf
/// /etc/ssh/ssh_host_ed25519_key.pub` says in the machine.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines trust default")]
pub(crate) struct TrustArgs {
    /// The machine's name; when several have it, the one of the Vagrant project around, or one as
    /// `service-manager machines` lists it
    pub(crate) name: String,
    /// The key to accept, so that nobody has to be asked
    #[arg(long, value_name = "SHA256:DIGEST")]
    pub(crate) fingerprint: Option<String>,
}

/// Lets a project's Vagrantfile run and its `.service-manager.yaml` count
///
/// Vagrant runs the Vagrantfile, which is a program, when it has to say how a machine is reached. You need this for none that you have run `vagrant up` with: Vagrant's own index in your
/// home folder has those. It holds for the Vagrantfile, the plugins in `.vagrant` and the files that these name, as they
/// are now. If one of them changes and Vagrant is needed again, you are asked again. The project's own file,
/// `.service-manager.yaml`, counts from then on too, as it is now.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines allow ~/project")]
pub(crate) struct AllowArgs {
    /// The project's folder, or its `.service-manager.yaml` alone; otherwise the current folder
    pub(crate) folder: Option<PathBuf>,
}

/// Keeps a project's Vagrantfile from running and its `.service-manager.yaml` from counting
///
/// It holds even if you have run `vagrant up` with the project; `machines allow` takes it back. Known machines of the project can still be used.
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager machines deny ~/project")]
pub(crate) struct DenyArgs {
    /// The project's folder, or its `.service-manager.yaml` alone; otherwise the current folder
    pub(crate) folder: Option<PathBuf>,
}
