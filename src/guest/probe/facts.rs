//! What the guest answered, as types. Nothing in here is trusted: it is what the guest says of itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::error::Error;
use super::file_content::FileContent;
use super::os_release::OsRelease;
use super::questions::Questions;
use super::registry_container::RegistryContainer;
use crate::base::types::{GuestPath, GuestPattern, RuntimeFolder};
use crate::catalogue::platform::Platform;
use crate::guest::frame::Frame;

/// The answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The questions that need root were asked as root.
    pub root: bool,
    /// No systemd runs there, so that no unit can be known.
    pub no_systemd: bool,
    /// The units that systemd knows, by name without `.service`.
    pub units: BTreeMap<String, UnitState>,
    /// The files that were found; the others are absent. For a pattern whose folder cannot be entered, that
    /// folder.
    pub files: BTreeMap<GuestPath, FileFact>,
    /// A token of the cluster's service account `default`.
    pub token: TokenFact,
    /// The guest's own addresses that another machine may be able to use, in the guest's order.
    pub addresses: Vec<IpAddr>,
    /// For how long the units are active, by name without `.service`, those that are and of which it was asked.
    pub ages: BTreeMap<String, Duration>,
    /// The ports at which somebody listens in the guest, and whether that is for others than the guest itself; none where it
    /// was not asked, or the guest cannot tell.
    pub listening: Option<BTreeMap<u16, bool>>,
    /// The containers with an image registry in them, each once.
    pub registries: Vec<RegistryContainer>,
    /// There are others that publish no port, or that are not described as engines do.
    pub unreadable_registries: bool,
    /// `/etc/os-release`.
    pub release: OsRelease,
    /// What the guest runs on; none where that was not asked, or has no name here.
    pub platform: Option<Platform>,
    /// The runtime folder of the login user, which `%t` stands for.
    pub runtime: Option<RuntimeFolder>,
    /// What the guest wrote to standard error: noise, or the reason why something is missing.
    pub stderr: String,
}

/// What systemd says of a unit (`ActiveState` in `systemctl(1)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitState {
    /// Started.
    Active,
    /// On its way up.
    Activating,
    /// It ended with an error.
    Failed,
    /// It ended with an error, and systemd starts it again and again.
    Restarting,
    /// Anything else.
    Inactive,
}

impl UnitState {
    /// It ended with an error, whatever becomes of it.
    pub(crate) fn has_failed(self) -> bool {
        matches!(self, Self::Failed | Self::Restarting)
    }
}

/// What was found of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileFact {
    /// It exists; its content was not asked for.
    Present,
    /// It exists, and the user may write it.
    Writable,
    /// It exists and cannot be read.
    Denied,
    /// It may exist: its folder cannot be entered.
    Hidden,
    /// Its content, and that of the files it names, by path.
    Text {
        /// The content.
        content: FileContent,
        /// The content of the files named in it.
        parts: BTreeMap<String, FileContent>,
    },
}

/// What was found of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum TokenFact {
    /// It was not asked for.
    #[default]
    NotAsked,
    /// There is none.
    Missing,
    /// The token.
    Found(FileContent),
}

impl Facts {
    /// Reads the answers to `questions`.
    ///
    /// Errors: an answer to something that was not asked, twice the same, or more than the script ever sends.
    pub(super) fn from_frames(questions: &Questions, frames: &[Frame]) -> Result<Self, Error> {
        let is_too_long = |frame: &Frame| frame.body.len() > longest(frame.kind);
        if frames.len() > MOST_FRAMES || frames.iter().any(is_too_long) {
            return Err(Error::Malformed);
        }
        let token = if questions.token { TokenFact::Missing } else { TokenFact::NotAsked };
        let facts = Self { token, ..Self::default() };
        let mut reader = Reader { questions, facts, matched: None, part: None, container: None };
        for frame in frames {
            match frame.index {
                None => reader.read(frame)?,
                Some(index) => {
                    let question = questions.files.get(index).ok_or(Error::Malformed)?;
                    reader.read_file(frame, &question.pattern)?;
                }
            }
        }
        Ok(reader.facts)
    }
}

