//! Versions of releases, as publishers name them, and their order. Neither Docker's (`17.03.0-ce`) nor Origin's
//! (`1.1.0.1`) are what semver calls a version.

use std::cmp::Ordering;

use crate::base::types::{Version, validated};

validated!(
    /// A version of a release: numbers between dots, then perhaps `-` and more. It is part of paths and addresses.
    ReleaseVersion, "version", "`N.N.N` and perhaps a hyphen with letters, digits, `.` and `-`; at most 64", is_version
);

validated!(
    /// What follows the hyphen of a release that is named by its numbers alone: the `ce` of `17.03.0-ce`.
    VersionSuffix, "suffix of a version", "letters and digits, at most 16",
    |text| (1..=16).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric())
);

/// One part of what follows the numbers, so that `rc10` comes after `rc9`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Text(&'a str),
    Number(u64),
}

impl ReleaseVersion {
    /// The releases that `version`, as a server reports it, may be: without its `v` and what its builder added after
    /// `+`; then also without what follows the first hyphen. `v1.20.4-k0s1` may be 1.20.4-k0s1 or 1.20.4.
    pub(crate) fn named_by(version: &Version) -> Vec<Self> {
        let text = version.as_str();
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split('+').next().unwrap_or_default();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut versions: Vec<Self> = Vec::new();
        for text in [text, text[..end].trim_end_matches('.')] {
            versions.extend(Self::parse(text).ok().filter(|version| !versions.contains(version)));
        }
        versions
    }

    /// The first number.
    pub(crate) fn major(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// The first two numbers.
    pub(crate) fn minor(&self) -> &str {
        let (numbers, _) = split(&self.0);
        let end = numbers.match_indices('.').nth(1).map_or(numbers.len(), |(end, _)| end);
        &numbers[..end]
    }

    /// How many minor versions it is ahead of `other`; none when their first numbers differ.
    pub(crate) fn minors_ahead_of(&self, other: &Self) -> Option<i64> {
        let numbers = |version: &Self| {
            let mut numbers = version.minor().split('.').map(|number| number.parse::<i64>().unwrap_or(0));
            (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
        };
        let ((major, minor), (other_major, other_minor)) = (numbers(self), numbers(other));
        (major == other_major).then_some(minor - other_minor)
    }

    /// True for what comes before its release: `-rc1`, `-beta.2`.
    pub(crate) fn is_preview(&self) -> bool {
        rank(split(&self.0).1) == Ordering::Less
    }

    /// The order of releases: by their numbers, of which `07` is `7`; then `rc`, `alpha`, `beta`, `tp`, `dev` and `ec`
    /// come before the release, and any other suffix (`-ce`, a packaging's `-2`) after it.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        let ((mine, my_suffix), (theirs, their_suffix)) = (split(&self.0), split(&other.0));
        let length = mine.split('.').count().max(theirs.split('.').count());
        let numbers = |text: &str| -> Vec<u64> {
            let numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
            numbers.chain(std::iter::repeat(0)).take(length).collect()
        };
        let by_suffix = || {
            rank(my_suffix).cmp(&rank(their_suffix)).then_with(|| {
                compare_suffixes(my_suffix.unwrap_or_default(), their_suffix.unwrap_or_default())
            })
        };
        numbers(mine).cmp(&numbers(theirs)).then_with(by_suffix)
    }

    /// The same numbers with `suffix`; none when something follows them already.
    pub(crate) fn with_suffix(&self, suffix: &VersionSuffix) -> Option<Self> {
        let (numbers, own) = split(&self.0);
        Self::parse(&format!("{numbers}-{suffix}")).ok().filter(|_| own.is_none())
    }

    /// True when it is `since` or later, and before `until`, as far as these are given.
    pub(crate) fn is_within(&self, since: Option<&Self>, until: Option<&Self>) -> bool {
        since.is_none_or(|since| self.is_at_least(since))
            && until.is_none_or(|until| !self.is_at_least(until))
    }

    /// True when it is `other` or comes after it.
    pub(crate) fn is_at_least(&self, other: &Self) -> bool {
        self.precedence(other) != Ordering::Less
    }
}

fn is_version(text: &str) -> bool {
    let (numbers, suffix) = split(text);
    let number = |n: &str| (1..=9).contains(&n.len()) && n.chars().all(|c| c.is_ascii_digit());
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    text.len() <= 64
        && !text.contains("..")
        && numbers.split('.').count() >= 2
        && numbers.split('.').all(number)
        && suffix.is_none_or(|suffix| {
            suffix.starts_with(|c: char| c.is_ascii_alphanumeric()) && suffix.chars().all(allowed)
        })
}

/// The numbers, and what follows their hyphen.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('-') {
        Some((numbers, suffix)) => (numbers, Some(suffix)),
        None => (text, None),
    }
}

