//! The proxy that services in the guest go through.

use std::collections::BTreeSet;
use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use crate::base::types::{HostName, Invalid, Port};

/// Why what was given is no proxy. No value is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum ProxyError {
    #[error("the proxy is {source}")]
    Value { source: Invalid },
    #[error("the proxy needs {what}")]
    Incomplete { what: &'static str },
}

/// A proxy, and who may use it.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    host: HostName,
    port: Port,
    login: Option<ProxyLogin>,
}

#[derive(Clone, Debug)]
struct ProxyLogin {
    user: String,
    password: SecretString,
}

/// A proxy as the user gave it, part by part.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyInput {
    /// `http://HOST:PORT`, or without `http://`.
    pub url: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
}

impl ProxyInput {
    /// True when nothing was.
    pub(crate) fn is_empty(&self) -> bool {
        self.url.is_none() && self.user.is_none() && self.password.is_none()
    }
}

impl Proxy {
    /// Reads what was given; none when nothing was.
    ///
    /// Errors: a part that is not of its form, or without the other part that it needs. No value is in them.
    pub(crate) fn read(input: &ProxyInput) -> Result<Option<Self>, ProxyError> {
        let Some(url) = &input.url else {
            return if input.is_empty() {
                Ok(None)
            } else {
                Err(ProxyError::Incomplete { what: "an address" })
            };
        };
        let login = match (&input.user, &input.password) {
            (None, None) => None,
            (Some(_), None) => return Err(ProxyError::Incomplete { what: "a password for its user" }),
            (None, Some(_)) => return Err(ProxyError::Incomplete { what: "a user for its password" }),
            (Some(user), Some(password)) => Some(ProxyLogin::read(user, password)?),
        };
        let (host, port) = place(url).ok_or(ProxyError::Value { source: ADDRESS })?;
        Ok(Some(Self { host, port, login }))
    }

    /// The variables that `sccli` takes it from. It percent-encodes user and password itself, but not before it has put them
    /// into commands of its own.
    ///
    /// Errors: a character in them that is not safe there.
    pub(super) fn for_sccli(&self) -> Result<Vec<(&'static str, SecretString)>, ProxyError> {
        let mut variables = vec![("PROXY", SecretString::from(self.place()))];
        if let Some(ProxyLogin { user, password }) = &self.login {
            if !is_plain(user) || !is_plain(password.expose_secret()) {
                return Err(ProxyError::Value { source: PLAIN });
            }
            variables.push(("PROXY_USER", user.as_str().into()));
            variables.push(("PROXY_PASSWORD", password.clone()));
        }
        Ok(variables)
    }

    /// The variables that package managers and other programs take it from. The guest's own `addresses` are not gone to through the
    /// proxy, as in [`Self::environment`].
    pub(super) fn for_programs(&self, addresses: &[IpAddr]) -> Vec<(&'static str, SecretString)> {
        vec![("http_proxy", self.url()), ("https_proxy", self.url()), ("no_proxy", direct(addresses).into())]
    }

    /// The text of a file that systemd reads variables from (`EnvironmentFile=` in `systemd.exec(5)`). The guest's own
    /// `addresses`, and those of clusters and home networks, are not gone to through the proxy. The first line is the same
    /// whatever these are (`set_proxy` in guest.sh).
    pub(super) fn environment(&self, addresses: &[IpAddr]) -> SecretString {
        let url = self.url();
        let url = url.expose_secret();
        let direct = direct(addresses);
        let values = [("HTTP_PROXY", url), ("HTTPS_PROXY", url), ("NO_PROXY", &direct)];
        let line = |(name, value): (&str, &str)| {
            format!("{name}=\"{value}\"\n{}=\"{value}\"\n", name.to_lowercase())
        };
        values.map(line).concat().into()
    }

    fn url(&self) -> SecretString {
        let encoded = |text| utf8_percent_encode(text, RESERVED);
        let login = self.login.as_ref().map(|ProxyLogin { user, password }| {
            format!("{}:{}@", encoded(user), encoded(password.expose_secret()))
        });
        format!("http://{}{}", login.unwrap_or_default(), self.place()).into()
    }

