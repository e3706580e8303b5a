//! Versions, and what releases of clients consist of.

use super::validation::{begins_with, validated};

validated!(
    /// A version as a server reports it: `v1.36.3`, `20.10.24+dfsg1`, `v1.31.5+k3s1`.
    Version, "version", "`N.N`, more numbers and a suffix of letters, digits and `.+~-`; at most 64", is_version
);

validated!(
    /// A word for a version that a publisher keeps moving: `stable`, `stable-1.31`.
    VersionAlias, "version's alias", "a small letter, then small letters, digits, `.` and `-`; at most 32",
    |text| begins_with(text, |c| c.is_ascii_lowercase())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c))
);

validated!(
    /// A [`VersionAlias`] in which `{minor}` stands for the first two numbers of a version.
    AliasPattern, "version's alias", "a word, and `{minor}` at most once",
    |text| text.len() <= 32
        && text.matches("{minor}").count() <= 1
        && VersionAlias::parse(&text.replace("{minor}", "0.0")).is_ok()
);

impl AliasPattern {
    /// The minor version in `alias`, if it is one of those meant; empty where the pattern has none.
    pub(crate) fn minor<'a>(&self, alias: &'a VersionAlias) -> Option<&'a str> {
        let Some((begin, end)) = self.0.split_once("{minor}") else {
            return (alias.0 == self.0).then_some("");
        };
        let minor = alias.0.strip_prefix(begin)?.strip_suffix(end)?;
        let (major, rest) = minor.split_once('.')?;
        let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        (is_number(major) && is_number(rest)).then_some(minor)
    }
}

validated!(
    /// The commit that a release was built from, shortened or not.
    Commit, "commit", "7 to 40 hexadecimal digits, small letters",
    |text| (7..=40).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
);

validated!(
    /// The name of a client's program on the host, without `.exe`: also a file's name.
    ProgramName, "program name", "a letter or digit, then letters, digits, `_` and `-`; at most 32",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
);

validated!(
    /// The name of a file in an archive, in which one `*` stands for any text.
    MemberPattern, "file name", "a letter or digit, then letters, digits, `._-` and one `*` at most",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 64
        && text.matches('*').count() <= 1
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-*".contains(c))
);

impl MemberPattern {
    /// True when `name` is one of those meant.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self.0.split_once('*') {
            Some((begin, end)) => {
                name.len() >= self.0.len() - 1 && name.starts_with(begin) && name.ends_with(end)
            }
            None => name == self.0,
        }
    }
}

validated!(
    /// Where a publisher has checksums: a file beside the release, or with a leading dot what to append to its name.
    ChecksumName, "name of a checksum file", "letters, digits and `._-`",
    |text| text.len() <= 64
        && !text.contains("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
);

fn is_version(text: &str) -> bool {
    let numbers = text.strip_prefix('v').unwrap_or(text);
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
    let (numbers, suffix) = numbers.split_at(end);
    let numbers = numbers.strip_suffix('.').filter(|_| !suffix.is_empty()).unwrap_or(numbers);
    text.len() <= 64
        && !text.contains("..")
        && numbers.split('.').count() >= 2
        && numbers.split('.').all(|number| (1..=9).contains(&number.len()))
        && suffix.chars().all(|c| c.is_ascii_alphanumeric() || ".+~-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_without_numbers_are_refused() {
        for text in ["1", "v", "v1.", "1..2", "latest", "1.2/x", "1.2..3-a"] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_alias_may_hold_a_minor_version() {
        let minor = |pattern: &str, alias: &str| {
            let alias = VersionAlias::parse(alias).unwrap();
            AliasPattern::parse(pattern).unwrap().minor(&alias).map(ToOwned::to_owned)
        };
        assert_eq!(minor("stable-{minor}", "stable-1.31").as_deref(), Some("1.31"));
        assert_eq!(minor("stable", "stable").as_deref(), Some(""));
        for alias in ["stable", "stable-1", "stable-1.x", "stable-1.2.3", "stable-1.", "latest-1.2"] {
            assert_eq!(minor("stable-{minor}", alias), None, "{alias}");
        }
        assert!(AliasPattern::parse("{minor}-{minor}").is_err() && AliasPattern::parse("{major}").is_err());
    }

    #[test]
    fn a_star_in_a_files_name_stands_for_any_text() {
        let matches = |pattern: &str, name| MemberPattern::parse(pattern).unwrap().matches(name);
        assert!(matches("podman-remote-static-linux_*", "podman-remote-static-linux_amd64"));
        assert!(matches("oc", "oc") && !matches("oc", "oc.exe") && !matches("oc", "doc"));
        assert!(!matches("a*a", "a"));
        assert!(MemberPattern::parse("a*b*").is_err() && MemberPattern::parse("*").is_err());
    }
}
