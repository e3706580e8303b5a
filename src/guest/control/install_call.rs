//! The calls of the functions of `install.sh`.

use super::package_commands::{install_command, refresh_command, word};
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
    /// Where files are put.
    pub(super) places: Vec<AbsoluteGuestPath>,
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
            "{} {disk} {memory} {processors} {} {} {} {} {}",
            sh_quote(self.service.as_str()),
            sh_quote(&ports.join(" ")),
            sh_quote(selinux.as_ref().map_or("", AbsoluteGuestPath::as_str)),
            paths(&self.folders),
            paths(&self.unless),
            paths(&self.places)
        )
    }
}

fn packages(manager: PackageManager, names: &[PackageName]) -> String {
    let by = match manager {
        PackageManager::Apt => "packages_by_apt",
        PackageManager::Dnf | PackageManager::Zypper => "packages_by_another",
    };
    let (refresh, install) = (refresh_command(manager), install_command(manager, names));
    let asked: Vec<String> = names.iter().map(ToString::to_string).collect();
    let asked = sh_quote(&format!("{} {}", word(manager), asked.join(" ")));
    format!(
        "asked={asked}; refresh_packages() {{ {}; }}; install_packages() {{ {}; }}; {by}",
        quoted(&refresh),
        quoted(&install)
    )
}

