//! Checksums: the one that is expected, and the one that a file has.

use std::{fmt, io};

use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use crate::base::text::hex;
use crate::base::types::Invalid;

/// How a checksum is computed. The length of a checksum says which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// Only kubectl before 1.12 has no better one.
    Sha1,
    /// What this program itself computes.
    Sha256,
    /// Used by some publishers.
    Sha512,
}

impl ChecksumAlgorithm {
    const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The number of hexadecimal digits.
    fn length(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// A checksum: `sha256:HEX`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    hex: String,
}

impl Checksum {
    /// Accepts hexadecimal digits as many as an algorithm makes, with its name and a colon before them or without.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid =
            Invalid { kind: "checksum", form: "40, 64 or 128 hexadecimal digits, perhaps after `sha256:`" };
        let (name, hex) = text.split_once(':').map_or((None, text), |(name, hex)| (Some(name), hex));
        let algorithm = ChecksumAlgorithm::ALL.into_iter().find(|algorithm| algorithm.length() == hex.len());
        let algorithm = algorithm.filter(|_| hex.chars().all(|c| c.is_ascii_hexdigit())).ok_or(invalid)?;
        if name.is_some_and(|name| name != algorithm.name()) {
            return Err(invalid);
        }
        Ok(Self { algorithm, hex: hex.to_ascii_lowercase() })
    }

    /// How it was computed.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The digits alone.
    pub(crate) fn hex(&self) -> &str {
        &self.hex
    }

    /// The SHA-256 of the file called `name` in a publisher's file of lines `SHA256 NAME`.
    ///
    /// Errors: what is wrong with the file.
    pub(crate) fn listed_sha256(text: &str, name: &str) -> Result<Self, ChecksumFileError> {
        Self::listed(text, name, |checksum| checksum.algorithm == ChecksumAlgorithm::Sha256)
    }

    /// The checksum of the file called `name` as a publisher's file says it: a checksum alone, or lines `CHECKSUM NAME`.
    ///
    /// Errors: what is wrong with the file.
    pub fn published(text: &str, name: &str) -> Result<Self, ChecksumFileError> {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if let [only] = lines.as_slice()
            && let Ok(checksum) = Self::parse(only)
        {
            return Ok(checksum);
        }
        Self::listed(text, name, |_| true)
    }

    /// The checksum in the lines for `name`, of those that are `accepted`.
    fn listed(text: &str, name: &str, accepted: impl Fn(&Self) -> bool) -> Result<Self, ChecksumFileError> {
        let entries = text.lines().filter_map(|line| entry(line.trim()));
        let entries: Vec<(Self, &str)> = entries.filter(|(checksum, _)| accepted(checksum)).collect();
        if entries.is_empty() {
            return Err(ChecksumFileError::NoChecksums);
        }
        let mut of_this =
            entries.into_iter().filter(|(_, named)| *named == name).map(|(checksum, _)| checksum);
        let first = of_this.next().ok_or(ChecksumFileError::NotListed)?;
        if of_this.any(|other| other != first) { Err(ChecksumFileError::Contradictory) } else { Ok(first) }
    }
}

/// A line of a publisher's file: as `sha256sum` writes it, or with a path before the name.
fn entry(line: &str) -> Option<(Checksum, &str)> {
    let (hex, rest) = line.split_once(char::is_whitespace)?;
    let path = rest.trim_start();
    let path = path.strip_prefix('*').unwrap_or(path);
    Some((Checksum::parse(hex).ok()?, path.strip_prefix("./").unwrap_or(path)))
}

/// Why a publisher's file tells no checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumFileError {
    /// An error page of a proxy, for example.
    #[error("it is not a file of checksums")]
    NoChecksums,
    /// It is about other files.
    #[error("it has no line for the release")]
    NotListed,
    /// It has several for this one.
    #[error("it has two checksums for the release")]
    Contradictory,
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl std::str::FromStr for Checksum {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Checksum {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> Self {
        checksum.to_string()
    }
}

/// Computes what may be needed of a file while it passes by: SHA-256 always, another one when it is expected.
#[derive(Clone, Default)]
pub(crate) struct Hasher {
    sha256: Sha256,
    sha1: Option<Sha1>,
    sha512: Option<Sha512>,
}

/// What is written is taken in; that cannot fail.
impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Hasher {
    /// One that computes `other` besides SHA-256.
    pub(crate) fn new(other: Option<ChecksumAlgorithm>) -> Self {
        Self {
            sha256: Sha256::new(),
            sha1: (other == Some(ChecksumAlgorithm::Sha1)).then(Sha1::new),
            sha512: (other == Some(ChecksumAlgorithm::Sha512)).then(Sha512::new),
        }
    }

    /// Takes the next bytes in.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    /// The checksums of all bytes.
    pub(crate) fn finish(self) -> Computed {
        let checksum = |algorithm, bytes: &[u8]| Checksum { algorithm, hex: hex(bytes) };
        let sha1 = self.sha1.map(|sha1| checksum(ChecksumAlgorithm::Sha1, &sha1.finalize()));
        let sha512 = self.sha512.map(|sha512| checksum(ChecksumAlgorithm::Sha512, &sha512.finalize()));
        Computed {
            sha256: checksum(ChecksumAlgorithm::Sha256, &self.sha256.finalize()),
            other: sha1.or(sha512),
        }
    }

    /// The SHA-256 of all bytes.
    pub(crate) fn sha256(self) -> Checksum {
        self.finish().sha256
    }
}

/// The checksums that a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Computed {
    /// The one that is always computed.
    pub sha256: Checksum,
    other: Option<Checksum>,
}

