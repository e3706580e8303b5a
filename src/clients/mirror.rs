//! Where to look instead of at the publisher's own address. Addresses are compared as they are parsed, since their
//! text can name one host and lead to another (`http://127.0.0.1:80@example.com`).

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use url::Host;

use super::error::Error;

/// Addresses, and what to use in their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mirrors {
    mirrors: Vec<Mirror>,
    /// Beyond this host they may do without encryption.
    allow_http: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    /// None for every address.
    from: Option<Url>,
    to: Url,
}

impl Mirrors {
    /// None yet.
    pub(crate) fn new(allow_http: bool) -> Self {
        Self { mirrors: Vec::new(), allow_http }
    }

    /// Those of `named`, which is `FROM=TO FROM=TO` as in `SERVICE_MANAGER_MIRROR`, then those of the settings.
    ///
    /// Errors: as for [`Self::add`].
    pub(crate) fn from_settings(
        named: &str,
        settings: &BTreeMap<String, String>,
        allow_http: bool,
    ) -> Result<Self, Error> {
        let mut mirrors = Self::parse(named, allow_http)?;
        for (from, to) in settings {
            mirrors.add(from, to)?;
        }
        Ok(mirrors)
    }

    fn parse(text: &str, allow_http: bool) -> Result<Self, Error> {
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
    /// the host; one of them is no address.
    pub(crate) fn add(&mut self, from: &str, to: &str) -> Result<(), Error> {
        // A password with `=` in it is in both parts.
        let is_secret = from.contains('@') || to.contains('@');
        let refused = |text: &str, what| {
            let text =
                if is_secret && parse(text).is_none() { "…".to_owned() } else { without_password(text) };
            Error::Mirror { text, what }
        };
        let from = source(from).map_err(|what| refused(from, what))?;
        let to = self.target(to).map_err(|what| refused(to, what))?;
        self.mirrors.push(Mirror { from, to });
        Ok(())
    }

    fn target(&self, text: &str) -> Result<Url, &'static str> {
        let begins_well = ["https://", "http://", "file:///"].iter().any(|begin| begins_with(text, begin));
        if !begins_well {
            return Err("begins with neither `https://` nor `file:///`");
        }
        let url = parse(text).filter(is_plain).ok_or(NO_ADDRESS)?;
        if url.scheme() != FILE && !self.allows(&url) {
            return Err("is not encrypted, so anybody on the way could change what is downloaded");
        }
        Ok(url)
    }

    /// True when nobody on the way to `url` can change what comes from there, or may.
    pub(crate) fn allows(&self, url: &Url) -> bool {
        url.scheme() == "https" || url.scheme() == "http" && (self.allow_http || is_loopback(url))
    }

    /// The address to use for `url`: that of the mirror whose `from` fits longest, of equal ones the first.
    pub(crate) fn address(&self, url: &Url) -> Url {
        let fitting = self.mirrors.iter().filter_map(|mirror| mirror.replace(url));
        let longest = fitting.rev().max_by_key(|(length, _)| *length);
        longest.map_or_else(|| url.clone(), |(_, url)| url)
    }
}

impl Mirror {
    /// The address in place of `url`, and how much of `url` decides it: more is better. None when it does not fit.
    fn replace(&self, url: &Url) -> Option<(usize, Url)> {
        let segments: Vec<&str> = url.path_segments()?.collect();
        let (length, rest) = match &self.from {
            None => (0, [authority(url).as_str(), &segments.join("/")].join("/")),
            Some(from) => {
                let length = common(from, url, &segments)?;
                (length + 1, segments[length..].join("/"))
            }
        };
        let mut address = self.to.clone();
        address.set_path(&format!("{}/{rest}", self.to.path().trim_end_matches('/')));
        address.set_query(url.query());
        Some((length, address))
    }
}

/// A scheme is the same in any case (RFC 3986, 3.1).
fn begins_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
}

fn source(text: &str) -> Result<Option<Url>, &'static str> {
    match text {
        _ if text.eq_ignore_ascii_case(EVERY_ADDRESS) => Ok(None),
        _ if !begins_with(text, EVERY_ADDRESS) => Err("does not begin with `https://`"),
        _ => parse(text).filter(is_plain).filter(|url| !has_login(url)).map(Some).ok_or(NO_ADDRESS),
    }
}

