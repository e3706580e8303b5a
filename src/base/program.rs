//! Other programs: found on the PATH, started, and ended when their time is over.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use super::deadline::{Deadline, Timeout};
use super::platform::{self, FileId, ProcessTree};

/// What a program that has ended wrote, the first MiB of each stream.
pub(crate) struct ProgramOutput {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    NotStarted(io::Error),
    #[error(transparent)]
    Timeout(#[from] Timeout),
}

/// The program `name` by its absolute path: one below a relative folder of `path` would be the current folder's.
pub(crate) fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    find_all(name.as_ref(), path).into_iter().next()
}

/// All programs `name`, in the order in which they are found.
pub(crate) fn find_all(name: &OsStr, path: &OsStr) -> Vec<PathBuf> {
    let folders = std::env::join_paths(own_folders(path)).ok();
    which::which_in_global(name, folders).into_iter().flatten().collect()
}

/// A file `name` that cannot be run, in a folder where a program would be found.
pub(crate) fn find_unusable(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    own_folders(path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The names of what is in the folders of `path`.
pub(crate) fn names(path: &OsStr) -> Vec<String> {
    let entries = own_folders(path).filter_map(|folder| folder.read_dir().ok()).flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.take(MOST_NAMES).collect()
}

/// True when `path` leads to the very program that is running.
pub(crate) fn is_this_one(path: &Path) -> bool {
    let own = std::env::current_exe().and_then(|own| FileId::at(&own));
    own.is_ok_and(|own| FileId::at(path).is_ok_and(|other| other == own))
}

fn own_folders(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(path).filter(|folder| folder.is_absolute())
}

#[allow(clippy::disallowed_methods, reason = "the one place that starts a program")]
pub(crate) fn command(path: &Path) -> Command {
    Command::new(path)
}

/// The command that runs `line`, as `ProxyCommand` of an ssh config has one.
pub(crate) fn shell(line: &str) -> Command {
    platform::shell(command, line)
}

/// Runs `command`, called `shown` in messages, to its end, or until `deadline`: then it is killed with all that it
/// started.
///
/// Errors: it cannot be started; its time is over.
pub(crate) fn run(mut command: Command, shown: &str, deadline: Deadline) -> Result<ProgramOutput, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (child, tree) = ProcessTree::start(&mut command).map_err(Error::NotStarted)?;
    wait_for(child, tree, Vec::new(), shown, deadline)
}

/// The same, and gives it `input` to read.
///
/// Errors: those of [`run`].
pub(crate) fn run_with_input(
    mut command: Command,
    input: &[u8],
    shown: &str,
    deadline: Deadline,
) -> Result<ProgramOutput, Error> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (child, tree) = ProcessTree::start(&mut command).map_err(Error::NotStarted)?;
    wait_for(child, tree, input.to_vec(), shown, deadline)
}

/// Writes `input` for `child`, and waits until it has ended.
fn wait_for(
    mut child: Child,
    tree: ProcessTree,
    input: Vec<u8>,
    shown: &str,
    deadline: Deadline,
) -> Result<ProgramOutput, Error> {
    let (sender, receiver) = mpsc::channel();
    // The receiver is gone only when the time is over.
    thread::spawn(move || {
        // A program need not read what it is given.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(&input));
        sender.send(wait(child))
    });
    let Ok(output) = receiver.recv_timeout(deadline.left()) else {
        tree.kill();
        return Err(deadline.timeout(format!("`{shown}`")).into());
    };
    tree.leave_alone();
    output.map_err(Error::NotStarted)
}

/// Reads all that `child` writes, and waits for its end.
fn wait(mut child: Child) -> io::Result<ProgramOutput> {
    let stderr = child.stderr.take();
    let stderr = thread::spawn(move || stderr.map(beginning).unwrap_or_default());
    let stdout = child.stdout.take().map(beginning).unwrap_or_default();
    let status = child.wait()?;
    Ok(ProgramOutput { status, stdout, stderr: stderr.join().unwrap_or_default() })
}

/// The beginning of what `stream` yields. It is read to its end: what cannot write its output would not end.
fn beginning(mut stream: impl Read) -> String {
    let mut begin = Vec::new();
    let _ = stream.by_ref().take(LONGEST_OUTPUT).read_to_end(&mut begin);
    let _ = io::copy(&mut stream, &mut io::sink());
    // As a program on Windows ends its lines.
    String::from_utf8_lossy(&begin).replace("\r\n", "\n")
}

const MOST_NAMES: usize = 20_000;
const LONGEST_OUTPUT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_everywhere() {
        assert_eq!(beginning(&b"Host a\r\n  Port 22\r\n"[..]), "Host a\n  Port 22\n");
        assert_eq!(beginning(&b"a\rb\n"[..]), "a\rb\n");
    }
}