impl Computed {
    /// The one to compare with those that are expected: of their algorithm.
    pub(crate) fn like(&self, algorithm: ChecksumAlgorithm) -> &Checksum {
        self.other.as_ref().filter(|other| other.algorithm == algorithm).unwrap_or(&self.sha256)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHA256: &str = "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336";

    fn of_oc(text: &str) -> Result<String, ChecksumFileError> {
        Checksum::published(text, "oc.tgz").map(|checksum| checksum.to_string())
    }

    #[test]
    fn a_file_of_a_release_has_a_line_with_its_sha256() {
        let (sha1, sha256) = ("a".repeat(40), "b".repeat(64));
        let listed =
            |text: &str| Checksum::listed_sha256(text, "k3s").map(|checksum| checksum.hex().to_owned());
        assert_eq!(listed(&format!("{sha1}  k3s\n{sha256}  k3s\n")), Ok(sha256.clone()));
        for text in
            [format!("{sha256}\n"), format!("{sha1}\n"), format!("{sha1}  k3s\n"), "<html>".to_owned()]
        {
            assert_eq!(listed(&text), Err(ChecksumFileError::NoChecksums), "{text}");
        }
        assert_eq!(listed(&format!("{sha256}  k3s-arm64\n")), Err(ChecksumFileError::NotListed));
    }

    #[test]
    fn a_checksum_alone_is_the_releases() {
        for text in [SHA256.to_owned(), format!("{SHA256}\r\n"), format!("\n{}\n\n", SHA256.to_uppercase())] {
            assert_eq!(of_oc(&text), Ok(format!("sha256:{SHA256}")), "{text:?}");
        }
        assert!(of_oc(&"0".repeat(128)).unwrap().starts_with("sha512:"));
        assert!(of_oc(&"0".repeat(40)).unwrap().starts_with("sha1:"));
    }

    #[test]
    fn of_a_list_only_the_very_name_counts() {
        let expected = Ok(format!("sha256:{SHA256}"));
        for line in ["  oc.tgz", " *oc.tgz", "  ./oc.tgz", "\toc.tgz\r"] {
            let other = "0".repeat(64);
            let text =
                format!("{other}  oc.tgz.sig\n{SHA256}{line}\n{other}  doc.tgz\n{other}  sub/oc.tgz\n");
            assert_eq!(of_oc(&text), expected, "{line:?}");
        }
        assert_eq!(of_oc(&format!("{SHA256}  oc.tgz\n{SHA256} *oc.tgz\n")), expected, "the same twice");
    }

    #[test]
    fn what_tells_no_checksum_says_why() {
        for text in
            ["", "<html>502 Bad Gateway</html>", "404: Not Found", SHA256.get(..60).unwrap(), "g\u{0}x"]
        {
            assert_eq!(of_oc(text), Err(ChecksumFileError::NoChecksums), "{text:?}");
        }
        assert_eq!(of_oc(&format!("{SHA256}  other\n")), Err(ChecksumFileError::NotListed));
        let contradictory = format!("{SHA256}  oc.tgz\n{}  oc.tgz\n", "0".repeat(64));
        assert_eq!(of_oc(&contradictory), Err(ChecksumFileError::Contradictory));
    }

    #[test]
    fn a_name_of_another_algorithm_is_refused() {
        assert!(Checksum::parse(&format!("sha256:{SHA256}")).is_ok());
        for text in [format!("sha1:{SHA256}"), format!(":{SHA256}"), "sha256:".into(), "é".repeat(32)] {
            assert!(Checksum::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_hasher_computes_what_is_asked_for() {
        let of = |algorithm, computed: Option<ChecksumAlgorithm>| {
            let mut hasher = Hasher::new(computed);
            hasher.update(b"a");
            hasher.update(b"bc");
            hasher.finish().like(algorithm).to_string()
        };
        // FIPS 180-4, the example "abc".
        let sha256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(ChecksumAlgorithm::Sha256, None), sha256);
        assert_eq!(of(ChecksumAlgorithm::Sha256, Some(ChecksumAlgorithm::Sha1)), sha256);
        assert_eq!(
            of(ChecksumAlgorithm::Sha1, Some(ChecksumAlgorithm::Sha1)),
            "sha1:a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        let sha512 = of(ChecksumAlgorithm::Sha512, Some(ChecksumAlgorithm::Sha512));
        assert!(sha512.starts_with("sha512:ddaf35a193617abacc417349ae204131"), "{sha512}");
        assert_eq!(of(ChecksumAlgorithm::Sha512, None), sha256, "what was not computed is equal to nothing");
    }

    proptest! {
        #[test]
        fn whatever_a_publisher_sends_is_read(text in "([0-9a-f]{64}|[0-9a-f]{40}|.)?[ \\t*./a-z]{0,8}(oc.tgz|.{0,9})\\n?") {
            if let Ok(checksum) = Checksum::published(&text, "oc.tgz") {
                prop_assert_eq!(Checksum::parse(&checksum.to_string()), Ok(checksum));
            }
        }
    }
}
