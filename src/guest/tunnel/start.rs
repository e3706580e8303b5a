//! Starting the process that holds a tunnel: this very program, in the background.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::control::{ControlAnswer, ControlClient, ControlError, ControlRequest, TunnelWay};
use super::serve::VERSION;
use crate::base::deadline::Deadline;
use crate::base::env::PROXY_PASSWORD;
use crate::base::files::{self, PrivateFolder};
use crate::base::paths::{MachineFiles, SocketPathTooLong};
use crate::base::platform::BackgroundProcess;
use crate::base::{program, timeouts};

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error("could not start a process for the tunnel")]
    Spawn(#[from] io::Error),
    #[error("the process for the tunnel ended at once: {reason}")]
    Ended { reason: String },
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    PathTooLong(#[from] SocketPathTooLong),
}

/// The process that holds the tunnel of a machine, if there is one.
pub(crate) fn find(files: &MachineFiles) -> Option<ControlClient> {
    ControlClient::connect(&files.tunnel().control())
}

/// The same; it is started where there is none. One of another version of this program is replaced. When two start one at the
/// same time, the lock decides which it is.
///
/// Errors: it cannot be started, or does not answer by `deadline`.
pub(crate) fn find_or_start(
    files: &MachineFiles,
    home: Option<&Path>,
    way: &TunnelWay,
    deadline: Deadline,
) -> Result<ControlClient, StartError> {
    loop {
        if let Some(mut client) = find(files) {
            match client.ask(&ControlRequest::Hello(way.clone()), deadline.at_most(timeouts::TUNNEL_CONTROL))
            {
                Ok(ControlAnswer::Hello { version, machine })
                    if version == VERSION && machine == files.key() =>
                {
                    return Ok(client);
                }
                Ok(_) | Err(ControlError::Refused { .. }) => {
                    stop(files, deadline)?;
                }
                // It ends in this moment.
                Err(ControlError::Talk { .. }) if !deadline.is_over() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !start(files, home, deadline)? {
            std::thread::sleep(timeouts::TUNNEL_TAKEN);
        }
        if deadline.is_over() {
            return Err(ControlError::from(deadline.timeout("the tunnel to start")).into());
        }
    }
}

/// What has become of a tunnel that was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoppedTunnel {
    /// There was none.
    None,
    Ended,
    /// The process does not answer. It ends as soon as it goes on, since its folder is gone.
    Silent,
}

/// Ends the process that holds the tunnel of a machine, and waits until it has. Of one that was killed the folder is removed.
///
/// Errors: the folder cannot be removed.
pub(crate) fn stop(files: &MachineFiles, deadline: Deadline) -> Result<StoppedTunnel, StartError> {
    let tunnel = files.tunnel();
    let Some(mut client) = find(files) else {
        let stopped = if is_held(tunnel.folder()) { StoppedTunnel::Silent } else { StoppedTunnel::None };
        files::remove_folder(tunnel.folder())?;
        return Ok(stopped);
    };
    let deadline = deadline.at_most(timeouts::TUNNEL_CONTROL);
    let answer = client.ask(&ControlRequest::Stop, deadline);
    while !matches!(answer, Err(ControlError::Timeout(_))) && !deadline.is_over() {
        if !tunnel.control().exists() {
            return Ok(StoppedTunnel::Ended);
        }
        std::thread::sleep(timeouts::LOCK_POLL);
    }
    files::remove_folder(tunnel.folder())?;
    Ok(StoppedTunnel::Silent)
}

/// True when a process holds the tunnel of that `folder`, whether anybody can ask it or not.
fn is_held(folder: &Path) -> bool {
    let lock = || PrivateFolder::lock(folder, Deadline::after(Duration::ZERO));
    folder.exists() && matches!(lock(), Err(files::Error::FolderLocked { .. }))
}

/// Starts one and waits until it is ready. False when another process was faster.
///
/// Nothing of this process stays open in the new one: a shell that waits for the end of `$(service-manager env)` would wait for
/// as long as the tunnel is there.
fn start(files: &MachineFiles, home: Option<&Path>, deadline: Deadline) -> Result<bool, StartError> {
    let log = files::open_log(&files.tunnel_log())?;
    let mut command = program::command(&std::env::current_exe()?);
    command.args(["tunnel", "--serve", &files.key()]).current_dir("/").env_remove(PROXY_PASSWORD);
    if let Some(home) = home {
        command.env("SERVICE_MANAGER_HOME", home);
    }
    let mut process = BackgroundProcess::start(&mut command, "--report", log)?;
    let Some(line) = process.report(deadline.left())? else {
        // Nobody would ever ask for it.
        process.kill()?;
        return Err(ControlError::from(deadline.timeout("the tunnel to start")).into());
    };
    match line.trim_end() {
        READY => Ok(true),
        TAKEN => {
            process.wait()?;
            Ok(false)
        }
        reason => {
            process.wait()?;
            let reason = if reason.is_empty() { NO_REASON } else { reason };
            Err(StartError::Ended { reason: reason.to_owned() })
        }
    }
}

const NO_REASON: &str = "it gave no reason; `service-manager tunnel log` may say more";
/// What it says once clients can connect.
pub(crate) const READY: &str = "ready";
/// What it says when another process holds the tunnel.
pub(crate) const TAKEN: &str = "taken";
