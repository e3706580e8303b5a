//! How each shell writes an assignment, a removal, a comment, a quoted word, and how it evaluates output.
//!
//! The rules were tried in the shells themselves, cmd in Wine, but for `PowerShell`, which follows its documentation
//! (`about_Quoting_Rules`).

use std::ffi::OsString;

use super::Shell;
use crate::base::platform::posix_folder;
use crate::base::text::sh_word;
use crate::base::types::VariableName;
use crate::export::error::Error;
use crate::export::variables::{Export, PathEntry};

/// What the output is evaluated for; Nushell evaluates each in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Set,
    Unset,
}

impl Shell {
    pub(super) fn assignment(self, export: &Export) -> Result<String, Error> {
        let name = &export.name;
        let value = self.quote(&export.value).ok_or_else(|| unprintable(name.as_str()))?;
        Ok(match self {
            Self::Posix => format!("export {name}={value}\n"),
            Self::Fish => format!("set -gx {name} {value};\n"),
            Self::Tcsh => format!("setenv {name} {value};\n"),
            Self::Elvish => format!("set-env {name} {value}\n"),
            // By such a name it would be a list of paths, in which `~` and variables are expanded.
            Self::Xonsh if ["PATH", "DIRS"].iter().any(|end| name.as_str().ends_with(end)) => {
                format!("${{...}}.register('{name}', type='str')\n${name} = {value}\n")
            }
            Self::Xonsh => format!("${name} = {value}\n"),
            Self::PowerShell => format!("${{Env:{name}}} = {value}\n"),
            Self::Cmd => format!("SET \"{name}={value}\"\n"),
            Self::Nushell => format!("{{\"{name}\": {value}}}\n"),
        })
    }

    /// Puts a folder before the others in the PATH.
    pub(super) fn prepend(self, entry: &PathEntry) -> Result<String, Error> {
        let folder = self.quote(&entry.folder).ok_or_else(|| unprintable("the folder"))?;
        Ok(match self {
            Self::Posix => format!("export PATH={}:$PATH\n", posix_folder(&folder)),
            Self::Fish => format!("set -gx PATH {folder} $PATH;\n"),
            Self::Tcsh => format!("setenv PATH {folder}:\"$PATH\";\n"),
            Self::Elvish => format!("set paths = [{folder} $@paths]\n"),
            Self::Xonsh => format!("$PATH.insert(0, {folder})\n"),
            Self::PowerShell => {
                format!("${{Env:PATH}} = {folder} + [IO.Path]::PathSeparator + ${{Env:PATH}}\n")
            }
            // `%PATH%` is not replaced in what FOR evaluates.
            Self::Cmd => {
                let path = self.quote(&whole_path(entry)?.join(";")).ok_or_else(|| unprintable("PATH"))?;
                format!("SET \"PATH={path}\"\n")
            }
            // One object says all, see `json_object`.
            Self::Nushell => String::new(),
        })
    }

    pub(super) fn removal(self, name: &VariableName) -> String {
        match self {
            Self::Posix => format!("unset {name}\n"),
            // To remove what is not set is a failure there.
            Self::Fish => format!("set -e {name}; or true;\n"),
            Self::Tcsh => format!("unsetenv {name};\n"),
            Self::Elvish => format!("unset-env {name}\n"),
            // `del` would fail when it is not set.
            Self::Xonsh => format!("${{...}}.pop('{name}', None)\n"),
            Self::PowerShell => {
                format!("Remove-Item -ErrorAction SilentlyContinue -LiteralPath 'Env:{name}'\n")
            }
            Self::Cmd => format!("SET \"{name}=\"\n"),
            Self::Nushell => format!("[\"{name}\"]\n"),
        }
    }

    /// A line for people. What could end it early is refused.
    pub(super) fn comment(self, text: &str) -> Result<String, Error> {
        if text.chars().any(char::is_control) {
            return Err(unprintable("a comment"));
        }
        Ok(match self {
            Self::Posix | Self::Fish | Self::Elvish | Self::Xonsh | Self::PowerShell => format!("# {text}\n"),
            // `#` would swallow what follows: tcsh joins the lines.
            Self::Tcsh => format!(": {};\n", single_quoted(text, &[('\'', r"'\''"), ('!', r"\!")])),
            Self::Cmd => format!("REM {text}\n"),
            Self::Nushell => String::new(),
        })
    }

    /// What to type so that this shell evaluates the output of `command`.
    pub(super) fn hint(self, command: &[OsString], what_for: Use) -> Result<String, Error> {
        let command = self.command_line(command)?;
        Ok(match (self, what_for) {
            (Self::Posix, _) => format!("eval \"$({command})\""),
            (Self::Fish, _) => format!("{command} | source"),
            // Without the quotes tcsh would run what stands in braces.
            (Self::Tcsh, _) => format!("eval \"`{command}`\""),
            (Self::Elvish, _) => format!("eval ({command} | slurp)"),
            (Self::Xonsh, _) => format!("execx($({command}))"),
            (Self::Nushell, Use::Set) => format!("{command} | from json | load-env"),
            (Self::Nushell, Use::Unset) => format!("hide-env -i ...({command} | from json)"),
            (Self::PowerShell, _) => format!("& {command} | Out-String | Invoke-Expression"),
            (Self::Cmd, _) => format!("@FOR /F \"tokens=*\" %i IN ('{command}') DO @%i"),
        })
    }

    /// `command` as one would type it.
    pub(super) fn command_line(self, command: &[OsString]) -> Result<String, Error> {
        let word = |word: &OsString| word.to_str().and_then(|text| self.word(text));
        let words: Option<Vec<String>> = command.iter().map(word).collect();
        Ok(words.ok_or_else(|| unprintable("the command line"))?.join(" "))
    }

