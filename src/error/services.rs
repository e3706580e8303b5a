//! Services of the guest.

use super::explain::{DOCTOR, ExitCode, Explain};
use crate::access::endpoint::NoResponse;
use crate::base::causes::causes;
use crate::base::suggest::nearest;
use crate::base::text::{sh_guest_path, sh_word};
use crate::guest::control::{FailedStep, InstalledPackage, reinstall_command};
use crate::guest::probe;
use crate::guest::tunnel::FORBIDS;
use crate::services::{Error, State, THROUGH_SSH, some};

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Machine(error) => error.exit_code(),
            Self::Ssh(error) => error.exit_code(),
            Self::Probe(error) => error.exit_code(),
            Self::Control(error) => error.exit_code(),
            Self::Proxy(error) => error.exit_code(),
            Self::Files(error) => error.exit_code(),
            Self::Catalogue(error) => error.exit_code(),
            Self::Export(error) => error.exit_code(),
            Self::Timeout(error) => error.exit_code(),
            Self::Tunnel(error) => error.exit_code(),
            Self::Kubeconfigs(_)
            | Self::WorkerPanicked(_)
            | Self::PortTaken { .. }
            | Self::PortLeadsElsewhere { .. }
            | Self::NotForwarded { .. } => ExitCode::Failure,
            _ => ExitCode::NotRunning,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Machine(error) => error.hint(),
            Self::Ssh(error) => error.hint(),
            Self::Probe(error) => error.hint(),
            Self::Control(error) => error.hint(),
            Self::Proxy(error) => error.hint(),
            Self::Files(error) => error.hint(),
            Self::Catalogue(error) => error.hint(),
            Self::Export(error) => error.hint(),
            Self::Timeout(error) => error.hint(),
            Self::Tunnel(error) => error.hint(),
            Self::Kubeconfigs(_)
            | Self::WorkerPanicked(_)
            | Self::Unexpected { .. }
            | Self::NoJournal { .. }
            | Self::RegistryUnclear { .. }
            | Self::NotPrepared { .. } => None,
            Self::ForwardingForbidden { .. }
            | Self::PortTaken { .. }
            | Self::PortLeadsElsewhere { .. }
            | Self::NotForwarded { .. } => of_forwarding(self),
            Self::Installable { .. }
            | Self::HalfInstalled { .. }
            | Self::NoInstallation { .. }
            | Self::NotMadeFor { .. }
            | Self::InstallTimedOut { .. }
            | Self::InstallByHand { .. } => super::installation::hint(self),
            Self::NotInstalled { .. }
            | Self::RegistryUnreadable { .. }
            | Self::LeadsElsewhere { .. }
            | Self::NoContext { .. }
            | Self::ContextUnfit { .. }
            | Self::ContextUnnameable { .. }
            | Self::UnknownContext { .. } => of_choice(self),
            Self::NoAccess { .. }
            | Self::NoSudo { .. }
            | Self::NotReadable { .. }
            | Self::NoCredentials { .. }
            | Self::Kubeconfig { .. }
            | Self::CredentialsInvalid { .. }
            | Self::CertificateNames { .. }
            | Self::Certificate { .. }
            | Self::CredentialsExpired { .. }
            | Self::CredentialsRefused { .. } => of_credentials(self),
            Self::NotThroughSsh { .. } | Self::NoAnswer { .. } => of_silence(self),
            Self::NotRunning { .. }
            | Self::PartlyDown { .. }
            | Self::NoControl { .. }
            | Self::ActionFailed { .. }
            | Self::WouldStop { .. }
            | Self::MutuallyExclusive { .. }
            | Self::StartTimedOut { .. } => of_lifecycle(self),
        }
    }

    fn causes(&self) -> Vec<String> {
        match self {
            Self::ActionFailed { said, source, .. } => {
                let before =
                    source.iter().flat_map(|source| [source.to_string()].into_iter().chain(source.causes()));
                said.iter().cloned().chain(before).collect()
            }
            Self::NotRunning { failed: Some(failed), .. } | Self::PartlyDown { failed: Some(failed), .. } => {
                vec![failed.to_string()]
            }
            Self::NoAnswer { failed: Some(failed), .. } => vec![failed.to_string()],
            Self::Machine(error) => error.causes(),
            Self::Catalogue(error) => error.causes(),
            error => causes(error),
        }
    }

    /// It has more of a unit's last words, and looks at clocks and disks.
    fn doctor(&self) -> Option<String> {
        match self {
            Self::Ssh(error) | Self::Probe(probe::Error::Ssh(error)) => error.doctor(),
            Self::Timeout(_) => Some(DOCTOR.to_owned()),
            Self::NotRunning { service, state: State::Failed | State::Degraded, .. }
            | Self::PartlyDown { service, .. }
            | Self::NoAnswer { service, .. }
            | Self::Certificate { service, .. }
            | Self::CredentialsExpired { service, .. }
            | Self::StartTimedOut { service, .. }
            | Self::ActionFailed { service, step: FailedStep::Unit(_), .. } => {
                Some(format!("{DOCTOR} {service}"))
            }
            _ => None,
        }
    }
}

