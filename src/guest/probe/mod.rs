//! The questions asked in the guest, and its answers.

mod ask;
mod error;
mod facts;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod os_release;
mod questions;
mod script;

pub use self::ask::ask;
pub use self::error::Error;
pub use self::facts::{Content, Facts, FileFact, TokenFact, UnitState};
pub use self::os_release::OsRelease;
pub use self::questions::Questions;
