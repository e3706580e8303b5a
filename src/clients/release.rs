//! Client, version and platform → where the release may be. Pure: nothing is asked.

use serde::Serialize;

use super::checksum::Checksum;
use super::pinned::pinned;
use crate::base::types::{Commit, MemberPattern, ValueName};
use crate::base::version::ReleaseVersion;
use crate::catalogue::platform::Platform;
use crate::catalogue::{Client, ReleaseSource};

/// A file that may be the release: of several the first that exists is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The version that it holds.
    pub version: ReleaseVersion,
    /// What it is for: the platform that was asked for, or one whose programs run there too.
    pub platform: Platform,
    /// Its address.
    pub url: String,
    /// What kind of file it is.
    pub format: ReleaseFormat,
    /// How its checksum is known.
    pub checksum: ChecksumSource,
    /// The HTTP statuses, besides 404 and 410, that say that it was not published.
    pub missing: Vec<u16>,
}

/// What kind of file a release is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReleaseFormat {
    /// The program itself.
    Raw,
    /// An archive.
    Archive {
        /// How it is packed.
        kind: ArchiveKind,
        /// The program's name in it.
        member: MemberPattern,
    },
}

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArchiveKind {
    /// tar, compressed with gzip.
    TarGz,
    /// zip.
    Zip,
}

/// How the checksum of a release is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum ChecksumSource {
    /// It is one of those that were seen there before.
    Pinned {
        /// These.
        values: Vec<Checksum>,
    },
    /// The publisher says it.
    Published {
        /// At the first of these addresses that exists.
        urls: Vec<String>,
    },
    /// Nobody publishes it: it is recorded on the first download, and has to stay the same.
    Recorded,
}

impl Candidate {
    /// The last part of its address.
    pub(crate) fn file_name(&self) -> &str {
        file_name(&self.url)
    }
}

impl ReleaseFormat {
    /// The name that the program has in the archive; none when it is no archive.
    pub(crate) fn member(&self) -> Option<&MemberPattern> {
        match self {
            Self::Raw => None,
            Self::Archive { member, .. } => Some(member),
        }
    }

    fn of(url: &str, member: MemberPattern) -> Self {
        let kinds =
            [(".tgz", ArchiveKind::TarGz), (".tar.gz", ArchiveKind::TarGz), (".zip", ArchiveKind::Zip)];
        match kinds.into_iter().find(|(ending, _)| url.ends_with(ending)) {
            Some((_, kind)) => Self::Archive { kind, member },
            None => Self::Raw,
        }
    }
}

/// Where one of `versions` of `client` for `platform` may be, the likeliest first: what is made for the platform before
/// what is translated there, a version before the next, sources in their order.
pub(crate) fn candidates(
    client: &Client,
    versions: &[ReleaseVersion],
    platform: &Platform,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for platform in std::iter::once(platform.clone()).chain(platform.stand_in()) {
        for version in versions {
            for source in client.sources.iter().filter(|source| source.may_have(version)) {
                candidates.extend(source.candidates(client, version, &platform));
            }
        }
    }
    candidates
}

/// The names that the releases of `versions` may have: where publishers add something, with that first.
pub(crate) fn published_names(client: &Client, versions: &[ReleaseVersion]) -> Vec<ReleaseVersion> {
    let mut names: Vec<ReleaseVersion> = Vec::new();
    for version in versions {
        let rules = client.suffixes.iter();
        let rules = rules.filter(|rule| version.is_within(Some(&rule.since), Some(&rule.until)));
        let suffixed = rules.filter_map(|rule| version.with_suffix(&rule.suffix));
        for name in suffixed.chain([version.clone()]) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// What may stand in for `wanted`, which was never published, the nearest first.
pub(crate) fn substitutes<'a>(client: &'a Client, wanted: &ReleaseVersion) -> &'a [ReleaseVersion] {
    let mut rules = client.substitutes.iter();
    let rule = rules.find(|rule| wanted.is_within(Some(&rule.since), Some(&rule.until)));
    rule.map_or(&[], |rule| &rule.versions)
}

/// True when one of `versions` may have been published, for whichever platform.
pub(crate) fn is_known(client: &Client, versions: &[ReleaseVersion]) -> bool {
    let mut platforms = client.sources.iter().flat_map(|source| source.platforms.keys());
    platforms.any(|platform| !candidates(client, versions, platform).is_empty())
}

