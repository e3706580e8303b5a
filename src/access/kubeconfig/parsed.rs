//! The user's kubeconfig, as text and as data: edited in both, and compared.

use std::ops::Range;
use std::str::FromStr;

use serde::de::IgnoredAny;
use serde_yaml::{Mapping, Value};
use yaml_edit::YamlFile;

use super::edit::{CURRENT, Edit};
use super::error::MergeError;
use super::list::{LISTS, List, keep_the_rest, machine_of, name_of, text};
use crate::base::yaml;

/// A kubeconfig, as text and as data.
pub(super) struct Parsed<'a> {
    /// Without the byte order mark.
    text: &'a str,
    mark: &'static str,
    /// As it stands there.
    root: Mapping,
    /// With all merge keys (`<<`) followed.
    full: Value,
}

impl<'a> Parsed<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, MergeError> {
        let (mark, text) =
            text.strip_prefix(BYTE_ORDER_MARK).map_or(("", text), |rest| (BYTE_ORDER_MARK, rest));
        let mut full: Value = serde_yaml::from_str(text).map_err(MergeError::NotYaml)?;
        let root = match &full {
            Value::Mapping(root) => root.clone(),
            Value::Null => Mapping::new(),
            _ => return Err(MergeError::NotKubeconfig("it has no fields")),
        };
        full.apply_merge().map_err(MergeError::NotYaml)?;
        let file = Self { text, mark, root, full };
        file.refuse_other_kinds()?;
        LISTS.iter().try_for_each(|list| file.refuse_doubles(*list))?;
        Ok(file)
    }

    fn refuse_other_kinds(&self) -> Result<(), MergeError> {
        let is = |key: &str, value: &str| self.root.get(key).is_none_or(|found| found == value);
        if !is("kind", "Config") {
            return Err(MergeError::NotKubeconfig("its `kind` is not `Config`"));
        }
        if !is("apiVersion", "v1") {
            return Err(MergeError::NotKubeconfig("its `apiVersion` is not `v1`"));
        }
        if self.root.contains_key("<<") {
            return Err(MergeError::NotKubeconfig("it has a merge key (`<<`) at its top"));
        }
        Ok(())
    }

    fn refuse_doubles(&self, list: List) -> Result<(), MergeError> {
        let mut names: Vec<String> = self.entries(list)?.iter().map(name_of).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(MergeError::Twice { list, name: pair[0].clone() }),
            None => Ok(()),
        }
    }

    pub(super) fn entries(&self, list: List) -> Result<Vec<Value>, MergeError> {
        let wrong = MergeError::NotKubeconfig("`clusters`, `users` and `contexts` are not lists of entries");
        match self.full.get(list.key()) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Sequence(entries)) if entries.iter().all(Value::is_mapping) => Ok(entries.clone()),
            Some(_) => Err(wrong),
        }
    }

    pub(super) fn current_context(&self) -> Option<String> {
        self.root.get(CURRENT).and_then(text).filter(|name| !name.is_empty())
    }

    /// What to do so that `entry` is in `list`.
    pub(super) fn place(
        &self,
        list: List,
        name: &str,
        mut entry: Value,
        machine: &str,
    ) -> Result<Edit, MergeError> {
        let entries = self.entries(list)?;
        let Some(index) = entries.iter().position(|entry| name_of(entry) == name) else {
            return Ok(Edit::Append { list, entry });
        };
        let name = name.to_owned();
        match machine_of(&entries[index], list) {
            Some(marked) if marked == machine => {}
            Some(machine) => return Err(MergeError::OtherMachine { list, name, machine }),
            None => return Err(MergeError::Taken { list, name }),
        }
        if list == List::Contexts {
            keep_the_rest(&entries[index], &mut entry, list);
        }
        Ok(if entries[index] == entry { Edit::Keep } else { Edit::Replace { list, index, entry } })
    }

    /// The text after `steps`.
    pub(super) fn edited(&self, steps: &[Edit]) -> Result<String, MergeError> {
        if steps.iter().all(|step| matches!(step, Edit::Keep)) {
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
            yaml::to_json(&wanted)
        } else if self.root.is_empty() {
            self.with_all_below(&wanted)
        } else {
            self.with_steps(steps)
        };
        let text = text.filter(|text| is_exactly(text, &wanted)).ok_or(MergeError::Rest)?;
        Ok(format!("{}{text}", self.mark))
    }

    /// The text of a file without fields, which may have comments.
    fn with_all_below(&self, wanted: &Value) -> Option<String> {
        let text = yaml::to_string(wanted).ok()?;
        let text = if self.text.contains("\r\n") { text.replace('\n', "\r\n") } else { text };
        let between = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { "\n" };
        Some(format!("{}{between}{text}", self.text))
    }

    fn with_steps(&self, steps: &[Edit]) -> Option<String> {
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
fn replaced(step: &Edit, root: &yaml_edit::Mapping, text: &str) -> Option<Range<usize>> {
    let (Edit::Replace { list, index, .. } | Edit::Remove { list, index }) = step else { return Some(0..0) };
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

pub(super) const BYTE_ORDER_MARK: &str = "\u{feff}";
