//! The questions asked in the guest, and its answers.

mod ask;
mod error;
mod facts;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod questions;
mod script;

pub use self::ask::ask;
pub use self::error::Error;
pub use self::facts::{Content, Facts, FileFact, OsRelease, TokenFact, UnitState};
pub use self::questions::Questions;
