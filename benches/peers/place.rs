//! The program, the guests, and the other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use service_manager_test_support::repository;
use tempfile::TempDir;

/// A guest, and a home for what the program keeps of it.
pub(crate) struct Place {
    pub(crate) guest: Guest,
    home: TempDir,
}

impl Place {
    /// With the guest `name`, which is started if need be.
    pub(crate) fn with(name: &str, options: &[&str]) -> Self {
        Self { guest: Guest::up(name, options), home: tempfile::tempdir().unwrap() }
    }

    /// The guest with Docker and Kubernetes that most rows are about.
    pub(crate) fn demo() -> Self {
        Self::with("demo", &[])
    }

    /// The folder in which the program keeps everything.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The program, for this guest.
    pub(crate) fn ours(&self, arguments: &str) -> Command {
        let mut command = program(self.home(), arguments);
        command.env("SERVICE_MANAGER_SSH_CONFIG", self.guest.ssh_config());
        command
    }
}

/// A guest of `tests/acceptance/guest`.
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

impl Guest {
    pub(crate) fn up(name: &str, options: &[&str]) -> Self {
        guest(&[&["up", name], options].concat());
        Self { name: name.to_owned(), folder: PathBuf::from(guest(&["dir", name])) }
    }

    pub(crate) fn address(&self) -> String {
        guest(&["address", &self.name])
    }

    pub(crate) fn ssh_config(&self) -> PathBuf {
        self.folder.join("ssh_config")
    }

    /// The key of the user `vagrant`.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("keys/ed25519")
    }

    /// Its name for [`docker`].
    pub(crate) fn container(&self) -> String {
        format!("svcmgr-{}", self.name)
    }

    /// Runs a line of bash in it as root, and returns what it printed.
    pub(crate) fn run(&self, line: &str) -> String {
        guest(&["exec", &self.name, "--", "bash", "-e", "-c", line])
    }

    /// `ssh GUEST true`
    pub(crate) fn ssh_true(&self) -> Command {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(self.ssh_config()).args([&self.name, "true"]);
        command
    }
}

/// The program, with everything that it keeps below `home`, and no variables of who measures.
pub(crate) fn program(home: &Path, arguments: &str) -> Command {
    let mut command = Command::new(&*PROGRAM);
    command.args(arguments.split_whitespace()).env_clear();
    command.env("SERVICE_MANAGER_HOME", home).env("SHELL", "/bin/sh");
    command
}

/// Another program, by the variable in which `tools/bench` names it, or says why it is not there.
pub(crate) fn peer(variable: &str) -> Result<PathBuf, String> {
    let value = std::env::var(variable).map_err(|_| format!("{variable} is not set"))?;
    if value.starts_with('/') { Ok(PathBuf::from(value)) } else { Err(value) }
}

/// The client of the engine in which the guests are.
pub(crate) fn docker(arguments: &[&str]) -> String {
    said(script("engine").arg("docker").args(arguments))
}

/// What a command printed that has to succeed.
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn guest(arguments: &[impl AsRef<OsStr>]) -> String {
    said(script("guest").args(arguments))
}

fn script(name: &str) -> Command {
    Command::new(repository().join("tests/acceptance/guest").join(name))
}

/// The program that is measured. Cargo's own is one for debugging, since this is.
pub(crate) static PROGRAM: LazyLock<PathBuf> =
    LazyLock::new(|| peer("SERVICE_MANAGER_PROGRAM").expect("`make bench` names it"));
