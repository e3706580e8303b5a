//! Commands that use the services of a machine, or look at them: `env`, `exec`, `status`, `doctor`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::values::{EnvFormat, KubeContext, OutputFormat, parse_seconds, shell_parser};
use crate::base::types::Version;
use crate::export::shell::Shell;
use crate::services::ContextChoice;

#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "Example: eval \"$(service-manager env kubernetes)\"")]
pub(crate) struct EnvArgs {
    /// The service, for example `kubernetes`
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// The shell to write for; otherwise the one this was started from
    #[arg(long, value_name = "SHELL", ignore_case = true, value_parser = shell_parser())]
    pub(crate) shell: Option<Shell>,
    /// Print what removes the variables; asks no machine
    #[arg(long, conflicts_with_all = ["script_readable", "chosen"])]
    pub(crate) unset: bool,
    /// Print NAME=value lines and nothing else
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print text, JSON, or dotenv: NAME=value lines without quotes, for `$GITHUB_ENV` and `--env-file`
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with_all = ["script_readable", "shell"])]
    pub(crate) output: EnvFormat,
    #[command(flatten)]
    pub(crate) freshness: Freshness,
    #[command(flatten)]
    pub(crate) more: MoreVariables,
    #[command(flatten)]
    pub(crate) kube_context: KubeContext,
}

// Variables that are printed on request.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct MoreVariables {
    /// Print `DOCKER_API_VERSION` too, which Docker clients that are newer than the daemon once needed
    #[arg(long)]
    pub(crate) api_version: bool,
    /// Print `NO_PROXY` too, with the machine's address added, where this host has a proxy
    #[arg(long, conflicts_with = "unset")]
    pub(crate) no_proxy: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  service-manager exec kubernetes -- kubectl get pods
  service-manager exec docker kubernetes -- ./deploy.sh
  service-manager exec kubernetes               a shell with the variables

Exit codes: those of the command; before it runs 3 machine not reachable,
126 service not running or command not executable, 127 no such command")]
pub(crate) struct ExecArgs {
    /// The service, for example `kubernetes`; without one, all that run
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", last = true)]
    pub(crate) command: Vec<OsString>,
    /// The version of the client, if COMMAND is one; otherwise one that fits the server
    #[arg(long, value_name = "VERSION")]
    pub(crate) client_version: Option<Version>,
    /// Take the client on the PATH, or any installed one, whether it fits the server or not
    #[arg(long, conflicts_with = "client_version")]
    pub(crate) any_version: bool,
    /// Install no client
    #[arg(long)]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) kube_context: KubeContext,
}

// How much of what was found out before is enough; otherwise what is proved to be good still.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Freshness {
    /// Ask the machine, even if all is known and still good
    #[arg(long, conflicts_with = "unset")]
    pub(crate) refresh: bool,
    /// Print what was good last time, without looking whether it still is; for prompts
    #[arg(long, conflicts_with_all = ["refresh", "unset", "output", "api_version", "no_proxy", "chosen"])]
    pub(crate) cached: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager status --watch")]
pub(crate) struct StatusArgs {
    /// The service, for example `kubernetes`; without one, all
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Print lines on a terminal too, without colours
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "script_readable")]
    pub(crate) output: OutputFormat,
    /// Ask all machines that were used from here, at once
    #[arg(long, conflicts_with_all = ["machines", "ssh_config", "host"])]
    pub(crate) all: bool,
    /// Stay until `q` or Ctrl-C and show what changes; looks every SECONDS, or 2
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2")]
    #[arg(value_parser = parse_seconds)]
    pub(crate) watch: Option<Duration>,
    /// The context of the kubeconfig in the machine, where it has several; `-` for its current one
    #[arg(long = "context", value_name = "CONTEXT")]
    pub(crate) kube_context: Option<ContextChoice>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager doctor kubernetes

Exit codes: 0 `env` works, else the one that it would end with")]
pub(crate) struct DoctorArgs {
    /// The service, for example `kubernetes`; without one, all
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
    /// Print every step, for an issue: without secrets, names of users and addresses
    #[arg(long, conflicts_with = "output")]
    pub(crate) report: bool,
    /// Leave the names of users and the addresses in the report
    #[arg(long, requires = "report")]
    pub(crate) with_addresses: bool,
}

impl EnvArgs {
    /// The same for `services`, if none are named.
    pub(crate) fn or_services(self, services: Vec<String>) -> Self {
        if self.services.is_empty() { Self { services, ..self } } else { self }
    }
}
