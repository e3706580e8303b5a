//! What knows nothing of services, guests and machines.

pub mod causes;
pub mod deadline;
pub mod env;
pub mod files;
pub mod paths;
pub mod suggest;
pub mod text;
pub mod types;
pub mod version;
