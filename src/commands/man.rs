//! `service-manager man [COMMAND...]`

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::context::print;
use crate::base::suggest::nearest;
use crate::cli::{Cli, ManArgs};
use crate::error::Error;
use crate::ui::StdoutError;

pub(super) fn run(args: &ManArgs) -> Result<(), Error> {
    let mut program = Cli::command();
    // Names the commands as they are typed, and gives each the options of all.
    program.build();
    let command = args.command.iter().try_fold(&program, |command, name| subcommand(command, name))?;
    // What `-h` leaves out has its place here.
    let whole = command.clone().mut_args(|argument| argument.hide_short_help(false));
    let source = format!("service-manager {}", env!("CARGO_PKG_VERSION"));
    let mut page = Vec::new();
    Man::new(whole).source(source).render(&mut page).map_err(StdoutError)?;
    print(&String::from_utf8_lossy(&page))
}

fn subcommand<'c>(command: &'c Command, name: &str) -> Result<&'c Command, Error> {
    command.find_subcommand(name).ok_or_else(|| {
        let known: Vec<String> = command.get_subcommands().map(|known| known.get_name().to_owned()).collect();
        Error::UnknownCommand { name: name.to_owned(), nearest: nearest(name, &known), known }
    })
}
