//! `start --install`: what is not in the machine is put there first.

use crate::base::release::ReleaseTag;
use crate::base::timeouts;
use crate::catalogue::Service;
use crate::cli::InstallArgs;
use crate::clients::install::DownloadContext;
use crate::clients::release_files::{FetchedFile, ReleaseCache, ReleaseFile, latest_release};
use crate::clients::{self, Event, Watcher};
use crate::commands::context::{Context, print};
use crate::error::Error;
use crate::guest::control::ProxyChange;
use crate::services::{self, Inspected, InstallPlan, Lifecycle, Readiness};
use crate::ui::Progress;

/// `service` as it is in the machine, installed first where `args` say so. None where they say that the steps are only shown.
///
/// Errors: those of asking and of installing; it is not there, or half there, and nobody has said that it is to be installed.
pub(super) fn inspect<'s>(
    service: &'s Service,
    args: &InstallArgs,
    proxy: Option<&ProxyChange>,
    machine: &mut Lifecycle,
    context: &Context,
) -> Result<Option<Inspected<'s>>, Error> {
    let inspected = match machine.inspect(service) {
        Ok(inspected) => Some(inspected),
        // Nothing is installed there either, but somebody may be told how.
        Err(error @ services::Error::NotInstalled { no_systemd: true, .. }) if !args.install => {
            return match machine.absent(service)? {
                by_hand @ services::Error::InstallByHand { .. } => Err(by_hand.into()),
                _ => Err(error.into()),
            };
        }
        Err(services::Error::NotInstalled { .. }) if args.install || !service.install.is_empty() => None,
        Err(error) => return Err(error.into()),
    };
    match inspected {
        Some(inspected) if !inspected.is_half_installed() => {
            note_unused(service, args, context);
            if args.dry_run {
                show_present(&inspected, args, machine, context)?;
                return Ok(None);
            }
            Ok(Some(inspected))
        }
        // What answers may be used as it is.
        Some(inspected) if !args.install && inspected.assessment.readiness() == Readiness::Ready => {
            Ok(Some(inspected))
        }
        Some(_) if !args.install => Err(machine.half_installed(service).into()),
        None if !args.install => Err(machine.absent(service)?.into()),
        _ => install(service, args, proxy, machine, context)
            .map_err(|error| with_options(error, service, args)),
    }
}

/// Shows that nothing is installed. What does not run may be there in part; the commands that have put it there, if they are
/// known, put all of it there again.
fn show_present(
    inspected: &Inspected,
    args: &InstallArgs,
    machine: &mut Lifecycle,
    context: &Context,
) -> Result<(), Error> {
    let service = inspected.detected.service;
    print(&format!("# {} is there already\n", service.title))?;
    if inspected.assessment.readiness() == Readiness::Ready || service.install.is_empty() {
        return Ok(());
    }
    let plan = match machine.plan_installation(service) {
        Ok(plan) if plan.makes(&inspected.detected) => plan,
        Ok(_) | Err(services::Error::NoInstallation { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let progress = Progress::new(context.ui);
    let watcher = |event: &Event| progress.show(event);
    let plan = Releases::new(args, context, &watcher)?.chosen_for(plan, machine)?;
    print(&format!("# where a part of it is gone:\n{}", machine.installation_script(&plan)?))
}

/// Says which options change nothing, because nothing is installed.
fn note_unused(service: &Service, args: &InstallArgs, context: &Context) {
    let version = args.install_version.is_some().then_some("`--install-version`");
    let images = args.install_images.then_some("`--install-images`");
    let unused: Vec<&str> = version.into_iter().chain(images).collect();
    if has_releases(service) && !unused.is_empty() {
        let (title, unused) = (&service.title, unused.join(" and "));
        context.note(&format!("{title} is in the machine already, and stays as it is: leave out {unused}"));
    }
}

/// What is to be typed again is typed with the same options, as far as they are for `service`.
fn with_options(error: Error, service: &Service, args: &InstallArgs) -> Error {
    let options = if has_releases(service) { args.of_releases() } else { Vec::new() };
    if options.is_empty() { error } else { Error::OfInstallation { options, error: error.into() } }
}

fn has_releases(service: &Service) -> bool {
    service.install.iter().any(|way| way.releases.is_some())
}

/// Errors: an option is for releases, and nothing that is named is made of one.
pub(super) fn refuse_misplaced(args: &InstallArgs, names: &[String], context: &Context) -> Result<(), Error> {
    let option = match args {
        InstallArgs { install_version: Some(_), .. } => "--install-version",
        InstallArgs { install_images: true, .. } => "--install-images",
        InstallArgs { offline: true, .. } => "--offline",
        _ => return Ok(()),
    };
    let catalogue = context.catalogue()?;
    let services = catalogue.select(names)?;
    if services.into_iter().any(has_releases) {
        return Ok(());
    }
    Err(Error::OptionMisplaced { option, service: KUBERNETES })
}

fn install<'s>(
    service: &'s Service,
    args: &InstallArgs,
    proxy: Option<&ProxyChange>,
    machine: &mut Lifecycle,
    context: &Context,
) -> Result<Option<Inspected<'s>>, Error> {
    let progress = Progress::new(context.ui);
    let watcher = |event: &Event| progress.show(event);
    let releases = Releases::new(args, context, &watcher)?;
    let plan = releases.plan(service, machine)?;
    if args.dry_run {
        print(&machine.installation_script(&plan)?)?;
        return Ok(None);
    }
    match releases.install(&plan, proxy, machine) {
        Ok(()) => {}
        // Another command may have installed it meanwhile.
        Err(error @ Error::Services(services::Error::ActionFailed { .. })) => {
            return match machine.inspect(service) {
                Ok(inspected) if !inspected.is_half_installed() => Ok(Some(inspected)),
                _ => Err(error),
            };
        }
        Err(error) => return Err(error),
    }
    context.note(&format!("installed on {}: {}", plan.system(), plan.summary()));
    Ok(Some(machine.inspect(service)?))
}

/// What is downloaded on this host for a machine.
struct Releases<'a> {
    args: &'a InstallArgs,
    cache: ReleaseCache,
    downloads: DownloadContext<'a>,
}

