//! What the host's clients are given: variables, files, and the text that a shell evaluates.

mod client_files;
mod error;
mod no_proxy;
mod service_access;
pub(crate) mod shell;
mod variables;

pub(crate) use self::client_files::ClientFiles;
pub use self::error::Error;
pub(crate) use self::no_proxy::{proxy_variable, without_proxy};
pub(crate) use self::service_access::ServiceAccess;
pub use self::variables::{Block, Export, PathEntry};
pub(crate) use self::variables::{Values, join};
