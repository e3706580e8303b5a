//! Processes: those that started this one, and one that is started with all its children.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process_group};

/// A program with all that it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessTree(Pid);

impl ProcessTree {
    /// Starts `command`.
    ///
    /// Errors: the system's.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<(Child, Self)> {
        let child = command.process_group(0).spawn()?;
        let group = Pid::from_child(&child);
        Ok((child, Self(group)))
    }

    /// Kills all of it that still runs.
    pub(crate) fn kill(self) {
        // It may have ended in this moment.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// The names of the processes that started this one, the nearest first; none where there is no `/proc`.
pub(crate) fn ancestors() -> impl Iterator<Item = String> {
    let parent_of = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        parent.trim().parse().ok().filter(|parent| *parent != 0)
    };
    let name_of = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    let pids = std::iter::successors(Some(std::process::id()), parent_of);
    pids.skip(1).take(MOST_ANCESTORS).filter_map(name_of).map(|name| name.trim_end().to_owned())
}

const MOST_ANCESTORS: usize = 5;