/// Reads one frame after the other.
struct Reader<'q> {
    questions: &'q Questions,
    facts: Facts,
    /// The file of a pattern that is spoken of; none when its name is too odd to be used.
    matched: Option<GuestPath>,
    /// The file named in a kubeconfig that is spoken of.
    part: Option<String>,
    /// The place of the container that is spoken of, if it is one of the registries.
    container: Option<usize>,
}

impl Reader<'_> {
    fn read(&mut self, frame: &Frame) -> Result<(), Error> {
        match frame.kind {
            "root" => self.facts.root = true,
            "nosystemd" if !self.questions.units.is_empty() => self.facts.no_systemd = true,
            "units" => self.facts.units.extend(parse_units(&text(frame.body))),
            // A unit's file is there also where nothing reads it.
            "installed" if self.facts.no_systemd => {}
            // Comes first. What is not loaded is not active either.
            "installed" => {
                let names = text(frame.body);
                self.facts.units =
                    names.split_whitespace().map(|name| (short(name), UnitState::Inactive)).collect();
            }
            "addresses" => self.facts.addresses = parse_addresses(&text(frame.body)),
            "ages" if self.questions.settling => self.facts.ages = parse_ages(&text(frame.body)),
            "listening" if self.questions.listening => {
                // At the very least there is an SSH server.
                self.facts.listening =
                    Some(parse_listening(&text(frame.body))).filter(|ports| !ports.is_empty());
            }
            "container" if self.questions.registries => self.add_container(frame.body),
            // Of the container before.
            "certificate" if self.questions.registries => {
                if let Some(container) = self.container.and_then(|at| self.facts.registries.get_mut(at)) {
                    container.certificate = Some(frame.body.to_vec().into());
                }
            }
            "machine" if self.questions.platform => self.facts.platform = parse_platform(&text(frame.body)),
            "runtime" => self.facts.runtime = RuntimeFolder::parse(&text(frame.body)).ok(),
            "release" if self.questions.release => self.facts.release = OsRelease::parse(&text(frame.body)),
            _ => return Err(Error::Malformed),
        }
        Ok(())
    }

    fn add_container(&mut self, body: &[u8]) {
        let known = &mut self.facts.registries;
        self.container = None;
        let Some(container) = RegistryContainer::parse(body) else {
            self.facts.unreadable_registries = true;
            return;
        };
        if known.iter().all(|other| other.name != container.name) {
            self.container = Some(known.len());
            known.push(container);
        }
    }

    fn read_file(&mut self, frame: &Frame, pattern: &GuestPattern) -> Result<(), Error> {
        if frame.kind == "match" {
            let path = GuestPath::parse(&text(frame.body)).ok();
            self.matched = path.filter(|path| pattern.matches(path));
            return Ok(());
        }
        if frame.kind == "hidden" {
            // Several patterns may be below one folder.
            if let Ok(folder) = GuestPath::parse(pattern.folder()) {
                self.facts.files.entry(folder).or_insert(FileFact::Hidden);
            }
            return Ok(());
        }
        let path = pattern.path().or_else(|| self.matched.clone());
        match frame.kind {
            "present" => self.add_file(path, FileFact::Present),
            "writable" => self.add_file(path, FileFact::Writable),
            "denied" => self.add_file(path, FileFact::Denied),
            "text" => {
                let content = frame.body.to_vec().into();
                self.add_file(path, FileFact::Text { content, parts: BTreeMap::new() })
            }
            "path" => {
                self.part = Some(text(frame.body).into_owned());
                Ok(())
            }
            "part" => self.add_part(path, frame.body),
            // A TokenRequest (<https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/>).
            "token" if self.questions.token => {
                let request: Option<serde_json::Value> = serde_json::from_slice(frame.body).ok();
                let token = request.as_ref().and_then(|request| request.pointer("/status/token")?.as_str());
                self.add_token(token.map(|token| token.as_bytes().to_vec()));
                Ok(())
            }
            "secret" if self.questions.token => {
                let packed: String = text(frame.body).split_whitespace().collect();
                self.add_token(BASE64_STANDARD.decode(packed).ok());
                Ok(())
            }
            _ => Err(Error::Malformed),
        }
    }

    fn add_file(&mut self, path: Option<GuestPath>, fact: FileFact) -> Result<(), Error> {
        let Some(path) = path else { return Ok(()) };
        match self.facts.files.insert(path, fact) {
            None => Ok(()),
            Some(_) => Err(Error::Malformed),
        }
    }

    fn add_token(&mut self, token: Option<Vec<u8>>) {
        self.facts.token = token.map_or(TokenFact::Missing, |token| TokenFact::Found(token.into()));
    }

    fn add_part(&mut self, path: Option<GuestPath>, body: &[u8]) -> Result<(), Error> {
        let name = self.part.take().ok_or(Error::Malformed)?;
        let Some(path) = path else { return Ok(()) };
        match self.facts.files.get_mut(&path) {
            Some(FileFact::Text { parts, .. }) => {
                parts.insert(name, body.to_vec().into());
                Ok(())
            }
            _ => Err(Error::Malformed),
        }
    }
}