/// What to type about a port that is led to the machine.
fn of_forwarding(error: &Error) -> Option<String> {
    Some(match error {
        Error::ForwardingForbidden { .. } => {
            "`AllowTcpForwarding`, `PermitOpen` or `DisableForwarding` forbids it; in the machine, \
             `sudo sshd -T | grep -i -e forwarding -e permitopen` shows which"
                .into()
        }
        Error::PortTaken { instead, .. } => format!("`service-manager forward {instead}`"),
        Error::PortLeadsElsewhere { port, instead, .. } => {
            format!("`service-manager forward {instead}`, or `service-manager forward --stop {port}` first")
        }
        Error::NotForwarded { .. } => "`service-manager tunnel` lists what is forwarded".into(),
        _ => return None,
    })
}

/// What to type where another service, or another context, may be meant.
fn of_choice(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotInstalled { service, .. } if service == REGISTRY => {
            "in the machine: `docker run --detach --restart always --publish 127.0.0.1:5000:5000 --name registry registry:2` \
             starts one; `service-manager services show registry` has the forms that are found"
                .into()
        }
        Error::RegistryUnreadable { .. } => {
            "in the machine: `docker inspect`, or `podman inspect`, shows the container; with `--publish 127.0.0.1:5000:5000` it \
             publishes its port"
                .into()
        }
        Error::NotInstalled { .. } => "`service-manager status` shows what the machine has".into(),
        Error::LeadsElsewhere { service, of_guest, .. } | Error::NoContext { service, of_guest, .. } => {
            choose_context(service, of_guest)
        }
        Error::ContextUnfit { .. } => "leave out `--context`".into(),
        Error::ContextUnnameable { service, of_guest, path, .. } => match of_guest.first() {
            Some(_) => choose_context(service, of_guest),
            None => format!(
                "in the machine: `kubectl config rename-context \"$(kubectl config current-context --kubeconfig {0})\" main --kubeconfig {0}`",
                sh_guest_path(path)
            ),
        },
        Error::UnknownContext { service, context, known, unnameable, .. } => {
            unknown_context(service, context, known, *unnameable)
        }
        _ => return None,
    })
}

/// What to do where credentials are not there or not accepted.
fn of_credentials(error: &Error) -> Option<String> {
    Some(match error {
        Error::NoAccess { reason, ssh, .. } => reason.help.replace("{ssh}", &sh_word(ssh)),
        Error::NoSudo { user, stderr, as_root, .. } => sudo(user, stderr, as_root.as_deref()),
        Error::NotReadable { user, path, .. } => {
            format!("in the machine: `sudo chown {} {}`", sh_word(user), sh_guest_path(path))
        }
        Error::NoCredentials { path, .. } => {
            format!("in the machine: `sudo ls -l {}`", sh_guest_path(path))
        }
        Error::Kubeconfig { path, .. } => format!(
            "put one there whose user has a certificate, a token or a password: in the machine, \
             `kubectl --kubeconfig {} config view` shows it",
            sh_guest_path(path)
        ),
        Error::CredentialsInvalid { remedy, .. }
        | Error::CertificateNames { remedy, .. }
        | Error::Certificate { remedy, .. }
        | Error::CredentialsExpired { remedy, .. }
        | Error::CredentialsRefused { remedy, .. } => remedy.clone(),
        _ => return None,
    })
}

