//! Against the release before this one.

use std::cell::LazyCell;
use std::path::Path;
use std::process::Command;

use crate::measure::{PAIRS, Pair, Row};
use crate::place::{Place, peer};
use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    let place = &LazyCell::new(Place::demo);
    let theirs = &LazyCell::new(Place::demo);
    for (name, arguments) in [
        ("--version", "--version"),
        ("env kubernetes (cold)", "env kubernetes --refresh"),
        ("env kubernetes (warm)", "env kubernetes"),
        ("status", "status"),
    ] {
        let row = Row::new(name, format!("{name} of the last release")).ratio(1.1).pairs(PAIRS * 2);
        table.row(row, || {
            let previous = peer("SERVICE_MANAGER_PREVIOUS")?;
            let before = move || instead(&previous, &theirs.ours(arguments));
            Ok(Pair::new(move || place.ours(arguments), before))
        });
    }
}

/// The same command of another program.
fn instead(program: &Path, command: &Command) -> Command {
    let mut other = Command::new(program);
    other.args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        other.env(name, value.unwrap_or_default());
    }
    other
}
