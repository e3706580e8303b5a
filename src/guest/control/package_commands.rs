//! The commands of the programs that install packages.

use crate::base::distribution::PackageName;
use crate::catalogue::PackageManager;

/// The name of the program.
pub(crate) fn program(manager: PackageManager) -> &'static str {
    match manager {
        PackageManager::Apt => "apt-get",
        PackageManager::Dnf => "dnf",
        PackageManager::Zypper => "zypper",
    }
}

/// What the guest calls it.
pub(super) fn word(manager: PackageManager) -> &'static str {
    match manager {
        PackageManager::Apt => "apt",
        PackageManager::Dnf => "dnf",
        PackageManager::Zypper => "zypper",
    }
}

/// The one that the guest calls so.
pub(super) fn named(name: &str) -> Option<PackageManager> {
    let all = [PackageManager::Apt, PackageManager::Dnf, PackageManager::Zypper];
    all.into_iter().find(|manager| word(*manager) == name)
}

/// The command that installs `names` after it has asked a person what is to become of others.
pub(crate) fn asking_command(manager: PackageManager, names: &[PackageName]) -> String {
    let command = match manager {
        PackageManager::Apt => "apt-get install",
        PackageManager::Dnf => "dnf install --allowerasing",
        PackageManager::Zypper => "zypper install",
    };
    let names: Vec<&str> = names.iter().map(PackageName::as_str).collect();
    format!("sudo {command} {}", names.join(" "))
}

/// The command that puts the files of a package that is installed into their places again.
pub(crate) fn reinstall_command(manager: PackageManager, name: &PackageName) -> String {
    let command = match manager {
        PackageManager::Apt => "apt-get install --reinstall",
        PackageManager::Dnf => "dnf reinstall",
        PackageManager::Zypper => "zypper install --force",
    };
    format!("sudo {command} {name}")
}

/// The command that reads the lists of packages.
pub(super) fn refresh_command(manager: PackageManager) -> Vec<String> {
    match manager {
        // Else it says that all is well when a list could not be had (apt-get(8), since 2.1.6).
        PackageManager::Apt => words(&["apt-get", "update", "-o", "APT::Update::Error-Mode=any"]),
        PackageManager::Dnf => words(&["dnf", "--assumeyes", LOCK_OF_DNF, "makecache", "--refresh"]),
        PackageManager::Zypper => words(&["zypper", "--non-interactive", "refresh"]),
    }
}

/// The command that installs `names`: it asks nothing, restarts nothing, keeps the settings that are there and removes no package.
pub(super) fn install_command(manager: PackageManager, names: &[PackageName]) -> Vec<String> {
    let mut command = match manager {
        PackageManager::Apt => words(&[
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "NEEDRESTART_MODE=l",
            "apt-get",
            "install",
            "--yes",
            "--no-install-recommends",
            "--no-remove",
            "-o",
            "Dpkg::Options::=--force-confold",
        ]),
        // Without `--allowerasing` it removes none.
        PackageManager::Dnf => {
            words(&["dnf", "--assumeyes", LOCK_OF_DNF, "--setopt=install_weak_deps=False", "install"])
        }
        // Where one would have to go it asks, and takes the answer for `cancel`.
        PackageManager::Zypper => words(&["zypper", "--non-interactive", "install", "--no-recommends"]),
    };
    command.extend(names.iter().map(ToString::to_string));
    command
}

/// It fails where another one is at work, instead of waiting without an end.
const LOCK_OF_DNF: &str = "--setopt=exit_on_lock=True";

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