/// Reads what `uname -m` says (`UTS_MACHINE` in Linux's Makefiles). Some 32-bit systems run on a kernel of 64 bits, and are taken for
/// what their kernel is.
fn parse_platform(text: &str) -> Option<Platform> {
    let processor = match text {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "armv7",
        "armv6l" => "armv6",
        "i386" | "i486" | "i586" | "i686" => "386",
        processor @ ("ppc64le" | "riscv64" | "s390x") => processor,
        _ => return None,
    };
    Platform::parse(&format!("linux/{processor}")).ok()
}

/// Reads the lines of `systemctl list-units`: name, load state, active state, sub state, description. Older
/// ones put a mark before a unit that failed.
fn parse_units(text: &str) -> BTreeMap<String, UnitState> {
    let unit = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| !word.contains('.'));
        let (name, load, active, sub) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let known = !matches!(load, "not-found" | "error" | "bad-setting");
        let state = match (active, sub) {
            ("active" | "reloading" | "refreshing", _) => UnitState::Active,
            ("activating", "auto-restart" | "auto-restart-queued") => UnitState::Restarting,
            ("failed", _) => UnitState::Failed,
            ("activating", _) => UnitState::Activating,
            _ => UnitState::Inactive,
        };
        known.then(|| (short(name), state))
    };
    text.lines().filter_map(unit).collect()
}

/// Reads `/proc/uptime` and then, a paragraph for each unit, what `systemctl show` says of it.
fn parse_ages(text: &str) -> BTreeMap<String, Duration> {
    let (uptime, units) = text.split_once('\n').unwrap_or_default();
    let seconds = uptime.split_whitespace().next().and_then(|word| word.parse().ok());
    let Some(uptime) = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) else {
        return BTreeMap::new();
    };
    let age = |unit: &str| {
        let value = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let entered: u64 = value("ActiveEnterTimestampMonotonic")?.parse().ok()?;
        // What was never active has a zero.
        let is_known = entered != 0 && value("Id")?.ends_with(".service");
        is_known
            .then(|| Some((short(value("Id")?), uptime.saturating_sub(Duration::from_micros(entered)))))?
    };
    units.split("\n\n").filter_map(age).collect()
}

/// Reads lines of `/proc/net/tcp` (`proc_net_tcp` in the kernel's documentation), of which the second word is the guest's own end,
/// `ADDRESS:PORT` in hexadecimal: for each port, whether an address is not of the loopback. An address is in the order of the
/// guest's processor, mostly little-endian.
fn parse_listening(text: &str) -> BTreeMap<u16, bool> {
    let mut ports = BTreeMap::new();
    let ends = text.lines().filter_map(|line| line.split_whitespace().nth(1)?.rsplit_once(':'));
    for (address, port) in ends {
        if let Ok(port) = u16::from_str_radix(port, 16) {
            let is_local = LOOPBACK.iter().any(|end| address.ends_with(end));
            *ports.entry(port).or_insert(false) |= !is_local;
        }
    }
    ports
}

/// How 127.0.0.0/8, also within IPv6, and `::1` end there, on processors of either order.
const LOOPBACK: [&str; 3] = ["7F", "7F000001", "01000000"];

/// The name by which [`crate::base::types::UnitName::short`] asks for a unit.
fn short(name: &str) -> String {
    name.strip_suffix(".service").unwrap_or(name).to_owned()
}

