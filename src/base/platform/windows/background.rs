//! A process in the background.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::Socket;
use winsafe::guard::CloseHandlePiGuard;
use winsafe::{CreateProcess, STARTUPINFO, co};

use super::super::pipe_name::PipeName;
use super::super::readiness::Interest;
use super::pipes::PipeListener;
use super::sockets::poll_sockets;

/// A process that goes on in the background when this one has ended, in a console of its own, which nobody sees.
///
/// It inherits nothing: with a pipe of this process's, a shell that reads it would wait for as long as the other one runs. So it reports
/// through a named pipe.
pub(crate) struct BackgroundProcess {
    process: CloseHandlePiGuard,
    reports: PipeListener,
}

impl BackgroundProcess {
    /// Starts `command`. Where it reports to is added to its arguments, after `option`. It opens its log itself.
    ///
    /// Errors: the system's.
    pub(crate) fn start(command: &mut Command, option: &str, _log: File) -> io::Result<Self> {
        let name = PipeName::random()?;
        let reports = PipeListener::listen(name.clone())?;
        command.args([option, name.as_str()]);
        let own = co::CREATE::NO_WINDOW | co::CREATE::NEW_PROCESS_GROUP;
        // Of a job that ends with a terminal, say. Not every job lets go.
        let process =
            create(command, own | co::CREATE::BREAKAWAY_FROM_JOB).or_else(|_| create(command, own))?;
        Ok(Self { process, reports })
    }

    /// Waits for the line that it reports, which is empty when it ends without one; none when that takes longer than `time`.
    ///
    /// Errors: the system's.
    pub(crate) fn report(&mut self, time: Duration) -> io::Result<Option<String>> {
        let end = Instant::now() + time;
        let left = || end.saturating_duration_since(Instant::now());
        while !left().is_zero() {
            let has_ended = self.has_ended(Duration::ZERO)?;
            match self.reports.accept() {
                Ok(report) => return read_line(&report, left()).map(Some),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) if has_ended => return Ok(Some(String::new())),
                Err(_) => {}
            }
            let reports =
                (&self.reports as &dyn super::sockets::AsOsSocket, Interest { read: true, write: false });
            poll_sockets(&[reports], Some(left().min(LOOK)))?;
        }
        Ok(None)
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        while !self.has_ended(LOOK)? {}
        Ok(())
    }

    /// Ends it.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.process.hProcess.TerminateProcess(1).map_err(system_error)?;
        self.wait()
    }

    fn has_ended(&self, time: Duration) -> io::Result<bool> {
        let time = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let waited = self.process.hProcess.WaitForSingleObject(Some(time)).map_err(system_error)?;
        Ok(waited == co::WAIT::OBJECT_0)
    }
}

fn read_line(report: &Socket, time: Duration) -> io::Result<String> {
    report.set_read_timeout(Some(time.max(LOOK)))?;
    let mut line = String::new();
    BufReader::new(report.take(LONGEST_REPORT)).read_line(&mut line)?;
    Ok(line)
}

/// Starts `command` without any handle of this process's. It has the folder and the environment of this process until it leaves them:
/// the one way to start it so that needs no `unsafe` cannot give it others.
fn create(command: &Command, flags: co::CREATE) -> io::Result<CloseHandlePiGuard> {
    let text = |text: &OsStr| text.to_str().map(ToOwned::to_owned).ok_or(io::ErrorKind::InvalidFilename);
    let program = text(command.get_program())?;
    let mut line = quoted(&program);
    for argument in command.get_args() {
        line = format!("{line} {}", quoted(&text(argument)?));
    }
    // None, rather than the numbers of this one's.
    let mut start = STARTUPINFO::default();
    start.dwFlags = co::STARTF::USESTDHANDLES;
    CreateProcess(Some(&program), Some(&line), None, None, false, flags, &[], None, &mut start)
        .map_err(system_error)
}

/// No argument here has a quote in it, or a backslash at its end: keys, options, names of pipes.
fn quoted(argument: &str) -> String {
    format!("\"{argument}\"")
}

fn system_error(error: co::ERROR) -> io::Error {
    io::Error::from_raw_os_error(error.raw().cast_signed())
}

/// So often it is looked whether the process is still there.
const LOOK: Duration = Duration::from_millis(50);
/// A line for people, with a path or two.
const LONGEST_REPORT: u64 = 4 << 10;
