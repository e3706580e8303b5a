//! A terminal: what it shows after everything that was written to it, and keys to press.

use std::fs;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::text::{diff, fits, unindent};
use crate::typed::Typed;

impl Typed<'_> {
    /// Types it in a terminal of so many columns.
    pub fn in_a_terminal(&self, columns: u16) -> Terminal<'_> {
        Terminal::new(self, columns)
    }
}

/// A terminal in which a line was typed.
pub struct Terminal<'u> {
    typed: &'u Typed<'u>,
    child: Child,
    keys: ChildStdin,
    /// What tells which terminal it is.
    device: PathBuf,
    written: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// All that was written so far.
    raw: Vec<u8>,
}

impl<'u> Terminal<'u> {
    fn new(typed: &'u Typed<'u>, columns: u16) -> Self {
        let device = typed.home().join(".terminal");
        let _ = fs::remove_file(&device);
        let line =
            format!("stty rows {ROWS} cols {columns}; tty >{}; exec {}", device.display(), typed.line());
        let mut child = typed
            // Else Ctrl-C does nothing where the tests run in the background of a shell without job control.
            .command("env")
            .args(["--default-signal=INT,QUIT,TSTP", "script"])
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (rows, columns) = (NonZero::new(ROWS).unwrap(), NonZero::new(columns).unwrap());
        let (sender, written) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let screen = vt100::Parser::new(rows, columns, 0);
        Self { typed, child, keys, device, written, screen, raw: Vec::new() }
    }

    /// Waits until the whole screen looks like that; the placeholders are those of [`Typed`].
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        self.shows_what(text, fits);
        assert!(!self.screen.screen().hide_cursor(), "the cursor is hidden");
    }

    /// Waits until the screen begins like that.
    #[track_caller]
    pub fn begins_with(&mut self, text: &str) {
        self.shows_what(text, |expected, shown| shown.starts_with(expected));
    }

    /// Waits until this is somewhere on the screen.
    #[track_caller]
    pub fn shows_somewhere(&mut self, text: &str) {
        self.shows_what(text, |expected, shown| shown.contains(expected));
    }

    /// How many lines are on the screen now.
    pub fn lines(&self) -> usize {
        self.contents().lines().count()
    }

    #[track_caller]
    fn shows_what(&mut self, text: &str, is_it: impl Fn(&str, &str) -> bool) {
        let expected = self.typed.filled_in(unindent(text).trim_end());
        let end = Instant::now() + LIMIT;
        while !is_it(&expected, &self.contents()) {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.written.recv_timeout(left) else {
                panic!("the screen (-expected, +shown):\n{}", diff(&expected, &self.contents()));
            };
            self.process(&bytes);
        }
    }

    fn process(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        self.screen.process(bytes);
    }

    /// Whether this was written, even if something else is there by now.
    pub fn has_ever_shown(&mut self, text: &str) -> bool {
        while let Ok(bytes) = self.written.try_recv() {
            self.process(&bytes);
        }
        self.raw.windows(text.len()).any(|part| part == text.as_bytes())
    }

    /// Gives it so many columns, as somebody does who draws the window's border.
    pub fn resizes(&mut self, columns: u16) {
        let device = fs::read_to_string(&self.device).unwrap();
        let status =
            Command::new("stty").args(["-F", device.trim(), "cols", &columns.to_string()]).status().unwrap();
        assert!(status.success());
        let (rows, columns) = (NonZero::new(ROWS).unwrap(), NonZero::new(columns).unwrap());
        self.screen.screen_mut().set_size(rows, columns);
    }

    pub fn presses(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub fn presses_ctrl_c(&mut self) {
        self.keys.write_all(b"\x03").unwrap();
    }

    /// Waits for the end and returns the exit code as a shell would.
    #[track_caller]
    pub fn ends(&mut self) -> i32 {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < end, "it did not end; the screen:\n{}", self.contents());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn contents(&self) -> String {
        self.screen.screen().contents().trim_end().to_owned()
    }
}

/// What a terminal of so many columns, and without end, shows of what was `written` to it.
pub fn rendered(written: &str, columns: u16) -> String {
    let rows = u16::try_from(written.lines().count() + 1).unwrap().saturating_mul(4);
    let mut screen = vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap(), 0);
    screen.process(written.as_bytes());
    screen.screen().contents()
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

const ROWS: u16 = 24;
/// Nothing takes longer.
const LIMIT: Duration = Duration::from_mins(1);
