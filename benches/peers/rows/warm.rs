//! `env` again, which logs in nowhere.

use std::cell::LazyCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::measure::{PAIRS, Pair, Row};
use crate::place::{Guest, PROGRAM, Place, peer, said};
use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    let place = &LazyCell::new(Place::demo);
    let machine = &LazyCell::new(|| DockerMachine::of(&place.guest));
    for arguments in ["env kubernetes", "env docker", "env"] {
        let row = Row::new(format!("{arguments} (warm)"), "docker-machine env").ratio(0.5).millis(10.0);
        table.row(row.pairs(PAIRS * 2), || {
            let docker_machine = peer("SERVICE_MANAGER_DOCKER_MACHINE")?;
            Ok(Pair::new(move || place.ours(arguments), move || machine.env(&docker_machine)))
        });
    }
    let row = Row::new("exec kubernetes -- true (warm)", "true").more_millis(15.0);
    table.row(row.pairs(PAIRS * 2), || {
        Ok(Pair::new(|| place.ours("exec kubernetes -- /bin/true"), || Command::new("/bin/true")))
    });
    let row = Row::new("exec kubernetes -- true (warm)", "env kubernetes (warm), then true").ratio(1.1);
    table.row(row.pairs(PAIRS * 2), || {
        Ok(Pair::new(|| place.ours("exec kubernetes -- /bin/true"), || true_after_env(place)))
    });
    let row = Row::new("exec docker -- docker version", "docker version").more_millis(15.0);
    table.row(row.pairs(PAIRS * 2), || {
        // Both find the same one.
        let path = std::env::var("PATH").map_err(|_| "PATH is not set".to_owned())?;
        let variables = said(&mut place.ours("env docker --script-readable"));
        let with_path = path.clone();
        let ours = move || {
            let mut command = place.ours("exec docker -- docker version");
            command.env("PATH", &with_path);
            command
        };
        Ok(Pair::new(ours, move || docker_version(&variables, &path)))
    });
    let row = Row::new("env --cached", "--version").millis(5.0).pairs(PAIRS * 5);
    table.row(row, || {
        // There has to be something that it can print.
        said(&mut place.ours("env"));
        Ok(Pair::new(|| place.ours("env --cached"), || place.ours("--version")))
    });
}

/// What people type without `exec`.
fn true_after_env(place: &Place) -> Command {
    let mut command = Command::new("/bin/sh");
    let line = "eval \"$(\"$0\" env kubernetes --shell sh)\" && exec /bin/true";
    command.args(["-c", line]).arg(&*PROGRAM).env_clear();
    command.envs(place.ours("").get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// The client alone, with the variables that `env` has printed.
fn docker_version(variables: &str, path: &str) -> Command {
    let mut command = Command::new("docker");
    command.arg("version").env_clear().env("PATH", path);
    for (name, value) in variables.lines().filter_map(|line| line.split_once('=')) {
        command.env(name, value.trim_matches('\''));
    }
    command
}

/// What `docker-machine create --driver generic` would leave behind, had it set the guest up.
struct DockerMachine(TempDir);

impl DockerMachine {
    fn of(guest: &Guest) -> Self {
        let store = tempfile::tempdir().unwrap();
        let folder = store.path().join("machines").join(NAME);
        fs::create_dir_all(&folder).unwrap();
        let pem = |name: &str| -> PathBuf {
            let path = folder.join(name).with_extension("pem");
            fs::write(&path, guest.run(&format!("cat /home/vagrant/.docker/{name}.pem"))).unwrap();
            path
        };
        let config = json!({
            "ConfigVersion": 3,
            "Name": NAME,
            "DriverName": "generic",
            "Driver": {
                "MachineName": NAME,
                "IPAddress": guest.address(),
                "EnginePort": 2376,
                "SSHPort": 22,
                "StorePath": store.path(),
            },
            "HostOptions": {
                "AuthOptions": {
                    "CaCertPath": pem("ca"),
                    "ClientCertPath": pem("cert"),
                    "ClientKeyPath": pem("key"),
                    "StorePath": folder,
                },
                "EngineOptions": {},
                "SwarmOptions": {},
            },
        });
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        Self(store)
    }

    fn env(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(["env", "--shell", "sh", NAME]).env("MACHINE_STORAGE_PATH", self.0.path());
        command
    }
}

const NAME: &str = "demo";
