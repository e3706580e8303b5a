//! The options of every command.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::parse_seconds;
use crate::base::types::MachineName;
use crate::machine::Address;
use crate::settings::TunnelMode;
use crate::ui::ColorChoice;

#[derive(Debug, Args)]
#[command(next_help_heading = "Which machine")]
pub(crate) struct Global {
    /// The machine's name: in Vagrant, in an ssh config, or as `machines` lists it; several times for `env`, `exec` and `status`
    #[arg(short, long = "machine", global = true, value_name = "NAME")]
    pub(crate) machines: Vec<MachineName>,
    /// An ssh config that says how to reach it, as `vagrant ssh-config` prints one
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "host", hide_short_help = true)]
    pub(crate) ssh_config: Option<PathBuf>,
    /// Its address: `[USER@]HOST[:PORT]`
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) host: Option<Address>,
    /// The private key to log in with
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,

    /// Give up after so many seconds: 30, or to start and stop services 300; what is being installed goes on to its end
    #[arg(long, global = true, value_name = "SECONDS", value_parser = parse_seconds)]
    #[arg(help_heading = "How", hide_short_help = true)]
    pub(crate) timeout: Option<Duration>,
    /// Reach services through SSH: auto (where there is no other way), always or never
    #[arg(long, global = true, value_name = "WHEN", hide_possible_values = true)]
    #[arg(help_heading = "How", hide_short_help = true)]
    pub(crate) tunnel: Option<TunnelMode>,
    /// Use colours: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(help_heading = "How", hide_short_help = true)]
    pub(crate) color: ColorChoice,
    /// Print no notes and no hints
    #[arg(short, long, global = true, help_heading = "How", hide_short_help = true)]
    pub(crate) quiet: bool,
    /// Show each step
    #[arg(short, long, global = true, visible_alias = "debug", help_heading = "How", hide_short_help = true)]
    pub(crate) verbose: bool,
}
