//! What may keep services of a guest from working, whichever they are: its clock, its disks, sudo, systemd, and the last
//! words of units that are down. Only `doctor` asks, and nobody needs to know it to use a service.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::error::Error;
use crate::base::text::sanitize;
use crate::base::types::UnitName;
use crate::guest::frame::{self, End, Frame, Nonce};
use crate::guest::ssh::Connection;

/// How a guest is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// The time by its clock.
    pub clock: Option<SystemTime>,
    /// The user may use sudo without being asked, or is root.
    pub has_sudo: bool,
    /// What is left on each of [`DISKS`], in KiB.
    pub disks: Vec<(&'static str, u64)>,
    /// `SELinux` forbids what its rules do not allow.
    pub selinux_enforces: bool,
    /// What systemd says of itself as a whole, sanitized; empty without systemd.
    pub systemd: String,
    /// The last lines of the units that were asked for, in their order, sanitized.
    pub last_lines: Vec<Vec<String>>,
}

/// Asks over `connection`, also for the last lines of `units`.
///
/// Errors: those of the connection; the answer is cut off, too long or not of the agreed form.
pub(crate) fn ask_health(connection: &mut Connection, units: &[UnitName]) -> Result<Health, Error> {
    let nonce = Nonce::random()?;
    let mut end = End::of(&nonce);
    let script = script(units, &nonce);
    let output =
        connection.run_with("env LC_ALL=C sh -s", script.as_bytes(), LONGEST_ANSWER, |out| end.is_in(out))?;
    let frames = frame::parse(&output.stdout, &nonce).map_err(|_| Error::Malformed)?;
    Health::from_frames(units.len(), &frames)
}

/// Comes on standard input, so that any character may be in it. It changes nothing.
fn script(units: &[UnitName], nonce: &Nonce) -> String {
    let disks: String = DISKS.iter().map(|path| format!("frame disk \"$(left {path})\"\n")).collect();
    let lines: String = units
        .iter()
        .enumerate()
        .map(|(index, unit)| {
            let unit = unit.full();
            format!("frame 'lines {index}' \"$($r journalctl --unit={unit} --lines={MOST_LINES} --no-pager --output=cat 2>/dev/null | head -c {LONGEST_LINES})\"\n")
        })
        .collect();
    format!(
        "frame() {{ echo \"@{nonce} $1 ${{#2}}\"; printf %s \"$2\"; echo; }}
        left() {{ df -Pk \"$1\" 2>/dev/null | while read -r a b c d e; do echo \"$d\"; done | tail -n 1; }}
        PATH=$PATH:/usr/sbin:/sbin
        echo
        frame begin ''
        frame clock \"$(date +%s)\"
        r=
        if [ \"$(id -u)\" = 0 ]; then frame sudo ''
        elif sudo -n true 2>/dev/null </dev/null; then r='sudo -n'; frame sudo ''; fi
        frame selinux \"$(cat /sys/fs/selinux/enforce 2>/dev/null)\"
        frame systemd \"$(systemctl is-system-running 2>/dev/null </dev/null)\"
        {disks}{lines}frame end ''
        "
    )
}

impl Health {
    fn from_frames(units: usize, frames: &[Frame]) -> Result<Self, Error> {
        let mut health = Self { last_lines: vec![Vec::new(); units], ..Self::default() };
        let mut disks = DISKS.iter();
        if frames.len() > MOST_FRAMES + units {
            return Err(Error::Malformed);
        }
        for frame in frames {
            let text = String::from_utf8_lossy(frame.body);
            let text = text.trim();
            match (frame.kind, frame.index) {
                ("clock", None) => health.clock = time(text),
                ("sudo", None) => health.has_sudo = true,
                ("selinux", None) => health.selinux_enforces = text == "1",
                ("systemd", None) => health.systemd = sanitize(text.lines().next().unwrap_or_default()),
                ("disk", None) => {
                    let path = disks.next().ok_or(Error::Malformed)?;
                    health.disks.extend(text.parse().ok().map(|left| (*path, left)));
                }
                ("lines", Some(index)) => {
                    let lines = health.last_lines.get_mut(index).ok_or(Error::Malformed)?;
                    *lines = text.lines().take(MOST_LINES).map(sanitize).collect();
                }
                _ => return Err(Error::Malformed),
            }
        }
        Ok(health)
    }
}

fn time(seconds: &str) -> Option<SystemTime> {
    let seconds: u32 = seconds.parse().ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds.into()))
}

/// Where services keep what they need.
const DISKS: [&str; 3] = ["/", "/var", "/tmp"];
const MOST_LINES: usize = 5;
const LONGEST_LINES: usize = 4096;
const MOST_FRAMES: usize = 8;
const LONGEST_ANSWER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame<'a>(kind: &'a str, index: Option<usize>, body: &'a [u8]) -> Frame<'a> {
        Frame { kind, index, body }
    }

    #[test]
    fn reads_what_the_guest_says() {
        let health = Health::from_frames(
            1,
            &[
                frame("clock", None, b"1700000000"),
                frame("sudo", None, b""),
                frame("selinux", None, b"1"),
                frame("systemd", None, b"degraded\n"),
                frame("disk", None, b"12"),
                frame("disk", None, b""),
                frame("lines", Some(0), b"one\ntwo"),
            ],
        )
        .unwrap();
        assert_eq!(health.clock, UNIX_EPOCH.checked_add(Duration::from_secs(1_700_000_000)));
        assert!(health.has_sudo && health.selinux_enforces);
        assert_eq!((health.systemd.as_str(), health.disks), ("degraded", vec![("/", 12)]));
        assert_eq!(health.last_lines, [["one", "two"]]);
    }

    #[test]
    fn what_a_guest_makes_up_is_refused_or_harmless() {
        for (kind, index) in [("lines", Some(1)), ("lines", None), ("clock", Some(0)), ("odd", None)] {
            assert!(Health::from_frames(1, &[frame(kind, index, b"x")]).is_err(), "{kind}");
        }
        let disks = [frame("disk", None, b"1"); 4];
        assert!(Health::from_frames(0, &disks).is_err());
        assert!(Health::from_frames(0, &[frame("sudo", None, b""); 100]).is_err());
        let long = "\u{1b}[2J".repeat(100_000) + &"\nx".repeat(100);
        let hostile = [
            frame("clock", None, b"99999999999999999999"),
            frame("systemd", None, b"\x1b]0;x\x07"),
            frame("disk", None, b"-1"),
            frame("lines", Some(0), long.as_bytes()),
        ];
        let health = Health::from_frames(1, &hostile).unwrap();
        assert_eq!((health.clock, health.disks.len()), (None, 0));
        assert!(!health.systemd.contains(char::is_control));
        let lines = &health.last_lines[0];
        assert!(lines.len() <= MOST_LINES && lines.iter().all(|line| line.len() < 4000), "{}", lines.len());
        assert!(!lines.concat().contains(char::is_control));
    }

    #[test]
    fn the_script_changes_nothing() {
        let script = script(&[UnitName::parse("kubelet").unwrap()], &Nonce::of("n"));
        for word in [">/", ">>", "rm ", "mv ", "restart", "tee "] {
            assert!(!script.replace("2>/dev/null", "").contains(word), "{word}");
        }
        assert!(script.contains("--unit=kubelet.service"));
    }
}
