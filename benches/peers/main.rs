//! Times the program against what people use for the same job, and against itself where there is more of something.
//! `make bench` starts this and brings what it needs; words on the command line choose rows.
//!
//! Both programs of a row run in turn, so that whatever else the machine does hits both alike, and the ratio of each such
//! pair counts. No library does that with programs: criterion and divan time functions, hyperfine all runs of one program
//! and then all of the other.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark runs programs and prints"
)]

// A delay between this host and a guest.
mod delay;
// Runs in turn, and what comes of them.
mod measure;
// The program, the guests, and the other programs.
mod place;
// The lines as text, for the documentation, as JSON.
mod report;
// The rows, in groups.
mod rows;
// The rows that are wanted, one after the other.
mod table;

use std::process::ExitCode;

use table::Table;

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut table = Table::choosing(words);
    report::begin();
    rows::start::measure(&mut table);
    rows::cold::measure(&mut table);
    rows::warm::measure(&mut table);
    rows::tunnel::measure(&mut table);
    rows::clients::measure(&mut table);
    rows::vagrant::measure(&mut table);
    rows::scale::measure(&mut table);
    rows::previous::measure(&mut table);
    report::end(&table.lines)
}
