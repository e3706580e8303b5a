//! Commands about the machine itself: its address, a terminal, the journal, consoles, ports.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::OutputFormat;
use crate::guest::journal::JournalTime;
use crate::guest::tunnel::PortMapping;

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager box ip")]
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
#[command(after_help = "Example: service-manager box ip")]
pub(crate) struct BoxIpArgs {
    /// Print all addresses, those that the host can reach first
    #[arg(long)]
    pub(crate) all: bool,
    /// Print a NAME=value line
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print text, or JSON for programs; that has all addresses
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "script_readable")]
    pub(crate) output: OutputFormat,
}

/// Prints the product that runs in the machine, and its version
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager box version")]
pub(crate) struct BoxVersionArgs {
    /// Print NAME=value lines
    #[arg(long)]
    pub(crate) script_readable: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "script_readable")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager ssh -- uptime")]
pub(crate) struct SshArgs {
    /// The command, after `--`; `ssh` joins its words, and the user's shell in the machine reads them
    #[arg(value_name = "COMMAND", last = true)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager logs kubernetes --since -1h")]
pub(crate) struct LogsArgs {
    /// The service, for example `kubernetes`
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Go on with what they write, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Begin at this time: `10:30`, `yesterday`, `-1h`, `2 hours ago`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<JournalTime>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager console openshift")]
pub(crate) struct ConsoleArgs {
    /// The service, for example `openshift`; otherwise the first that has a console
    #[arg(value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Print its address instead
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager forward 8080:80")]
pub(crate) struct ForwardArgs {
    /// The port here, and the one in the machine if it is another one
    #[arg(value_name = "LOCAL[:REMOTE]", required = true)]
    pub(crate) ports: Vec<PortMapping>,
    /// Take back what was forwarded from these ports
    #[arg(long)]
    pub(crate) stop: bool,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    #[arg(conflicts_with = "stop")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example: service-manager tunnel")]
pub(crate) struct TunnelArgs {
    #[command(subcommand)]
    pub(crate) what: Option<TunnelCommand>,
    /// Print text, or JSON for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub(crate) output: OutputFormat,
    /// Open the ports that containers and clusters publish in the machine at 127.0.0.1 here, too, for as long as they are there
    #[arg(long, conflicts_with = "output")]
    pub(crate) publish: bool,
    /// Hold the tunnel of the machine with this key
    #[arg(long, value_name = "KEY", hide = true)]
    pub(crate) serve: Option<String>,
    /// Say there, instead of by the standard output, that it is ready
    #[arg(long, value_name = "FILE", requires = "serve", hide = true)]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TunnelCommand {
    Stop(TunnelStopArgs),
    /// Prints what the tunnel of a machine has written down
    Log,
}

/// Ends the tunnel of a machine; `env` makes a new one
#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager tunnel stop --all")]
pub(crate) struct TunnelStopArgs {
    /// Those of all machines
    #[arg(long, conflicts_with = "machines")]
    pub(crate) all: bool,
    /// Keep the ports that you forward and publish: the next `env` brings them back
    #[arg(long)]
    pub(crate) keep_ports: bool,
    /// End without an error if the machine is not known
    #[arg(long)]
    pub(crate) ignore_unknown: bool,
}
