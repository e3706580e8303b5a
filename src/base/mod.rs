//! What knows nothing of services, guests and machines.

pub mod causes;
pub mod deadline;
pub mod env;
pub mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod parallel;
pub mod paths;
pub(crate) mod platform;
pub mod suggest;
pub mod text;
pub(crate) mod timeouts;
pub mod types;
pub mod version;
pub(crate) mod yaml;
