//! Who holds a lock.

use std::path::Path;

use super::super::LockHolder;

/// The process that has locked the file `path`.
#[cfg(target_os = "linux")]
pub(crate) fn lock_holder(path: &Path) -> Option<LockHolder> {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    let locks = fs::read_to_string("/proc/locks").ok()?;
    // Another file system may have a file of the same number.
    let has_it_open = |process: &u32| {
        let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        open.map(|entry| fs::read_link(entry.path())).any(|file| file.is_ok_and(|file| file == path))
    };
    let process = holders(&locks, fs::metadata(path).ok()?.ino()).find(has_it_open)?;
    let program = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(LockHolder { process, program: program.trim_end().to_owned() })
}

/// The same where there is no `/proc`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lock_holder(_path: &Path) -> Option<LockHolder> {
    None
}

/// The processes that have locked a file with the number `inode`, in the text of `proc_locks(5)`.
#[cfg(any(target_os = "linux", test))]
fn holders(locks: &str, inode: u64) -> impl Iterator<Item = u32> {
    locks.lines().filter_map(move |line| {
        // Those that wait have an arrow in the second place.
        let [_, "FLOCK", _, _, process, file] = line.split_whitespace().take(6).collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let number: u64 = file.rsplit(':').next()?.parse().ok()?;
        (number == inode).then(|| process.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_holds_the_lock_of_a_file_counts() {
        let locks = "1: FLOCK  ADVISORY  WRITE 12 08:01:7 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 13 08:01:7 0 EOF\n\
            2: POSIX  ADVISORY  WRITE 14 08:01:7 0 EOF\n3: FLOCK  ADVISORY  READ 15 08:01:70 0 EOF\nx\n";
        assert_eq!(holders(locks, 7).collect::<Vec<_>>(), [12]);
        assert_eq!(holders(locks, 8).count(), 0);
    }
}
