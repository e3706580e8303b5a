//! Text with placeholders: `https://{endpoint}/console`.

use serde::{Deserialize, Serialize};

use crate::base::types::{Invalid, ValueName};

/// Text with placeholders in braces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(ValueName),
}

impl Template {
    /// Splits `text` into what stands as it is and the placeholders.
    ///
    /// Errors: a brace without its partner, or no name between them.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = Invalid { kind: "template", form: "text with `{placeholders}`" };
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(begin) = rest.find(['{', '}']) {
            let (before, placeholder) = rest.split_at(begin);
            let (name, after) =
                placeholder.strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or(invalid)?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Placeholder(ValueName::parse(name).map_err(|_| invalid)?));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The text with the placeholders replaced; none when one of them has no value.
    pub fn fill(&self, value: &dyn Fn(&ValueName) -> Option<String>) -> Option<String> {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(text.clone()),
                Piece::Placeholder(name) => value(name),
            })
            .collect()
    }

    /// The names of the placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = &ValueName> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Placeholder(name) => Some(name),
            Piece::Text(_) => None,
        })
    }
}

impl TryFrom<String> for Template {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        let text = |piece: Piece| match piece {
            Piece::Text(text) => text,
            Piece::Placeholder(name) => format!("{{{name}}}"),
        };
        template.0.into_iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Option<String> {
        let value = |name: &ValueName| (name.as_str() == "url").then(|| "https://h".to_owned());
        Template::parse(text).unwrap().fill(&value)
    }

    #[test]
    fn placeholders_are_replaced() {
        assert_eq!(fill("{url}/console").as_deref(), Some("https://h/console"));
        assert_eq!(fill("plain").as_deref(), Some("plain"));
        assert_eq!(fill("").as_deref(), Some(""));
        assert_eq!(fill("{url}{other}"), None, "one of them has no value");
    }

    #[test]
    fn a_brace_alone_is_refused() {
        for text in ["{", "}", "{}", "{a", "a}", "{a{b}}", "{A B}", "{$(id)}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
