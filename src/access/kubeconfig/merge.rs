//! The user's own kubeconfig with our entries in it, or without them. Pure: text in, text out.
//!
//! The text is edited where it has to change and nowhere else, so that comments, order and unknown fields stay.
//! A second parser then reads the result: it has to be the file as it was, with our entries. Else it is refused.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::de::IgnoredAny;
use serde_yaml::{Mapping, Value};
use yaml_edit::{Document, YamlFile};

/// What is to be in the user's kubeconfig.
#[derive(Clone, Copy, Debug)]
pub struct Addition<'a> {
    /// The kubeconfig that [`super::write()`] made; it may have several contexts.
    pub kubeconfig: &'a str,
    /// The key of the machine that it is for: the mark of its entries.
    pub machine: &'a str,
    /// Its current context becomes that of the user.
    pub switch: bool,
}

/// The user's kubeconfig with our entries in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The whole text; the very same when there was nothing to do.
    pub text: String,
    /// Our contexts.
    pub contexts: Vec<Context>,
    /// The current context before.
    pub previous: Option<String>,
    /// The current context after.
    pub current: Option<String>,
}

/// One of our contexts, together with its cluster and its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an entry. The one that tells most is last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was there.
    Unchanged,
    /// It was not there.
    Added,
    /// An older one of ours was there.
    Replaced,
}

/// Why the user's kubeconfig is left alone.
#[derive(Debug, thiserror::Error)]
pub enum MergeRefusal {
    /// It cannot be parsed.
    #[error("it cannot be read")]
    NotYaml(#[source] serde_yaml::Error),
    /// It is something else.
    #[error("it is no kubeconfig: {0}")]
    NotKubeconfig(&'static str),
    /// kubectl reads no such file.
    #[error("it has the {list} `{name}` twice")]
    Twice {
        /// Where.
        list: List,
        /// The name.
        name: String,
    },
    /// The user, or another program, has made an entry of our name.
    #[error("it has a {list} `{name}`, which is not from here")]
    Taken {
        /// Where.
        list: List,
        /// The name.
        name: String,
    },
    /// Another machine has the name.
    #[error("it has a {list} `{name}`, which is of the machine `{machine}`")]
    OtherMachine {
        /// Where.
        list: List,
        /// The name.
        name: String,
        /// The key of the other machine.
        machine: String,
    },
    /// The edited text would not be the old one with our entries.
    #[error("it is written in a way that cannot be changed without touching the rest of it")]
    Rest,
}

/// The lists of a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Where.
    Clusters,
    /// As whom.
    Users,
    /// Both together.
    Contexts,
}

/// Puts the entries of `addition` into the user's kubeconfig `target`, an empty one if there is none.
///
/// Entries of the same machine are replaced; a context keeps its namespace and whatever else we do not set.
///
/// Errors: `target` is not understood, or has entries of these names that are not of this machine.
pub fn merge(target: &str, addition: Addition<'_>) -> Result<Merged, MergeRefusal> {
    let file = Parsed::new(target)?;
    let ours = Parsed::new(addition.kubeconfig)?;
    let mut steps = Vec::new();
    let mut outcomes: Vec<(String, Outcome)> = Vec::new();
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
        steps.extend(current.map(Step::Current));
    }
    let contexts = ours.entries(List::Contexts)?;
    let text = file.edited(&steps)?;
    Ok(Merged {
        contexts: contexts.iter().map(|context| Context::new(context, &outcomes)).collect(),
        previous: file.current_context(),
        current: Parsed::new(&text)?.current_context(),
        text,
    })
}

/// Takes the entries of `machine` out of the user's kubeconfig, and the current context if it was one of them.
/// The very same text when there are none.
///
/// Errors: `target` is not understood.
pub fn remove(target: &str, machine: &str) -> Result<String, MergeRefusal> {
    let file = Parsed::new(target)?;
    let mut steps = Vec::new();
    for list in LISTS {
        for (index, entry) in file.entries(list)?.iter().enumerate().rev() {
            if machine_of(entry, list).as_deref() != Some(machine) {
                continue;
            }
            if list == List::Contexts && file.current_context() == Some(name_of(entry)) {
                steps.push(Step::Current(String::new()));
            }
            steps.push(Step::Remove { list, index });
        }
    }
    file.edited(&steps)
}

