//! The user's own kubeconfig with our entries in it, or without them. Pure: text in, text out.
//!
//! The text is edited where it has to change and nowhere else, so that comments, order and unknown fields stay.
//! A second parser then reads the result: it has to be the file as it was, with our entries. Else it is refused.

use serde::Serialize;
use serde_yaml::Value;

use super::edit::{Edit, MergeOutcome};
use super::error::MergeError;
use super::list::{LISTS, List, machine_of, mark, name_of, text};
use super::parsed::Parsed;

/// What is to be in the user's kubeconfig.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addition<'a> {
    /// The kubeconfig that [`super::write()`] made; it may have several contexts.
    pub kubeconfig: &'a str,
    /// The key of the machine that it is for: the mark of its entries.
    pub machine: &'a str,
    /// Its current context becomes that of the user.
    pub switch: bool,
}

/// The user's kubeconfig with our entries in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    /// The whole text; the very same when there was nothing to do.
    pub text: String,
    /// Our contexts.
    pub contexts: Vec<MergedContext>,
    /// The current context before.
    pub previous: Option<String>,
    /// The current context after.
    pub current: Option<String>,
}

/// One of our contexts, together with its cluster and its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MergedContext {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: MergeOutcome,
}

/// Puts the entries of `addition` into the user's kubeconfig `target`, an empty one if there is none.
///
/// Entries of the same machine are replaced; a context keeps its namespace and whatever else we do not set.
///
/// Errors: `target` is not understood, or has entries of these names that are not of this machine.
pub(crate) fn merge(target: &str, addition: Addition<'_>) -> Result<Merged, MergeError> {
    let file = Parsed::new(target)?;
    let ours = Parsed::new(addition.kubeconfig)?;
    let mut steps = Vec::new();
    let mut outcomes: Vec<(String, MergeOutcome)> = Vec::new();
    for list in LISTS {
        for mut entry in ours.entries(list)? {
            mark(&mut entry, list, addition.machine);
            let name = name_of(&entry);
            let step = file.place(list, &name, entry, addition.machine)?;
            outcomes.push((name, step.outcome()));
            steps.push(step);
        }
    }
    let current = ours.current_context();
    if addition.switch && current.is_some() && file.current_context() != current {
        steps.extend(current.map(Edit::Current));
    }
    let contexts = ours.entries(List::Contexts)?;
    let text = file.edited(&steps)?;
    Ok(Merged {
        contexts: contexts.iter().map(|context| MergedContext::new(context, &outcomes)).collect(),
        previous: file.current_context(),
        current: Parsed::new(&text)?.current_context(),
        text,
    })
}

/// Takes the entries of `machine` out of the user's kubeconfig, and the current context if it was one of them.
/// The very same text when there are none.
///
/// Errors: `target` is not understood.
pub(crate) fn remove(target: &str, machine: &str) -> Result<String, MergeError> {
    let file = Parsed::new(target)?;
    let mut steps = Vec::new();
    for list in LISTS {
        for (index, entry) in file.entries(list)?.iter().enumerate().rev() {
            if machine_of(entry, list).as_deref() != Some(machine) {
                continue;
            }
            if list == List::Contexts && file.current_context() == Some(name_of(entry)) {
                steps.push(Edit::Current(String::new()));
            }
            steps.push(Edit::Remove { list, index });
        }
    }
    file.edited(&steps)
}

/// The names of the contexts in the kubeconfig `text`; none when it is not understood.
pub(crate) fn contexts(text: &str) -> Vec<String> {
    let entries = Parsed::new(text).and_then(|file| file.entries(List::Contexts));
    entries.unwrap_or_default().iter().map(name_of).collect()
}

