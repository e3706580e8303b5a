//! What has a shell, or direnv, look after the exports each time the user enters another folder.

use std::ffi::OsString;
use std::path::Path;

use super::Shell;
use super::dialect::{Use, unprintable};
use crate::base::types::VariableName;
use crate::export::error::Error;
use crate::export::variables::Export;

/// Who can be told to run something when the folder changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HookTarget {
    /// bash, before each prompt
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// tcsh; takes the place of another `cwdcmd`
    Tcsh,
    /// Elvish
    Elvish,
    /// `PowerShell`, before each prompt
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
    /// direnv: makes `use service_manager` known in `.envrc`
    Direnv,
}

impl HookTarget {
    /// The dialect that it evaluates.
    pub(crate) fn shell(self) -> Shell {
        match self {
            Self::Bash | Self::Zsh | Self::Direnv => Shell::Posix,
            Self::Fish => Shell::Fish,
            Self::Tcsh => Shell::Tcsh,
            Self::Elvish => Shell::Elvish,
            Self::PowerShell => Shell::PowerShell,
        }
    }

    /// The text for its start-up file, which runs `command` for each folder.
    ///
    /// Errors: a command line that it cannot carry.
    pub(crate) fn snippet(self, command: &[OsString]) -> Result<String, Error> {
        let template = match self {
            Self::Bash => include_str!("hook/bash.sh"),
            Self::Zsh => include_str!("hook/zsh.sh"),
            Self::Fish => include_str!("hook/fish.fish"),
            Self::Tcsh => include_str!("hook/tcsh.csh"),
            Self::Elvish => include_str!("hook/elvish.elv"),
            Self::PowerShell => include_str!("hook/powershell.ps1"),
            Self::Direnv => include_str!("hook/direnv.sh"),
        };
        let shell = self.shell();
        let evaluate = shell.hint(command, Use::Set)?;
        // As an alias it is one word.
        let quoted = shell.quote(&evaluate).ok_or_else(|| unprintable("the command line"))?;
        let command = shell.command_line(command)?;
        Ok(template.replace(EVALUATE, &evaluate).replace(QUOTED, &quoted).replace(COMMAND, &command))
    }
}

impl Shell {
    /// The text that removes what is `gone` and sets `exports`, and says nothing to people.
    ///
    /// Errors: a value that this shell cannot carry.
    pub fn change(self, exports: &[Export], gone: &[VariableName]) -> Result<String, Error> {
        let removals = gone.iter().map(|name| Ok(self.removal(name)));
        removals.chain(exports.iter().map(|export| self.assignment(export))).collect()
    }
}

/// The line for `.envrc` that has it read again when `path` has changed (`direnv-stdlib(1)`).
///
/// Errors: a path that bash cannot carry.
pub(crate) fn watch_file(path: &Path) -> Result<String, Error> {
    let path = path.to_str().and_then(|path| Shell::Posix.quote(path));
    Ok(format!("watch_file {}\n", path.ok_or_else(|| unprintable("a path"))?))
}

/// What the snippets have in place of the command, and of what evaluates its output, bare and as a word.
const COMMAND: &str = "@COMMAND@";
const EVALUATE: &str = "@EVALUATE@";
const QUOTED: &str = "@QUOTED@";

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_snippet_runs_the_command_as_it_was_typed() {
        for target in HookTarget::value_variants() {
            let words = ["/a b/sm", "hook", "it's"].map(OsString::from);
            let snippet = target.snippet(&words).unwrap();
            assert!(snippet.contains("/a b/sm") && snippet.contains(" hook "), "{snippet}");
            assert!([COMMAND, EVALUATE, QUOTED].iter().all(|left| !snippet.contains(left)), "{snippet}");
            assert!(target.snippet(&["sm".into(), "a\nb".into()]).is_err());
        }
    }
}
