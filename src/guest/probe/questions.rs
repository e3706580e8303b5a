//! What is asked of a guest to find services there.

use crate::base::types::{GuestPath, GuestPattern, UnitName, VariantId};
use crate::catalogue::{Access, Flavour, Service};

/// What to ask in the guest.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(crate) struct Questions {
    /// The units whose states are wanted.
    pub units: Vec<UnitName>,
    /// The files that are looked for or read.
    pub files: Vec<FileQuestion>,
    /// The guest's global addresses.
    pub addresses: bool,
    /// `/etc/os-release`.
    pub release: bool,
    /// What the guest runs on.
    pub platform: bool,
    /// A token, where a service takes nothing else. Some clusters make a new one for this.
    pub token: bool,
    /// At which ports somebody listens in the guest.
    pub listening: bool,
    /// For how long the units are active.
    pub settling: bool,
    /// The containers in which image registries are.
    pub registries: bool,
}

/// A file to look for, or several of one pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileQuestion {
    /// Where it is.
    pub pattern: GuestPattern,
    /// Only root can see it.
    pub root: bool,
    /// What is wanted of it.
    pub detail: Detail,
}

/// What is wanted of a file; what is greater includes what is less.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// That it exists.
    Presence,
    /// That it exists, and whether the user may write it: then a socket can be connected to.
    Writable,
    /// Its content, and that of the files it names as a kubeconfig does.
    Content,
    /// Its content and, where it exists and `VARIANT_ID` is one of these (if there are any), a token of the cluster's
    /// service account `default`.
    Token(Vec<VariantId>),
}

impl Questions {
    /// Everything that must be known to find `services` and to see whether they answer.
    pub(crate) fn about<'a>(services: impl IntoIterator<Item = &'a Service>) -> Self {
        Self { addresses: true, ..Self::default() }.with(services)
    }

    /// Everything that must be known to find `services` and to log in to them.
    pub(crate) fn to_use<'a>(services: impl IntoIterator<Item = &'a Service>) -> Self {
        Self { addresses: true, token: true, ..Self::default() }.with(services)
    }

    /// The same, and where the guest listens: for whoever asks again and again, and shall not log in anew to find out that
    /// nobody does.
    pub(crate) fn with_listening(self) -> Self {
        Self { listening: true, ..self }
    }

    /// The same, and what tells whether a service that comes up has had its time.
    pub(crate) fn of_what_comes_up(self) -> Self {
        Self { settling: true, ..self.with_listening() }
    }

    /// What tells how `service` can be installed.
    pub(crate) fn to_install(service: &Service) -> Self {
        let mut questions = Self { addresses: true, release: true, platform: true, ..Self::default() };
        for path in service.install.iter().flat_map(|installation| &installation.when.files) {
            questions.add_file(path.into(), false, Detail::Presence);
        }
        for path in service.install.iter().flat_map(|installation| &installation.when.read_only) {
            questions.add_file(path.into(), true, Detail::Writable);
        }
        questions
    }

    /// The same, and whether `path` exists, if there is one.
    pub(crate) fn with_file(mut self, path: Option<GuestPath>) -> Self {
        if let Some(path) = path {
            self.add_file((&path).into(), false, Detail::Presence);
        }
        self
    }

    fn with<'a>(self, services: impl IntoIterator<Item = &'a Service>) -> Self {
        let mut questions = self;
        for flavour in services.into_iter().flat_map(Service::all_flavours) {
            questions.add_flavour(flavour);
        }
        questions
    }

    fn add_flavour(&mut self, flavour: &Flavour) {
        self.release |= !flavour.detect.variants.is_empty();
        self.registries |= flavour.detect.container.is_some();
        for unit in flavour.units.iter().chain(&flavour.detect.units) {
            if !self.units.contains(unit) {
                self.units.push(unit.clone());
            }
        }
        let root = flavour.access.needs_root();
        for path in &flavour.detect.files {
            self.add_file(path.into(), root, Detail::Presence);
        }
        for path in &flavour.sockets {
            self.add_file(path.into(), false, Detail::Presence);
        }
        if let Access::Socket { path, .. } = &flavour.access {
            self.add_file(path.into(), false, Detail::Writable);
        }
        let detail = match flavour.access {
            Access::ServiceAccount { .. } if self.token => Detail::Token(flavour.detect.variants.clone()),
            _ => Detail::Content,
        };
        for pattern in flavour.access.files() {
            self.add_file(pattern, root, detail.clone());
        }
    }

    fn add_file(&mut self, pattern: GuestPattern, root: bool, detail: Detail) {
        match self.files.iter_mut().find(|known| known.pattern == pattern) {
            Some(known) => {
                known.root |= root;
                if detail > known.detail {
                    known.detail = detail;
                }
            }
            None => self.files.push(FileQuestion { pattern, root, detail }),
        }
    }

    pub(super) fn mention(&self, prefix: &str) -> bool {
        self.files.iter().any(|file| file.pattern.as_str().starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn a_file_asked_for_twice_is_asked_for_once() {
        let catalogue = Catalogue::built_in().unwrap();
        let questions = Questions::to_use(catalogue.select(&[]).unwrap());
        let path = "/etc/kubernetes/admin.conf";
        let admin = questions.files.iter().filter(|file| file.pattern.as_str() == path);
        let admin: Vec<_> = admin.collect();
        assert_eq!(admin.len(), 1);
        assert!(admin[0].root && admin[0].detail == Detail::Content);
    }
}
