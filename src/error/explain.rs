//! What an error of a module means to the user.

use std::error::Error as StdError;

use super::invocation::Invocation;
use crate::base::causes::causes;
use crate::base::deadline::Timeout;
use crate::ui::Explanation;

/// How the program ends; part of its interface (docs/reference/commands.md, "Exit codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Wrong usage, or any failure that no other code stands for.
    Failure = 1,
    /// The machine is not running or cannot be reached.
    Unreachable = 3,
    /// The service is not running in the machine, or the command cannot be carried out.
    NotRunning = 126,
    /// There is no program of that name to run.
    NoProgram = 127,
}

/// What an error of a module means to the user. This folder has a file for each module, and
/// `command.rs` for the errors of the commands.
pub(crate) trait Explain: StdError + Sized {
    /// The exit code that stands for it.
    fn exit_code(&self) -> ExitCode;

    /// What to type next. Commands of this program are written as they are without options for the machine.
    fn hint(&self) -> Option<String>;

    /// The messages of what caused it, outermost first.
    fn causes(&self) -> Vec<String> {
        causes(self)
    }

    /// The command of `doctor` that finds out more about it than it says itself. None where `doctor` knows nothing
    /// else, or where it is wrong usage.
    fn doctor(&self) -> Option<String> {
        None
    }

    /// The whole of it in words, with what to type next in place of `typed`.
    fn explain(&self, typed: &Invocation) -> Explanation {
        explain(self, typed)
    }
}

/// What an error is in words, unless it knows better.
pub(super) fn explain(error: &impl Explain, typed: &Invocation) -> Explanation {
    let hint = error.hint().map(|hint| typed.complete(&hint));
    let more = error.doctor().map(|command| typed.complete(&format!("`{command}` says more")));
    Explanation::new(&error.to_string(), &error.causes(), hint.as_deref()).with_more(more.as_deref())
}

/// What `doctor` is called.
pub(super) const DOCTOR: &str = "service-manager doctor";

impl Explain for Timeout {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Unreachable
    }

    fn hint(&self) -> Option<String> {
        Some("`--timeout SECONDS` waits longer".into())
    }
}