/// Where a version with `suffix` stands beside the one without.
fn rank(suffix: Option<&str>) -> Ordering {
    let Some(suffix) = suffix else { return Ordering::Equal };
    let end = suffix.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(suffix.len());
    if PREVIEWS.contains(&suffix[..end].to_ascii_lowercase().as_str()) {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

/// The order of what follows the numbers of two versions.
pub(super) fn compare_suffixes(one: &str, other: &str) -> Ordering {
    parts(one).cmp(&parts(other))
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = is_digit(rest.chars().next());
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(part.parse().map_or(Part::Text(part), Part::Number));
        rest = after;
    }
    parts
}

const PREVIEWS: [&str; 6] = ["rc", "alpha", "beta", "tp", "dev", "ec"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> ReleaseVersion {
        ReleaseVersion::parse(text).unwrap()
    }

    #[test]
    fn the_order_is_that_of_their_publication() {
        for order in [
            &[
                "17.03.0-ce",
                "17.06.0-ce",
                "18.06.3-ce",
                "18.09.0-rc1",
                "18.09.0",
                "29.4.2",
                "29.4.2-2",
                "29.4.3",
            ][..],
            &["1.1.0.1", "1.1.1"],
            &["1.4.0-rc1", "1.4.0"],
            &["3.11.0-alpha.0", "3.11.0"],
            &["1.0.0-rc9", "1.0.0-rc10"],
            &["4.9.0", "4.10.0"],
            &["5.0.0-ec.1", "5.0.0", "5.0.0-okd-scos.ec.7"],
        ] {
            for pair in order.windows(2) {
                let (earlier, later) = (version(pair[0]), version(pair[1]));
                assert_eq!(earlier.precedence(&later), Ordering::Less, "{pair:?}");
                assert_eq!(later.precedence(&earlier), Ordering::Greater, "{pair:?}");
            }
        }
        assert_eq!(version("17.6.0").precedence(&version("17.06.0")), Ordering::Equal);
        assert_eq!(version("1.1").precedence(&version("1.1.0")), Ordering::Equal);
    }

    #[test]
    fn what_a_server_says_names_releases() {
        for (server, releases) in [
            ("20.10.24+dfsg1", &["20.10.24"][..]),
            ("20.10.24~3-0~debian", &["20.10.24"]),
            ("v1.31.5+k3s1", &["1.31.5"]),
            ("v1.20.4-k0s1", &["1.20.4-k0s1", "1.20.4"]),
            ("v3.7.0+7ed6862", &["3.7.0"]),
            ("v3.9.0+71543b2-33", &["3.9.0"]),
            ("v3.11.0-alpha.0+1ff2229-9", &["3.11.0-alpha.0", "3.11.0"]),
            ("4.15.0-0.okd-2024-03-10-010116", &["4.15.0-0.okd-2024-03-10-010116", "4.15.0"]),
            ("17.06.2-ee-16", &["17.06.2-ee-16", "17.06.2"]),
            ("v1.13.4", &["1.13.4"]),
        ] {
            let named = ReleaseVersion::named_by(&Version::parse(server).unwrap());
            assert_eq!(named.iter().map(ReleaseVersion::as_str).collect::<Vec<_>>(), releases, "{server}");
        }
    }

    #[test]
    fn no_other_text_is_a_version() {
        #[rustfmt::skip]
        let texts = [
            "", "1", "v1.2", "1.", ".1", "1..2", "1.2-", "1.2/3", "1.2-../x", "$(id)", "1.2 3", "1.2\n", "1.2+x", "-1.2",
            "1.2-a b", "1.2-\u{1b}[31m", "1.1234567890",
        ];
        for text in texts {
            assert!(ReleaseVersion::parse(text).is_err(), "{text:?}");
        }
        assert!(ReleaseVersion::parse(&format!("1.2-{}", "a".repeat(1 << 20))).is_err());
    }

    #[test]
    fn its_minor_version_is_two_numbers_as_they_stand() {
        for (text, minor) in
            [("17.03.0-ce", "17.03"), ("1.36.3", "1.36"), ("1.2", "1.2"), ("1.2-rc.1", "1.2")]
        {
            assert_eq!(version(text).minor(), minor);
        }
        assert!(version("1.2.0-rc.1").is_preview() && !version("17.03.0-ce").is_preview());
    }

    #[test]
    fn minor_versions_are_counted_as_numbers() {
        for (one, other, ahead) in [
            ("1.36.3", "1.36.0", Some(0)),
            ("1.10.0", "1.9.7", Some(1)),
            ("4.15.0-0.okd", "4.16.1", Some(-1)),
            ("2.0.0", "1.9.0", None),
        ] {
            assert_eq!(version(one).minors_ahead_of(&version(other)), ahead, "{one} {other}");
        }
    }

    fn any_version() -> impl Strategy<Value = ReleaseVersion> {
        "[0-9]{1,3}(\\.[0-9]{1,3}){1,3}(-(rc|alpha|ce|[0-9]|okd-scos)[.-]?[0-9]{0,2})?"
            .prop_filter_map("no version", |text| ReleaseVersion::parse(&text).ok())
    }

    proptest! {
        #[test]
        fn the_order_is_an_order(a in any_version(), b in any_version(), c in any_version()) {
            prop_assert_eq!(a.precedence(&a), Ordering::Equal);
            prop_assert_eq!(a.precedence(&b), b.precedence(&a).reverse());
            if a.is_at_least(&b) && b.is_at_least(&c) {
                prop_assert!(a.is_at_least(&c));
            }
        }

        #[test]
        fn whatever_a_server_says_names_releases_that_are_plain(text in "v?[0-9.]{1,12}[-+~.a-z0-9]{0,12}") {
            if let Ok(version) = Version::parse(&text) {
                for release in ReleaseVersion::named_by(&version) {
                    prop_assert!(!release.as_str().contains(['+', '~', '/', 'v']) || release.as_str().contains('-'));
                    prop_assert_eq!(ReleaseVersion::parse(release.as_str()).unwrap(), release);
                }
            }
        }
    }
}
