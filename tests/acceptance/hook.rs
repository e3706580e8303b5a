//! `hook`: exports that follow the user from folder to folder.

use crate::cached_env::logs_in;
use service_manager_test_support::{Guest, Project, User};

/// Each shell with a hook: how a session is started, how the hook gets into it, and how a variable is shown. What goes
/// on at a terminal shows prompts on standard error.
const SHELLS: [(&str, &str, &str); 5] = [
    ("bash --norc -i 2>/dev/null", "eval \"$(service-manager hook bash)\"", "echo \"${KUBECONFIG-none}\""),
    ("zsh -f", "eval \"$(service-manager hook zsh)\"", "echo \"${KUBECONFIG-none}\""),
    (
        "fish --no-config",
        "service-manager hook fish | source",
        "echo (set -q KUBECONFIG; and echo $KUBECONFIG; or echo none)",
    ),
    ("tcsh -f", "eval \"`service-manager hook tcsh`\"", "printenv KUBECONFIG || echo none"),
    (
        "elvish -norc 2>/dev/null",
        "eval (service-manager hook elvish | slurp)",
        "if (has-env KUBECONFIG) { echo $E:KUBECONFIG } else { echo none }",
    ),
];

/// A line that types `lines` into a session of a shell.
fn session(start: &str, lines: &[&str]) -> String {
    format!("{start} <<'END'\n{}\nEND\n", lines.join("\n"))
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sets_and_removes_exports_with_the_project() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.writes("below/file", "");
    project.types("service-manager env kubernetes >/dev/null").succeeds();
    for (start, hook, show) in SHELLS {
        let lines = [hook, show, "cd project", show, "cd below", show, "cd ../..", show];
        let set = "[MACHINE]/kubernetes/kubeconfig\n";
        logs_in(0, &guest, || {
            project.starts(0, || {
                user.types(session(start, &lines)).stdout(&format!("none\n{set}{set}none\n")).succeeds();
            });
        });
        // A session that begins inside, with a kubeconfig of the user's own.
        let line = format!("export KUBECONFIG='/my own'; {}", session(start, &[hook, show, "cd /", show]));
        project.types(&line).stdout(&format!("{set}/my own\n")).succeeds();
    }
}

/// Docker would talk TLS to a socket, too.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn takes_away_what_a_socket_must_not_have() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("socket");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager env docker >/dev/null").succeeds();
    let show = "echo ${DOCKER_TLS_VERIFY-gone} ${DOCKER_CERT_PATH-gone}";
    let lines = [
        "eval \"$(service-manager hook bash)\"",
        show,
        "cd project",
        show,
        "docker info --format '{{.Name}}'",
        "cd ..",
        show,
    ];
    user.types(format!(
        "export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/mine; {}",
        session(SHELLS[0].0, &lines)
    ))
    .stdout("1 /mine\ngone gone\n[NAME]\n1 /mine\n")
    .succeeds();
    user.types("service-manager tunnel stop --all").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn switches_between_projects() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    let other = Project::fake(&user, "other", &guest);
    for project in [&project, &other] {
        project.types("service-manager env kubernetes >/dev/null").succeeds();
    }
    let folders: Vec<_> = user.machine_folders();
    assert_eq!(folders.len(), 2);
    let lines = [
        "eval \"$(service-manager hook zsh)\"",
        "cd project",
        "a=$KUBECONFIG",
        "cd ../other",
        "b=$KUBECONFIG",
        "[ $a != $b ] && for file in $a $b; do kubectl --kubeconfig $file get namespace default -o name; done",
        "cd ..",
        "echo ${KUBECONFIG-none}",
    ];
    user.types(session("zsh -f", &lines)).stdout("namespace/default\nnamespace/default\nnone\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn entering_a_folder_starts_neither_ssh_nor_vagrant() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    // Its machine was never used.
    let lines = ["eval \"$(service-manager hook zsh)\"", "cd project", "echo ${KUBECONFIG-none}"];
    logs_in(0, &guest, || {
        project.starts(0, || {
            user.types(session("zsh -f", &lines)).stdout("none\n").succeeds();
        });
    });
    assert!(user.machine_folders().is_empty());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn does_not_export_stale_state() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.writes("below/file", "");
    project.types("service-manager env kubernetes >/dev/null").succeeds();
    guest.stops("kubelet");
    let show = "echo ${KUBECONFIG-none}";
    let lines = ["eval \"$(service-manager hook zsh)\"", "cd project", show, "cd below", show];
    let note = "note: `default` is not as it was; `service-manager env` asks it\n";
    logs_in(0, &guest, || {
        user.types(session("zsh -f", &lines)).stdout("none\nnone\n").stderr(note).succeeds();
    });
    guest.changes_back();
    let again = ["eval \"$(service-manager hook zsh)\"", "cd project", KUBECTL];
    user.types(session("zsh -f", &again)).stdout("namespace/default\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_stopped_service_leaves_the_other_exports() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager env >/dev/null").succeeds();
    let lines = ["eval \"$(service-manager hook zsh)\"", "cd project", "echo ${DOCKER_HOST-none}", KUBECTL];
    let session = || user.types(session("zsh -f", &lines));
    session().stdout("tcp://[ADDRESS]:2376\nnamespace/default\n").succeeds();
    guest.lays_out_docker("stopped");
    session().stdout("none\nnamespace/default\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn exports_no_docker_host_for_vagrants_docker_provider() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("mv .vagrant/machines/default/fake .vagrant/machines/default/docker").succeeds();
    project.types("service-manager env >/dev/null").succeeds();
    let lines = ["eval \"$(service-manager hook zsh)\"", "cd project", "echo ${DOCKER_HOST-none}", KUBECTL];
    user.types(session("zsh -f", &lines)).stdout("none\nnamespace/default\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn direnv_exports_a_machine() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    user.writes(".config/direnv/direnvrc", "eval \"$(service-manager hook direnv)\"\n");
    project.writes(".envrc", "use service_manager kubernetes\n");
    let session = |lines: &str| project.types(&format!("direnv allow; export DIRENV_LOG_FORMAT=; {lines}"));
    let shows = "direnv exec . sh -c 'echo ${KUBECONFIG-none}'";
    // It was not used yet: direnv looks again as soon as it is.
    session(&format!("{shows}; eval \"$(direnv export bash)\"; service-manager -q env kubernetes >/dev/null; eval \"$(direnv export bash)\"; {KUBECTL}"))
        .stdout("none\nnamespace/default\n")
        .stderr("warning: [..]\nhint: [..]\nwarning: [..]\nhint: [..]\n")
        .succeeds();
    logs_in(0, &guest, || {
        session(&format!("direnv exec . {KUBECTL}")).stdout("namespace/default\n").succeeds();
    });
}

#[test]
fn a_misspelt_service_makes_eval_fail() {
    User::new()
        .types("set -e; eval \"$(service-manager hook bash kubernets)\"; echo still here")
        .stderr("error: [..]\nhint: did you mean `kubernetes`?\n")
        .fails(126);
}

#[test]
fn refuses_a_shell_without_a_hook() {
    User::new()
        .types("service-manager hook xonsh >/dev/null")
        .stderr("error: invalid value 'xonsh' for '<SHELL>'\n  [possible values: bash, zsh, fish, tcsh, elvish, direnv]\n\nFor more information, try '--help'.\n")
        .fails(1);
}

const KUBECTL: &str = "kubectl get namespace default -o name";
