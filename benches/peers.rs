//! Times the program against what people use for the same job, in turn, on the guest that `make bench`
//! started. Only the ratios mean anything on another machine.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark runs programs and prints"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn main() {
    let guest = guest_folder();
    let home = tempfile::tempdir().unwrap();
    let program = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_service-manager"));
        command.args(arguments).env_clear();
        command
            .env("SERVICE_MANAGER_HOME", home.path())
            .env("SERVICE_MANAGER_SSH_CONFIG", guest.join("ssh_config"));
        command
    };
    let ssh = || {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(guest.join("ssh_config")).args([name_of(&guest), "true".into()]);
        command
    };
    println!(
        "{:<24} {:>9}  {:<12} {:>9} {:>7}  {:>13}  goal",
        "ours", "median", "theirs", "median", "ratio", "middle half"
    );
    let rows = [
        Row { ours: "--version", theirs: "true", goal: "3 ms" }.measure(
            || program(&["--version"]),
            || Command::new("true"),
            PAIRS * 10,
        ),
        Row { ours: "env kubernetes (cold)", theirs: "ssh true", goal: "0.40" }.measure(
            || program(&["env", "kubernetes"]),
            ssh,
            PAIRS,
        ),
        Row { ours: "status", theirs: "env kubernetes", goal: "1.10" }.measure(
            || program(&["status"]),
            || program(&["env", "kubernetes"]),
            PAIRS,
        ),
    ];
    for row in rows {
        println!("{row}");
    }
}

struct Row {
    ours: &'static str,
    theirs: &'static str,
    goal: &'static str,
}

impl Row {
    /// Runs both in turn, so that whatever else the machine does hits both alike.
    fn measure(&self, ours: impl Fn() -> Command, theirs: impl Fn() -> Command, pairs: usize) -> String {
        // The first pair fills caches and learns the host key.
        let _ = (time(ours()), time(theirs()));
        let pairs: Vec<(Duration, Duration)> = (0..pairs).map(|_| (time(ours()), time(theirs()))).collect();
        let ratios = sorted(pairs.iter().map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64()));
        let millis = |times: Vec<f64>| middle(&times) * 1000.0;
        format!(
            "{:<24} {:>6.1} ms  {:<12} {:>6.1} ms {:>7.2}  {:>5.2} to {:>4.2}  {}",
            self.ours,
            millis(sorted(pairs.iter().map(|pair| pair.0.as_secs_f64()))),
            self.theirs,
            millis(sorted(pairs.iter().map(|pair| pair.1.as_secs_f64()))),
            middle(&ratios),
            ratios[ratios.len() / 4],
            ratios[ratios.len() * 3 / 4],
            self.goal,
        )
    }
}

fn time(mut command: Command) -> Duration {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("the program to start");
    let taken = start.elapsed();
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    taken
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

fn guest_folder() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance/guest/guest");
    let output = Command::new(script).args(["dir", GUEST]).output().expect("the guest's script to start");
    assert!(output.status.success(), "no guest: run `make bench`");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

const GUEST: &str = "demo";
const PAIRS: usize = 40;
