//! Installing a service in a guest that has none of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use super::{INSTALL, Inspected, Lifecycle};
use crate::base::deadline::Deadline;
use crate::base::distribution::PackageName;
use crate::base::files;
use crate::base::release::{ReleaseFileName, ReleaseTag, Sha256Sum};
use crate::base::timeouts;
use crate::base::types::{GuestPath, HostName, SshUser, UnitName};
use crate::catalogue::platform::Platform;
use crate::catalogue::{InstallMethod, InstallStep, PublishedReleases, Service};
use crate::clients::release_files::{FetchedFile, ReleaseFile};
use crate::guest::control::{Action, GuestInstall, ProxyChange, installation_mark, needs_in_words, program};
use crate::guest::probe::{Facts, FileFact, Questions};
use crate::services::detect::DetectedService;
use crate::services::error::Error;
use crate::services::inspection::Inspection;
use crate::ui::Spinner;

/// How a service would be installed in a guest.
#[derive(Clone, Debug)]
pub(crate) struct InstallPlan<'s> {
    pub(crate) service: &'s Service,
    installation: &'s InstallMethod,
    user: SshUser,
    /// The guest's distribution, as it may be shown.
    system: String,
    /// What the guest can be reached by.
    names: Vec<HostName>,
    platform: Option<Platform>,
    tag: Option<ReleaseTag>,
    with_images: bool,
}

