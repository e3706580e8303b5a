//! What the guest says of an installation that failed.

use std::fmt;
use std::str::FromStr;

use super::package_commands::named;
use crate::base::distribution::{GroupName, PackageName};
use crate::base::types::{GuestPath, Port};
use crate::catalogue::PackageManager;

/// Why a service could not be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InstallObstacle {
    /// No systemd runs there, by which services are started.
    NoSystemd,
    /// A folder that would have to be written.
    ReadOnly(GuestPath),
    /// The guest has too little of something.
    Shortage { of: Resource, needs: u32, has: u32 },
    /// A file of another installation of the service.
    OtherInstallation(GuestPath),
    /// A file that somebody else has written.
    ForeignFile(GuestPath),
    /// Somebody listens at a port that it needs.
    PortTaken(Port),
    /// `SELinux` enforces its rules, and this file of those for the service is missing.
    NoSelinuxRules(GuestPath),
    /// What arrived in the guest is not what was sent.
    Transfer,
    /// Another program holds the package manager's lock.
    Locked,
    /// The package manager itself.
    Packages(PackageTask),
    /// It does not install these packages unasked.
    PackagesRefused { manager: PackageManager, names: Vec<PackageName> },
    /// The user could not be added to it.
    Group(GroupName),
}

/// What a guest can have too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// In megabytes.
    Disk,
    /// In megabytes.
    Memory,
    Processors,
}

/// What a package manager does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PackageTask {
    /// It reads the lists of packages.
    Lists,
    /// It finishes what was broken off.
    Repair,
}

/// It says what nobody asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnknownObstacle;

impl FromStr for InstallObstacle {
    type Err = UnknownObstacle;

    fn from_str(text: &str) -> Result<Self, UnknownObstacle> {
        let path = |text: &str| GuestPath::parse(text).map_err(|_| UnknownObstacle);
        match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["no-systemd"] => Ok(Self::NoSystemd),
            ["locked"] => Ok(Self::Locked),
            ["read-only", folder] => Ok(Self::ReadOnly(path(folder)?)),
            ["foreign", file] => Ok(Self::ForeignFile(path(file)?)),
            ["selinux", file] => Ok(Self::NoSelinuxRules(path(file)?)),
            ["transfer"] => Ok(Self::Transfer),
            ["port", port] => {
                let port = port.parse().ok().and_then(|port: u16| Port::try_from(port).ok());
                port.map(Self::PortTaken).ok_or(UnknownObstacle)
            }
            ["other", file] => Ok(Self::OtherInstallation(path(file)?)),
            ["group", name] => Ok(Self::Group(GroupName::parse(name).map_err(|_| UnknownObstacle)?)),
            ["packages", "lists"] => Ok(Self::Packages(PackageTask::Lists)),
            ["packages", "install", manager, names @ ..] if !names.is_empty() => {
                let names = names.iter().map(|name| PackageName::parse(name));
                Ok(Self::PackagesRefused {
                    manager: named(manager).ok_or(UnknownObstacle)?,
                    names: names.collect::<Result<_, _>>().map_err(|_| UnknownObstacle)?,
                })
            }
            ["packages", "repair"] => Ok(Self::Packages(PackageTask::Repair)),
            [what, needs, has] => {
                let of = match *what {
                    "disk" => Resource::Disk,
                    "memory" => Resource::Memory,
                    "processors" => Resource::Processors,
                    _ => return Err(UnknownObstacle),
                };
                let number = |text: &str| text.parse().map_err(|_| UnknownObstacle);
                Ok(Self::Shortage { of, needs: number(needs)?, has: number(has)? })
            }
            _ => Err(UnknownObstacle),
        }
    }
}

impl fmt::Display for InstallObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSystemd => f.write_str("no systemd runs there"),
            Self::ReadOnly(folder) => write!(f, "{folder} cannot be written"),
            Self::Shortage { of: Resource::Disk, needs, has } => {
                write!(f, "it needs {needs} MB of free disk, and {has} MB are free")
            }
            Self::Shortage { of: Resource::Memory, needs, has } => {
                write!(f, "it needs {needs} MB of memory, and the machine has {has} MB")
            }
            Self::Shortage { of: Resource::Processors, needs, has } => {
                write!(f, "it needs {needs} processors, and the machine has {has}")
            }
            Self::OtherInstallation(file) => write!(f, "{file} is of another installation of it"),
            Self::ForeignFile(file) => {
                write!(f, "{file} is there already, and is not what this program has put there")
            }
            Self::PortTaken(port) => write!(f, "another program listens at port {} there", port.number()),
            Self::NoSelinuxRules(file) => {
                write!(f, "SELinux enforces its rules there, and those for it ({file}) are not installed")
            }
            Self::Transfer => f.write_str("what arrived there is not what was sent"),
            Self::Locked => f.write_str("another program there is installing packages all the time"),
            Self::Packages(PackageTask::Lists) => f.write_str("the lists of packages cannot be read"),
            Self::PackagesRefused { .. } => f.write_str("its packages cannot be installed"),
            Self::Packages(PackageTask::Repair) => {
                f.write_str("packages that were half installed before cannot be repaired")
            }
            Self::Group(group) => write!(f, "the user cannot be added to the group {group}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_that_is_known() {
        for text in [
            "no-systemd",
            "locked",
            "read-only /usr",
            "disk 2000 300",
            "other /snap/bin/docker",
            "group docker",
            "packages lists",
            "packages install zypper docker",
            "packages install apt docker.io ca-certificates",
            "port 6443",
            "transfer",
            "foreign /etc/rancher/k3s/config.yaml",
            "selinux /usr/share/selinux/packages/k3s.pp",
        ] {
            assert!(text.parse::<InstallObstacle>().is_ok(), "{text}");
        }
        for hostile in [
            "",
            "disk",
            "disk 1 2 3",
            "disk -1 $(id)",
            "disk 99999999999 1",
            "read-only /a'; reboot; '",
            "other ../x",
            "other -a",
            "group $(id)",
            "packages",
            "packages remove",
            "packages install",
            "packages install zypper",
            "packages install pacman docker",
            "packages install apt $(id)",
            "packages install apt docker.io -y",
            "locked x",
            "port 0",
            "port 65536",
            "port $(id)",
            "transfer x",
            "foreign x",
            "selinux",
            "\u{1b}[2J",
            "other /a\n/b",
        ] {
            assert!(hostile.parse::<InstallObstacle>().is_err(), "{hostile:?}");
        }
    }
}
