//! Which machine, how it is reached, and its folder.

mod address;
mod resolve;
mod ssh_config;
mod state;
mod vagrant;

pub use address::Address;
pub use resolve::{Selection, find, resolve};
pub use state::{Machine, Origin, forget, remembered};
