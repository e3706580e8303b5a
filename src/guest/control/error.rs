//! Why it is not known how an action ended.

use std::io;

use crate::base::text::quote_stderr;
use crate::guest::frame::NoRandom;
use crate::guest::ssh;

/// What goes wrong between an action and its outcome.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum Error {
    #[error(transparent)]
    Ssh(#[from] ssh::Error),
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    /// A part of it may be done.
    #[error("something ended it in the guest before it was done{}", quote_stderr(.stderr))]
    BrokenOff { stderr: String },
    #[error("the guest's answer is malformed")]
    Malformed,
    #[error("what is put into the machine could not be read here")]
    Unread { source: io::Error },
}

impl Error {
    /// True when the time was over before the action had ended.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Ssh(error) if error.is_timeout())
    }
}
