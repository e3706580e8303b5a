//! What the guest says of an action.

use std::fmt;
use std::str::FromStr;

use super::error::Error;
use super::install_obstacle::InstallObstacle;
use super::install_progress::PROGRESS;
use super::package_commands::named;
use crate::base::distribution::PackageName;
use crate::base::text::sanitize_line;
use crate::base::types::{GuestPath, UnitName};
use crate::catalogue::PackageManager;
use crate::guest::frame::{Frame, Malformed, Nonce, has_begun, parse};
use crate::guest::ssh::Output;

/// How an action ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ActionOutcome {
    /// All of it was done. For the changes these units had to start anew.
    Done(Vec<UnitName>),
    /// Nothing was done: the user may not act as root. What the guest said to it.
    NotRoot(String),
    /// A part of it failed, and what comes after that was not done.
    Failed(Failure),
}

/// Why a part of an action failed. Its words may be shown, and what is named may be part of a command to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What failed.
    pub step: FailedStep,
    /// What was said about it.
    pub said: Vec<String>,
}

/// What fails in a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FailedStep {
    /// A unit.
    Unit(UnitName),
    /// A unit whose program is not there, and the package that has it.
    NoProgram { unit: UnitName, program: GuestPath, package: Option<InstalledPackage> },
    /// A container engine that does not answer at its socket.
    Socket(GuestPath),
    /// A file that cannot be written.
    File(GuestPath),
    /// `sccli`, with this exit status.
    Sccli(u8),
    /// A Docker daemon that cannot be made to talk TLS.
    Tls,
    /// The clocks of this host and the guest: so many hours apart, of which new certificates would be invalid.
    Clock(u32),
    /// Another one that starts or stops something there.
    Busy,
    /// A part of an installation.
    Install(InstallObstacle),
}

/// A package that is installed in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstalledPackage {
    pub manager: PackageManager,
    pub name: PackageName,
}

/// A unit and its program, as the guest says it: `docker.service /usr/sbin/dockerd apt docker.io`.
struct MissingProgram(UnitName, GuestPath, Option<InstalledPackage>);

/// It says what nobody asked for.
struct UnknownProgram;

impl FromStr for MissingProgram {
    type Err = UnknownProgram;

    fn from_str(text: &str) -> Result<Self, UnknownProgram> {
        let mut words = text.split_whitespace();
        let unit = words.next().and_then(|word| UnitName::parse(word).ok()).ok_or(UnknownProgram)?;
        let program = words.next().and_then(|word| GuestPath::parse(word).ok()).ok_or(UnknownProgram)?;
        let package = match words.collect::<Vec<_>>().as_slice() {
            [] => None,
            [manager, name] => Some(InstalledPackage {
                manager: named(manager).ok_or(UnknownProgram)?,
                name: PackageName::parse(name).map_err(|_| UnknownProgram)?,
            }),
            _ => return Err(UnknownProgram),
        };
        Ok(Self(unit, program, package))
    }
}

impl From<MissingProgram> for FailedStep {
    fn from(MissingProgram(unit, program, package): MissingProgram) -> Self {
        Self::NoProgram { unit, program, package }
    }
}

impl fmt::Display for FailedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => write!(f, "{unit} failed"),
            Self::NoProgram { unit, program, .. } => {
                write!(f, "{program}, which {unit} starts, is not there")
            }
            Self::Socket(path) => write!(f, "nothing answers at {path}"),
            Self::File(path) => write!(f, "{path} cannot be written"),
            Self::Install(failure) => failure.fmt(f),
            Self::Busy => f.write_str("another `service-manager` is at it"),
            Self::Clock(hours) => write!(
                f,
                "its clock and this host's are {hours} hours apart, so new certificates would not be valid"
            ),
            Self::Tls => f.write_str("dockerd cannot be made to talk TLS"),
            Self::Sccli(code) => match sccli_meaning(*code) {
                Some(meaning) => write!(f, "{meaning} (`sccli` ended with {code})"),
                None => write!(f, "`sccli` ended with {code}"),
            },
        }
    }
}

/// What the exit status of `sccli` stands for (projectatomic/adb-utils: utils/sccli.py). Others are those of systemctl.
fn sccli_meaning(code: u8) -> Option<&'static str> {
    Some(match code {
        2 => "it does not know the service",
        37 => "/etc/sysconfig/openshift_option cannot be written",
        110 => "it does not run",
        111 => "the image could not be pulled",
        112 => "/etc/sysconfig/openshift_option cannot be read",
        113 => "the proxy could not be set up",
        _ => return None,
    })
}

