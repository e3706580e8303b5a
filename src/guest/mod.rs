//! Everything that happens in the guest, over one SSH connection.

pub mod control;
pub mod probe;
pub mod ssh;
