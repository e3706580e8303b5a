//! A service in use: found in the guest, connected to, started and stopped, remembered.

pub mod cache;
pub(crate) mod connected;
pub mod detect;
pub mod inspection;
pub(crate) mod lifecycle;
pub(crate) mod prepared;
pub mod reachability;
