//! `service-manager status [SERVICE...]`

use console::Style;

use super::Context;
use crate::cli::StatusArgs;
use crate::discover::{Found, State, discover};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::grammar::Version;
use crate::machine::Machine;
use crate::probe::Questions;
use crate::service::{Catalogue, Service};
use crate::ui;
use crate::visit::{InUse, Visit};

pub(super) fn run(args: &StatusArgs, context: &Context) -> Result<(), Error> {
    let catalogue = Catalogue::built_in()?;
    let services = catalogue.select(&args.services)?;
    let machine = context.machine()?;
    let visit = Visit::make(&machine, &Questions::about(services.iter().copied()), context.deadline)?;
    let rows = rows(&services, &machine, &visit, context);
    if ui::is_stdout_terminal() {
        ui::print(&table(&rows, context))
    } else {
        ui::print(
            &rows.iter().map(|row| format!("{} - {}\n", row.service, row.state.as_str())).collect::<String>(),
        )
    }
}

/// A service's line.
struct Row {
    service: String,
    state: State,
    flavour: String,
    version: Option<Version>,
    endpoint: Option<Endpoint>,
}

/// A line for each of `services`, in their order.
fn rows(services: &[&Service], machine: &Machine, visit: &Visit, context: &Context) -> Vec<Row> {
    let found: Vec<Option<Found>> = services.iter().map(|service| discover(service, &visit.facts)).collect();
    let mut answers =
        visit.use_services(found.iter().flatten().cloned().collect(), machine, context.deadline).into_iter();
    let row = |(service, found): (&&Service, Option<Found>)| match found {
        None => Row::not_installed(service),
        Some(found) => match answers.next() {
            Some(answer) => Row::new(&found, answer, context),
            None => Row::not_installed(service),
        },
    };
    services.iter().zip(found).map(row).collect()
}

impl Row {
    fn not_installed(service: &Service) -> Self {
        let (service, state) = (service.name.to_string(), State::NotInstalled);
        Self { service, state, flavour: String::new(), version: None, endpoint: None }
    }

    fn new(found: &Found, answer: Result<InUse, Error>, context: &Context) -> Self {
        let (service, flavour) = (found.service.name.to_string(), found.flavour.name.to_string());
        let (state, in_use) = match answer {
            Ok(in_use) => (found.state, Some(in_use)),
            Err(Error::NotRunning { state, .. }) => (state, None),
            // That it cannot be used from here is no failure of the service.
            Err(Error::NoAccess { .. }) => (found.state, None),
            Err(error) => {
                context.ui.warning(&error);
                let silent = matches!(error, Error::NoAnswer { .. }) && found.state == State::Running;
                let unsure = silent || found.flavour.must_be_asked();
                (if unsure { State::Degraded } else { found.state }, None)
            }
        };
        let version = in_use.as_ref().map(InUse::version);
        Self { service, state, flavour, version, endpoint: in_use.map(|in_use| in_use.endpoint) }
    }
}

fn table(rows: &[Row], context: &Context) -> String {
    const HEAD: [&str; 5] = ["SERVICE", "STATE", "FLAVOUR", "VERSION", "ENDPOINT"];
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|cells| cells[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let style = |line: usize, column: usize| match (line.checked_sub(1), column) {
        (None, _) => Style::new().bold(),
        (Some(row), 1) => rows[row].state_style(),
        _ => Style::new(),
    };
    let mut text = String::new();
    for (line, cells) in lines.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            text.push_str(&context.ui.styled(cell, style(line, column)));
            if column + 1 < cells.len() {
                text.push_str(&" ".repeat(widths[column] - cell.len() + 2));
            }
        }
        text.push('\n');
    }
    text
}

impl Row {
    fn cells(&self) -> [String; 5] {
        let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let version = self.version.as_ref().map(ToString::to_string).unwrap_or_default();
        let url = self.endpoint.as_ref().map(Endpoint::url).unwrap_or_default();
        let state = self.state.as_str().to_owned();
        [self.service.clone(), state, or_dash(self.flavour.clone()), or_dash(version), or_dash(url)]
    }

    fn state_style(&self) -> Style {
        match self.state {
            State::Running => Style::new().green(),
            State::Failed | State::Degraded => Style::new().red(),
            State::Starting => Style::new().yellow(),
            State::Stopped | State::NotInstalled => Style::new().dim(),
        }
    }
}
