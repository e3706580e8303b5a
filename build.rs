//! Turns `services/*.yaml` into JSON, which the program reads ten times as fast; it does so whenever it starts.
//!
//! Tells the tests whether there is a test guest, and Wine: `SERVICE_MANAGER_TEST_GUEST=none` and
//! `SERVICE_MANAGER_TEST_WINDOWS=none` leave out those that need one.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    embed_services()?;
    println!("cargo::rerun-if-changed=build.rs");
    tell_if_left_out("SERVICE_MANAGER_TEST_GUEST", "no_guest");
    tell_if_left_out("SERVICE_MANAGER_TEST_WINDOWS", "no_windows");
    Ok(())
}

/// The built-in services, in the order in which they are shown, as an expression of Rust: name, text, and the same as
/// JSON.
fn embed_services() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=services");
    let mut files: Vec<PathBuf> =
        fs::read_dir("services")?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let place = |path: &PathBuf| FIRST.iter().position(|first| *first == name(path)).unwrap_or(FIRST.len());
    files.sort_by_key(|path| (place(path), name(path)));
    let mut expression = String::from("[\n");
    for path in &files {
        let text = fs::read_to_string(path)?;
        let value: serde_yaml::Value = serde_yaml::from_str(&text)?;
        let (name, json) = (name(path), serde_json::to_string(&value)?);
        writeln!(expression, "({name:?}, {text:?}, {json:?}),")?;
    }
    #[allow(clippy::disallowed_methods, reason = "a build script has no `base::files` and no `base::env`")]
    fs::write(Path::new(&env::var("OUT_DIR")?).join("services.rs"), expression + "]")?;
    Ok(())
}

/// Sets `condition` for the compiler where the variable `variable` is `none`.
fn tell_if_left_out(variable: &str, condition: &str) {
    println!("cargo::rerun-if-env-changed={variable}");
    println!("cargo::rustc-check-cfg=cfg({condition})");
    #[allow(clippy::disallowed_methods, reason = "a build script has no `base::env`")]
    if env::var_os(variable).is_some_and(|value| value == "none") {
        println!("cargo::rustc-cfg={condition}");
    }
}

/// Those that a guest may have; clients only come after them.
const FIRST: [&str; 4] = ["docker", "openshift", "kubernetes", "registry"];
