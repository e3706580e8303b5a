//! `hook`: exports that follow the user from folder to folder.

use crate::cached_env::logs_in;
use service_manager_test_support::{Guest, Project, User};

/// Each shell with a hook, which has some time on a busy host: how a session is started, how the hook gets into it, and how a variable is shown. What goes
/// on at a terminal shows prompts on standard error.
const SHELLS: [(&str, &str, &str); 5] = [
    (
        "bash --norc -i 2>/dev/null",
        "eval \"$(service-manager hook bash --timeout 10)\"",
        "echo \"${KUBECONFIG-none}\"",
    ),
    ("zsh -f", "eval \"$(service-manager hook zsh --timeout 10)\"", "echo \"${KUBECONFIG-none}\""),
    (
        "fish --no-config",
        "service-manager hook fish --timeout 10 | source",
        "echo (set -q KUBECONFIG; and echo $KUBECONFIG; or echo none)",
    ),
    ("tcsh -f", "eval \"`service-manager hook tcsh --timeout 10`\"", "printenv KUBECONFIG || echo none"),
    (
        "elvish -norc 2>/dev/null",
        "eval (service-manager hook elvish --timeout 10 | slurp)",
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
                let told = if start.contains("2>") {
                    ""
                } else {
                    "note: set KUBECONFIG for `default`\nnote: unset KUBECONFIG\n"
                };
                user.types(session(start, &lines))
                    .stdout(&format!("none\n{set}{set}none\n"))
                    .stderr(told)
                    .succeeds();
            });
        });
        // A session that begins inside, with a kubeconfig of the user's own.
        let line = format!("export KUBECONFIG='/my own'; {}", session(start, &[hook, show, "cd /", show]));
        let told = if start.contains("2>") {
            ""
        } else {
            "note: set KUBECONFIG for `default`\nnote: set KUBECONFIG\n"
        };
        project.types(&line).stdout(&format!("{set}/my own\n")).stderr(told).succeeds();
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
        "eval \"$(service-manager hook zsh --timeout 10)\"",
        "cd project",
        "a=$KUBECONFIG",
        "cd ../other",
        "b=$KUBECONFIG",
        "[ $a != $b ] && for file in $a $b; do kubectl --kubeconfig $file get namespace default -o name; done",
        "cd ..",
        "echo ${KUBECONFIG-none}",
    ];
    user.types(session("zsh -f", &lines))
        .stdout("namespace/default\nnamespace/default\nnone\n")
        .stderr("note: set KUBECONFIG for `default`\nnote: set KUBECONFIG for `default`\nnote: unset KUBECONFIG\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn entering_a_folder_starts_neither_ssh_nor_vagrant() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    // Its machine was never used.
    let lines =
        ["eval \"$(service-manager hook zsh --timeout 10)\"", "cd project", "echo ${KUBECONFIG-none}"];
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
    let lines = ["eval \"$(service-manager hook zsh --timeout 10)\"", "cd project", show, "cd below", show];
    let note = "note: `default` is not as it was; `service-manager env` asks it\n";
    logs_in(0, &guest, || {
        user.types(session("zsh -f", &lines)).stdout("none\nnone\n").stderr(note).succeeds();
    });
    guest.changes_back();
    let again = ["eval \"$(service-manager hook zsh --timeout 10)\"", "cd project", KUBECTL];
    let set = "note: set KUBECONFIG for `default`\n";
    user.types(session("zsh -f", &again)).stdout("namespace/default\n").stderr(set).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_stopped_service_leaves_the_other_exports() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager env >/dev/null").succeeds();
    let lines = [
        "eval \"$(service-manager hook zsh --timeout 10)\"",
        "cd project",
        "echo ${DOCKER_HOST-none}",
        KUBECTL,
    ];
    let session = || user.types(session("zsh -f", &lines));
    session()
        .stdout("tcp://[ADDRESS]:2376\nnamespace/default\n")
        .stderr("note: set DOCKER_HOST, DOCKER_CERT_PATH, DOCKER_TLS_VERIFY, KUBECONFIG for `default`\n")
        .succeeds();
    guest.lays_out_docker("stopped");
    session().stdout("none\nnamespace/default\n").stderr("note: set KUBECONFIG for `default`\n").succeeds();
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
    let lines = [
        "eval \"$(service-manager hook zsh --timeout 10)\"",
        "cd project",
        "echo ${DOCKER_HOST-none}",
        KUBECTL,
    ];
    user.types(session("zsh -f", &lines))
        .stdout("none\nnamespace/default\n")
        .stderr("note: set KUBECONFIG for `default`\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn direnv_exports_a_machine() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    user.writes(".config/direnv/direnvrc", "eval \"$(service-manager hook direnv --timeout 10)\"\n");
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
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn notices_at_the_next_prompt_what_was_found_out_since() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager env kubernetes >/dev/null").succeeds();
    let lines = [
        "eval \"$(service-manager hook bash --timeout 10)\"",
        "cd project",
        "echo ${DOCKER_HOST-none}",
        "service-manager env docker >/dev/null",
        "echo ${DOCKER_HOST-none}",
    ];
    user.types(session("bash --norc -i 2>log", &lines)).stdout("none\ntcp://[ADDRESS]:2376\n").succeeds();
    user.types("grep --only-matching 'note: set.*' log")
        .stdout(
            "
            note: set KUBECONFIG for `default`
            note: set DOCKER_HOST, DOCKER_CERT_PATH, DOCKER_TLS_VERIFY for `default`
            ",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_service_that_was_started_is_there_at_the_next_prompt() {
    let guest = Guest::own("kubeadm", "address");
    guest.lays_out_docker("tls");
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager -q stop docker >/dev/null").succeeds();
    project.types("service-manager -q env >/dev/null").succeeds();
    let lines = [
        "eval \"$(service-manager hook bash --timeout 10)\"",
        "cd project",
        "echo ${DOCKER_HOST-none}",
        "service-manager -q start docker >/dev/null",
        "echo ${DOCKER_HOST-none}",
    ];
    user.types(session("bash --norc -i 2>log", &lines)).stdout("none\ntcp://[ADDRESS]:2376\n").succeeds();
}

#[test]
fn an_exported_prompt_command_breaks_no_child() {
    let lines = [
        "PROMPT_COMMAND='echo \"ended with $?\" >>seen'",
        "eval \"$(service-manager hook bash)\"",
        "export PROMPT_COMMAND",
        "bash --norc -i 2>child-log <<<'false'",
        "(exit 7)",
    ];
    let user = User::new();
    user.types(session("bash --norc -i 2>log", &lines)).fails(7);
    user.types("grep 'not found' log child-log || echo 'nothing is missing'; grep --count 'with 1' seen; grep --count 'with 7' seen")
        .stdout("nothing is missing\n2\n1\n")
        .succeeds();
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
        .stderr("error: invalid value `xonsh` for `<SHELL>`\n  [possible values: bash, zsh, fish, tcsh, elvish, powershell, direnv]\n\n  hint: `service-manager env --shell xonsh` prints the variables for it\n\nFor more information, try `--help`.\n")
        .fails(1);
    // It is not `zsh`, misspelt.
    User::new()
        .types("service-manager hook ksh 2>&1 >/dev/null | grep hint")
        .stdout("  hint: `service-manager env --shell ksh` prints the variables for it\n")
        .succeeds();
    User::new().types("service-manager completions ksh 2>&1 | grep --count hint").stdout("0\n").fails(1);
}

const KUBECTL: &str = "kubectl get namespace default -o name";
