//! A guest whose root means harm: nothing of it runs on the host, nothing of it reaches a shell or a terminal.

use crate::env::READABLE;
use crate::malicious_guest::frugally;
use service_manager_test_support::{Failure, Guest, User};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_an_exec_plugin() {
    refused("its user wants to run a program on the host (`exec`)", |kubeconfig| {
        kubeconfig
            + "    exec: { apiVersion: client.authentication.k8s.io/v1, command: touch, args: [pwned] }\n"
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_an_authentication_provider() {
    refused("its user wants to run a program on the host (`auth-provider`)", |kubeconfig| {
        kubeconfig + "    auth-provider: { name: gcp, config: { cmd-path: touch, cmd-args: pwned } }\n"
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn reads_paths_in_the_guest_and_not_on_the_host() {
    let folder = tempfile::tempdir().unwrap();
    refused("its client-key names a file that the guest does not have or does not show", |kubeconfig| {
        // The right key: if it were read, all would be well.
        let data = field(&kubeconfig, "client-key-data").to_owned();
        let path = folder.path().join("key");
        std::fs::write(&path, base64::Engine::decode(&base64::prelude::BASE64_STANDARD, &data).unwrap())
            .unwrap();
        kubeconfig.replace(&format!("client-key-data: {data}"), &format!("client-key: {}", path.display()))
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_path_to_no_key() {
    refused("its client key is not valid", |kubeconfig| {
        let data = field(&kubeconfig, "client-key-data");
        kubeconfig.replace(&format!("client-key-data: {data}"), "client-key: /etc/passwd")
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_two_documents() {
    refused("it is not the YAML of a kubeconfig", |kubeconfig| format!("{kubeconfig}---\n{kubeconfig}"));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_an_alias_bomb() {
    refused("it uses YAML anchors or aliases", |kubeconfig| {
        let levels = 'b'..='i';
        let level = |name: char| {
            let previous = char::from(name as u8 - 1);
            format!("{name}: &{name} [{}]\n", vec![format!("*{previous}"); 9].join(", "))
        };
        kubeconfig + "a: &a [x]\n" + &levels.map(level).collect::<String>()
    });
}

/// The blank and the `#` between quotes begin no comment.
#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_an_alias_bomb_behind_quotes() {
    let guest = Guest::own("kubeadm", "address");
    let list = |item: &str, count| format!("[{}]", vec![item; count].join(","));
    let (ones, twos, threes) = (list("1", 1000), list("*a", 1000), list("*b", 300));
    let bomb = format!("users: [{{name: \" #\", user: {{exec: [&a {ones}, &b {twos}, {threes}]}}}}]\n");
    replace_kubeconfig(&guest, |_| bomb);
    User::of(&guest)
        .types(frugally("service-manager env kubernetes"))
        .stdout("(exit 126)\n")
        .stderr(
            "
            error: the kubeconfig `/etc/kubernetes/admin.conf` in `[NAME]` is refused
            caused by: it uses YAML anchors or aliases
            hint: [..]
            ",
        )
        .fails(126);
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_kubeconfig_of_ten_megabytes() {
    refused("it is longer than 1 MiB", |kubeconfig| kubeconfig + &"# filling\n".repeat(1 << 20));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_half_a_certificate() {
    for (field_name, name) in [
        ("certificate-authority-data", "certificate authority"),
        ("client-certificate-data", "client certificate"),
    ] {
        refused(&format!("its {name} is not valid"), |kubeconfig| {
            let data = field(&kubeconfig, field_name);
            kubeconfig.replacen(data, &data[..data.len() / 8 * 4], 1)
        });
    }
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_a_key_of_another_certificate() {
    let guest = Guest::own("kubeadm", "address");
    let key = guest.run("base64 -w0 /etc/kubernetes/pki/apiserver.key");
    replace_kubeconfig(&guest, |kubeconfig| kubeconfig.replace(field(&kubeconfig, "client-key-data"), &key));
    Failure::of(&guest)
        .error("the credentials for kubernetes in `/etc/kubernetes/admin.conf` of `[NAME]` are refused")
        .cause("its key does not belong to its certificate")
        .hint("[..]")
        .ends();
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn refuses_what_is_no_kubeconfig() {
    refused("it is not the YAML of a kubeconfig", |_| "\x00\x1b[31m{".to_owned());
    refused("it has no current context", |kubeconfig| {
        kubeconfig.replace("current-context: ", "current-context: no-")
    });
    refused("it has no client certificate, token or password", |kubeconfig| {
        kubeconfig
            .lines()
            .filter(|line| !line.contains("client-"))
            .fold(String::new(), |text, line| text + line + "\n")
    });
    refused("its token is not valid", |kubeconfig| {
        let key = format!("client-key-data: {}", field(&kubeconfig, "client-key-data"));
        kubeconfig.replace("client-certificate-data", "x").replace(&key, r#"token: "a\r\nX-Evil: b""#)
    });
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn copies_only_the_needed_fields() {
    let guest = Guest::own("kubeadm", "address");
    replace_kubeconfig(&guest, |kubeconfig| {
        kubeconfig
            .replace(
                "- cluster:\n",
                "- cluster:\n    proxy-url: http://evil.example\n    insecure-skip-tls-verify: true\n",
            )
            .replace("  user:\n", "  user:\n    as: evil\n    impersonate: evil\n")
            .replace(
                "contexts:\n",
                "contexts:\n- context: {cluster: evil, user: evil}\n  name: \"\\e]0;evil\\a\"\n",
            )
            .replace(
                "clusters:\n",
                "clusters:\n- cluster: {server: \"https://evil.example\"}\n  name: evil\n",
            )
            .replace("users:\n", "users:\n- user: {exec: {command: evil}}\n  name: evil\n")
            + "extensions:\n- name: evil\n"
    });
    let user = User::of(&guest);
    user.types("service-manager env kubernetes --script-readable").stdout(READABLE).succeeds();
    let text = std::fs::read_to_string(user.machine_folder().join("kubernetes/kubeconfig")).unwrap();
    let shape: Vec<&str> = text.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        shape,
        [
            "apiVersion",
            "kind",
            "clusters:",
            "- name",
            "  cluster:",
            "    server",
            "    certificate-authority-data",
            "users:",
            "- name",
            "  user:",
            "    client-certificate-data",
            "    client-key-data",
            "contexts:",
            "- name",
            "  context:",
            "    cluster",
            "    user",
            "current-context",
        ]
    );
    assert!(!text.contains("evil"));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn replaces_another_server_by_the_guests_address() {
    let guest = Guest::own("kubeadm", "address");
    replace_kubeconfig(&guest, |kubeconfig| {
        kubeconfig.replace(&format!("https://{}:6443", guest.address()), "https://evil.example:6443")
    });
    let user = User::of(&guest);
    user.types("service-manager env kubernetes --script-readable").stdout(READABLE).succeeds();
    let server = format!("https://{}:6443", guest.address());
    assert_eq!(user.kubeconfig()["clusters"][0]["cluster"]["server"], server.as_str());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn replaces_the_names_in_the_kubeconfig() {
    let guest = Guest::own("kubeadm", "address");
    replace_kubeconfig(&guest, |kubeconfig| {
        kubeconfig.replace("kubernetes-admin@kubernetes", r#""\e]0;evil\a$(touch pwned)""#)
    });
    let user = User::of(&guest);
    user.types(r#"eval "$(service-manager env kubernetes)" && kubectl config current-context"#)
        .stdout("[NAME]-kubernetes\n")
        .succeeds();
    assert!(!user.home().join("pwned").exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn quotes_a_hostile_host_name() {
    let guest = Guest::own("kubeadm", "address");
    let name = r#"$(touch pwned)`id`";"#;
    let set = |name| format!("echo {} >/proc/sys/kernel/hostname", shlex::try_quote(name).unwrap());
    guest.changes(&set(name), &set(guest.name()));
    let user = User::of(&guest);
    user.types("service-manager box ip --script-readable").stdout("IP=[ADDRESS]\n").succeeds();
    user.types(r#"eval "$(service-manager env kubernetes)" && kubectl config current-context"#)
        .stdout("[NAME]-kubernetes\n")
        .succeeds();
    assert!(!user.home().join("pwned").exists());
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn sanitizes_a_hostile_version() {
    let guest = Guest::own("kubeadm", "address");
    guest.replaces(
        "/usr/lib/os-release",
        "NAME=Box\nVARIANT=\"$(touch pwned)\"\nVARIANT_ID=`id`\nVARIANT_VERSION=\"\x1b]0;evil\x07\"\nID='a\nX=1'\n",
    );
    let user = User::of(&guest);
    user.types("service-manager box version").stdout("$(touch pwned) \\u{1b}]0;evil\\u{7}\n").succeeds();
    user.types("service-manager box version --script-readable").stdout("NAME=\"Box\"\n").succeeds();
    assert!(!user.home().join("pwned").exists());
}

/// Puts a changed kubeconfig into a guest; `env` must refuse it and say why.
#[track_caller]
fn refused(why: &str, change: impl FnOnce(String) -> String) {
    refused_by(&Guest::own("kubeadm", "address"), why, change);
}

#[track_caller]
fn refused_by(guest: &Guest, why: &str, change: impl FnOnce(String) -> String) {
    replace_kubeconfig(guest, change);
    Failure::of(guest)
        .error("the kubeconfig `/etc/kubernetes/admin.conf` in `[NAME]` is refused")
        .cause(why)
        .ends();
}

fn replace_kubeconfig(guest: &Guest, change: impl FnOnce(String) -> String) {
    const PATH: &str = "/etc/kubernetes/admin.conf";
    let kubeconfig = guest.run(&format!("cat {PATH}"));
    let changed = change(kubeconfig.clone());
    assert_ne!(changed, kubeconfig);
    guest.replaces(PATH, &changed);
}

/// The value of a field.
fn field<'k>(kubeconfig: &'k str, name: &str) -> &'k str {
    let value = kubeconfig.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name}"))
}
