//! The plugin, packed and installed as its users do it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::places::{repository, temporary};

/// Makes `folder` the home of a Vagrant that has the plugin.
pub(crate) fn install_plugin(folder: &Path) {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let installed = INSTALLED.get_or_init(installed);
    run(Command::new("cp").arg("--archive").arg(installed).arg(folder));
}

/// Such a home. It takes Vagrant some seconds, so it is kept for as long as the plugin is the same.
fn installed() -> PathBuf {
    let root = repository();
    let mut digest = Sha256::new().chain_update(fs::read(root.join("tools/gem")).unwrap());
    for part in ["vagrant-service-manager.gemspec", "lib", "locales"] {
        add(&root.join("vagrant-plugin").join(part), &mut digest);
    }
    let digest: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let tmp = temporary();
    let kept = tmp.join(format!("vagrant-home-{digest}"));
    if !kept.exists() {
        let folder = TempDir::new_in(&tmp).unwrap();
        let gem = pack(folder.path(), &[]);
        let home = folder.path().join("home");
        install(&gem, &home);
        // Another process may have been faster.
        let _ = fs::rename(&home, &kept);
    }
    kept
}

/// Packs the plugin in `folder` and returns the gem.
fn pack(folder: &Path, more: &[&str]) -> PathBuf {
    let script = repository().join("tools/gem");
    let output = run(Command::new(script).arg(folder).args(more));
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}

/// Installs `gem` for the Vagrant whose home is `home`, without a network.
fn install(gem: &Path, home: &Path) {
    let folder = gem.parent().unwrap();
    run(Command::new("/usr/bin/vagrant")
        .args(["plugin", "install", gem.to_str().unwrap(), "--plugin-clean-sources"])
        .env("VAGRANT_HOME", home)
        .env("HOME", folder)
        .current_dir(folder));
}

fn add(path: &Path, digest: &mut Sha256) {
    if !path.is_dir() {
        return digest.update(fs::read(path).unwrap());
    }
    let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in &entries {
        add(entry, digest);
    }
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
