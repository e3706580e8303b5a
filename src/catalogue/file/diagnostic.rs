//! What is wrong with a service file, and where.

use std::fmt;
use std::path::PathBuf;

use crate::base::text::{escape_control, sanitize};

/// One thing that is wrong with a service file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    /// Where it is; none when it is about the whole file.
    pub position: Option<Position>,
    /// The field, as `flavours[0].units[1]`; empty for the whole file.
    pub field: Field,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: Option<String>,
}

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    /// The line.
    pub line: usize,
    /// The character in that line.
    pub column: usize,
}

/// The way from the whole of a file to one field in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Field(String);

/// A mistake and the file it is in: `FILE:LINE:COLUMN: FIELD: what; hint`. Text of the file shows as
/// [`sanitize`] has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileDiagnostic {
    /// The file.
    pub path: PathBuf,
    /// The mistake.
    pub diagnostic: Diagnostic,
}

impl Diagnostic {
    /// A mistake at `position`, in `field`.
    pub(crate) fn new(position: Position, field: &Field, what: impl Into<String>) -> Self {
        Self { position: Some(position), field: field.clone(), what: what.into(), hint: None }
    }

    /// One that is about the whole file.
    pub(crate) fn of_file(what: impl Into<String>) -> Self {
        Self { position: None, field: Field::default(), what: what.into(), hint: None }
    }

    /// The same with what would be right.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Field {
    /// The field `key` in this one.
    pub(crate) fn key(&self, key: &str) -> Self {
        let point = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{point}{key}", self.0))
    }

    /// The item `index` of this one.
    pub(crate) fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Its own name, without the way there.
    pub(crate) fn last(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or_default()
    }

    /// Its text; empty for the whole file.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { position, field, what, hint } = &self.diagnostic;
        f.write_str(&escape_control(&self.path.to_string_lossy()))?;
        if let Some(Position { line, column }) = position {
            write!(f, ":{line}:{column}")?;
        }
        if !field.0.is_empty() {
            write!(f, ": {}", sanitize(&field.0))?;
        }
        write!(f, ": {}", sanitize(what))?;
        hint.iter().try_for_each(|hint| write!(f, "; {}", sanitize(hint)))
    }
}
