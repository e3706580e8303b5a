//! Which version of a client fits a server. Pure.

use super::cache::Installed;
use crate::base::types::Version;
use crate::base::version::ReleaseVersion;
use crate::catalogue::Skew;

/// How well a client fits, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// As new as the server, or there is no rule.
    Same,
    /// One minor version newer.
    Newer,
    /// One minor version older.
    Older,
    /// More than the rule allows, or nobody knows.
    No,
}

impl Fit {
    /// How well `client` fits `server`, by `rule`.
    pub(crate) fn of(client: &ReleaseVersion, server: Option<&ReleaseVersion>, rule: Option<Skew>) -> Self {
        let (Some(Skew::Minor), Some(server)) = (rule, server) else { return Self::Same };
        match client.minors_ahead_of(server) {
            Some(0) => Self::Same,
            Some(1) => Self::Newer,
            Some(-1) => Self::Older,
            _ => Self::No,
        }
    }
}

/// Of `installed` the one that fits `server` best, of several the newest; none when no one fits.
pub(crate) fn best(
    installed: Vec<Installed>,
    server: Option<&ReleaseVersion>,
    rule: Option<Skew>,
) -> Option<(Fit, Installed)> {
    let fitting =
        installed.into_iter().map(|client| (Fit::of(&client.receipt.version, server, rule), client));
    let fitting = fitting.filter(|(fit, _)| *fit != Fit::No);
    fitting.min_by(|(fit, client), (other_fit, other)| {
        fit.cmp(other_fit).then_with(|| other.receipt.version.precedence(&client.receipt.version))
    })
}

/// The version that a client says of itself in `output`: the first word in it that is one of a release, whatever else it says.
pub(crate) fn reported_version(output: &str) -> Option<ReleaseVersion> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".+-~".contains(c);
    let mut words = output.split(|c| !is_part(c)).filter(|word| word.matches('.').count() >= 2);
    let version = |word: &str| ReleaseVersion::named_by(&Version::parse(word).ok()?).into_iter().last();
    words.find_map(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ReleaseVersion {
        ReleaseVersion::parse(text).unwrap()
    }

    #[test]
    fn one_minor_version_apart_fits() {
        let server = version("1.36.3");
        for (client, fit) in [
            ("1.36.0", Fit::Same),
            ("1.37.1", Fit::Newer),
            ("1.35.9", Fit::Older),
            ("1.38.0", Fit::No),
            ("1.34.0", Fit::No),
            ("2.36.0", Fit::No),
        ] {
            assert_eq!(Fit::of(&version(client), Some(&server), Some(Skew::Minor)), fit, "{client}");
            assert_eq!(Fit::of(&version(client), Some(&server), None), Fit::Same);
            assert_eq!(Fit::of(&version(client), None, Some(Skew::Minor)), Fit::Same);
        }
    }

    #[test]
    fn a_client_says_its_version() {
        let kubectl = r#"{"clientVersion": {"major": "1", "minor": "20", "gitVersion": "v1.20.2",
            "buildDate": "2021-04-25T05:47:00Z", "goVersion": "go1.15.8"}}"#;
        let oc = r#"{"releaseClientVersion": "4.15.0", "clientVersion": {"gitVersion": "4.15.0-202402070507.p0"}}"#;
        for (output, expected) in [
            (kubectl, Some("1.20.2")),
            (oc, Some("4.15.0")),
            ("oc v3.11.0+0cbc58b\nkubernetes v1.11.0+d4cacc0\n", Some("3.11.0")),
            ("", None),
            ("error: unknown flag: --output", None),
            ("$(id).1.2 ../../1.x", None),
        ] {
            let reported = reported_version(output);
            assert_eq!(reported.as_ref().map(ReleaseVersion::as_str), expected, "{output}");
        }
        assert_eq!(reported_version(&"1.".repeat(1 << 20)), None);
    }
}
