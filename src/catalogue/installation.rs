//! How a service is installed in a guest that has none of it, as `services/*.yaml` describe it. Rust knows the kinds of steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_yaml::with::singleton_map_recursive;

use super::install_step::{GuestFileMode, InstallStep, PublishedReleases};
use crate::base::distribution::{DistributionId, DistributionVersion, PackageName};
use crate::base::types::{AbsoluteGuestPath, GuestPath, Port, ServiceName, UnitName};

/// A way to install a service.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstallMethod {
    /// Its name.
    pub name: ServiceName,
    /// The guests it is for; all of them where nothing is said.
    #[serde(default)]
    pub when: GuestConditions,
    /// Why this program does not do it itself, after the service's name; its steps are shown then.
    #[serde(default)]
    pub by_hand: Option<String>,
    /// What to do where there are no steps to show either, as a hint.
    #[serde(default)]
    pub instead: Option<String>,
    /// What the guest must have.
    #[serde(default)]
    pub needs: Needs,
    /// Files of other installations of the service, beside which this one is not made.
    #[serde(default)]
    pub unless: Vec<AbsoluteGuestPath>,
    /// Where the files of the steps `download` are published.
    #[serde(default)]
    #[schemars(with = "PublishedReleases")]
    pub releases: Option<PublishedReleases>,
    /// The units that are there then, which `start` enables and starts.
    #[serde(default)]
    pub units: Vec<UnitName>,
    /// What is done, in this order. Each can be done twice.
    #[serde(default, with = "singleton_map_recursive")]
    #[schemars(with = "Vec<InstallStep>")]
    pub steps: Vec<InstallStep>,
}

/// What a guest is, all of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuestConditions {
    /// `ID` of `/etc/os-release` is one of these, if there are any.
    #[serde(default)]
    pub id: Vec<DistributionId>,
    /// `VERSION_ID` is this one or a later one. A guest without one is of a distribution that has no versions, and newer than any.
    #[serde(default)]
    #[schemars(with = "DistributionVersion")]
    pub since: Option<DistributionVersion>,
    /// `VERSION_ID` is an earlier one.
    #[serde(default)]
    #[schemars(with = "DistributionVersion")]
    pub until: Option<DistributionVersion>,
    /// Files or folders that exist.
    #[serde(default)]
    pub files: Vec<GuestPath>,
    /// Folders that exist, and in which not even root can write.
    #[serde(default)]
    pub read_only: Vec<GuestPath>,
}

/// What a guest must have before anything is installed in it; zero is anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Needs {
    /// Megabytes free below `/var` and `/usr`.
    pub disk: u32,
    /// Megabytes of memory. A machine that was given so much shows somewhat less, and passes with nine tenths of it.
    pub memory: u32,
    /// Processors.
    pub processors: u32,
    /// TCP ports at which nobody listens yet.
    pub ports: Vec<Port>,
    /// The file of the rules of `SELinux` for the service, where that enforces its rules.
    #[schemars(with = "AbsoluteGuestPath")]
    pub selinux: Option<AbsoluteGuestPath>,
}

impl GuestConditions {
    /// True of a guest with these values of `/etc/os-release`, of which `exists` tells what files it has, and `is_read_only` in what
    /// folders root cannot write.
    pub(crate) fn fit(
        &self,
        id: Option<&str>,
        version: Option<&str>,
        exists: impl Fn(&GuestPath) -> bool,
        is_read_only: impl Fn(&GuestPath) -> bool,
    ) -> bool {
        let version = version.and_then(|text| DistributionVersion::parse(text).ok());
        let is_before = |limit: &DistributionVersion| {
            version.as_ref().is_some_and(|version| version.compare(limit).is_lt())
        };
        (self.id.is_empty() || id.is_some_and(|id| self.id.iter().any(|known| known.as_str() == id)))
            && self.since.as_ref().is_none_or(|since| !is_before(since))
            && self.until.as_ref().is_none_or(is_before)
            && self.files.iter().all(exists)
            && self.read_only.iter().all(is_read_only)
    }
}

