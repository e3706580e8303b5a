//! `service-manager box ip` and `service-manager box version`

use crate::malicious_guest::lies;
use service_manager_test_support::{Guest, Port, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn prints_the_address_alone() {
    User::of(&Guest::light()).types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn never_prints_the_nat_address() {
    User::of(&Guest::nat()).types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn script_readable_ip_is_a_variable() {
    User::of(&Guest::light())
        .types("service-manager box ip --script-readable")
        .stdout("IP=[ADDRESS]\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn prints_the_system_and_its_version() {
    User::of(&Guest::light())
        .types("service-manager box version")
        .stdout("Debian GNU/Linux 12 (bookworm)\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn script_readable_version_is_variables() {
    User::of(&Guest::light())
        .types("service-manager box version --script-readable")
        .stdout("NAME=\"Debian GNU/Linux\"\nID=\"debian\"\nVERSION_ID=\"12\"\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_a_product_by_its_variant() {
    let guest = Guest::own("kubeadm", "address");
    guest.replaces(
        "/usr/lib/os-release",
        "NAME=\"CentOS Linux\"\nVARIANT=\"Atomic Developer Bundle (ADB)\"\nVARIANT_ID=\"adb\"\nVARIANT_VERSION=\"2.2.0\"\n",
    );
    let user = User::of(&guest);
    user.types("service-manager box version").stdout("Atomic Developer Bundle (ADB) 2.2.0\n").succeeds();
    user.types("service-manager box version --script-readable")
        .stdout("VARIANT=\"Atomic Developer Bundle (ADB)\"\nVARIANT_ID=\"adb\"\nVARIANT_VERSION=\"2.2.0\"\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn ignores_a_variant_without_a_version() {
    let guest = Guest::own("kubeadm", "address");
    guest.replaces(
        "/usr/lib/os-release",
        "NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=43\nPRETTY_NAME=\"Fedora Linux 43 (Server Edition)\"\nVARIANT=\"Server Edition\"\nVARIANT_ID=server\n",
    );
    let user = User::of(&guest);
    user.types("service-manager box version").stdout("Fedora Linux 43 (Server Edition)\n").succeeds();
    user.types("service-manager box version --script-readable")
        .stdout("NAME=\"Fedora Linux\"\nID=\"fedora\"\nVERSION_ID=\"43\"\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn script_readable_version_omits_values_that_a_shell_would_expand() {
    let guest = Guest::own("kubeadm", "address");
    guest.replaces(
        "/usr/lib/os-release",
        "NAME=\"Pop!_OS\"\nVERSION=\"22.04 LTS\"\nID=pop\nPRETTY_NAME=\"Pop!_OS 22.04\"\nVERSION_ID=\"22.04\"\n",
    );
    let user = User::of(&guest);
    user.types("service-manager box version").stdout("Pop!_OS 22.04\n").succeeds();
    user.types("service-manager box version --script-readable")
        .stdout("ID=\"pop\"\nVERSION_ID=\"22.04\"\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn lists_all_addresses_best_first() {
    let guest = Guest::nat();
    let user = User::of(&guest);
    user.types("service-manager box ip --all").stdout("[ADDRESS]\n10.0.2.15\n").succeeds();
    user.types("service-manager box ip --all --script-readable")
        .stdout("IP=[ADDRESS]\nIPS=[ADDRESS],10.0.2.15\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn finds_an_answering_address_behind_a_forwarded_port() {
    let guest = Guest::nat();
    let port = Port::leading_to(format!("{}:22", guest.address()));
    let key = guest.folder().join("keys/ed25519");
    User::near(&guest)
        .types(format!("service-manager --host vagrant@{port} -i {} box ip --output json", key.display()))
        .stdout(
            "{\"version\":1,\"machine\":\"127.0.0.1\",\"addresses\":[\
             {\"address\":\"[ADDRESS]\",\"reachable\":true},{\"address\":\"10.0.2.15\",\"reachable\":false}]}\n",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn marks_an_unreached_address_as_a_guess() {
    let guest = Guest::own("kubeadm", "address");
    let port = Port::leading_to(format!("{}:22", guest.address()));
    let key = guest.folder().join("keys/ed25519");
    lies(&guest, "begin; frame addresses '2: eth0 inet 192.0.2.1/24'; end");
    User::near(&guest)
        .types(format!("service-manager --host vagrant@{port} -i {} box ip", key.display()))
        .stdout("192.0.2.1\n")
        .stderr("note: 192.0.2.1 is a guess: the machine's SSH server answers at none of its addresses\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_ssh_server_of_another_machine_makes_no_address_reachable() {
    let (guest, other) = (Guest::own("kubeadm", "address"), Guest::light());
    let port = Port::leading_to(format!("{}:22", guest.address()));
    let key = guest.folder().join("keys/ed25519");
    let (own, others) = (guest.address(), other.address());
    lies(&guest, &format!("begin; frame addresses '2: eth0 inet {others}/24\n3: eth1 inet {own}/24'; end"));
    let user = User::near(&guest);
    user.types(format!("service-manager --host vagrant@{port} -i {} box ip --all --output json", key.display()))
        .stdout(&format!(
            "{{\"version\":1,\"machine\":\"127.0.0.1\",\"addresses\":[\
             {{\"address\":\"{own}\",\"reachable\":true}},{{\"address\":\"{others}\",\"reachable\":false}}]}}\n"
        ))
        .succeeds();
}