impl MergedContext {
    fn new(context: &Value, outcomes: &[(String, MergeOutcome)]) -> Self {
        let name = name_of(context);
        let part = |of: &str| text(&context["context"][of]);
        let names = [Some(name.clone()), part("cluster"), part("user")];
        let own = outcomes.iter().filter(|(entry, _)| names.contains(&Some(entry.clone())));
        let outcome = own.map(|(_, outcome)| *outcome).max().unwrap_or(MergeOutcome::Unchanged);
        Self { name, outcome }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use serde_yaml::Mapping;

    use super::*;
    use crate::access::kubeconfig::edit::CURRENT;
    use crate::access::kubeconfig::parsed::BYTE_ORDER_MARK;

    const MACHINE: &str = "box-1c5d0f2e";

    fn ours(token: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: box\n  cluster:\n    server: https://192.0.2.7:6443\n\
             users:\n- name: box\n  user:\n    token: {token}\ncontexts:\n- name: box\n  context:\n    cluster: box\n    user: box\n\
             current-context: box\n"
        )
    }

    fn merge_token(target: &str, token: &str, switch: bool) -> Result<Merged, MergeError> {
        merge(target, Addition { kubeconfig: &ours(token), machine: MACHINE, switch })
    }

    #[track_caller]
    fn merged(target: &str) -> Merged {
        merge_token(target, "first", false).unwrap_or_else(|refusal| panic!("{refusal}: {target}"))
    }

