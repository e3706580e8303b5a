//! The names that publishers give to releases and their files.

use std::cmp::Ordering;

use crate::base::types::validated;
use crate::base::version::{ReleaseVersion, compare_suffixes};

validated!(
    /// What a publisher calls a release in the addresses of its files: a version, perhaps with `v` before it, and with the builder's own
    /// part behind a `+`: `v1.31.5+k3s1`.
    ReleaseTag, "version",
    "`vN.N.N`, perhaps a hyphen or `+` and letters, digits, `.` and `-`; at most 64",
    |text| {
        let (version, build) = split(text);
        text.len() <= 64
            && ReleaseVersion::parse(version.strip_prefix('v').unwrap_or(version)).is_ok()
            && build.is_none_or(is_build)
    }
);

validated!(
    /// The name of a file of a release.
    ReleaseFileName, "name of a file", "a letter or digit, then letters, digits and `._-`; at most 64",
    |text| text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
);

validated!(
    /// The SHA-256 of a file.
    Sha256Sum, "SHA-256", "64 hexadecimal digits, the letters small",
    |text| text.len() == 64 && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
);

impl ReleaseTag {
    /// As it stands in an address: servers may take `+` for a blank.
    pub(crate) fn in_address(&self) -> String {
        self.as_str().replace('+', "%2B")
    }

    /// The order of releases: that of their versions, then of the builder's part.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        let parts = |tag: &Self| {
            let (version, build) = split(tag.as_str());
            let version = ReleaseVersion::parse(version.strip_prefix('v').unwrap_or(version)).ok();
            (version, build.unwrap_or_default().to_owned())
        };
        let ((mine, my_build), (theirs, their_build)) = (parts(self), parts(other));
        let by_version = match (&mine, &theirs) {
            (Some(mine), Some(theirs)) => mine.precedence(theirs),
            _ => Ordering::Equal,
        };
        by_version.then_with(|| compare_suffixes(&my_build, &their_build))
    }
}

/// The version, and what follows its `+`.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('+') {
        Some((version, build)) => (version, Some(build)),
        None => (text, None),
    }
}

fn is_build(build: &str) -> bool {
    build.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !build.contains("..")
        && build.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> ReleaseTag {
        ReleaseTag::parse(text).unwrap()
    }

    #[test]
    fn a_tag_has_its_builders_part() {
        for text in ["v1.30.4+k3s1", "v1.31.0-rc1+k3s1", "1.2.3", "v1.2", "v1.31.5-k0s.0"] {
            assert!(ReleaseTag::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "v",
            "+",
            "v1.2.3+",
            "v1.2.3++a",
            "v1.2.3+a+b",
            "v1.2.3+../x",
            "v1.2.3+a..b",
            "v1.2.3+$(id)",
            "v1.2.3+a b",
            "v1.2.3/../x",
            "v1.2.3%2Fx",
            "vv1.2",
            "-v1.2",
            "v1.2.3+\u{1b}[2J",
            "v1.2.3\n",
            "stable",
            "v1.2.3+a;id",
            "v1.2.3+-a",
        ] {
            assert!(ReleaseTag::parse(text).is_err(), "{text:?}");
        }
        assert!(ReleaseTag::parse(&format!("v1.2+{}", "a".repeat(60))).is_err());
        assert_eq!(tag("v1.30.4+k3s1").in_address(), "v1.30.4%2Bk3s1");
    }

    #[test]
    fn a_later_build_of_a_version_comes_after_it() {
        for order in [
            ["v1.30.4+k3s1", "v1.30.4+k3s2"],
            ["v1.30.4+k3s9", "v1.30.4+k3s10"],
            ["v1.9.1+k3s2", "v1.30.4+k3s1"],
            ["v1.31.0-rc1+k3s1", "v1.31.0+k3s1"],
            ["v1.30.4", "v1.30.4+k3s1"],
        ] {
            assert_eq!(tag(order[0]).precedence(&tag(order[1])), Ordering::Less, "{order:?}");
        }
    }

    #[test]
    fn a_name_of_a_file_leads_nowhere_else() {
        for text in ["k3s", "k3s-arm64", "k3s-airgap-images-amd64.tar.zst", "sha256sum-amd64.txt"] {
            assert!(ReleaseFileName::parse(text).is_ok(), "{text}");
        }
        for text in [
            "", ".", "..", ".x", "-x", "a/b", "a%2Fb", "a b", "a+b", "$(id)", "a\\b", "a\u{1b}", "a?b", "a#b",
        ] {
            assert!(ReleaseFileName::parse(text).is_err(), "{text:?}");
        }
        let sum = "0123456789abcdef".repeat(4);
        assert!(Sha256Sum::parse(&sum).is_ok());
        for text in [&sum[1..], &sum.to_uppercase(), &sum.replace('0', "g"), &format!("{sum} "), ""] {
            assert!(Sha256Sum::parse(text).is_err(), "{text:?}");
        }
    }
}
