//! Logging in to the guest and running commands there.

mod auth;
mod client_config;
mod connection;
mod error;
mod greeting;
mod host_key;
mod jump;
mod key_report;
mod offer;
mod proxy;
mod relay;
mod route;
mod transport;
mod user_known_hosts;
mod watch;

pub(crate) use self::client_config::{TARGET as CONFIG_TARGET, Unwritable, client_config};
pub(in crate::guest) use self::connection::LOOPBACK;
pub(crate) use self::connection::{Connection, Output, PortTrial, has_host_key};
pub(crate) use self::error::Error;
pub(crate) use self::greeting::{Greeting, greeting};
pub(crate) use self::host_key::{HostKey, HostKeyChange, KnownHosts};
pub(crate) use self::key_report::{KeyCondition, KeyReport, key_reports};
pub(crate) use self::route::{AgentChoice, Hop, HostKeyPolicy, Route, SSH_PORT};
pub(in crate::guest) use self::transport::{Transport, WOULD_BLOCK};
