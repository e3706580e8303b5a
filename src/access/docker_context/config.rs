//! `config.json` of docker: which context is the current one. Pure: text in, text out.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::base::types::DockerContextName;

/// The fields of `config.json`, each with its value as it is written there.
#[derive(Debug)]
pub(super) struct DockerConfig<'t>(Vec<(Cow<'t, str>, Cow<'t, str>)>);

impl<'t> DockerConfig<'t> {
    /// Reads `text`. A file of nothing counts as one without fields, as it does for docker.
    ///
    /// Errors: it is no JSON object.
    pub(super) fn parse(text: &'t str) -> Result<Self, serde_json::Error> {
        if text.trim().is_empty() { Ok(Self(Vec::new())) } else { serde_json::from_str(text) }
    }

    /// The current context, if one is set.
    pub(super) fn current(&self) -> Option<String> {
        // Where Go finds a field twice, the last one counts.
        let value = self.0.iter().rev().find(|(name, _)| is_current(name)).map(|(_, value)| value)?;
        serde_json::from_str(value).ok().filter(|name: &String| !name.is_empty())
    }

    /// The whole text with `context` as the current one, or with none. All else is what it was, but for blanks between fields.
    pub(super) fn with_current(mut self, context: Option<&DockerContextName>) -> String {
        let place = self.0.iter().position(|(name, _)| is_current(name)).unwrap_or(self.0.len());
        self.0.retain(|(name, _)| !is_current(name));
        if let Some(context) = context {
            // Such a name needs no escapes.
            self.0.insert(place.min(self.0.len()), (CURRENT.into(), format!("\"{context}\"").into()));
        }
        let field = |(name, value): &(Cow<str>, Cow<str>)| {
            format!("\t{}: {value}", serde_json::Value::from(name.as_ref()))
        };
        let fields: Vec<String> = self.0.iter().map(field).collect();
        if fields.is_empty() { "{}".to_owned() } else { format!("{{\n{}\n}}", fields.join(",\n")) }
    }
}

/// Go takes the name of a field in any case.
fn is_current(name: &str) -> bool {
    name.eq_ignore_ascii_case(CURRENT)
}

impl<'de> Deserialize<'de> for DockerConfig<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

/// Reads fields in their order, also those of which nothing is known here.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = DockerConfig<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let value: &RawValue = map.next_value()?;
            fields.push((name.into(), value.get().into()));
        }
        Ok(DockerConfig(fields))
    }
}

const CURRENT: &str = "currentContext";

#[cfg(test)]
mod tests {
    use super::*;

    fn switched(text: &str, context: Option<&str>) -> String {
        let context = context.map(|name| name.parse().unwrap());
        DockerConfig::parse(text).unwrap().with_current(context.as_ref())
    }

    #[test]
    fn all_but_the_current_context_stays() {
        let text = "{\n\t\"auths\": {\n\t\t\"é.example\": {\n\t\t\t\"auth\": \"eDp5\"\n\t\t}\n\t},\n\t\"currentContext\": \"work\",\n\t\
                    \"a \\\"b\": 12345678901234567890.10\n}";
        assert_eq!(DockerConfig::parse(text).unwrap().current().as_deref(), Some("work"));
        assert_eq!(switched(text, Some("box-docker")), text.replace("work", "box-docker"));
        assert_eq!(switched(text, None), text.replace("\t\"currentContext\": \"work\",\n", ""));
        assert_eq!(switched(&switched(text, Some("box-docker")), Some("work")), text);
    }

    #[test]
    fn what_has_no_fields_gets_one() {
        for text in ["", " \n", "{}", "{ \n }"] {
            assert_eq!(DockerConfig::parse(text).unwrap().current(), None);
            assert_eq!(switched(text, Some("b-docker")), "{\n\t\"currentContext\": \"b-docker\"\n}");
            assert_eq!(switched(text, None), "{}");
        }
        assert_eq!(
            switched("{\"auths\":{}}", Some("b-docker")),
            "{\n\t\"auths\": {},\n\t\"currentContext\": \"b-docker\"\n}"
        );
    }

    #[test]
    fn a_field_that_go_would_take_for_it_is_it() {
        let text = "{\"currentContext\": \"a\", \"CurrentContext\": \"b\", \"x\": null}";
        assert_eq!(DockerConfig::parse(text).unwrap().current().as_deref(), Some("b"));
        assert_eq!(switched(text, None), "{\n\t\"x\": null\n}");
        assert_eq!(switched(text, Some("cc")), "{\n\t\"currentContext\": \"cc\",\n\t\"x\": null\n}");
        for odd in ["{\"currentContext\": 1}", "{\"currentContext\": \"\"}", "{\"currentContext\": null}"] {
            assert_eq!(DockerConfig::parse(odd).unwrap().current(), None, "{odd}");
        }
    }

    #[test]
    fn what_is_broken_is_refused() {
        for text in [
            "{",
            "[]",
            "null",
            "\"x\"",
            "{\"a\": 1,}",
            "{\"a\": 1} x",
            "\u{feff}{}",
            "{'a': 1}",
            "{\"a\": 01}",
        ] {
            assert!(DockerConfig::parse(text).is_err(), "{text:.40}");
        }
    }
}
