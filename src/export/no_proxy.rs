//! The host's own proxy, which would keep its clients from a machine: whether it does, and what keeps it out. Pure.

use std::net::IpAddr;

use super::error::Error;
use super::variables::Export;
use crate::base::env::Env;
use crate::base::types::VariableName;

/// The variable of `env` that would have clients look for `host` behind a proxy; none where they go there directly.
///
/// Go's clients (kubectl, docker, oc) read `HTTPS_PROXY`; others read `ALL_PROXY` too. All read `NO_PROXY` as
/// `golang.org/x/net/http/httpproxy` does, and leave this host alone.
pub(crate) fn proxy_variable(env: &Env, host: &str, port: u16) -> Option<&'static str> {
    let is_set = |name: &&&str| value(env, name).is_some();
    let proxy = PROXIES.iter().find(is_set)?;
    (!is_local(host) && !is_left_out(env, host, port)).then_some(*proxy)
}

/// What exports `hosts` as reached without a proxy, beside those that are so already; nothing where all are.
///
/// Errors: what is set already cannot be written for a shell.
pub(crate) fn without_proxy(env: &Env, hosts: &[&str]) -> Result<Vec<Export>, Error> {
    let set: Vec<&str> = NO_PROXIES.into_iter().filter(|name| value(env, name).is_some()).collect();
    let names = if set.is_empty() { &NO_PROXIES[..1] } else { &set };
    let with_hosts = |name: &&str| {
        let current = value(env, name).unwrap_or_default();
        let missing = hosts.iter().filter(|host| !entries(current).any(|entry| entry == **host));
        let all: Vec<&str> = entries(current).chain(missing.copied()).collect();
        let text = all.join(",");
        (text != current).then(|| export(name, text))
    };
    names.iter().filter_map(with_hosts).collect()
}

fn export(name: &str, value: String) -> Result<Export, Error> {
    let unprintable = |_| Error::Unprintable { name: name.to_owned() };
    Export::new(VariableName::parse(name).map_err(unprintable)?, value)
}

/// True when `NO_PROXY` covers `host`.
fn is_left_out(env: &Env, host: &str, port: u16) -> bool {
    // Go reads the first of the two that is set.
    let list = NO_PROXIES.iter().find_map(|name| value(env, name)).unwrap_or_default();
    entries(list).any(|entry| covers(entry, host, port))
}

/// True when an entry of `NO_PROXY` is about `host`: `*`, an address, a network, a domain, each maybe with a port.
fn covers(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        return is_in_network(network, bits, host);
    }
    let (entry, host) = (entry.to_ascii_lowercase(), host.to_ascii_lowercase());
    let (name, only) = match entry.rsplit_once(':') {
        Some((name, digits)) if entry.parse::<IpAddr>().is_err() => {
            (name.trim_matches(['[', ']']), Some(digits))
        }
        _ => (entry.as_str(), None),
    };
    if only.is_some_and(|only| only.parse() != Ok(port)) {
        return false;
    }
    if let (Ok(one), Ok(other)) = (name.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return one == other;
    }
    let domain = name.strip_prefix("*.").or_else(|| name.strip_prefix('.'));
    match domain {
        Some(domain) => is_below(&host, domain),
        None => host == name || is_below(&host, name),
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
}

fn is_in_network(network: &str, bits: &str, host: &str) -> bool {
    let (Ok(network), Ok(bits), Ok(host)) =
        (network.parse::<IpAddr>(), bits.parse::<u32>(), host.parse::<IpAddr>())
    else {
        return false;
    };
    let is_same = |one: u128, other: u128, length: u32| {
        bits <= length && (bits == 0 || (one ^ other) >> (length - bits) == 0)
    };
    match (network, host) {
        (IpAddr::V4(one), IpAddr::V4(other)) => is_same(one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => is_same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

fn value<'e>(env: &'e Env, name: &str) -> Option<&'e str> {
    env.variable(name).filter(|value| !value.is_empty())
}

/// In the order in which Go looks at the first two.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const NO_PROXIES: [&str; 2] = ["NO_PROXY", "no_proxy"];

#[cfg(test)]
mod tests {
    use super::*;

    fn env(variables: &[(&str, &str)]) -> Env {
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Env { environment, ..Env::default() }
    }

    fn caught(variables: &[(&str, &str)], host: &str) -> Option<&'static str> {
        proxy_variable(&env(variables), host, 6443)
    }

    #[test]
    fn a_proxy_catches_all_but_this_host() {
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            assert_eq!(caught(&[(name, "http://proxy:3128")], "192.168.56.7"), Some(name));
            assert_eq!(caught(&[(name, "")], "192.168.56.7"), None);
            for host in ["127.0.0.1", "localhost", "::1"] {
                assert_eq!(caught(&[(name, "http://proxy:3128")], host), None, "{host}");
            }
        }
        assert_eq!(caught(&[("HTTP_PROXY", "http://proxy:3128")], "192.168.56.7"), None);
    }

    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        let caught = |list: &str, host: &str| {
            caught(&[("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", list)], host).is_some()
        };
        for (list, host) in [
            ("*", "192.168.56.7"),
            ("192.168.56.7", "192.168.56.7"),
            ("a.example, 192.168.56.7", "192.168.56.7"),
            ("192.168.56.0/24", "192.168.56.7"),
            ("0.0.0.0/0", "192.168.56.7"),
            ("192.168.56.7:6443", "192.168.56.7"),
            ("[fd00::7]:6443", "fd00::7"),
            ("fd00::7", "fd00::7"),
            ("fd00::/8", "fd00::7"),
            ("example", "api.Example"),
            (".example", "api.example"),
            ("*.example", "api.example"),
            ("api.example", "api.example"),
        ] {
            assert!(!caught(list, host), "{list} {host}");
        }
        for (list, host) in [
            ("192.168.56.8", "192.168.56.7"),
            ("192.168.57.0/24", "192.168.56.7"),
            ("192.168.56.7:443", "192.168.56.7"),
            ("192.168.56.7:x", "192.168.56.7"),
            ("192.168.56.0/33", "192.168.56.7"),
            ("192.168.56.0/x", "192.168.56.7"),
            (".example", "example"),
            ("ample", "api.example"),
            ("", "192.168.56.7"),
        ] {
            assert!(caught(list, host), "{list} {host}");
        }
    }

    #[test]
    fn adds_to_what_is_set() {
        let added = |variables: &[(&str, &str)]| {
            let exports = without_proxy(&env(variables), &["192.168.56.7", "api.example"]).unwrap();
            exports.iter().map(|export| format!("{}={}", export.name, export.value)).collect::<Vec<_>>()
        };
        assert_eq!(added(&[]), ["NO_PROXY=192.168.56.7,api.example"]);
        assert_eq!(added(&[("no_proxy", "a, api.example")]), ["no_proxy=a,api.example,192.168.56.7"]);
        assert_eq!(
            added(&[("NO_PROXY", "a"), ("no_proxy", "192.168.56.7,api.example")]),
            ["NO_PROXY=a,192.168.56.7,api.example"]
        );
        assert!(without_proxy(&env(&[("NO_PROXY", "a\nb")]), &["c"]).is_err());
    }
}