/// The names of the contexts in the kubeconfig `text`; none when it is not understood.
pub fn contexts(text: &str) -> Vec<String> {
    let entries = Parsed::new(text).and_then(|file| file.entries(List::Contexts));
    entries.unwrap_or_default().iter().map(name_of).collect()
}

impl Context {
    fn new(context: &Value, outcomes: &[(String, Outcome)]) -> Self {
        let name = name_of(context);
        let part = |of: &str| text(&context["context"][of]);
        let names = [Some(name.clone()), part("cluster"), part("user")];
        let own = outcomes.iter().filter(|(entry, _)| names.contains(&Some(entry.clone())));
        let outcome = own.map(|(_, outcome)| *outcome).max().unwrap_or(Outcome::Unchanged);
        Self { name, outcome }
    }
}

impl List {
    fn key(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Users => "users",
            Self::Contexts => "contexts",
        }
    }

    /// The key of an entry's content; also what kubectl calls it.
    fn singular(self) -> &'static str {
        match self {
            Self::Clusters => "cluster",
            Self::Users => "user",
            Self::Contexts => "context",
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.singular())
    }
}

/// One change of a kubeconfig.
enum Step {
    Keep,
    Append { list: List, entry: Value },
    Replace { list: List, index: usize, entry: Value },
    Remove { list: List, index: usize },
    Current(String),
}

impl Step {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Append { .. } => Outcome::Added,
            Self::Replace { .. } => Outcome::Replaced,
            _ => Outcome::Unchanged,
        }
    }

    /// Makes the change in the data.
    fn in_data(&self, root: &mut Mapping) {
        match self {
            Self::Keep => {}
            Self::Append { list, entry } => match root.get_mut(list.key()).and_then(Value::as_sequence_mut) {
                Some(entries) => entries.push(entry.clone()),
                None => {
                    root.insert(list.key().into(), Value::Sequence(vec![entry.clone()]));
                }
            },
            Self::Replace { list, index, entry } => root[list.key()][*index] = entry.clone(),
            Self::Remove { list, index } => {
                if let Some(entries) = root.get_mut(list.key()).and_then(Value::as_sequence_mut) {
                    entries.remove(*index);
                }
            }
            Self::Current(name) => {
                root.insert(CURRENT.into(), name.as_str().into());
            }
        }
    }

    /// Makes the change in the text; none when it cannot be done there.
    fn in_text(&self, root: &yaml_edit::Mapping) -> Option<()> {
        match self {
            Self::Keep => {}
            Self::Append { list, entry } => {
                if let Some(entries) = root.get_sequence(list.key()) {
                    entries.push(block(entry)?.as_mapping()?);
                    return Some(());
                }
                let mut alone = Mapping::new();
                alone.insert(list.key().into(), Value::Sequence(vec![entry.clone()]));
                let alone = block(&Value::Mapping(alone))?.as_mapping()?;
                root.set(list.key(), alone.get_sequence(list.key())?);
            }
            Self::Replace { list, index, entry } => {
                root.get_sequence(list.key())?.set(*index, block(entry)?.as_mapping()?);
            }
            Self::Remove { list, index } => {
                root.get_sequence(list.key())?.remove(*index)?;
            }
            Self::Current(name) => root.set(CURRENT, name.as_str()),
        }
        Some(())
    }
}

/// A kubeconfig, as text and as data.
struct Parsed<'a> {
    /// Without the byte order mark.
    text: &'a str,
    mark: &'static str,
    /// As it stands there.
    root: Mapping,
    /// With all merge keys (`<<`) followed.
    full: Value,
}

