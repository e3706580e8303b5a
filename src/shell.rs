//! Exports → text that a shell evaluates. Pure; `export` has refused what no quoting could carry.

use std::ffi::OsString;
use std::fmt::Write;

use crate::error::{Error, ExitCode};
use crate::export::Block;

/// A dialect of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// POSIX sh, dash, ash, ksh
    #[default]
    Sh,
    /// bash
    Bash,
    /// zsh
    Zsh,
}

impl Shell {
    /// The text that sets what `blocks` hold, and the line that says how to evaluate it: `command` is the
    /// command line as it was typed. With several services each block has a heading.
    ///
    /// Errors: the command line holds what a comment cannot carry.
    pub fn render(self, blocks: &[Block], several: bool, command: &[OsString]) -> Result<String, Error> {
        let mut text = String::new();
        for block in blocks {
            if several {
                let _ = write!(text, "\n# {} env:\n", block.service);
            }
            for line in block.comment.lines() {
                let _ = writeln!(text, "# {line}");
            }
            for export in &block.exports {
                let _ = writeln!(text, "export {}={}", export.name, quote(&export.value));
            }
        }
        let hint = hint(command)?;
        let _ = write!(text, "\n# run following command to configure your shell:\n# {hint}\n");
        Ok(text)
    }

    /// One statement that makes `eval` fail with `code`. Without it, `eval "$(…)"` of nothing is a success.
    pub fn failure(self, code: ExitCode) -> String {
        format!("(exit {})\n", code as u8)
    }
}

/// `NAME=value` lines for programs; the values stand as they are.
pub fn script_readable(blocks: &[Block]) -> String {
    let exports = blocks.iter().flat_map(|block| &block.exports);
    exports.map(|export| format!("{}={}\n", export.name, export.value)).collect()
}

fn hint(command: &[OsString]) -> Result<String, Error> {
    let unprintable = || Error::Unprintable { name: "the command line".to_owned() };
    let word = |word: &OsString| {
        let text =
            word.to_str().filter(|text| !text.chars().any(char::is_control)).ok_or_else(unprintable)?;
        Ok(quote(text))
    };
    let words = command.iter().map(word).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("eval \"$({})\"", words.join(" ")))
}

/// Quotes for sh, bash and zsh, and only where quotes are needed: bare stay the characters that mean nothing
/// to any of them in any place. Not `=` (zsh looks up a word that begins with it), not `~`.
fn quote(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c);
    if !text.is_empty() && text.chars().all(bare) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::Export;

    fn block(value: &str) -> Block {
        Block {
            service: "kubernetes".into(),
            comment: "one\ntwo".into(),
            exports: vec![Export { name: "KUBECONFIG".parse().unwrap(), value: value.into() }],
        }
    }

    fn command(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn one_service_looks_as_announced() {
        let text =
            Shell::Bash.render(&[block("/a/b")], false, &command(&["service-manager", "env", "kubernetes"]));
        assert_eq!(
            text.unwrap(),
            "# one\n# two\nexport KUBECONFIG=/a/b\n\n# run following command to configure your shell:\n\
             # eval \"$(service-manager env kubernetes)\"\n"
        );
    }

    #[test]
    fn several_services_have_headings_and_one_hint() {
        let text = Shell::Sh.render(&[block("/a")], true, &command(&["sm", "env"])).unwrap();
        assert!(text.starts_with("\n# kubernetes env:\n# one\n"), "{text}");
        assert_eq!(text.matches("eval").count(), 1);
    }

    #[test]
    fn the_hint_repeats_the_command_quoted() {
        let text = Shell::Sh.render(&[], true, &command(&["sm", "env", "--machine", "a b'c"])).unwrap();
        assert!(text.ends_with("# eval \"$(sm env --machine 'a b'\\''c')\"\n"), "{text}");
        assert!(Shell::Sh.render(&[], true, &command(&["sm", "a\nexport X=1"])).is_err());
    }

    #[test]
    fn failure_carries_the_exit_code() {
        assert_eq!(Shell::Zsh.failure(ExitCode::NotRunning), "(exit 126)\n");
    }

    #[test]
    fn script_readable_is_bare() {
        assert_eq!(script_readable(&[block("/a b")]), "KUBECONFIG=/a b\n");
    }

    proptest! {
        /// shlex reads as a POSIX shell does.
        #[test]
        fn a_shell_reads_back_what_was_quoted(value in "[^\\x00-\\x1f\\x7f]{0,40}") {
            let words = shlex::split(&quote(&value)).unwrap();
            prop_assert_eq!(words, vec![value]);
        }
    }
}
