//! `service-manager ssh [-- COMMAND]`

use std::ffi::{OsStr, OsString};

use super::context::Context;
use crate::base::platform::replace_process;
use crate::base::program;
use crate::cli::SshArgs;
use crate::error::Error;
use crate::guest::ssh::{CONFIG_TARGET, client_config};
use crate::machine::Machine;

pub(super) fn run(args: &SshArgs, context: &Context) -> Result<(), Error> {
    let program = context.env.path.as_deref().and_then(|path| program::find("ssh", path));
    let program = program.ok_or(Error::NoSsh)?;
    let mut machine = context.machine()?;
    // It learns the host key, and the way that Vagrant knows by now.
    drop(context.open_session(&mut machine)?);
    let config = write_config(&machine, context)?;
    let mut command = program::command(&program);
    command.arg("-F").arg(&config).args(arguments(&args.command));
    Err(Error::NotReplaced { program, source: replace_process(&mut command, OsStr::new("ssh")) })
}

/// What follows `--` is a command for the machine, whatever it looks like.
fn arguments(command: &[OsString]) -> Vec<OsString> {
    let separator = (!command.is_empty()).then(|| "--".into());
    std::iter::once(CONFIG_TARGET.into()).chain(separator).chain(command.iter().cloned()).collect()
}

/// Writes the config with which `ssh` reaches `machine`, beside what else is kept of it.
fn write_config(machine: &Machine, context: &Context) -> Result<std::path::PathBuf, Error> {
    let text = client_config(machine.route(), &machine.files.known_hosts())?;
    let path = machine.files.ssh_config();
    let folder = machine.lock(context.deadline)?;
    folder.write_unsynced(&path, text.as_bytes())?;
    Ok(path)
}
