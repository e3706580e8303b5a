//! YAML that every reader understands alike: all text is between double quotes.
//!
//! Without them YAML 1.1, which kubectl reads, takes `y`, `Off`, `1_000`, `0x_1F`, `1:30` or `2001-01-01` for a truth
//! value, a number or a date (<https://yaml.org/type/>), and each library has its own list of these.

use std::fmt::Write;

use serde::Serialize;
use serde::ser::Error;
use serde_yaml::{Mapping, Value};

/// `value` in block style, with a line break at its end.
///
/// Errors: it cannot be written, or has a tag.
pub(crate) fn to_string(value: &impl Serialize) -> Result<String, serde_yaml::Error> {
    let mut text = String::new();
    root(&mut text, &serde_yaml::to_value(value)?)
        .ok_or_else(|| serde_yaml::Error::custom("it has a tag"))?;
    Ok(text)
}

fn root(text: &mut String, value: &Value) -> Option<()> {
    match value {
        Value::Mapping(entries) if !entries.is_empty() => mapping(text, entries, 0),
        Value::Sequence(items) if !items.is_empty() => sequence(text, items, 0),
        value => writeln!(text, "{}", scalar(value)?).ok(),
    }
}

/// JSON that readers of YAML understand too.
pub(crate) fn to_json(value: &Value) -> Option<String> {
    let text = serde_json::to_string_pretty(value).ok()?;
    // Outside of text there is none of these.
    let mut escaped = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c == '\n' || is_printable(c) {
            escaped.push(c);
        } else {
            write!(escaped, "\\u{:04x}", u32::from(c)).ok()?;
        }
    }
    Some(escaped + "\n")
}

/// `text` between double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            // Writing to a text cannot fail.
            c if u32::from(c) > 0xffff => _ = write!(quoted, "\\U{:08x}", u32::from(c)),
            c => _ = write!(quoted, "\\u{:04x}", u32::from(c)),
        }
    }
    quoted.push('"');
    quoted
}

fn mapping(text: &mut String, entries: &Mapping, indent: usize) -> Option<()> {
    for (index, (key, value)) in entries.iter().enumerate() {
        // What is in a list begins behind its hyphen.
        if index > 0 || text.is_empty() || text.ends_with('\n') {
            *text += &" ".repeat(indent);
        }
        *text += &self::key(key)?;
        text.push(':');
        match value {
            Value::Mapping(entries) if !entries.is_empty() => {
                text.push('\n');
                mapping(text, entries, indent + 2)?;
            }
            Value::Sequence(items) if !items.is_empty() => {
                text.push('\n');
                sequence(text, items, indent)?;
            }
            value => writeln!(text, " {}", scalar(value)?).ok()?,
        }
    }
    Some(())
}

fn sequence(text: &mut String, items: &[Value], indent: usize) -> Option<()> {
    for item in items {
        if text.is_empty() || text.ends_with('\n') {
            *text += &" ".repeat(indent);
        }
        text.push_str("- ");
        match item {
            Value::Mapping(entries) if !entries.is_empty() => mapping(text, entries, indent + 2)?,
            Value::Sequence(items) if !items.is_empty() => sequence(text, items, indent + 2)?,
            item => writeln!(text, "{}", scalar(item)?).ok()?,
        }
    }
    Some(())
}

/// A key stands bare where no reader can take it for anything but text.
fn key(key: &Value) -> Option<String> {
    let Some(text) = key.as_str() else { return scalar(key) };
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    Some(if is_word { text.to_owned() } else { quoted(text) })
}

/// A value of one line; none for one that has another.
fn scalar(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Sequence(items) if items.is_empty() => "[]".to_owned(),
        Value::Mapping(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => return None,
    })
}

