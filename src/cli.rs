//! The command line. The doc comments here are the help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell as CompletionShell;

use crate::grammar::MachineName;
use crate::machine::Address;
use crate::shell::Shell;
use crate::ui::ColorChoice;

/// Makes the services inside a development VM usable from here
#[derive(Debug, Parser)]
#[command(name = "service-manager", version, propagate_version = true, subcommand_required = true)]
#[command(after_help = "Examples:
  eval \"$(service-manager env kubernetes)\"     kubectl now talks to the cluster in the machine
  service-manager status                       what runs in there
  service-manager --host dev@192.0.2.7 status  a machine that needs no Vagrant

Exit codes: 0 done, 1 failure, 3 machine not reachable, 126 service not running")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Env(EnvArgs),
    Status(StatusArgs),
    Kubeconfig(KubeconfigArgs),
    Box(BoxArgs),
    Machines(MachinesArgs),
    Completions(CompletionsArgs),
}

/// Prints the variables that the host's clients need
///
/// Connects to the service with what it prints before it prints it. Without a SERVICE: those of all running
/// services.
#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// The service, for example `kubernetes`
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// The shell to write for; otherwise the one this was started from
    #[arg(long, value_name = "SHELL")]
    pub(crate) shell: Option<Shell>,
    /// Print what removes the variables; asks no machine
    #[arg(long, conflicts_with = "script_readable")]
    pub(crate) unset: bool,
    /// Print NAME=value lines and nothing else
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print `DOCKER_API_VERSION` too, which Docker clients that are newer than the daemon once needed
    #[arg(long)]
    pub(crate) api_version: bool,
}

/// Shows the state of the services
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The service, for example `kubernetes`; without one, all
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
}

/// Prints where the kubeconfig is, or puts it into your own
///
/// Connects to the service with what is in it before anything is printed or changed.
#[derive(Debug, Args)]
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
}

/// Tells about the machine itself
#[derive(Debug, Args)]
pub(crate) struct BoxArgs {
    #[command(subcommand)]
    pub(crate) what: BoxCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BoxCommand {
    Ip(BoxIpArgs),
    Version(BoxVersionArgs),
}

/// Prints an address of the machine that the host can reach
#[derive(Debug, Args)]
pub(crate) struct BoxIpArgs {
    /// Print a NAME=value line
    #[arg(long)]
    pub(crate) script_readable: bool,
}

/// Prints the product that runs in the machine, and its version
#[derive(Debug, Args)]
pub(crate) struct BoxVersionArgs {
    /// Print NAME=value lines
    #[arg(long)]
    pub(crate) script_readable: bool,
}

/// Lists the machines that were used from here
#[derive(Debug, Args)]
pub(crate) struct MachinesArgs {
    #[command(subcommand)]
    pub(crate) what: Option<MachinesCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MachinesCommand {
    Forget(ForgetArgs),
}

/// Removes what is kept of a machine: credentials, host keys, how it is reached
///
/// Takes it out of your own kubeconfigs too, if it was merged there.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// The machine's name; when several have it, one as `service-manager machines` lists it
    pub(crate) name: String,
}

/// Prints the completions for a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: CompletionShell,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Which machine")]
pub(crate) struct Global {
    /// The machine's name: an alias of the ssh config, or a machine that was used before
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) machine: Option<MachineName>,
    /// An ssh config that says how to reach it, as `vagrant ssh-config` prints one
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "host")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// Its address: `[USER@]HOST[:PORT]`
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) host: Option<Address>,
    /// The private key to log in with
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// Give up after so many seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value = "30", value_parser = parse_timeout)]
    #[arg(help_heading = "How")]
    pub(crate) timeout: Duration,
    /// Use colours: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(help_heading = "How")]
    pub(crate) color: ColorChoice,
    /// Print no notes and no hints
    #[arg(short, long, global = true, help_heading = "How")]
    pub(crate) quiet: bool,
    /// Show each step
    #[arg(short, long, global = true, visible_alias = "debug", help_heading = "How")]
    pub(crate) verbose: bool,
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    let in_range = (0.1..=3600.0).contains(&seconds);
    in_range.then(|| Duration::from_secs_f64(seconds)).ok_or_else(|| "0.1 to 3600 seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_timeout_is_a_sensible_number() {
        assert_eq!(parse_timeout("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["", "x", "0", "-1", "NaN", "inf", "1e9"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
