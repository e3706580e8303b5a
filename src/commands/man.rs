//! `service-manager man [COMMAND...]`

use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use super::context::print;
use crate::base::files::put_text;
use crate::base::suggest::nearest;
use crate::cli::{Cli, ManArgs};
use crate::error::Error;
use crate::ui::StdoutError;

pub(super) fn run(args: &ManArgs) -> Result<(), Error> {
    let program = Cli::whole();
    match &args.to {
        Some(folder) => put_pages(&program, folder),
        None => print(&page(named(&program, &args.command)?)?.1),
    }
}

/// Writes the page of `command` and of all below it, each in a file of its own.
fn put_pages(command: &Command, folder: &Path) -> Result<(), Error> {
    let (name, text) = page(command)?;
    put_text(&folder.join(name), &text).map_err(Error::NotPlaced)?;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set())
    {
        put_pages(below, folder)?;
    }
    Ok(())
}

/// The name of the file that `man` looks for, and the page.
fn page(command: &Command) -> Result<(String, String), Error> {
    // What `-h` leaves out has its place here.
    let whole = command.clone().mut_args(|argument| argument.hide_short_help(false));
    let man = Man::new(whole).source(format!("service-manager {}", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    man.render(&mut text).map_err(StdoutError)?;
    Ok((man.get_filename(), String::from_utf8_lossy(&text).into_owned()))
}

fn named<'c>(program: &'c Command, names: &[String]) -> Result<&'c Command, Error> {
    names.iter().try_fold(program, |command, name| subcommand(command, name))
}

fn subcommand<'c>(command: &'c Command, name: &str) -> Result<&'c Command, Error> {
    command.find_subcommand(name).ok_or_else(|| {
        let known: Vec<String> = command.get_subcommands().map(|known| known.get_name().to_owned()).collect();
        Error::UnknownCommand { name: name.to_owned(), nearest: nearest(name, &known), known }
    })
}
