//! A machine of which nothing but SSH is reachable, as behind a NAT, and the real `docker` and `kubectl` for Windows.
//!
//! Wine does not keep two pipes of one name apart, and all of its users are one: that another user can neither open a tunnel's pipe
//! nor take its name is not tested here. The access list of the pipe is read back by the program itself, which would fail.

use std::fs;
use std::process::Command;

use service_manager_test_support::{Guest, Port};

use crate::wine::{WindowsUser, real_clients};

/// A guest behind a NAT, the port of its SSH server there, and a user who knows it and has real clients.
struct Nat {
    guest: Guest,
    user: WindowsUser,
    _port: Port,
}

impl Drop for Nat {
    fn drop(&mut self) {
        // A test that fails leaves nothing in the background either.
        self.user.ends_its_tunnels();
    }
}

fn behind_a_nat() -> Nat {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("socket");
    guest.hides();
    let port = Port::leading_to(format!("{}:22", guest.address()));
    let user = WindowsUser::new();
    let config = user.knows_at(&guest, &port.to_string());
    for client in ["docker.exe", "kubectl.exe"] {
        user.writes(client, fs::read(real_clients().join(client)).unwrap());
    }
    Nat { guest, user: user.with("SERVICE_MANAGER_SSH_CONFIG", &config), _port: port }
}

/// Evaluates what `env` prints, as its hint says.
fn env(service: &str) -> String {
    format!("@FOR /F \"tokens=*\" %%i IN ('service-manager --quiet env {service}') DO @%%i\n")
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn docker_and_kubectl_work_where_nothing_but_ssh_is_reachable() {
    let nat = behind_a_nat();
    let Nat { guest, user, .. } = &nat;
    // That cmd goes on shows that the tunnel holds nothing of what it reads.
    let docker = env("docker");
    user.types(&format!(
        "set DOCKER_TLS_VERIFY=1\n{docker}echo %DOCKER_HOST%\nif not defined DOCKER_TLS_VERIFY echo gone\n\
         docker.exe info --format {{{{.Name}}}}"
    ))
    .succeeds()
    .says("npipe:////./pipe/service-manager-")
    .says(&format!("\ngone\n{}\n", guest.run("hostname").trim()));
    let kubernetes = env("kubernetes");
    user.types(&format!("{kubernetes}kubectl.exe get namespace default --output name"))
        .succeeds()
        .says("namespace/default");
    user.types("service-manager tunnel").succeeds().says("docker.sock").says("127.0.0.1:2");
    user.types("service-manager --quiet env docker --output json").succeeds().says("\"via\":\"ssh\"");
    user.types("service-manager tunnel stop").succeeds();
    user.types("service-manager tunnel").succeeds().complains("there is no tunnel");
    user.types(&format!("{docker}service-manager tunnel stop\ndocker.exe info"))
        .fails(1)
        .complains("service-manager-");
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn what_is_sent_into_a_container_arrives_to_its_end() {
    let nat = behind_a_nat();
    let Nat { guest, user, .. } = &nat;
    let image = Command::new("sh").args(["-c", IMAGE]).output().unwrap();
    user.writes("image.tar", image.stdout);
    let data = b"hello\n".repeat(500_000);
    user.writes("data", &data);
    let docker = env("docker");
    user.types(&format!(
        "{docker}docker.exe import --platform linux/amd64 - windows-test <image.tar >id\n\
         docker.exe run --rm -i --network none windows-test /bin/busybox cat <data >copy\n\
         docker.exe run --rm -i --network none windows-test /bin/busybox wc -c <data"
    ))
    .succeeds()
    .says("3000000");
    assert_eq!(fs::read(user.folder().join("copy")).unwrap(), data);
    user.types("service-manager tunnel stop").succeeds();
    guest.run("docker rmi --force windows-test >/dev/null");
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn commands_that_change_nothing_leave_no_tunnel() {
    let nat = behind_a_nat();
    let user = &nat.user;
    user.types("service-manager status").succeeds().says("docker - running").says("kubernetes - running");
    user.types("service-manager tunnel").succeeds().complains("there is no tunnel");
    let docker = user.path("docker.exe");
    user.types(&format!("service-manager exec docker -- {docker} version --format {{{{.Server.Os}}}}"))
        .succeeds()
        .says("linux");
    user.types("service-manager machines forget box").succeeds();
    user.types("service-manager tunnel").succeeds().complains("there is no tunnel");
}

/// Writes a file system with a program in it, as an archive.
const IMAGE: &str = "tar --create --dereference --directory=/ bin/busybox \
    $(ldd /bin/busybox | grep --only-matching '/lib[^ ]*' | cut --characters=2-)";
