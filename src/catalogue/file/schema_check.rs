//! The form of service files: a tree is compared with the schema, and everything that differs is told at once.
//! Serde, which reads the file in the end, stops at the first diagnostic and does not know where it is.
//!
//! Only what schemars makes of our types is understood; a test shows that this is enough.

use std::sync::LazyLock;

use serde_json::Value as Json;

use super::diagnostic::{Diagnostic, Field};
use super::document::{Node, NodeContent};
use super::schema;
use crate::base::suggest::nearest;

/// What is wrong with the form of the file whose root is `root`.
pub(crate) fn diagnostics(root: &Node) -> Vec<Diagnostic> {
    // Made once: it takes longer than to read a file, of which there may be many.
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| Json::from(schema::schema()));
    let mut check = SchemaCheck { schema: &SCHEMA, diagnostics: Vec::new() };
    check.node(root, &SCHEMA, &Field::default());
    check.diagnostics
}

struct SchemaCheck<'s> {
    /// The whole, which parts of it refer to.
    schema: &'s Json,
    diagnostics: Vec<Diagnostic>,
}

impl<'s> SchemaCheck<'s> {
    fn node(&mut self, node: &Node, schema: &'s Json, field: &Field) {
        let schema = self.resolve(schema);
        if let Some(variants) = schema["oneOf"].as_array() {
            return self.variant(node, variants, field);
        }
        let kind = match &schema["type"] {
            Json::Array(kinds) if is_null(node) && kinds.contains(&"null".into()) => return,
            Json::Array(kinds) => kinds[0].as_str(),
            kind => kind.as_str(),
        };
        match (kind, &node.content) {
            (Some("object"), NodeContent::Mapping(_)) => self.mapping(node, schema, field),
            (Some("array"), NodeContent::Sequence(_)) => self.sequence(node, schema, field),
            (Some("string"), NodeContent::Scalar(serde_yaml::Value::String(text))) => {
                self.text(node, text, schema, field);
            }
            (Some("integer"), NodeContent::Scalar(value)) => self.integer(node, value, schema, field),
            (Some("boolean"), NodeContent::Scalar(serde_yaml::Value::Bool(_))) | (None, _) => {}
            (Some(kind), _) => {
                let diagnostic = Diagnostic::new(node.position, field, format!("is not {}", in_words(kind)));
                let is_bare =
                    kind == "string" && matches!(node.content, NodeContent::Scalar(_)) && !is_null(node);
                self.diagnostics.push(if is_bare {
                    diagnostic.hint("put it between quotes")
                } else {
                    diagnostic
                });
            }
        }
    }

