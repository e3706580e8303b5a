//! The questions asked in the guest, and its answers.

mod ask;
mod error;
mod facts;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod health;
mod os_release;
mod questions;
mod script;

pub(crate) use self::ask::ask;
pub(crate) use self::error::Error;
pub(crate) use self::facts::{Facts, FileContent, FileFact, TokenFact, UnitState};
pub(crate) use self::health::{Health, ask_health};
pub(crate) use self::os_release::OsRelease;
pub(crate) use self::questions::Questions;
