//! A way to install a service → the steps that do it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::changes::ProxyChange;
use super::install_call::{InstallCall, InstallConditions};
use super::step::Step;
use crate::base::release::{ReleaseFileName, ReleaseTag, Sha256Sum};
use crate::base::types::{AbsoluteGuestPath, GuestPath, HostName, ServiceName, SshUser, ValueName};
use crate::catalogue::platform::Platform;
use crate::catalogue::{InstallMethod, InstallStep};

/// An installation that is made in one guest.
#[derive(Clone, Debug)]
pub(crate) struct GuestInstall<'a> {
    pub service: &'a ServiceName,
    pub installation: &'a InstallMethod,
    /// Who logs in.
    pub user: &'a SshUser,
    /// What the guest can be reached by.
    pub names: &'a [HostName],
    /// What it runs on, if that has a name.
    pub platform: Option<&'a Platform>,
    /// The release that is downloaded, if any is.
    pub tag: Option<&'a ReleaseTag>,
    /// Images are brought along.
    pub with_images: bool,
}

/// The file that is in a guest while `service` is being installed there, or after that was broken off.
pub(crate) fn installation_mark(service: &ServiceName) -> Option<GuestPath> {
    GuestPath::parse(&format!("/var/lib/service-manager/installing-{service}")).ok()
}

impl GuestInstall<'_> {
    /// The steps, with the sums of what was pushed, in the order of the steps `download`.
    pub(super) fn steps(&self, pushed: &[Sha256Sum], proxy: Option<&ProxyChange>) -> Vec<Step> {
        let mut pushed = pushed.iter();
        let mut all = vec![match proxy {
            Some(ProxyChange::Set(proxy)) => Step::Variables(proxy.for_programs(&self.addresses())),
            Some(ProxyChange::Remove) => Step::Variables(Vec::new()),
            None => Step::Install(InstallCall::KnownProxy),
        }];
        all.push(Step::Install(InstallCall::Begin(self.conditions())));
        let calls = self.wanted().filter_map(|step| self.call(step, &mut pushed));
        all.extend(calls.map(Step::Install));
        all.push(Step::Install(InstallCall::Finish(self.service.clone())));
        all
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.names.iter().filter_map(|name| name.as_str().parse().ok()).collect()
    }

    /// The step that tells whether it can be done.
    pub(super) fn check(&self) -> Step {
        Step::Install(InstallCall::Check(self.conditions()))
    }

    /// The steps that are done here.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &InstallStep> {
        let is_wanted = |step: &&InstallStep| match step {
            InstallStep::Download { images, .. } => self.with_images || !images,
            // Root may do everything anyway.
            InstallStep::Group { .. } => self.user.as_str() != "root",
            InstallStep::Packages { .. } | InstallStep::File { .. } | InstallStep::Shown { .. } => true,
        };
        self.installation.steps.iter().filter(is_wanted)
    }

    /// The files that are downloaded for it, one for each of the steps that put them into their places, in their order.
    pub(crate) fn downloads(&self) -> impl Iterator<Item = &BTreeMap<Platform, ReleaseFileName>> {
        self.wanted().filter_map(|step| match step {
            InstallStep::Download { files, .. } => Some(files),
            InstallStep::Packages { .. }
            | InstallStep::Group { .. }
            | InstallStep::File { .. }
            | InstallStep::Shown { .. } => None,
        })
    }

    fn conditions(&self) -> InstallConditions {
        let InstallMethod { needs, unless, .. } = self.installation;
        let mut folders: Vec<AbsoluteGuestPath> = self.wanted().flat_map(written_in).collect();
        folders.dedup();
        InstallConditions {
            service: self.service.clone(),
            needs: needs.clone(),
            folders,
            unless: unless.clone(),
            places: self.wanted().filter_map(place).cloned().collect(),
        }
    }

    fn call<'p>(
        &self,
        step: &InstallStep,
        pushed: &mut impl Iterator<Item = &'p Sha256Sum>,
    ) -> Option<InstallCall> {
        Some(match step {
            InstallStep::Shown { .. } => return None,
            InstallStep::Packages { manager, names } => {
                InstallCall::Packages { manager: *manager, names: names.clone() }
            }
            InstallStep::Group { name } => {
                InstallCall::JoinGroup { group: name.clone(), user: self.user.clone() }
            }
            InstallStep::Download { place, mode, .. } => {
                InstallCall::Place { sha256: pushed.next()?.clone(), place: place.clone(), mode: *mode }
            }
            InstallStep::File { place, mode, text } => InstallCall::Write {
                place: place.clone(),
                mode: *mode,
                text: text.fill(&|name| self.value(name))?,
            },
        })
    }

    /// What a placeholder in a file stands for. The names hold nothing that YAML or JSON would read otherwise.
    pub(super) fn value(&self, name: &ValueName) -> Option<String> {
        match name.as_str() {
            "addresses" => {
                let names: Vec<String> = self.names.iter().map(|name| format!("\"{name}\"")).collect();
                Some(format!("[{}]", names.join(", ")))
            }
            "program" => self.installation.program().map(ToString::to_string),
            _ => None,
        }
    }
}

/// Where a step puts a file.
pub(super) fn place(step: &InstallStep) -> Option<&AbsoluteGuestPath> {
    match step {
        InstallStep::Packages { .. } | InstallStep::Group { .. } | InstallStep::Shown { .. } => None,
        InstallStep::Download { place, .. } | InstallStep::File { place, .. } => Some(place),
    }
}

/// The folders in which a step writes.
fn written_in(step: &InstallStep) -> Vec<AbsoluteGuestPath> {
    let folder = |path: &str| AbsoluteGuestPath::parse(path).ok();
    match step {
        InstallStep::Packages { .. } => ["/usr", "/var"].into_iter().filter_map(folder).collect(),
        InstallStep::Group { .. }
        | InstallStep::Shown { .. }
        | InstallStep::Download { .. }
        | InstallStep::File { .. } => {
            let above = place(step).and_then(|place| place.as_str().rsplit_once('/'));
            above.and_then(|(path, _)| folder(path)).into_iter().collect()
        }
    }
}