/// True for a character that YAML 1.1 lets stand in a line (<https://yaml.org/spec/1.1/#c-printable>) and that is no
/// line break there.
fn is_printable(c: char) -> bool {
    matches!(c,
        ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}'
        | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// What YAML 1.1 takes for truth values and null.
const WORDS: [&str; 9] = ["y", "yes", "n", "no", "on", "off", "true", "false", "null"];

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn data(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn the_layout_is_that_of_kubectl() {
        let value = data("{a: [{b: x, c: {d: 1}}, y, [true, ~]], e: {}, f: [], 'no': z, '1': '2'}");
        assert_eq!(
            to_string(&value).unwrap(),
            "a:\n- b: \"x\"\n  c:\n    d: 1\n- \"y\"\n- - true\n  - null\ne: {}\nf: []\n\"no\": \"z\"\n\"1\": \"2\"\n"
        );
        assert_eq!(to_string(&data("x")).unwrap(), "\"x\"\n");
        assert!(to_string(&data("!x y")).is_err());
    }

    /// What other types look like in some YAML, and what else is odd.
    const ODD: &[&str] = &[
        "",
        "y",
        "Y",
        "yes",
        "Off",
        "ON",
        "n",
        "~",
        "null",
        "Null",
        "true",
        "1_000",
        "0x_1F",
        "0b1",
        "017",
        "0o17",
        "1:30",
        "190:20:30.15",
        "1e3",
        ".5",
        "+1",
        "-",
        "-1",
        ".inf",
        "-.INF",
        ".nan",
        "2001-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "=",
        "<<",
        "---",
        "...",
        "- a",
        "? a",
        ": a",
        "a: b",
        "a #b",
        "#",
        "&a",
        "*a",
        "!a",
        "!!binary x",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "'",
        "\"",
        "\\",
        "\\n",
        "a\nb",
        "a\n",
        "\n",
        " a",
        "a ",
        "\ta",
        "\r",
        "\0",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "a\u{feff}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{1f600}",
        "\u{10ffff}",
        "{a}",
        "[a]",
        ",",
    ];

    #[test]
    fn both_parsers_read_what_was_written() {
        for text in ODD {
            let value = Value::from([((*text).into(), Value::from(*text))].into_iter().collect::<Mapping>());
            assert_eq!(data(&to_string(&value).unwrap()), value, "{text:?}");
            assert_eq!(data(&to_json(&value).unwrap()), value, "{text:?}");
        }
    }

    /// What Python, a reader of YAML 1.1, makes of `text`; none where it is not there.
    fn in_python(text: &str) -> Option<serde_json::Value> {
        let script = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin.buffer.read()), sys.stdout)";
        let mut python = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        if stderr.contains("No module named") {
            return None;
        }
        Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}\n{text:?}")))
    }

    #[track_caller]
    fn python_agrees(texts: &[String]) {
        let value = Value::Sequence(texts.iter().map(|text| text.as_str().into()).collect());
        for written in [to_string(&value).unwrap(), to_json(&value).unwrap()] {
            if let Some(read) = in_python(&written) {
                assert_eq!(read, serde_json::json!(texts), "{written}");
            }
        }
    }

    #[test]
    fn a_reader_of_yaml_1_1_takes_all_of_it_for_text() {
        python_agrees(&ODD.iter().map(ToString::to_string).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "\\PC{0,9}|.{0,9}|[a-zA-Z0-9_:.+-]{1,6}") {
            let value = Value::from([(text.as_str().into(), Value::from(text.as_str()))].into_iter().collect::<Mapping>());
            prop_assert_eq!(&data(&to_string(&value).unwrap()), &value);
            prop_assert_eq!(&data(&to_json(&value).unwrap()), &value);
        }
    }

    proptest! {
        // Each case starts Python.
        #![proptest_config(ProptestConfig::with_cases(4))]

        #[test]
        fn every_text_comes_back_from_a_reader_of_yaml_1_1(
            texts in prop::collection::vec("\\PC{0,9}|.{0,9}|[a-zA-Z0-9_:.+-]{1,6}|[\\x00-\\uFFFF]{1,5}", 100)
        ) {
            python_agrees(&texts);
        }
    }
}
