//! The guest and its services.

use std::time::{Duration, Instant, SystemTime};

use super::examination::{Examination, names};
use super::finding::{ChainStep, Finding, FindingState};
use super::host;
use crate::base::text::humanize_duration;
use crate::base::timeouts;
use crate::base::types::UnitName;
use crate::catalogue::Service;
use crate::error::{Error, ExitCode, Explain};
use crate::guest::probe::{Health, Questions};
use crate::services::{self, Assessment, Availability, ConnectedService, Detour, Inspection, MachineSession};

/// Examines `services` over `session`. Those that can be used.
pub(super) fn examine(
    services: &[&Service],
    are_named: bool,
    mut session: MachineSession,
    examination: &mut Examination,
) -> Vec<String> {
    let begin = Instant::now();
    let inspection = match session.inspect(&Questions::to_use(services.iter().copied())) {
        Ok(inspection) => inspection,
        Err(error) => {
            examination.fails(&error.into(), begin.elapsed());
            examination.not_asked(ChainStep::Service, "the guest does not answer");
            return Vec::new();
        }
    };
    shell(&inspection, begin.elapsed(), examination);
    // A service that does not answer leaves some of the time to ask the guest how it is.
    let deadline = examination.context.deadline;
    let assessed = inspection.assess(services, !are_named, deadline.at_most(deadline.left() * 3 / 4));
    let down: Vec<UnitName> = assessed.iter().flat_map(failed_units).collect();
    let health = match session.health(&down) {
        Ok(health) => {
            condition(&health, examination);
            health
        }
        Err(error) => {
            examination.not_asked(ChainStep::Guest, &format!("the guest does not say how it is: {error}"));
            Health::default()
        }
    };
    verdict(assessed, &inspection, &health, are_named, examination)
}

fn shell(inspection: &Inspection, time: Duration, examination: &mut Examination) {
    let system = inspection.facts.release.text("PRETTY_NAME").unwrap_or_else(|| "the guest".to_owned());
    if time > timeouts::SLOW_SHELL {
        let text =
            format!("{system} took {:.1} s to answer: its login shell may be busy", time.as_secs_f32());
        examination.note(ChainStep::Guest, &text, None);
    } else {
        examination.ok(ChainStep::Guest, &format!("{system} answers"), Some(time));
    }
    if inspection.facts.no_systemd {
        examination.note(ChainStep::Guest, "systemd does not run there, so no unit is known", None);
    }
}

/// The units of which the last words are worth to know.
fn failed_units(assessment: &Assessment) -> Vec<UnitName> {
    match (&assessment.availability, &assessment.detected) {
        (Availability::NotInstalled(_), _) | (_, None) => Vec::new(),
        (Availability::Connected(_), _) if assessment.partly_down.is_none() => Vec::new(),
        // Where they run, one of them may say why it does not answer.
        (
            Availability::Down(..) | Availability::Unusable(services::Error::NoAnswer { .. }),
            Some(detected),
        ) if detected.down.is_empty() => detected.units.last().cloned().into_iter().collect(),
        // What somebody has stopped has nothing to say about it.
        (_, Some(detected)) => detected.failed.clone(),
    }
}

fn condition(health: &Health, examination: &mut Examination) {
    clock(health, examination);
    disks(health, examination);
    let sudo = if health.has_sudo {
        "sudo asks for no password"
    } else {
        "sudo asks for a password, or is not there"
    };
    examination.ok(ChainStep::Guest, sudo, None);
    if health.selinux_enforces {
        examination.ok(ChainStep::Guest, "SELinux enforces its rules", None);
    }
    if !health.systemd.is_empty() {
        examination.ok(ChainStep::Guest, &format!("systemd is {}", health.systemd), None);
    }
}

/// Compares the guest's clock with this host's.
fn clock(health: &Health, examination: &mut Examination) {
    let Some(clock) = health.clock else {
        return examination.note(ChainStep::Guest, "the guest does not say what time it is", None);
    };
    let (difference, direction) = difference(clock, SystemTime::now());
    if difference <= LARGEST_DIFFERENCE {
        return examination.ok(ChainStep::Guest, "the clock of the guest shows the time of this host", None);
    }
    let text = format!(
        "the clock of the guest is {} {direction} this one; certificates count by both",
        humanize_duration(difference)
    );
    let hint = "compare `date -u` here and in the machine; set the one that is wrong";
    examination.note(ChainStep::Guest, &text, Some(hint));
}

fn disks(health: &Health, examination: &mut Examination) {
    let full: Vec<_> = health.disks.iter().filter(|(_, left)| *left < LITTLE).collect();
    for (path, left) in &full {
        let text = format!("the disk of `{path}` in the guest is full: {left} KiB are left");
        let hint = format!("in the machine: `sudo du -xh --max-depth=2 {path} | sort -h`");
        examination.note(ChainStep::Guest, &text, Some(&hint));
    }
    if full.is_empty() && !health.disks.is_empty() {
        examination.ok(ChainStep::Guest, "no disk of the guest is full", None);
    }
}

fn difference(theirs: SystemTime, ours: SystemTime) -> (Duration, &'static str) {
    match theirs.duration_since(ours) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(error) => (error.duration(), "behind"),
    }
}

