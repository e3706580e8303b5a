//! What is known of the services of a machine.

use std::sync::Arc;

use serde::Serialize;

#[cfg(test)]
use crate::access::endpoint::{Admission, EndpointAddress, EndpointPlace};
use crate::access::endpoint::{Endpoint, Via};
use crate::base::deadline::Deadline;
use crate::base::text::escape_control;
use crate::base::types::{ServiceName, Version};
use crate::catalogue::{Catalogue, Service};
use crate::commands::context::Context;
use crate::error::{Error, Explain, Invocation};
use crate::guest::probe::Questions;
use crate::machine::Machine;
use crate::services::{self, Assessment, Availability, ConnectedService, MachineSession, State};
use crate::ui::Explanation;

/// Whose state is asked for.
#[derive(Clone)]
pub(super) struct Inquiry {
    catalogue: Arc<Catalogue>,
    names: Vec<String>,
    machine: Machine,
}

/// The answer.
pub(super) struct Report {
    pub(super) machine: String,
    /// How it is reached; none where it was not found.
    pub(super) place: Option<String>,
    /// One per service.
    pub(super) rows: Vec<Row>,
    /// Why the machine could not be asked.
    pub(super) problem: Option<Error>,
}

/// What is known of a service.
pub(super) struct Row {
    pub(super) service: ServiceName,
    /// None while the machine cannot be asked.
    pub(super) state: Option<State>,
    pub(super) flavour: Option<ServiceName>,
    pub(super) version: Option<Version>,
    pub(super) endpoint: Option<ShownEndpoint>,
    /// Why it cannot be used, unless its state says that.
    problem: Option<Error>,
    /// Which of its [`Row::values`] the last change has changed.
    pub(super) changed: [bool; 4],
}

impl Inquiry {
    /// About the services called `names` of `machine`.
    pub(super) fn new(catalogue: Arc<Catalogue>, names: &[String], machine: Machine) -> Self {
        Self { catalogue, names: names.to_vec(), machine }
    }

    /// Logs in to the machine.
    pub(super) fn open_session(&mut self, context: &Context) -> Result<MachineSession, Error> {
        context.open_session(&mut self.machine)
    }

    /// Asks over a connection of its own.
    pub(super) fn ask_once(mut self, context: &Context) -> Result<Report, Error> {
        let mut session = self.open_session(context)?;
        self.report(&mut session, |questions| questions, context.deadline)
    }

    /// Asks over `session`, not for the last time.
    pub(super) fn ask(&self, session: &mut MachineSession, deadline: Deadline) -> Result<Report, Error> {
        self.report(session, Questions::with_listening, deadline)
    }

    fn report(
        &self,
        session: &mut MachineSession,
        extend: impl FnOnce(Questions) -> Questions,
        deadline: Deadline,
    ) -> Result<Report, Error> {
        let services = self.catalogue.select(&self.names)?;
        let inspection = session.inspect(&extend(Questions::about(services.iter().copied())))?;
        let assessments = inspection.assess(&services, self.names.is_empty(), deadline);
        let row = |assessment| Row::new(assessment, &self.machine);
        let mut rows: Vec<Row> = assessments.into_iter().map(row).collect();
        for row in &mut rows {
            if let Some(Error::Services(problem)) = &mut row.problem {
                session.add_last_words(problem);
            }
        }
        Ok(Report { rows, problem: None, ..self.report_of_nothing() })
    }

    /// The report when the machine could not be asked because of `problem`.
    pub(super) fn unknown(&self, problem: Error) -> Result<Report, Error> {
        let Report { rows, problem, .. } = Report::unknown(&self.catalogue.select(&self.names)?, problem);
        Ok(Report { rows, problem, ..self.report_of_nothing() })
    }

    fn report_of_nothing(&self) -> Report {
        let folder = self.machine.origin().map(|origin| origin.project.folder.to_string_lossy());
        let vagrant = folder.map(|folder| format!(", Vagrant in {}", escape_control(&folder)));
        let place = format!("{}{}", self.machine.route(), vagrant.unwrap_or_default());
        let machine = self.machine.name.to_string();
        Report { machine, place: Some(place), rows: Vec::new(), problem: None }
    }
}

