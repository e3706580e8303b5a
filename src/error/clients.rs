//! Clients: which one, where from, and whether it is the right one.

use std::io;

use super::explain::{ExitCode, Explain};
use super::files::is_full;
use crate::base::causes::causes;
use crate::base::platform::LIST_SEPARATOR;
use crate::clients::export::path_in_mirror;
use crate::clients::{ArchiveError, Attempt, DownloadError, Error};

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Files(error) => error.exit_code(),
            Self::Network { .. }
            | Self::Mirror { .. }
            | Self::DamagedClients { .. }
            | Self::ColonOnPath { .. } => ExitCode::Failure,
            _ => ExitCode::NotRunning,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Files(error) => return error.hint(),
            Self::NoClient { .. } => "`service-manager services list` shows those that have one".into(),
            Self::VersionNeeded { .. } | Self::NoVersion { .. } => "name it with `--cli-version VERSION`".into(),
            Self::UnknownAlias { known, .. } if known.is_empty() => "name a version: `--cli-version N.N.N`".into(),
            Self::UnknownAlias { known, .. } => format!("name a version, or one of: {}", known.join(", ")),
            Self::AliasUnclear { .. } | Self::AliasNotAsked { .. } => "name the version: `--cli-version N.N.N`".into(),
            Self::UnknownVersion { nearest: Some(nearest), .. } => format!("the nearest is `--cli-version {nearest}`"),
            Self::NotOffered { .. } => "`--platform` names another one, `--cli-version` another version".into(),
            Self::NotPublished { .. } => {
                "`--cli-version` names another version; if you have the file, put it where a mirror would have it: \
                `SERVICE_MANAGER_MIRROR=https://=file:///FOLDER`"
                    .into()
            }
            Self::NotCached { option, known, .. } => match known.first() {
                Some(version) => {
                    format!("`{option} {version}` is in it; to download another one, leave out `--offline` where there is a network")
                }
                None => NOT_CACHED.into(),
            },
            Self::Download { source, .. } | Self::Network { source } => return download_hint(source),
            Self::Mirror { .. } => {
                "write `FROM=TO`: an address with `https://`, and `https://…`, `file:///…` or, with \
                `allow_http: true` in the settings, `http://…`"
                    .into()
            }
            Self::ReleaseUnclear { .. } => "name the release: `--install-version vN.N.N`".into(),
            Self::ReleaseNotPublished { attempts, .. } => format!(
                "`--install-version` names another release; if you have the file, put it at `/FOLDER/{}`, those of its release \
                beside it, and `export SERVICE_MANAGER_MIRROR=https://=file:///FOLDER`",
                path_in_mirror(&attempts.first()?.url).display()
            ),
            Self::ReleaseNotCached { known: Some(tag), .. } => format!(
                "`--install-version {tag}` is in it; to download another one, leave out `--offline` where there is a network"
            ),
            Self::ReleaseNotCached { known: None, .. } => {
                "leave out `--offline` where there is a network, or a mirror that SERVICE_MANAGER_MIRROR names".into()
            }
            Self::ReleaseMismatch { .. } => {
                "do not use it; if a proxy or a mirror stands in between, ask its owner".into()
            }
            Self::ChecksumFile { .. } => "if a proxy or a mirror stands in between, ask its owner".into(),
            Self::ChecksumMissing { .. } => "`--checksum sha256:HEX` says what it should be".into(),
            Self::ChecksumMismatch { sha256, .. } => format!(
                "do not use it, unless you know why it was replaced; then `--checksum {sha256}` accepts it"
            ),
            Self::ChecksumRequired { .. } => {
                "`--checksum sha256:HEX` says what it should be; or leave out `--require-checksum`".into()
            }
            Self::Archive { source: ArchiveError::Disk(source), .. } => return disk_hint(source),
            Self::UnknownVersion { nearest: None, .. } | Self::Archive { .. } => "`--cli-version` names another version".into(),
            Self::DamagedClients { services, .. } => {
                format!("`service-manager clients uninstall {}`, then install it again", services.first()?)
            }
            Self::NoSuchClient { known, .. } if known.is_empty() => {
                "`service-manager clients list` shows what is installed".into()
            }
            Self::NoSuchClient { known, .. } => format!("installed: {}", known.join(", ")),
            Self::ColonOnPath { .. } => {
                format!("set SERVICE_MANAGER_HOME, or give `--path`, to a folder without `{LIST_SEPARATOR}`")
            }
        })
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::NotPublished { attempts, .. }
            | Self::ReleaseNotPublished { attempts, .. }
            | Self::ChecksumMissing { attempts, .. } => {
                attempts.iter().map(|Attempt { url, answer }| format!("{url}: {answer}")).collect()
            }
            _ => causes(self),
        }
    }
}

const NOT_CACHED: &str = "no version of it is: to download one, leave out `--offline` where there is a network, or a mirror \
    that SERVICE_MANAGER_MIRROR names";

fn download_hint(error: &DownloadError) -> Option<String> {
    Some(match error {
        DownloadError::Tls(_) | DownloadError::Authorities(_) => {
            "name the authority of your network in SSL_CERT_FILE, as a PEM file".into()
        }
        DownloadError::ProxyLogin => {
            "give them in HTTPS_PROXY: `http://USER:PASSWORD@HOST:PORT`, `@` in them written as `%40`".into()
        }
        DownloadError::ProxyAddress { variable } => format!(
            "`export {variable}=http://HOST:PORT`; `https`, `socks5`, `socks5h` and `socks4` are understood too"
        ),
        DownloadError::Proxy { .. } => {
            "check the address in HTTPS_PROXY or ALL_PROXY; NO_PROXY names what needs no proxy".into()
        }
        DownloadError::Disk(source) => return disk_hint(source),
        DownloadError::Network(_) | DownloadError::Slow(_) | DownloadError::Short { .. } => {
            "try again: it goes on from where it ended; behind a proxy set HTTPS_PROXY, without a network name a mirror \
            in SERVICE_MANAGER_MIRROR"
                .into()
        }
        DownloadError::NoAddress => return None,
        DownloadError::Status(..)
        | DownloadError::Redirect(_)
        | DownloadError::TooLarge { .. }
        | DownloadError::NotText => "SERVICE_MANAGER_MIRROR names another place to download from".into(),
    })
}

fn disk_hint(error: &io::Error) -> Option<String> {
    is_full(error).then(|| "free some space there, or set SERVICE_MANAGER_HOME to another disk".into())
}