impl Lifecycle<'_> {
    /// Finds the way to install `service` here.
    ///
    /// Errors: those of asking; none is known.
    pub(crate) fn plan_installation<'s>(&mut self, service: &'s Service) -> Result<InstallPlan<'s>, Error> {
        let inspection = self.session.inspect(&Questions::to_install(service))?;
        let facts = &inspection.facts;
        let system = system_in_words(facts);
        let Some(installation) = service.install.iter().find(|installation| fits(installation, facts)) else {
            let (service, machine) = (service.name.to_string(), self.machine_name());
            return Err(Error::NoInstallation { service, machine, system });
        };
        let user = self.session.machine().route().target.user.clone();
        let (names, platform) = (names(&inspection), facts.platform.clone());
        let (tag, with_images) = (None, false);
        Ok(InstallPlan { service, installation, user, system, names, platform, tag, with_images })
    }

    /// The error for `service`, which nobody knows how to install.
    pub(crate) fn not_installed(&self, service: &Service) -> Error {
        let (service, machine) = (service.name.to_string(), self.machine_name());
        Error::NotInstalled { service, machine, no_systemd: false }
    }

    /// The error for `service`, which is not there, with what would be installed.
    ///
    /// Errors: those of asking.
    pub(crate) fn absent(&mut self, service: &Service) -> Result<Error, Error> {
        let plan = match self.plan_installation(service) {
            Ok(plan) => match self.refuse_by_hand(&plan) {
                Ok(()) => plan.summary(),
                Err(by_hand) => return Ok(by_hand),
            },
            Err(Error::NoInstallation { .. }) => return Ok(self.not_installed(service)),
            Err(error) => return Err(error),
        };
        Ok(Error::Installable { service: service.name.to_string(), machine: self.machine_name(), plan })
    }

    /// The error for `service`, whose installation was broken off.
    pub(crate) fn half_installed(&self, service: &Service) -> Error {
        Error::HalfInstalled { service: service.name.to_string(), machine: self.machine_name() }
    }

    /// The files of the release that `plan` has, if it has one.
    ///
    /// Errors: it is not made for what the machine runs on.
    pub(crate) fn release_files(&self, plan: &InstallPlan) -> Result<Vec<ReleaseFile>, Error> {
        let Some((releases, tag)) = plan.releases().zip(plan.tag.as_ref()) else { return Ok(Vec::new()) };
        plan.files(releases, tag).ok_or_else(|| Error::NotMadeFor {
            what: releases.name.to_string(),
            machine: self.machine_name(),
            platform: plan.platform.as_ref().map(ToString::to_string),
        })
    }

    /// The commands that do what `plan` says, for a shell in the machine.
    ///
    /// Errors: it is not made for what the machine runs on; nobody can install it there.
    pub(crate) fn installation_script(&self, plan: &InstallPlan) -> Result<String, Error> {
        self.release_files(plan)?;
        if plan.installation.steps.is_empty() {
            self.refuse_by_hand(plan)?;
        }
        Ok(plan.script())
    }

    /// Finds out whether a service can be installed as `plan` says, and changes nothing. It waits for nobody, and has the time of the
    /// command.
    ///
    /// Errors: as for [`Self::install`].
    pub(crate) fn check_installation(&mut self, plan: &InstallPlan) -> Result<(), Error> {
        self.refuse_by_hand(plan)?;
        let action = Action::check_installation(&plan.request());
        let checked = self.execute_patiently(&action, INSTALL, plan.service, Duration::ZERO);
        checked.map(drop).map_err(|error| match error {
            // Then nothing goes on there.
            Error::InstallTimedOut { .. } => self.timed_out(plan.service, INSTALL.wanted, None),
            other => other,
        })
    }

    /// Puts `files` into the machine, where [`Self::install`] finds them.
    ///
    /// Errors: they cannot be read here or written there, or do not arrive as they are; the user may not; those of the connection.
    pub(crate) fn push(&mut self, plan: &InstallPlan, files: &[FetchedFile]) -> Result<(), Error> {
        for FetchedFile { path, sha256 } in files {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let _spinner = Spinner::new(self.ui, &format!("copying {name} into the machine"));
            let failed = |source| files::Error::Read { path: path.clone(), source };
            let mut content = File::open(path).map_err(failed)?;
            let service = &plan.service.name;
            let outcome = self.with_time_for_all(|all| {
                all.session.push(service, sha256, &mut content, timeouts::INSTALLATION)
            });
            self.done(outcome, INSTALL, plan.service)?;
        }
        Ok(())
    }

    /// Installs a service as `plan` says, with the files that are there already, and whose packages come through `proxy`. The time of the
    /// command begins anew then.
    ///
    /// Errors: it is to be done by hand; the guest lacks something, the user may not, or a step fails; those of the connection.
    pub(crate) fn install(
        &mut self,
        plan: &InstallPlan,
        files: &[FetchedFile],
        proxy: Option<&ProxyChange>,
    ) -> Result<(), Error> {
        self.refuse_by_hand(plan)?;
        let sums: Vec<Sha256Sum> = files.iter().map(|file| file.sha256.clone()).collect();
        let action = Action::install(&plan.request(), &sums, proxy);
        let (service, patience) = (plan.service, self.patience());
        let spinner = Spinner::new(self.ui, &format!("installing {}", service.title));
        let result = self.with_time_for_all(|all| all.execute_patiently(&action, INSTALL, service, patience));
        drop(spinner);
        result.map(drop)
    }

    fn refuse_by_hand(&self, plan: &InstallPlan) -> Result<(), Error> {
        let Some(because) = &plan.installation.by_hand else { return Ok(()) };
        Err(Error::InstallByHand {
            service: plan.service.name.to_string(),
            machine: self.machine_name(),
            because: because.clone(),
            instead: plan.installation.instead.clone(),
        })
    }

    /// What is typed limits the waiting, not the work.
    fn patience(&self) -> Duration {
        self.whole.limit().min(timeouts::PACKAGE_LOCK)
    }

    /// Does what takes as long as it takes; the time of the command begins anew after it.
    fn with_time_for_all<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.set_deadline(Deadline::after(self.patience() + timeouts::INSTALLATION));
        self.session.watch(Some(self.whole.limit().min(timeouts::SILENT_GUEST)));
        let result = work(self);
        self.session.watch(None);
        self.whole = Deadline::after(self.whole.limit());
        self.set_deadline(self.whole.at_most(self.part));
        result
    }
}