impl InstallMethod {
    /// The packages that it installs.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &PackageName> {
        self.steps.iter().flat_map(|step| match step {
            InstallStep::Packages { names, .. } => names.as_slice(),
            _ => &[],
        })
    }

    /// Where the program is that it downloads, if it does.
    pub(crate) fn program(&self) -> Option<&AbsoluteGuestPath> {
        self.steps.iter().find_map(|step| match step {
            InstallStep::Download { place, mode: GuestFileMode::Program, .. } => Some(place),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::Catalogue;

    /// Real ones: `ID` and `VERSION_ID` as the distributions have them, and what is installed there.
    const GUESTS: &[(&str, &str, &str)] = &[
        ("debian", "11", "debian"),
        ("debian", "12", "debian"),
        ("debian", "13", "debian-13"),
        ("debian", "", "debian-13"),
        ("ubuntu", "22.04", "ubuntu"),
        ("ubuntu", "24.04", "ubuntu"),
        ("ubuntu", "16.04", ""),
        ("linuxmint", "22", ""),
        ("fedora", "39", "fedora-40"),
        ("fedora", "40", "fedora-40"),
        ("fedora", "41", "fedora"),
        ("fedora", "44", "fedora"),
        ("fedora", "37", ""),
        ("centos", "7", ""),
        ("centos", "8", ""),
        ("centos", "9", "podman"),
        ("centos", "10", "podman"),
        ("almalinux", "9.4", "podman"),
        ("almalinux", "10.0", "podman"),
        ("rocky", "9.4", "podman"),
        ("rocky", "8.10", ""),
        ("rhel", "9.2", "podman"),
        ("opensuse-leap", "15.6", "opensuse"),
        ("opensuse-leap", "16.0", "opensuse"),
        ("opensuse-leap", "42.3", "opensuse"),
        ("opensuse-tumbleweed", "20240801", "opensuse"),
        ("sles", "15.6", "opensuse"),
        ("sles", "12.5", ""),
        ("alpine", "3.20.1", "alpine"),
        ("alpine", "3.21_alpha20240807", "alpine"),
        ("arch", "", ""),
        ("$(id)", "12", ""),
        ("", "", ""),
    ];

    /// Systems that are images have one way, whatever their distribution.
    #[test]
    fn an_image_is_told_by_its_files() {
        let catalogue = Catalogue::built_in().unwrap();
        let docker = &catalogue.find("docker").unwrap().service;
        for (id, version, file, name) in [
            ("fedora", "41", "/run/ostree-booted", "ostree"),
            ("rhel", "9.4", "/run/ostree-booted", "ostree"),
            ("opensuse-microos", "20240801", "/usr/sbin/transactional-update", "transactional"),
            ("opensuse-leap", "15.6", "/usr/sbin/transactional-update", "transactional"),
            ("fedora", "41", "/etc/passwd", "fedora"),
        ] {
            let exists = |path: &GuestPath| path.as_str() == file;
            let way = docker
                .install
                .iter()
                .find(|way| way.when.fit(Some(id), Some(version), exists, |_| false))
                .unwrap();
            assert_eq!(way.name.as_str(), name, "{id} {file}");
            assert_eq!(way.by_hand.is_some(), name != "fedora");
        }
    }

    /// Where root cannot write into its usual place, k3s has another one.
    #[test]
    fn k3s_is_put_where_it_can_be_written() {
        let catalogue = Catalogue::built_in().unwrap();
        let kubernetes = &catalogue.find("kubernetes").unwrap().service;
        for (is_read_only, name, program) in
            [(false, "k3s", "/usr/local/bin/k3s"), (true, "k3s-opt", "/opt/bin/k3s")]
        {
            let fits = |way: &&InstallMethod| way.when.fit(None, None, |_| true, |_| is_read_only);
            let way = kubernetes.install.iter().find(fits).unwrap();
            assert_eq!((way.name.as_str(), way.program().unwrap().as_str()), (name, program));
            assert!(way.unless.iter().any(|path| path.as_str() == program));
        }
    }

    /// Each guest has its way, of which none does anything by itself.
    #[test]
    fn openshift_is_installed_by_hand() {
        let catalogue = Catalogue::built_in().unwrap();
        let openshift = &catalogue.find("openshift").unwrap().service;
        for (id, version, name, has_commands) in [
            ("rhel", "9.6", "rhel", true),
            ("rhel", "10.0", "elsewhere", false),
            ("centos", "9", "community", true),
            ("centos", "10", "community", true),
            ("centos", "8", "elsewhere", false),
            ("fedora", "42", "community-fedora", true),
            ("fedora", "40", "elsewhere", false),
            ("ubuntu", "24.04", "community-ubuntu", false),
            ("ubuntu", "22.04", "elsewhere", false),
            ("almalinux", "9.4", "elsewhere", false),
            ("", "", "elsewhere", false),
        ] {
            let fits = |way: &&InstallMethod| way.when.fit(Some(id), Some(version), |_| false, |_| false);
            let way = openshift.install.iter().find(fits).unwrap();
            assert_eq!((way.name.as_str(), !way.steps.is_empty()), (name, has_commands), "{id} {version}");
            assert!(
                way.by_hand.is_some()
                    && way.steps.iter().all(|step| matches!(step, InstallStep::Shown { .. }))
            );
        }
    }

    proptest! {
        /// Whatever a guest says of itself, a way is for its distribution, or for what it has.
        #[test]
        fn no_way_is_chosen_for_another_distribution(id in "\\PC{0,12}|debian.?|fedora.?|alpine.?", version in "\\PC{0,8}|[0-9.]{0,6}") {
            let catalogue = Catalogue::built_in().unwrap();
            let docker = &catalogue.find("docker").unwrap().service;
            if let Some(way) = docker.install.iter().find(|way| way.when.fit(Some(&id), Some(&version), |_| false, |_| false)) {
                prop_assert!(way.when.id.iter().any(|known| known.as_str() == id));
            }
        }
    }

    #[test]
    fn each_distribution_has_its_own_way() {
        let catalogue = Catalogue::built_in().unwrap();
        let docker = &catalogue.find("docker").unwrap().service;
        for (id, version, name) in GUESTS {
            let some = |text: &'static str| (!text.is_empty()).then_some(text);
            let fitting =
                docker.install.iter().find(|way| way.when.fit(some(id), some(version), |_| false, |_| false));
            let found = fitting.map(|way| way.name.as_str()).unwrap_or_default();
            assert_eq!(found, *name, "{id} {version}");
        }
    }
}
