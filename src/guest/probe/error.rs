//! Why the guest's answers are not known.

use crate::base::text::quote_stderr;
use crate::guest::frame::NoRandom;
use crate::guest::ssh;

/// What goes wrong between a question and its answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum Error {
    #[error(transparent)]
    Ssh(#[from] ssh::Error),
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    #[error("the guest's answer is not complete{}", quote_stderr(.stderr))]
    Incomplete { stderr: String },
    #[error("something in the guest ended its answer before it was complete{}", quote_stderr(.stderr))]
    BrokenOff { stderr: String },
    #[error("the guest's answer is malformed")]
    Malformed,
}

impl Error {
    /// True when the time was over before an answer came.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Ssh(error) if error.is_timeout())
    }
}