/// Adds a finding for each service, and decides as `env` does whether that is a failure.
fn verdict(
    assessed: Vec<Assessment>,
    inspection: &Inspection,
    health: &Health,
    are_named: bool,
    examination: &mut Examination,
) -> Vec<String> {
    let (mut connected, mut failures) = (Vec::new(), Vec::new());
    let mut last_lines = health.last_lines.iter();
    for assessment in assessed {
        signs(&assessment, examination);
        let units = failed_units(&assessment);
        let said: Vec<String> = units
            .iter()
            .zip(last_lines.by_ref())
            .flat_map(|(unit, lines)| lines.iter().map(move |line| format!("{unit}: {line}")))
            .collect();
        if let Some(error) = assessment.partly_down {
            let finding = left_out(&error.into(), assessment.service, &said, examination);
            examination.add(finding);
        }
        match assessment.availability {
            Availability::Connected(service) => connected.push(*service),
            Availability::NotInstalled(error) if !are_named && !error.asks_for_a_context() => {
                let name = assessment.service.name.as_str();
                examination
                    .add(Finding::new(ChainStep::Service, FindingState::Ok, &error.to_string()).about(name));
            }
            Availability::NotInstalled(error)
            | Availability::Down(_, error)
            | Availability::NoAccess(error)
                if !are_named =>
            {
                let finding = left_out(&error.into(), assessment.service, &said, examination);
                examination.add(finding);
            }
            Availability::NotInstalled(error)
            | Availability::Down(_, error)
            | Availability::NoAccess(error)
            | Availability::Unusable(error) => {
                let error = Error::from(inspection.look_closer(error));
                let problem = Finding::of_error(&error, examination.context.invocation());
                examination.add(problem.with_causes(&said).about(assessment.service.name.as_str()));
                failures.push(error.exit_code());
            }
        }
    }
    works(&connected, inspection, examination);
    if let Some(code) = failures.first().filter(|_| are_named || connected.is_empty()) {
        examination.ends_with(*code);
    } else if connected.is_empty() {
        nothing(inspection, examination);
    }
    host::clients(&connected, examination);
    names(&connected)
}

/// What was found of a service: its flavour and the units that tell its state.
fn signs(assessment: &Assessment, examination: &mut Examination) {
    let Some(detected) = &assessment.detected else { return };
    let units: Vec<String> = detected.units.iter().map(UnitName::full).collect();
    let units = if units.is_empty() { "no unit".to_owned() } else { units.join(", ") };
    let down: Vec<String> = detected.down.iter().map(UnitName::full).collect();
    let down = if down.is_empty() { String::new() } else { format!("; not active: {}", down.join(", ")) };
    let text = format!("{} is there as {}, by {units}{down}", detected.service.title, detected.flavour.name);
    let name = detected.service.name.as_str();
    examination.add(Finding::new(ChainStep::Service, FindingState::Ok, &text).about(name));
}

/// What does not keep `env` from working.
fn left_out(error: &Error, service: &Service, said: &[String], examination: &Examination) -> Finding {
    let finding = Finding::of_error(error, examination.context.invocation());
    Finding { state: FindingState::Note, ..finding.with_causes(said).about(service.name.as_str()) }
}

fn works(connected: &[ConnectedService], inspection: &Inspection, examination: &mut Examination) {
    for service in connected {
        let detected = &service.detected;
        let name = detected.service.name.as_str();
        credentials(service, examination);
        let place =
            service.lasting_endpoint(&inspection.machine).map(|endpoint| format!("at {}", endpoint.url()));
        let place = place.unwrap_or_else(|| "through SSH".to_owned());
        let version = service.version().map(|version| format!(" {version}")).unwrap_or_default();
        let text = format!(
            "{}{version} ({}) answers {place} and accepts the credentials",
            detected.service.title, detected.flavour.name
        );
        examination.add(Finding::new(ChainStep::Endpoint, FindingState::Ok, &text).about(name));
        if let Some(detour) = inspection.why_through_ssh(service) {
            examination.add(why_through_ssh(detour, examination).about(name));
        }
        for note in service.notes() {
            examination.add(Finding::new(ChainStep::Endpoint, FindingState::Note, &note).about(name));
        }
    }
}

/// Why a tunnel leads to a service, and what would make it needless.
fn why_through_ssh(detour: Detour, examination: &Examination) -> Finding {
    match detour {
        Detour::OnLoopback { port } => {
            let text = format!("only the guest's loopback has its port {port}, so a tunnel leads there");
            Finding::new(ChainStep::Endpoint, FindingState::Ok, &text)
        }
        Detour::Closed { place, is_silent } => {
            let how = if is_silent { "is silent" } else { "refuses connections" };
            let text = format!("SSH works, but {place} {how}, so a tunnel leads there");
            let hint = format!(
                "a firewall may be why: open port {} in the machine for a connection without SSH; the tunnel needs nothing",
                place.port()
            );
            let note = Finding::new(ChainStep::Endpoint, FindingState::Note, &text);
            note.hint(&hint, examination.context.invocation())
        }
    }
}

/// For how long those of a service are good.
fn credentials(service: &ConnectedService, examination: &mut Examination) {
    let name = service.detected.service.name.as_str();
    let text = match &service.credentials {
        None => "its socket asks for no credentials".to_owned(),
        Some(credentials) => match credentials.end().map(|end| end.duration_since(SystemTime::now())) {
            Some(Ok(left)) => format!("its credentials are good for {}", humanize_duration(left)),
            Some(Err(_)) => "its credentials have expired".to_owned(),
            None => "its credentials do not say when they end".to_owned(),
        },
    };
    examination.add(Finding::new(ChainStep::Credentials, FindingState::Ok, &text).about(name));
}

/// None of all services can be used.
fn nothing(inspection: &Inspection, examination: &mut Examination) {
    let error =
        Error::NothingToExport { machines: vec![format!("`{}`", inspection.machine.name)], hint: None };
    examination.fails(&error, Duration::ZERO);
    examination.ends_with(ExitCode::NotRunning);
}

/// Certificates are often made a moment ago.
const LARGEST_DIFFERENCE: Duration = Duration::from_mins(1);
/// In KiB.
const LITTLE: u64 = 1024;
