//! `/etc/os-release`.

use std::collections::BTreeMap;

use crate::base::text::sanitize;
use crate::base::types::ReleaseValue;

/// The fields of `/etc/os-release` (`os-release(5)`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OsRelease(BTreeMap<String, String>);

impl OsRelease {
    /// Reads the assignments; what is none is left out.
    pub(crate) fn parse(text: &str) -> Self {
        let field = |line: &str| {
            let (key, value) = line.trim().split_once('=')?;
            let is_plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_uppercase() || c == '_');
            let value = unquote(value).filter(|value| is_plain && !value.is_empty())?;
            Some((key.to_owned(), value))
        };
        Self(text.lines().filter_map(field).collect())
    }

    /// The value of `key` for people.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).map(|value| sanitize(value))
    }

    /// The value of `key` for programs, if it is plain enough to stand between double quotes in any shell.
    pub(crate) fn value(&self, key: &str) -> Option<ReleaseValue> {
        self.0.get(key).and_then(|value| ReleaseValue::parse(value).ok())
    }

    /// `KEY="VALUE"` as `os-release(5)` has it and a POSIX shell reads it. None without a value, and for one that shells with
    /// other rules than POSIX could take for a command: those may be given it too.
    pub(crate) fn assignment(&self, key: &str) -> Option<String> {
        let value = self.0.get(key)?.trim_end();
        let rest = value.replace(['"', '$', '\\'], "");
        let is_good = ReleaseValue::parse(&rest).is_ok() && !value.contains("$(") && !value.is_empty();
        is_good.then(|| format!("{key}={}", quote(value)))
    }
}

/// The word that a shell makes of an assignment's right side: quotes are taken away, and the backslash before a character
/// that is special between double quotes (POSIX, Shell Command Language, 2.2.3). Blanks outside of quotes are kept, as
/// systemd does. None when a quote is not closed.
fn unquote(text: &str) -> Option<String> {
    let (mut value, mut quote) = (String::new(), None);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, '\\') => value.extend(characters.next()),
            (Some('"'), '\\') => match characters.next()? {
                escaped if SPECIAL.contains(&escaped) => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(c),
        }
    }
    quote.is_none().then_some(value)
}

fn quote(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        if SPECIAL.contains(&c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

/// Between double quotes.
const SPECIAL: [char; 4] = ['"', '$', '`', '\\'];

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn shell_reads(line: &str) -> String {
        let script = format!("{line}\nprintf %s \"$NAME\"");
        String::from_utf8(Command::new("sh").args(["-c", &script]).output().unwrap().stdout).unwrap()
    }

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        for right in [
            r#""Foo \"Bar\" Linux \$5 \`x\` \\ \n""#,
            r"'single \ $quoted `'",
            r"bare",
            r"bare\ and\ escaped\$",
            r#"joined" from "'several parts'"#,
            r#""it's""#,
        ] {
            let line = format!("NAME={right}");
            assert_eq!(OsRelease::parse(&line).text("NAME").unwrap(), shell_reads(&line), "{line}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_left_out() {
        for line in ["NAME=\"open", "NAME='open", "NAME=\"open\\\"", "# NAME=x", "NAME", "NAME=\"\"", "=x"] {
            assert_eq!(OsRelease::parse(line), OsRelease::default(), "{line}");
        }
        assert_eq!(OsRelease::parse("NAME=Foo Bar").text("NAME").as_deref(), Some("Foo Bar"));
    }

    #[test]
    fn what_a_shell_would_expand_is_escaped() {
        let line = OsRelease::parse(r#"NAME='$5 "x\ \'"#).assignment("NAME").unwrap();
        assert_eq!(line, r#"NAME="\$5 \"x\\ \\""#);
        assert_eq!(shell_reads(&line), r#"$5 "x\ \"#);
    }

    #[test]
    fn what_any_shell_could_run_is_left_out() {
        for value in ["$(id)", "`id`", "a;id", "it's", "Pop!_OS", "a\x1b[2J", "\u{202e}", "a&b", "a|b", ""] {
            assert_eq!(
                OsRelease::parse(&format!("NAME={}", quote(value))).assignment("NAME"),
                None,
                "{value:?}"
            );
        }
    }

    #[test]
    fn only_plain_values_reach_programs() {
        let release = OsRelease::parse(
            "NAME=\"Atomic Developer Bundle\"\nVARIANT_ID='adb'\nID=centos\nVARIANT=\"$(id)\"\nBUILD_ID=`id`\nlower=x\n=y\n\
             VERSION_ID=\"7\x1b[0m\"\nPRETTY_NAME=\"Pop!_OS 22.04\"\nEMPTY=\n",
        );
        let value = |key| release.value(key).map(|value| value.to_string());
        assert_eq!(value("NAME").as_deref(), Some("Atomic Developer Bundle"));
        assert_eq!(value("VARIANT_ID").as_deref(), Some("adb"));
        assert_eq!(value("ID").as_deref(), Some("centos"));
        for absent in ["VARIANT", "BUILD_ID", "lower", "", "VERSION_ID", "EMPTY"] {
            assert_eq!(value(absent), None, "{absent}");
        }
        assert_eq!(release.text("PRETTY_NAME").as_deref(), Some("Pop!_OS 22.04"));
        assert_eq!(release.text("VERSION_ID").as_deref(), Some("7\\u{1b}[0m"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in "[ -~ä]{0,60}[!-~]") {
            let release = OsRelease::parse(&format!("NAME={}", quote(&value)));
            prop_assert_eq!(release.text("NAME"), Some(value));
            if let Some(line) = release.assignment("NAME") {
                prop_assert_eq!(OsRelease::parse(&line), release);
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in ".*") {
            OsRelease::parse(&text);
            OsRelease::parse(&format!("NAME={text}")).assignment("NAME");
        }
    }
}
