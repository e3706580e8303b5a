//! A command of the user's that carries the connection to the first server (`ProxyCommand`).

use std::io::{self, BufRead, BufReader, Read};
use std::process::ChildStderr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::error::Error;
use crate::base::platform::{LocalStream, PipedProcess};
use crate::base::program;
use crate::base::text::sanitize_line;

/// Such a command. It ends with this.
pub(super) struct ProxyProcess {
    command: String,
    place: String,
    complaints: Receiver<String>,
    #[allow(dead_code, reason = "it ends when it is dropped")]
    process: PipedProcess,
}

impl ProxyProcess {
    /// Starts `command`, which leads to `place`, and returns the connection.
    ///
    /// Errors: the system's.
    pub(super) fn start(command: &str, place: String) -> io::Result<(Self, LocalStream)> {
        log::debug!("running `{command}` to reach {place} (ProxyCommand)");
        let (mut process, stream) = PipedProcess::start(&mut program::shell(command))?;
        let (sender, complaints) = mpsc::channel();
        if let Some(stderr) = process.take_stderr() {
            thread::spawn(move || {
                tell(stderr, |line| {
                    // Nobody asks any more once the machine was reached.
                    let _ = sender.send(line);
                });
            });
        }
        Ok((Self { command: command.to_owned(), place, complaints, process }, stream))
    }

    /// What is wrong, where nobody was met who talks SSH. The last words of the command say more.
    pub(super) fn explain(self, error: Error) -> Error {
        if !matches!(error, Error::Handshake { .. } | Error::Lost { .. } | Error::Timeout(_)) {
            return error;
        }
        let mut said = None;
        while let Ok(line) = self.complaints.recv_timeout(LAST_WORDS) {
            said = Some(line);
        }
        let said = said.unwrap_or_else(|| "it ended without a word, or answers nothing".to_owned());
        Error::ProxyCommandFailed { command: self.command, place: self.place, source: said.into() }
    }
}

/// Shows what the command writes, as `ssh` does: it may ask the user for something. Its lines may hold text from elsewhere.
fn tell(stderr: ChildStderr, mut keep: impl FnMut(String)) {
    let mut stderr = BufReader::new(stderr);
    for count in 0_u32.. {
        let mut line = Vec::new();
        match (&mut stderr).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(1..) if count < MOST_LINES => {}
            Ok(1..) => continue,
            Ok(0) | Err(_) => return,
        }
        let line = sanitize_line(String::from_utf8_lossy(&line).trim_end());
        log::warn!("ProxyCommand: {line}");
        keep(line);
    }
}

/// A command that has ended has written its last words by then.
const LAST_WORDS: Duration = Duration::from_millis(200);
const LONGEST_LINE: u64 = 4 << 10;
/// The rest is read, and not shown.
const MOST_LINES: u32 = 50;
