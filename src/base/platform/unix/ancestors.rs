//! The processes that started this one.

/// The names of the processes that started this one, the nearest first.
#[cfg(not(target_os = "macos"))]
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

/// The same where there is no `/proc`.
#[cfg(target_os = "macos")]
pub(crate) fn ancestors() -> impl Iterator<Item = String> {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
    let mut system = System::new().ok();
    let mut look_at = move |pid: Pid| {
        let system = system.as_mut()?;
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[pid]),
            false,
            ProcessRefreshKind::nothing(),
        );
        let process = system.process(pid)?;
        Some((process.name().to_string_lossy().into_owned(), process.parent()))
    };
    let own = look_at(Pid::from_u32(std::process::id()));
    let processes = std::iter::successors(own, move |(_, parent)| parent.and_then(&mut look_at));
    processes.skip(1).take(MOST_ANCESTORS).map(|(name, _)| name)
}

const MOST_ANCESTORS: usize = 5;
