//! What needs no machine.

use std::process::Command;

use crate::measure::{PAIRS, Pair, Row};
use crate::place::program;
use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    for arguments in ["--version", "--help", "env --help", "completions bash"] {
        // Short ones need more pairs.
        let row = Row::new(arguments, "true").millis(3.0).pairs(PAIRS * 10);
        table.row(row, || Ok(Pair::new(|| program(home.path(), arguments), || Command::new("true"))));
    }
}
