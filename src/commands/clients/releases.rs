//! The files of releases that `start --install` has downloaded for machines, beside the clients.

use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::base::release::ReleaseTag;
use crate::base::types::{ServiceName, Version};
use crate::clients::release_files::CachedReleaseFile;

/// A file of a release in JSON.
#[derive(Serialize)]
pub(super) struct ReleaseJson<'a> {
    service: &'a ServiceName,
    release: &'a str,
    file: &'a str,
    path: &'a Path,
    /// In bytes; where it was removed, what it had.
    size: u64,
    /// Seconds since 1970.
    last_used: Option<u64>,
}

impl<'a> ReleaseJson<'a> {
    pub(super) fn new(file: &'a CachedReleaseFile) -> Self {
        let last_used = file.last_used().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            service: &file.service,
            release: file.tag.as_str(),
            file: file.name(),
            path: &file.path,
            size: file.size,
            last_used: last_used.map(|time| time.as_secs()),
        }
    }
}

/// True when it is named by its service or, as a program is, by itself: `k3s` also stands for `k3s-arm64`.
pub(super) fn is_meant(file: &CachedReleaseFile, name: &str, version: Option<&Version>) -> bool {
    let rest = file.name().strip_prefix(name).filter(|_| !name.is_empty());
    let is_named =
        file.service.as_str() == name || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    is_named && version.is_none_or(|version| has_version(&file.tag, version))
}

/// With its `v` or without.
fn has_version(tag: &ReleaseTag, version: &Version) -> bool {
    let without = |text: &str| text.strip_prefix('v').unwrap_or(text).to_owned();
    without(tag.as_str()) == without(version.as_str())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_file_is_named_by_its_service_or_itself() {
        let file = |name: &str| CachedReleaseFile {
            service: "kubernetes".parse().unwrap(),
            tag: "v1.31.5+k3s1".parse().unwrap(),
            path: PathBuf::from("/x/releases/kubernetes/v1.31.5+k3s1").join(name).join(name),
            size: 1,
            sha256: "0".repeat(64).parse().unwrap(),
            url: String::new(),
            checksums_url: String::new(),
        };
        let version = |text: &str| Version::parse(text).unwrap();
        for name in ["kubernetes", "k3s"] {
            assert!(is_meant(&file("k3s"), name, None), "{name}");
            assert!(is_meant(&file("k3s-arm64"), name, Some(&version("1.31.5+k3s1"))), "{name}");
            assert!(is_meant(&file("k3s-airgap-images-amd64.tar.zst"), name, Some(&version("v1.31.5+k3s1"))));
            assert!(!is_meant(&file("k3s"), name, Some(&version("1.31.5"))), "{name}");
        }
        for other in ["", "k3", "docker", "k3s-arm"] {
            assert!(!is_meant(&file("k3s"), other, None), "{other}");
        }
    }
}
