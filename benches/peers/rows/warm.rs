//! `env` again, which logs in nowhere.

use std::cell::LazyCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::measure::{PAIRS, Pair, Row};
use crate::place::{Guest, Place, peer, said};
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
    let row = Row::new("env --cached", "--version").millis(5.0).pairs(PAIRS * 5);
    table.row(row, || {
        // There has to be something that it can print.
        said(&mut place.ours("env"));
        Ok(Pair::new(|| place.ours("env --cached"), || place.ours("--version")))
    });
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
