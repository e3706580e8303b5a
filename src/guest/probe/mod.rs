//! The questions asked in the guest, and its answers.

mod ask;
mod error;
mod facts;
mod file_content;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod health;
mod os_release;
mod questions;
mod registry_container;
mod script;

pub(crate) use self::ask::ask;
pub(crate) use self::error::Error;
pub(crate) use self::facts::{Facts, FileFact, TokenFact, UnitState};
pub(crate) use self::file_content::FileContent;
pub(crate) use self::health::{Health, ask_health};
pub(crate) use self::os_release::OsRelease;
pub(crate) use self::questions::Questions;
pub(crate) use self::registry_container::RegistryContainer;