impl<'a> Parsed<'a> {
    fn new(text: &'a str) -> Result<Self, MergeRefusal> {
        let (mark, text) =
            text.strip_prefix(BYTE_ORDER_MARK).map_or(("", text), |rest| (BYTE_ORDER_MARK, rest));
        let mut full: Value = serde_yaml::from_str(text).map_err(MergeRefusal::NotYaml)?;
        let root = match &full {
            Value::Mapping(root) => root.clone(),
            Value::Null => Mapping::new(),
            _ => return Err(MergeRefusal::NotKubeconfig("it has no fields")),
        };
        full.apply_merge().map_err(MergeRefusal::NotYaml)?;
        let file = Self { text, mark, root, full };
        file.refuse_other_kinds()?;
        LISTS.iter().try_for_each(|list| file.refuse_doubles(*list))?;
        Ok(file)
    }

    fn refuse_other_kinds(&self) -> Result<(), MergeRefusal> {
        let is = |key: &str, value: &str| self.root.get(key).is_none_or(|found| found == value);
        if !is("kind", "Config") {
            return Err(MergeRefusal::NotKubeconfig("its `kind` is not `Config`"));
        }
        if !is("apiVersion", "v1") {
            return Err(MergeRefusal::NotKubeconfig("its `apiVersion` is not `v1`"));
        }
        if self.root.contains_key("<<") {
            return Err(MergeRefusal::NotKubeconfig("it has a merge key (`<<`) at its top"));
        }
        Ok(())
    }

    fn refuse_doubles(&self, list: List) -> Result<(), MergeRefusal> {
        let mut names: Vec<String> = self.entries(list)?.iter().map(name_of).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(MergeRefusal::Twice { list, name: pair[0].clone() }),
            None => Ok(()),
        }
    }

    fn entries(&self, list: List) -> Result<Vec<Value>, MergeRefusal> {
        let wrong =
            MergeRefusal::NotKubeconfig("`clusters`, `users` and `contexts` are not lists of entries");
        match self.full.get(list.key()) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Sequence(entries)) if entries.iter().all(Value::is_mapping) => Ok(entries.clone()),
            Some(_) => Err(wrong),
        }
    }

    fn current_context(&self) -> Option<String> {
        self.root.get(CURRENT).and_then(text).filter(|name| !name.is_empty())
    }

    /// What to do so that `entry` is in `list`.
    fn place(&self, list: List, name: &str, mut entry: Value, machine: &str) -> Result<Step, MergeRefusal> {
        let entries = self.entries(list)?;
        let Some(index) = entries.iter().position(|entry| name_of(entry) == name) else {
            return Ok(Step::Append { list, entry });
        };
        let name = name.to_owned();
        match machine_of(&entries[index], list) {
            Some(marked) if marked == machine => {}
            Some(machine) => return Err(MergeRefusal::OtherMachine { list, name, machine }),
            None => return Err(MergeRefusal::Taken { list, name }),
        }
        if list == List::Contexts {
            keep_the_rest(&entries[index], &mut entry, list);
        }
        Ok(if entries[index] == entry { Step::Keep } else { Step::Replace { list, index, entry } })
    }

    /// The text after `steps`.
    fn edited(&self, steps: &[Step]) -> Result<String, MergeRefusal> {
        if steps.iter().all(|step| matches!(step, Step::Keep)) {
            return Ok(format!("{}{}", self.mark, self.text));
        }
        let mut wanted = self.root.clone();
        if wanted.is_empty() {
            wanted.insert("apiVersion".into(), "v1".into());
            wanted.insert("kind".into(), "Config".into());
        }
        for step in steps {
            step.in_data(&mut wanted);
        }
        let wanted = Value::Mapping(wanted);
        let text = if serde_json::from_str::<IgnoredAny>(self.text).is_ok() {
            serde_json::to_string_pretty(&wanted).ok().map(|text| text + "\n")
        } else if self.root.is_empty() {
            self.with_all_below(&wanted)
        } else {
            self.with_steps(steps)
        };
        let text = text.filter(|text| is_exactly(text, &wanted)).ok_or(MergeRefusal::Rest)?;
        Ok(format!("{}{text}", self.mark))
    }

    /// The text of a file without fields, which may have comments.
    fn with_all_below(&self, wanted: &Value) -> Option<String> {
        let text = serde_yaml::to_string(wanted).ok()?;
        let text = if self.text.contains("\r\n") { text.replace('\n', "\r\n") } else { text };
        let between = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { "\n" };
        Some(format!("{}{between}{text}", self.text))
    }

    fn with_steps(&self, steps: &[Step]) -> Option<String> {
        let file = YamlFile::from_str(self.text).ok()?;
        let root = file.document()?.as_mapping()?;
        let given_up =
            steps.iter().map(|step| replaced(step, &root, self.text)).collect::<Option<Vec<_>>>()?;
        let is_given_up = |range: &Range<usize>| given_up.iter().any(|gone| gone.contains(&range.start));
        let comments: Vec<String> = file
            .comments()
            .filter(|comment| !is_given_up(&comment.text_range().into()))
            .map(|comment| comment.text().trim_end().to_owned())
            .collect();
        for step in steps {
            step.in_text(&root)?;
        }
        let text = file.to_string();
        has_comments(&text, comments).then_some(text)
    }
}

