//! `service-manager doctor [SERVICE...]`: why `env` fails, or whether it would.

mod chain;
mod examination;
mod finding;
mod guest;
mod host;
mod login;
mod report;

use self::chain::{Diagnosis, examine};
use self::report::{DiagnosisJson, Redaction};
use super::context::{Context, print, print_json};
use super::env::services_of_project;
use crate::catalogue;
use crate::cli::{DoctorArgs, OutputFormat};
use crate::error::{Error, ExitCode};

pub(super) fn run(args: &DoctorArgs, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    // What is wrong with the project's file is one of the findings.
    let (of_project, fault) = match services_of_project(&args.services, context) {
        Ok(services) => (services, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let named = if args.services.is_empty() { &of_project } else { &args.services };
    let services = catalogue.select(named).map_err(|error| match error {
        catalogue::Error::UnknownService { .. } => Error::NoSuchObject(error),
        error => error.into(),
    })?;
    // With `-v`, as the steps on standard error.
    let all = log::log_enabled!(log::Level::Debug);
    let diagnosis = examine(&services, !named.is_empty(), fault.as_ref(), context);
    match args.output {
        OutputFormat::Json => print_json(&DiagnosisJson::of(&diagnosis))?,
        OutputFormat::Text if args.report => print(&paste(&diagnosis, args, context))?,
        OutputFormat::Text => print(&report::text(&diagnosis, &args.services, all, context))?,
    }
    match diagnosis.code {
        ExitCode::Done => Ok(()),
        code => Err(Error::Diagnosed { code }),
    }
}

/// The report for an issue: every step, what this host is, and neither names nor addresses unless they are wanted.
fn paste(diagnosis: &Diagnosis, args: &DoctorArgs, context: &Context) -> String {
    let host = format!(
        "{} {} on {} {}\n",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let set = context.env.environment.iter().filter_map(|(name, _)| name.to_str());
    let mut set: Vec<&str> =
        set.filter(|name| TELLING.iter().any(|begin| name.to_uppercase().starts_with(begin))).collect();
    set.sort_unstable();
    let set = if set.is_empty() { "none".to_owned() } else { set.join(", ") };
    let settings = context.tunnel().map(|tunnel| format!("tunnel: {:?}\n", tunnel.mode).to_lowercase());
    let text = report::text(diagnosis, &args.services, true, context);
    let whole = format!("{host}{}variables that are set: {set}\n\n{text}", settings.unwrap_or_default());
    if args.with_addresses {
        return whole;
    }
    let redaction = Redaction::new(diagnosis, &context.env);
    whole.lines().map(|line| redaction.hide(line) + "\n").collect()
}

/// How the names of the variables begin that matter; their values are nobody's business.
const TELLING: [&str; 8] = [
    "KUBECONFIG",
    "DOCKER_",
    "CONTAINER_",
    "SERVICE_MANAGER_",
    "VAGRANT_",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
];
