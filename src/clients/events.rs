//! What happens while a release is fetched, for the module that shows it.

use super::checksum::Checksum;
use super::download_error::DownloadError;
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;

/// A step of an installation.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// Another process installs the same release; this one waits for it.
    Waiting,
    /// A file begins to arrive, or goes on from where it broke off.
    Started {
        /// Its address.
        url: &'a str,
        /// The bytes that are there.
        done: u64,
        /// Its length in bytes, if the server says it.
        total: Option<u64>,
    },
    /// Some of the file is there.
    Received {
        /// The bytes that are there.
        done: u64,
    },
    /// The download failed and is tried again.
    Retrying {
        /// Its address.
        url: &'a str,
        /// Why it failed.
        error: &'a DownloadError,
    },
    /// The whole file is there.
    Finished,
    /// Nobody publishes a checksum of the file, so that of this download is recorded.
    ChecksumRecorded {
        /// The file's address.
        url: &'a str,
        /// Its checksum.
        checksum: &'a Checksum,
    },
    /// The version was never published; another one takes its place.
    VersionSubstituted {
        /// What was asked for.
        wanted: &'a ReleaseVersion,
        /// What is used.
        version: &'a ReleaseVersion,
    },
    /// The release is made for another platform, whose programs run here too.
    PlatformSubstituted {
        /// That platform.
        platform: &'a Platform,
    },
}

/// A function that is called with each event.
pub(crate) type Watcher<'w> = &'w dyn Fn(&Event);