impl InstallPlan<'_> {
    /// What is done, in a sentence: `docker.io with apt-get`.
    pub(crate) fn summary(&self) -> String {
        let names: Vec<&str> = self.installation.packages().map(PackageName::as_str).collect();
        let manager = self.installation.steps.iter().find_map(|step| match step {
            InstallStep::Packages { manager, .. } => Some(program(*manager)),
            _ => None,
        });
        match (manager, self.releases(), &self.tag) {
            (Some(manager), ..) => format!("{} with {manager}", names.join(", ")),
            (None, Some(releases), Some(tag)) => format!("{} {tag}", releases.name),
            (None, Some(releases), None) => releases.name.to_string(),
            (None, None, _) => self.installation.name.to_string(),
        }
    }

    /// True when its steps make what `detected` is, by the units that are there then. One of another kind is left alone.
    pub(crate) fn makes(&self, detected: &DetectedService) -> bool {
        let is_made = |unit: &UnitName| self.installation.units.contains(unit);
        !self.installation.steps.is_empty() && detected.units.iter().any(is_made)
    }

    /// Where the releases are that it is made of, if it is.
    pub(crate) fn releases(&self) -> Option<&'_ PublishedReleases> {
        self.installation.releases.as_ref()
    }

    /// The same with this release, and images or none.
    #[must_use]
    pub(crate) fn of_release(self, tag: ReleaseTag, with_images: bool) -> Self {
        Self { tag: Some(tag), with_images, ..self }
    }

    /// None where the release has no file for the platform.
    fn files(&self, releases: &PublishedReleases, tag: &ReleaseTag) -> Option<Vec<ReleaseFile>> {
        let platform = self.platform.as_ref()?;
        let folder = releases.folder.fill(&|_| Some(tag.in_address()))?;
        let file = |files: &BTreeMap<Platform, ReleaseFileName>| {
            Some(ReleaseFile {
                service: self.service.name.clone(),
                release: releases.name.clone(),
                tag: tag.clone(),
                name: files.get(platform)?.clone(),
                folder: folder.clone(),
                checksums: releases.checksums.get(platform)?.clone(),
            })
        };
        self.request().downloads().map(file).collect()
    }

    /// The guest's distribution, as it may be shown.
    pub(crate) fn system(&self) -> &str {
        &self.system
    }

    /// The commands that do it, under a comment that says for what guest, for a shell there.
    fn script(&self) -> String {
        let needs = needs_in_words(&self.installation.needs).map(|needs| format!("; needs {needs}"));
        let title = format!("# {} on {}{}\n", self.service.title, self.system, needs.unwrap_or_default());
        let by_hand = self.installation.by_hand.as_ref();
        let by_hand = by_hand.map(|because| format!("# {} {because}\n", self.service.title));
        title + &by_hand.unwrap_or_default() + &self.request().commands()
    }

    fn request(&self) -> GuestInstall<'_> {
        GuestInstall {
            service: &self.service.name,
            installation: self.installation,
            user: &self.user,
            names: &self.names,
            platform: self.platform.as_ref(),
            tag: self.tag.as_ref(),
            with_images: self.with_images,
        }
    }
}

impl Inspected<'_> {
    /// True when its installation has begun and not ended.
    pub(crate) fn is_half_installed(&self) -> bool {
        let mark = installation_mark(&self.detected.service.name);
        mark.is_some_and(|mark| self.inspection.facts.files.contains_key(&mark))
    }
}

fn fits(installation: &InstallMethod, facts: &Facts) -> bool {
    let value = |key| facts.release.value(key).map(|value| value.to_string());
    let (id, version) = (value("ID"), value("VERSION_ID"));
    // What only the user cannot write, root may.
    let is_read_only = |path: &GuestPath| facts.root && facts.files.get(path) == Some(&FileFact::Present);
    let exists = |path: &GuestPath| facts.files.contains_key(path);
    installation.when.fit(id.as_deref(), version.as_deref(), exists, is_read_only)
}

/// The addresses of the guest, and the name by which it was reached.
fn names(inspection: &Inspection) -> Vec<HostName> {
    let mut names: Vec<HostName> = inspection.addresses().into_iter().map(HostName::from).collect();
    let typed = HostName::parse(inspection.machine.route().target.host.as_str());
    names.extend(typed.ok().filter(|name| !names.contains(name)));
    names
}

fn system_in_words(facts: &Facts) -> String {
    let name = facts.release.text("PRETTY_NAME").or_else(|| facts.release.text("ID"));
    name.unwrap_or_else(|| "a system without /etc/os-release".to_owned())
}
