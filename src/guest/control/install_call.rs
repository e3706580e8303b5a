//! The calls of the functions of `install.sh`.

use super::package_commands::{install_command, refresh_command};
use crate::base::distribution::{GroupName, PackageName};
use crate::base::release::Sha256Sum;
use crate::base::text::sh_quote;
use crate::base::types::{AbsoluteGuestPath, ServiceName, SshUser};
use crate::catalogue::{GuestFileMode, Needs, PackageManager};

/// A part of an installation; each can be done twice.
#[derive(Clone, Debug)]
pub(super) enum InstallCall {
    /// Lets the steps that follow use the proxy that services go through.
    KnownProxy,
    /// Checks that a service can be installed, and changes nothing.
    Check(InstallConditions),
    /// The same, and leaves a mark until it is done.
    Begin(InstallConditions),
    /// Installs packages of the distribution.
    Packages { manager: PackageManager, names: Vec<PackageName> },
    /// Adds a user to a group.
    JoinGroup { group: GroupName, user: SshUser },
    /// Puts a file that was pushed into its place.
    Place { sha256: Sha256Sum, place: AbsoluteGuestPath, mode: GuestFileMode },
    /// Writes a file.
    Write { place: AbsoluteGuestPath, mode: GuestFileMode, text: String },
    /// Takes the mark away, and what was pushed.
    Finish(ServiceName),
}

/// What a guest has to be before a service is installed there.
#[derive(Clone, Debug)]
pub(super) struct InstallConditions {
    pub(super) service: ServiceName,
    pub(super) needs: Needs,
    /// What is written in.
    pub(super) folders: Vec<AbsoluteGuestPath>,
    /// Files of other installations.
    pub(super) unless: Vec<AbsoluteGuestPath>,
}

impl InstallCall {
    /// As sh reads it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::KnownProxy => "known_proxy".to_owned(),
            Self::Check(conditions) => format!("check_installation {}", conditions.words()),
            Self::Begin(conditions) => format!("begin_installation {}", conditions.words()),
            Self::Packages { manager, names } => packages(*manager, names),
            Self::JoinGroup { group, user } => {
                format!("join_group {} {}", sh_quote(group.as_str()), sh_quote(user.as_str()))
            }
            Self::Place { sha256, place, mode } => {
                format!("place_file {sha256} {} {}", sh_quote(place.as_str()), mode.octal())
            }
            Self::Write { place, mode, text } => {
                format!("write_file {} {} {}", sh_quote(place.as_str()), mode.octal(), sh_quote(text))
            }
            Self::Finish(service) => format!("finish_installation {}", sh_quote(service.as_str())),
        }
    }
}

impl InstallConditions {
    /// The arguments, of which each list is one word.
    fn words(&self) -> String {
        let Needs { disk, memory, processors, ports, selinux } = &self.needs;
        // As /proc/net/tcp has them.
        let ports: Vec<String> =
            ports.iter().map(|port| format!("{}:{:04X}", port.number(), port.number())).collect();
        let paths = |paths: &[AbsoluteGuestPath]| {
            sh_quote(&paths.iter().map(AbsoluteGuestPath::as_str).collect::<Vec<_>>().join(" "))
        };
        format!(
            "{} {disk} {memory} {processors} {} {} {} {}",
            sh_quote(self.service.as_str()),
            sh_quote(&ports.join(" ")),
            sh_quote(selinux.as_ref().map_or("", AbsoluteGuestPath::as_str)),
            paths(&self.folders),
            paths(&self.unless)
        )
    }
}

fn packages(manager: PackageManager, names: &[PackageName]) -> String {
    let by = match manager {
        PackageManager::Apt => "packages_by_apt",
        PackageManager::Dnf | PackageManager::Zypper => "packages_by_another",
    };
    let (refresh, install) = (refresh_command(manager), install_command(manager, names));
    format!(
        "refresh_packages() {{ {}; }}; install_packages() {{ {}; }}; {by}",
        quoted(&refresh),
        quoted(&install)
    )
}

fn quoted(command: &[String]) -> String {
    command.iter().map(|word| sh_quote(word)).collect::<Vec<_>>().join(" ")
}
