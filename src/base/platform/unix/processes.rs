//! Processes: those that started this one, and one that is started with all its children.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::unistd::{Uid, User, close};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::system::uname;

use super::super::readiness::{Interest, Ready};
use super::sockets::{LocalStream, OwnedSocket, local_pair, poll_sockets};

/// A program with all that it starts.
#[derive(Debug)]
pub(crate) struct ProcessTree(Pid);

impl ProcessTree {
    /// Starts `command`.
    ///
    /// Errors: the system's.
    pub(crate) fn start(command: &mut Command) -> io::Result<(Child, Self)> {
        let child = command.process_group(0).spawn()?;
        let group = Pid::from_child(&child);
        Ok((child, Self(group)))
    }

    /// Kills all of it that still runs.
    pub(crate) fn kill(self) {
        // It may have ended in this moment.
        let _ = kill_process_group(self.0, Signal::KILL);
    }

    /// It has ended; what it has left in the background goes on.
    #[allow(clippy::unused_self, reason = "other systems have to do something for it")]
    pub(crate) fn leave_alone(self) {}
}

/// The command that runs `line` as the system's OpenSSH does, by the user's own shell (`SHELL`); `command` makes one. No shell
/// stays in between, which would live on.
pub(crate) fn shell(command: impl Fn(&Path) -> Command, line: &str) -> Command {
    let mut command = command(Path::new("/bin/sh"));
    command.arg("-c").arg("exec \"${SHELL:-/bin/sh}\" -c \"$0\"").arg(format!("exec {line}"));
    command
}

/// A process that goes on in the background when this one has ended.
pub(crate) struct BackgroundProcess {
    child: Child,
    stdout: ChildStdout,
}

impl BackgroundProcess {
    /// Starts `command`, whose errors go into `log`. Where a process reports otherwise than by its standard output, `_option` and
    /// where to are added to its arguments.
    ///
    /// Errors: the system's.
    pub(crate) fn start(command: &mut Command, _option: &str, log: File) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, stdout })
    }

    /// Waits for the line that it reports, which is empty when it ends without one; none when that takes longer than `time`.
    ///
    /// Errors: the system's.
    pub(crate) fn report(&mut self, time: Duration) -> io::Result<Option<String>> {
        let ready = poll_sockets(&[(&self.stdout, Interest { read: true, write: false })], Some(time))?;
        if ready.iter().all(|ready| *ready == Ready::default()) {
            return Ok(None);
        }
        let mut line = String::new();
        BufReader::new((&mut self.stdout).take(LONGEST_REPORT)).read_line(&mut line)?;
        Ok(Some(line))
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        self.child.wait().map(drop)
    }

    /// Ends it.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.wait()
    }
}

/// Has `command` take the place of this process, called `name` by itself. Its signals are as they are by default, and no
/// file of this process is left open for it. Returns only when it could not be started.
pub(crate) fn replace_process(command: &mut Command, name: &OsStr) -> io::Error {
    command.arg0(name).exec()
}

/// The shell to start where the user has none.
pub(crate) const FALLBACK_SHELL: &str = "/bin/sh";

/// What opens a web page in the user's browser, the first that is there.
pub(crate) const BROWSERS: [&str; 3] = ["xdg-open", "open", "wslview"];

/// Leaves the terminal from which this process was started: neither Ctrl-C there nor its end is meant for this one any more.
pub(crate) fn leave_terminal() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Closes what the program that started this one has left open besides the standard streams: a lock that a shell holds on
/// such a file would last as long as this process. Only for the very beginning, when nothing here is open yet.
pub(crate) fn close_inherited() {
    let numbers: Vec<RawFd> = std::fs::read_dir("/dev/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > STDERR)
        .collect();
    for number in numbers {
        // That of the folder is closed already.
        let _ = close(number);
    }
}

/// Closes standard output, so that whoever reads it goes on.
pub(crate) fn close_stdout() -> io::Result<()> {
    let nothing = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())?;
    Ok(rustix::stdio::dup2_stdout(nothing)?)
}

/// How long this host has slept since some moment. Only the difference of two such times means anything.
#[cfg(target_os = "linux")]
pub(crate) fn time_asleep() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    time(ClockId::Boottime).saturating_sub(time(ClockId::Monotonic))
}

/// The same where no clock counts it: what the calendar says more than the clock that stops. A calendar that was set looks alike.
#[cfg(not(target_os = "linux"))]
pub(crate) fn time_asleep() -> Duration {
    use std::sync::LazyLock;
    use std::time::{Instant, SystemTime};
    static BEGIN: LazyLock<(SystemTime, Instant)> = LazyLock::new(|| (SystemTime::now(), Instant::now()));
    let (calendar, clock) = *BEGIN;
    calendar.elapsed().unwrap_or_default().saturating_sub(clock.elapsed())
}

/// A command of the user's whose standard input and output are a connection. It ends with this.
pub(crate) struct PipedProcess(Child);

impl PipedProcess {
    /// Starts `command`, and returns the other end of its input and output.
    ///
    /// Errors: the system's.
    pub(crate) fn start(command: &mut Command) -> io::Result<(Self, LocalStream)> {
        let (ours, theirs) = local_pair()?;
        command.stdin(Stdio::from(OwnedSocket::from(theirs.try_clone()?)));
        command.stdout(Stdio::from(OwnedSocket::from(theirs)));
        Ok((Self(command.stderr(Stdio::piped()).spawn()?), ours))
    }

    /// What it writes to its standard error, once.
    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.0.stderr.take()
    }
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
    account().map(|account| account.name)
}

/// The home folder of that account; `HOME` may say another one.
pub(crate) fn home_of_user() -> Option<PathBuf> {
    account().map(|account| account.dir)
}

/// The home folder of the account called `name`, if there is one.
pub(crate) fn home_of_account(name: &str) -> Option<PathBuf> {
    User::from_name(name).ok().flatten().map(|account| account.dir)
}

/// The number of that account.
pub(crate) fn user_id() -> u32 {
    Uid::current().as_raw()
}

fn account() -> Option<User> {
    User::from_uid(Uid::current()).ok().flatten()
}

/// What this host calls itself.
pub(crate) fn host_name() -> Option<String> {
    uname().nodename().to_str().ok().map(ToOwned::to_owned)
}

const STDERR: RawFd = 2;

/// A line for people, with a path or two.
const LONGEST_REPORT: u64 = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "what starts programs is above")]
    fn output(users_shell: Option<&str>) -> String {
        let mut command = shell(|path| Command::new(path), "printf '%s' \"$0\" 'a  b'");
        match users_shell {
            Some(program) => command.env("SHELL", program),
            None => command.env_remove("SHELL"),
        };
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    #[test]
    fn a_line_is_run_by_the_users_own_shell() {
        // `echo` is a shell that shows what it is given.
        assert_eq!(output(Some("/bin/echo")), "-c exec printf '%s' \"$0\" 'a  b'\n");
        for users_shell in [None, Some(""), Some("/bin/sh")] {
            assert!(output(users_shell).ends_with("sha  b"), "{users_shell:?}");
        }
    }
}
