//! What is in the guest: files, units, its release.

use super::validation::{begins_with, validated};

validated!(
    /// A path in the guest, absolute, below the login user's home (`~/`) or below that user's runtime folder
    /// (`%t/`, as systemd calls it). The characters are such that no shell needs quotes around it.
    GuestPath, "path in the guest", "absolute, `~/…` or `%t/…`; letters, digits and `._/@:+-`, no `..`",
    |text| (text.starts_with('/') || text.starts_with("~/") || text.starts_with("%t/"))
        && text.len() <= 255
        && !text.contains("..")
        && text.trim_start_matches("%t").chars().skip(1).all(|c| c.is_ascii_alphanumeric() || "._/@:+-".contains(c))
);

validated!(
    /// The name of a container in the guest (docker: daemon/names).
    ContainerName, "name of a container", "letters, digits, `_`, `.` and `-`, a letter or digit first; at most 128",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
);

validated!(
    /// Names of containers that begin alike: `k3d-*`; `*` for all.
    ContainerPattern, "pattern of containers", "letters, digits, `_`, `.` and `-`, then `*`",
    |text| text.strip_suffix('*').is_some_and(|start| start.len() <= 64
        && start.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)))
);

impl ContainerPattern {
    pub(crate) fn matches(&self, name: &ContainerName) -> bool {
        self.0.strip_suffix('*').is_some_and(|start| name.0.starts_with(start))
    }
}

impl GuestPath {
    /// How a path below the login user's home begins.
    pub(crate) const HOME: &str = "~/";
    /// How a path below the login user's runtime folder begins.
    pub(crate) const RUNTIME: &str = "%t/";

    /// The same path with what `%t/` stands for; none for one below `~/`, or where that is not known.
    pub(crate) fn absolute(&self, runtime: Option<&RuntimeFolder>) -> Option<Self> {
        match self.0.strip_prefix(Self::RUNTIME) {
            Some(rest) => Some(Self(format!("{}/{rest}", runtime?))),
            None => self.0.starts_with('/').then(|| self.clone()),
        }
    }

    /// The file `name` in this folder.
    #[must_use]
    pub(crate) fn child(&self, name: &'static str) -> Self {
        Self(format!("{}/{name}", self.0))
    }
}

validated!(
    /// A path in the guest that is the same for every user.
    AbsoluteGuestPath, "path in the guest", "absolute; letters, digits and `._/@:+-`, no `..`",
    |text| text.starts_with('/') && GuestPath::parse(text).is_ok()
);

validated!(
    /// The runtime folder of a user in the guest (`pam_systemd(8)`).
    RuntimeFolder, "runtime folder", "`/run/user/` and a number",
    |text| text.strip_prefix("/run/user/").is_some_and(|user| {
        (1..=10).contains(&user.len()) && user.chars().all(|c| c.is_ascii_digit())
    })
);

validated!(
    /// A [`GuestPath`] in which a whole part may be `*`, for any one name.
    GuestPattern, "pattern of paths in the guest", "a path in which a whole part may be `*`",
    |text| GuestPath::parse(&text.replace("/*/", "/x/")).is_ok()
);

impl From<&GuestPath> for GuestPattern {
    fn from(path: &GuestPath) -> Self {
        Self(path.0.clone())
    }
}

impl GuestPattern {
    /// True when `path` is one of those meant.
    pub(crate) fn matches(&self, path: &GuestPath) -> bool {
        let (pattern, path) = (self.0.split('/'), path.0.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern.zip(path).all(|(wanted, part)| wanted == "*" && !part.is_empty() || wanted == part)
    }

    /// The part before the first `*`.
    pub(crate) fn folder(&self) -> &str {
        self.0.split("/*").next().unwrap_or_default()
    }

    /// The path, when only one is meant.
    pub(crate) fn path(&self) -> Option<GuestPath> {
        GuestPath::parse(&self.0).ok()
    }
}

validated!(
    /// The name of a systemd unit, no alias; `.service` at its end may be left out.
    UnitName, "unit name", "letters, digits and `._@:-`",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._@:-".contains(c))
);

impl UnitName {
    /// The name with its suffix.
    pub(crate) fn full(&self) -> String {
        let kind = self.0.rsplit_once('.').map(|(_, kind)| kind);
        let has_kind = kind.is_some_and(|kind| UNIT_KINDS.contains(&kind));
        if has_kind { self.0.clone() } else { format!("{}.service", self.0) }
    }

    /// The name without `.service`, by which the facts know it.
    pub(crate) fn short(&self) -> &str {
        self.0.strip_suffix(".service").unwrap_or(&self.0)
    }
}

/// The suffixes of units (`systemd.unit(5)`).
const UNIT_KINDS: [&str; 11] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "slice",
    "scope",
];

validated!(
    /// `VARIANT_ID` of `/etc/os-release` (`os-release(5)`).
    VariantId, "VARIANT_ID", "small letters, digits and `._-`; at most 32",
    |text| (1..=32).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
);

validated!(
    /// A value of `/etc/os-release` as it may stand between double quotes in any shell.
    ReleaseValue, "value of os-release", "letters, digits, blanks and `._()+:/,-`; at most 128",
    |text| text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._()+:/,-".contains(c))
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_users_own_becomes_absolute() {
        let runtime = RuntimeFolder::parse("/run/user/1000").unwrap();
        let absolute = |path: &str, runtime: Option<&RuntimeFolder>| {
            GuestPath::parse(path).unwrap().absolute(runtime).map(|path| path.to_string())
        };
        assert_eq!(absolute("%t/docker.sock", Some(&runtime)).as_deref(), Some("/run/user/1000/docker.sock"));
        assert_eq!(absolute("/run/docker.sock", None).as_deref(), Some("/run/docker.sock"));
        assert_eq!(absolute("%t/docker.sock", None), None);
        assert_eq!(absolute("~/docker.sock", Some(&runtime)), None);
    }

    #[test]
    fn a_pattern_means_one_name_in_place_of_its_star() {
        let pattern = GuestPattern::parse("/var/kubeadmin/*/kubeconfig").unwrap();
        let matches = |path| pattern.matches(&GuestPath::parse(path).unwrap());
        assert!(matches("/var/kubeadmin/node.example/kubeconfig"));
        assert!(!matches("/var/kubeadmin/kubeconfig"));
        assert!(!matches("/var/kubeadmin//kubeconfig"));
        assert!(!matches("/var/kubeadmin/a/b/kubeconfig"));
        assert_eq!(pattern.path(), None);
        assert!(GuestPattern::parse("/etc/k*s").is_err());
    }

    #[test]
    fn a_unit_is_a_service_unless_it_says_otherwise() {
        let full = |name| UnitName::parse(name).unwrap().full();
        assert_eq!(full("docker"), "docker.service");
        assert_eq!(full("podman.socket"), "podman.socket");
        assert_eq!(full("snap.microk8s.daemon-kubelite"), "snap.microk8s.daemon-kubelite.service");
    }
}
