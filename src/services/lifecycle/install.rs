//! Installing a service in a guest that has none of it.

use super::{ActionWords, Inspected, Lifecycle};
use crate::base::deadline::Deadline;
use crate::base::distribution::PackageName;
use crate::base::timeouts;
use crate::base::types::SshUser;
use crate::catalogue::{InstallMethod, InstallStep, Service};
use crate::guest::control::{Action, GuestInstall, ProxyChange, installation_mark, needs_in_words, program};
use crate::guest::probe::{Facts, Questions};
use crate::services::error::Error;
use crate::ui::Spinner;

/// How a service would be installed in a guest.
#[derive(Debug)]
pub(crate) struct InstallPlan<'s> {
    pub(crate) service: &'s Service,
    installation: &'s InstallMethod,
    user: SshUser,
    /// The guest's distribution, as it may be shown.
    system: String,
}

impl Lifecycle<'_> {
    /// Finds the way to install `service` here.
    ///
    /// Errors: those of asking; none is known.
    pub(crate) fn plan_installation<'s>(&mut self, service: &'s Service) -> Result<InstallPlan<'s>, Error> {
        let facts = self.session.inspect(&Questions::to_install(service))?.facts;
        let system = system_in_words(&facts);
        match service.install.iter().find(|installation| fits(installation, &facts)) {
            Some(installation) => {
                let user = self.session.machine().route().target.user.clone();
                Ok(InstallPlan { service, installation, user, system })
            }
            None => Err(Error::NoInstallation {
                service: service.name.to_string(),
                machine: self.machine_name(),
                system,
            }),
        }
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
            Ok(plan) => plan.summary(),
            Err(Error::NoInstallation { .. }) => return Ok(self.not_installed(service)),
            Err(error) => return Err(error),
        };
        Ok(Error::Installable { service: service.name.to_string(), machine: self.machine_name(), plan })
    }

    /// The error for `service`, whose installation was broken off.
    pub(crate) fn half_installed(&self, service: &Service) -> Error {
        Error::HalfInstalled { service: service.name.to_string(), machine: self.machine_name() }
    }

    /// Installs a service as `plan` says, whose packages come through `proxy`. The time of the command begins anew then.
    ///
    /// Errors: it is to be done by hand; the guest lacks something, the user may not, or a step fails; those of the connection.
    pub(crate) fn install(&mut self, plan: &InstallPlan, proxy: Option<&ProxyChange>) -> Result<(), Error> {
        let service = plan.service;
        if let Some(because) = &plan.installation.by_hand {
            return Err(Error::InstallByHand {
                service: service.name.to_string(),
                machine: self.machine_name(),
                because: because.clone(),
            });
        }
        let action = Action::install(&plan.request(), proxy);
        // What is typed limits the waiting, not the work.
        let patience = self.whole.limit().min(timeouts::PACKAGE_LOCK);
        self.set_deadline(Deadline::after(patience + timeouts::INSTALLATION));
        let spinner = Spinner::new(self.ui, &format!("installing {}", service.title));
        let result = self.execute_patiently(&action, INSTALL, service, patience);
        drop(spinner);
        self.whole = Deadline::after(self.whole.limit());
        self.set_deadline(self.whole.at_most(self.part));
        result.map(drop)
    }
}

const INSTALL: ActionWords = ActionWords { verb: "install", wanted: "installed" };

impl InstallPlan<'_> {
    /// What is done, in a sentence: `docker.io with apt-get`.
    pub(crate) fn summary(&self) -> String {
        let names: Vec<&str> = self.installation.packages().map(PackageName::as_str).collect();
        let manager = self.installation.steps.iter().find_map(|step| match step {
            InstallStep::Packages { manager, .. } => Some(program(*manager)),
            InstallStep::Group { .. } => None,
        });
        match manager {
            Some(manager) => format!("{} with {manager}", names.join(", ")),
            None => self.installation.name.to_string(),
        }
    }

    /// The guest's distribution, as it may be shown.
    pub(crate) fn system(&self) -> &str {
        &self.system
    }

    /// The commands that do it, under a comment that says for what guest, for a shell there.
    pub(crate) fn script(&self) -> String {
        let needs = needs_in_words(self.installation.needs).map(|needs| format!("; needs {needs}"));
        let title = format!("# {} on {}{}\n", self.service.title, self.system, needs.unwrap_or_default());
        title + &self.request().commands()
    }

    fn request(&self) -> GuestInstall<'_> {
        GuestInstall { service: &self.service.name, installation: self.installation, user: &self.user }
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
    installation.when.fit(id.as_deref(), version.as_deref(), |path| facts.files.contains_key(path))
}

fn system_in_words(facts: &Facts) -> String {
    let name = facts.release.text("PRETTY_NAME").or_else(|| facts.release.text("ID"));
    name.unwrap_or_else(|| "a system without /etc/os-release".to_owned())
}