impl ReleaseSource {
    fn may_have(&self, version: &ReleaseVersion) -> bool {
        version.is_within(self.since.as_ref(), self.until.as_ref())
    }

    fn candidates(&self, client: &Client, version: &ReleaseVersion, platform: &Platform) -> Vec<Candidate> {
        let commits = self.commits.get(version).into_iter().flatten().map(Some);
        // Without any there is one address, or none when it has a `{commit}`.
        let commits: Vec<Option<&Commit>> =
            if self.commits.is_empty() { vec![None] } else { commits.collect() };
        let urls = commits.into_iter().filter_map(|commit| self.url(version, platform, commit));
        let candidate = |url: String| {
            let name = self.member.as_ref().map_or(client.program.as_str(), MemberPattern::as_str);
            let member = MemberPattern::parse(&platform.program(name)).ok()?;
            let checksum = self.checksum_source(&url);
            let format = ReleaseFormat::of(&url, member);
            let (version, platform, missing) = (version.clone(), platform.clone(), self.missing.clone());
            Some(Candidate { version, platform, url, format, checksum, missing })
        };
        urls.filter_map(candidate).collect()
    }

    fn url(&self, version: &ReleaseVersion, platform: &Platform, commit: Option<&Commit>) -> Option<String> {
        let simple = |name: &ValueName| match name.as_str() {
            "version" => Some(version.to_string()),
            "major" => Some(version.major().to_owned()),
            "commit" => commit.map(ToString::to_string),
            _ => None,
        };
        let word = self.platforms.get(platform)?.fill(&simple)?;
        self.url.fill(&|name| if name.as_str() == "platform" { Some(word.clone()) } else { simple(name) })
    }

    fn checksum_source(&self, url: &str) -> ChecksumSource {
        let values = pinned(url);
        if !values.is_empty() {
            return ChecksumSource::Pinned { values };
        }
        if self.checksums.is_empty() {
            return ChecksumSource::Recorded;
        }
        let beside = &url[..url.len() - file_name(url).len()];
        let address = |name: &str| {
            if name.starts_with('.') { format!("{url}{name}") } else { format!("{beside}{name}") }
        };
        ChecksumSource::Published { urls: self.checksums.iter().map(|name| address(name.as_str())).collect() }
    }
}