/// How an action ended that wrote `output`.
///
/// Errors: the answer ends early, or is not of the agreed form.
pub(super) fn read_answer(output: &Output, nonce: &Nonce) -> Result<ActionOutcome, Error> {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    match parse(&output.stdout, nonce) {
        Ok(frames) => outcome(&frames),
        Err(_) if !has_begun(&output.stdout, nonce) => Ok(ActionOutcome::NotRoot(stderr)),
        Err(Malformed::CutOff) => Err(Error::BrokenOff { stderr }),
        Err(Malformed::Form) => Err(Error::Malformed),
    }
}

/// Reads the answer.
///
/// Errors: it says what nobody asked for.
pub(super) fn outcome(frames: &[Frame]) -> Result<ActionOutcome, Error> {
    let (mut failure, mut restarted): (Option<Failure>, _) = (None, Vec::new());
    for frame in frames {
        let text = String::from_utf8_lossy(frame.body);
        let step = match (frame.kind, &mut failure) {
            ("said", Some(failure)) => {
                failure.said.extend(lines(&text));
                continue;
            }
            ("restarted", None) => {
                restarted.push(read(&text)?);
                continue;
            }
            (PROGRESS, None) => continue,
            ("install", None) => FailedStep::Install(read(&text)?),
            ("unit", None) => FailedStep::Unit(read(&text)?),
            ("program", None) => read::<MissingProgram>(&text)?.into(),
            ("socket", None) => FailedStep::Socket(read(&text)?),
            ("file", None) => FailedStep::File(read(&text)?),
            ("sccli", None) => FailedStep::Sccli(read(&text)?),
            ("clock", None) => FailedStep::Clock(read(&text)?),
            ("tls", None) => FailedStep::Tls,
            ("busy", None) => FailedStep::Busy,
            _ => return Err(Error::Malformed),
        };
        failure = Some(Failure { step, said: Vec::new() });
    }
    Ok(failure.map_or(ActionOutcome::Done(restarted), ActionOutcome::Failed))
}

fn read<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Malformed)
}

/// The last lines of what a program said.
fn lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(MOST_LINES)).map(|text| sanitize_line(text)).collect()
}

/// Of what a unit or a package manager said.
pub(super) const MOST_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_failed_and_nothing_else() {
        let frame = |kind, body| Frame { kind, index: None, body };
        let unit = |name| UnitName::parse(name).unwrap();
        assert_eq!(outcome(&[]).unwrap(), ActionOutcome::Done(Vec::new()));
        assert_eq!(
            outcome(&[frame("restarted", b"docker")]).unwrap(),
            ActionOutcome::Done(vec![unit("docker")])
        );
        let said = b"one\n\n\x1b[31mtwo\n";
        assert_eq!(
            outcome(&[frame("unit", b"k3s.service"), frame("said", said)]).unwrap(),
            ActionOutcome::Failed(Failure {
                step: FailedStep::Unit(unit("k3s.service")),
                said: vec!["one".into(), "\\u{1b}[31mtwo".into()]
            })
        );
        let many = "x\n".repeat(1000);
        let ActionOutcome::Failed(failure) =
            outcome(&[frame("unit", b"k3s"), frame("said", many.as_bytes())]).unwrap()
        else {
            panic!("it did not fail")
        };
        assert_eq!(failure.said.len(), MOST_LINES);
        for hostile in
            [&[frame("said", b"x")][..], &[frame("root", b"")], &[frame("unit", b"a"), frame("unit", b"b")]]
        {
            assert!(outcome(hostile).is_err());
        }
        let program = |body: &str| outcome(&[Frame { kind: "program", index: None, body: body.as_bytes() }]);
        for (package, expected) in [
            ("", None),
            (" apt docker.io", Some((PackageManager::Apt, "docker.io"))),
            (" zypper docker", Some((PackageManager::Zypper, "docker"))),
        ] {
            let package_of =
                |(manager, name): (_, &str)| InstalledPackage { manager, name: name.parse().unwrap() };
            let step = FailedStep::NoProgram {
                unit: unit("docker.service"),
                program: "/usr/sbin/dockerd".parse().unwrap(),
                package: expected.map(package_of),
            };
            let failure = Failure { step, said: Vec::new() };
            let body = format!("docker.service /usr/sbin/dockerd{package}");
            assert_eq!(program(&body).unwrap(), ActionOutcome::Failed(failure));
        }
        for hostile in [" pacman x", " apt", " apt -y", " apt $(id)", " apt a b", " apt x\x1b[2J"] {
            let body = format!("docker.service /usr/sbin/dockerd{hostile}");
            assert!(program(&body).is_err(), "{hostile:?}");
        }
        for kind in ["unit", "restarted", "file", "socket", "sccli", "clock", "install", "program"] {
            for hostile in ["", "a;reboot", "$(reboot)", "a b", "/a'; reboot; '", "-a", "\x1b[2J", "\u{202e}"]
            {
                assert!(outcome(&[frame(kind, hostile.as_bytes())]).is_err(), "{kind} {hostile:?}");
            }
        }
    }
}
