//! `service-manager completions SHELL`: the set-up of a shell, and what it asks for when somebody presses Tab.

mod line;
mod values;

use super::context::{Context, print};
use crate::cli::{CompletionShell, CompletionsArgs};
use crate::error::Error;

pub(super) fn run(args: &CompletionsArgs, context: &Context) -> Result<(), Error> {
    match args.line.split_first() {
        None => print(setup(args.shell)),
        Some((index, words)) => print(&line::complete(args.shell, index, words, context)),
    }
}

/// What a shell evaluates when it starts up. It asks this program whenever somebody presses Tab, so it stays good when
/// the program is replaced by a newer one.
fn setup(shell: CompletionShell) -> &'static str {
    match shell {
        CompletionShell::Bash => include_str!("completions/setup.bash"),
        CompletionShell::Elvish => include_str!("completions/setup.elv"),
        CompletionShell::Fish => include_str!("completions/setup.fish"),
        CompletionShell::Powershell => include_str!("completions/setup.ps1"),
        CompletionShell::Zsh => include_str!("completions/setup.zsh"),
    }
}
