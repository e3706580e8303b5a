//! Where somebody is: hosts and ports.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::validation::{Invalid, begins_with, validated};

validated!(
    /// A host name (RFC 1123) or the literal of an IP address.
    HostName, "host name", "letters, digits, dots, hyphens and `_`, or an IP address",
    |text| text.parse::<IpAddr>().is_ok()
        || is_dns_name(&text.strip_suffix('.').unwrap_or(text).replace('_', "x"))
);

validated!(
    /// Where an SSH server is: a host name or an address, which may name the interface that leads there (RFC 4007, 11):
    /// `fe80::1%eth0`.
    SshHost, "host name", "letters, digits, dots, hyphens and `_`, or an IP address",
    |text| HostName::parse(text).is_ok() || is_scoped_address(text)
);

validated!(
    /// A name that a TLS certificate can hold besides addresses.
    DnsName, "DNS name", "letters, digits, dots and hyphens", is_dns_name
);

impl From<IpAddr> for HostName {
    fn from(address: IpAddr) -> Self {
        Self(address.to_string())
    }
}

impl From<&DnsName> for HostName {
    fn from(name: &DnsName) -> Self {
        Self(name.0.clone())
    }
}

/// A TCP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct Port(u16);

impl Port {
    /// The number.
    pub(crate) fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Port {
    type Error = Invalid;

    fn try_from(number: u16) -> Result<Self, Invalid> {
        let invalid = Invalid { kind: "port", form: "1 to 65535" };
        (number != 0).then_some(Self(number)).ok_or(invalid)
    }
}

/// An address that one interface leads to, with that interface's name or number.
fn is_scoped_address(text: &str) -> bool {
    let is_interface = |name: &str| {
        (1..=64).contains(&name.len())
            && begins_with(name, |c| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    text.split_once('%')
        .is_some_and(|(address, interface)| address.parse::<Ipv6Addr>().is_ok() && is_interface(interface))
}

fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name that ends in a number is an address in one of its old spellings, such as 127.1.
    let is_address = text.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(label) && !is_address
}
