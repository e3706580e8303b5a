//! Rest for the Kubernetes of guests that nobody uses. An API server and its etcd take a fiftieth of a processor while
//! nobody asks them anything, and there are ten of them: together a tenth of what all tests take.
//!
//! Only these two are stopped. With all of a guest stopped, systemd would find units that have not said for minutes that they are
//! well, and end them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process};

/// Has the Kubernetes of a guest do nothing until [`wake`]. The guest is named by its first process.
pub(crate) fn rest(first: &str) {
    send(first, &KUBERNETES, Signal::STOP);
}

/// Has it go on. One that runs is left as it is.
pub(crate) fn wake(first: &str) {
    send(first, &KUBERNETES, Signal::CONT);
}

/// Sends a signal to the processes with one of these `names` in the guest with this first process.
fn send(first: &str, names: &[&str], signal: Signal) {
    // Without its first process a guest has no others.
    let Ok(guest) = name_space(&Path::new("/proc").join(first)) else { return };
    for process in fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()) {
        if is_called(&process, names) && name_space(&process).is_ok_and(|its| its == guest) {
            // It may have ended since.
            let _ = number(&process).map(|number| kill_process(number, signal));
        }
    }
}

fn is_called(process: &Path, names: &[&str]) -> bool {
    fs::read_to_string(process.join("comm")).is_ok_and(|name| names.contains(&name.trim_end()))
}

/// The name space in which a guest's processes have their numbers: no other guest has the same.
fn name_space(process: &Path) -> io::Result<PathBuf> {
    fs::read_link(process.join("ns/pid"))
}

fn number(process: &Path) -> Option<Pid> {
    Pid::from_raw(process.file_name()?.to_str()?.parse().ok()?)
}

const KUBERNETES: [&str; 2] = ["etcd", "kube-apiserver"];

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, id};

    use super::*;
    use crate::until;

    /// A program called `name` that does nothing.
    fn starts(name: &str, folder: &Path) -> Child {
        let program = folder.join(name);
        fs::copy("/bin/sleep", &program).unwrap();
        Command::new(program).arg("600").spawn().unwrap()
    }

    fn is_stopped(child: &Child) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap().contains(") T ")
    }

    #[test]
    fn only_what_is_named_is_stopped_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (named, other) = (format!("rest-{}", id()), format!("other-{}", id()));
        let mut children = [&named, &other].map(|name| starts(name, folder.path()));
        // In the name space of this test.
        let stops = |signal| send(&id().to_string(), &[&named], signal);
        stops(Signal::STOP);
        until("it is stopped", || is_stopped(&children[0]));
        assert!(!is_stopped(&children[1]));
        stops(Signal::CONT);
        until("it goes on", || !is_stopped(&children[0]));
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
