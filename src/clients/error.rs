//! Why a client could not be installed, found or removed.

use std::path::PathBuf;

use super::archive::ArchiveError;
use super::checksum::ChecksumFileError;
use super::download_error::DownloadError;
use crate::base::files;
use crate::base::platform::LIST_SEPARATOR;

/// An address that was asked for a release, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The publisher's address, also where a mirror was asked instead.
    pub url: String,
    /// What was found there, in words: `HTTP 404`.
    pub answer: String,
}

/// Why there is no client to use.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum Error {
    #[error(transparent)]
    Files(#[from] files::Error),

    // Which client and which version.
    #[error("no client is known for {service}")]
    NoClient { service: String },
    #[error("no version of `{program}` was given and no server could be asked")]
    VersionNeeded { program: String },
    #[error("{service} does not say which version it is")]
    NoVersion { service: String },
    #[error("`{alias}` is no version of `{program}`")]
    UnknownAlias { alias: String, program: String, known: Vec<String> },
    #[error("only its publisher can say which version of `{program}` is `{alias}`")]
    AliasNotAsked { program: String, alias: String },
    #[error("could not find out which version `{alias}` is at `{url}`: {what}")]
    AliasUnclear { alias: String, url: String, what: String },

    // Where it is.
    #[error("there is no `{program}` {version}")]
    UnknownVersion { program: String, version: String, nearest: Option<String> },
    #[error("`{program}` {version} is not made for {platform}")]
    NotOffered { program: String, version: String, platform: String },
    #[error("`{program}` {version} for {platform} is not published")]
    NotPublished { program: String, version: String, platform: String, attempts: Vec<Attempt> },
    #[error("`{program}` {version} is not in the cache")]
    NotCached { program: String, version: String, option: &'static str, known: Vec<String> },
    #[error("could not download `{url}`")]
    Download { url: String, source: DownloadError },
    #[error("nothing can be downloaded")]
    Network { source: DownloadError },
    #[error("the mirror `{text}` {what}")]
    Mirror { text: String, what: &'static str },

    // What is put into a machine.
    #[error("could not find out which release of {name} is the latest at `{url}`: {what}")]
    ReleaseUnclear { name: String, url: String, what: String },
    #[error("{name} {tag} is not published")]
    ReleaseNotPublished { name: String, tag: String, attempts: Vec<Attempt> },
    #[error("{}{name}{} is not in the cache", .file.as_ref().map(|file| format!("`{file}` of ")).unwrap_or_default(), .tag.as_ref().map(|tag| format!(" {tag}")).unwrap_or_default())]
    ReleaseNotCached { name: String, tag: Option<String>, file: Option<String>, known: Option<String> },
    #[error("the publisher of `{url}` says {expected}, it has {got}")]
    ReleaseMismatch { url: String, expected: String, got: String },

    // What it is.
    #[error("`{url}` says no checksum")]
    ChecksumFile { url: String, source: ChecksumFileError },
    #[error("the publisher has no checksum for `{url}`")]
    ChecksumMissing { url: String, attempts: Vec<Attempt> },
    #[error("`{url}` is not what it should be: {authority} says {}, it has {got}", .expected.join(" or "))]
    ChecksumMismatch { url: String, expected: Vec<String>, authority: String, got: String, sha256: String },
    #[error("nobody publishes a checksum for `{url}`")]
    ChecksumRequired { url: String },
    #[error("the archive `{url}` cannot be used")]
    Archive { url: String, source: ArchiveError },

    // What is installed.
    #[error("{count} of {all} clients {} not what was installed", if *.count == 1 { "is" } else { "are" })]
    DamagedClients { count: usize, all: usize, services: Vec<String> },
    #[error("`{program}`{} is not installed", .version.as_ref().map(|version| format!(" {version}")).unwrap_or_default())]
    NoSuchClient { program: String, version: Option<String>, known: Vec<String> },
    #[error("a PATH has `{}` between its folders, and there is one in `{}`", LIST_SEPARATOR, .path.display())]
    ColonOnPath { path: PathBuf },
}
