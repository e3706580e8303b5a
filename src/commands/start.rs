//! `service-manager start SERVICE...`

mod install;

use std::cell::RefCell;
use std::time::SystemTime;

use secrecy::ExposeSecret;

use super::context::Context;
use super::each_service::{Request, ServiceOutcome, for_each_service};
use crate::catalogue::{Access, Control, Service};
use crate::cli::{InstallArgs, ProxyArgs, StartArgs};
use crate::error::Error;
use crate::guest::control::{Changes, Image, Keys, Proxy, ProxyChange, ProxyInput, Verb};
use crate::services::{
    self, ConnectedService, DetectedService, Inspected, Lifecycle, Readiness, ServiceCache,
    exclusive_under_sccli,
};
use crate::settings::{Hidden, ProxySettings, Settings};

pub(super) fn run(args: &StartArgs, context: &Context) -> Result<(), Error> {
    let options = StartOptions::of(args, context)?;
    if args.check {
        return check(args, context);
    }
    let exclusive = RefCell::new(None);
    let check = |machine: &mut Lifecycle, services: &[&Service]| {
        exclusive.replace(machine.mutually_exclusive(services)?);
        Ok(())
    };
    let request = Request { verb: Verb::Start, names: &args.services, format: args.output };
    for_each_service(&request, context, check, |machine, service| {
        match exclusive.borrow_mut().as_mut() {
            // Told once, of both.
            Some(exclusive) if exclusive.is_about(service) => {
                exclusive.error.take().map_or(Ok(ServiceOutcome::NotTried), |error| Err(error.into()))
            }
            _ => start(service, &options, machine, context),
        }
    })
}

/// Says what is wrong with `args`, as far as that is known without asking the machine.
///
/// Errors: what is wrong.
fn check(args: &StartArgs, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services = catalogue.select(&args.services)?;
    let Some((service, other)) = exclusive_under_sccli(&services) else { return Ok(()) };
    // One that was never used is not known, whatever the reason.
    let machine = context.remembered_machine().ok();
    let all = catalogue.select(&[])?;
    match machine.as_ref().and_then(|machine| ServiceCache::of(machine).used_sccli(&all)) {
        Some(false) => Ok(()),
        Some(true) => {
            let machine = machine.map(|machine| machine.name.to_string()).unwrap_or_default();
            let (service, other) = (service.to_string(), other.to_string());
            Err(services::Error::MutuallyExclusive { service, machine, other }.into())
        }
        None => {
            context.note(&format!(
                "{service} and {other} cannot both be started where `sccli` does it {BUNDLES}"
            ));
            Ok(())
        }
    }
}

/// What the user wants beside the services.
struct StartOptions {
    replace: bool,
    install: InstallArgs,
    proxy: Option<ProxyChange>,
    /// For `openshift` alone.
    image: Image,
    /// For `docker` alone.
    tls: bool,
}

impl StartOptions {
    /// Errors: what is not of its form, is not complete, or does not belong to the services that are named.
    fn of(args: &StartArgs, context: &Context) -> Result<Self, Error> {
        let image = args.image();
        let needs = |option, service: &'static str| {
            let is_named = args.services.iter().any(|name| name == service);
            if is_named { Ok(()) } else { Err(Error::OptionMisplaced { option, service }) }
        };
        if !image.is_empty() {
            needs("--openshift-…", OPENSHIFT)?;
        }
        if args.tls {
            needs("--tls", DOCKER)?;
        }
        let (replace, install, tls) = (args.replace, args.install.clone(), args.tls);
        install::refuse_misplaced(&install, &args.services, context)?;
        Ok(Self { replace, install, proxy: proxy(&args.proxy, context)?, image, tls })
    }
}

/// What is typed counts, else what is set.
fn proxy(args: &ProxyArgs, context: &Context) -> Result<Option<ProxyChange>, Error> {
    if args.no_proxy {
        return Ok(Some(ProxyChange::Remove));
    }
    let typed =
        ProxyInput { url: args.proxy.clone(), user: args.proxy_user.clone(), password: args.password() };
    let mut input =
        if typed.is_empty() { from_settings(Settings::load(&context.folders()?)?.proxy) } else { typed };
    // Where there is a user, the password may be kept out of everybody's sight.
    if input.user.is_some() && input.password.is_none() {
        input.password.clone_from(&context.env.proxy_password);
    }
    Ok(Proxy::read(&input)?.map(ProxyChange::Set))
}

