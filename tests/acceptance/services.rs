//! `service-manager services`, and service files of the user's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::env::KUBECTL;
use service_manager_test_support::publisher::{Publisher, sha256};
use service_manager_test_support::{Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn adds_a_flavour_with_yaml() {
    let guest = Guest::own("k3s", "address");
    guest.changes(
        "mkdir /opt/acme; mv /etc/rancher/k3s/k3s.yaml /opt/acme/admin.yaml",
        "mv /opt/acme/admin.yaml /etc/rancher/k3s/k3s.yaml; rmdir /opt/acme",
    );
    let user = User::of(&guest);
    user.types("service-manager status kubernetes")
        .stdout("kubernetes - running\n")
        .stderr(
            "
            warning: `[NAME]` has no `/etc/rancher/k3s/k3s.yaml`, which kubernetes (k3s) should have
            hint: in the machine: `sudo ls -l /etc/rancher/k3s/k3s.yaml`
            ",
        )
        .succeeds();

    user.writes(&in_config("acme.yaml"), documented()[0]);
    user.types("service-manager services validate")
        .stdout("[HOME]/.config/service-manager/services/acme.yaml: valid\n")
        .succeeds();
    user.types("service-manager status kubernetes").stdout("kubernetes - running\n").succeeds();
    user.types(KUBECTL).stdout("namespace/default\n").succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn adds_a_service_with_yaml() {
    let guest = Guest::own("k3s", "address");
    let user = User::of(&guest);
    let mine = user
        .types("service-manager services show kubernetes")
        .to("bash")
        .stdout(include_str!("../../services/kubernetes.yaml"))
        .succeeds()
        .stdout
        .replace("name: kubernetes\ntitle: Kubernetes", "name: mine\ntitle: Mine")
        .replace("name: KUBECONFIG", "name: MINE");
    user.writes(&in_config("mine.yaml"), &mine);
    user.types(
        r#"eval "$(service-manager env mine)" && kubectl --kubeconfig "$MINE" get namespace default -o name"#,
    )
    .stdout("namespace/default\n")
    .succeeds();
    user.types("service-manager status mine").stdout("mine - running\n").succeeds();
}

#[test]
fn check_shows_every_mistake_at_once() {
    let user = User::new();
    user.writes(&in_config("acme.yaml"), BROKEN);
    let mistakes = |before: &str| {
        MISTAKES.map(|mistake| format!("{before}[HOME]/{}:{mistake}\n", in_config("acme.yaml"))).concat()
    };
    user.types("service-manager services validate")
        .stdout(&mistakes(""))
        .stderr("error: 1 of 1 service files is not valid\n")
        .fails(1);
    let refused = format!(
        "error: the service files have 5 mistakes\n{}hint: correct them, until `service-manager services \
         validate` finds none\n",
        mistakes("caused by: ")
    );
    user.types("service-manager env --shell bash").stdout("(exit 1)\n").stderr(&refused).fails(1);
    user.types("service-manager status").stderr(&refused).fails(1);
    user.types("service-manager services list").stderr(&refused).fails(1);
    // What needs no services works.
    user.types("service-manager --quiet machines").succeeds();
    user.types("service-manager services schema")
        .stdout(include_str!("../../services/schema.json"))
        .succeeds();
}

#[test]
fn checks_a_file_anywhere() {
    let user = User::new();
    user.writes("right.yaml", documented()[1]);
    user.writes("wrong.yaml", "name: kubernetes\nunits: [\"k3s; id\"]\nflavours:\n\t- a\n");
    user.types("service-manager services validate right.yaml wrong.yaml none.yaml")
        .stdout(
            "
            right.yaml: valid
            wrong.yaml:4:[..]: not YAML: [..]
            none.yaml: could not be read: there is none
            ",
        )
        .stderr("error: 2 of 3 service files are not valid\n")
        .fails(1);
    user.types("service-manager services validate")
        .stderr("note: no service files in [HOME]/.config/service-manager/services\n")
        .succeeds();
}

#[test]
fn refuses_a_file_that_others_can_write() {
    let user = User::new();
    let path = user.writes(&in_config("acme.yaml"), documented()[0]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    user.types("service-manager services list")
        .stderr(
            "
            error: the service files have 1 mistake
            caused by: [HOME]/.config/service-manager/services/acme.yaml: others than you can write it; `chmod go-w [HOME]/.config/service-manager/services/acme.yaml`, if it is yours
            hint: correct them, until `service-manager services validate` finds none
            ",
        )
        .fails(1);
    user.types("chmod go-w .config/service-manager/services/acme.yaml; service-manager services validate")
        .stdout("[HOME]/.config/service-manager/services/acme.yaml: valid\n")
        .succeeds();

    user.types("chmod 777 .config; service-manager services list")
        .stderr(
            "
            error: the service files have 1 mistake
            caused by: [HOME]/.config: others than you can write it; `chmod go-w [HOME]/.config`, if it is yours
            hint: correct them, until `service-manager services validate` finds none
            ",
        )
        .fails(1);
}

#[test]
fn list_shows_the_origin_of_each_service() {
    let user = User::new().with("SERVICE_MANAGER_HOME", "kept");
    user.writes("kept/services/acme.yaml", documented()[0]);
    user.writes("kept/services/charts.yml", documented()[1]);
    user.types("service-manager services list")
        .stdout(
            "
            docker\tDocker\tdocker\t[..],socket,[..]\tbuilt in
            openshift\tOpenShift\toc\t[..]\tbuilt in
            kubernetes\tKubernetes\tkubectl\tacme,[..],k3s,[..]\tbuilt in,[HOME]/kept/services/acme.yaml
            registry\tRegistry\t-\tdocker-registry,[..],microk8s\tbuilt in
            crictl\tcrictl\tcrictl\t-\tbuilt in
            docker-buildx\tDocker Buildx\tdocker-buildx\t-\tbuilt in
            docker-compose\tDocker Compose\tdocker-compose\t-\tbuilt in
            helm\tHelm\thelm\t-\tbuilt in
            kubelogin\tkubelogin\tkubectl-oidc_login\t-\tbuilt in
            odo\todo\todo\t-\tbuilt in
            podman-remote\tPodman (remote)\tpodman-remote\t-\tbuilt in
            charts\tCharts\t-\tk3s\t[HOME]/kept/services/charts.yml
            ",
        )
        .succeeds();
    user.types("service-manager services list --output json > list.json").succeeds();
    let written = fs::read(user.home().join("list.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(json["version"], 1);
    let charts = json["services"].as_array().unwrap().last().unwrap();
    assert_eq!(charts["name"], "charts");
    assert_eq!(charts["built_in"], false);
    assert_eq!(charts["flavours"], serde_json::json!(["k3s"]));
    assert_eq!(charts["files"], serde_json::json!([user.home().join("kept/services/charts.yml")]));
}

#[test]
fn show_prints_a_valid_service_file() {
    let user = User::new();
    user.writes(&in_config("acme.yaml"), documented()[0]);
    user.types(
        "service-manager services show kubernetes > shown.yaml; service-manager services validate shown.yaml",
    )
    .stdout("shown.yaml: valid\n")
    .succeeds();
    let shown = fs::read_to_string(user.home().join("shown.yaml")).unwrap();
    assert!(shown.contains("name: \"acme\"") && shown.contains("name: \"k3s\""), "{shown}");

    user.types("service-manager services show kubernets")
        .stderr(
            "
            error: there is no service `kubernets`
            hint: did you mean `kubernetes`?
            ",
        )
        .fails(126);
}

#[test]
fn adds_a_client_with_yaml() {
    let publisher = Publisher::start();
    let url = "https://github.com/kubernetes-sigs/kind/releases/download/v0.24.0/kind-linux-amd64";
    let program = "#!/bin/sh\necho kind\n";
    publisher.offers(url, program).offers(&format!("{url}.sha256sum"), sha256(program.as_bytes()));
    let user = User::new().with_publisher(&publisher);
    user.writes(&in_config("kind.yaml"), documented()[2]);
    user.types(
        "eval \"$(service-manager -q install-cli kind --cli-version 0.24.0 --platform linux/amd64)\" && kind",
    )
    .stdout("kind\n")
    .succeeds();
    user.types("service-manager status kind")
        .stderr("error: `kind` is a client only, so nothing of it is in a machine\nhint: `service-manager install-cli kind`\n")
        .fails(126);
}

fn in_config(name: &str) -> String {
    format!(".config/service-manager/services/{name}")
}

/// The service files that `docs/how-to/service-file.md` shows: a flavour, a service, a client.
fn documented() -> [&'static str; 3] {
    let blocks = include_str!("../../docs/how-to/service-file.md").split("```yaml\n").skip(1).take(3);
    let files: Vec<&str> = blocks.map(|block| block.split("```").next().unwrap()).collect();
    files.try_into().unwrap()
}

const BROKEN: &str = "\
name: kubernetes
titel: Mine
flavours:
  - name: acme
    signs: {}
    units: [\"k3s; id\"]
    access:
      kubeconfig: { paths: [/opt/acme/admin.yaml], root: perhaps }
    remedies: { names: \"add {address}\" }
";
const MISTAKES: [&str; 5] = [
    "2:1: titel: there is no such key; did you mean `title`?",
    "5:12: flavours[0].signs: has neither `files` nor `units`, so it would be found everywhere",
    "6:13: flavours[0].units[0]: `k3s; id` is not a valid unit name (letters, digits and `._@:-`)",
    "8:58: flavours[0].access.kubeconfig.root: is not `true` or `false`",
    "9:15: flavours[0].remedies.expired: is missing",
];

#[test]
fn the_list_fits_the_terminal() {
    let user = User::new().with("LANG", "C.UTF-8");
    let typed = user.types("service-manager services list");
    for (columns, parts) in
        [(120, &["TITLE", "FLAVOURS", "built in"][..]), (80, &["FLAVOURS", ".."]), (40, &["CLIENT"])]
    {
        let mut terminal = typed.in_a_terminal(columns);
        for part in parts.iter().chain(&["podman-remote"]) {
            terminal.shows_somewhere(part);
        }
        assert_eq!(terminal.lines(), 12, "a line for each service, and the head");
        assert_eq!(terminal.ends(), 0);
    }
}
