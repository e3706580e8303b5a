//! The programs that use the services from the host: which release is meant, where it is, how it gets here.
//!
//! 1. [`release`] says where a version for a platform may be; nothing is asked.
//! 2. [`alias`] finds out which version `stable` is.
//! 3. [`cache`] knows what is here already, by the receipt that is written last.
//! 4. [`download`] fetches what is not, from the publisher or one of the [`mirror`]s; [`checksum`] compares it.
//! 5. [`archive`] takes the one program out.
//! 6. [`install`] does all this in its order.
//!
//! [`release_files`] are what is put into a guest: the same ways, another store.

pub(crate) mod alias;
pub(crate) mod archive;
pub(crate) mod cache;
pub(crate) mod checksum;
pub(crate) mod download;
mod download_error;
mod error;
mod events;
pub(crate) mod export;
pub(crate) mod fitting;
pub(crate) mod host_proxy;
mod http_headers;
pub(crate) mod install;
pub(crate) mod mirror;
mod pinned;
pub(crate) mod release;
pub(crate) mod release_files;
mod throughput;

pub(crate) use self::archive::ArchiveError;
pub(crate) use self::download_error::DownloadError;
pub(crate) use self::error::{Attempt, Error};
pub(crate) use self::events::{Event, Watcher};