/// How many segments the path of `from` has, if `url` is below it.
fn common(from: &Url, url: &Url, segments: &[&str]) -> Option<usize> {
    let origin = |url: &Url| (url.scheme().to_owned(), authority(url));
    let folders: Vec<&str> = from.path_segments()?.filter(|segment| !segment.is_empty()).collect();
    let is_same = |(one, other): (&&str, &&str)| percent_decode_str(one).eq(percent_decode_str(other));
    let fits = origin(from) == origin(url)
        && folders.len() <= segments.len()
        && folders.iter().zip(segments).all(is_same);
    fits.then_some(folders.len())
}

/// `HOST` or `HOST:PORT`; the port of the scheme is left out.
fn authority(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// True for an address of this host itself.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}

/// A URL that has an authority, as all addresses here do.
fn parse(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| !url.cannot_be_a_base())
}

/// Other parts of an address would be lost.
fn is_plain(url: &Url) -> bool {
    url.query().is_none() && url.fragment().is_none()
}

fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// An address as it may be shown: without the user and the password of a mirror.
pub(super) fn without_password(address: &str) -> String {
    match parse(address) {
        // Whatever it is, what is before the last `@` may be a password.
        None => address.rsplit_once('@').map_or(address, |(_, host)| host).to_owned(),
        Some(url) if !has_login(&url) => address.to_owned(),
        Some(mut url) => {
            let is_hidden = url.set_username("").is_ok() && url.set_password(None).is_ok();
            let shown = if is_hidden { url.as_str() } else { "…" };
            // The slash of an empty path is the parser's.
            if address.ends_with('/') { shown } else { shown.trim_end_matches('/') }.to_owned()
        }
    }
}

