//! Everything that happens in the guest, over one SSH connection.

pub(crate) mod control;
mod frame;
pub(crate) mod journal;
pub(crate) mod probe;
pub(crate) mod ssh;
pub(crate) mod tunnel;

pub(crate) use self::frame::NoRandom;
