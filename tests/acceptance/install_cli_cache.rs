//! `install-cli`: what is kept is whole, or not there: killed at any moment, by several at once, on disks that are full.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use service_manager_test_support::download::{Download, INSTALL, INSTALLED, KUBECTL, kubectl};
use service_manager_test_support::program;
use service_manager_test_support::publisher::{Fault, script, sha256};
use service_manager_test_support::until;

#[test]
fn a_kill_leaves_no_partial_client() {
    const KILLS: u32 = 50;
    let download = Download::new();
    let begin = Instant::now();
    download.succeeds();
    let whole = begin.elapsed() + Duration::from_millis(20);
    let folder = download.user.home().join(".local/share/service-manager/bin");
    for kill in 0..KILLS {
        if kill % 2 == 0 {
            // So that all is done again; the other half meets what the one before has left.
            let _ = fs::remove_dir_all(&folder);
        }
        let mut child = download.user.types(format!("{INSTALL} >out")).starts();
        thread::sleep(whole * kill / KILLS);
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        if folder.join("kubernetes/1.36.3/.receipt.json").exists() {
            assert_eq!(fs::read(folder.join("kubernetes/1.36.3/kubectl")).unwrap(), kubectl());
        }
        // Whatever there is, nothing is taken for it that is not whole.
        download.user.types("service-manager -q clients verify >out").succeeds();
    }
    download.succeeds();
}

#[test]
fn a_kill_while_copying_leaves_the_old_or_the_new_program() {
    const KILLS: u32 = 30;
    let download = Download::new();
    download.publisher.offers_with_checksum(KUBECTL, script("kubectl", 4 << 20));
    let line = format!("{INSTALL} --path bin >out");
    download.user.types(&line).succeeds();
    let whole = fs::read(download.user.home().join("bin/kubectl")).unwrap();
    for kill in 0..KILLS {
        download.user.writes("bin/kubectl", "before");
        let mut child = download.user.types(&line).starts();
        let begin = Instant::now();
        // Most of the time goes into the start.
        let copy = download.user.home().join("bin/.kubectl.unfinished");
        while kill % 2 == 0 && !copy.exists() && child.try_wait().unwrap().is_none() {}
        thread::sleep(begin.elapsed() * kill / KILLS / 4);
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        let there = fs::read(download.user.home().join("bin/kubectl")).unwrap();
        assert!(there == b"before" || there == whole);
    }
    download.user.types(&line).succeeds();
    assert_eq!(download.user.files_below("bin"), ["kubectl"]);
    assert_eq!(fs::read(download.user.home().join("bin/kubectl")).unwrap(), whole);
}

#[test]
fn the_second_of_two_installs_waits() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Holds(100_000)]);
    let mut first = download.user.types(format!("{INSTALL} >first")).starts();
    let partial = download.user.home().join(".local/share/service-manager/bin/kubernetes/1.36.3/.partial");
    until("something has come", || fs::metadata(&partial).is_ok_and(|meta| meta.len() > 0));
    let line = format!("{} >second 2>log", INSTALL.replace(" -q", ""));
    let mut second = download.user.types(line).starts();
    let log = download.user.home().join("log");
    let waits = "note: another process installs the same; waiting for it\n";
    until("the second one waits", || fs::read_to_string(&log).is_ok_and(|text| text == waits));
    download.publisher.goes_on();
    assert!(first.wait().unwrap().success() && second.wait().unwrap().success());
    let text = |name: &str| fs::read_to_string(download.user.home().join(name)).unwrap();
    let folder = download.user.home().join(".local/share/service-manager/bin/kubernetes/1.36.3");
    for name in ["first", "second"] {
        assert!(
            text(name).contains(&format!("\nexport PATH={}:$PATH\n", folder.display())),
            "{}",
            text(name)
        );
    }
    assert_eq!(download.publisher.requests(), [KUBECTL.to_owned(), format!("{KUBECTL}.sha256")]);
    assert_eq!(download.user.clients(), INSTALLED);
}

#[test]
fn twenty_installs_download_once() {
    let download = Download::new();
    download
        .user
        .types(format!(
            "for i in {{1..20}}; do {INSTALL} >$i & processes+=($!); done
            for process in \"${{processes[@]}}\"; do wait $process || exit; done
            cat {{1..20}} | grep --count --fixed-strings \"export PATH=$HOME/.local/share/service-manager/bin/kubernetes/1.36.3:\""
        ))
        .stdout("20\n")
        .succeeds();
    assert_eq!(download.publisher.requests(), [KUBECTL.to_owned(), format!("{KUBECTL}.sha256")]);
    assert_eq!(download.user.clients(), INSTALLED);
}

