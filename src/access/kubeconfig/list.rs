//! The lists of a kubeconfig, and what an entry in them says.

use std::fmt;

use serde_yaml::{Mapping, Value};

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

impl List {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Users => "users",
            Self::Contexts => "contexts",
        }
    }

    /// The key of an entry's content; also what kubectl calls it.
    pub(super) fn singular(self) -> &'static str {
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

/// Marks `entry` as made for `machine`. kubectl keeps extensions, and looks into none that it does not know.
pub(super) fn mark(entry: &mut Value, list: List, machine: &str) {
    let named = |key: &str, value: Value| [(Value::from(key), value)].into_iter().collect::<Mapping>();
    let mut extension = named("name", EXTENSION.into());
    extension.insert("extension".into(), Value::Mapping(named("machine", machine.into())));
    entry[list.singular()]["extensions"] = Value::Sequence(vec![Value::Mapping(extension)]);
}

/// The key of the machine that `entry` was made for.
pub(super) fn machine_of(entry: &Value, list: List) -> Option<String> {
    let extensions = entry.get(list.singular())?.get("extensions")?.as_sequence()?;
    let own = extensions.iter().find(|extension| extension["name"] == EXTENSION)?;
    text(own.get("extension")?.get("machine")?)
}

/// Takes over what `old` has and `new` does not set, such as a namespace, and the extensions of other programs.
pub(super) fn keep_the_rest(old: &Value, new: &mut Value, list: List) {
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

pub(super) fn name_of(entry: &Value) -> String {
    entry.get("name").and_then(text).unwrap_or_default()
}

/// A scalar as kubectl reads it where it wants text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

pub(super) const LISTS: [List; 3] = [List::Clusters, List::Users, List::Contexts];
/// The name of our mark among an entry's extensions.
const EXTENSION: &str = "service-manager";
