//! A service of the catalogue, and the file that it would be.

use std::borrow::Cow;
use std::path::PathBuf;

use super::error::Error;
use super::types::Service;
use crate::base::yaml;

/// A service and where it is from.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The service.
    pub service: Service,
    /// True when the program brings it, or most of it, along.
    pub built_in: bool,
    /// The user's files that made it, the one that was read last at the end.
    pub files: Vec<PathBuf>,
    /// The file, where it is all from one.
    pub(super) text: Option<Cow<'static, str>>,
}

impl Entry {
    /// The service as a file: the one that it is from, comments and all, or one that says as much as several.
    ///
    /// Errors: none that is known; what was read can be written.
    pub(crate) fn text(&self) -> Result<Cow<'_, str>, Error> {
        if let Some(text) = &self.text {
            return Ok(Cow::Borrowed(text));
        }
        let written = serde_yaml::to_value(&self.service)
            .and_then(|value| yaml::to_string(&without_defaults(value)))
            .map_err(|source| Error::ServiceText { source })?;
        Ok(format!("{SCHEMA_LINE}\n{written}").into())
    }
}

/// Leaves out what says nothing: every key whose value may be so may be left out too.
fn without_defaults(value: serde_yaml::Value) -> serde_yaml::Value {
    use serde_yaml::Value;
    let says_nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
        _ => false,
    };
    match value {
        Value::Mapping(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, without_defaults(value)));
            Value::Mapping(entries.filter(|(_, value)| !says_nothing(value)).collect())
        }
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(without_defaults).collect()),
        value => value,
    }
}

/// Tells editors which schema a file follows (<https://github.com/redhat-developer/yaml-language-server>).
pub(super) const SCHEMA_LINE: &str = "# yaml-language-server: $schema=schema.json";
