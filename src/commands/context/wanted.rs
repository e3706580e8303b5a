//! Which machine a command is about.

use std::fmt;

use crate::base::types::MachineName;
use crate::machine::Machine;

/// A machine that a command is about.
#[derive(Clone)]
pub(super) enum Wanted {
    /// The one of this name.
    Named(MachineName),
    /// One that was used from here, and what it is called among them.
    Remembered(Box<Machine>, String),
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(formatter),
            Self::Remembered(_, label) => label.fmt(formatter),
        }
    }
}