#[test]
fn twenty_installs_share_one_target_folder() {
    let download = Download::new();
    download.succeeds();
    download
        .user
        .types(format!(
            "for i in {{1..20}}; do {INSTALL} --path bin >$i & processes+=($!); done
            for process in \"${{processes[@]}}\"; do wait $process || exit; done; bin/kubectl"
        ))
        .stdout("kubectl 1.36.3\n")
        .succeeds();
    assert_eq!(download.user.files_below("bin"), ["kubectl"]);
}

#[test]
fn a_full_disk_is_an_error_and_the_next_run_works() {
    let download = Download::new();
    let kubectl = script("kubectl", 4 << 20);
    download.publisher.offers_with_checksum(KUBECTL, kubectl);
    let lines = format!(
        "mount -t tmpfs -o mode=700,size=1m tmpfs disk
        {INSTALL}; code=$?; find disk -type f
        mount -o remount,size=16m disk; eval \"$({INSTALL})\" && kubectl; exit $code"
    );
    download
        .user
        .types(format!("mkdir disk && SERVICE_MANAGER_HOME=disk unshare --mount bash -c {}", quoted(&lines)))
        .stdout("(exit 126)\nkubectl\n")
        .stderr(&format!(
            "error: could not download `{KUBECTL}`\ncaused by: No space left on device (os error 28)\n"
        ))
        .fails(126);
}

#[test]
fn uses_the_cache_on_a_read_only_disk() {
    let download = Download::new();
    let other = INSTALL.replace("1.36.3", "1.36.2");
    let lines = format!(
        "mount -t tmpfs -o mode=700 tmpfs disk
        {INSTALL} >out; mount -o remount,ro disk
        eval \"$({INSTALL})\" && kubectl; {other}"
    );
    download
        .user
        .types(format!("mkdir disk && SERVICE_MANAGER_HOME=disk unshare --mount bash -c {}", quoted(&lines)))
        .stdout("kubectl 1.36.3\n(exit 1)\n")
        .stderr(
            "
            error: could not use the folder `[HOME]/disk/[..]/kubernetes/1.36.2`
            caused by: Read-only file system (os error 30)
            ",
        )
        .fails(1);
    assert_eq!(download.publisher.requests(), [KUBECTL.to_owned(), format!("{KUBECTL}.sha256")]);
}

#[test]
fn refuses_a_client_that_others_can_write() {
    let download = Download::new();
    download.succeeds();
    let bin = download.user.home().join(".local/share/service-manager/bin");
    for (path, mode) in [
        (bin.join("kubernetes/1.36.3/kubectl"), 0o777),
        (bin.join("kubernetes/1.36.3"), 0o777),
        (bin.join("kubernetes"), 0o775),
        (bin.clone(), 0o775),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        download.user.complains(
            INSTALL,
            1,
            &format!(
                "
                error: others than you can write `{path}`
                hint: `chmod go-w {path}`, if it is yours
                ",
                path = path.display()
            ),
        );
        download.user.types(format!("chmod go-w '{}'", path.display())).succeeds();
        download.succeeds();
    }
}

/// There somebody else could put another folder in the place of the user's own.
#[test]
fn refuses_a_folder_above_that_others_can_write() {
    let download = Download::new();
    let user = &download.user;
    let check = |path: &str| {
        user.types(format!("mkdir --parents {path}; chmod 777 {path}")).succeeds();
        let said = "
            error: `[HOME]/PATH` is not a folder that only you can write
            hint: `chmod go-w [HOME]/PATH`, if it is yours
            ";
        user.complains(INSTALL, 1, &said.replace("PATH", path));
        user.types(format!("chmod 755 {path}")).succeeds();
    };
    user.writes(".config/service-manager/config.yaml", "mirrors: {}\n");
    for path in [".config/service-manager", ".config", ".local/share"] {
        check(path);
    }
    assert_eq!(user.clients(), [""; 0]);
    download.succeeds();
    check(".local");
}

