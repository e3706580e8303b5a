//! Exports → text that a shell evaluates. Pure, but for asking which shell that is.

mod detect;
mod dialect;
mod hook;

use std::ffi::OsString;

use serde_json::json;

pub(crate) use self::detect::{Detected, detect};
pub(crate) use self::hook::{HookTarget, watch_file};
use crate::base::text::sh_quote;
use crate::base::types::VariableName;
use crate::export::error::Error;
use crate::export::variables::{Block, Export};

/// A dialect of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// POSIX sh and those that read it: bash, zsh, dash, ash, ksh
    #[default]
    #[value(name = "sh", aliases = ["bash", "rbash", "zsh", "dash", "ash", "busybox", "ksh", "mksh"])]
    Posix,
    /// fish
    Fish,
    /// tcsh and csh
    #[value(alias = "csh")]
    Tcsh,
    /// Elvish
    Elvish,
    /// xonsh
    Xonsh,
    /// Nushell: JSON for `load-env`
    #[value(name = "nu", alias = "nushell")]
    Nushell,
    /// `PowerShell`
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
    /// The command prompt of Windows
    Cmd,
}

impl Shell {
    /// The text that sets what `blocks` hold, with the line that says how to evaluate it: `command` is the
    /// command line as it was typed. With several services each block has a heading.
    ///
    /// Errors: a value, or the command line, that this shell cannot carry.
    pub fn set(self, blocks: &[Block], several: bool, command: &[OsString]) -> Result<String, Error> {
        match self {
            Self::Nushell => json_object(blocks),
            // The comments before the assignments are a promise in this form.
            Self::Posix => {
                let mut text = String::new();
                for block in blocks {
                    text.push_str(&self.introduction(block, several)?);
                    text.push_str(&self.assignments(block)?);
                }
                Ok(text + "\n" + &self.closing(command, dialect::Use::Set)?)
            }
            // Elsewhere a comment may swallow what follows it, so it comes last.
            _ => {
                let mut text =
                    blocks.iter().map(|block| self.assignments(block)).collect::<Result<String, _>>()?;
                for block in blocks {
                    text.push_str(&self.introduction(block, several)?);
                }
                Ok(text + &self.closing(command, dialect::Use::Set)?)
            }
        }
    }

    /// The text that removes the variables `names`.
    ///
    /// Errors: a command line that this shell cannot carry.
    pub fn unset(self, names: &[VariableName], command: &[OsString]) -> Result<String, Error> {
        if self == Self::Nushell {
            return Ok(json!(names.iter().map(VariableName::as_str).collect::<Vec<_>>()).to_string() + "\n");
        }
        let removals: String = names.iter().map(|name| self.removal(name)).collect();
        let space = if self == Self::Posix { "\n" } else { "" };
        Ok(removals + space + &self.closing(command, dialect::Use::Unset)?)
    }

    fn introduction(self, block: &Block, several: bool) -> Result<String, Error> {
        let mut text = String::new();
        if several {
            if self == Self::Posix {
                text.push('\n');
            }
            text.push_str(&self.comment(&format!("{} env:", block.service))?);
        }
        for line in block.comment.lines() {
            text.push_str(&self.comment(line)?);
        }
        Ok(text)
    }

    fn assignments(self, block: &Block) -> Result<String, Error> {
        let gone = block.gone.iter().map(|name| Ok(self.removal(name)));
        let exports = block.exports.iter().map(|export| self.assignment(export));
        gone.chain(exports).chain(block.path.iter().map(|entry| self.prepend(entry))).collect()
    }

    fn closing(self, command: &[OsString], what_for: dialect::Use) -> Result<String, Error> {
        let hint = self.hint(command, what_for)?;
        Ok(self.comment("run following command to configure your shell:")? + &self.comment(&hint)?)
    }

