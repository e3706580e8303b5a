//! `env` without a service: what is left out, what the shell has from before, and the host's proxy.

use crate::doctor::kubelet_fails;
use service_manager_test_support::{Guest, User};

const DOCKER_IS_STOPPED: &str = "note: left out: docker is stopped in `[NAME]`\n";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn names_what_is_left_out_each_time() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("stopped");
    let user = User::of(&guest);
    let line = "eval \"$(service-manager env)\" && echo ${DOCKER_HOST-none}";
    for _ in 0..2 {
        user.types(line).stdout("none\n").stderr(DOCKER_IS_STOPPED).succeeds();
    }
    user.types("eval \"$(service-manager -q env)\"").succeeds();
    // What cannot be used from outside is remembered, and said all the same.
    guest.lays_out_docker("socket");
    for command in ["--tunnel never env", "--tunnel never env", "env --cached"] {
        user.types(format!("eval \"$(service-manager {command})\" && echo ${{DOCKER_HOST-none}}"))
            .stdout("none\n")
            .stderr("note: left out: docker in `[NAME]` only listens on its socket\n")
            .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn nothing_to_export_makes_eval_fail() {
    let guest = Guest::light();
    let user = User::of(&guest);
    let error = format!(
        "{DOCKER_IS_STOPPED}error: there is nothing to export of `[NAME]`\nhint: `service-manager start docker`\n"
    );
    user.types("service-manager env").stdout("(exit 126)\n").stderr(&error).fails(126);
    user.types("eval \"$(service-manager env)\" && echo 'uses another cluster'").stderr(&error).fails(126);
    user.types("service-manager env --output json").stderr(&error).fails(126);
    // A promise to scripts that are older.
    user.types("service-manager env --script-readable").stderr(DOCKER_IS_STOPPED).succeeds();
}

/// What to type about one that has failed stands with its note, and not a second time below the error.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_to_type_is_said_once() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("none");
    kubelet_fails(&guest);
    let user = User::of(&guest);
    for _ in 0..2 {
        user.types("service-manager env")
            .stdout("(exit 126)\n")
            .stderr(
                "
                note: left out: kubernetes is in a failed state in `[NAME]`
                hint: `service-manager start kubernetes`
                error: there is nothing to export of `[NAME]`
                hint: `service-manager doctor` says more
                ",
            )
            .fails(126);
    }
}

/// The second time no machine is asked.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn what_to_type_is_the_same_each_time() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("socket");
    guest.stops("kubelet");
    guest.changes("mv /etc/kubernetes /etc/away", "mv /etc/away /etc/kubernetes");
    let user = User::of(&guest);
    let typed = "service-manager --tunnel never env";
    let said = user.types(format!("{typed} 2>&1 >/dev/null; true")).run_freely();
    let hint = said.lines().last().unwrap();
    assert!(hint.starts_with("hint: ") && !hint.contains("`service-manager status`"), "{said}");
    user.types(typed).stdout("(exit 126)\n").stderr(&said).fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn removes_what_another_machine_has_set() {
    let guests = [Guest::own("kubeadm", "address"), Guest::kubeadm()];
    guests[0].lays_out_docker("tls");
    let user = User::near(&guests[0]);
    let env = |guest: &Guest| {
        format!("service-manager --ssh-config {} env", guest.folder().join("ssh_config").display())
    };
    let (first, other) = (env(&guests[0]), env(&guests[1]));
    let unset = |names: &str| format!("note: unset: {names}, which an earlier `env` has set for `[NAME]`\n");
    let shown = "echo ${DOCKER_API_VERSION-none} ${KUBECONFIG-none}";
    user.types(format!(
        "eval \"$({first} docker kubernetes --api-version)\"; eval \"$({other} docker)\"; {shown}"
    ))
    .stdout("none none\n")
    .stderr(&unset("DOCKER_API_VERSION, KUBECONFIG"))
    .succeeds();
    // Of the same machine, what another service needs stays.
    user.types(format!(
        "eval \"$({first} docker --api-version)\"; eval \"$({first} kubernetes)\"; {shown} | cut -d' ' -f1"
    ))
    .stdout("1.41\n")
    .succeeds();
    // Nothing of the user's own goes.
    user.types(format!(
        "eval \"$({first} docker --api-version)\"; export KUBECONFIG=/own DOCKER_API_VERSION=1.40; eval \"$({other} docker)\"; {shown}"
    ))
    .stdout("1.40 /own\n")
    .succeeds();
    user.types(format!(
        "export DOCKER_API_VERSION=1.41; eval \"$({other} kubernetes)\"; echo $DOCKER_API_VERSION"
    ))
    .stdout("1.41\n")
    .succeeds();
    // In each of these shells it is removed in its own way.
    for (shell, words) in [
        (
            "fish",
            format!(
                "{first} docker | source; {other} kubernetes 2>/dev/null | source; set -q DOCKER_HOST; or echo gone"
            ),
        ),
        (
            "tcsh",
            format!(
                "eval \"`{first} docker`\"; eval \"`{other} --quiet kubernetes`\"; printenv DOCKER_HOST || echo gone"
            ),
        ),
    ] {
        user.types(words).to(shell).stdout("gone\n").succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_proxy_of_the_host_is_said_and_kept_out_on_request() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest).with("HTTPS_PROXY", "http://127.0.0.1:9").with("no_proxy", "example.org");
    let note = "note: clients look for [ADDRESS] behind the proxy in HTTPS_PROXY; \
        `export no_proxy=example.org,[ADDRESS]` makes them go there directly, and so does `service-manager env --no-proxy`\n";
    let kubectl = "kubectl get namespace default -o name";
    user.types("service-manager env kubernetes --script-readable")
        .stdout("KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n")
        .stderr(note)
        .succeeds();
    // The line is good as it stands.
    user.types(format!(
        "line=$(service-manager env kubernetes 2>&1 >/dev/null | cut -d'`' -f2); eval \"$(service-manager -q env kubernetes)\"; eval \"$line\"; {kubectl}"
    ))
    .stdout("namespace/default\n")
    .succeeds();
    user.types(format!("eval \"$(service-manager env kubernetes --no-proxy)\"; {kubectl}; echo $no_proxy"))
        .stdout("namespace/default\nexample.org,[ADDRESS]\n")
        .succeeds();
    user.types(format!("export no_proxy='*'; eval \"$(service-manager env kubernetes)\"; {kubectl}"))
        .stdout("namespace/default\n")
        .succeeds();
}