    /// A word of a command line: bare where that is safe in every shell.
    fn word(self, text: &str) -> Option<String> {
        let bare = |c: char| c.is_ascii_alphanumeric() || "_./:-".contains(c);
        if !text.is_empty() && text.chars().all(bare) {
            return Some(text.to_owned());
        }
        let quoted = self.quote(text)?;
        Some(if self == Self::Cmd { format!("\"{quoted}\"") } else { quoted })
    }

    /// `text` as one value; none when this shell cannot carry it.
    pub(super) fn quote(self, text: &str) -> Option<String> {
        if text.chars().any(char::is_control) {
            return None;
        }
        match self {
            Self::Posix => Some(sh_word(text)),
            Self::Fish | Self::Xonsh => Some(single_quoted(text, &[('\\', r"\\"), ('\'', r"\'")])),
            // `!` is history even between single quotes.
            Self::Tcsh => Some(single_quoted(text, &[('\'', r"'\''"), ('!', r"\!")])),
            Self::Elvish => Some(single_quoted(text, &[('\'', "''")])),
            Self::Nushell => serde_json::to_string(text).ok(),
            Self::PowerShell => Some(powershell(text)),
            // Nothing can be escaped there in a way that holds both typed and in a batch file. What is not ASCII arrives
            // destroyed: FOR reads it in the console's code page.
            Self::Cmd => (text.is_ascii() && !text.contains(['"', '%', '!', '^'])).then(|| text.to_owned()),
        }
    }
}

/// `text` between single quotes, with `escapes` in it.
fn single_quoted(text: &str, escapes: &[(char, &str)]) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match escapes.iter().find(|(special, _)| *special == c) {
            Some((_, escape)) => quoted.push_str(escape),
            None => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// `PowerShell` takes five characters for a single quote, and a console may show another code page: everything
/// beyond ASCII is written as a number, in UTF-16.
fn powershell(text: &str) -> String {
    if text.is_ascii() {
        return single_quoted(text, &[('\'', "''")]);
    }
    let mut parts: Vec<String> = Vec::new();
    for chunk in text.split_inclusive(|c: char| !c.is_ascii()) {
        let end = chunk.find(|c: char| !c.is_ascii()).unwrap_or(chunk.len());
        let (ascii, other) = chunk.split_at(end);
        parts.push(single_quoted(ascii, &[('\'', "''")]));
        parts.extend(other.encode_utf16().map(|unit| format!("[char]0x{unit:04X}")));
    }
    format!("({})", parts.join("+"))
}

/// All folders of the PATH, the new one first.
pub(super) fn whole_path(entry: &PathEntry) -> Result<Vec<&str>, Error> {
    let others = entry.others.iter().map(|folder| folder.to_str().ok_or_else(|| unprintable("PATH")));
    std::iter::once(Ok(entry.folder.as_str())).chain(others).collect()
}

pub(super) fn unprintable(name: &str) -> Error {
    Error::Unprintable { name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_shell_refuses_control_characters() {
        for shell in Shell::value_variants() {
            for text in ["a\nb", "a\rb", "a\0b", "\x1b[31m", "\x07", "\x7f", "\u{85}"] {
                assert_eq!(shell.quote(text), None, "{shell:?} {text:?}");
                assert!(shell.comment(text).is_err(), "{shell:?} {text:?}");
            }
        }
    }

    #[test]
    fn cmd_refuses_what_it_cannot_escape() {
        for text in ["100%", "say \"hi\"", "a!b", "a^b", r"C:\Users\Jürgen"] {
            assert_eq!(Shell::Cmd.quote(text), None, "{text}");
        }
        assert_eq!(Shell::Cmd.quote("C:\\a b & c").unwrap(), "C:\\a b & c");
    }

    #[test]
    fn powershell_writes_ascii_only() {
        assert_eq!(Shell::PowerShell.quote("it's").unwrap(), "'it''s'");
        assert_eq!(Shell::PowerShell.quote("aéb").unwrap(), "('a'+[char]0x00E9+'b')");
        assert_eq!(Shell::PowerShell.quote("🚀").unwrap(), "(''+[char]0xD83D+[char]0xDE80)");
        assert_eq!(Shell::PowerShell.quote("‘").unwrap(), "(''+[char]0x2018)");
    }

    #[test]
    fn the_hint_repeats_the_command_quoted() {
        let command = ["sm", "env", "--machine", "a b'c"].map(OsString::from);
        for (shell, hint) in [
            (Shell::Posix, r#"eval "$(sm env --machine 'a b'\''c')""#),
            (Shell::Fish, r"sm env --machine 'a b\'c' | source"),
            (Shell::Tcsh, r#"eval "`sm env --machine 'a b'\''c'`""#),
            (Shell::Elvish, "eval (sm env --machine 'a b''c' | slurp)"),
            (Shell::Nushell, r#"sm env --machine "a b'c" | from json | load-env"#),
            (Shell::Cmd, r#"@FOR /F "tokens=*" %i IN ('sm env --machine "a b'c"') DO @%i"#),
        ] {
            assert_eq!(shell.hint(&command, Use::Set).unwrap(), hint);
        }
    }

    proptest! {
        /// shlex reads as a POSIX shell does.
        #[test]
        fn a_posix_shell_reads_back_what_was_quoted(value in "[^\\x00-\\x1f\\x7f-\\x9f]{0,40}") {
            let words = shlex::split(&Shell::Posix.quote(&value).unwrap()).unwrap();
            prop_assert_eq!(words, vec![value]);
        }
    }
}
