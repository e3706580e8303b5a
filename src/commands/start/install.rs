//! `start --install`: what is not in the machine is put there first.

use crate::catalogue::Service;
use crate::cli::InstallArgs;
use crate::commands::context::{Context, print};
use crate::error::Error;
use crate::guest::control::ProxyChange;
use crate::services::{self, Inspected, Lifecycle, Readiness};

/// `service` as it is in the machine, installed first where `args` say so. None where they say that the steps are only shown.
///
/// Errors: those of asking and of installing; it is not there, or half there, and nobody has said that it is to be installed.
pub(super) fn inspect<'s>(
    service: &'s Service,
    args: InstallArgs,
    proxy: Option<&ProxyChange>,
    machine: &mut Lifecycle,
    context: &Context,
) -> Result<Option<Inspected<'s>>, Error> {
    let inspected = match machine.inspect(service) {
        Ok(inspected) => Some(inspected),
        Err(services::Error::NotInstalled { .. }) if args.install || !service.install.is_empty() => None,
        Err(error) => return Err(error.into()),
    };
    match inspected {
        Some(inspected) if !inspected.is_half_installed() => {
            if args.dry_run {
                print(&format!("# {} is there already\n", service.title))?;
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
        _ => install(service, args, proxy, machine, context),
    }
}

fn install<'s>(
    service: &'s Service,
    args: InstallArgs,
    proxy: Option<&ProxyChange>,
    machine: &mut Lifecycle,
    context: &Context,
) -> Result<Option<Inspected<'s>>, Error> {
    let plan = machine.plan_installation(service)?;
    if args.dry_run {
        print(&plan.script())?;
        return Ok(None);
    }
    if let Err(error) = machine.install(&plan, proxy) {
        // Another command may have installed it meanwhile.
        return match machine.inspect(service) {
            Ok(inspected) if !inspected.is_half_installed() => Ok(Some(inspected)),
            _ => Err(error.into()),
        };
    }
    context.note(&format!("installed on {}: {}", plan.system(), plan.summary()));
    Ok(Some(machine.inspect(service)?))
}