/// What to do where the service is not reached.
fn of_silence(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotThroughSsh { remedy, .. }
        | Error::NoAnswer { reason: NoResponse::WrongServer, remedy: Some(remedy), .. } => remedy.clone(),
        Error::NoAnswer { attempts, .. } if attempts.iter().any(|attempt| attempt.ends_with(FORBIDS)) => {
            "in the machine, `sudo sshd -T | grep -i -e allowtcp -e permitopen -e disableforwarding` shows what sshd forbids"
                .into()
        }
        Error::NoAnswer { service, failed: Some(_), .. } => format!("`service-manager start {service}`"),
        Error::NoAnswer { reason: NoResponse::Timeout, attempts, unit, path, .. }
            if attempts.iter().any(|attempt| attempt.contains(THROUGH_SSH)) =>
        {
            // No firewall is between the service and sshd.
            return no_answer(NoResponse::NotReady, unit.as_deref(), path);
        }
        Error::NoAnswer { reason: NoResponse::Timeout, by_vagrant: false, only_directly: false, .. } => {
            "SSH works, but no answer comes from that port: open it in the firewall".into()
        }
        Error::NoAnswer { reason: NoResponse::Timeout, by_vagrant: false, .. } => {
            "SSH works, but no answer comes from that port: open it in the firewall, or have \
             `--tunnel auto` go through SSH"
                .into()
        }
        Error::NoAnswer { reason: NoResponse::ConnectionRefused, only_directly: true, .. } => {
            "it may be starting, listen on the machine's loopback only, or be behind a firewall that refuses \
             it: have `--tunnel auto` go through SSH"
                .into()
        }
        Error::NoAnswer { reason, unit, path, .. } => return no_answer(*reason, unit.as_deref(), path),
        _ => return None,
    })
}

/// What to do about a service that does not run, or cannot be started or stopped.
fn of_lifecycle(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotRunning { start: Some(start), .. } | Error::PartlyDown { start: Some(start), .. } => {
            start.clone()
        }
        Error::NotRunning { service, .. } | Error::PartlyDown { service, .. } => {
            format!("`service-manager start {service}`")
        }
        Error::NoControl { remedy, .. } => return remedy.clone(),
        Error::ActionFailed { source: Some(source), .. } => return source.hint(),
        Error::ActionFailed { step, verb, service, .. } => failed_step(step, verb, service),
        Error::WouldStop { service, .. } => format!("`service-manager start {service} --replace`"),
        Error::MutuallyExclusive { service, other, .. } => {
            format!("`service-manager start {service}`, or `service-manager start {other}`")
        }
        Error::StartTimedOut { source, .. } => {
            let hint = source.as_ref().and_then(|source| source.hint());
            hint.unwrap_or_else(|| "`--timeout SECONDS` waits longer".into())
        }
        _ => return None,
    })
}

fn choose_context(service: &str, of_guest: &[String]) -> String {
    match of_guest.first() {
        Some(context) => format!("`service-manager env {service} --context {}`", sh_word(context)),
        None => "`service-manager ssh -- kubectl get nodes` uses that cluster from in there".into(),
    }
}

fn unknown_context(service: &str, context: &str, known: &[String], unnameable: usize) -> String {
    let Some(meant) = nearest(context, known).or_else(|| known.first().cloned()) else {
        return format!("`service-manager env {service} --context -` takes the one that is current there");
    };
    let command = format!("`service-manager env {service} --context {}`", sh_word(&meant));
    let others = match unnameable {
        0 => String::new(),
        count => format!(", and {count} with names that cannot be typed here"),
    };
    let is_only = known.len() == 1 && unnameable == 0;
    let more = if is_only { String::new() } else { format!("; it has {}{others}", some(known)) };
    format!("{command}{more}")
}

fn sudo(user: &str, stderr: &str, as_root: Option<&str>) -> String {
    // `sudoers(5)` has a meaning of its own for some marks.
    let user: String =
        user.chars().flat_map(|c| (!is_plain(c)).then_some('\\').into_iter().chain([c])).collect();
    let lacks_terminal = stderr.contains("a tty");
    let rule = if lacks_terminal {
        format!("Defaults:{user} !requiretty")
    } else {
        format!("{user} ALL=(ALL) NOPASSWD: ALL")
    };
    // Some shells' `echo` has a meaning of its own for a backslash.
    let print = if rule.contains('\\') { r"printf '%s\n'" } else { "echo" };
    let command = format!("`{print} {} > /etc/sudoers.d/service-manager`", sh_word(&rule));
    let or = match as_root.filter(|_| !lacks_terminal) {
        Some(host) => format!("; or log in as root: `service-manager status --host {}`", sh_word(host)),
        None => String::new(),
    };
    format!("in the machine, as root: {command}{or}")
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-".contains(c)
}