fn file_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn candidates_of(service: &str, version: &str, platform: &str) -> Vec<Candidate> {
        let catalogue = Catalogue::built_in().unwrap();
        let client = catalogue.find(service).unwrap().service.client.clone().unwrap();
        let versions: Vec<ReleaseVersion> = version.split(' ').map(|text| text.parse().unwrap()).collect();
        candidates(&client, &versions, &platform.parse().unwrap())
    }

    fn urls(service: &str, version: &str, platform: &str) -> Vec<String> {
        candidates_of(service, version, platform).into_iter().map(|candidate| candidate.url).collect()
    }

    #[test]
    fn every_version_and_source_comes_in_its_order() {
        assert_eq!(
            urls("docker", "17.05.0-ce", "linux/amd64"),
            [
                "https://download.docker.com/linux/static/stable/x86_64/docker-17.05.0-ce.tgz",
                "https://get.docker.com/builds/Linux/x86_64/docker-17.05.0-ce.tgz",
            ]
        );
        assert_eq!(
            urls("kubernetes", "1.20.4-k0s1 1.20.4", "darwin/arm64"),
            [
                "https://dl.k8s.io/release/v1.20.4-k0s1/bin/darwin/arm64/kubectl",
                "https://dl.k8s.io/release/v1.20.4/bin/darwin/arm64/kubectl",
                "https://dl.k8s.io/release/v1.20.4-k0s1/bin/darwin/amd64/kubectl",
                "https://dl.k8s.io/release/v1.20.4/bin/darwin/amd64/kubectl",
            ]
        );
    }

    #[test]
    fn without_a_commit_there_is_no_address() {
        let origin = |version| {
            urls("openshift", version, "linux/amd64").iter().filter(|url| url.contains("/origin/")).count()
        };
        assert_eq!((origin("3.11.0"), origin("3.11.104"), origin("1.3.1")), (1, 0, 2));
    }

    fn built_in(service: &str) -> Client {
        Catalogue::built_in().unwrap().find(service).unwrap().service.client.clone().unwrap()
    }

    fn texts(versions: &[ReleaseVersion]) -> Vec<&str> {
        versions.iter().map(ReleaseVersion::as_str).collect()
    }

    #[test]
    fn a_suffix_that_all_releases_have_is_added() {
        let docker = built_in("docker");
        let names = |version: &str| {
            published_names(&docker, &[version.parse().unwrap()])
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("17.03.0"), ["17.03.0-ce", "17.03.0"]);
        assert_eq!(names("18.06.3"), ["18.06.3-ce", "18.06.3"]);
        for version in ["1.13.1", "17.03.0-ce", "17.06.2-ee-16", "18.09.0", "29.7.2"] {
            assert_eq!(names(version), [version]);
        }
    }

    #[test]
    fn what_a_server_says_is_near_a_release_that_exists() {
        let oc = built_in("openshift");
        for (wanted, nearest) in [
            ("3.2.1.17", "1.2.2"),
            ("3.1.1.6", "1.1.6"),
            ("3.4.0.40", "1.4.1"),
            ("3.7.99", "3.7.2"),
            ("1.3.9", "1.3.3"),
            ("1.0.8", "1.1.6"),
        ] {
            assert_eq!(texts(substitutes(&oc, &wanted.parse().unwrap())).first(), Some(&nearest), "{wanted}");
        }
        assert_eq!(texts(substitutes(&oc, &"4.16.0".parse().unwrap())), [""; 0]);
        for version in oc.substitutes.iter().flat_map(|rule| &rule.versions) {
            assert!(is_known(&oc, std::slice::from_ref(version)), "{version}");
        }
    }

    #[test]
    fn versions_that_do_not_exist_are_not_a_matter_of_the_platform() {
        let oc = built_in("openshift");
        let known = |version: &str| is_known(&oc, &[version.parse().unwrap()]);
        assert!(known("1.3.0") && known("1.2.1") && known("1.4.0-rc1") && known("3.11.0"));
        assert!(!known("1.3.9") && !known("3.2.1") && !known("0.1.0"));
        assert_eq!(
            urls("openshift", "1.4.0-rc1", "linux/amd64"),
            [
                "https://github.com/openshift/origin/releases/download/v1.4.0-rc1/openshift-origin-client-tools-v1.4.0-rc1.b4e0954-linux-64bit.tar.gz"
            ]
        );
    }

    #[test]
    fn checksums_are_beside_the_release_or_appended_to_its_name() {
        let ChecksumSource::Published { urls } =
            &candidates_of("docker-compose", "2.10.0", "linux/amd64")[0].checksum
        else {
            panic!()
        };
        let base = "https://github.com/docker/compose/releases/download/v2.10.0";
        assert_eq!(
            *urls,
            [format!("{base}/docker-compose-linux-x86_64.sha256"), format!("{base}/checksums.txt")]
        );
        assert!(matches!(
            candidates_of("docker", "29.7.2", "linux/amd64")[0].checksum,
            ChecksumSource::Pinned { .. }
        ));
        assert_eq!(candidates_of("docker", "99.0.0", "linux/amd64")[0].checksum, ChecksumSource::Recorded);
    }

    #[test]
    fn only_one_publisher_says_403_for_what_it_does_not_have() {
        let missing = |service, version| {
            candidates_of(service, version, "linux/amd64")
                .into_iter()
                .map(|candidate| candidate.missing)
                .collect()
        };
        let all: [Vec<Vec<u16>>; 2] = [missing("docker", "17.05.0-ce"), missing("kubernetes", "1.36.3")];
        assert_eq!(all, [vec![vec![], vec![403]], vec![vec![]]]);
    }

    #[test]
    fn an_archive_holds_the_program_under_its_platforms_name() {
        let member = |service, platform| {
            candidates_of(service, "5.8.6", platform)[0].format.member().map(ToString::to_string)
        };
        assert_eq!(member("podman-remote", "linux/amd64").as_deref(), Some("podman-remote-static-*"));
        assert_eq!(member("podman-remote", "windows/amd64").as_deref(), Some("podman.exe"));
        assert_eq!(member("kubernetes", "linux/amd64"), None);
    }
}
