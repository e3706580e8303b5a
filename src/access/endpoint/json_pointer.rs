//! One text out of JSON that somebody else wrote. The rest is skipped: as values it could take a hundred times the
//! memory that it takes as text.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The text at `pointer` (RFC 6901, without escapes) in `json`; none where there is none, or `json` is no JSON.
pub(super) fn text_at(json: &[u8], pointer: &str) -> Option<String> {
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let text = At(&steps).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    text
}

/// What is reached by these steps.
struct At<'p>(&'p [&'p str]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = fields.next_key::<String>()? {
            match self.0.split_first() {
                Some((step, rest)) if name == *step => found = fields.next_value_seed(At(rest))?,
                _ => _ = fields.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut index) = (None, 0_usize);
        loop {
            let item = match self.0.split_first() {
                Some((step, rest)) if index.to_string() == *step => {
                    items.next_element_seed(At(rest))?.map(|text| found = text)
                }
                _ => items.next_element::<IgnoredAny>()?.map(drop),
            };
            if item.is_none() {
                return Ok(found);
            }
            index += 1;
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.0.is_empty().then(|| text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_at_a_place_is_found() {
        let json =
            br#"{"a": 1, "spec": {"host": "h", "x": [[], {"y": "z"}, null, true, -1, 1.5]}, "n": "t"}"#;
        for (pointer, text) in [
            ("/spec/host", Some("h")),
            ("/n", Some("t")),
            ("/spec/x/1/y", Some("z")),
            ("/a", None),
            ("/spec", None),
            ("/spec/x/0", None),
            ("/spec/x/2", None),
            ("/spec/x/9", None),
            ("/spec/host/more", None),
            ("/none", None),
        ] {
            assert_eq!(text_at(json, pointer).as_deref(), text, "{pointer}");
        }
    }

    #[test]
    fn half_an_answer_is_none() {
        let json = br#"{"spec": {"host": "h"}, "x": [1, 2]}"#;
        assert!(text_at(json, "/spec/host").is_some());
        for end in 0..json.len() {
            assert_eq!(text_at(&json[..end], "/spec/host"), None, "{end}");
        }
        assert_eq!(text_at(b"{\"a\": \"b\"} more", "/a"), None);
        assert_eq!(text_at(&vec![b'['; 1 << 20], "/a"), None);
    }

    proptest! {
        #[test]
        fn it_is_what_serde_json_finds(text in r#"([\[\]{},:"ab01 ]|"a":|true|null){0,30}"#) {
            let value: Option<serde_json::Value> = serde_json::from_str(&text).ok();
            for pointer in ["/a", "/a/0", "/1/b"] {
                let expected = value.as_ref().and_then(|value| value.pointer(pointer)?.as_str());
                prop_assert_eq!(text_at(text.as_bytes(), pointer), expected.map(ToOwned::to_owned));
            }
        }
    }
}