/// The lines of `text` that go with `step`, with the comments in them; empty when nothing goes.
fn replaced(step: &Step, root: &yaml_edit::Mapping, text: &str) -> Option<Range<usize>> {
    let (Step::Replace { list, index, .. } | Step::Remove { list, index }) = step else { return Some(0..0) };
    let entry = root.get_sequence(list.key())?.get(*index)?.as_mapping()?.byte_range();
    let (before, after) = (text.get(..entry.start as usize)?, text.get(entry.end as usize..)?);
    let mut start = before.rfind('\n').map_or(0, |end| end + 1);
    // The hyphen may stand on a line of its own, with a comment.
    while before[start..].trim().is_empty() && start > 0 {
        start = before[..start - 1].rfind('\n').map_or(0, |end| end + 1);
    }
    let end = text.len() - after.len() + after.find('\n').unwrap_or(after.len());
    Some(start..end)
}

fn has_comments(text: &str, mut wanted: Vec<String>) -> bool {
    let Ok(file) = YamlFile::from_str(text) else { return false };
    for comment in file.comments() {
        if let Some(index) = wanted.iter().position(|wanted| wanted == comment.text().trim_end()) {
            wanted.remove(index);
        }
    }
    wanted.is_empty()
}

/// True when another parser than the one that edits takes `text` for `wanted`, in this order.
fn is_exactly(text: &str, wanted: &Value) -> bool {
    let Ok(read) = serde_yaml::from_str::<Value>(text) else { return false };
    matches!((serde_yaml::to_string(&read), serde_yaml::to_string(wanted)), (Ok(a), Ok(b)) if a == b)
}

fn block(value: &Value) -> Option<Document> {
    Document::from_str(&serde_yaml::to_string(value).ok()?).ok()
}

/// Marks `entry` as made for `machine`. kubectl keeps extensions, and looks into none that it does not know.
fn mark(entry: &mut Value, list: List, machine: &str) {
    let named = |key: &str, value: Value| [(Value::from(key), value)].into_iter().collect::<Mapping>();
    let mut extension = named("name", EXTENSION.into());
    extension.insert("extension".into(), Value::Mapping(named("machine", machine.into())));
    entry[list.singular()]["extensions"] = Value::Sequence(vec![Value::Mapping(extension)]);
}

/// The key of the machine that `entry` was made for.
fn machine_of(entry: &Value, list: List) -> Option<String> {
    let extensions = entry.get(list.singular())?.get("extensions")?.as_sequence()?;
    let own = extensions.iter().find(|extension| extension["name"] == EXTENSION)?;
    text(own.get("extension")?.get("machine")?)
}

/// Takes over what `old` has and `new` does not set, such as a namespace, and the extensions of other programs.
fn keep_the_rest(old: &Value, new: &mut Value, list: List) {
    let key = list.singular();
    let (Some(old), Some(new)) = (old[key].as_mapping(), new[key].as_mapping_mut()) else { return };
    for (field, value) in old {
        if !new.contains_key(field) {
            new.insert(field.clone(), value.clone());
        }
    }
    let others = old.get("extensions").and_then(Value::as_sequence).into_iter().flatten();
    let others = others.filter(|extension| extension["name"] != EXTENSION).cloned();
    if let Some(extensions) = new.get_mut("extensions").and_then(Value::as_sequence_mut) {
        extensions.extend(others);
    }
}

