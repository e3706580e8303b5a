//! What logs in to the machine.

use std::cell::LazyCell;
use std::process::Command;

use crate::measure::{PAIRS, Pair, Row};
use crate::place::{Place, peer};
use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    let place = &LazyCell::new(Place::demo);
    for arguments in ["env kubernetes", "env docker", "env"] {
        let row = Row::new(format!("{arguments} (cold)"), "ssh GUEST true").ratio(0.4).pairs(PAIRS * 2);
        table.row(row, || {
            let cold = move || place.ours(&format!("{arguments} --refresh"));
            Ok(Pair::new(cold, || place.guest.ssh_true()))
        });
    }
    let row = Row::new("status", "env kubernetes (cold)").ratio(1.1).pairs(PAIRS * 2);
    table.row(row, || Ok(Pair::new(|| place.ours("status"), || place.ours("env kubernetes --refresh"))));
    k3s(table);
}

/// Where others know how to get a kubeconfig too.
fn k3s(table: &mut Table) {
    let place = &LazyCell::new(|| Place::with("bench-k3s", &["--flavour", "k3s"]));
    let cold = || place.ours("env kubernetes --refresh");
    let row = |theirs| Row::new("env kubernetes (cold, k3s)", theirs).ratio(1.0).pairs(PAIRS * 2);
    table.row(row("k3sup get-config"), || {
        let k3sup = peer("SERVICE_MANAGER_K3SUP")?;
        Ok(Pair::new(cold, move || {
            let mut command = Command::new(&k3sup);
            command.args(["get-config", "--user", "vagrant", "--host", &place.guest.address(), "--ssh-key"]);
            command.arg(place.guest.key()).arg("--local-path").arg(place.home().join("theirs"));
            command
        }))
    });
    table.row(row("its steps in Go"), || {
        let get_config = peer("SERVICE_MANAGER_GET_CONFIG")?;
        let address = place.guest.address();
        Ok(Pair::new(cold, move || {
            let mut command = Command::new(&get_config);
            command.args([&address, "vagrant"]).arg(place.guest.key()).arg(place.home().join("theirs"));
            command
        }))
    });
}
