//! Logging in to the guest and running commands there.

mod auth;
mod connection;
mod error;
mod host_key;
mod jump;
mod relay;
mod route;
mod transport;

pub(crate) use self::connection::{Connection, has_host_key};
pub(crate) use self::error::Error;
pub(crate) use self::host_key::{HostKey, KnownHosts};
pub(crate) use self::route::{Hop, Route};
pub(in crate::guest) use self::transport::{Transport, WOULD_BLOCK};