    /// One statement that makes the evaluation fail with `code`, where evaluating nothing would be a success.
    pub fn failure(self, code: u8) -> String {
        match self {
            Self::Posix => format!("(exit {code})\n"),
            Self::Fish | Self::Tcsh => format!("sh -c 'exit {code}';\n"),
            Self::Xonsh => format!("raise RuntimeError('service-manager failed, exit code {code}')\n"),
            Self::PowerShell => format!("throw 'service-manager failed, exit code {code}'\n"),
            Self::Cmd => format!("cmd /c exit {code}\n"),
            // Elvish sees the command's own failure; no JSON at all makes `from json` fail.
            Self::Elvish | Self::Nushell => String::new(),
        }
    }
}

/// `NAME=value` lines for programs; the values stand as they are, but for those between single quotes, which are so
/// quoted that sh reads them back.
pub(crate) fn script_readable(blocks: &[Block]) -> String {
    let exports = blocks.iter().flat_map(|block| &block.exports);
    let line = |Export { name, value, quoted, .. }: &Export| {
        if *quoted { format!("{name}={}\n", sh_quote(value)) } else { format!("{name}={value}\n") }
    };
    exports.map(line).collect()
}

/// `NAME=value` lines without quotes: what `$GITHUB_ENV`, `docker run --env-file` and the readers of `.env` files all
/// take alike. None of them can remove a variable.
///
/// Errors: a value that one of them would take for another one.
pub(crate) fn dotenv(blocks: &[Block]) -> Result<String, Error> {
    let line = |Export { name, value, .. }: &Export| {
        let is_plain = value.trim() == value
            && !value.chars().any(|c| c.is_control() || matches!(c, '\'' | '"' | '`' | '#' | '$'));
        let refused = || Error::NotWithoutQuotes { name: name.to_string() };
        is_plain.then(|| format!("{name}={value}\n")).ok_or_else(refused)
    };
    blocks.iter().flat_map(|block| &block.exports).map(line).collect()
}

