//! The text of a file that is written in a guest.

use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::base::types::{Invalid, ValueName};

/// Lines with placeholders, and without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct FileText(Template);

impl FileText {
    /// Accepts text that a program of a guest reads as it stands here.
    ///
    /// Errors: it is longer than such a file ever is, holds a control character, or a brace that is not a placeholder's.
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = Invalid {
            kind: "text of a file",
            form: "lines with `{placeholders}` and without control characters; at most 8192 characters",
        };
        let is_plain = |c: char| !c.is_ascii_control() || c == '\n';
        if text.chars().count() > LONGEST || !text.chars().all(is_plain) {
            return Err(invalid);
        }
        Template::parse(text).map(Self).map_err(|_| invalid)
    }

    /// The lines with the placeholders replaced; none when one of them has no value.
    pub(crate) fn fill(&self, value: &dyn Fn(&ValueName) -> Option<String>) -> Option<String> {
        Some(self.0.fill(value)?.trim_end().to_owned())
    }
}

impl TryFrom<String> for FileText {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<FileText> for String {
    fn from(text: FileText) -> Self {
        text.0.into()
    }
}

const LONGEST: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_moves_a_cursor_or_ends_a_text() {
        assert!(FileText::parse("[Service]\nExecStart=/bin/true\n# {addresses}\n").is_ok());
        for text in ["a\0b", "a\tb", "\u{1b}[2J", "a\rb", "\u{7f}", "${HOME", "}", "{A}"] {
            assert!(FileText::parse(text).is_err(), "{text:?}");
        }
        assert!(FileText::parse(&"a".repeat(LONGEST + 1)).is_err());
    }
}
