//! Which machine, how it is reached, and its folder.

mod address;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod resolve;
mod ssh_config;
mod store;
pub mod vagrant;
mod vagrant_resolver;

pub use address::Address;
pub use resolve::{Selection, again, around, find, find_from_here, resolve};
pub use store::{Machine, Origin, forget, remembered};
