//! The program for Windows, run by Wine against the test guests: what it prints, what cmd makes of that, and who may read what
//! it writes.
//!
//! `SERVICE_MANAGER_TEST_WINDOWS=none` leaves these tests out; `SERVICE_MANAGER_WINDOWS_PROGRAM` names a program that was built
//! elsewhere.

#![allow(missing_docs, reason = "the names of tests are sentences")]
#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "this is another program")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails in no other way")]

mod wine;

// `install-cli` and `clients`.
mod clients;
// What cmd makes of the output.
mod cmd;
// Logging in, and what is found in the machine.
mod machine;
// What is written, and who may read it.
mod files;
// Tunnels, and real clients that use them.
mod tunnel;
// Help, and lists that ask nobody.
mod usage;
