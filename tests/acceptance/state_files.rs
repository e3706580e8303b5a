//! What is kept on the host: private, whole, and only where it may be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::env::READABLE;
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_variable_moves_the_folder() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with("SERVICE_MANAGER_HOME", "state");
    user.types("service-manager env kubernetes --script-readable")
        .stdout("KUBECONFIG=[HOME]/state/machines/[..]/kubernetes/kubeconfig\n")
        .succeeds();
    assert!(!user.machines().exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_folder_with_a_colon() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with("SERVICE_MANAGER_HOME", "a:b");
    user.types("service-manager env kubernetes")
        .stdout("(exit 1)\n")
        .stderr(
            "
            error: kubectl takes `:` for the end of a path, and there is one in `[HOME]/a:b/machines/[..]/kubernetes/kubeconfig`
            hint: set SERVICE_MANAGER_HOME to a folder without `:`
            ",
        )
        .fails(1);
    user.types("ls -A a:b/machines/*").stdout("known_hosts\nlock\nmachine.json\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_read_only_disk() {
    let guest = Guest::kubeadm();
    User::of(&guest)
        .types(on_a_disk("ro", ""))
        .stdout("(exit 1)\n")
        .stderr(
            "
            error: could not use the folder `[HOME]/disk/machines/[..]`
            caused by: Read-only file system (os error 30)
            hint: set SERVICE_MANAGER_HOME to a folder that you can write
            ",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reports_a_full_disk() {
    let guest = Guest::kubeadm();
    User::of(&guest)
        .types(on_a_disk("size=8k", "head --bytes=8k /dev/zero >disk/filling;"))
        .stdout("(exit 1)\nlock\n")
        .stderr(
            "
            error: could not write `[HOME]/disk/machines/[..]/machine.json`
            caused by: No space left on device (os error 28)
            hint: free some space there
            ",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_folder_that_others_can_write() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager env kubernetes --script-readable").stdout(READABLE).succeeds();
    for folder in [user.machine_folder(), user.machines()] {
        let shown = if folder == user.machines() {
            "[HOME]/.local/state/service-manager/machines"
        } else {
            "[MACHINE]"
        };
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        user.types("service-manager env kubernetes --script-readable")
            .stderr(&format!(
                "
                error: `{shown}` is not a folder that only you can write
                hint: `chmod go-w {shown}`, if it is yours
                "
            ))
            .fails(1);
        user.types(format!("chmod go-w '{}'", folder.display())).succeeds();
        user.types("service-manager env kubernetes --script-readable").stdout(READABLE).succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn two_runs_at_once_succeed() {
    let guest = Guest::kubeadm();
    User::of(&guest)
        .types(
            "service-manager env kubernetes --script-readable & first=$!
            service-manager env kubernetes --script-readable && wait $first",
        )
        .stdout(&READABLE.repeat(2))
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_kill_leaves_no_partial_file() {
    const KILLS: u32 = 50;
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let line = "service-manager env kubernetes --script-readable";
    let begin = Instant::now();
    user.types(line).stdout(READABLE).succeeds();
    let whole = begin.elapsed() + Duration::from_millis(20);
    let folder = user.machine_folder();
    for kill in 0..KILLS {
        if kill % 2 == 0 {
            // So that all is written again; the other half meets what the one before has left.
            let _ = fs::remove_dir_all(&folder);
        }
        let mut child = user.types(line).starts();
        thread::sleep(whole * kill / KILLS);
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        all_is_whole_and_private(&folder);
    }
    user.types(line).stdout(READABLE).succeeds();
    all_is_whole_and_private(&folder);
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["known_hosts", "kubernetes", "lock", "machine.json", "services.json"]);
}

/// Every file is private, and every file that is not marked as unfinished is whole.
fn all_is_whole_and_private(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_is_whole_and_private(&path);
            continue;
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let is_whole = match name {
            "lock" => text.is_empty(),
            "known_hosts" => text.starts_with('[') && text.ends_with('\n'),
            "services.json" | "machine.json" => serde_json::from_str::<serde_json::Value>(&text).is_ok(),
            "kubeconfig" => serde_yaml::from_str::<serde_yaml::Value>(&text)
                .is_ok_and(|kubeconfig| kubeconfig["current-context"].is_string()),
            name => name.starts_with(".unfinished-"),
        };
        assert!(is_whole, "{}: {} bytes", path.display(), text.len());
    }
}

/// `env` with its state on a disk of its own, and then the names of the files there.
fn on_a_disk(options: &str, preparation: &str) -> String {
    let env = "SERVICE_MANAGER_HOME=disk service-manager env kubernetes";
    let line = format!(
        "mount -t tmpfs -o mode=700,{options} tmpfs disk; {preparation} {env}; code=$?; ls -A disk/machines/* 2>/dev/null; exit $code"
    );
    format!("mkdir disk && unshare --mount bash -c '{line}'")
}
