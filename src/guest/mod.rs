//! Everything that happens in the guest, over one SSH connection.

pub mod control;
mod frame;
pub mod probe;
pub mod ssh;

pub use self::frame::NoRandom;
