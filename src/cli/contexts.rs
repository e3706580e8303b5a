//! Commands that write into files of kubectl and docker.

use std::path::PathBuf;

use clap::Args;

use super::values::{KubeContext, OutputFormat};
use crate::base::types::DockerContextName;

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager kubeconfig kubernetes --merge --use")]
pub(crate) struct KubeconfigArgs {
    /// The service, for example `kubernetes`; without one, all that run
    pub(crate) service: Option<String>,
    /// Print the kubeconfig itself; it holds credentials
    #[arg(long, conflicts_with = "merge")]
    pub(crate) print: bool,
    /// Add it to your own kubeconfig: to FILE, else where `kubectl config` would
    ///
    /// Keeps all else that is in there, comments too, and the text from before beside it.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "not given, given alone, given with a file")]
    pub(crate) merge: Option<Option<PathBuf>>,
    /// Make it the current context as well
    #[arg(long = "use", requires = "merge")]
    pub(crate) switch: bool,
    #[command(flatten)]
    pub(crate) kube_context: KubeContext,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "print")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager docker-context --use")]
pub(crate) struct DockerContextArgs {
    /// The name of the context; otherwise `MACHINE-docker`
    #[arg(long, value_name = "NAME", conflicts_with = "remove")]
    pub(crate) name: Option<DockerContextName>,
    /// Make it the current context as well
    #[arg(long = "use", conflicts_with = "remove")]
    pub(crate) switch: bool,
    /// Remove it; if it is the current context, the one before is current again. Asks no machine
    #[arg(long)]
    pub(crate) remove: bool,
}