impl<'a> Releases<'a> {
    fn new(args: &'a InstallArgs, context: &Context, watcher: Watcher<'a>) -> Result<Self, Error> {
        let mut downloads = context.downloads(watcher)?;
        downloads.idle_timeout = downloads.idle_timeout.min(timeouts::RELEASE_IDLE);
        Ok(Self { args, cache: ReleaseCache::new(context.folders()?.releases()), downloads })
    }

    /// How `service` is installed in the machine.
    ///
    /// Errors: no way is known; which release is the latest cannot be found out.
    fn plan<'s>(&self, service: &'s Service, machine: &mut Lifecycle) -> Result<InstallPlan<'s>, Error> {
        let plan = machine.plan_installation(service)?;
        self.chosen_for(plan, machine)
    }

    /// `plan` with the release that is wanted, if it is made of one.
    ///
    /// Errors: which is the latest cannot be found out.
    fn chosen_for<'s>(&self, plan: InstallPlan<'s>, machine: &Lifecycle) -> Result<InstallPlan<'s>, Error> {
        let Some(releases) = plan.releases() else { return Ok(plan) };
        let (service, name) = (&plan.service.name, &releases.name);
        let tag = match &self.args.install_version {
            Some(tag) => tag.clone(),
            None if self.args.offline => {
                let newest = self.newest_complete(&plan, machine)?;
                // What is not complete tells what it lacks.
                let newest = newest.or(self.cache.releases(service)?.into_iter().next());
                newest.ok_or_else(|| clients::Error::ReleaseNotCached {
                    name: name.to_string(),
                    tag: None,
                    file: None,
                    known: None,
                })?
            }
            None => {
                let url = releases.latest.fill(&|_| None).unwrap_or_default();
                latest_release(name, &url, &self.downloads)?
            }
        };
        Ok(plan.of_release(tag, self.args.install_images))
    }

    /// The newest release of which the cache has all that `plan` needs.
    ///
    /// Errors: it is not made for what the machine runs on; the cache cannot be read.
    fn newest_complete(&self, plan: &InstallPlan, machine: &Lifecycle) -> Result<Option<ReleaseTag>, Error> {
        self.cache.newest_complete(&plan.service.name, |tag| {
            let plan = plan.clone().of_release(tag.clone(), self.args.install_images);
            Ok(machine.release_files(&plan)?)
        })
    }

    /// Fetches what `plan` needs, puts it into the machine, and installs the service. The machine is asked first whether it can be.
    fn install(
        &self,
        plan: &InstallPlan,
        proxy: Option<&ProxyChange>,
        machine: &mut Lifecycle,
    ) -> Result<(), Error> {
        let wanted = machine.release_files(plan)?;
        let mut files = Vec::new();
        if !wanted.is_empty() {
            machine.check_installation(plan)?;
            files = wanted.iter().map(|file| self.fetch(file, plan, machine)).collect::<Result<_, _>>()?;
            machine.push(plan, &files)?;
        }
        match machine.install(plan, &files, proxy) {
            // Another run, which has ended meanwhile, takes away what was pushed for it; so it does with that for this one.
            Err(error) if error.is_about_transfer() && !files.is_empty() => {
                machine.push(plan, &files)?;
                Ok(machine.install(plan, &files, proxy)?)
            }
            installed => Ok(installed?),
        }
    }

    fn fetch(
        &self,
        file: &ReleaseFile,
        plan: &InstallPlan,
        machine: &Lifecycle,
    ) -> Result<FetchedFile, Error> {
        if !self.args.offline {
            return Ok(self.cache.fetch(file, &self.downloads)?);
        }
        match self.cache.take(file)? {
            Some(found) => Ok(found),
            None => Err(file.not_cached(self.newest_complete(plan, machine)?.as_ref()).into()),
        }
    }
}

const KUBERNETES: &str = "kubernetes";
