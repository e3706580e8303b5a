//! What knows nothing of services, guests and machines.

pub(crate) mod causes;
pub(crate) mod deadline;
pub(crate) mod distribution;
pub(crate) mod env;
pub(crate) mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod parallel;
pub(crate) mod paths;
pub(crate) mod platform;
pub(crate) mod program;
pub(crate) mod release;
pub(crate) mod suggest;
pub(crate) mod text;
pub(crate) mod timeouts;
pub(crate) mod types;
pub(crate) mod version;
pub(crate) mod yaml;
