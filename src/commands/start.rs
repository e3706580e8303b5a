//! `service-manager start SERVICE...`

use std::time::SystemTime;

use secrecy::ExposeSecret;

use super::context::Context;
use crate::catalogue::{Access, Control, Service};
use crate::cli::StartArgs;
use crate::error::Error;
use crate::guest::control::{Changes, Image, Keys, Proxy, ProxyChange, Verb, WhileItRuns, Written};
use crate::services::detect::Found;
use crate::services::lifecycle::{Condition, Look, Session, each, tell};
use crate::settings::{Hidden, ProxySettings, Settings};

pub(super) fn run(args: &StartArgs, context: &Context) -> Result<(), Error> {
    let wishes = Wishes::of(args, context)?;
    let check = |session: &mut Session, services: &[&Service]| session.refuse_rivals(services);
    each(&args.services, context, check, |session, service| start(service, &wishes, session))
}

/// What the user wants beside the services.
struct Wishes {
    replace: bool,
    proxy: Option<ProxyChange>,
    /// For `openshift` alone.
    image: Image,
    /// For `docker` alone.
    tls: bool,
}

impl Wishes {
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
        Ok(Self { replace: args.replace, proxy: proxy(args, context)?, image, tls: args.tls })
    }
}

/// What is typed counts, else what is set.
fn proxy(args: &StartArgs, context: &Context) -> Result<Option<ProxyChange>, Error> {
    if args.no_proxy {
        return Ok(Some(ProxyChange::Remove));
    }
    let typed =
        Written { url: args.proxy.clone(), user: args.proxy_user.clone(), password: args.proxy_password() };
    let mut written = if typed.is_empty() { set(Settings::load(&context.folders()?)?.proxy) } else { typed };
    // Where there is a user, the password may be kept out of everybody's sight.
    if written.user.is_some() && written.password.is_none() {
        written.password.clone_from(&context.env.proxy_password);
    }
    Ok(Proxy::read(&written)?.map(ProxyChange::Set))
}

fn set(settings: ProxySettings) -> Written {
    let text = |Hidden(text): Hidden| text.expose_secret().to_owned();
    let ProxySettings { url, user, password } = settings;
    Written { url: url.map(text), user: user.map(text), password: password.map(|Hidden(text)| text) }
}

fn start(service: &Service, wishes: &Wishes, session: &mut Session) -> Result<(), Error> {
    let look = session.look(service)?;
    let changes = changes(&look, wishes)?;
    let Look { found, condition, .. } = look;
    let answer = match condition {
        Condition::Up(answer) => {
            session.note(&format!("{} runs already", service.title));
            match changes.while_it_runs(&found) {
                WhileItRuns::Nothing => answer,
                WhileItRuns::Later => {
                    session.note(&format!(
                        "proxy and image are for its next start, after `service-manager stop {}`",
                        service.name
                    ));
                    answer
                }
                WhileItRuns::Made => {
                    session.act(Verb::Start, &found, &changes)?;
                    session.wait_until_up(service)?
                }
            }
        }
        // New keys may be what it needs.
        Condition::Unusable(error) if changes.keys.is_none() => return Err(error),
        Condition::Unusable(_) | Condition::Partly(_) | Condition::Down(_) => {
            make_room(&found, wishes, session)?;
            session.act(Verb::Start, &found, &changes)?;
            session.wait_until_up(service)?
        }
    };
    session.keep(answer)?;
    tell(&format!("{} service configured successfully...", service.title))
}

/// Those of the wishes that concern this service.
///
/// Errors: one that cannot be fulfilled for the way in which the service comes.
fn changes(look: &Look, wishes: &Wishes) -> Result<Changes, Error> {
    let Found { service, flavour, .. } = &look.found;
    let image = if service.name.as_str() == OPENSHIFT { wishes.image.clone() } else { Image::default() };
    let unfit = |option, hint| Error::OptionUnfit {
        option,
        service: service.name.to_string(),
        flavour: flavour.name.to_string(),
        hint,
    };
    if !image.is_empty() && look.found.units.is_empty() {
        return Err(unfit("--openshift-…", None));
    }
    let keys = match (&flavour.access, &flavour.control) {
        _ if !wishes.tls || service.name.as_str() != DOCKER => None,
        // It does already, and well.
        (Access::Docker { .. }, _) if !matches!(look.condition, Condition::Unusable(_)) => None,
        (_, Control::System { tls: true, .. }) => {
            let keys = Keys::make(&look.addresses, SystemTime::now());
            Some(keys.map_err(|source| Error::NoRandom { source: source.into() })?)
        }
        (Access::Unsupported { reason, .. }, _) => return Err(unfit("--tls", Some(reason.help.clone()))),
        _ => return Err(unfit("--tls", None)),
    };
    Ok(Changes { proxy: wishes.proxy.clone(), image, keys, addresses: look.addresses.clone() })
}

/// What runs is stopped only by who says so.
fn make_room(found: &Found, wishes: &Wishes, session: &mut Session) -> Result<(), Error> {
    if !wishes.replace {
        return session.require_room(found);
    }
    let others = session.stopped_by(found)?;
    if !others.is_empty() {
        session.note(&format!("{} stops, so that {} can start", others.join(", "), found.service.name));
    }
    Ok(())
}

const DOCKER: &str = "docker";
const OPENSHIFT: &str = "openshift";
