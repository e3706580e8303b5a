//! The programs that use the services from the host: which release is meant, where it is, how it gets here.
//!
//! 1. [`release`] says where a version for a platform may be; nothing is asked.
//! 2. [`alias`] finds out which version `stable` is.
//! 3. [`cache`] knows what is here already, by the receipt that is written last.
//! 4. [`download`] fetches what is not, from the publisher or one of the [`mirror`]s; [`checksum`] compares it.
//! 5. [`archive`] takes the one program out.
//! 6. [`install`] is the story of all this.

pub mod alias;
pub mod archive;
pub mod cache;
pub mod checksum;
pub mod download;
pub mod export;
pub mod install;
pub mod mirror;
mod pinned;
pub mod release;

use self::checksum::Checksum;
use self::download::Fault;
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;

/// What happens while a release is fetched, for whoever shows it.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another process installs the same release, and is waited for.
    Waits,
    /// A file begins to arrive, or goes on from where it broke off.
    Begins {
        /// Its address.
        url: &'a str,
        /// The bytes that are there.
        done: u64,
        /// Its length, if that is known.
        total: Option<u64>,
    },
    /// Some of it is there.
    Received {
        /// The bytes that are there.
        done: u64,
    },
    /// It is asked for again.
    TriesAgain {
        /// Its address.
        url: &'a str,
        /// Why.
        fault: &'a Fault,
    },
    /// All of it is there.
    Ends,
    /// Nobody says what its checksum is.
    Recorded {
        /// Its address.
        url: &'a str,
        /// The one that it has.
        checksum: &'a Checksum,
    },
    /// What is asked for was never published; this comes nearest.
    Instead {
        /// What was asked for.
        wanted: &'a ReleaseVersion,
        /// What is used.
        version: &'a ReleaseVersion,
    },
    /// It is made for another platform, whose programs run here too.
    StandsIn {
        /// That platform.
        platform: &'a Platform,
    },
}

/// Who is told what happens.
pub type Watcher<'w> = &'w dyn Fn(&Event);
