//! `[USER@]HOST[:PORT]`, as typed after `--host` and in `ProxyJump`.

use std::fmt;
use std::str::FromStr;

use crate::base::types::{Invalid, SshHost, SshUser};

/// Where to log in, as far as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The user before the `@`.
    pub user: Option<SshUser>,
    /// The host.
    pub host: SshHost,
    /// The port after the last `:`.
    pub port: Option<u16>,
}

impl FromStr for Address {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.strip_prefix("ssh://").unwrap_or(text);
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(SshUser::parse(user)?), rest),
            None => (None, text),
        };
        let (host, port) = split_port(rest)?;
        Ok(Self { user, host: SshHost::parse(host)?, port: port.map(parse_port).transpose()? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match (self.port, self.host.as_str().contains(':')) {
            (None, _) => write!(f, "{}", self.host),
            (Some(port), false) => write!(f, "{}:{port}", self.host),
            (Some(port), true) => write!(f, "[{}]:{port}", self.host),
        }
    }
}

/// A port number, 1 to 65535.
pub(super) fn parse_port(text: &str) -> Result<u16, Invalid> {
    let invalid = Invalid { kind: "port", form: "1 to 65535" };
    text.parse().ok().filter(|port| *port != 0).ok_or(invalid)
}

/// Splits `HOST:PORT` and `[IPV6]:PORT`; an IPv6 address without brackets has no port.
fn split_port(text: &str) -> Result<(&str, Option<&str>), Invalid> {
    if let Some((host, after)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match after.strip_prefix(':') {
            None if !after.is_empty() => Err(Invalid { kind: "address", form: "`[IPV6]:PORT`" }),
            port => Ok((host, port)),
        };
    }
    Ok(match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, String, Option<u16>) {
        let address: Address = text.parse().unwrap();
        (address.user.map(|user| user.to_string()), address.host.to_string(), address.port)
    }

    #[test]
    fn reads_every_form() {
        assert_eq!(parts("h"), (None, "h".into(), None));
        assert_eq!(parts("u@h:22"), (Some("u".into()), "h".into(), Some(22)));
        assert_eq!(parts("ssh://u@h:22"), (Some("u".into()), "h".into(), Some(22)));
        assert_eq!(parts("u@[::1]:22"), (Some("u".into()), "::1".into(), Some(22)));
        assert_eq!(parts("fe80::1"), (None, "fe80::1".into(), None));
        assert_eq!(parts("u@fe80::1%eth0"), (Some("u".into()), "fe80::1%eth0".into(), None));
        assert_eq!(parts("[fe80::1%eth0]:22"), (None, "fe80::1%eth0".into(), Some(22)));
    }

    #[test]
    fn refuses_what_a_shell_or_ssh_would_take_for_something_else() {
        for text in [
            "",
            "-oProxyCommand=x",
            "u@-h",
            "-u@h",
            "h:0",
            "h:99999",
            "h:x",
            "[::1]22",
            "a b",
            "$(id)@h",
            "u@h;id",
            "h:",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
