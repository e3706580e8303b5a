//! What is packed for people: the same input gives the same bytes, and names are right whatever a file is called.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
fn the_notes_of_a_release_are_its_text_and_its_changes() {
    let notes = stdout(&mut Command::new(repository().join("tools/release-notes")));
    assert!(notes.contains("This is the first release of the program."), "{notes}");
    assert!(notes.contains("\n### Added\n"), "{notes}");
    assert!(!notes.contains("## [") && !notes.contains("](../"), "{notes}");
    assert!(notes.contains(&format!("/blob/v{VERSION}/docs/how-to/install.md)")), "{notes}");
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

#[test]
fn other_package_managers_get_manifests_of_a_release() {
    let folder = TempDir::new_in(temporary()).unwrap();
    let manifests = folder.path().join("manifests");
    let sum = |digit: &str| digit.repeat(64);
    let targets = [
        "x86_64-unknown-linux-gnu.tar.gz",
        "aarch64-unknown-linux-gnu.tar.gz",
        "x86_64-pc-windows-gnu.zip",
        "aarch64-apple-darwin.tar.gz",
    ];
    let mut sums: String =
        (1..).zip(targets).map(|(digit, target)| line(&sum(&digit.to_string()), target)).collect();
    // Files with names like these are not asked for, so what they are called does not matter.
    sums += "\"; system(\"touch /tmp/x\"); \"  $(touch x)'`touch x`\n";
    assert!(write_manifests(&manifests, &sums).status.success());

    let formula = manifests.join("service-manager.rb");
    assert_eq!(stdout(Command::new("ruby").arg("-c").arg(&formula)), "Syntax OK\n");
    let formula = fs::read_to_string(formula).unwrap();
    for digit in ["1", "2", "4"] {
        assert!(formula.contains(&format!("sha256 \"{}\"", sum(digit))), "{formula}");
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(manifests.join("service-manager.json")).unwrap()).unwrap();
    assert_eq!(manifest["architecture"]["64bit"]["hash"], sum("3"));
    let pkgbuild = manifests.join("PKGBUILD");
    stdout(Command::new("shellcheck").arg(&pkgbuild));
    let read = "source \"$1\"; echo \"$pkgver ${arch[*]} ${sha256sums_x86_64[*]} ${sha256sums_aarch64[*]} ${source_aarch64[*]}\"";
    assert_eq!(
        stdout(Command::new("bash").args(["-euc", read, "-"]).arg(&pkgbuild)),
        format!(
            "{VERSION} x86_64 aarch64 {} {} https://service-manager.example/releases/v{VERSION}/service-manager-{VERSION}-aarch64-unknown-linux-gnu.tar.gz\n",
            sum("1"),
            sum("2")
        )
    );
}

#[test]
fn a_manifest_is_refused_what_is_no_sum() {
    let folder = TempDir::new_in(temporary()).unwrap();
    let good = "1".repeat(64);
    for (sums, error) in [
        (line("\"+`touch$IFS/tmp/x`+\"", "x86_64-unknown-linux-gnu.tar.gz"), "is no SHA-256"),
        (line("';touch$IFS/tmp/x;'", "x86_64-unknown-linux-gnu.tar.gz"), "is no SHA-256"),
        (line(&good[1..], "x86_64-unknown-linux-gnu.tar.gz"), "is no SHA-256"),
        (line(&good, "x86_64-unknown-linux-gnu.tar.gz").repeat(2), "is no SHA-256"),
        (line(&good, "x86_64-unknown-linux-gnu.tar.gz.sig"), "has no build for Linux"),
        (String::new(), "has no build for Linux"),
    ] {
        let output = write_manifests(&folder.path().join("manifests"), &sums);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(error), "{sums:?}: {said}");
    }
    assert_eq!(fs::read_dir(folder.path().join("manifests")).unwrap().count(), 0);
}

#[test]
fn one_version_everywhere() {
    let says = |file: &str, line: &str| {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        assert!(text.lines().any(|there| there.trim().starts_with(line)), "{file} has no line {line}");
    };
    says("CHANGELOG.md", &format!("## [{VERSION}] - "));
    says("install.sh", &format!("version={VERSION}"));
    says("install.ps1", &format!("[string]$Version = '{VERSION}'"));
    says("vagrant-plugin/lib/vagrant-service-manager/version.rb", &format!("VERSION = '{VERSION}'"));
}

/// A line of SHA256SUMS.
fn line(sum: &str, target: &str) -> String {
    format!("{sum}  service-manager-{VERSION}-{target}\n")
}

fn write_manifests(folder: &Path, sums: &str) -> Output {
    fs::create_dir_all(folder).unwrap();
    let file = folder.with_file_name("SHA256SUMS");
    fs::write(&file, sums).unwrap();
    Command::new(repository().join("tools/manifests")).arg(folder).arg(file).output().unwrap()
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
