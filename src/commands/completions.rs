//! `service-manager completions SHELL`

use clap::CommandFactory;

use super::context::print;
use crate::cli::{Cli, CompletionsArgs};
use crate::error::Error;

pub(super) fn run(args: &CompletionsArgs) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "service-manager", &mut script);
    // clap_complete names a program with a hyphen in two ways in bash, so that no subcommand would be found:
    // https://github.com/clap-rs/clap/issues/6421
    let script = String::from_utf8_lossy(&script).replace("service__subcmd__manager", "service__manager");
    print(&script)
}
