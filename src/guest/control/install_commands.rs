//! An installation as text for people: what they would type in the guest.

use super::install::{GuestInstall, place};
use super::package_commands::{install_command, refresh_command, words};
use crate::base::distribution::GroupName;
use crate::base::release::ReleaseFileName;
use crate::base::text::sh_word;
use crate::base::types::{AbsoluteGuestPath, SshUser, UnitName};
use crate::catalogue::{FILE_END, GuestFileMode, InstallStep, Needs};

impl GuestInstall<'_> {
    /// The commands that do the same by hand, a line each, for a shell in the guest. A comment says when one of them is needed, and
    /// where a file is from.
    pub(crate) fn commands(&self) -> String {
        let lines = self.wanted().flat_map(|step| self.command_lines(step));
        lines.chain(self.label_lines()).chain(self.start_line()).map(|line| line + "\n").collect()
    }

    /// Has `SELinux`, where it is, label the files that are put there.
    fn label_lines(&self) -> Vec<String> {
        let places: Vec<String> = self.wanted().filter_map(place).map(ToString::to_string).collect();
        if places.is_empty() {
            return Vec::new();
        }
        let command = by_root(&[words(&["restorecon"]), places].concat());
        vec!["# where SELinux is".to_owned(), command]
    }

    /// Starts what is there then, now and whenever the guest boots.
    fn start_line(&self) -> Option<String> {
        let units: Vec<String> = self.installation.units.iter().map(UnitName::full).collect();
        let command = [words(&["systemctl", "enable", "--now"]), units.clone()].concat();
        (!units.is_empty()).then(|| by_root(&command))
    }

    fn command_lines(&self, step: &InstallStep) -> Vec<String> {
        match step {
            InstallStep::Packages { manager, names } => {
                let refresh = "# where the lists of packages are empty or old".to_owned();
                vec![refresh, by_root(&refresh_command(*manager)), by_root(&install_command(*manager, names))]
            }
            InstallStep::Shown { command } => vec![format!("sudo {command}")],
            InstallStep::Group { name } => vec![by_root(&join_command(name, self.user))],
            InstallStep::Download { place, mode, files, .. } => {
                let name = self.platform.and_then(|platform| files.get(platform));
                name.map_or_else(Vec::new, |name| self.download_lines(name, place, *mode))
            }
            InstallStep::File { place, mode, text } => {
                let text = text.fill(&|name| self.value(name)).unwrap_or_default();
                write_lines(place, *mode, &text)
            }
        }
    }

    fn download_lines(
        &self,
        name: &ReleaseFileName,
        place: &AbsoluteGuestPath,
        mode: GuestFileMode,
    ) -> Vec<String> {
        let releases = self.installation.releases.as_ref().zip(self.tag).zip(self.platform);
        let command =
            [&words(&["install", "-D", "-m", mode.octal()])[..], &[name.to_string(), place.to_string()]];
        let command = by_root(&command.concat());
        let verified = releases.and_then(|((releases, tag), platform)| {
            let folder = releases.folder.fill(&|_| Some(tag.in_address()))?;
            let sums = releases.checksums.get(platform)?;
            Some(vec![
                format!("# {folder}/{name}"),
                format!("# whose SHA-256 is in {folder}/{sums}"),
                format!("{} && {command}", compare_line(name, sums)),
            ])
        });
        verified.unwrap_or_else(|| vec![command])
    }
}

fn write_lines(place: &AbsoluteGuestPath, mode: GuestFileMode, text: &str) -> Vec<String> {
    let command = by_root(&words(&["install", "-D", "-m", mode.octal(), "/dev/stdin", place.as_str()]));
    let mut lines =
        vec![format!("{command} <<'{FILE_END}'"), FILE_MARK.to_owned(), text.to_owned(), FILE_END.to_owned()];
    if place.as_str().starts_with(UNITS) {
        lines.push(by_root(&words(&["systemctl", "daemon-reload"])));
    }
    lines
}

/// Compares a file with its line in the file of sums, which has the sums of many others. It fails where there is no such line.
fn compare_line(name: &ReleaseFileName, sums: &ReleaseFileName) -> String {
    let line = format!("[ *]{}$", name.as_str().replace('.', "\\."));
    // As BusyBox has it too.
    format!("grep {} {sums} | sha256sum -c", sh_word(&line))
}