impl Report {
    /// That of some machine that could not be asked about `services` because of `problem`.
    pub(super) fn unknown(services: &[&Service], problem: Error) -> Self {
        let rows = services.iter().map(|service| Row::without_facts(service, None)).collect();
        Self { machine: String::new(), place: None, rows, problem: Some(problem) }
    }

    /// Marks what is not as it was `before`; what was marked stays so while nothing changes. True when something has.
    pub(super) fn mark_changes(&mut self, before: &Self) -> bool {
        let row_before = |row: &Row| before.rows.iter().find(|before| before.service == row.service);
        let differences: Vec<[bool; 4]> = self
            .rows
            .iter()
            .map(|row| row_before(row).map_or([true; 4], |before| row.differences(before)))
            .collect();
        let has_changed = differences.concat().contains(&true);
        for (row, differences) in self.rows.iter_mut().zip(differences) {
            row.changed = match row_before(row) {
                Some(before) if !has_changed => before.changed,
                _ => differences,
            };
        }
        has_changed
    }

    /// `SERVICE - STATE` lines.
    pub(super) fn lines(&self) -> String {
        self.rows.iter().map(Row::line).collect()
    }

    /// The same with the machine before each.
    pub(super) fn lines_of_machine(&self) -> String {
        self.rows.iter().map(|row| format!("{} {}", self.machine, row.line())).collect()
    }

    /// What is wrong with the machine and its services.
    pub(super) fn problems(&self) -> impl Iterator<Item = &Error> {
        self.problem.iter().chain(self.rows.iter().filter_map(|row| row.problem.as_ref()))
    }

    /// Those of its [`Self::problems`] that the states do not tell programs.
    pub(super) fn warnings(&self) -> impl Iterator<Item = &Error> {
        // That a service cannot be used from here is no failure of it.
        let is_told = |problem: &&Error| {
            use services::Error::{NoAccess, NotRunning};
            matches!(problem, Error::Services(NoAccess { .. } | NotRunning { .. }))
        };
        self.problems().filter(move |problem| !is_told(problem))
    }

    /// The same for JSON; hints repeat what was `typed`.
    pub(super) fn document(&self, typed: &Invocation) -> impl Serialize {
        #[derive(Serialize)]
        struct StatusJson<'a> {
            machine: &'a str,
            problem: Option<Explanation>,
            services: Vec<ServiceStatusJson<'a>>,
        }
        let Self { machine, rows, problem, .. } = self;
        let services = rows.iter().map(|row| ServiceStatusJson::new(row, typed)).collect();
        StatusJson { machine, problem: problem.as_ref().map(|problem| problem.explain(typed)), services }
    }
}

impl Row {
    fn without_facts(service: &Service, state: Option<State>) -> Self {
        let service = service.name.clone();
        let (flavour, version, endpoint, problem) = (None, None, None, None);
        Self { service, state, flavour, version, endpoint, problem, changed: [false; 4] }
    }

    fn new(assessment: Assessment, machine: &Machine) -> Self {
        let state = assessment.state();
        let service = assessment.service.name.clone();
        let flavour = assessment.detected.as_ref().map(|detected| detected.flavour.name.clone());
        let partly_down = assessment.partly_down.map(Error::from);
        let (connected, problem) = match assessment.availability {
            Availability::Connected(connected) => (Some(connected), partly_down),
            Availability::NoAccess(error)
            | Availability::Unusable(error)
            | Availability::Down(State::Failed, error) => (None, Some(error.into())),
            Availability::NotInstalled(error) if error.asks_for_a_context() => (None, Some(error.into())),
            // Its state says that.
            Availability::NotInstalled(_) | Availability::Down(..) => (None, None),
        };
        let version = connected.as_ref().and_then(|connected| connected.version());
        let endpoint = connected.map(|connected| ShownEndpoint::of(&connected, machine));
        Self { service, state: Some(state), flavour, version, endpoint, problem, changed: [false; 4] }
    }

