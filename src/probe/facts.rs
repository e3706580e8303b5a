//! What the guest answered, as types. Nothing in here is trusted: it is what the guest says of itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::frame::Frame;
use super::script::Questions;
use crate::error::Error;
use crate::grammar::{GuestPath, ReleaseValue};

/// The answers.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The questions that need root were asked as root.
    pub root: bool,
    /// The units that systemd knows, by name without `.service`.
    pub units: BTreeMap<String, UnitState>,
    /// The files that were found; the others are absent.
    pub files: BTreeMap<GuestPath, FileFact>,
    /// The guest's own addresses that another machine may be able to use, in the guest's order.
    pub addresses: Vec<IpAddr>,
    /// `/etc/os-release`.
    pub release: OsRelease,
}

/// What systemd says of a unit (`ActiveState` in `systemctl(1)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitState {
    /// Started.
    Active,
    /// On its way up.
    Activating,
    /// It ended with an error.
    Failed,
    /// Anything else.
    Inactive,
}

/// What was found of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFact {
    /// It exists; its content was not asked for.
    Present,
    /// It exists and cannot be read.
    Denied,
    /// It may exist: its folder cannot be entered.
    Hidden,
    /// Its content, and that of the files it names, by path.
    Text {
        /// The content.
        content: Vec<u8>,
        /// The content of the files named in it.
        parts: BTreeMap<String, Vec<u8>>,
    },
}

/// The fields of `/etc/os-release` (`os-release(5)`) that are safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease(BTreeMap<String, ReleaseValue>);

impl Facts {
    /// Reads the answers to `questions`.
    ///
    /// Errors: an answer to something that was not asked, or twice the same.
    pub(super) fn from_frames(questions: &Questions, frames: &[Frame]) -> Result<Self, Error> {
        let mut facts = Self::default();
        let mut part_path = None;
        for frame in frames {
            let path = match frame.index {
                Some(index) => Some(&questions.files.get(index).ok_or(Error::AnswerMalformed)?.path),
                None => None,
            };
            match (frame.kind, path) {
                ("root", None) => facts.root = true,
                ("units", None) => facts.units = parse_units(&text(frame.body)),
                ("addresses", None) => facts.addresses = parse_addresses(&text(frame.body)),
                ("release", None) => facts.release = OsRelease::parse(&text(frame.body)),
                ("present", Some(path)) => facts.add_file(path, FileFact::Present)?,
                ("denied", Some(path)) => facts.add_file(path, FileFact::Denied)?,
                ("hidden", Some(path)) => facts.add_file(path, FileFact::Hidden)?,
                ("text", Some(path)) => {
                    let fact = FileFact::Text { content: frame.body.to_vec(), parts: BTreeMap::new() };
                    facts.add_file(path, fact)?;
                }
                ("path", Some(_)) => part_path = Some(text(frame.body).into_owned()),
                ("part", Some(path)) => {
                    let name = part_path.take().ok_or(Error::AnswerMalformed)?;
                    facts.add_part(path, name, frame.body)?;
                }
                _ => return Err(Error::AnswerMalformed),
            }
        }
        Ok(facts)
    }

    fn add_file(&mut self, path: &GuestPath, fact: FileFact) -> Result<(), Error> {
        match self.files.insert(path.clone(), fact) {
            None => Ok(()),
            Some(_) => Err(Error::AnswerMalformed),
        }
    }

    fn add_part(&mut self, path: &GuestPath, name: String, body: &[u8]) -> Result<(), Error> {
        match self.files.get_mut(path) {
            Some(FileFact::Text { parts, .. }) => {
                parts.insert(name, body.to_vec());
                Ok(())
            }
            _ => Err(Error::AnswerMalformed),
        }
    }
}

impl OsRelease {
    /// Reads `KEY=value` and `KEY="value"` lines; a value that is not plain text is left out, as if the
    /// file did not have it.
    pub fn parse(text: &str) -> Self {
        let field = |line: &str| {
            let (key, value) = line.trim().split_once('=')?;
            let value =
                ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q)).unwrap_or(value);
            let plain = key.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !key.is_empty();
            plain.then_some(())?;
            Some((key.to_owned(), ReleaseValue::parse(value).ok()?))
        };
        Self(text.lines().filter_map(field).collect())
    }

    /// The value of `key`, if there is one that is not empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(ReleaseValue::as_str).filter(|value| !value.is_empty())
    }
}

/// Reads the blocks of `systemctl show`; a unit that systemd does not know is left out.
fn parse_units(text: &str) -> BTreeMap<String, UnitState> {
    let unit = |block: &str| {
        let property = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let id = property("Id")?;
        let known = !matches!(property("LoadState")?, "not-found" | "error" | "bad-setting");
        let state = match property("ActiveState")? {
            "active" | "reloading" | "refreshing" => UnitState::Active,
            "activating" => UnitState::Activating,
            "failed" => UnitState::Failed,
            _ => UnitState::Inactive,
        };
        known.then(|| (id.strip_suffix(".service").unwrap_or(id).to_owned(), state))
    };
    text.split("\n\n").filter_map(unit).collect()
}

