//! Logging in to the guest and running commands there.

mod auth;
mod connection;
mod error;
mod host_key;
mod jump;
mod relay;
mod route;
mod transport;

pub use self::connection::Connection;
pub use self::error::Error;
pub use self::host_key::KnownHosts;
pub use self::route::{Hop, Route};