    /// What the table shows of it: state, flavour, version and endpoint.
    pub(super) fn values(&self) -> [Option<String>; 4] {
        [
            Some(self.state_name().to_owned()),
            self.flavour.as_ref().map(ToString::to_string),
            self.version.as_ref().map(ToString::to_string),
            self.endpoint.as_ref().map(ShownEndpoint::text),
        ]
    }

    fn differences(&self, before: &Self) -> [bool; 4] {
        let (now, before) = (self.values(), before.values());
        std::array::from_fn(|place| now[place] != before[place])
    }

    /// `SERVICE - STATE`, a promise to scripts.
    pub(super) fn line(&self) -> String {
        format!("{} - {}\n", self.service, self.state_name())
    }

    pub(super) fn state_name(&self) -> &'static str {
        self.state.map_or("unknown", State::as_str)
    }
}

/// Where a service can be used.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ShownEndpoint {
    Lasting(Endpoint),
    /// A tunnel has led there that ends with this command; `env` makes one that stays.
    ThroughSsh {
        url: Option<String>,
        host: Option<String>,
        port: Option<u16>,
        server_name: Option<String>,
        via: Via,
    },
}

impl ShownEndpoint {
    fn of(connected: &ConnectedService, machine: &Machine) -> Self {
        connected.lasting_endpoint(machine).map_or_else(Self::through_ssh, Self::Lasting)
    }

    fn through_ssh() -> Self {
        Self::ThroughSsh { url: None, host: None, port: None, server_name: None, via: Via::Ssh }
    }

    /// True when a tunnel leads there.
    pub(super) fn is_through_ssh(&self) -> bool {
        match self {
            Self::Lasting(endpoint) => endpoint.is_through_ssh(),
            Self::ThroughSsh { .. } => true,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Lasting(endpoint) => endpoint.url(),
            Self::ThroughSsh { .. } => "through SSH".to_owned(),
        }
    }
}

/// A service in JSON.
#[derive(Serialize)]
struct ServiceStatusJson<'a> {
    service: &'a ServiceName,
    state: &'static str,
    flavour: Option<&'a ServiceName>,
    version: Option<&'a Version>,
    endpoint: Option<&'a ShownEndpoint>,
    problem: Option<Explanation>,
}

impl<'a> ServiceStatusJson<'a> {
    fn new(row: &'a Row, typed: &Invocation) -> Self {
        let Row { service, flavour, version, endpoint, problem, .. } = row;
        Self {
            service,
            state: row.state_name(),
            flavour: flavour.as_ref(),
            version: version.as_ref(),
            endpoint: endpoint.as_ref(),
            problem: problem.as_ref().map(|problem| problem.explain(typed)),
        }
    }
}

#[cfg(test)]
impl Row {
    /// A row for tests of what is shown.
    pub(super) fn of(service: &str, state: Option<State>, problem: Option<Error>) -> Self {
        let endpoint = (state == Some(State::Running)).then(|| {
            ShownEndpoint::Lasting(Endpoint {
                place: EndpointPlace::Address(EndpointAddress {
                    host: "192.168.56.7".parse().unwrap(),
                    address: "192.168.56.7".parse().unwrap(),
                    port: 6443,
                    server_name: None,
                    is_plain: false,
                }),
                via: Via::Direct,
                admission: Admission::Known,
                version: None,
                api_version: None,
            })
        });
        Self {
            service: service.parse().unwrap(),
            state,
            flavour: endpoint.as_ref().map(|_| "kubeadm".parse().unwrap()),
            version: endpoint.as_ref().map(|_| "v1.36.3".parse().unwrap()),
            endpoint,
            problem,
            changed: [false; 4],
        }
    }
}