/// Reads `ip -o addr` (interface in the second column, `inet` or `inet6` and the address after it) or, from
/// a guest without it, the plain list of `hostname -I`.
fn parse_addresses(text: &str) -> Vec<IpAddr> {
    let of_interface = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let inet = words.iter().position(|word| matches!(*word, "inet" | "inet6"))?;
        let interface = words.get(1)?;
        let inside = INSIDE.iter().any(|prefix| interface.starts_with(prefix));
        let address = words.get(inet + 1)?.split('/').next()?;
        (!inside).then_some(address.to_owned())
    };
    let words: Vec<String> = if text.contains(" inet") {
        text.lines().filter_map(of_interface).collect()
    } else {
        text.split_whitespace().map(ToOwned::to_owned).collect()
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in words.iter().filter_map(|word| word.parse().ok()).filter(is_usable) {
        if !addresses.contains(&address) && addresses.len() < MOST_ADDRESSES {
            addresses.push(address);
        }
    }
    // IPv4 first: what listens on an address given by hand mostly listens there.
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses
}

fn is_usable(address: &IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4.is_link_local());
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || broadcast)
}

fn text(body: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(body)
}

/// Interfaces whose addresses mean nothing outside the guest.
const INSIDE: [&str; 8] = ["lo", "docker", "br-", "veth", "cni", "flannel", "cali", "virbr"];
/// More than this many attempts to connect would be a load.
const MOST_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_read_and_unknown_ones_left_out() {
        let units = parse_units(
            "Id=k3s.service\nLoadState=not-found\nActiveState=inactive\n\n\
             ActiveState=active\nId=kubelet.service\nLoadState=loaded\n\nId=etcd.service\nLoadState=loaded\nActiveState=failed",
        );
        assert_eq!(units.len(), 2);
        assert_eq!(units["kubelet"], UnitState::Active);
        assert_eq!(units["etcd"], UnitState::Failed);
    }

    #[test]
    fn addresses_inside_the_guest_are_left_out() {
        let text = "1: lo    inet 127.0.0.1/8 scope host lo\n\
                    2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global eth0\n\
                    2: eth0    inet6 fd00::5/64 scope global \\       valid_lft forever\n\
                    3: eth1    inet 192.168.56.7/24 scope global eth1\n\
                    4: docker0    inet 172.17.0.1/16 scope global docker0\n\
                    5: cali123@if2    inet 10.1.1.1/32 scope global cali123";
        let addresses: Vec<String> = parse_addresses(text).iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["10.0.2.15", "192.168.56.7", "fd00::5"]);
    }

    #[test]
    fn the_plain_list_is_read_too() {
        let addresses = parse_addresses("10.0.2.15 192.168.56.7 fe80::1 \n");
        assert_eq!(addresses.len(), 3);
    }

    #[test]
    fn hostile_addresses_are_left_out() {
        for text in
            ["$(id)", "0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "1.2.3", "2: e inet $(id)/24"]
        {
            assert!(parse_addresses(text).is_empty(), "{text}");
        }
        let many = (0..200).map(|n| format!("10.0.0.{n} ")).collect::<String>();
        assert_eq!(parse_addresses(&many).len(), MOST_ADDRESSES);
    }

    #[test]
    fn os_release_keeps_plain_values_only() {
        let release = OsRelease::parse(
            "NAME=\"Atomic Developer Bundle\"\nVARIANT_ID='adb'\nID=centos\nVARIANT=\"$(id)\"\nBUILD_ID=`id`\nlower=x\n=y\nVERSION_ID=\"7\x1b[0m\"\n",
        );
        assert_eq!(release.get("NAME"), Some("Atomic Developer Bundle"));
        assert_eq!(release.get("VARIANT_ID"), Some("adb"));
        assert_eq!(release.get("ID"), Some("centos"));
        for absent in ["VARIANT", "BUILD_ID", "lower", "", "VERSION_ID"] {
            assert_eq!(release.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn answers_nobody_asked_for_are_refused() {
        let refused = |frames: &[Frame]| Facts::from_frames(&Questions::default(), frames).is_err();
        assert!(refused(&[Frame { kind: "text", index: Some(0), body: b"" }]));
        assert!(refused(&[Frame { kind: "evil", index: None, body: b"" }]));
        assert!(refused(&[Frame { kind: "part", index: None, body: b"" }]));
    }

    proptest! {
        #[test]
        fn nothing_makes_the_readers_panic(text in ".*") {
            parse_units(&text);
            parse_addresses(&text);
            OsRelease::parse(&text);
        }
    }
}
