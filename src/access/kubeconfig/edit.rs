//! One change of a kubeconfig, made in its data and in its text.

use std::str::FromStr;

use serde::Serialize;
use serde_yaml::{Mapping, Value};
use yaml_edit::Document;

use super::list::List;
use crate::base::yaml;

/// What became of an entry. The one that tells most is last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MergeOutcome {
    /// It was there.
    Unchanged,
    /// It was not there.
    Added,
    /// An older one of ours was there.
    Replaced,
}

/// One change of a kubeconfig.
pub(super) enum Edit {
    Keep,
    Append { list: List, entry: Value },
    Replace { list: List, index: usize, entry: Value },
    Remove { list: List, index: usize },
    Current(String),
}

impl Edit {
    pub(super) fn outcome(&self) -> MergeOutcome {
        match self {
            Self::Append { .. } => MergeOutcome::Added,
            Self::Replace { .. } => MergeOutcome::Replaced,
            _ => MergeOutcome::Unchanged,
        }
    }

    /// Makes the change in the data.
    pub(super) fn in_data(&self, root: &mut Mapping) {
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
    pub(super) fn in_text(&self, root: &yaml_edit::Mapping) -> Option<()> {
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
            Self::Current(name) => root.set(CURRENT, block(&Value::from(name.as_str()))?.as_scalar()?),
        }
        Some(())
    }
}

fn block(value: &Value) -> Option<Document> {
    Document::from_str(&yaml::to_string(value).ok()?).ok()
}

pub(super) const CURRENT: &str = "current-context";