#[cfg(test)]
impl Report {
    /// A report for tests of what is shown.
    pub(super) fn of(rows: Vec<Row>, problem: Option<Error>) -> Self {
        Self { machine: "box".into(), place: None, rows, problem }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(report: &Report) -> Value {
        serde_json::to_value(report.document(&Invocation::default())).unwrap()
    }

    #[test]
    fn every_key_is_always_there() {
        let row = |state| Row::of("kubernetes", state, None);
        let report = Report::of(vec![row(Some(State::Running)), row(Some(State::NotInstalled))], None);
        let endpoint = json!({
            "url": "https://192.168.56.7:6443", "host": "192.168.56.7", "port": 6443, "server_name": null, "via": "direct",
        });
        assert_eq!(
            document(&report),
            json!({"machine": "box", "problem": null, "services": [
                {"service": "kubernetes", "state": "running", "flavour": "kubeadm", "version": "v1.36.3",
                 "endpoint": endpoint, "problem": null},
                {"service": "kubernetes", "state": "not installed", "flavour": null, "version": null,
                 "endpoint": null, "problem": null},
            ]})
        );
    }

    #[test]
    fn a_tunnel_of_this_command_alone_has_no_address_to_use() {
        let mut report = Report::of(vec![Row::of("docker", Some(State::Running), None)], None);
        report.rows[0].endpoint = Some(ShownEndpoint::through_ssh());
        assert_eq!(report.rows[0].values()[3].as_deref(), Some("through SSH"));
        assert_eq!(
            document(&report)["services"][0]["endpoint"],
            json!({"url": null, "host": null, "port": null, "server_name": null, "via": "ssh"})
        );
    }

    #[test]
    fn marks_stay_until_something_else_changes() {
        let report = |docker, kubernetes| {
            Report::of(vec![Row::of("docker", docker, None), Row::of("kubernetes", kubernetes, None)], None)
        };
        let marks = |report: &Report| report.rows.iter().map(|row| row.changed).collect::<Vec<_>>();
        let (running, stopped) = (Some(State::Running), Some(State::Stopped));
        let first = report(running, stopped);
        let mut same = report(running, stopped);
        assert!(!same.mark_changes(&first));
        assert_eq!(marks(&same), [[false; 4]; 2]);
        let mut changed = report(running, Some(State::Failed));
        assert!(changed.mark_changes(&same));
        assert_eq!(marks(&changed), [[false; 4], [true, false, false, false]]);
        let mut still = report(running, Some(State::Failed));
        assert!(!still.mark_changes(&changed));
        assert_eq!(marks(&still), marks(&changed));
        let mut another = report(stopped, Some(State::Failed));
        assert!(another.mark_changes(&still));
        assert_eq!(marks(&another), [[true; 4], [false; 4]]);
    }

    #[test]
    fn a_problem_carries_no_control_characters() {
        let hostile = "\x1b[2Jgone\n\u{202e}";
        let problem = services::Error::CredentialsRefused {
            service: "kubernetes".into(),
            machine: "box".into(),
            place: "192.168.56.7:6443".into(),
            path: hostile.into(),
            reason: hostile.into(),
            remedy: hostile.into(),
        };
        let report =
            Report::of(vec![Row::of("kubernetes", Some(State::Running), Some(problem.into()))], None);
        let problem = document(&report)["services"][0]["problem"].clone();
        for text in [&problem["message"], &problem["hint"]] {
            let text = text.as_str().unwrap();
            assert!(text.contains("\\u{1b}[2Jgone") && !text.contains(char::is_control), "{text}");
            assert!(!text.contains('\u{202e}'), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_from_here_is_explained_to_programs_only() {
        let no_access = || services::Error::NoAccess {
            service: "docker".into(),
            machine: "box".into(),
            ssh: "ssh://box".into(),
            reason: serde_json::from_value(json!({"because": "only has a socket", "help": "none"})).unwrap(),
            ports: Vec::new(),
        };
        let report =
            Report::of(vec![Row::of("docker", Some(State::Running), Some(no_access().into()))], None);
        assert_eq!(report.warnings().count(), 0);
        assert!(!document(&report)["services"][0]["problem"].is_null());
        let unknown =
            Report::of(vec![Row::of("docker", None, None)], Some(crate::machine::Error::NoMachine.into()));
        assert_eq!(unknown.warnings().count(), 1);
        assert_eq!(unknown.lines(), "docker - unknown\n");
    }
}