fn no_answer(reason: NoResponse, unit: Option<&str>, path: &str) -> Option<String> {
    Some(match reason {
        NoResponse::ConnectionRefused | NoResponse::NotReady => {
            format!("it may be starting; else, in the machine: `sudo systemctl restart {}`", unit?)
        }
        NoResponse::WrongServer => {
            format!("check that `{path}` in the machine belongs to the cluster that runs there")
        }
        NoResponse::Timeout => "give the machine an address that this host can reach, \
            as `config.vm.network \"private_network\", type: \"dhcp\"` in a Vagrantfile does"
            .into(),
    })
}

fn failed_step(step: &FailedStep, verb: &str, service: &str) -> String {
    match step {
        FailedStep::Unit(unit) => format!("in the machine: `sudo systemctl status {unit}`"),
        FailedStep::NoProgram { package: Some(InstalledPackage { manager, name }), .. } => {
            format!(
                "in the machine: `{}`; then `service-manager {verb} {service}`",
                reinstall_command(*manager, name)
            )
        }
        FailedStep::NoProgram { package: None, .. } => {
            format!(
                "put it there again: `service-manager start {service} --install --dry-run` prints the commands"
            )
        }
        FailedStep::File(path) => format!("in the machine: `sudo ls -ld {}`", sh_word(path.as_str())),
        FailedStep::Tls => {
            "set it up by hand: https://docs.docker.com/engine/security/protect-access/".into()
        }
        FailedStep::Clock(_) => {
            "set the clock that is wrong: `date` shows it, here and in the machine".into()
        }
        FailedStep::Install(failure) => super::installation::failure(failure, service),
        FailedStep::Busy if verb == "install" => {
            format!("when that has ended: `service-manager start {service} --install`")
        }
        FailedStep::Busy => format!("when that has ended: `service-manager {verb} {service}`"),
        FailedStep::Socket(_) | FailedStep::Sccli(_) => {
            "in the machine: `sudo journalctl --boot --pager-end`".into()
        }
    }
}

/// The service that is an image registry.
const REGISTRY: &str = "registry";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::deadline::Deadline;
    use crate::guest::ssh;
    use crate::machine;

    #[test]
    fn the_name_of_a_user_is_one_word() {
        assert!(
            sudo("a' $(id)", "", None)
                .contains(r"`printf '%s\n' 'a\'\''\ \$\(id\) ALL=(ALL) NOPASSWD: ALL' > ")
        );
        assert!(
            sudo("dev", "you must have a tty", Some("root@h:22"))
                .contains("`echo 'Defaults:dev !requiretty' > ")
        );
    }

    #[test]
    fn points_at_doctor_only_where_that_knows_more() {
        let (docker, machine) = (|| "docker".to_owned(), || "m".to_owned());
        let down = |state| Error::NotRunning {
            service: docker(),
            machine: machine(),
            state,
            start: None,
            failed: None,
        };
        let failed = |step| Error::ActionFailed {
            verb: "start",
            service: docker(),
            machine: machine(),
            step,
            said: Vec::new(),
            source: None,
        };
        let unit = || FailedStep::Unit("docker.service".parse().unwrap());
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let ssh = |error: ssh::Error| Error::from(error);
        let connect = ssh::Error::Connect { place: "h:22".into(), by_vagrant: false, source: refused() };
        for (error, command) in [
            (down(State::Failed), "service-manager doctor docker"),
            (failed(unit()), "service-manager doctor docker"),
            (ssh(connect), "service-manager doctor"),
            (ssh(ssh::Error::KeyLocked { path: "k".into() }), "service-manager doctor"),
            (Deadline::after(Duration::ZERO).timeout("x").into(), "service-manager doctor"),
            (down(State::Stopped), ""),
            (failed(FailedStep::Busy), ""),
            (ssh(ssh::Error::UnknownHost { host: "h".into(), source: refused() }), ""),
            (ssh(ssh::Error::KeyPublic { path: "k".into() }), ""),
            (Error::NotInstalled { service: docker(), machine: machine(), no_systemd: false }, ""),
            (machine::Error::NoMachine.into(), ""),
        ] {
            assert_eq!(error.doctor().unwrap_or_default(), command, "{error}");
        }
    }
}