/// The scheme of a file on the host.
pub(super) const FILE: &str = "file";
/// Instead of every publisher's address.
const EVERY_ADDRESS: &str = "https://";
const NO_ADDRESS: &str = "is no address";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn address(mirrors: &str, address: &str) -> String {
        Mirrors::parse(mirrors, false).unwrap().address(&url(address)).into()
    }

    #[test]
    fn the_longest_beginning_wins() {
        let mirrors = "https://=file:///air https://dl.k8s.io=https://mirror.example/k8s/,https://dl.k8s.io=https://second";
        assert_eq!(address(mirrors, "https://dl.k8s.io/release/x"), "https://mirror.example/k8s/release/x");
        assert_eq!(address(mirrors, "https://dl.k8s.io"), "https://mirror.example/k8s/");
        assert_eq!(address(mirrors, "https://dl.k8s.io.example/x"), "file:///air/dl.k8s.io.example/x");
        assert_eq!(address("", "https://dl.k8s.io/x"), "https://dl.k8s.io/x");
        let loud = "HTTPS://dl.k8s.io=Https://mirror.example HTTPS://=FILE:///air";
        assert_eq!(address(loud, "https://dl.k8s.io/x"), "https://mirror.example/x");
        assert_eq!(address(loud, "https://a/x"), "file:///air/a/x");
        let paths = "https://a/b=https://short https://a/b/c/=https://long https://a/b/c=https://late";
        assert_eq!(address(paths, "https://a/b/c/d"), "https://long/d");
        assert_eq!(address(paths, "https://a/b/cd"), "https://short/cd");
        assert_eq!(address(paths, "https://a/bc"), "https://a/bc");
    }

    #[test]
    fn a_beginning_is_compared_as_it_is_parsed() {
        for (from, to) in [
            ("https://DL.k8s.io:443/release", "https://m/x"),
            ("https://dl.k8s.io/a/../release/", "https://m/x"),
            ("https://dl.k8s.io/%72elease", "https://m/x"),
            ("https://dl.k8s.io:444/release", "https://dl.k8s.io/release/x"),
            ("https://dl.k8s.io/rel", "https://dl.k8s.io/release/x"),
        ] {
            assert_eq!(address(&format!("{from}=https://m"), "https://dl.k8s.io/release/x"), to, "{from}");
        }
        assert_eq!(address("https://=https://m", "https://a:8443/x"), "https://m/a:8443/x");
    }

    #[test]
    fn settings_come_after_the_environment() {
        let set = BTreeMap::from([("https://a", "https://set"), ("https://b", "http://set")]);
        let set = set.into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).collect();
        let mirrors = Mirrors::from_settings("https://a=https://named", &set, true).unwrap();
        assert_eq!(mirrors.address(&url("https://a/x")).as_str(), "https://named/x");
        assert_eq!(mirrors.address(&url("https://b/x")).as_str(), "http://set/x");
        assert!(Mirrors::from_settings("", &set, false).is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        for (address, shown) in [
            ("https://user:p%40ss@mirror/x@y", "https://mirror/x@y"),
            ("https://user:p@ss@mirror/x", "https://mirror/x"),
            ("https://token@mirror", "https://mirror"),
            ("https://user:pass@[::1", "[::1"),
            ("user:pass@mirror", "mirror"),
            ("https://mirror/x@y", "https://mirror/x@y"),
            ("mirror", "mirror"),
        ] {
            assert_eq!(without_password(address), shown);
        }
        let refused = Mirrors::parse("https://user:se=cret@mirror", false).unwrap_err().to_string();
        assert!(!refused.contains("se") || !refused.contains("cret"), "{refused}");
    }

    #[test]
    fn what_anybody_could_change_is_refused() {
        for text in [
            "https://a=http://b",
            "https://a=http://127.0.0.1.example/",
            "https://a=http://localhost.example",
            "https://=http://127.0.0.1:8100@other.example:8101",
            "https://=http://localhost@other.example",
            "https://=http://[::1]@other.example",
            "https://=http://other.example\\@127.0.0.1",
            "https://=http://other.example#@127.0.0.1",
            "https://=http://other.example?@127.0.0.1",
        ] {
            assert!(matches!(Mirrors::parse(text, false), Err(Error::Mirror { .. })), "{text}");
        }
        assert!(Mirrors::parse("https://a=http://b", true).is_ok());
        for text in [
            "https://a=http://127.0.0.1:80/x",
            "https://a=http://[::1]:80",
            "https://a=http://localhost/",
            "https://a=http://user:x@127.0.0.1",
            "https://a=http://127.1",
        ] {
            assert!(Mirrors::parse(text, false).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_mirror_is_refused() {
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
            "https://a=https://b?c",
            "https://a#b=https://c",
            "https://user@a=https://c",
        ] {
            assert!(Mirrors::parse(text, true).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn cleartext_stays_on_this_host(text in "https?:[/\\\\]{0,3}(localhost|127.0.0.1|\\[::1\\]|[a-z]{1,3})?[:@/#?\\\\.a-z0-9]{0,12}(@|:80|/)?(127.0.0.1|[a-z]{1,3})?") {
            let mirrors = Mirrors::new(false);
            if let Ok(target) = mirrors.target(&text) {
                let host = target.host_str().unwrap_or_default();
                prop_assert!(target.scheme() == "https" || ["localhost", "[::1]"].contains(&host) || host.starts_with("127."), "{target}");
            }
        }

        #[test]
        fn an_address_is_replaced_only_below_its_beginning(from in "https://[ab](:444)?(/[ab.]{0,2}){0,2}", wanted in "https://[ab](:444)?(/[ab.]{0,2}){0,3}") {
            let mut mirrors = Mirrors::new(false);
            mirrors.add(&from, "https://mirror").unwrap();
            let (from, wanted) = (url(&from), url(&wanted));
            let is_replaced = mirrors.address(&wanted).host_str() == Some("mirror");
            prop_assert!(!is_replaced || from.host_str() == wanted.host_str() && from.port() == wanted.port());
        }

        #[test]
        fn no_password_is_shown(scheme in "(https|http|file|x)://", password in "[A-Z]{6}[!-~]{0,3}", host in "[a-z.:/\\[]{0,6}") {
            let text = format!("{scheme}user:{password}@{host}");
            let shown = without_password(&text);
            let is_in_path = parse(&text).is_some_and(|url| !has_login(&url));
            prop_assert!(is_in_path || !shown.contains(&password[..6]), "{text} {shown}");
        }
    }
}