/// What the guest must have, in words; none where that is nothing.
pub(crate) fn needs_in_words(needs: &Needs) -> Option<String> {
    let Needs { disk, memory, processors, ports, .. } = needs;
    let parts = [
        (disk, format!("{disk} MB of free disk")),
        (memory, format!("{memory} MB of memory")),
        (processors, format!("{processors} processors")),
    ];
    let parts = parts.into_iter().filter(|(amount, _)| **amount > 0).map(|(_, part)| part);
    let free = ports.iter().map(|port| format!("port {}", port.number()));
    let parts: Vec<String> = parts.chain(free).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn join_command(group: &GroupName, user: &SshUser) -> Vec<String> {
    words(&["usermod", "--append", "--groups", group.as_str(), "--", user.as_str()])
}

fn by_root(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| sh_word(word)).collect();
    format!("sudo {}", words.join(" "))
}

/// The first line of each file that this program writes (`write_file` in install.sh).
const FILE_MARK: &str = "# service-manager";
/// Where units are; systemd is told of a new one.
const UNITS: &str = "/etc/systemd/system/";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn commands(service: &str, way: &str, user: &str, tag: &str) -> String {
        let catalogue = Catalogue::built_in().unwrap();
        let service = &catalogue.find(service).unwrap().service;
        let installation = service.install.iter().find(|found| found.name.as_str() == way).unwrap();
        let tag = tag.parse().ok();
        let install = GuestInstall {
            service: &service.name,
            installation,
            user: &user.parse().unwrap(),
            names: &["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
            platform: Some(&"linux/arm64".parse().unwrap()),
            tag: tag.as_ref(),
            with_images: false,
        };
        install.commands()
    }

    #[test]
    fn commands_are_words_for_a_shell() {
        let debian = |user| commands("docker", "debian", user, "");
        let last = |user| debian(user).lines().rev().nth(1).unwrap().to_owned();
        assert!(debian("vagrant").ends_with("\nsudo systemctl enable --now docker.service\n"));
        assert_eq!(last("vagrant"), "sudo usermod --append --groups docker -- vagrant");
        assert_eq!(last("a$b*"), "sudo usermod --append --groups docker -- 'a$b*'");
        assert!(last("root").contains("apt-get install"));
        for line in debian("vagrant").lines().filter(|line| !line.starts_with('#')) {
            assert!(shlex::split(line).is_some_and(|words| words[0] == "sudo"), "{line}");
        }
    }

    #[test]
    fn a_release_is_named_with_its_sums() {
        let text = commands("kubernetes", "k3s", "root", "v1.31.5+k3s1");
        let folder = "https://github.com/k3s-io/k3s/releases/download/v1.31.5%2Bk3s1";
        let begin = format!(
            "# {folder}/k3s-arm64\n# whose SHA-256 is in {folder}/sha256sum-arm64.txt\n\
             grep '[ *]k3s-arm64$' sha256sum-arm64.txt | sha256sum -c && sudo install -D -m 0755 k3s-arm64 /usr/local/bin/k3s\n\
             sudo install -D -m 0600 /dev/stdin /etc/rancher/k3s/config.yaml <<'END-OF-FILE'\n# service-manager\n"
        );
        assert!(text.starts_with(&begin), "{text}");
        assert!(text.contains("\ntls-san: [\"192.0.2.7\", \"2001:db8::7\"]\n"), "{text}");
        let end = "END-OF-FILE\nsudo systemctl daemon-reload\n# where SELinux is\n\
            sudo restorecon /usr/local/bin/k3s /etc/rancher/k3s/config.yaml /etc/systemd/system/k3s.service\n\
            sudo systemctl enable --now k3s.service\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn a_file_is_compared_with_its_own_sum() {
        let name = |text| ReleaseFileName::parse(text).unwrap();
        let line = compare_line(&name("k3s"), &name("sums.txt"));
        assert_eq!(shlex::split(&line).unwrap()[..3], ["grep", "[ *]k3s$", "sums.txt"]);
        // What others are called begins or ends alike.
        let line = compare_line(&name("k3s.tar"), &name("sums.txt"));
        assert_eq!(shlex::split(&line).unwrap()[1], r"[ *]k3s\.tar$");
    }
}