    fn mapping(&mut self, node: &Node, schema: &'s Json, field: &Field) {
        let known = properties(schema);
        for (key, value) in node.entries() {
            let Some(name) = key.text() else {
                self.diagnostics.push(Diagnostic::new(key.position, field, "a key is not text"));
                continue;
            };
            if let Some((pattern, schema)) = free(schema) {
                self.kind(key, name, pattern, field);
                self.node(value, schema, &field.key(name));
            } else if known.iter().any(|known| known == name) {
                self.node(value, &schema["properties"][name], &field.key(name));
            } else {
                let diagnostic = Diagnostic::new(key.position, &field.key(name), "there is no such key");
                self.diagnostics.push(diagnostic.hint(suggestion(name, &known)));
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if node.get(name).is_none() {
                self.diagnostics.push(Diagnostic::new(node.position, &field.key(name), "is missing"));
            }
        }
    }

    fn sequence(&mut self, node: &Node, schema: &'s Json, field: &Field) {
        if schema["minItems"].as_u64().is_some_and(|least| (node.items().count() as u64) < least) {
            self.diagnostics.push(Diagnostic::new(node.position, field, "is empty"));
        }
        for (index, item) in node.items().enumerate() {
            self.node(item, &schema["items"], &field.item(index));
            let same = |earlier: &Node| item.text().is_some() && earlier.text() == item.text();
            if node.items().take(index).any(same) {
                self.diagnostics.push(Diagnostic::new(item.position, &field.item(index), "is given twice"));
            }
        }
    }

    /// A mapping with one key, which says what is meant.
    fn variant(&mut self, node: &Node, variants: &'s [Json], field: &Field) {
        let known: Vec<String> = variants.iter().flat_map(properties).collect();
        if !matches!(&node.content, NodeContent::Mapping(entries) if entries.len() == 1) {
            let one_of = format!("is not one of these, with a colon: {}", known.join(", "));
            return self.diagnostics.push(Diagnostic::new(node.position, field, one_of));
        }
        for (key, value) in node.entries() {
            let name = key.text().unwrap_or_default();
            let schema = variants.iter().find_map(|variant| variant["properties"].get(name));
            if let Some(schema) = schema {
                self.node(value, schema, &field.key(name));
            } else {
                let diagnostic = Diagnostic::new(key.position, &field.key(name), "there is no such key");
                self.diagnostics.push(diagnostic.hint(suggestion(name, &known)));
            }
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Json, field: &Field) {
        let pattern = schema["pattern"].as_str();
        if text.is_empty() {
            self.diagnostics.push(Diagnostic::new(node.position, field, "is empty"));
        } else if text.chars().any(|c| {
            c.is_control() && (c != '\n' || pattern.is_some_and(|pattern| !schema::has_lines(pattern)))
        }) {
            self.diagnostics.push(Diagnostic::new(
                node.position,
                field,
                "has control characters or line breaks",
            ));
        } else if let Some(pattern) = pattern {
            self.kind(node, text, pattern, field);
        } else if let Some(words) = schema["enum"].as_array() {
            let known: Vec<String> = words.iter().filter_map(Json::as_str).map(ToOwned::to_owned).collect();
            if !known.iter().any(|word| word == text) {
                let diagnostic = Diagnostic::new(node.position, field, format!("there is no `{text}`"));
                self.diagnostics.push(diagnostic.hint(suggestion(text, &known)));
            }
        }
    }

    fn kind(&mut self, node: &Node, text: &str, pattern: &str, field: &Field) {
        if let Some(Err(invalid)) = schema::check(pattern, text) {
            self.diagnostics.push(Diagnostic::new(node.position, field, format!("`{text}` is {invalid}")));
        }
    }

    fn integer(&mut self, node: &Node, value: &serde_yaml::Value, schema: &Json, field: &Field) {
        let (least, most) = (schema["minimum"].as_u64(), schema["maximum"].as_u64());
        let fits =
            |number| least.is_none_or(|least| least <= number) && most.is_none_or(|most| number <= most);
        if !value.as_u64().is_some_and(fits) {
            let range = format!("{} to {}", least.unwrap_or_default(), most.unwrap_or(u64::MAX));
            self.diagnostics
                .push(Diagnostic::new(node.position, field, "is not a number in the range").hint(range));
        }
    }

    /// What `schema` refers to, if it does.
    fn resolve(&self, schema: &'s Json) -> &'s Json {
        // Beside a description the reference stands in an `allOf` of its own.
        let reference = schema["allOf"][0]["$ref"].as_str().or(schema["$ref"].as_str());
        let path = reference.and_then(|reference| reference.strip_prefix('#'));
        path.and_then(|path| self.schema.pointer(path)).unwrap_or(schema)
    }
}

/// The keys that a mapping may have.
fn properties(schema: &Json) -> Vec<String> {
    schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys().cloned()).collect()
}

/// The pattern of the keys and the schema of the values, where the keys are free.
fn free(schema: &Json) -> Option<(&str, &Json)> {
    let (pattern, schema) = schema["patternProperties"].as_object()?.iter().next()?;
    Some((pattern, schema))
}

fn suggestion(name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known are {}", known.join(", ")),
    }
}

fn is_null(node: &Node) -> bool {
    matches!(node.content, NodeContent::Scalar(serde_yaml::Value::Null))
}

fn in_words(kind: &str) -> &'static str {
    match kind {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "text",
        "boolean" => "`true` or `false`",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word in the schema that says what is allowed is one that [`SchemaCheck`] looks at.
    #[test]
    fn the_schema_says_nothing_that_is_not_understood() {
        const UNDERSTOOD: [&str; 15] = [
            "$ref",
            "additionalProperties",
            "allOf",
            "enum",
            "items",
            "maxLength",
            "maximum",
            "minItems",
            "minimum",
            "oneOf",
            "pattern",
            "patternProperties",
            "properties",
            "required",
            "type",
        ];
        // `format` is the Rust type of a number; its range is in `minimum` and `maximum`.
        const FOR_PEOPLE: [&str; 6] = ["$schema", "default", "definitions", "description", "format", "title"];
        fn words(schema: &Json, found: &mut Vec<String>) {
            for (word, below) in schema.as_object().into_iter().flatten() {
                found.push(word.clone());
                match word.as_str() {
                    "properties" | "definitions" | "patternProperties" => {
                        below.as_object().unwrap().values().for_each(|schema| words(schema, found));
                    }
                    "default" => {}
                    _ if below.is_array() => {
                        below.as_array().unwrap().iter().for_each(|schema| words(schema, found));
                    }
                    _ => words(below, found),
                }
            }
        }
        let mut found = Vec::new();
        words(&Json::from(schema::schema()), &mut found);
        assert!(found.len() > 100);
        for word in found {
            assert!(UNDERSTOOD.contains(&word.as_str()) || FOR_PEOPLE.contains(&word.as_str()), "{word}");
        }
    }
}