fn from_settings(settings: ProxySettings) -> ProxyInput {
    let text = |Hidden(text): Hidden| text.expose_secret().to_owned();
    let ProxySettings { url, user, password } = settings;
    ProxyInput { url: url.map(text), user: user.map(text), password: password.map(|Hidden(text)| text) }
}

fn start(
    service: &Service,
    options: &StartOptions,
    machine: &mut Lifecycle,
    context: &Context,
) -> Result<ServiceOutcome, Error> {
    let proxy = options.proxy.as_ref();
    let Some(inspected) = install::inspect(service, &options.install, proxy, machine, context)? else {
        return Ok(ServiceOutcome::Shown);
    };
    let changes = changes(&inspected, options)?;
    let Inspected { detected, assessment, inspection } = inspected;
    let (readiness, needs_new_keys) = (assessment.readiness(), assessment.needs_new_keys());
    let (connected, trouble) = match assessment.into_result() {
        Ok(connected) => (Some(connected), None),
        Err(error) => (None, Some(error)),
    };
    let mut outcome = ServiceOutcome::Started;
    let started = match (readiness, trouble) {
        (Readiness::Ready, trouble) => {
            context.note(&format!("{} runs already", service.title));
            outcome = if changes.is_empty() { ServiceOutcome::Unchanged } else { ServiceOutcome::Restarted };
            change_running(&detected, connected, &changes, machine)
                .map_err(|error| error.caused_by(|| trouble.map(|trouble| inspection.look_closer(trouble))))
        }
        (Readiness::Stuck, Some(trouble)) if changes.keys.is_none() && !needs_new_keys => Err(trouble),
        (_, trouble) => {
            make_room(&detected, options, machine, context)?;
            let acted = machine.act(Verb::Start, &detected, &changes);
            acted.map_err(|error| error.caused_by(|| trouble))?;
            machine.wait_until_up(service)
        }
    };
    machine.keep(started?)?;
    Ok(outcome)
}

/// Makes `changes` to a service that runs: what they concern is restarted, if it has anything else.
fn change_running<'a>(
    detected: &DetectedService<'a>,
    connected: Option<Box<ConnectedService<'a>>>,
    changes: &Changes,
    machine: &mut Lifecycle,
) -> Result<Option<Box<ConnectedService<'a>>>, services::Error> {
    if changes.is_empty() {
        machine.enable(detected)?;
        return Ok(connected);
    }
    machine.act(Verb::Start, detected, changes)?;
    machine.wait_until_up(detected.service)
}

/// Those of the options that concern this service.
///
/// Errors: one that does not fit the way in which the service comes.
fn changes(inspected: &Inspected, options: &StartOptions) -> Result<Changes, Error> {
    let DetectedService { service, flavour, units, .. } = &inspected.detected;
    let image = if service.name.as_str() == OPENSHIFT { options.image.clone() } else { Image::default() };
    let unfit = |option, hint| Error::OptionUnfit {
        option,
        service: service.name.to_string(),
        flavour: flavour.name.to_string(),
        hint,
    };
    if !image.is_empty() && units.is_empty() {
        return Err(unfit("--openshift-…", None));
    }
    let addresses = inspected.inspection.addresses();
    let keys = match (&flavour.access, &flavour.control) {
        _ if !options.tls || service.name.as_str() != DOCKER => None,
        // It does already, and well.
        (Access::Docker { .. }, _) if inspected.assessment.readiness() != Readiness::Stuck => None,
        (_, Control::System { tls: true, .. }) => Some(Keys::make(&addresses, SystemTime::now())?),
        (Access::Socket { reason, .. } | Access::Unsupported { reason, .. }, _) => {
            return Err(unfit("--tls", Some(reason.help.clone())));
        }
        _ => return Err(unfit("--tls", None)),
    };
    Ok(Changes { proxy: options.proxy.clone(), image, keys, addresses })
}

/// What runs is stopped only by who says so.
fn make_room(
    detected: &DetectedService,
    options: &StartOptions,
    machine: &mut Lifecycle,
    context: &Context,
) -> Result<(), Error> {
    if !options.replace {
        return Ok(machine.require_room(detected)?);
    }
    let others = machine.stopped_by(detected)?;
    if !others.is_empty() {
        let name = &detected.service.name;
        context.note(&format!("{} stops, so that {name} can start", others.join(", ")));
    }
    Ok(())
}

const BUNDLES: &str = "(the Atomic Developer Bundle, the Container Development Kit)";
const DOCKER: &str = "docker";
const OPENSHIFT: &str = "openshift";
