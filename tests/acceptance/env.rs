//! `service-manager env`

use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn prints_the_announced_exports() {
    let guest = Guest::kubeadm();
    for shell in SHELLS {
        User::of(&guest).types("service-manager env kubernetes").to(shell).stdout(ANNOUNCED).succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn kubectl_works_after_eval_in_every_shell() {
    let guest = Guest::kubeadm();
    for shell in SHELLS {
        let name = format!("from-{shell}");
        User::of(&guest)
            .types(format!(
                r#"eval "$(service-manager env kubernetes)" &&
                kubectl get namespace kube-system --output name &&
                kubectl delete configmap {name} --ignore-not-found >/dev/null &&
                kubectl create configmap {name} --from-literal=shell={shell} &&
                kubectl get configmap {name} --output 'jsonpath={{.data.shell}}'"#
            ))
            .to(shell)
            .stdout(&format!("namespace/kube-system\nconfigmap/{name} created\n{shell}"))
            .succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sets_tls_server_name_when_the_certificate_lacks_the_address() {
    let guest = Guest::nat();
    let user = User::of(&guest);
    user.types(KUBECTL).stdout("namespace/default\n").stderr(NAT_NOTE).succeeds();
    let kubeconfig = user.kubeconfig();
    assert_eq!(kubeconfig["clusters"][0]["cluster"]["tls-server-name"], "kubernetes");
    let server = format!("https://{}:6443", guest.address());
    assert_eq!(kubeconfig["clusters"][0]["cluster"]["server"], server.as_str());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn quiet_omits_notes() {
    User::of(&Guest::nat())
        .types("service-manager --quiet env kubernetes --script-readable")
        .stdout(READABLE)
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn omits_an_unneeded_tls_server_name() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    let cluster = &user.kubeconfig()["clusters"][0]["cluster"];
    assert!(cluster.get("tls-server-name").is_none());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn quotes_a_path_for_every_shell() {
    let guest = Guest::kubeadm();
    for shell in SHELLS {
        let user = User::of_at_home(&guest, "Dev's $HOME `x` \"y\" ü");
        let quoted = r"export KUBECONFIG='[..]/Dev'\''s $HOME `x` ";
        let announced = ANNOUNCED.replace("export KUBECONFIG=[MACHINE]/", &format!("{quoted}[..]/"));
        let announced = announced.replace("kubeconfig\n\n", "kubeconfig'\n\n");
        user.types("service-manager env kubernetes").to(shell).stdout(&announced).succeeds();
        user.types(KUBECTL).to(shell).stdout("namespace/default\n").succeeds();
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn without_a_service_exports_each_running_one_with_a_heading() {
    User::of(&Guest::kubeadm())
        .types("service-manager env")
        .stdout(
            "

            # docker env:
            # Set the following environment variables to enable access to the
            # docker daemon running inside of the vagrant virtual machine:
            export DOCKER_HOST=tcp://[ADDRESS]:2376
            export DOCKER_CERT_PATH=[MACHINE]/docker
            export DOCKER_TLS_VERIFY=1

            # kubernetes env:
            # Set the following environment variables to enable access to the
            # kubernetes server running inside of the vagrant virtual machine:
            export KUBECONFIG=[MACHINE]/kubernetes/kubeconfig

            # run following command to configure your shell:
            # eval \"$(service-manager env)\"
            ",
        )
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn script_readable_output_has_no_comments() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager env kubernetes --script-readable").stdout(READABLE).succeeds();
    user.types("service-manager env --script-readable")
        .stdout(&format!(
            "DOCKER_HOST=tcp://[ADDRESS]:2376\nDOCKER_CERT_PATH='[MACHINE]/docker'\nDOCKER_TLS_VERIFY=1\n{READABLE}"
        ))
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_eval_line_repeats_the_options() {
    let guest = Guest::kubeadm();
    let line = "service-manager env kubernetes --shell bash --ssh-config 'my box'";
    let user = User::near(&guest);
    std::fs::copy(guest.folder().join("ssh_config"), user.home().join("my box")).unwrap();
    user.types(line).stdout(&ANNOUNCED.replace("service-manager env kubernetes", line)).succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn writes_private_files() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("umask 0; service-manager env kubernetes").stdout(ANNOUNCED).succeeds();
    let folder = user.machine_folder();
    let folder = folder.file_name().unwrap().to_string_lossy();
    assert_eq!(
        user.files(),
        [
            "700 machines".to_owned(),
            format!("700 {folder}"),
            "600 known_hosts".to_owned(),
            "700 kubernetes".to_owned(),
            "600 kubeconfig".to_owned(),
            "600 lock".to_owned(),
            "600 machine.json".to_owned(),
            "600 services.json".to_owned(),
        ]
    );
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn verbose_shows_the_steps_without_secrets() {
    // That no secret is among them is looked at after every line that is typed.
    User::of(&Guest::kubeadm())
        .types("service-manager --verbose env kubernetes --script-readable")
        .stdout(READABLE)
        .stderr(
            "
            [..] ms  the services are not as they were, or not known
            [..] ms  logged in as vagrant@[ADDRESS]:22
            [..] ms  the guest answered; units: [..], files: [..]
            [..] ms  Kubernetes v[..] answers at https://[ADDRESS]:6443
            ",
        )
        .succeeds();
}

/// One that fails is no reason to go without the others.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn exports_the_services_that_work() {
    const EXPIRED: &str =
        "the client certificate in `/etc/kubernetes/admin.conf` of `[NAME]` expired on 2021-01-01";
    const MORE: &str = "hint: `service-manager doctor kubernetes` says more\n";
    let guest = Guest::own("kubeadm", "expired-client");
    guest.lays_out_docker("tls");
    User::of(&guest)
        .types(
            "eval \"$(service-manager env)\" && docker info --format '{{.Name}}' && echo ${KUBECONFIG-none}",
        )
        .stdout("[NAME]\nnone\n")
        .stderr(&format!(
            "warning: {EXPIRED}\nhint: in the machine: `sudo kubeadm certs renew all`[..]\n{MORE}"
        ))
        .succeeds();
    for line in ["service-manager env kubernetes docker", "service-manager kubeconfig"] {
        let failing = if line.contains("env") { "(exit 126)\n" } else { "" };
        User::of(&guest)
            .types(line)
            .stdout(failing)
            .stderr(&format!("error: {EXPIRED}\nhint: [..]\n{MORE}"))
            .fails(126);
    }
    guest.changes_back();
    User::of(&guest)
        .types("service-manager env")
        .stdout("(exit 126)\n")
        .stderr(&format!(
            "note: left out: docker is stopped in `[NAME]`\nerror: {EXPIRED}\nhint: [..]\n{MORE}"
        ))
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_path_that_is_not_utf_8() {
    User::of(&Guest::kubeadm())
        .types(r"SERVICE_MANAGER_HOME=$PWD/$'x\xff\xfe' service-manager env kubernetes")
        .stdout("(exit 1)\n")
        .stderr(
            "
            error: `[HOME]/x\u{fffd}\u{fffd}/machines/[..]/kubernetes/kubeconfig` cannot be written for every shell: it is not UTF-8
            hint: set SERVICE_MANAGER_HOME to a folder whose path is
            ",
        )
        .fails(1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn script_readable_output_escapes_a_quote_for_sh() {
    let guest = Guest::kubeadm();
    let user = User::of_at_home(&guest, "Dev's");
    user.types("service-manager env docker --script-readable >settings && . ./settings && echo \"$DOCKER_CERT_PATH\"")
        .stdout("[MACHINE]/docker\n")
        .succeeds();
}

#[test]
fn an_unknown_service_makes_eval_fail() {
    User::new()
        .types("service-manager env kubernets")
        .stdout("(exit 1)\n")
        .stderr(
            "
            error: there is no service `kubernets`
            hint: did you mean `kubernetes`?
            ",
        )
        .fails(1);
}

pub(crate) const SHELLS: [&str; 3] = ["dash", "bash", "zsh"];
/// Asks the cluster that `env` has just exported.
pub(crate) const KUBECTL: &str =
    r#"eval "$(service-manager env kubernetes)" && kubectl get namespace default --output name"#;
pub(crate) const READABLE: &str = "KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n";
pub(crate) const ANNOUNCED: &str = "
    # Set the following environment variables to enable access to the
    # kubernetes server running inside of the vagrant virtual machine:
    export KUBECONFIG=[MACHINE]/kubernetes/kubeconfig

    # run following command to configure your shell:
    # eval \"$(service-manager env kubernetes)\"
    ";
const NAT_NOTE: &str = "
    note: the certificate does not name [ADDRESS], so the kubeconfig says `tls-server-name: kubernetes`; kubectl before 1.18 and some other clients ignore that
    ";

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn dotenv_has_neither_quotes_nor_comments() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    user.types("service-manager env kubernetes -o dotenv")
        .stdout("KUBECONFIG=[MACHINE]/kubernetes/kubeconfig\n")
        .succeeds();
    user.types("service-manager env kubernetes --unset --output dotenv").stdout("KUBECONFIG=\n").succeeds();
    let odd = User::of_at_home(&guest, "it's");
    odd.types("service-manager env kubernetes -o dotenv")
        .stderr(
            "
            error: the value of KUBECONFIG cannot be written without quotes, as dotenv has it
            hint: set SERVICE_MANAGER_HOME to a folder whose path has no quotes, `#` or `$`, or use `--output json`
            ",
        )
        .fails(1);
}