    fn data(text: &str) -> Value {
        serde_yaml::from_str(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)).unwrap()
    }

    fn outcome(merged: &Merged) -> MergeOutcome {
        assert_eq!(merged.contexts.len(), 1);
        assert_eq!(merged.contexts[0].name, "box");
        merged.contexts[0].outcome
    }

    /// As people and programs write them.
    const FILES: [&str; 26] = [
        "",
        "# mine\n",
        "---\n",
        "{}",
        "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: \"\"\nkind: Config\npreferences: {}\nusers: null\n",
        "apiVersion: v1\nclusters: []  # none yet\nkind: Config",
        "apiVersion: v1\nclusters: # none yet\nkind: Config\n",
        "# top\nclusters: # c1\n# first\n- cluster: # c2\n    # c3\n    server: https://a\n  # c4\n  name: a # c5\n# c6\n- name: b # c7\n  cluster: {}\n  # c8\n\n# c9\ncontexts: [] # c10\n# c11\n",
        "clusters:\n  - cluster:\n      server: https://a\n    name: a\n  # - name: old\ncontexts: []\n",
        "clusters:\n- cluster:\n    server: https://a\n  name: a",
        "clusters: [{name: a, cluster: {server: https://a}}]\n",
        "clusters: [ # c0\n  {name: a, cluster: {server: https://a}}, # c1\n  {name: b,\n   cluster: {}} # c2\n ] # c4\n",
        "clusters: [\n  {name: a, cluster: {server: https://a}},\n ]\n",
        "{\"clusters\":[{\"name\":\"a\",\"cluster\":{\"server\":\"https://a\"}}],\"contexts\":null}",
        "{\n\t\"kind\": \"Config\",\n\t\"clusters\": [\n\t\t{\n\t\t\t\"name\": \"a\"\n\t\t}\n\t]\n}\n",
        "clusters:\n- name: a\n  cluster:\n    certificate-authority-data: |\n      QUJD\n      REVG\n\n\nusers: []\n",
        "clusters:\n- name: a\n  cluster:\n    certificate-authority-data: |+\n      QUJD\n      REVG\n\n",
        "clusters:\n- name: a\n  cluster:\n    certificate-authority-data: QUJD\n      REVG\n      XYZ\nusers:\n",
        "clusters:\n- name: a\n  cluster:\n    certificate-authority-data: \"QUJD\\\n      REVG\"\n",
        "x-defaults: &x {server: https://a}\nclusters:\n- name: a\n  cluster: *x\n- name: b\n  cluster:\n    <<: *x\n    foo: bar\n",
        "clusters:\n-   name: a\n    cluster: {}\n-\n    name: b\n",
        "---\n# hi\nclusters:\n- name: a\n  cluster: {}\n...\n",
        "\"clusters\":\n- \"name\": \"a\"\n  'cluster': {}\n",
        "\u{feff}# ünï\nclusters:\n- name: ä\n  cluster: {server: \"é\"} # ☃\n",
        "clusters:\n- name: a\t# tab\n  cluster: {}\t# t\ncontexts: []\n",
        "users:\n- name: a\n  user:\n    exec:\n      command: aws\n      args: [eks, \"#not\", 'a: b']\n      env: null\n",
    ];

    #[test]
    fn files_of_every_style_keep_all_they_have() {
        for file in FILES {
            for file in [file.to_owned(), file.replace('\n', "\r\n")] {
                keeps_all(&file, "# ");
            }
        }
    }

    /// Merges, merges again, merges other credentials, takes all out again. What begins with `comment` is one.
    #[track_caller]
    fn keeps_all(file: &str, comment: &str) {
        let first = merged(file);
        assert_eq!(outcome(&first), MergeOutcome::Added);
        assert_same_rest(file, &first.text, comment);
        assert_eq!(
            data(&first.text)["users"].as_sequence().unwrap().last().unwrap()["user"]["token"],
            "first"
        );

        let again = merged(&first.text);
        assert_eq!(again.text, first.text, "nothing is left to do");
        assert_eq!(outcome(&again), MergeOutcome::Unchanged);

        let second = merge_token(&first.text, "second", true).unwrap();
        assert_eq!(outcome(&second), MergeOutcome::Replaced);
        assert_same_rest(file, &second.text, comment);
        assert_eq!(
            data(&second.text)["users"].as_sequence().unwrap().last().unwrap()["user"]["token"],
            "second"
        );
        assert_eq!(data(&second.text)["current-context"], "box");

        let without = remove(&second.text, MACHINE).unwrap();
        assert_same_rest(file, &without, comment);
        assert!(!without.contains(MACHINE), "{without}");
    }

    /// True to the letter of `file` but for our entries.
    #[track_caller]
    fn assert_same_rest(file: &str, text: &str, comment: &str) {
        assert_eq!(rest(&data(file)), rest(&data(text)), "{file}\n--\n{text}");
        for (at, _) in file.match_indices(comment) {
            let comment = file[at..].lines().next().unwrap_or_default();
            assert!(text.contains(comment), "{comment}: {text}");
        }
        assert_eq!(file.starts_with(BYTE_ORDER_MARK), text.starts_with(BYTE_ORDER_MARK));
        if file.contains("\r\n") && !file.contains('{') {
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
        }
    }

    /// What is not ours, in its order; a list that is not there is as good as an empty one.
    fn rest(file: &Value) -> String {
        let mut file = file.as_mapping().cloned().unwrap_or_default();
        for key in ["clusters", "users", "contexts"] {
            let entries = file.shift_remove(key).and_then(|entries| entries.as_sequence().cloned());
            let others = entries.into_iter().flatten().filter(|entry| entry["name"] != "box").collect();
            file.insert(key.into(), Value::Sequence(others));
        }
        file.shift_remove(CURRENT);
        for (key, value) in [("apiVersion", "v1"), ("kind", "Config")] {
            if file.get(key).is_some_and(|found| found == value) {
                file.shift_remove(key);
            }
        }
        serde_yaml::to_string(&file).unwrap()
    }

    #[test]
    fn a_new_file_has_all_that_kubectl_wants() {
        assert_eq!(
            merged("# mine\n").text,
            "# mine\napiVersion: 'v1'\nkind: 'Config'\n\
             clusters:\n- name: 'box'\n  cluster:\n    server: 'https://192.0.2.7:6443'\n    extensions:\n    - name: 'service-manager'\n      extension:\n        machine: 'box-1c5d0f2e'\n\
             users:\n- name: 'box'\n  user:\n    token: 'first'\n    extensions:\n    - name: 'service-manager'\n      extension:\n        machine: 'box-1c5d0f2e'\n\
             contexts:\n- name: 'box'\n  context:\n    cluster: 'box'\n    user: 'box'\n    extensions:\n    - name: 'service-manager'\n      extension:\n        machine: 'box-1c5d0f2e'\n"
                .replace('\'', "\"")
        );
    }

    #[test]
    fn the_current_context_changes_on_request_only() {
        let file =
            "current-context: work # mine\ncontexts:\n- name: work\n  context: {cluster: a, user: a}\n";
        let kept = merged(file);
        assert_eq!((kept.previous.as_deref(), kept.current.as_deref()), (Some("work"), Some("work")));
        let switched = merge_token(file, "first", true).unwrap();
        assert_eq!((switched.previous.as_deref(), switched.current.as_deref()), (Some("work"), Some("box")));
        assert!(switched.text.starts_with("current-context: \"box\" # mine\n"), "{}", switched.text);
        assert_eq!(merged("").current, None);
        let without = remove(&switched.text, MACHINE).unwrap();
        assert!(without.starts_with("current-context: \"\" # mine\n"), "{without}");
        assert_eq!(remove(&kept.text, MACHINE).unwrap().lines().next(), file.lines().next());
    }

    #[test]
    fn a_context_keeps_its_namespace_and_what_other_programs_say() {
        let first = merged("").text;
        let edited = first.replace("    user: \"box\"\n    extensions:\n", "    user: box\n    namespace: web\n    extensions:\n    - name: other\n      extension: {a: b}\n");
        assert_ne!(edited, first);
        assert_eq!(outcome(&merged(&edited)), MergeOutcome::Replaced, "the order of the extensions is ours");
        let second = merge_token(&edited, "second", false).unwrap().text;
        let context = &data(&second)["contexts"][0]["context"];
        assert_eq!(context["namespace"], "web");
        assert_eq!(context["extensions"].as_sequence().unwrap().len(), 2);
        assert_eq!(data(&second)["users"][0]["user"]["token"], "second");
    }

    #[test]
    fn what_kubectl_makes_of_it_is_still_ours() {
        // As `kubectl config set-context` writes it: sorted, and in its own layout.
        let kubectl = "apiVersion: v1\nclusters:\n- cluster:\n    extensions:\n    - extension:\n        machine: box-1c5d0f2e\n      name: service-manager\n    server: https://192.0.2.7:6443\n  name: box\ncontexts:\n- context:\n    cluster: box\n    extensions:\n    - extension:\n        machine: box-1c5d0f2e\n      name: service-manager\n    namespace: web\n    user: box\n  name: box\ncurrent-context: \"\"\nkind: Config\npreferences: {}\nusers:\n- name: box\n  user:\n    extensions:\n    - extension:\n        machine: box-1c5d0f2e\n      name: service-manager\n    token: first\n";
        assert_eq!(merged(kubectl).text, kubectl);
    }

    #[test]
    fn entries_of_others_are_never_touched() {
        let taken = |target: &str| merge_token(target, "x", false).unwrap_err().to_string();
        for (target, refusal) in [
            ("users:\n- name: box\n  user: {token: mine}\n", "it has a user `box`, which is not from here"),
            (
                "contexts:\n- name: box\n  context: {extensions: [{name: x, extension: {machine: box-1c5d0f2e}}]}\n",
                "it has a context `box`, which is not from here",
            ),
            (
                "clusters:\n- name: box\n  cluster: {extensions: [{name: service-manager, extension: {machine: box-2}}]}\n",
                "it has a cluster `box`, which is of the machine `box-2`",
            ),
            (
                "x: &x {name: box}\nclusters:\n- <<: *x\n  cluster: {}\n",
                "it has a cluster `box`, which is not from here",
            ),
            ("clusters:\n- name: a\n- name: a\n", "it has the cluster `a` twice"),
        ] {
            assert_eq!(taken(target), refusal);
        }
        let others = merged("").text;
        assert_eq!(remove(&others, "box-2").unwrap(), others);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for target in [
            "a: [",
            "\tx",
            "a: 1\na: 2\n",
            "a: b\n---\na: b\n",
            "text",
            "- a",
            "clusters: x\n",
            "clusters: [x]\n",
            "clusters: {}\n",
            "kind: Deployment\n",
            "apiVersion: v2\n",
            "x: &x {clusters: []}\n<<: *x\n",
            "users: !!binary x\n",
            "a: *b\n",
            "kind: Config\n\0",
            "{\"a\":1,\"a\":2}",
            "<<<<<<< HEAD\na: b\n=======\na: c\n>>>>>>> x\n",
        ] {
            assert!(merge_token(target, "x", false).is_err(), "{target}");
        }
        let nested = format!("x: {}{}\n", "[".repeat(10_000), "]".repeat(10_000));
        assert!(merge_token(&nested, "x", false).is_err());
        let laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
            + &('b'..'k')
                .zip('a'..)
                .map(|(this, last)| {
                    format!("{this}: &{this} [{}]\n", vec![format!("*{last}"); 10].join(", "))
                })
                .collect::<String>();
        assert!(merge_token(&laughs, "x", false).is_err());
    }

    #[test]
    fn what_refers_to_our_entry_keeps_its_value() {
        let anchored = merged("").text.replacen("  cluster:\n", "  cluster: &c\n", 1) + "x: *c\n";
        if let Ok(without) = remove(&anchored, MACHINE) {
            assert_eq!(data(&without)["x"], data(&anchored)["x"]);
        }
    }

    #[test]
    fn comments_in_our_own_entries_are_no_obstacle() {
        let commented: String =
            merged("a: b\n").text.lines().map(|line| format!("{line} # x\n# y\n  # z\n")).collect();
        assert_eq!(outcome(&merged(&commented)), MergeOutcome::Unchanged);
        for text in [&commented, &commented.replace('\n', "\r\n")] {
            let second = merge_token(text, "second", true).unwrap();
            assert_eq!(data(&second.text)["users"][0]["user"]["token"], "second");
            assert!(second.text.starts_with("a: b # x"));
            assert_eq!(data(&remove(&second.text, MACHINE).unwrap())["users"], Value::Sequence(Vec::new()));
        }
    }

    #[test]
    fn text_that_looks_like_another_type_is_quoted_in_every_style() {
        for odd in ["y", "Off", "1_000", "0x_1F", "1:30", "~", "2001-01-01"] {
            let ours =
                ours("first").replace("first", &format!("'{odd}'")).replace(": box", &format!(": '{odd}'"));
            for file in FILES {
                let addition = Addition { kubeconfig: &ours, machine: MACHINE, switch: true };
                let text = merge(file, addition).unwrap().text;
                let [token, current] =
                    [format!("\"token\": \"{odd}\""), format!("\"current-context\": \"{odd}\"")];
                let block = |text: &str| text.replacen('"', "", 2);
                assert!(text.contains(&token) || text.contains(&block(&token)), "{text}");
                assert!(text.contains(&current) || text.contains(&block(&current)), "{text}");
                assert!(!text.contains(&format!(": {odd}\n")), "{text}");
            }
        }
    }

    #[test]
    fn several_contexts_go_in_together() {
        let two = "clusters:\n- {name: a, cluster: {}}\n- {name: b, cluster: {}}\nusers:\n- {name: a, user: {}}\n- {name: b, user: {}}\n\
                   contexts:\n- {name: a, context: {cluster: a, user: a}}\n- {name: b, context: {cluster: b, user: b}}\n";
        let merged = merge("", Addition { kubeconfig: two, machine: MACHINE, switch: true }).unwrap();
        assert_eq!(
            merged.contexts.iter().map(|context| context.name.as_str()).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(merged.current, None, "it names none");
        let without = remove(&merged.text, MACHINE).unwrap();
        assert_eq!(without, "apiVersion: \"v1\"\nkind: \"Config\"\nclusters: []\nusers: []\ncontexts: []\n");
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            "[a-z][a-z0-9.-]{0,9}".prop_map(Value::from),
            "[ -~]{0,12}".prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
            "[a-z# ]{1,5}\n[a-z: -]{1,5}\n?".prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        scalar().prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Sequence),
                prop::collection::vec(("[a-z]{1,6}", inner), 0..3).prop_map(|fields| {
                    Value::Mapping(fields.into_iter().map(|(key, value)| (key.into(), value)).collect())
                }),
            ]
        })
    }

    fn entries(of: &'static str) -> impl Strategy<Value = Value> {
        prop_oneof![
            1 => Just(Value::Null),
            4 => prop::collection::btree_map("[a-z]{1,4}|[a-z]+@[a-z:/]+", value(), 0..4).prop_map(move |entries| {
                let entry = |(name, value): (String, Value)| {
                    [("name".into(), name.into()), (of.into(), value)].into_iter().collect::<Mapping>()
                };
                Value::Sequence(entries.into_iter().filter(|(name, _)| name != "box").map(entry).map(Value::Mapping).collect())
            }),
        ]
    }

    fn kubeconfig() -> impl Strategy<Value = Value> {
        let field = prop_oneof![
            entries("cluster").prop_map(|value| ("clusters", value)),
            entries("user").prop_map(|value| ("users", value)),
            entries("context").prop_map(|value| ("contexts", value)),
            value().prop_map(|value| ("preferences", value)),
            value().prop_map(|value| ("x-own", value)),
            Just(("current-context", "other".into())),
        ];
        prop::collection::vec(field, 1..7).prop_map(|fields| {
            Value::Mapping(fields.into_iter().map(|(key, value)| (key.into(), value)).collect())
        })
    }

    #[derive(Clone, Copy, Debug)]
    enum Style {
        Block,
        Json,
        Pretty,
        Flow,
    }

    fn written(file: &Value, style: Style, comments: &[usize], crlf: bool, cut: bool) -> Option<String> {
        let mut text = match style {
            Style::Block => serde_yaml::to_string(file).ok()?,
            Style::Json => serde_json::to_string(file).ok()?,
            Style::Pretty => serde_json::to_string_pretty(file).ok()?,
            Style::Flow => {
                let fields = file.as_mapping()?.iter();
                let field = |(key, value): (&Value, &Value)| {
                    Some(format!("{}: {}\n", key.as_str()?, serde_json::to_string(value).ok()?))
                };
                fields.map(field).collect::<Option<String>>()?
            }
        };
        for (number, place) in comments.iter().enumerate() {
            let at: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
            let at = if at.is_empty() { 0 } else { at[place % at.len()] };
            text.insert_str(at, &format!("{}# comment {number}\n", " ".repeat(place % 5)));
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if cut {
            text.truncate(text.trim_end().len());
        }
        // A comment in the middle of a text is none.
        (data_of(&text)? == *file).then_some(text)
    }

    fn data_of(text: &str) -> Option<Value> {
        serde_yaml::from_str(text).ok()
    }

    proptest! {
        // Each case merges and removes several times.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn whatever_is_not_ours_stays(
            file in kubeconfig(),
            style in prop::sample::select(vec![Style::Block, Style::Json, Style::Pretty, Style::Flow]),
            comments in prop::collection::vec(0_usize..100, 0..6),
            (crlf, cut) in any::<(bool, bool)>(),
        ) {
            let text = written(&file, style, &comments, crlf, cut);
            prop_assume!(text.is_some());
            keeps_all(&text.unwrap(), "# comment");
        }

        #[test]
        fn nothing_makes_it_panic(text in "(clusters|users|[a-z]{0,3}|[ \n\t:#\\[\\]{},*&!|>'\"-]){0,40}") {
            if let Ok(merged) = merge_token(&text, "x", true) {
                prop_assert_eq!(rest(&data(&text)), rest(&data(&merged.text)));
            }
        }
    }
}
