//! Where to look instead of at the publisher's own address.

use std::net::IpAddr;

use super::download::FILE;
use crate::error::Error;

/// Addresses, and what to use in their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    pairs: Vec<(String, String)>,
    /// Beyond this host they may do without encryption.
    allow_http: bool,
}

impl Mirrors {
    /// None yet.
    pub fn new(allow_http: bool) -> Self {
        Self { pairs: Vec::new(), allow_http }
    }

    /// Reads `FROM=TO FROM=TO`, as `SERVICE_MANAGER_MIRROR` has it.
    ///
    /// Errors: as for [`Self::add`].
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, Error> {
        let mut mirrors = Self::new(allow_http);
        for pair in text.split([' ', ',', '\n', '\t']).filter(|pair| !pair.is_empty()) {
            let odd = || Error::Mirror { text: without_password(pair), what: "is not `FROM=TO`" };
            let (from, to) = pair.split_once('=').ok_or_else(odd)?;
            mirrors.add(from, to)?;
        }
        Ok(mirrors)
    }

    /// Uses `to` wherever an address begins with `from`.
    ///
    /// Errors: `from` is not https; `to` is neither https nor a folder, nor http where that is allowed or does not leave
    /// the host.
    pub fn add(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let refused = |text: &str, what| Err(Error::Mirror { text: without_password(text), what });
        if !from.starts_with("https://") {
            return refused(from, "does not begin with `https://`");
        }
        if !self.allows(to) && !to.starts_with(&format!("{FILE}/")) {
            let what = if to.starts_with("http://") {
                "is not encrypted, so anybody on the way could change what is downloaded"
            } else {
                "begins with neither `https://` nor `file:///`"
            };
            return refused(to, what);
        }
        if !to.starts_with(FILE) && reqwest::Url::parse(to).is_err() {
            return refused(to, "is no address");
        }
        self.pairs.push((from.to_owned(), to.to_owned()));
        Ok(())
    }

    /// True when nobody on the way to `address` can change what comes from there, or may.
    pub fn allows(&self, address: &str) -> bool {
        address.starts_with("https://")
            || address.strip_prefix("http://").is_some_and(|rest| self.allow_http || stays_here(rest))
    }

    /// Those of `self`, then those of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.pairs.extend(other.pairs);
        self
    }

    /// The address to use for `url`: that of the mirror whose `from` fits longest, of equal ones the first.
    pub fn address(&self, url: &str) -> String {
        let rest = |from: &str| {
            let rest = url.strip_prefix(from)?;
            // `https://dl.k8s.io` is not the beginning of `https://dl.k8s.io.example`.
            (from.ends_with('/') || rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        let fitting = self.pairs.iter().filter_map(|(from, to)| Some((from.len(), to, rest(from)?)));
        match fitting.rev().max_by_key(|(length, ..)| *length) {
            Some((_, to, rest)) => format!("{}/{}", to.trim_end_matches('/'), rest.trim_start_matches('/')),
            None => url.to_owned(),
        }
    }
}

/// An address as it may be shown: without the user and the password of a mirror.
pub(super) fn without_password(address: &str) -> String {
    let parts = address.rsplit_once("://").and_then(|(begin, rest)| {
        let end = rest.find('/').unwrap_or(rest.len());
        Some((begin, &rest[rest[..end].rfind('@')? + 1..]))
    });
    parts.map_or_else(|| address.to_owned(), |(begin, rest)| format!("{begin}://{rest}"))
}

/// True when `HOST[:PORT][/PATH]` is an address of the host itself.
fn stays_here(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next(),
        None => authority.split(':').next(),
    };
    host.is_some_and(|host| host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(mirrors: &str, url: &str) -> String {
        Mirrors::parse(mirrors, false).unwrap().address(url)
    }

    #[test]
    fn the_longest_beginning_wins() {
        let mirrors = "https://=file:///air https://dl.k8s.io=https://mirror.example/k8s/,https://dl.k8s.io=https://second";
        assert_eq!(address(mirrors, "https://dl.k8s.io/release/x"), "https://mirror.example/k8s/release/x");
        assert_eq!(address(mirrors, "https://dl.k8s.io"), "https://mirror.example/k8s/");
        assert_eq!(address(mirrors, "https://dl.k8s.io.example/x"), "file:///air/dl.k8s.io.example/x");
        assert_eq!(address("", "https://dl.k8s.io/x"), "https://dl.k8s.io/x");
    }

    #[test]
    fn a_password_is_not_shown() {
        for (address, shown) in [
            ("https://user:p@ss@mirror/x@y", "https://mirror/x@y"),
            ("https://=https://user:p@mirror", "https://=https://mirror"),
            ("https://mirror/x@y", "https://mirror/x@y"),
            ("mirror", "mirror"),
        ] {
            assert_eq!(without_password(address), shown);
        }
    }

    #[test]
    fn what_anybody_could_change_is_refused() {
        for text in [
            "https://a=http://b",
            "https://a=http://127.0.0.1.example/",
            "https://a=http://localhost.example",
        ] {
            assert!(matches!(Mirrors::parse(text, false), Err(Error::Mirror { .. })), "{text}");
            assert!(Mirrors::parse(text, true).is_ok(), "{text}");
        }
        for text in
            ["https://a=http://127.0.0.1:80/x", "https://a=http://[::1]:80", "https://a=http://localhost/"]
        {
            assert!(Mirrors::parse(text, false).is_ok(), "{text}");
        }
        for text in [
            "https://a",
            "a=https://b",
            "https://a=ftp://b",
            "https://a=file://b",
            "https://a=/b",
            "=",
            "http://a=https://b",
            "https://a=https://",
            "https://a=https://[::1",
            "https://a=https://b:port",
        ] {
            assert!(Mirrors::parse(text, true).is_err(), "{text}");
        }
    }
}