fn json_object(blocks: &[Block]) -> Result<String, Error> {
    let mut object = serde_json::Map::new();
    for block in blocks {
        // `load-env` cannot remove; to programs an empty one is as good as none.
        object.extend(block.gone.iter().map(|name| (name.to_string(), json!(""))));
        object.extend(block.exports.iter().map(|export| (export.name.to_string(), json!(export.value))));
        if let Some(entry) = &block.path {
            object.insert("PATH".to_owned(), json!(dialect::whole_path(entry)?));
        }
    }
    Ok(serde_json::Value::Object(object).to_string() + "\n")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::export::variables::PathEntry;

    fn block() -> Block {
        Block {
            service: "kubernetes".into(),
            comment: "one\ntwo".into(),
            exports: vec![Export {
                name: "KUBECONFIG".parse().unwrap(),
                value: "/a/b".into(),
                quoted: false,
                list: false,
            }],
            gone: vec![],
            path: None,
        }
    }

    fn command(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    fn set(shell: Shell) -> String {
        shell.set(&[block()], false, &command(&["service-manager", "env", "kubernetes"])).unwrap()
    }

    fn unset(shell: Shell) -> String {
        let names = [block().exports[0].name.clone()];
        shell.unset(&names, &command(&["service-manager", "env", "--unset"])).unwrap()
    }

    #[test]
    fn posix_looks_as_announced() {
        assert_eq!(
            set(Shell::Posix),
            "# one\n# two\nexport KUBECONFIG=/a/b\n\n# run following command to configure your shell:\n\
             # eval \"$(service-manager env kubernetes)\"\n"
        );
    }

    #[test]
    fn elsewhere_the_assignments_come_first() {
        for shell in Shell::value_variants().iter().filter(|shell| **shell != Shell::Posix) {
            let text = set(*shell);
            assert!(text.lines().next().unwrap().contains("KUBECONFIG"), "{text}");
        }
    }

    #[test]
    fn several_services_have_headings_and_one_hint() {
        let text = Shell::Posix.set(&[block()], true, &command(&["sm", "env"])).unwrap();
        assert!(text.starts_with("\n# kubernetes env:\n# one\n"), "{text}");
        assert_eq!(text.matches("eval").count(), 1);
    }

    #[test]
    fn a_folder_is_put_first_in_the_path() {
        let entry = PathEntry { folder: "/a b".into(), others: vec!["/bin".into(), "/x".into()] };
        let block = Block { exports: vec![], path: Some(entry), ..block() };
        for (shell, line) in [
            (Shell::Posix, "export PATH='/a b':$PATH"),
            (Shell::Fish, "set -gx PATH '/a b' $PATH;"),
            (Shell::Tcsh, "setenv PATH '/a b':\"$PATH\";"),
            (Shell::Elvish, "set paths = ['/a b' $@paths]"),
            (Shell::Xonsh, "$PATH.insert(0, '/a b')"),
            (Shell::PowerShell, "${Env:PATH} = '/a b' + [IO.Path]::PathSeparator + ${Env:PATH}"),
            (Shell::Cmd, "SET \"PATH=/a b;/bin;/x\""),
            (Shell::Nushell, "{\"PATH\":[\"/a b\",\"/bin\",\"/x\"]}"),
        ] {
            let text =
                shell.set(std::slice::from_ref(&block), false, &command(&["sm", "install-cli"])).unwrap();
            assert!(text.lines().any(|found| found == line), "{text}");
        }
    }

    #[test]
    fn unset_names_what_set_sets() {
        assert_eq!(
            unset(Shell::Posix),
            "unset KUBECONFIG\n\n# run following command to configure your shell:\n\
             # eval \"$(service-manager env --unset)\"\n"
        );
        assert_eq!(unset(Shell::Nushell), "[\"KUBECONFIG\"]\n");
        for shell in Shell::value_variants() {
            assert!(unset(*shell).contains("KUBECONFIG"));
        }
    }

    #[test]
    fn failure_carries_the_exit_code() {
        assert_eq!(Shell::Posix.failure(126), "(exit 126)\n");
        assert_eq!(Shell::Fish.failure(3), "sh -c 'exit 3';\n");
        assert_eq!(Shell::Nushell.failure(3), "");
    }

    #[test]
    fn a_command_line_with_a_line_break_is_refused() {
        for shell in Shell::value_variants().iter().filter(|shell| **shell != Shell::Nushell) {
            assert!(shell.set(&[], true, &command(&["sm", "a\nexport X=1"])).is_err(), "{shell:?}");
        }
    }

    #[test]
    fn dotenv_has_no_quotes() {
        let mut block = block();
        block.exports[0].quoted = true;
        assert_eq!(dotenv(&[block.clone()]).unwrap(), "KUBECONFIG=/a/b\n");
        for plain in ["", "/a b/c", "C:\\a", "tcp://192.0.2.7:2376", "/é"] {
            block.exports[0].value = plain.into();
            assert_eq!(dotenv(&[block.clone()]).unwrap(), format!("KUBECONFIG={plain}\n"));
        }
        for hostile in [
            "a\nPATH=/tmp",
            "a\rb",
            " a",
            "a ",
            "it's",
            "\"",
            "`id`",
            "$(id)",
            "${HOME}",
            "a #b",
            "\x1b[2J",
            "\u{85}",
        ] {
            block.exports[0].value = hostile.into();
            assert!(matches!(dotenv(&[block.clone()]), Err(Error::NotWithoutQuotes { .. })), "{hostile:?}");
        }
    }

    #[test]
    fn script_readable_is_bare() {
        assert_eq!(script_readable(&[block()]), "KUBECONFIG=/a/b\n");
        let mut block = block();
        block.exports[0].quoted = true;
        assert_eq!(script_readable(&[block.clone()]), "KUBECONFIG='/a/b'\n");
        block.exports[0].value = "/it's/$HOME".into();
        let text = script_readable(&[block]);
        assert_eq!(text, "KUBECONFIG='/it'\\''s/$HOME'\n");
        assert_eq!(shlex::split(&text).unwrap(), ["KUBECONFIG=/it's/$HOME"]);
    }
}