fn name_of(entry: &Value) -> String {
    entry.get("name").and_then(text).unwrap_or_default()
}

/// A scalar as kubectl reads it where it wants text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

const LISTS: [List; 3] = [List::Clusters, List::Users, List::Contexts];
const CURRENT: &str = "current-context";
/// The name of our mark among an entry's extensions.
const EXTENSION: &str = "service-manager";
const BYTE_ORDER_MARK: &str = "\u{feff}";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MACHINE: &str = "box-1c5d0f2e";

    fn ours(token: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: box\n  cluster:\n    server: https://192.0.2.7:6443\n\
             users:\n- name: box\n  user:\n    token: {token}\ncontexts:\n- name: box\n  context:\n    cluster: box\n    user: box\n\
             current-context: box\n"
        )
    }

    fn merge_token(target: &str, token: &str, switch: bool) -> Result<Merged, MergeRefusal> {
        merge(target, Addition { kubeconfig: &ours(token), machine: MACHINE, switch })
    }

    #[track_caller]
    fn merged(target: &str) -> Merged {
        merge_token(target, "first", false).unwrap_or_else(|refusal| panic!("{refusal}: {target}"))
    }

    fn data(text: &str) -> Value {
        serde_yaml::from_str(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)).unwrap()
    }

    fn outcome(merged: &Merged) -> Outcome {
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
        assert_eq!(outcome(&first), Outcome::Added);
        assert_same_rest(file, &first.text, comment);
        assert_eq!(
            data(&first.text)["users"].as_sequence().unwrap().last().unwrap()["user"]["token"],
            "first"
        );

        let again = merged(&first.text);
        assert_eq!(again.text, first.text, "nothing is left to do");
        assert_eq!(outcome(&again), Outcome::Unchanged);

        let second = merge_token(&first.text, "second", true).unwrap();
        assert_eq!(outcome(&second), Outcome::Replaced);
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
            "# mine\napiVersion: v1\nkind: Config\n\
             clusters:\n- name: box\n  cluster:\n    server: https://192.0.2.7:6443\n    extensions:\n    - name: service-manager\n      extension:\n        machine: box-1c5d0f2e\n\
             users:\n- name: box\n  user:\n    token: first\n    extensions:\n    - name: service-manager\n      extension:\n        machine: box-1c5d0f2e\n\
             contexts:\n- name: box\n  context:\n    cluster: box\n    user: box\n    extensions:\n    - name: service-manager\n      extension:\n        machine: box-1c5d0f2e\n"
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
        assert!(switched.text.starts_with("current-context: box # mine\n"), "{}", switched.text);
        assert_eq!(merged("").current, None);
        let without = remove(&switched.text, MACHINE).unwrap();
        assert!(without.starts_with("current-context: '' # mine\n"), "{without}");
        assert_eq!(remove(&kept.text, MACHINE).unwrap().lines().next(), file.lines().next());
    }

    #[test]
    fn a_context_keeps_its_namespace_and_what_other_programs_say() {
        let first = merged("").text;
        let edited = first.replace("    user: box\n    extensions:\n", "    user: box\n    namespace: web\n    extensions:\n    - name: other\n      extension: {a: b}\n");
        assert_ne!(edited, first);
        assert_eq!(outcome(&merged(&edited)), Outcome::Replaced, "the order of the extensions is ours");
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
        assert_eq!(outcome(&merged(&commented)), Outcome::Unchanged);
        for text in [&commented, &commented.replace('\n', "\r\n")] {
            let second = merge_token(text, "second", true).unwrap();
            assert_eq!(data(&second.text)["users"][0]["user"]["token"], "second");
            assert!(second.text.starts_with("a: b # x"));
            assert_eq!(data(&remove(&second.text, MACHINE).unwrap())["users"], Value::Sequence(Vec::new()));
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
        assert_eq!(without, "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n");
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
