//! The text of a service file → what it says, or everything that is wrong with it.

use std::collections::HashSet;

use super::diagnostic::Diagnostic;
use super::document::YamlDocument;
use super::service_file::ServiceFile;
use super::{lint, schema_check};
use crate::catalogue::types::Service;

/// Reads the text of a file; `known` are the services that it may add to.
///
/// Errors: all that is wrong with it, in the order of the text.
pub(crate) fn read<'s>(
    text: &str,
    mut known: impl Iterator<Item = &'s Service>,
) -> Result<ServiceFile, Vec<Diagnostic>> {
    let YamlDocument { root, mut diagnostics } =
        YamlDocument::parse(text).map_err(|diagnostic| vec![diagnostic])?;
    let name = root.get("name").and_then(|name| name.text());
    let known = known.find(|service| name == Some(service.name.as_str()));
    diagnostics.extend(schema_check::diagnostics(&root));
    diagnostics.extend(lint::diagnostics(&root, known));
    diagnostics.sort_by_key(|diagnostic| diagnostic.position);
    // What has several aliases was looked at as often.
    let mut told = HashSet::new();
    diagnostics.retain(|diagnostic| {
        told.insert((diagnostic.position, diagnostic.field.last().to_owned(), diagnostic.what.clone()))
    });
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    // Not expected to fail: tests hold the form and the types together.
    serde_yaml::from_value(root.value()).map_err(|error| vec![Diagnostic::of_file(error.to_string())])
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::Catalogue;

    const FULL: &str = "\
name: podman
title: Podman
comment: |-
  One line
  and another
exports:
  - name: CONTAINER_HOST
    value: tcp://{endpoint}/{path}
    missing: there is none
flavours:
  - name: plain
    signs: { files: [/etc/podman], units: [podman], variants: [adb] }
    units: [podman, other]
    sockets: [\"%t/podman.sock\"]
    access:
      kubeconfig: { paths: [/etc/*/config], root: true }
    values:
      path: { text: \"{url}/{host}\" }
      host: { ask: [{ path: /version, pointer: /host }] }
    remedies: { names: do this, expired: do that, start: start it }
  - name: other
    signs: { files: [/opt/podman] }
    access:
      docker: { folder: ~/.docker, port: 2376 }
    remedies: { names: do this, expired: do that }
";

    fn read(text: &str) -> Result<ServiceFile, Vec<Diagnostic>> {
        static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().unwrap());
        super::read(text, BUILT_IN.entries().iter().map(|entry| &entry.service))
    }

    /// The diagnostics in a text, as `LINE: FIELD: what`.
    fn told(text: &str) -> Vec<String> {
        let line = |diagnostic: &Diagnostic| diagnostic.position.map_or(0, |position| position.line);
        let in_words = |diagnostic: Diagnostic| {
            format!("{}: {}: {}", line(&diagnostic), diagnostic.field.as_str(), diagnostic.what)
        };
        read(text).err().unwrap_or_default().into_iter().map(in_words).collect()
    }

    #[test]
    fn an_installation_has_what_its_steps_need() {
        let way = |more: &str| {
            format!(
                "name: docker\ninstall:\n  - name: own\n    when: {{ id: [debian] }}\n    {more}\n    steps: [{{ group: {{ name: docker }} }}]\n"
            )
        };
        assert_eq!(told(&way("unless: [/opt/docker]")), [""; 0]);
        // Whose home would it be?
        for path in ["~/docker", "%t/docker"] {
            let told = told(&way(&format!("unless: [\"{path}\"]")));
            let begin =
                format!("5: install[0].unless[0]: `{path}` is not a valid path in the guest (absolute; ");
            assert!(told.len() == 1 && told[0].starts_with(&begin), "{told:?}");
        }
        let steps = |steps: &str| way("").replace("[{ group: { name: docker } }]", steps);
        for (step, diagnostic) in [
            (
                "[{ download: { place: /usr/bin/x, mode: program, files: { linux/amd64: x } } }]",
                "6: install[0].steps[0].download: is a file of no release without `releases`",
            ),
            (
                "[{ file: { place: /etc/x, mode: readable, text: \"{adresses}\" } }]",
                "6: install[0].steps[0].file.text: nothing says what `{adresses}` stands for",
            ),
            (
                "[{ file: { place: /etc/x, mode: readable, text: \"{program}\" } }]",
                "6: install[0].steps[0].file.text: nothing says what `{program}` stands for",
            ),
            (
                "[{ shown: { command: reboot } }]",
                "6: install[0].steps[0].shown: is never done, so it is for a way with `by_hand`",
            ),
        ] {
            assert_eq!(told(&steps(step)), [diagnostic]);
        }
        // Where nothing is done, it is said what to do.
        assert_eq!(
            told(&steps("[]")),
            ["3: install[0].steps: is missing or empty, and no `instead` says what to do"]
        );
        let instead = "instead: use another machine";
        assert_eq!(told(&way(instead)), ["5: install[0].instead: is for a way with `by_hand`"]);
        let without = |when: &str| {
            format!("name: docker\ninstall:\n  - name: own\n    {when}\n    by_hand: is not\n    {instead}\n")
        };
        assert_eq!(told(&without("when: { id: [debian] }")), [""; 0]);
        assert_eq!(told(&without("")), [""; 0]);
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        assert_eq!(told(FULL), [""; 0]);
        for (from, to, diagnostic) in [
            ("title: Podman", "titel: Podman", "2: titel: there is no such key"),
            ("title: Podman", "title: [Podman]", "2: title: is not text"),
            ("title: Podman", "title: 7", "2: title: is not text"),
            ("title: Podman", "title: ''", "2: title: is empty"),
            ("title: Podman", "title: \"\\e[31m\"", "2: title: has control characters or line breaks"),
            ("title: Podman", "title: Podman\ntitle: P", "3: title: is given twice"),
            ("title: Podman", "7: x\ntitle: P", "2: : a key is not text"),
            ("name: podman", "name: Podman", "1: name: `Podman` is not a valid service name ([..]"),
            ("name: podman", "name: lock", "1: name: is the name of a file in a machine's folder"),
            ("name: podman", "name: kubeconfig", "1: name: is the name of a file in a machine's folder"),
            (
                "name: CONTAINER_HOST",
                "name: A B",
                "7: exports[0].name: `A B` is not a valid variable name ([..]",
            ),
            (
                "name: CONTAINER_HOST",
                "name: $(id)",
                "7: exports[0].name: `$(id)` is not a valid variable name ([..]",
            ),
            ("{path}", "{pth}", "8: exports[0].value: nothing says what `{pth}` stands for"),
            ("{path}", "{", "8: exports[0].value: `tcp://{endpoint}/{` is not a valid template ([..]"),
            (
                "missing: there",
                "quoted: yes\n    missing: there",
                "9: exports[0].quoted: is not `true` or `false`",
            ),
            ("name: other", "name: plain", "21: flavours[1].name: `plain` is in line 11 already"),
            ("{ files: [/opt/podman] }", "{ variants: [adb] }", "22: flavours[1].signs: has neither [..]"),
            ("{ files: [/opt/podman] }", "{}", "22: flavours[1].signs: has neither [..]"),
            (
                "[podman, other]",
                "[\"k3s; id\"]",
                "13: flavours[0].units[0]: `k3s; id` is not a valid unit name ([..]",
            ),
            ("[podman, other]", "[podman, podman]", "13: flavours[0].units[1]: is given twice"),
            ("[podman, other]", "podman", "13: flavours[0].units: is not a list"),
            ("[\"%t/podman.sock\"]", "[/a, /a]", "14: flavours[0].sockets[1]: is given twice"),
            ("[/etc/*/config]", "[]", "16: flavours[0].access.kubeconfig.paths: is empty"),
            ("[/etc/*/config]", "[/etc/]", "16: flavours[0].access.kubeconfig.paths[0]: ends with `/`"),
            (
                "[/etc/*/config]",
                "[/etc/$(id)]",
                "16: flavours[0].access.kubeconfig.paths[0]: `/etc/$(id)` is not a valid [..]",
            ),
            ("kubeconfig:", "kubecfg:", "16: flavours[0].access.kubecfg: there is no such key"),
            (
                "      kubeconfig: {",
                "      nothing: {}\n      kubeconfig: {",
                "16: flavours[0].access: is not one of [..]",
            ),
            (
                "{url}/{host}",
                "{path}",
                "18: flavours[0].values.path.text: nothing says what `{path}` stands for",
            ),
            ("host: { ask", "Host: { ask", "19: flavours[0].values: `Host` is not a valid value name ([..]"),
            ("[{ path: /version, pointer: /host }]", "[]", "19: flavours[0].values.host.ask: is empty"),
            ("pointer: /host", "pointer: host", "19: flavours[0].values.host.ask[0].pointer: `host` is [..]"),
            (", pointer: /host", "", "19: flavours[0].values.host.ask[0].pointer: is missing"),
            ("port: 2376", "port: 0", "24: flavours[1].access.docker.port: is not a number in the range"),
            (
                "port: 2376",
                "port: 2376.5",
                "24: flavours[1].access.docker.port: is not a number in the range",
            ),
            ("~/.docker", "~/.docker/", "24: flavours[1].access.docker.folder: ends with `/`"),
            (
                "names: do this, expired: do that, start",
                "names: do this, start",
                "20: flavours[0].remedies.expired: is missing",
            ),
        ] {
            let text = FULL.replacen(from, to, 1);
            assert_ne!(text, FULL, "{from}");
            let told = told(&text);
            let (start, end) = diagnostic.split_once("[..]").unwrap_or((diagnostic, ""));
            let is_told = told.iter().any(|told| told.starts_with(start) && told.ends_with(end));
            assert!(is_told, "{diagnostic}\n{told:#?}");
        }
    }

    #[test]
    fn no_mistake_hides_another() {
        let text = FULL
            .replace("title: Podman\n", "titel: Podman\n")
            .replace("units: [podman, other]", "units: [podman, \"k3s; id\"]")
            .replace("{path}", "{pth}")
            .replace("port: 2376", "port: none")
            .replace("signs: { files: [/opt/podman] }", "signs: {}")
            .replace("expired: do that }\n", "}\n");
        let fields: Vec<String> =
            read(&text).unwrap_err().iter().map(|m| m.field.as_str().to_owned()).collect();
        assert_eq!(
            fields,
            [
                "title",
                "titel",
                "exports[0].value",
                "flavours[0].units[1]",
                "flavours[1].signs",
                "flavours[1].access.docker.port",
                "flavours[1].remedies.expired",
            ]
        );
    }

    #[test]
    fn two_keys_that_are_missing_in_one_place_are_two_mistakes() {
        let text = "name: kubernetes\nflavours:\n  - name: x\n";
        assert_eq!(told(text), ["3: flavours[0].signs: is missing", "3: flavours[0].access: is missing"]);
    }

    #[test]
    fn an_engine_is_one_of_those_that_are_known() {
        let text = |engine: &str| {
            format!(
                "name: x\ntitle: X\nexports: [{{ name: X, value: '{{docker_host}}' }}]\nflavours:\n  - name: x\n    \
                 signs: {{ files: [/run/x.sock] }}\n    access: {{ socket: {{ path: /run/x.sock, engine: {engine}, \
                 reason: {{ because: x, help: y }} }} }}\n"
            )
        };
        assert_eq!(told(&text("podman")), [""; 0]);
        let field = "flavours[0].access.socket.engine";
        for odd in ["dokcer", "'docker; id'", "'$(id)'"] {
            let told = told(&text(odd));
            assert!(told.len() == 1 && told[0].contains(field), "{told:?}");
        }
    }

    #[test]
    fn of_a_last_resort_only_its_kubeconfig_tells() {
        let text = |more: &str, signs: &str, access: &str| {
            format!(
                "name: kubernetes\nflavours:\n  - name: x\n{more}    signs: {{ files: [~/.kube/config]{signs} }}\n    \
                 access: {{ {access} }}\n    remedies: {{ names: x, expired: y }}\n"
            )
        };
        let kubeconfig = "kubeconfig: { paths: [~/.kube/config] }";
        let last = "    last_resort: true\n";
        assert_eq!(told(&text(last, ", context: kind-*", kubeconfig)), [""; 0]);
        let only = "is for a flavour with `last_resort: true`";
        let not = "is not for a flavour with `last_resort: true`";
        for (more, signs, access, expected) in [
            ("", ", context: kind-*", kubeconfig, format!("4: flavours[0].signs.context: {only}")),
            (last, ", units: [x]", kubeconfig, format!("5: flavours[0].signs.units: {not}")),
            (
                "    last_resort: true\n    units: [x]\n",
                "",
                kubeconfig,
                format!("5: flavours[0].units: {not}"),
            ),
            (
                last,
                "",
                "docker: { folder: ~/.docker, port: 2376 }",
                "6: flavours[0].access: is not `kubeconfig`, which alone tells of a flavour with `last_resort: true`"
                    .to_owned(),
            ),
        ] {
            assert_eq!(told(&text(more, signs, access)), [expected]);
        }
        let told = told(&text(last, ", context: \"$(id)*\"", kubeconfig));
        assert!(told.len() == 1 && told[0].contains("flavours[0].signs.context"), "{told:?}");
    }

    #[test]
    fn a_service_is_not_provided_by_itself() {
        assert_eq!(told("name: kubernetes\nprovided_by: [openshift, other]\n"), [""; 0]);
        assert_eq!(
            told("name: kubernetes\nprovided_by: [openshift, kubernetes]\n"),
            ["2: provided_by[1]: is the service itself"]
        );
        let told = told("name: kubernetes\nprovided_by: [\"$(id)\"]\n");
        assert!(told.len() == 1 && told[0].starts_with("2: provided_by[0]: "), "{told:?}");
    }

    #[test]
    fn what_several_aliases_share_is_told_once() {
        let text = FULL.replace("units: [podman, other]", "units: &u [$]").replace("[/opt/podman]", "*u");
        assert_eq!(told(&text).len(), 2, "{:?}", told(&text));
    }

    #[test]
    fn a_file_for_a_known_service_says_what_differs() {
        let built_in = Catalogue::built_in().unwrap();
        let known = &built_in.find("kubernetes").unwrap().service;
        let text = "
            name: kubernetes
            flavours:
              - name: k9s
                signs: { units: [k9s] }
                access: { nothing: { reason: { because: is new, help: wait } } }
              - name: k3s
                signs: { units: [k3s-of-mine] }
                access: { nothing: { reason: { because: is mine, help: ask me } } }
            ";
        let service = read(text).unwrap().merge_into(Some(known));
        assert_eq!((&service.title, &service.comment), (&known.title, &known.comment));
        assert_eq!(service.exports.len(), known.exports.len());
        let names: Vec<&str> = service.flavours.iter().map(|flavour| flavour.name.as_str()).collect();
        assert_eq!(names[..2], ["k9s", "k3s"]);
        assert_eq!(names.iter().filter(|name| **name == "k3s").count(), 1);
        assert_eq!(names.len(), known.flavours.len() + 1);
        assert_eq!(read("name: kubernetes\ntitle: K").unwrap().merge_into(Some(known)).title, "K");
    }

    #[test]
    fn a_new_service_is_complete() {
        let expected = ["title", "exports", "flavours"].map(|key| {
            format!("1: {key}: is missing; only a file for a service that is known may leave it out")
        });
        assert_eq!(told("name: podman\n"), expected);
        assert_eq!(told(""), ["1: : is not a mapping"]);
        assert_eq!(told("[]"), ["1: : is not a mapping"]);
        assert_eq!(told("{}"), ["1: name: is missing"]);
    }

    /// One small thing in one place of a text that is right.
    fn damaged() -> impl Strategy<Value = String> {
        let texts: Vec<String> = Catalogue::built_in()
            .unwrap()
            .entries()
            .iter()
            .map(|entry| entry.text().unwrap().into())
            .collect();
        let texts = [vec![FULL.to_owned()], texts].concat();
        let change = prop_oneof![
            Just(String::new()),
            "[ \n:,\\-?#&*!|>'\"%@`{}\\[\\]~]{1,3}",
            "(true|7|1.5|null|\\[\\]|\\{\\}|''|x: y|<<: \\*v4)"
        ];
        (proptest::sample::select(texts), 0_usize..10_000, 0_usize..12, change).prop_map(
            |(text, at, length, change)| {
                let characters: Vec<char> = text.chars().collect();
                let at = at % characters.len();
                let end = (at + length).min(characters.len());
                let part = |part: &[char]| part.iter().collect::<String>();
                part(&characters[..at]) + &change + &part(&characters[end..])
            },
        )
    }

    proptest! {
        #[test]
        fn what_serde_would_refuse_was_told_with_its_place(text in damaged()) {
            for diagnostic in read(&text).err().unwrap_or_default() {
                prop_assert!(diagnostic.position.is_some(), "{diagnostic:?}");
            }
        }

        #[test]
        fn nothing_makes_the_reader_panic(text in "(name: |flavours: |- |[a-z:\\n \\[\\]{},]|.){0,60}") {
            let _ = read(&text);
        }
    }
}
