//! What to type where a service is not installed, or cannot be.

use crate::guest::control::{InstallObstacle, PackageTask};
use crate::services::Error;

/// What to do about a service that is not there.
pub(super) fn hint(error: &Error) -> Option<String> {
    Some(match error {
        Error::Installable { service, plan, .. } => format!("{} installs {plan}", install(service)),
        Error::HalfInstalled { service, .. } => format!("{} finishes it", install(service)),
        Error::InstallByHand { service, .. } => commands(service),
        Error::NoInstallation { service, .. } => {
            format!("install it there, then `service-manager start {service}`")
        }
        _ => return None,
    })
}

/// What to do about an installation of `service` that failed.
pub(super) fn failure(failure: &InstallObstacle, service: &str) -> String {
    match failure {
        InstallObstacle::NoSystemd => "start it there in its own way".into(),
        InstallObstacle::ReadOnly(_)
        | InstallObstacle::Group(_)
        | InstallObstacle::Packages(PackageTask::Install | PackageTask::Repair) => commands(service),
        InstallObstacle::Packages(PackageTask::Lists) => format!(
            "let the machine reach its archive of packages; `service-manager start {service} --install --proxy \
             http://HOST:PORT` goes through a proxy"
        ),
        InstallObstacle::Shortage { .. } => format!("give the machine more, then {}", install(service)),
        InstallObstacle::OtherInstallation(_) => {
            format!("use that one, or remove it in the machine, then {}", install(service))
        }
        InstallObstacle::Locked => format!("when that has ended: {}", install(service)),
    }
}

fn install(service: &str) -> String {
    format!("`service-manager start {service} --install`")
}

fn commands(service: &str) -> String {
    format!(
        "`service-manager start {service} --install --dry-run` prints the commands, to be run in the machine"
    )
}
