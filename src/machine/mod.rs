//! Which machine, how it is reached, and its folder.

mod address;
mod resolve;
mod ssh_config;
mod state;

pub use address::Address;
pub use resolve::{Selection, find, resolve};
pub use state::{Machine, forget, remembered};