#[test]
fn refuses_a_cache_that_others_can_write() {
    let download = Download::new();
    let user = &download.user;
    let bin = user.home().join(".local/share/service-manager/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::set_permissions(&bin, fs::Permissions::from_mode(0o777)).unwrap();
    download.user.complains(
        INSTALL,
        1,
        &format!(
            "
            error: others than you can write `{path}`
            hint: `chmod go-w {path}`, if it is yours
            ",
            path = bin.display()
        ),
    );
    assert_eq!(user.clients(), [""; 0]);
}

#[test]
fn refuses_settings_that_others_can_write() {
    let download = Download::new();
    let path = download.user.writes(".config/service-manager/config.yaml", "mirrors: {}\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    download.user.complains(
        INSTALL,
        1,
        "
        error: others than you can write `[HOME]/.config/service-manager/config.yaml`
        hint: `chmod go-w [HOME]/.config/service-manager/config.yaml`, if it is yours
        ",
    );
}

#[test]
fn replaces_a_running_program() {
    let download = Download::new();
    let (sleep, other) = (program("sleep"), script("other", 100));
    download.publisher.offers_with_checksum(KUBECTL, sleep);
    let user = &download.user;
    user.types(format!("{INSTALL} --path bin >out")).succeeds();
    let cached = ".local/share/service-manager/bin/kubernetes/1.36.3/kubectl";
    let running: Vec<_> =
        [cached, "bin/kubectl"].map(|path| user.types(format!("exec $HOME/{path} 60")).starts()).into();
    for child in &running {
        let exe = format!("/proc/{}/exe", child.id());
        until("it runs", || fs::read_link(&exe).is_ok_and(|path| path.ends_with("kubectl")));
    }
    let checksum = sha256(&other);
    download.publisher.offers(KUBECTL, other);
    let line = format!("{INSTALL} --checksum {checksum} --path bin");
    user.types(format!("eval \"$({line})\" && kubectl && ./{cached} && bin/kubectl"))
        .stdout(&"other\n".repeat(3))
        .succeeds();
    for mut child in running {
        assert!(child.try_wait().unwrap().is_none(), "it runs no more");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(user.clients(), INSTALLED);
    assert_eq!(user.files_below("bin"), ["kubectl"]);
}

#[test]
fn repairs_a_damaged_client() {
    let download = Download::new();
    download.succeeds();
    let folder = download.user.home().join(".local/share/service-manager/bin/kubernetes/1.36.3");
    let damage: [&dyn Fn(&Path); 4] = [
        &|folder| fs::remove_file(folder.join("kubectl")).unwrap(),
        &|folder| fs::write(folder.join("kubectl"), "half").unwrap(),
        &|folder| fs::remove_file(folder.join(".receipt.json")).unwrap(),
        &|folder| fs::write(folder.join(".receipt.json"), "{").unwrap(),
    ];
    for damage in damage {
        damage(&folder);
        download.succeeds();
    }
}

#[test]
fn a_program_of_another_platform_has_its_own_folder() {
    let download = Download::new();
    let url = "https://dl.k8s.io/release/v1.36.3/bin/linux/arm64/kubectl";
    download.publisher.offers_with_checksum(url, script("arm64", 100));
    download.succeeds();
    download.user.types(format!("{INSTALL} --platform linux/arm64 >out")).succeeds();
    let folder = download.user.home().join(".local/share/service-manager/bin/kubernetes/1.36.3+linux-arm64");
    assert_eq!(fs::read(folder.join("kubectl")).unwrap(), script("arm64", 100));
    download
        .user
        .types(format!("eval \"$({INSTALL} --offline)\" && kubectl"))
        .stdout("kubectl 1.36.3\n")
        .succeeds();
    download.user.types("service-manager clients uninstall kubernetes >out").succeeds();
    assert_eq!(download.user.clients(), [""; 0]);
}

#[test]
fn unwritable_output_is_a_failure_and_a_closed_pipe_is_none() {
    let download = Download::new();
    download.succeeds();
    download
        .user
        .types(format!("{INSTALL} >/dev/full"))
        .stderr(
            "error: could not write to standard output\ncaused by: No space left on device (os error 28)\n",
        )
        .fails(1);
    download.user.types(format!("set -o pipefail; {INSTALL} | true")).succeeds();
}

#[test]
fn a_cached_client_needs_neither_machine_nor_network() {
    let download = Download::new();
    download.succeeds();
    download.publisher.requests();
    let line = format!("{INSTALL} --host dev@127.0.0.1:1");
    download.user.types(format!("eval \"$({line})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    assert_eq!(download.publisher.requests(), [""; 0]);
}

fn quoted(line: &str) -> String {
    shlex::try_quote(line).unwrap().into_owned()
}
