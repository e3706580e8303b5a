//! What a shell is given to evaluate when a command has failed.

use std::ffi::OsString;

use clap::ValueEnum;

use super::ExitCode;
use crate::base::env::Env;
use crate::base::platform::ancestors;
use crate::cli::{Command, EnvFormat, OutputFormat, option_in};
use crate::export::shell::{self, HookTarget, Shell};

/// Output that a shell evaluates, so that a failure has to reach the shell too.
pub(crate) struct Script {
    shell: Option<Shell>,
}

impl Script {
    /// What `command` prints, if that is a script.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        match command {
            Command::Env(args) if !args.script_readable && args.output == EnvFormat::Text => {
                Some(Self { shell: args.shell })
            }
            Command::InstallCli(args) if !args.dry_run && args.output == OutputFormat::Text => {
                Some(Self { shell: args.shell })
            }
            // What a shell runs for each folder must not fail there.
            Command::Hook(args) if !args.now || args.shell == HookTarget::Direnv => {
                Some(Self { shell: Some(args.shell.shell()) })
            }
            _ => None,
        }
    }

    /// The same for arguments that could not be parsed.
    pub(crate) fn of_arguments(arguments: &[OsString]) -> Option<Self> {
        let has = |word: &str| arguments.iter().any(|argument| argument == word);
        let shell = option_in(arguments, "--shell").and_then(|name| Shell::from_str(name, true).ok());
        let has_none = has("--script-readable") || has("--dry-run") || has("--now");
        let is_script = (has("env") || has("install-cli") || has("hook"))
            && !has_none
            && ["--output", "-o"]
                .iter()
                .all(|name| matches!(option_in(arguments, name), None | Some("text")));
        is_script.then_some(Self { shell })
    }

    /// One statement that makes the evaluation fail with `code`.
    pub(crate) fn failure(&self, env: &Env, code: ExitCode) -> String {
        let shell = self.shell.unwrap_or_else(|| shell::detect(env, ancestors()).shell());
        shell.failure(code as u8)
    }
}
