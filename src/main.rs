//! Start-up and exit code.

use std::process::ExitCode;

use service_manager::Env;

fn main() -> ExitCode {
    ExitCode::from(service_manager::run(&Env::read()) as u8)
}
