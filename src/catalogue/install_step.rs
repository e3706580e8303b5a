//! The steps of an installation, as `services/*.yaml` have them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file_text::FileText;
use super::template::Template;
use crate::base::distribution::{GroupName, PackageName, ShownCommand};
use crate::base::release::ReleaseFileName;
use crate::base::types::{AbsoluteGuestPath, ServiceName};
use crate::catalogue::platform::Platform;

/// The kinds of steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum InstallStep {
    /// Installs packages of the distribution. No package is removed or replaced for them.
    Packages {
        /// The program that does it.
        manager: PackageManager,
        /// The packages.
        #[schemars(length(min = 1))]
        names: Vec<PackageName>,
    },
    /// Is shown to whoever installs the service by hand, and never done.
    Shown {
        /// A command, which `sudo` comes before.
        command: ShownCommand,
    },
    /// Adds the user who logs in to a group, unless that is root. It counts from the next login on.
    Group {
        /// The group.
        name: GroupName,
    },
    /// Puts a file of the release into its place. This host downloads and verifies it; the guest verifies what arrives.
    Download {
        /// Its place.
        place: AbsoluteGuestPath,
        /// What others than root may do with it.
        mode: GuestFileMode,
        /// Its name in the release, by the platform of the guest.
        files: BTreeMap<Platform, ReleaseFileName>,
        /// It holds images of containers, and is put there for `--install-images` alone.
        #[serde(default)]
        images: bool,
    },
    /// Writes a file of text. One that is there and that this program has not written is left alone, and ends the installation.
    File {
        /// Its place.
        place: AbsoluteGuestPath,
        /// What others than root may do with it.
        mode: GuestFileMode,
        /// Its lines, in which `#` begins a comment, below one that says whose file it is. `{addresses}` is what the guest can be
        /// reached by, as a list in brackets, and `{program}` the place of the program that a step `download` puts there.
        text: FileText,
    },
}

/// What others than root may do with a file: run a `program`, read what is `readable`, nothing with what is `private`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GuestFileMode {
    Program,
    Readable,
    Private,
}

impl GuestFileMode {
    /// As chmod(1) takes it.
    pub(crate) fn octal(self) -> &'static str {
        match self {
            Self::Program => "0755",
            Self::Readable => "0644",
            Self::Private => "0600",
        }
    }
}

/// The programs that install packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PackageManager {
    Apt,
    Dnf,
    Zypper,
}

/// Where a publisher has the releases of what is downloaded.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishedReleases {
    /// The name in sentences.
    pub name: ServiceName,
    /// The address that says which release is the one to take where none is named. It leads to an address that ends with the
    /// release, or says the release itself.
    pub latest: Template,
    /// The address of the folder with the files of a release. `{tag}` is the release.
    pub folder: Template,
    /// The file of SHA-256 sums there, by the platform of the guest.
    pub checksums: BTreeMap<Platform, ReleaseFileName>,
}

/// The names of the values that the address of a folder of releases can hold.
pub(super) const RELEASE_FOLDER_VALUES: [&str; 1] = ["tag"];
/// The names of the values that a file can hold.
pub(super) const GUEST_FILE_VALUES: [&str; 1] = ["addresses"];
/// The same, where a program is downloaded.
pub(super) const PROGRAM_VALUE: &str = "program";
/// The line that ends a file where its text is shown as commands, so it is a line of none.
pub(crate) const FILE_END: &str = "END-OF-FILE";
