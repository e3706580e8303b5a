//! `--output json`, compared with docs/reference/json.md.

use serde_json::Value;

use crate::eval::on_a_terminal;
use service_manager_test_support::publisher::Publisher;
use service_manager_test_support::{Guest, Project, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn documents_match_the_documentation() {
    let guest = Guest::kubeadm();
    for (command, section) in [
        ("status kubernetes", "status"),
        ("env kubernetes", "env"),
        ("box ip", "box ip"),
        ("box version", "box version"),
    ] {
        let user = User::of(&guest);
        let written =
            user.types(format!("service-manager {command} --output json")).stdout("[..]\n").succeeds();
        assert_eq!(form(&json(&written.stdout)), form(&documented(section)), "{}", written.stdout);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn machines_match_the_documentation() {
    let guest = Guest::light();
    let user = User::near(&guest).with_vagrant();
    let project = Project::fake(&user, "project", &guest);
    project.types("service-manager box ip").stdout("[ADDRESS]\n").succeeds();
    let typed = user.types("service-manager machines --output json");
    let written = typed.stdout("[..]\n").succeeds();
    assert_eq!(form(&json(&written.stdout)), form(&documented("machines")), "{}", written.stdout);
    assert_eq!(json(&written.stdout)["machines"][0]["project"], project.folder().to_str().unwrap());
}

#[test]
fn clients_match_the_documentation() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum("https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl", "program");
    let user = User::new().with_publisher(&publisher);
    let of_kubectl = "kubernetes --cli-version 1.36.3 --platform linux/amd64";
    for (command, section) in [
        (format!("-q install-cli {of_kubectl}"), "install-cli"),
        (format!("install-cli {of_kubectl} --dry-run"), "install-cli --dry-run"),
        ("clients list".to_owned(), "clients"),
    ] {
        let typed = user.types(format!("service-manager {command} --output json"));
        let written = typed.stdout("[..]\n").succeeds();
        assert_eq!(form(&json(&written.stdout)), form(&documented(section)), "{}", written.stdout);
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn kubeconfig_matches_the_documentation() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let typed = user.types("service-manager -q kubeconfig --merge --use --output json");
    let written = json(&typed.stdout("[..]\n").succeeds().stdout);
    assert_eq!(form(&written), form(&documented("kubeconfig")), "{written}");
    let name = format!("{}-kubernetes", guest.name());
    assert_eq!(written["merged"]["current"], name.as_str());
    assert_eq!(written["merged"]["contexts"][0]["outcome"], "added");
    let path = written["path"].as_str().unwrap();
    user.types(format!("kubectl --kubeconfig {path} config get-contexts --output name"))
        .stdout(&format!("{name}\n"))
        .succeeds();
    let typed = user.types("service-manager kubeconfig kubernetes --output json").stdout("[..]\n");
    assert_eq!(json(&typed.succeeds().stdout)["merged"], Value::Null);
}

#[test]
fn validate_matches_the_documentation() {
    let user = User::new();
    user.types("mkdir -p .config/service-manager/services").succeeds();
    let text = "version: 1\nname: mine\ntitle: Mine\nflavours:\n- name: x\n  unit: [a.service]\n";
    user.types(format!("printf '{text}' >.config/service-manager/services/mine.yaml")).succeeds();
    let typed = user.types("service-manager services validate --output json");
    let written = typed.stdout("[..]\n").stderr("error: [..]\n").fails(1);
    let written = json(&written.stdout);
    assert_eq!(form(&written), form(&documented("services validate")), "{written}");
    assert_eq!(written["files"][0]["valid"], false);
    let diagnostics = written["files"][0]["diagnostics"].as_array().unwrap();
    let unit = diagnostics.iter().find(|diagnostic| diagnostic["field"] == "flavours[0].unit").unwrap();
    assert_eq!((&unit["line"], &unit["hint"]), (&6.into(), &"did you mean `units`?".into()));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn starting_and_stopping_match_the_documentation() {
    let guest = Guest::own("kubeadm", "address");
    let user = User::of(&guest);
    for (command, outcome) in [
        ("start", "unchanged"),
        ("restart", "restarted"),
        ("stop", "stopped"),
        ("stop", "unchanged"),
        ("start", "started"),
    ] {
        let typed = user.types(format!("service-manager -q {command} kubernetes --output json"));
        let written = json(&typed.stdout("[..]\n").succeeds().stdout);
        assert_eq!(form(&written), form(&documented("start`, `stop`, `restart")), "{written}");
        assert_eq!(written["services"][0]["outcome"], outcome, "{command}");
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn one_that_cannot_be_started_has_its_problem() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let typed = user.types("service-manager -q start openshift kubernetes --output json");
    let written = typed.stdout("[..]\n").stderr("error: [..]openshift[..]\n").fails(126);
    let document = json(&written.stdout);
    let of = |place: usize| document["services"][place].clone();
    assert_eq!((&of(0)["outcome"], &of(1)["outcome"]), (&"failed".into(), &"unchanged".into()));
    let error = written.stderr.lines().next().unwrap();
    assert_eq!(format!("error: {}", of(0)["problem"]["message"].as_str().unwrap()), error);
    assert_eq!(of(1)["problem"], Value::Null);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn a_terminal_gets_the_documented_layout() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let written = user
        .types(on_a_terminal("service-manager status kubernetes --output json"))
        .stdout(
            &example("status")
                .replace("default", "[NAME]")
                .replace("v1.36.3", "v1.[..]")
                .replace("192.168.56.7", "[ADDRESS]"),
        )
        .succeeds();
    assert_eq!(json(&written.stdout)["version"], 1);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn agrees_with_the_text_output() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let printed = |command: &str, count: usize| {
        let lines = "[..]\n".repeat(count);
        user.types(format!("service-manager {command}")).stdout(&lines).succeeds().stdout
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();

    let document = json(&printed("status --output json", 1));
    let state = |service: &Value| format!("{} - {}\n", text(&service["service"]), text(&service["state"]));
    let states: String = document["services"].as_array().unwrap().iter().map(state).collect();
    assert_eq!(states, printed("status", 3));

    let document = json(&printed("env --output json", 1));
    let services = document["services"].as_array().unwrap().iter();
    let exports = services.flat_map(|service| service["exports"].as_array().unwrap());
    let export = |export: &Value| format!("{}={}\n", text(&export["name"]), text(&export["value"]));
    let exports: String = exports.map(export).collect();
    assert_eq!(exports, printed("env --script-readable", 4).replace('\'', ""));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn kubectl_works_with_the_json_values() {
    let guest = Guest::kubeadm();
    let user = User::of(&guest);
    let written =
        user.types("service-manager env kubernetes --output json").stdout("[..]\n").succeeds().stdout;
    let kubeconfig = json(&written)["services"][0]["exports"][0]["value"].clone();
    user.types(format!("kubectl --kubeconfig {kubeconfig} get namespace default --output name"))
        .stdout("namespace/default\n")
        .succeeds();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn includes_the_tls_server_name() {
    let guest = Guest::nat();
    let user = User::of(&guest);
    let typed = user.types("service-manager status kubernetes --output json").stdout("[..]\n").succeeds();
    assert_eq!(json(&typed.stdout)["services"][0]["endpoint"]["server_name"], "kubernetes");
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn says_why_a_service_does_not_answer() {
    let guest = Guest::own("kubeadm", "address");
    guest.stops("static-pod-kube-apiserver");
    let user = User::of(&guest);
    let written = user
        .types("service-manager status kubernetes --output json")
        .stdout("[..]\n")
        .stderr("warning: [..] does not answer [..]\nhint: [..]\nhint: `service-manager doctor kubernetes` says more\n")
        .succeeds();
    let service = json(&written.stdout)["services"][0].clone();
    assert_eq!((&service["state"], &service["endpoint"]), (&"degraded".into(), &Value::Null));
    let warning = written.stderr.lines().next().unwrap();
    assert_eq!(format!("warning: {}", service["problem"]["message"].as_str().unwrap()), warning);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn escapes_control_characters() {
    let guest = Guest::own("kubeadm", "address");
    guest.replaces("/usr/lib/os-release", "NAME=\"\x1b[2J\u{202e}\"\nID=$(id)\n");
    let user = User::of(&guest);
    let typed = user.types("service-manager box version --output json").stdout("[..]\n").succeeds();
    let document = json(&typed.stdout);
    assert_eq!(document["product"], "\\u{1b}[2J\\u{202e}");
    assert_eq!(document["release"]["id"], "$(id)");
}

#[test]
fn unset_needs_no_machine() {
    User::new()
        .types("service-manager env kubernetes --unset --output json")
        .stdout("{\"version\":1,\"unset\":[\"KUBECONFIG\"]}\n")
        .succeeds();
}

#[test]
fn a_failure_prints_no_json() {
    for command in [
        "status",
        "env",
        "box ip",
        "box version",
        "start docker",
        "stop docker",
        "restart docker",
        "kubeconfig",
    ] {
        User::new().types(format!("service-manager {command} --output json 2>/dev/null")).fails(1);
    }
}

#[test]
fn refuses_a_second_output_format() {
    for options in
        ["env --script-readable", "env --shell fish", "status --script-readable", "box ip --script-readable"]
    {
        User::new()
            .types(format!("service-manager {options} --output json 2>&1 | head --lines=1"))
            .stdout("error: the argument [..] cannot be used with [..]\n")
            .succeeds();
    }
}

/// The example in a section of docs/reference/json.md.
fn example(command: &str) -> String {
    let (_, section) = DOCUMENTATION.split_once(&format!("## `{command}`\n")).unwrap();
    let (_, block) = section.split_once("```json\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

fn documented(command: &str) -> Value {
    json(&example(command))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The keys of a document in their order, with the kinds of their values.
fn form(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| format!("{key}: {{{}}} ", form(value))).collect()
        }
        Value::Array(items) => format!("[{}]", items.first().map(form).unwrap_or_default()),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "yes or no".into(),
        Value::Null => "null".into(),
    }
}

const DOCUMENTATION: &str = include_str!("../../docs/reference/json.md");
