//! Docker contexts of the host: where docker, and what reads its files, finds an engine by a name.

mod config;
mod error;
mod metadata;
mod store;

pub(crate) use self::error::Error;
pub(crate) use self::store::{DockerContext, DockerContextStore, PutOutcome, Removal};
