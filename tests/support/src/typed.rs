//! A line that was typed, what is expected of it, and the report when it comes otherwise.

use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::places::tested_program;
use crate::text::{diff, fits, unindent};
use crate::times;
use crate::user::User;

/// A line that was typed. It is expected to print nothing, unless [`Self::stdout`] or [`Self::stderr`] says so.
///
/// In an expected text `[HOME]` stands for the home folder, `[MACHINE]` for the machine's folder, `[NAME]`,
/// `[ADDRESS]` and `[GUEST]` for the guest's name, address and run folder, `[..]` for any part of a line.
#[must_use = "nothing happens until it `succeeds` or `fails`"]
pub struct Typed<'u> {
    user: &'u User<'u>,
    line: String,
    shell: &'u str,
    stdout: String,
    stderr: String,
    limit: Duration,
}

/// What a line wrote, as it wrote it.
pub struct Written {
    pub stdout: String,
    pub stderr: String,
}

impl User<'_> {
    /// A line as it is typed. Where it goes through a shell it may be one that only this shell knows.
    pub fn types(&self, line: impl Into<String>) -> Typed<'_> {
        Typed::new(self, line.into())
    }
}

impl<'u> Typed<'u> {
    fn new(user: &'u User<'u>, line: String) -> Self {
        Self { user, line, shell: "bash", stdout: String::new(), stderr: String::new(), limit: LIMIT }
    }

    /// The shell that reads the line; bash unless said.
    pub fn to(self, shell: &'u str) -> Self {
        Self { shell, ..self }
    }

    /// Gives it ten times as long, for programs that boot a machine.
    pub fn patiently(self) -> Self {
        Self { limit: self.limit * 10, ..self }
    }

    /// The standard output that is expected.
    pub fn stdout(self, text: &str) -> Self {
        Self { stdout: unindent(text), ..self }
    }

    /// The standard error that is expected.
    pub fn stderr(self, text: &str) -> Self {
        Self { stderr: unindent(text), ..self }
    }

    /// Runs it; the exit code must be 0.
    #[track_caller]
    pub fn succeeds(self) -> Written {
        self.ends(0)
    }

    /// Runs it; the exit code must be `code`.
    #[track_caller]
    pub fn fails(self, code: i32) -> Written {
        assert_ne!(code, 0);
        self.ends(code)
    }

    #[track_caller]
    fn ends(self, code: i32) -> Written {
        let (written, actual) = times::took("type", &self.line, || self.run());
        let problem = self.problem(&written, actual, code);
        assert!(problem.is_empty(), "{problem}{}", self.circumstances(&written));
        written
    }

    /// Runs it, whatever it prints, and returns its standard output; the exit code must be 0.
    #[track_caller]
    pub fn run_freely(self) -> String {
        let (written, code) = self.run();
        assert_eq!(code, Some(0), "{}", self.circumstances(&written));
        written.stdout
    }

    /// Starts it and leaves it alone.
    pub fn starts(&self) -> Child {
        let started = self.command(self.shell).args(["-c", &self.line]).spawn();
        started.unwrap_or_else(|error| panic!("{}: {error}", self.shell))
    }

