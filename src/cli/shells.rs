//! Commands for shells and readers: `hook`, `completions`, `man`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::export::shell::HookTarget;

#[derive(Debug, Args)]
#[command(after_help = "Example: eval \"$(service-manager hook bash)\"")]
pub(crate) struct HookArgs {
    /// The shell
    pub(crate) shell: HookTarget,
    /// The service, for example `kubernetes`; without one, all that were used
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
    /// Print what changes now: the command that the hook runs
    #[arg(long, hide_short_help = true)]
    pub(crate) now: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: eval \"$(service-manager completions bash)\"")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: CompletionShell,
    /// The shell's question: the number of the word, and the line
    #[arg(last = true, hide = true)]
    pub(crate) line: Vec<OsString>,
}

/// A shell that completes what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompletionShell {
    Bash,
    Elvish,
    Fish,
    #[value(alias = "pwsh")]
    Powershell,
    Zsh,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: service-manager man env | man -l -")]
pub(crate) struct ManArgs {
    /// The command, for example `env` or `clients list`; without one, the program
    pub(crate) command: Vec<String>,
    /// Write all pages into this folder instead, for a package: `service-manager.1` and one for each command
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) to: Option<PathBuf>,
}
