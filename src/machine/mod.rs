//! Which machine, how it is reached, and its folder.

mod address;
mod consent;
mod dialog;
mod error;
mod find;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod identity;
mod resolve;
mod route_reader;
mod selection;
mod ssh_config;
mod store;
mod vagrant;
mod vagrant_resolver;

pub use address::Address;
pub use consent::Consents;
pub use dialog::Dialog;
pub use error::{Error, ProjectFolder, VagrantMessage};
pub use find::{find, find_preferring_project};
pub use resolve::{resolve, resolve_from_cwd, resolve_remembered};
pub use selection::Selection;
pub use store::{Machine, Origin, Remembered, UnreadableRecord, forget, remembered};
pub use vagrant::Project;
pub use vagrant_resolver::VagrantResolver;