    /// A program as the user starts it.
    pub fn command(&self, program: &str) -> Command {
        let variables = self.user.variables.iter().map(|(name, value)| (name, value));
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", programs())
            .env("HOME", self.user.home())
            .envs(variables)
            .current_dir(self.user.home())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    pub(crate) fn home(&self) -> &Path {
        self.user.home()
    }

    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// What it wrote and its exit code. The code is none when it had to be killed.
    fn run(&self) -> (Written, Option<i32>) {
        let child = self.starts();
        let group = Pid::from_child(&child);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait_with_output()));
        let output = receiver.recv_timeout(self.limit).or_else(|_| {
            kill_process_group(group, Signal::KILL).unwrap();
            receiver.recv()
        });
        let output = output.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (Written { stdout: text(output.stdout), stderr: text(output.stderr) }, output.status.code())
    }

    /// What is not as it should be; empty when all is well.
    fn problem(&self, written: &Written, code: Option<i32>, expected: i32) -> String {
        let mut problem = String::new();
        if code != Some(expected) {
            let code = code.map_or_else(|| format!("none within {:?}", self.limit), |code| code.to_string());
            let _ = writeln!(problem, "exit code {code} instead of {expected}");
        }
        let streams = [("stdout", &self.stdout, &written.stdout), ("stderr", &self.stderr, &written.stderr)];
        for (name, expected, text) in streams {
            let expected = self.filled_in(expected);
            if !fits(&expected, text) {
                let _ = write!(problem, "{name} (-expected, +written):\n{}", diff(&expected, text));
            }
        }
        for secret in self.secrets() {
            if written.stdout.contains(&secret) || written.stderr.contains(&secret) {
                problem.push_str("a secret was printed\n");
            }
        }
        problem
    }

    pub(crate) fn filled_in(&self, expected: &str) -> String {
        let mut text = expected.replace("[HOME]", self.user.home().to_str().unwrap());
        if let Some(folder) = self.user.machine_folders().first() {
            text = text.replace("[MACHINE]", folder.to_str().unwrap());
        }
        if let Some(guest) = self.user.guest {
            text = text.replace("[NAME]", guest.name()).replace("[ADDRESS]", &guest.address());
            text = text.replace("[GUEST]", guest.folder().to_str().unwrap());
        }
        text
    }

    /// What no command may ever print.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = Vec::new();
        for (name, text) in self.user.texts() {
            // Each line of a key: one would be too much.
            let keys = text.lines().filter(|line| name == "key.pem" && !line.starts_with("-----"));
            secrets.extend(keys.map(ToOwned::to_owned));
            let fields = text.lines().filter_map(|line| line.trim().split_once(": "));
            let is_secret = |name: &str| matches!(name, "client-key-data" | "token" | "password");
            secrets.extend(fields.filter(|(name, _)| is_secret(name)).map(|(_, value)| value.to_owned()));
        }
        secrets
    }

    /// All there is to know about a failure.
    fn circumstances(&self, written: &Written) -> String {
        let mut text = format!("line for {}: {}\n", self.shell, self.line);
        for (name, value) in &self.user.variables {
            let _ = writeln!(text, "  {name}={value}");
        }
        for (name, stream) in [("stdout", &written.stdout), ("stderr", &written.stderr)] {
            let _ = writeln!(text, "{name}:\n{}", indent(stream));
        }
        let _ = writeln!(text, "files:\n{}", indent(&self.user.files().join("\n")));
        if let Some(guest) = self.user.guest {
            let _ = writeln!(text, "journal of `{}`:\n{}", guest.name(), indent(&guest.journal()));
        }
        text
    }
}

/// The `PATH` of every user and shell: the program that is tested, the system's own, and what `tools/setup` took
/// from npm.
pub fn programs() -> String {
    const SYSTEM: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let program = tested_program();
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let user_cache = || variable("XDG_CACHE_HOME").or(variable("HOME").map(|home| home.join(".cache")));
    let cache = variable("SERVICE_MANAGER_TEST_CACHE")
        .or_else(|| user_cache().map(|cache| cache.join("service-manager-test")))
        .unwrap_or_default();
    format!(
        "{}:{SYSTEM}:{}",
        program.parent().unwrap().display(),
        cache.join("npm/node_modules/.bin").display()
    )
}

/// A program of this host: the real `docker`, the real `kubectl`.
pub fn program(name: &str) -> Vec<u8> {
    let programs = programs();
    let found = programs.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
    std::fs::read(found.unwrap_or_else(|| panic!("there is no `{name}`"))).unwrap()
}

/// What evaluates the output of `command` in xonsh, where one would type `execx($(command))`: on a busy host xonsh 0.13
/// loses what it captures now and then, so it has another try.
pub fn execx(command: &str) -> String {
    format!("text = ''\nwhile not text:\n    text = $({command})\nexecx(text)\n")
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect::<String>().trim_end().to_owned()
}

/// No line takes longer, unless it is said to; one that does is killed.
const LIMIT: Duration = Duration::from_mins(1);
