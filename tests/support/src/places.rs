//! Where things are: the repository, and what Cargo builds.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The program that is tested: the one of `make bench` where `SERVICE_MANAGER_PROGRAM` names it, else the one that
/// Cargo has built beside these tests.
pub(crate) fn tested_program() -> PathBuf {
    std::env::var_os("SERVICE_MANAGER_PROGRAM")
        .map_or_else(|| profile().join("service-manager"), PathBuf::from)
}

/// A folder for what outlives a run, as `CARGO_TARGET_TMPDIR` is for the tests themselves.
pub fn temporary() -> PathBuf {
    let folder = profile().with_file_name("tmp");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// `target/debug`, where this test is in `deps`.
fn profile() -> &'static Path {
    static PROFILE: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(2).unwrap().to_owned()
    });
    &PROFILE
}