    fn place(&self) -> String {
        let bracketed = self.host.as_str().contains(':');
        let host = if bracketed { format!("[{}]", self.host) } else { self.host.to_string() };
        format!("{host}:{}", self.port.number())
    }
}

/// What is not gone to through a proxy, in whatever order `addresses` were found.
fn direct(addresses: &[IpAddr]) -> String {
    let own: BTreeSet<IpAddr> = addresses.iter().copied().filter(|address| !address.is_loopback()).collect();
    let own = own.iter().map(ToString::to_string);
    let direct: Vec<String> = DIRECT.iter().map(ToString::to_string).chain(own).collect();
    direct.join(",")
}

impl ProxyLogin {
    fn read(user: &str, password: &SecretString) -> Result<Self, ProxyError> {
        let is_good = |text: &str| (1..=255).contains(&text.len()) && !text.contains(char::is_control);
        if !is_good(user) || user.contains(':') {
            return Err(ProxyError::Value { source: USER });
        }
        if !is_good(password.expose_secret()) {
            return Err(ProxyError::Value { source: PASSWORD });
        }
        Ok(Self { user: user.to_owned(), password: password.clone() })
    }
}

/// `HOST:PORT`, with or without `http://` before it and `/` behind. An IPv6 address stands in brackets.
fn place(url: &str) -> Option<(HostName, Port)> {
    let url = match url.split_at_checked("http://".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http://") => rest,
        _ => url,
    };
    let (host, port) = url.strip_suffix('/').unwrap_or(url).rsplit_once(':')?;
    let is_number = port.chars().all(|c| c.is_ascii_digit());
    let port = port.parse().ok().filter(|_| is_number).and_then(|port: u16| Port::try_from(port).ok())?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = HostName::parse(bare.unwrap_or(host)).ok()?;
    // In brackets stands what has colons, and nothing else.
    (host.as_str().contains(':') == bare.is_some()).then_some((host, port))
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+=@%,:~".contains(c))
}

const ADDRESS: Invalid = Invalid {
    kind: "proxy address",
    form: "`http://HOST:PORT` or `HOST:PORT`; an IPv6 address in brackets, as `[::1]:3128`",
};
const USER: Invalid = Invalid { kind: "user of a proxy", form: "no control characters, no `:`; at most 255" };
const PASSWORD: Invalid =
    Invalid { kind: "password for a proxy", form: "no control characters; at most 255" };
const PLAIN: Invalid =
    Invalid { kind: "user or password for `sccli`", form: "letters, digits and `._-+=@%,:~`" };
