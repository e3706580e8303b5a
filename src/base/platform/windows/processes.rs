//! Processes: those that started this one, and one that is started with all its children.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::windows::io::AsRawHandle;
use std::os::windows::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use win32job::{ExtendedLimitInfo, Job};
use winsafe::{HPROCESSLIST, co};

use super::signals::hold_signals;
use super::sockets::{LocalStream, local_pair};

/// A program with all that it starts.
#[derive(Debug)]
pub(crate) struct ProcessTree(Job);

impl ProcessTree {
    /// Starts `command`. What it starts ends with this process, too, until it is left alone.
    ///
    /// Errors: the system's.
    pub(crate) fn start(command: &mut Command) -> io::Result<(Child, Self)> {
        let mut limits = ExtendedLimitInfo::new();
        let job = Job::create_with_limit_info(limits.limit_kill_on_job_close()).map_err(io::Error::other)?;
        // Ctrl-C is not for it: this process ends it.
        let mut child = command.creation_flags(NEW_PROCESS_GROUP).spawn()?;
        // In so few microseconds it has started nothing yet.
        if let Err(error) = job.assign_process(child.as_raw_handle() as isize) {
            let _ = child.kill();
            return Err(io::Error::other(error));
        }
        Ok((child, Self(job)))
    }

    /// Kills all of it that still runs: the job is closed.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// It has ended; what it has left in the background goes on.
    pub(crate) fn leave_alone(self) {
        if let Err(error) = self.0.set_extended_limit_info(&ExtendedLimitInfo::new()) {
            log::debug!("what a program has left in the background ends with it: {error}");
        }
    }
}

/// Has `command` take the place of this process, as far as a system can that has no such thing: this one waits for its end, and
/// ends as it does. Ctrl-C is meant for the other one. Returns only when it could not be started.
#[allow(clippy::disallowed_methods, clippy::exit, reason = "nothing of this process goes on")]
pub(crate) fn replace_process(command: &mut Command, _name: &OsStr) -> io::Error {
    hold_signals();
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

/// The shell to start where the user has none.
pub(crate) const FALLBACK_SHELL: &str = "cmd.exe";

/// What opens a web page in the user's browser.
pub(crate) const BROWSERS: [&str; 1] = ["explorer.exe"];

/// The command that runs `line` as the system's OpenSSH does.
pub(crate) fn shell(command: impl Fn(&Path) -> Command, line: &str) -> Command {
    let mut command = command(Path::new("cmd.exe"));
    // cmd has rules of its own for quotes.
    command.raw_arg("/d /s /c \"").raw_arg(line).raw_arg("\"");
    command
}

/// Leaves the folder in which this process was started, which nobody could remove. Whatever goes on in the background has a console of
/// its own already.
pub(crate) fn leave_terminal() -> io::Result<()> {
    let system = winsafe::GetSystemDirectory();
    std::env::set_current_dir(
        system.map_err(|error| io::Error::from_raw_os_error(error.raw().cast_signed()))?,
    )
}

/// There is nothing: whatever goes on in the background was started without.
pub(crate) fn close_inherited() {}

/// Whoever has started this reads one line and goes on.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn close_stdout() -> io::Result<()> {
    Ok(())
}

/// How long this host has slept since some moment. Only the difference of two such times means anything.
pub(crate) fn time_asleep() -> Duration {
    let awake = winsafe::QueryUnbiasedInterruptTime().unwrap_or_default();
    // In units of 100 nanoseconds.
    let awake = Duration::from_nanos(awake.saturating_mul(100));
    Duration::from_millis(winsafe::GetTickCount64()).saturating_sub(awake)
}

/// A command of the user's whose standard input and output are a connection. It ends with this.
pub(crate) struct PipedProcess(Child);

impl PipedProcess {
    /// Starts `command`, and returns the other end of its input and output.
    ///
    /// Errors: the system's.
    pub(crate) fn start(command: &mut Command) -> io::Result<(Self, LocalStream)> {
        let (ours, theirs) = local_pair()?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) {
            carry(theirs.try_clone()?, stdin, |_| ());
            carry(stdout, theirs, |stream| {
                // An error means that it has ended already.
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
        Ok((Self(child), ours))
    }

    /// What it writes to its standard error, once.
    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.0.stderr.take()
    }
}

/// Carries bytes until either side ends; `end` is told to the one that is written to.
fn carry<W: Write + Send + 'static>(
    mut from: impl Read + Send + 'static,
    mut to: W,
    end: impl FnOnce(&W) + Send + 'static,
) {
    thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..count]).and_then(|()| to.flush()).is_err() {
                break;
            }
        }
        end(&to);
    });
}

impl Drop for PipedProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The name of the account that this process runs as.
pub(crate) fn account_name() -> Option<String> {
    winsafe::GetUserName().ok()
}

/// Nothing here is below the home folder of another account.
pub(crate) fn home_of_account(_: &str) -> Option<PathBuf> {
    None
}

/// The home folder of that account.
pub(crate) fn home_of_user() -> Option<PathBuf> {
    dirs::home_dir()
}

/// The number of that account: the last one of its security identifier.
pub(crate) fn user_id() -> u32 {
    super::access::user().rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// What this host calls itself.
pub(crate) fn host_name() -> Option<String> {
    winsafe::GetComputerName().ok()
}

/// The names of the processes that started this one, the nearest first.
pub(crate) fn ancestors() -> impl Iterator<Item = String> {
    let mut processes = HashMap::new();
    if let Ok(mut list) = HPROCESSLIST::CreateToolhelp32Snapshot(co::TH32CS::SNAPPROCESS, None) {
        for process in list.iter_processes().flatten() {
            processes.insert(process.th32ProcessID, (process.th32ParentProcessID, process.szExeFile()));
        }
    }
    let mut names = Vec::new();
    let mut next = processes.get(&std::process::id()).map(|(parent, _)| *parent);
    while let Some((parent, name)) = next.take().and_then(|id| processes.remove(&id)) {
        if names.len() < MOST_ANCESTORS {
            names.push(name);
            next = Some(parent);
        }
    }
    names.into_iter()
}

const MOST_ANCESTORS: usize = 5;
/// `CREATE_NEW_PROCESS_GROUP`
const NEW_PROCESS_GROUP: u32 = 0x200;
