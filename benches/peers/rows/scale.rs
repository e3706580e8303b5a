//! More of something: delay, units, service files, machines.

use std::cell::LazyCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::delay;
use crate::measure::{PAIRS, Pair, Row};
use crate::place::{Guest, Place, program, said};
use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    far_away(table);
    units(table);
    service_files(table);
    machines(table);
}

/// A guest behind a slow network.
fn far_away(table: &mut Table) {
    let place = &LazyCell::new(|| {
        let place = Place::with("bench-far", &[]);
        delay::add(&place.guest, Duration::from_millis(40)).map_err(|error| error.to_string())?;
        Ok(place)
    });
    let far = || place.as_ref().map_err(String::clone);
    table.row(Row::new("env kubernetes (cold), 40 ms away", "ssh GUEST true").ratio(1.0), || {
        let place = far()?;
        Ok(Pair::new(|| place.ours("env kubernetes --refresh"), || place.guest.ssh_true()))
    });
    table.row(Row::new("env docker (warm), 40 ms away", "curl with the same keys").ratio(1.1), || {
        let place = far()?;
        let address = format!("https://{}:2376/version", place.guest.address());
        let variables = said(&mut place.ours("env docker --script-readable"));
        let (_, folder) = variables.split_once("DOCKER_CERT_PATH='").expect("the variable");
        let keys = Path::new(folder.split('\'').next().unwrap_or_default()).to_owned();
        Ok(Pair::new(
            || place.ours("env docker"),
            move || {
                let mut command = Command::new("curl");
                command.args(["--silent", "--fail", &address, "--cacert"]).arg(keys.join("ca.pem"));
                command.arg("--cert").arg(keys.join("cert.pem")).arg("--key").arg(keys.join("key.pem"));
                command
            },
        ))
    });
}

/// A guest with many units. Without a process each, since it is the list that has to be long.
fn units(table: &mut Table) {
    let place = &LazyCell::new(|| {
        let place = Place::with("bench-units", &[]);
        place.guest.run(
            "cd /run/systemd/system
            for number in {1..2000}; do
                printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStop=/bin/true\\n' >bench-$number.service
            done
            systemctl daemon-reload
            systemctl start bench-{1..2000}.service",
        );
        place
    });
    for (name, arguments, goal) in
        [("env kubernetes (cold)", "env kubernetes --refresh", 0.4), ("status", "status", 0.44)]
    {
        let row = Row::new(format!("{name}, 2000 units"), "ssh GUEST true").ratio(goal);
        table.row(row, || Ok(Pair::new(|| place.ours(arguments), || place.guest.ssh_true())));
    }
}

/// A user with many service files.
fn service_files(table: &mut Table) {
    let none = &LazyCell::new(Place::demo);
    for files in [1, 10, 50] {
        let row = Row::new(format!("env kubernetes (warm), service files: {files}"), "without them");
        table.row(row.millis(10.0).pairs(PAIRS * 2), || {
            let place = Place::demo();
            let folder = place.home().join("services");
            fs::create_dir(&folder).unwrap();
            for number in 0..files {
                let path = folder.join(format!("bench-{number}.yaml"));
                fs::write(&path, SERVICE.replace("NUMBER", &number.to_string())).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
            Ok(Pair::new(move || place.ours("env kubernetes"), || none.ours("env kubernetes")))
        });
    }
}

/// Many machines at once.
fn machines(table: &mut Table) {
    for number in [1, 5, 20] {
        let row = Row::new(format!("status --all, machines: {number}"), "as many ssh GUEST true at once");
        table.row(row.ratio(1.0), || {
            let machines = Machines::up(number);
            let line = machines.ssh_true();
            Ok(Pair::new(
                move || program(machines.home.path(), "status --all"),
                move || {
                    let mut command = Command::new("sh");
                    command.args(["-c", &line]);
                    command
                },
            ))
        });
    }
}

/// Machines that the program remembers: several users of each of a few guests, since every guest takes some of the inotify
/// instances of which many kernels allow 128.
struct Machines {
    /// A name, and an ssh config with it.
    all: Vec<(String, PathBuf)>,
    home: TempDir,
}

impl Machines {
    fn up(number: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        let names = (1..).flat_map(|guest| USERS.map(|user| (format!("bench-{guest}"), user)));
        let machine = |(guest, user): (String, &str)| {
            let guest = Guest::up(&guest, &["--light"]);
            let name = format!("{}-{user}", guest.name);
            let config = fs::read_to_string(guest.ssh_config()).unwrap();
            let config = config.replace(&format!("Host {}\n", guest.name), &format!("Host {name}\n"));
            let path = home.path().join(&name);
            fs::write(&path, config.replace("User vagrant\n", &format!("User {user}\n"))).unwrap();
            said(program(home.path(), "status").arg("--ssh-config").arg(&path));
            (name, path)
        };
        let all = names.take(number).map(machine).collect();
        Self { all, home }
    }

    /// A line of sh that logs in to all of them at once.
    fn ssh_true(&self) -> String {
        let line = |(name, config): &(String, PathBuf)| format!("ssh -F {} {name} true & ", config.display());
        self.all.iter().map(line).collect::<String>() + "wait"
    }
}

const USERS: [&str; 4] = ["vagrant", "root", "nosudo", "fisher"];

/// A service file as users write them.
const SERVICE: &str = r#"name: bench-NUMBER
title: Bench NUMBER
comment: One of many.
exports:
  - name: BENCH_NUMBER
    value: "{url}"
flavours:
  - name: k3s
    signs: { files: [/etc/rancher/k3s/k3s.yaml, /opt/bench-NUMBER], units: [bench-NUMBER] }
    units: [bench-NUMBER]
    access:
      kubeconfig: { paths: [/etc/rancher/k3s/k3s.yaml], root: true }
    remedies:
      names: "in the machine: add {address} to `tls-san` in /etc/rancher/k3s/config.yaml"
      expired: "in the machine: `sudo systemctl restart k3s`"
"#;
