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

use publisher::{Publisher, tgz, zip};

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/acceptance/support/publisher.rs"]
mod publisher;

fn main() {
    println!(
        "{:<24} {:>9}  {:<14} {:>9} {:>7}  {:>13}  goal",
        "ours", "median", "theirs", "median", "ratio", "middle half"
    );
    services();
    clients();
}

/// What goes to the guest.
fn services() {
    let guest = guest_folder();
    let home = tempfile::tempdir().unwrap();
    let program = |arguments: &[&str]| {
        let mut command = program(home.path(), arguments);
        command.env("SERVICE_MANAGER_SSH_CONFIG", guest.join("ssh_config"));
        command
    };
    let ssh = || {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(guest.join("ssh_config")).args([name_of(&guest), "true".into()]);
        command
    };
    let row = |ours, theirs, goal| Row { ours, theirs, goal };
    let version = || program(&["--version"]);
    row("--version", "true", "3 ms").measure(version, || Command::new("true"), PAIRS * 10);
    let cold = || program(&["env", "kubernetes", "--refresh"]);
    row("env kubernetes (cold)", "ssh true", "0.40").measure(cold, ssh, PAIRS);
    let cold_docker = || program(&["env", "docker", "--refresh"]);
    row("env docker (cold)", "ssh true", "0.40").measure(cold_docker, ssh, PAIRS);
    row("status", "env k. (cold)", "1.10").measure(|| program(&["status"]), cold, PAIRS);
    row("env kubernetes (warm)", "--version", "10 ms").measure(
        || program(&["env", "kubernetes"]),
        version,
        PAIRS,
    );
    row("env docker (warm)", "--version", "10 ms").measure(|| program(&["env", "docker"]), version, PAIRS);
}

/// What goes to publishers, for whom a server on this host stands in.
fn clients() {
    let home = tempfile::tempdir().unwrap();
    let publisher = Publisher::start();
    let kubectl = "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl";
    publisher.offers_with_checksum(kubectl, "a program");
    let with_publisher = |arguments: &[&str]| {
        let mut command = program(home.path(), arguments);
        command.envs(publisher.variables());
        command
    };
    let hit = || with_publisher(&["install-cli", "kubernetes", "--cli-version", "1.36.3"]);
    Row { ours: "install-cli (cached)", theirs: "true", goal: "5 ms" }.measure(
        hit,
        || Command::new("true"),
        PAIRS * 5,
    );

    // As large as real ones are packed, and as hard to unpack: half of it is noise.
    let large = content(80 << 20);
    let archives = [
        ("tgz", "linux/amd64", "linux/static/stable/x86_64", tgz(&[("docker/docker", &large)]), "tar xzf"),
        (
            "zip",
            "windows/amd64",
            "win/static/stable/x86_64",
            zip(&[("docker/docker.exe", &large)]),
            "unzip -oq",
        ),
    ];
    for (kind, platform, folder, archive, unpack) in archives {
        let path = format!("download.docker.com/{folder}/docker-99.0.0.{kind}");
        let megabytes = archive.len() >> 20;
        publisher.offers(&format!("https://{path}"), archive);
        let cache = home.path().join("bin/docker");
        let arguments = ["-q", "install-cli", "docker", "--cli-version", "99.0.0", "--platform", platform];
        let install = || {
            let _ = std::fs::remove_dir_all(&cache);
            with_publisher(&arguments)
        };
        let theirs = tempfile::tempdir().unwrap();
        let [(_, authority), _] = publisher.variables();
        let line = format!(
            "curl --silent --show-error --fail --cacert {authority} --output a https://{}/{path} && sha256sum a && {unpack} a",
            publisher.address()
        );
        let by_hand = || {
            let mut command = Command::new("sh");
            command.args(["-c", &line]).current_dir(theirs.path());
            command
        };
        let ours = format!("install-cli {megabytes} MB {kind}");
        let tools = if kind == "tgz" { "curl+sum+tar" } else { "curl+sum+unzip" };
        Row { ours: &ours, theirs: tools, goal: "1.15" }.measure(install, by_hand, PAIRS / 2);
        println!("{:<24} {:>6} MiB  memory at its peak; goal 20 MiB", "", peak_memory(install()) >> 10);
    }
}

/// The program, with everything that it keeps below `home`.
fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service-manager"));
    command.args(arguments).env_clear().env("SERVICE_MANAGER_HOME", home).env("SHELL", "/bin/sh");
    command
}

/// Bytes of which every other block can be packed well.
fn content(length: usize) -> Vec<u8> {
    let mut noise = 1_u64;
    let mut content = Vec::with_capacity(length);
    while content.len() < length {
        for _ in 0..512 {
            // Marsaglia's xorshift64.
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            content.extend_from_slice(&noise.to_le_bytes());
        }
        content.extend_from_slice(&[b'a'; 4096]);
    }
    content
}

/// The most memory that a command ever has, in KiB, as the system counts it.
fn peak_memory(mut command: Command) -> u64 {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(number.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    peak
}

struct Row<'a> {
    ours: &'a str,
    theirs: &'a str,
    goal: &'a str,
}

impl Row<'_> {
    /// Runs both in turn, so that whatever else the machine does hits both alike.
    fn measure(&self, ours: impl Fn() -> Command, theirs: impl Fn() -> Command, pairs: usize) {
        // The first pair fills caches and learns the host key.
        let _ = (time(ours()), time(theirs()));
        let pairs: Vec<(Duration, Duration)> = (0..pairs).map(|_| (time(ours()), time(theirs()))).collect();
        let ratios = sorted(pairs.iter().map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64()));
        let millis = |times: Vec<f64>| middle(&times) * 1000.0;
        println!(
            "{:<24} {:>6.1} ms  {:<14} {:>6.1} ms {:>7.2}  {:>5.2} to {:>4.2}  {}",
            self.ours,
            millis(sorted(pairs.iter().map(|pair| pair.0.as_secs_f64()))),
            self.theirs,
            millis(sorted(pairs.iter().map(|pair| pair.1.as_secs_f64()))),
            middle(&ratios),
            ratios[ratios.len() / 4],
            ratios[ratios.len() * 3 / 4],
            self.goal,
        );
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
