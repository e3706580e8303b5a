//! One file per group. What a row needs is set up when it is first run, since rows can be chosen.

pub(crate) mod clients;
pub(crate) mod cold;
pub(crate) mod previous;
pub(crate) mod scale;
pub(crate) mod start;
pub(crate) mod tunnel;
pub(crate) mod vagrant;
pub(crate) mod warm;
