//! What to type where a service is not installed, or cannot be.

use crate::base::text::sh_word;
use crate::guest::control::{InstallObstacle, PackageTask, Resource, asking_command};
use crate::services::Error;

/// What to do about a service that is not there.
pub(super) fn hint(error: &Error) -> Option<String> {
    Some(match error {
        Error::Installable { service, plan, .. } => format!("{} installs {plan}", install(service)),
        Error::HalfInstalled { service, .. } => format!("{} finishes it", install(service)),
        Error::InstallByHand { instead: Some(instead), .. } => instead.clone(),
        Error::InstallByHand { service, .. } => commands(service),
        Error::NoInstallation { service, .. } => {
            format!("install it there, then `service-manager start {service}`")
        }
        Error::InstallTimedOut { service, .. } => {
            format!("it goes on in the machine; when that has ended, {} finishes it", install(service))
        }
        Error::NotMadeFor { .. } => {
            "give the machine a processor of another kind, or install the service there by hand".into()
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
        | InstallObstacle::Packages(PackageTask::Repair) => commands(service),
        InstallObstacle::PackagesRefused { manager, names } => format!(
            "in the machine: `{}` says why, and asks what to do; then {}",
            asking_command(*manager, names),
            install(service)
        ),
        InstallObstacle::Packages(PackageTask::Lists) => format!(
            "let the machine reach its archive of packages; `service-manager start {service} --install --proxy \
             http://HOST:PORT` goes through a proxy"
        ),
        InstallObstacle::Shortage { of, needs, .. } => {
            format!("{}, then {}", more(*of, *needs), install(service))
        }
        InstallObstacle::OtherInstallation(_) => {
            format!("use that one, or remove it in the machine, then {}", install(service))
        }
        InstallObstacle::ForeignFile(file) => format!(
            "move it away in the machine, `sudo mv {0} {0}.old`, then {1}",
            sh_word(file.as_str()),
            install(service)
        ),
        InstallObstacle::PortTaken(port) => format!(
            "in the machine: `sudo ss --listening --tcp --numeric --processes 'sport = {}'` names it; when it has ended: {}",
            port.number(),
            install(service)
        ),
        InstallObstacle::NoSelinuxRules(_) => format!(
            "install them in the machine, https://docs.k3s.io/advanced#selinux-support says how, then {}",
            install(service)
        ),
        InstallObstacle::Transfer => format!("type it again: {}", install(service)),
        InstallObstacle::Locked => format!("when that has ended: {}", install(service)),
    }
}

/// How a machine gets more of what it needs so much of.
fn more(of: Resource, needs: u32) -> String {
    let setting = match of {
        Resource::Disk => return "make room in the machine, or give it a larger disk".into(),
        // As machines are given it; one passes with somewhat less.
        Resource::Memory => {
            format!("box.memory = {}", needs.div_ceil(MEMORY_STEP).saturating_mul(MEMORY_STEP))
        }
        Resource::Processors => format!("box.cpus = {needs}"),
    };
    format!(
        "give the machine more (in a Vagrantfile: `{setting}` in its provider's block, and `vagrant reload`)"
    )
}

fn install(service: &str) -> String {
    format!("`service-manager start {service} --install`")
}

fn commands(service: &str) -> String {
    format!(
        "`service-manager start {service} --install --dry-run` prints the commands, to be run in the machine"
    )
}

/// In megabytes.
const MEMORY_STEP: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_given_what_it_lacks() {
        let hint = |of, needs| failure(&InstallObstacle::Shortage { of, needs, has: 1 }, "kubernetes");
        let then = "then `service-manager start kubernetes --install`";
        let more = "give the machine more (in a Vagrantfile:";
        let reload = "in its provider's block, and `vagrant reload`)";
        assert_eq!(hint(Resource::Memory, 2000), format!("{more} `box.memory = 2048` {reload}, {then}"));
        assert_eq!(hint(Resource::Processors, 2), format!("{more} `box.cpus = 2` {reload}, {then}"));
        assert_eq!(
            hint(Resource::Disk, 2000),
            format!("make room in the machine, or give it a larger disk, {then}")
        );
        assert!(hint(Resource::Memory, u32::MAX).contains(&u32::MAX.to_string()));
    }
}
