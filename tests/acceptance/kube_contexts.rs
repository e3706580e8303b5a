//! A Kubernetes of which a kubeconfig is the only sign, as kind and k3d leave it in the home of the user who logs in. Neither can be
//! run in the test guest, which has no containers of its own: a real API server that listens at a random port of the guest's loopback
//! alone stands in for what they publish, and the kubeconfig is laid out as kind writes it.

use crate::tunnel::sets_sshd;
use service_manager_test_support::{Guest, User};

const CONFIG: &str = "/home/vagrant/.kube/config";
/// As whom the shell's kubectl is known to the server.
const WHO: &str = "kubectl auth whoami -o 'jsonpath={.status.userInfo.username}'; echo";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_context_is_chosen_and_stays_so() {
    let guest = Guest::own("kind", "address");
    let user = User::of(&guest);
    let who = |options: &str| format!("eval \"$(service-manager -q env kubernetes{options})\" && {WHO}");
    user.types(who("")).stdout("kind-dev-admin\n").succeeds();
    user.types(who(" --context kind-other")).stdout("kind-other-admin\n").succeeds();
    // Whether the machine is asked or not.
    for options in ["", " --refresh", ""] {
        user.types(who(options)).stdout("kind-other-admin\n").succeeds();
    }
    let hooked = format!(
        "eval \"$(service-manager hook bash)\"; eval \"$(service-manager hook bash --now --timeout 5 2>/dev/null)\"; {WHO}"
    );
    user.types(hooked).stdout("kind-other-admin\n").succeeds();
    user.types(format!("service-manager -q exec kubernetes --context kind-dev -- bash -c \"{WHO}\""))
        .stdout("kind-dev-admin\n")
        .succeeds();
    user.types(who("")).stdout("kind-dev-admin\n").succeeds();
    // A look changes nothing.
    user.types("service-manager status kubernetes --context kind-other")
        .stdout("kubernetes - running\n")
        .succeeds();
    user.types(who("")).stdout("kind-dev-admin\n").succeeds();
    user.types(format!(
        "service-manager -q kubeconfig kubernetes --context kind-other --print >text && KUBECONFIG=text; export KUBECONFIG; {WHO}"
    ))
    .stdout("kind-other-admin\n")
    .succeeds();
    user.types(who("")).stdout("kind-other-admin\n").succeeds();
    // Nor does it go when what was found out is lost.
    for lost in ["", "{", "{\"program\":\"1.9.0\"}"] {
        std::fs::write(user.machine_folder().join("services.json"), lost).unwrap();
        user.types(who("")).stdout("kind-other-admin\n").succeeds();
    }
    std::fs::remove_file(user.machine_folder().join("services.json")).unwrap();
    user.types(who("")).stdout("kind-other-admin\n").succeeds();
    // The other context's user is not on this host.
    let kubeconfig = user.kubeconfig();
    for list in ["clusters", "users", "contexts"] {
        assert_eq!(kubeconfig[list].as_sequence().unwrap().len(), 1, "{list}");
    }
    user.types(who(" --context -")).stdout("kind-dev-admin\n").succeeds();
    user.types(who(" --refresh")).stdout("kind-dev-admin\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_wrong_context_gets_the_nearest() {
    let guest = Guest::own("kind", "address");
    let user = User::of(&guest);
    user.types("service-manager env kubernetes --context kind-othr --script-readable")
        .stderr(
            "error: `~/.kube/config` of `[NAME]` has no context `kind-othr`\n\
             hint: `service-manager env kubernetes --context kind-other`; it has kind-dev, kind-other\n",
        )
        .fails(126);
    user.types("service-manager env kubernetes --context '`id`'")
        .stdout("(exit 1)\n")
        .stderr("error: invalid value ``id`` for `--context <CONTEXT>`: not a valid name of a context ([..])\n\nFor more information, try `--help`.\n")
        .fails(1);
    user.types("service-manager env docker --context kind-dev --script-readable")
        .stderr("error: `--context` is not for docker\nhint: leave out `--context`\n")
        .fails(1);
    // What was chosen and is gone is not replaced by another cluster.
    user.types("service-manager -q env kubernetes --context kind-other --script-readable")
        .stdout("KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n")
        .succeeds();
    let without = guest.run(&format!("sed 's/kind-other/kind-others/' {CONFIG}"));
    guest.replaces(CONFIG, &without);
    user.types("service-manager env kubernetes --refresh --script-readable")
        .stderr(
            "error: `~/.kube/config` of `[NAME]` has no context `kind-other`\n\
             hint: `service-manager env kubernetes --context kind-others`; it has kind-dev, kind-others\n",
        )
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_current_context_that_is_not_there_is_named() {
    let guest = Guest::own("kind", "address");
    let gone = guest.run(&format!("sed 's/^current-context: .*/current-context: kind-gone/' {CONFIG}"));
    guest.replaces(CONFIG, &gone);
    let user = User::of(&guest);
    user.types("service-manager env kubernetes --script-readable")
        .stderr(
            "error: `~/.kube/config` of `[NAME]` has no context `kind-gone`\n\
             hint: `service-manager env kubernetes --context kind-[..]`; it has kind-dev, kind-other\n",
        )
        .fails(126);
    user.types("service-manager -q env kubernetes --context kind-other --script-readable")
        .stdout("KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n")
        .succeeds();
}

/// No such name is shown or typed; that it is there is said.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_context_whose_name_cannot_be_typed_is_not_called_absent() {
    let guest = Guest::own("kind", "address");
    let user = User::of(&guest);
    let config = guest.run(&format!("cat {CONFIG}"));
    let renamed = config.replace("name: kind-other", "name: größe");
    assert_ne!(renamed, config);
    guest.replaces(CONFIG, &renamed);
    user.types("service-manager env kubernetes --context kind-othr --script-readable")
        .stderr(
            "error: `~/.kube/config` of `[NAME]` has no context `kind-othr`\n\
             hint: `service-manager env kubernetes --context kind-dev`; it has kind-dev, and 1 with names that cannot be typed here\n",
        )
        .fails(126);
    let current = "current-context: ";
    let line = config.lines().find(|line| line.starts_with(current)).unwrap();
    guest.replaces(CONFIG, &renamed.replace(line, &format!("{current}größe")));
    let odd = "the current context of `~/.kube/config` of `[NAME]` has a name that cannot be typed here\n\
               hint: `service-manager env kubernetes --context kind-dev`\n";
    user.types("service-manager env kubernetes --script-readable")
        .stderr(&format!("error: {odd}"))
        .fails(126);
    user.types("service-manager status kubernetes")
        .stdout("kubernetes - not installed\n")
        .stderr(&format!("warning: {odd}"))
        .succeeds();
    let first = odd.lines().next().unwrap();
    user.types("service-manager env 2>&1 >/dev/null | grep 'left out: the'")
        .stdout(&format!("note: left out: {first}\n"))
        .succeeds();
    user.types("service-manager env kubernetes --context kind-dev --script-readable >out").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_of_contexts_are_completed() {
    let guest = Guest::own("kind", "address");
    let user = User::of(&guest);
    // A shell that does not quote what it puts on the line would execute these.
    let config = guest.run(&format!("cat {CONFIG}"));
    let more: String = ["kind-$(id)", "kind-;id", "kind- id", "kind-'", "kind-,id"]
        .iter()
        .map(|name| format!("- context:\n    cluster: kind-dev\n    user: kind-dev\n  name: \"{name}\"\n"))
        .collect();
    let with_more = config.replacen("\ncontexts:\n", &format!("\ncontexts:\n{more}"), 1);
    assert_ne!(with_more, config);
    guest.replaces(CONFIG, &with_more);
    user.types("service-manager -q env kubernetes --script-readable")
        .stdout("KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n")
        .succeeds();
    guest.changes("systemctl stop ssh", "systemctl start ssh");
    user.types(
        "service-manager completions fish -- 4 service-manager env kubernetes --context kind- | cut -f1",
    )
    .stdout("kind-dev\nkind-other\n")
    .succeeds();
    for shell in ["bash", "elvish", "powershell"] {
        user.types(format!(
            "service-manager completions {shell} -- 4 service-manager env kubernetes --context '' | cut -f1"
        ))
        .stdout("kind-dev\nkind-other\n")
        .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_cluster_elsewhere_is_none_of_the_machine() {
    let guest = Guest::own("kind", "address");
    let user = User::of(&guest);
    let config = guest.run(&format!("cat {CONFIG}"));
    let server = config.lines().find_map(|line| line.trim().strip_prefix("server: ")).unwrap().to_owned();
    guest.replaces(CONFIG, &config.replace(&server, "https://api.example.com:6443"));
    user.types("service-manager status kubernetes").stdout("kubernetes - not installed\n").succeeds();
    user.types("service-manager env kubernetes --script-readable")
        .stderr(
            "error: there is no kubernetes in `[NAME]`: the context `kind-dev` of its `~/.kube/config` leads to \
             api.example.com:6443, not to the machine itself\n\
             hint: `service-manager ssh -- kubectl get nodes` uses that cluster from in there\n",
        )
        .fails(126);
    // Another context may lead to the machine.
    let mixed = config.replace(
        "  name: kind-dev\ncontexts",
        "  name: kind-dev\n- cluster:\n    server: https://api.example.com/k8s\n  name: cloud\ncontexts",
    );
    let mixed =
        mixed.replacen("cluster: kind-dev\n    user: kind-dev", "cluster: cloud\n    user: kind-dev", 1);
    guest.replaces(CONFIG, &mixed);
    user.types("service-manager env kubernetes --script-readable")
        .stderr(
            "error: there is no kubernetes in `[NAME]`: the context `kind-dev` of its `~/.kube/config` leads to \
             another one, not to the machine itself\n\
             hint: `service-manager env kubernetes --context kind-other`\n",
        )
        .fails(126);
    user.types(format!("eval \"$(service-manager -q env kubernetes --context kind-other)\" && {WHO}"))
        .stdout("kind-other-admin\n")
        .succeeds();
    // Nothing is offered unasked, and nothing that asks for a program.
    guest.replaces(
        CONFIG,
        &config.replace(
            "user:\n    client-certificate-data",
            "user:\n    exec: {command: id}\n    client-certificate-data",
        ),
    );
    user.types("service-manager env kubernetes --context kind-dev --script-readable")
        .stderr(
            "error: the kubeconfig `~/.kube/config` in `[NAME]` is refused\n\
             caused by: its user wants to run a program on the host (`exec`)\n\
             hint: put one there whose user has a certificate, a token or a password: in the machine, \
             `kubectl --kubeconfig ~/.kube/config config view` shows it\n",
        )
        .fails(126);
    guest.replaces(
        CONFIG,
        "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: \"\"\nkind: Config\nusers: null\n",
    );
    let user = User::of(&guest);
    user.types("service-manager env kubernetes --script-readable")
        .stderr("error: there is no kubernetes in `[NAME]`\nhint: `service-manager status` shows what the machine has\n")
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn k3d_is_told_from_kind() {
    let guest = Guest::own("kind", "address");
    let user = User::of(&guest);
    // k3d writes the address that its server listens at.
    let config = guest.run(&format!("sed 's/kind-dev/k3d-dev/; s/127.0.0.1:/0.0.0.0:/' {CONFIG}"));
    guest.replaces(CONFIG, &config);
    user.types("service-manager status kubernetes --output json | jq -r '.services[0].flavour'")
        .stdout("k3d\n")
        .succeeds();
    user.types("service-manager stop kubernetes")
        .stderr(
            "error: nothing in `[NAME]` can stop kubernetes, as k3d has it\n\
             hint: in the machine: `k3d cluster stop dev`\n",
        )
        .fails(126);
    guest.replaces(CONFIG, &config.replace("k3d-dev", "$(id) dev"));
    guest.stops("guest-api");
    user.types("service-manager env kubernetes --script-readable")
        .stderr(
            "error: kubernetes is stopped in `[NAME]`\n\
             hint: in the machine, as it was set up: start the server of the context '$(id) dev' in ~/.kube/config\n",
        )
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_cannot_be_reached_is_not_called_stopped() {
    let guest = Guest::own("kind", "address");
    let user = User::of(&guest);
    user.types("service-manager --tunnel never env kubernetes --script-readable")
        .stderr(
            "error: kubernetes does not answer at any address of `[NAME]`: [..]\n\
             hint: it may be starting, listen on the machine's loopback only, or be behind a firewall that refuses \
             it: have `--tunnel auto` go through SSH\nhint: `service-manager doctor kubernetes` says more\n",
        )
        .fails(126);
    sets_sshd(&guest, "AllowTcpForwarding no");
    user.types("service-manager env kubernetes --script-readable")
        .stderr(
            "error: kubernetes does not answer at any address of `[NAME]`: [..]\n\
             hint: in the machine, `sudo sshd -T | grep -i -e allowtcp [..]` shows what sshd forbids\n\
             hint: `service-manager doctor kubernetes` says more\n",
        )
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_stopped_kubeadm_stays_one() {
    let guest = Guest::own("kubeadm", "address");
    guest.changes(
        "install -D -o vagrant -g vagrant -m 600 /etc/kubernetes/admin.conf /home/vagrant/.kube/config",
        "rm -rf /home/vagrant/.kube",
    );
    guest.stops("kubelet");
    let user = User::of(&guest);
    user.types("service-manager status kubernetes --output json | jq -r '.services[0] | .flavour, .state'")
        .stdout("kubeadm\nstopped\n")
        .succeeds();
    user.types("service-manager env kubernetes --context kubernetes-admin@kubernetes --script-readable")
        .stderr("error: `--context` is not for kubernetes as kubeadm has it\nhint: leave out `--context`\n")
        .fails(126);
}
