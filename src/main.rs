//! Start-up and exit code.

use std::process::ExitCode;

use service_manager::Host;

fn main() -> ExitCode {
    ExitCode::from(service_manager::run(&Host::read()) as u8)
}
