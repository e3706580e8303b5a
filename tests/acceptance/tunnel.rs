//! Tunnels: a guest of which nothing but SSH is reachable, as behind a NAT or in a cloud.

use std::fs;
use std::path::PathBuf;

use service_manager_test_support::{Guest, Port, User, until};

mod clients;
mod edges;
mod faults;
mod forward;
mod leftovers;
mod load;
mod publish;

pub(crate) use clients::IMAGE;

/// A guest whose firewall lets nobody in but to port 22, with Docker as `kind` has it.
pub(crate) fn behind_a_nat(kind: &str) -> Guest {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker(kind);
    guest.hides();
    guest
}

/// Has sshd behave otherwise.
pub(crate) fn sets_sshd(guest: &Guest, line: &str) {
    let path = "/etc/ssh/sshd_config.d/00-test.conf";
    let restart = "systemctl reset-failed ssh; systemctl restart ssh";
    guest.changes(&format!("echo '{line}' >{path}; {restart}"), &format!("rm --force {path}; {restart}"));
}

/// Kills the process that holds the only tunnel.
pub(crate) fn kill(user: &User) {
    for process in processes(user) {
        user.types(format!("kill -9 {process}")).succeeds();
        until("it has ended", || !PathBuf::from(format!("/proc/{process}")).exists() || is_zombie(process));
    }
}

fn is_zombie(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

/// The processes that hold tunnels of this user.
fn processes(user: &User) -> Vec<u32> {
    let home = format!("HOME={}", user.home().display());
    let all =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let holds = |process: &u32| {
        let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
        read("cmdline").contains("tunnel\0--serve\0")
            && read("environ").split('\0').any(|variable| variable == home)
    };
    all.filter(holds).collect()
}

/// Port 22 of `guest` as a NAT publishes it.
pub(crate) fn ssh_port_of(guest: &Guest) -> Port {
    Port::leading_to(format!("{}:22", guest.address()))
}

pub(crate) fn user_of<'g>(guest: &'g Guest, port: &Port) -> User<'g> {
    user_called("vagrant", guest, port)
}

fn user_called<'g>(name: &str, guest: &'g Guest, port: &Port) -> User<'g> {
    let user = User::near(guest);
    let number = port.to_string();
    let number = number.rsplit(':').next().unwrap();
    let config = format!(
        "Host {}\n  HostName 127.0.0.1\n  Port {number}\n  User {name}\n  IdentityFile {}/keys/ed25519\n  IdentitiesOnly yes\n",
        guest.name(),
        guest.folder().display()
    );
    let path = user.writes("ssh_config", &config);
    user.with("SERVICE_MANAGER_SSH_CONFIG", path.to_str().unwrap())
}

pub(crate) fn end(user: &User) {
    user.types("service-manager tunnel stop --all").succeeds();
    assert!(!run_folder(user).exists());
}

/// The folder of the only tunnel.
pub(crate) fn run_folder(user: &User) -> PathBuf {
    let folders = fs::read_dir(user.home().join(".local/state/service-manager/run"));
    let mut folders = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    folders.next().unwrap_or_else(|| user.home().join("none"))
}
