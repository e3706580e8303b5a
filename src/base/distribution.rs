//! What a Linux distribution says of itself, and the names that its packages have.

use std::cmp::Ordering;

use crate::base::types::validated;

validated!(
    /// `ID` of `/etc/os-release` (`os-release(5)`).
    DistributionId, "ID of a distribution", "a small letter or digit, then small letters, digits and `._-`; at most 32",
    |text| text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
);

validated!(
    /// `VERSION_ID` of `/etc/os-release`, of those that are numbers.
    DistributionVersion, "version of a distribution", "one to four numbers with dots between them",
    |text| text.split('.').count() <= 4
        && text.split('.').all(|n| (1..=6).contains(&n.len()) && n.chars().all(|c| c.is_ascii_digit()))
);

validated!(
    /// The name of a package: what Debian (policy, 5.6.7), RPM and Alpine allow, and nothing that a package manager takes for an
    /// option, a version, a file or a pattern.
    PackageName, "package name", "a letter or digit, then letters, digits and `.+_-`; at most 100",
    |text| text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 100
        && !text.ends_with(['+', '-'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".+_-".contains(c))
);

validated!(
    /// A command as it is shown to people, to be typed after `sudo`.
    ShownCommand, "command", "one line of letters, digits, blanks and marks; at most 200 characters",
    |text| text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && text.len() <= 200
        && text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
);

validated!(
    /// The name of a group of users (`groupadd(8)`).
    GroupName, "group name", "a small letter or `_`, then small letters, digits, `_` and `-`; at most 31",
    |text| text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.len() <= 31
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
);

impl DistributionVersion {
    /// Compares them number by number: 9 comes before 12, and 12 before 12.4.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| -> Vec<u32> {
            version.as_str().split('.').map(|number| number.parse().unwrap_or(u32::MAX)).collect()
        };
        numbers(self).cmp(&numbers(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_or_a_package_manager_would_read_otherwise_is_refused() {
        for text in [
            "",
            "-y",
            "a b",
            "$(id)",
            "`id`",
            "a;id",
            "a\nb",
            "../x",
            "a/b",
            "a=1",
            "a:i386",
            "a*",
            "ä",
            "a\u{1b}[2J",
            "~n",
            "@dev",
        ] {
            assert!(PackageName::parse(text).is_err(), "package {text:?}");
            assert!(GroupName::parse(text).is_err(), "group {text:?}");
            assert!(DistributionId::parse(text).is_err(), "ID {text:?}");
            assert!(DistributionVersion::parse(text).is_err(), "version {text:?}");
        }
        // apt removes the one, and installs the other whatever came before (apt-get(8), "install").
        for text in ["docker.io-", "docker.io+"] {
            assert!(PackageName::parse(text).is_err(), "{text}");
        }
        for text in ["docker.io", "g++-12", "libstdc++6", "moby-engine"] {
            assert_eq!(PackageName::parse(text).is_ok(), !text.ends_with('+'), "{text}");
        }
    }

    #[test]
    fn a_command_that_is_shown_is_one_line() {
        assert!(ShownCommand::parse("transactional-update --non-interactive pkg install docker").is_ok());
        for text in ["", " ", "-x", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "ä", "a\tb", "$(id)"] {
            assert!(ShownCommand::parse(text).is_err(), "{text:?}");
        }
        assert!(ShownCommand::parse(&"a".repeat(201)).is_err());
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let compare = |a: &str, b: &str| {
            DistributionVersion::parse(a).unwrap().compare(&DistributionVersion::parse(b).unwrap())
        };
        assert_eq!(compare("9", "12"), Ordering::Less);
        assert_eq!(compare("22.04", "22.4"), Ordering::Equal);
        assert_eq!(compare("12", "12.4"), Ordering::Less);
        for text in ["1.", ".1", "1..2", "1.2.3.4.5", "12a", "1234567"] {
            assert!(DistributionVersion::parse(text).is_err(), "{text}");
        }
    }
}
