//! A way to install a service → the steps that do it, and the same as text for people.

use super::changes::ProxyChange;
use super::step::Step;
use crate::base::distribution::{GroupName, PackageName};
use crate::base::text::sh_word;
use crate::base::types::{GuestPath, ServiceName, SshUser};
use crate::catalogue::{InstallMethod, InstallStep, Needs, PackageManager};

/// An installation that is made in one guest.
#[derive(Clone, Debug)]
pub(crate) struct GuestInstall<'a> {
    pub service: &'a ServiceName,
    pub installation: &'a InstallMethod,
    /// Who logs in.
    pub user: &'a SshUser,
}

/// The file that is in a guest while `service` is being installed there, or after that was broken off.
pub(crate) fn installation_mark(service: &ServiceName) -> Option<GuestPath> {
    GuestPath::parse(&format!("/var/lib/service-manager/installing-{service}")).ok()
}

impl GuestInstall<'_> {
    pub(super) fn steps(&self, proxy: Option<&ProxyChange>) -> Vec<Step> {
        let InstallMethod { needs, unless, steps, .. } = self.installation;
        let mut all = vec![match proxy {
            Some(ProxyChange::Set(proxy)) => Step::Variables(proxy.for_programs()),
            Some(ProxyChange::Remove) => Step::Variables(Vec::new()),
            None => Step::KnownProxy,
        }];
        all.push(Step::BeginInstallation {
            service: self.service.clone(),
            needs: *needs,
            unless: unless.clone(),
        });
        all.extend(steps.iter().filter_map(|step| self.step(step)));
        all.push(Step::FinishInstallation(self.service.clone()));
        all
    }

    fn step(&self, step: &InstallStep) -> Option<Step> {
        match step {
            InstallStep::Packages { manager, names } => {
                Some(Step::Packages { manager: *manager, names: names.clone() })
            }
            InstallStep::Group { name } => {
                self.joins().then(|| Step::JoinGroup { group: name.clone(), user: self.user.clone() })
            }
        }
    }

    /// Root may do everything anyway.
    fn joins(&self) -> bool {
        self.user.as_str() != "root"
    }

    /// The commands that do the same by hand, a line each, for a shell in the guest. A comment says when one of them is needed.
    pub(crate) fn commands(&self) -> String {
        let lines = self.installation.steps.iter().flat_map(|step| self.command_lines(step));
        lines.map(|line| line + "\n").collect()
    }

    fn command_lines(&self, step: &InstallStep) -> Vec<String> {
        match step {
            InstallStep::Packages { manager, names } => {
                let refresh = "# where the lists of packages are empty or old".to_owned();
                vec![refresh, by_root(&refresh_command(*manager)), by_root(&install_command(*manager, names))]
            }
            InstallStep::Group { name } if self.joins() => vec![by_root(&join_command(name, self.user))],
            InstallStep::Group { .. } => Vec::new(),
        }
    }
}

/// What the guest must have, in words; none where that is nothing.
pub(crate) fn needs_in_words(needs: Needs) -> Option<String> {
    let Needs { disk, memory, processors } = needs;
    let parts = [
        (disk, format!("{disk} MB of free disk")),
        (memory, format!("{memory} MB of memory")),
        (processors, format!("{processors} processors")),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(amount, _)| *amount > 0).map(|(_, part)| part).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The name of the program.
pub(crate) fn program(manager: PackageManager) -> &'static str {
    match manager {
        PackageManager::Apt => "apt-get",
    }
}

/// The command that reads the lists of packages.
pub(super) fn refresh_command(manager: PackageManager) -> Vec<String> {
    match manager {
        // Else it says that all is well when a list could not be had (apt-get(8), since 2.1.6).
        PackageManager::Apt => words(&["apt-get", "update", "-o", "APT::Update::Error-Mode=any"]),
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
    };
    command.extend(names.iter().map(ToString::to_string));
    command
}

fn join_command(group: &GroupName, user: &SshUser) -> Vec<String> {
    words(&["usermod", "--append", "--groups", group.as_str(), "--", user.as_str()])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn by_root(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| sh_word(word)).collect();
    format!("sudo {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn commands(user: &str) -> String {
        let catalogue = Catalogue::built_in().unwrap();
        let docker = &catalogue.find("docker").unwrap().service;
        let installation = docker.install.iter().find(|way| way.name.as_str() == "debian").unwrap();
        let user = SshUser::parse(user).unwrap();
        GuestInstall { service: &docker.name, installation, user: &user }.commands()
    }

    #[test]
    fn commands_are_words_for_a_shell() {
        let last = |user| commands(user).lines().last().unwrap().to_owned();
        assert_eq!(last("vagrant"), "sudo usermod --append --groups docker -- vagrant");
        assert_eq!(last("a$b*"), "sudo usermod --append --groups docker -- 'a$b*'");
        assert!(last("root").contains("apt-get install"));
        for line in commands("vagrant").lines().filter(|line| !line.starts_with('#')) {
            assert!(shlex::split(line).is_some_and(|words| words[0] == "sudo"), "{line}");
        }
    }
}
