//! Words for versions that publishers keep moving: `stable` is another version every few months.

use super::download::{Fetcher, Lookup};
use super::error::Error;
use crate::base::types::{AliasPattern, Version, VersionAlias};
use crate::base::version::ReleaseVersion;
use crate::catalogue::{Client, Template};

/// The version of `client` that the publisher calls `alias` today.
///
/// Errors: there is no such alias, the publisher cannot be asked, or does not say a version.
pub(crate) fn version_of(
    client: &Client,
    alias: &VersionAlias,
    fetcher: &Fetcher,
) -> Result<ReleaseVersion, Error> {
    let known = || client.aliases.keys().map(|pattern| pattern.as_str().replace("{minor}", "N.N")).collect();
    let unknown = || Error::UnknownAlias {
        alias: alias.to_string(),
        program: client.program.to_string(),
        known: known(),
    };
    let (minor, address) = find(client, alias).ok_or_else(unknown)?;
    let url = address.fill(&|_| Some(minor.to_owned())).unwrap_or_default();
    let text = match fetcher.text(&url, &[]).map_err(|source| Error::Download { url: url.clone(), source })? {
        Lookup::Found(text) => text,
        Lookup::NotFound(answer) => {
            return Err(Error::AliasUnclear { alias: alias.to_string(), url, what: answer });
        }
    };
    let version = version_in(&text, client.program.as_str(), minor);
    let odd = || Error::AliasUnclear { alias: alias.to_string(), url, what: "it says no version".to_owned() };
    version.ok_or_else(odd)
}

/// The newest version that stands in for `wanted`, which was never published: one of the same minor version, as its
/// publisher says.
///
/// Errors: those of [`version_of`], where the publisher says such things at all.
pub(crate) fn substitute_for(
    client: &Client,
    wanted: &ReleaseVersion,
    fetcher: &Fetcher,
) -> Result<Option<ReleaseVersion>, Error> {
    let alias = VersionAlias::parse(&format!("stable-{}", wanted.minor())).ok();
    let Some(alias) = alias.filter(|alias| find(client, alias).is_some()) else { return Ok(None) };
    match version_of(client, &alias, fetcher) {
        Ok(version) => Ok(Some(version).filter(|version| version != wanted)),
        // It has no such minor version either.
        Err(Error::AliasUnclear { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn find<'a>(client: &'a Client, alias: &'a VersionAlias) -> Option<(&'a str, &'a Template)> {
    let fits = |(pattern, address): (&AliasPattern, &'a Template)| Some((pattern.minor(alias)?, address));
    client.aliases.iter().find_map(fits)
}

/// The version that `text` says: alone, in a line `Name: VERSION`, or as the newest file `PROGRAM-VERSION.…` of a
/// listing. One of `minor`, unless that is empty.
pub(crate) fn version_in(text: &str, program: &str, minor: &str) -> Option<ReleaseVersion> {
    let fits = |version: &ReleaseVersion| minor.is_empty() || version.minor() == minor;
    let version = |text: &str| {
        let reported = Version::parse(text.trim()).ok()?;
        ReleaseVersion::named_by(&reported).into_iter().next()
    };
    let named = || text.lines().find_map(|line| version(line.trim().strip_prefix("Name:")?));
    let listed = || {
        let begin = format!("{program}-");
        let files = text.match_indices(&begin).filter_map(|(at, _)| {
            let rest = &text[at + begin.len()..];
            // Longer is no version, and a listing may be long.
            let end = rest.char_indices().nth(LONGEST_NAME).map_or(rest.len(), |(end, _)| end);
            let rest = &rest[..end];
            ENDINGS
                .iter()
                .filter_map(|ending| Some(&rest[..rest.find(ending)?]))
                .min_by_key(|name| name.len())
        });
        let versions = files.filter_map(|name| ReleaseVersion::parse(name).ok());
        versions.filter(|version| fits(version) && !version.is_preview()).max_by(ReleaseVersion::precedence)
    };
    version(text).or_else(named).filter(fits).or_else(listed)
}

const LONGEST_NAME: usize = 80;
const ENDINGS: [&str; 3] = [".tgz", ".tar.gz", ".zip"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str, minor: &str) -> Option<String> {
        version_in(text, "docker", minor).map(|version| version.to_string())
    }

    #[test]
    fn a_publisher_says_it_in_one_of_three_ways() {
        assert_eq!(version("v1.36.4", "").as_deref(), Some("1.36.4"));
        assert_eq!(version("v1.36.4\n", "1.36").as_deref(), Some("1.36.4"));
        assert_eq!(version("Client tools\nName:      4.16.12\nDigest: x\n", "").as_deref(), Some("4.16.12"));
        let listing = "<a href=\"docker-20.10.9.tgz\">docker-20.10.9.tgz</a>\n<a href=\"docker-20.10.24.tgz\">x</a>\n\
            <a href=\"docker-29.4.0-rc.1.tgz\">x</a> <a href=\"docker-rootless-extras-30.0.0.tgz\">x</a>";
        assert_eq!(version(listing, "").as_deref(), Some("20.10.24"));
        assert_eq!(version(&format!("{listing} docker-29.4.2.zip"), "20.10").as_deref(), Some("20.10.24"));
        assert_eq!(version(&format!("{listing} docker-29.4.2-2.zip"), "").as_deref(), Some("29.4.2-2"));
    }

    #[test]
    fn what_is_no_version_says_none() {
        for text in ["", "<html>Bad Gateway</html>", "stable", "v1.2.3; id", "docker-.tgz", "docker-1.2.3"] {
            assert_eq!(version(text, ""), None, "{text}");
        }
        assert_eq!(version("v1.36.4", "1.35"), None, "another one than was asked for");
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_a_version(text in "(Name: |docker-|v)?[0-9.]{0,9}(-rc1)?(\\.tgz|\\.zip|\\n|.){0,9}") {
            if let Some(version) = version_in(&text, "docker", "") {
                prop_assert!(ReleaseVersion::parse(version.as_str()).is_ok());
            }
        }
    }
}