fn quoted(command: &[String]) -> String {
    command.iter().map(|word| sh_quote(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    /// The functions as the guest reads them (script.rs), and a file that was pushed.
    const BEGIN: &str = concat!(
        "n=n installing=$PWD/installing mark=$PWD/installing/installing-k3s units=$PWD/units\n",
        include_str!("guest.sh"),
        include_str!("install.sh"),
        "ulimit -t 5
         mkdir -p installing/in; echo pushed >installing/in/k3s; pushed=$(sum_of installing/in/k3s)
         push() { cp installing/in/k3s \"installing/incoming-k3s-$pushed\"; }; push
         installs() { place_file \"$pushed\" \"$PWD/bin/k3s\" 0755; write_file \"$PWD/etc/k3s/config\" 0600 'a: b'; }\n"
    );

    /// What `calls` of the functions write, in `folder`.
    fn run(folder: &Path, calls: &str) -> String {
        let script = [BEGIN, calls].concat();
        let output = Command::new("sh").current_dir(folder).args(["-c", &script]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn a_folder_that_is_missing_from_the_top_on_can_be_asked_about() {
        let folder = tempfile::tempdir().unwrap();
        let said = run(
            folder.path(),
            "is_writable /no-such-folder/x/y; note_folder /no-such-folder/x; echo goes on",
        );
        assert_eq!(said, "goes on\n");
        let said = run(
            folder.path(),
            "echo x >file; is_writable \"$PWD/file/x\" || echo no; is_writable \"$PWD/a/b\" && echo yes",
        );
        assert_eq!(said, "no\nyes\n");
    }

    #[test]
    fn what_somebody_else_has_put_there_stays() {
        for (other, place) in [
            ("mkdir bin; echo mine >bin/k3s", "bin/k3s"),
            ("mkdir -p bin/k3s", "bin/k3s"),
            ("mkdir bin; ln -s /no-such-file bin/k3s", "bin/k3s"),
            ("(installs); mv bin/k3s k3s; ln -s ../k3s bin/k3s", "bin/k3s"),
            ("(installs); echo mine >>bin/k3s", "bin/k3s"),
            ("mkdir -p etc/k3s; echo '# service-manager' >etc/k3s/config", "etc/k3s/config"),
            ("(installs); echo 'tls-san: [mine]' >>etc/k3s/config", "etc/k3s/config"),
            ("mkdir -p etc/k3s/config", "etc/k3s/config"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let calls = format!(
                "{{ {other}; }} >/dev/null; ls -lR bin etc >before 2>/dev/null; cp {place} kept 2>/dev/null; installs; echo goes on"
            );
            let said = run(folder.path(), &calls);
            let place = folder.path().canonicalize().unwrap().join(place);
            let foreign = format!("foreign {}", place.display());
            assert_eq!(
                said,
                format!("@n install {}\n{foreign}\n@n said 0\n\n@n end 0\n\n", foreign.len()),
                "{other}"
            );
            let unchanged = run(
                folder.path(),
                &format!(
                    "if [ -f kept ]; then cmp kept {}; else [ ! -f {0} ]; fi && echo same",
                    place.display()
                ),
            );
            assert_eq!(unchanged, "same\n", "{other}");
        }
    }

    #[test]
    fn what_was_begun_is_finished_and_renewed() {
        let folder = tempfile::tempdir().unwrap();
        // Killed before the program is in its place, then once more with another release.
        let said = run(
            folder.path(),
            "(move_over() { exit 1; }; installs) >/dev/null; [ -e bin/k3s ] || echo none; installs; installs; cat bin/k3s etc/k3s/config
             echo new >installing/in/k3s; pushed=$(sum_of installing/in/k3s); push; installs; cat bin/k3s; ls bin etc/k3s",
        );
        assert_eq!(said, "none\npushed\n# service-manager\na: b\nnew\nbin:\nk3s\n\netc/k3s:\nconfig\n");
    }

    #[test]
    fn a_file_is_moved_over_a_file_and_never_into_a_folder() {
        for mv in ["", "mv() { case $1 in -fT) return 1 ;; esac; command mv \"$@\"; }; "] {
            let folder = tempfile::tempdir().unwrap();
            let calls = format!(
                "{mv}echo a >a; echo b >b; mkdir c; move_over a b; cat b; move_over b c || ls c; ls b"
            );
            assert_eq!(run(folder.path(), &calls), "a\nb\n", "{mv}");
        }
    }

    #[test]
    fn what_was_pushed_goes_and_what_others_push_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files =
            "installing/incoming-k3s-b0-abc installing/incoming-k3s-abc.$$ installing/incoming-docker-abc";
        let said = run(
            folder.path(),
            &format!(
                "rm -r installing/in; touch {files}; touch -d '25 hours ago' installing/incoming-old-abc installing/incoming-k3s-def.$$ installing/incoming-k3s-abc.99999999
                 remove_incoming k3s; ls installing | sed s/$$/PID/; rm {files}; remove_incoming k3s; ls"
            ),
        );
        assert_eq!(said, "incoming-docker-abc\nincoming-k3s-abc.PID\nincoming-k3s-b0-abc\n");
        // A run that fails leaves nothing of it.
        let said = run(
            folder.path(),
            "rm -r installing/in; (trap 'remove_incoming k3s' EXIT; failed install locked ''); ls",
        );
        assert!(said.ends_with("@n end 0\n\n"), "{said}");
        let script = include_str!("install.sh");
        assert!(script.contains("trap 'remove_incoming \"${mark##*/installing-}\"' EXIT"));
    }

    #[test]
    fn selinux_labels_what_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let install = "restorecon() { echo \"$@\"  >>labels; [ -z \"$fails\" ] || { echo denied; return 1; }; }; installs; label_made";
        let (here, said) = (folder.path().canonicalize().unwrap(), run(folder.path(), install));
        assert_eq!(said, "");
        let labels = std::fs::read_to_string(folder.path().join("labels")).unwrap();
        let expected = ["bin", "bin/k3s", "etc", "etc/k3s/config"]
            .map(|name| format!("-R {}\n", here.join(name).display()));
        assert_eq!(labels, expected.concat());
        // Where nothing is enforced it does not matter.
        let enforces = |code: u8| {
            run(folder.path(), &format!("enforces_selinux() {{ return {code}; }}; fails=yes; {install}"))
        };
        assert_eq!(enforces(1), "");
        assert!(enforces(0).contains("/bin\n@n said 6\ndenied\n"), "{}", enforces(0));
    }
}
