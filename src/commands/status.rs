//! `service-manager status [SERVICE...]`

use console::Style;

use super::Context;
use crate::cli::StatusArgs;
use crate::discover::{State, discover};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::machine::Machine;
use crate::probe::Questions;
use crate::service::{Catalogue, Service};
use crate::ui;
use crate::visit::Visit;

pub(super) fn run(args: &StatusArgs, context: &Context) -> Result<(), Error> {
    let catalogue = Catalogue::built_in()?;
    let services = catalogue.select(&args.services)?;
    let machine = context.machine()?;
    let visit = Visit::make(&machine, &Questions::about(services.iter().copied()), context.deadline)?;
    let rows: Vec<Row> = services.iter().map(|service| row(service, &machine, &visit, context)).collect();
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
    endpoint: Option<Endpoint>,
}

fn row(service: &Service, machine: &Machine, visit: &Visit, context: &Context) -> Row {
    let name = service.name.to_string();
    let Some(found) = discover(service, &visit.facts) else {
        return Row { service: name, state: State::NotInstalled, flavour: String::new(), endpoint: None };
    };
    let flavour = found.flavour.name.to_string();
    let (state, endpoint) = match visit.use_service(&found, machine, context.deadline) {
        Ok((_, endpoint)) => (found.state, Some(endpoint)),
        Err(Error::NotRunning { .. }) => (found.state, None),
        Err(error) => {
            context.ui.warning(&error);
            let silent = matches!(error, Error::NoAnswer { .. }) && found.state == State::Running;
            (if silent { State::Degraded } else { found.state }, None)
        }
    };
    Row { service: name, state, flavour, endpoint }
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
        let (version, url) = match &self.endpoint {
            Some(endpoint) => (endpoint.version.to_string(), endpoint.url()),
            None => (String::new(), String::new()),
        };
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
