//! What is packed for people: the same input gives the same bytes, and names are right whatever a file is called.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use service_manager_test_support::{program, repository, temporary};
use tempfile::TempDir;

#[test]
fn a_gem_carries_the_program_whatever_its_file_is_called() {
    let folder = TempDir::new_in(temporary()).unwrap();
    let given = folder.path().join("a program's $(build) 2.0");
    fs::write(&given, "a program").unwrap();
    for (target, platform, name) in [
        ("x86_64-unknown-linux-gnu", "x86_64-linux", "service-manager"),
        ("aarch64-unknown-linux-gnu", "aarch64-linux", "service-manager"),
        ("x86_64-pc-windows-gnu", "x64-mingw-ucrt", "service-manager.exe"),
        ("x86_64-apple-darwin", "x86_64-darwin", "service-manager"),
        ("aarch64-apple-darwin", "arm64-darwin", "service-manager"),
    ] {
        let gem = pack(&folder.path().join("gems"), Some((&given, target)));
        assert_eq!(gem, folder.path().join(format!("gems/vagrant-service-manager-{VERSION}-{platform}.gem")));
        let content =
            stdout(Command::new("sh").args(["-c", "tar -xOf \"$1\" data.tar.gz | tar -tvz", "-"]).arg(&gem));
        let line = content.lines().find(|line| line.contains("libexec/")).unwrap();
        assert!(line.starts_with("-rwxr-xr-x"), "{line}");
        assert!(line.ends_with(&format!(" libexec/{name}")), "{line}");
        let again = pack(&folder.path().join("again"), Some((&given, target)));
        assert_eq!(fs::read(gem).unwrap(), fs::read(again).unwrap());
    }
    // The others are still there.
    let pure = pack(&folder.path().join("gems"), None);
    assert_eq!(pure, folder.path().join(format!("gems/vagrant-service-manager-{VERSION}.gem")));
}

#[test]
fn a_gem_is_all_that_vagrant_needs() {
    let folder = TempDir::new_in(temporary()).unwrap();
    let given = folder.path().join("build-of-today");
    fs::write(&given, program("service-manager")).unwrap();
    stdout(Command::new("strip").arg(&given));
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let gem = pack(folder.path(), Some((&given, &target)));
    let vagrant = |arguments: &[&str]| {
        stdout(
            Command::new("/usr/bin/vagrant")
                .args(arguments)
                .env("VAGRANT_HOME", folder.path().join("home"))
                .env("HOME", folder.path())
                .env("PATH", "/usr/bin:/bin")
                .env_remove("SERVICE_MANAGER_BIN")
                .current_dir(folder.path()),
        )
    };
    vagrant(&["plugin", "install", "--plugin-clean-sources", gem.to_str().unwrap()]);
    assert_eq!(vagrant(&["service-manager", "--", "--version"]), format!("service-manager {VERSION}\n"));
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The gem that `tools/gem` makes in `folder`.
fn pack(folder: &Path, content: Option<(&Path, &str)>) -> PathBuf {
    let mut command = Command::new(repository().join("tools/gem"));
    command.arg(folder);
    if let Some((program, target)) = content {
        command.arg(program).arg(target);
    }
    stdout(&mut command).trim_end().into()
}

#[track_caller]
fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