/// Reads `ip -o addr` (interface in the second column, `inet` or `inet6` and the address after it) or, from
/// a guest without it, the plain list of `hostname -I`.
fn parse_addresses(text: &str) -> Vec<IpAddr> {
    let of_interface = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let inet = words.iter().position(|word| matches!(*word, "inet" | "inet6"))?;
        let interface = words.get(1)?;
        let inside = *interface == "lo" || INSIDE.iter().any(|prefix| interface.starts_with(prefix));
        let address = words.get(inet + 1)?.split('/').next()?;
        (!inside).then_some(address.to_owned())
    };
    let words: Vec<String> = if text.contains(" inet") {
        text.lines().filter_map(of_interface).collect()
    } else {
        text.split_whitespace().map(ToOwned::to_owned).collect()
    };
    // An IPv4 address in IPv6 notation must not pass where the plain one would not.
    let canonical = |word: &String| word.parse().ok().map(|address: IpAddr| address.to_canonical());
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in words.iter().filter_map(canonical).filter(is_usable) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    // IPv4 first: what listens on an address given by hand mostly listens there.
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.truncate(MOST_ADDRESSES);
    addresses
}

fn is_usable(address: &IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(local || address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

/// Of a body of this kind, in bytes. What the script cuts off it cuts off one byte later, so that this is noticed.
fn longest(kind: &str) -> usize {
    let limit = match kind {
        "text" => LONGEST_FILE,
        "container" => LONGEST_CONTAINER,
        _ => LONGEST_OTHER,
    };
    limit + 1
}

fn text(body: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(body)
}

/// Interfaces whose addresses mean nothing outside the guest, by the beginning of their names.
const INSIDE: [&str; 16] = [
    "docker",
    "br-",
    "veth",
    "cni",
    "flannel",
    "cali",
    "virbr",
    "podman",
    "kube-",
    "tunl",
    "vxlan",
    "lxc",
    "cilium",
    "weave",
    "nodelocaldns",
    "lxdbr",
];
const LONGEST_FILE: usize = 1 << 20;
const LONGEST_OTHER: usize = 64 << 10;
/// What an engine says of a container.
const LONGEST_CONTAINER: usize = 256 << 10;
/// All questions are fewer than a hundred; the rest is for kubeconfigs that name many files.
const MOST_FRAMES: usize = 1000;
/// More than this many attempts to connect would be a load.
const MOST_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ages_are_those_of_units_that_were_active() {
        let show = |id: &str, entered: &str| format!("ActiveEnterTimestampMonotonic={entered}\nId={id}");
        let units = [
            show("k3s.service", "90000000"),
            show("never.service", "0"),
            show("later.service", "200000000"),
            show("odd.service", "-1"),
            show("odder.service", "99999999999999999999999"),
            "Id=no.service".to_owned(),
        ];
        let ages = parse_ages(&format!("100.50 7.25\n{}", units.join("\n\n")));
        let wanted = [("k3s", Duration::from_millis(10_500)), ("later", Duration::ZERO)];
        assert_eq!(ages, wanted.map(|(name, age)| (name.to_owned(), age)).into());
        for uptime in ["x", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(parse_ages(&format!("{uptime} 1\n{}", show("k3s.service", "1"))), BTreeMap::new());
        }
    }

    #[test]
    fn ports_are_read_and_odd_lines_left_out() {
        let text = "   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000\n\
            1: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A\n\
            2: 0100007F:1FFFF\n3: 0100007F\n:::\n4: x:-1 0A\n$(id)\n";
        assert_eq!(parse_listening(text), [(22, true), (6443, false)].into());
        for local in
            ["00000000000000000000000001000000:1", "0000000000000000FFFF00000100007F:1", "7F000001:1"]
        {
            assert_eq!(parse_listening(&format!("0: {local}")), [(1, false)].into(), "{local}");
        }
        assert_eq!(parse_listening("0: 0100007F:1\n1: 00000000:1"), [(1, true)].into());
    }

    #[test]
    fn a_platform_is_one_that_has_a_name() {
        let platform = |text| parse_platform(text).map(|platform| platform.to_string());
        assert_eq!(platform("aarch64").as_deref(), Some("linux/arm64"));
        for text in ["", "amd64", "$(id)", "x86_64 ", "../x", "\u{1b}[2J"] {
            assert_eq!(platform(text), None, "{text:?}");
        }
    }

    #[test]
    fn units_are_read_and_unknown_ones_left_out() {
        let units = parse_units(
            "kubelet.service loaded active running kubelet: The Kubernetes Node Agent\n\
             etcd.service loaded failed failed etcd\n\
             * k3s.service not-found inactive dead k3s.service\n\
             \u{25cf} kube-apiserver.service loaded activating auto-restart Kubernetes API server\n\
             podman.socket loaded active listening Podman API Socket",
        );
        assert_eq!(units.len(), 4);
        assert_eq!(units["podman.socket"], UnitState::Active);
        assert_eq!(units["kube-apiserver"], UnitState::Restarting);
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
        assert_eq!(addresses.len(), 2, "an address that is good on one link only is no use");
    }

    #[test]
    fn hostile_addresses_are_left_out() {
        for text in [
            "$(id)",
            "::ffff:127.0.0.1",
            "::1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "127.0.0.1",
            "1.2.3",
            "2: e inet $(id)/24",
        ] {
            assert!(parse_addresses(text).is_empty(), "{text}");
        }
        let many = (0..200).map(|n| format!("10.0.0.{n} ")).collect::<String>();
        assert_eq!(parse_addresses(&many).len(), MOST_ADDRESSES);
    }

    #[test]
    fn contents_do_not_show_in_debug_output() {
        let content = FileContent::from(b"topsecret".to_vec());
        assert_eq!(format!("{content:?}"), "[9 bytes]");
    }

    #[test]
    fn answers_nobody_asked_for_are_refused() {
        let refused = |frames: &[Frame]| Facts::from_frames(&Questions::default(), frames).is_err();
        assert!(refused(&[Frame { kind: "text", index: Some(0), body: b"" }]));
        assert!(refused(&[Frame { kind: "evil", index: None, body: b"" }]));
        assert!(refused(&[Frame { kind: "part", index: None, body: b"" }]));
    }

    #[test]
    fn what_is_longer_than_the_script_sends_is_refused() {
        let questions = Questions { release: true, ..Questions::default() };
        let long = vec![b'x'; LONGEST_OTHER + 2];
        for kind in ["addresses", "release", "installed", "units", "root"] {
            let read = |body| Facts::from_frames(&questions, &[Frame { kind, index: None, body }]).is_ok();
            assert!(read(&long[1..]), "{kind}");
            assert!(!read(&long), "{kind}");
        }
        let frames = vec![Frame { kind: "root", index: None, body: b"" }; MOST_FRAMES + 1];
        assert!(Facts::from_frames(&questions, &frames[1..]).is_ok());
        assert!(Facts::from_frames(&questions, &frames).is_err());
    }

    #[test]
    fn files_of_a_pattern_are_told_apart() {
        let service = |text: &str| serde_yaml::from_str::<crate::catalogue::Service>(text).unwrap();
        let questions = Questions::about([&service(
            "{name: s, title: S, comment: '', exports: [], flavours: [{name: f, signs: {}, \
             access: {kubeconfig: {paths: [/etc/*/kubeconfig]}}}]}",
        )]);
        let frame = |kind, body: &'static str| Frame { kind, index: Some(0), body: body.as_bytes() };
        let facts = Facts::from_frames(
            &questions,
            &[
                frame("match", "/etc/a/kubeconfig"),
                frame("text", "A"),
                frame("match", "/etc/$(id)/kubeconfig"),
                frame("text", "evil"),
                frame("match", "/root/b/kubeconfig"),
                frame("text", "of another pattern"),
                frame("match", "/etc/c/kubeconfig"),
                frame("denied", ""),
            ],
        );
        let files = facts.unwrap().files;
        let paths: Vec<_> = files.keys().map(GuestPath::as_str).collect();
        assert_eq!(paths, ["/etc/a/kubeconfig", "/etc/c/kubeconfig"]);
    }

    proptest! {
        #[test]
        fn nothing_makes_the_readers_panic(text in ".*") {
            parse_units(&text);
            parse_addresses(&text);
        }
    }
}