/// All but what a URL never gives a meaning to (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What k3s and RKE2 recommend (<https://docs.k3s.io/advanced#configuring-an-http-proxy>).
const DIRECT: [&str; 8] = [
    "localhost",
    "127.0.0.0/8",
    "::1",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    ".svc",
    ".cluster.local",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, user: &str, password: &str) -> Result<Option<Proxy>, ProxyError> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Proxy::read(&ProxyInput {
            url: some(url),
            user: some(user),
            password: some(password).map(Into::into),
        })
    }

    #[test]
    fn an_address_has_two_forms() {
        for url in ["proxy:3128", "http://proxy:3128", "HTTP://proxy:3128/"] {
            assert_eq!(read(url, "", "").unwrap().unwrap().url().expose_secret(), "http://proxy:3128");
        }
        for url in ["[2001:db8::7]:3128", "http://[2001:db8::7]:3128/"] {
            let proxy = read(url, "me", "p").unwrap().unwrap();
            assert_eq!(proxy.url().expose_secret(), "http://me:p@[2001:db8::7]:3128");
        }
        for url in [
            "proxy",
            "http://",
            "https://proxy:3128",
            "u:p@proxy:3128",
            "http://u:p@proxy:3128",
            "proxy:0",
            "proxy:99999",
            "proxy:+1",
            "proxy:",
            ":3128",
            "$(id):1",
            "a b:1",
            "a'b:1",
            "http://proxy:3128/x",
            "a\n:1",
            "::1:1",
            "[::1",
            "[::1]",
            "[[::1]]:1",
            "[proxy]:1",
            "[127.0.0.1]:1",
            "[fe80::1%eth0]:1",
        ] {
            assert!(matches!(read(url, "", ""), Err(ProxyError::Value { .. })), "{url}");
        }
        assert!(read("", "", "").unwrap().is_none());
    }

    #[test]
    fn user_and_password_belong_together_and_to_a_proxy() {
        for (url, user, password) in
            [("", "u", ""), ("", "", "p"), ("", "u", "p"), ("proxy:1", "u", ""), ("proxy:1", "", "p")]
        {
            let error = read(url, user, password).unwrap_err();
            assert!(matches!(error, ProxyError::Incomplete { .. }), "{error}");
        }
        for (user, password) in [("a:b", "p"), ("a\nb", "p"), ("u", "p\x1b"), ("u", &"p".repeat(256))] {
            assert!(matches!(read("proxy:1", user, password), Err(ProxyError::Value { .. })), "{user:?}");
        }
    }

    #[test]
    fn what_systemd_reads_has_nothing_that_it_would_interpret() {
        let proxy = read("proxy:1", "it's $(me)", "p\"%\\'@:/ä").unwrap().unwrap();
        let text = proxy.environment(&["192.0.2.7".parse().unwrap()]);
        let text = text.expose_secret();
        let url = "http://it%27s%20%24%28me%29:p%22%25%5C%27%40%3A%2F%C3%A4@proxy:1";
        assert!(
            text.starts_with(&format!("HTTP_PROXY=\"{url}\"\nhttp_proxy=\"{url}\"\nHTTPS_PROXY=")),
            "{text}"
        );
        assert!(text.ends_with(",.cluster.local,192.0.2.7\"\n"), "{text}");
        assert!(!text.contains(['\\', '$', '\'']));
        assert_eq!(text.matches('"').count(), 12);
    }

    #[test]
    fn the_order_of_the_addresses_does_not_matter() {
        let proxy = read("proxy:1", "", "").unwrap().unwrap();
        let text = |addresses: &[&str]| {
            let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
            proxy.environment(&addresses).expose_secret().to_owned()
        };
        let some = text(&["192.0.2.7", "2001:db8::1"]);
        assert_eq!(some, text(&["127.0.0.1", "2001:db8::1", "192.0.2.7", "192.0.2.7"]));
        let first = |text: &str| text.lines().next().map(str::to_owned);
        assert_eq!(first(&some), first(&text(&["192.0.2.8"])));
    }

    #[test]
    fn sccli_gets_nothing_that_its_own_shell_would_interpret() {
        let names = |user, password| {
            let variables = read("proxy:1", user, password).unwrap().unwrap().for_sccli();
            variables.map(|variables| variables.iter().map(|(name, _)| *name).collect::<Vec<_>>())
        };
        assert_eq!(names("", "").unwrap(), ["PROXY"]);
        assert_eq!(names("u", "p@1%").unwrap(), ["PROXY", "PROXY_USER", "PROXY_PASSWORD"]);
        for hostile in ["'", "$(id)", "`id`", "a b", "a&b", "a|b", "a/b", "a\\b", "a;b", "a\"b", "ä"] {
            assert!(names("u", hostile).is_err() && names(hostile, "p").is_err(), "{hostile}");
        }
    }

    #[test]
    fn programs_go_to_the_guest_itself_without_it() {
        let proxy = read("proxy:1", "", "").unwrap().unwrap();
        let variables = proxy.for_programs(&["192.0.2.7".parse().unwrap(), "127.0.0.1".parse().unwrap()]);
        let no_proxy = variables.iter().find(|(name, _)| *name == "no_proxy").unwrap();
        assert!(no_proxy.1.expose_secret().ends_with(",.cluster.local,192.0.2.7"));
    }

    #[test]
    fn a_password_never_shows() {
        let proxy = read("proxy:1", "u", "hunter2").unwrap().unwrap();
        assert!(!format!("{proxy:?} {:?}", proxy.environment(&[])).contains("hunter2"));
        let error = read("proxy:1", "u", "hunter2\n").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
