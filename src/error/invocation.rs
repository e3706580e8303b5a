//! What the user typed to start this program, so that hints repeat it.

use std::path::Path;

use crate::base::env::Env;
use crate::base::text::{sh_path, sh_word};
use crate::cli::{Global, is_about_a_machine};

/// The program as it is typed, and the options that selected the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    program: &'static str,
    /// `-m NAME`, `--host ADDRESS` and so on, quoted for a POSIX shell; empty when nothing was typed.
    selection: Vec<String>,
}

impl Invocation {
    /// What was typed, with `global` as parsed from it.
    pub(crate) fn new(env: &Env, global: &Global) -> Self {
        let path = |option: &str, path: &Path| format!("{option} {}", sh_path(path));
        let mut selection: Vec<String> = global.machines.iter().map(|name| format!("-m {name}")).collect();
        selection.extend(global.ssh_config.as_deref().map(|file| path("--ssh-config", file)));
        selection
            .extend(global.host.as_ref().map(|address| format!("--host {}", sh_word(&address.to_string()))));
        selection.extend(global.identity.as_deref().map(|file| path("--identity", file)));
        Self { program: env.program(), selection }
    }

    /// The same for one machine of several.
    #[must_use]
    pub(crate) fn of_machine(&self, name: &str) -> Self {
        let others = self.selection.iter().filter(|option| !option.starts_with("-m "));
        let selection = std::iter::once(format!("-m {}", sh_word(name))).chain(others.cloned()).collect();
        Self { program: self.program, selection }
    }

    /// `text` in which each command of this program between backquotes, such as `` `service-manager start docker` ``, is
    /// about the same machine as the one that was typed, and begins as that one did. Texts are written without
    /// knowing either, in the code as in service files.
    pub(crate) fn complete(&self, text: &str) -> String {
        let mut parts = text.split("`service-manager ");
        let mut completed = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (words, rest) = part.split_once('`').unwrap_or((part, ""));
            let command = format!("{} {words}{}", self.program, self.selection_for(words));
            completed.extend(["`", command.as_str(), "`", rest]);
        }
        completed
    }

    /// The options to add to the command `words`.
    fn selection_for(&self, words: &str) -> String {
        let command = words.split(' ').next().unwrap_or_default();
        let selects = |word: &str| matches!(word, "-m" | "--machine" | "--host" | "--ssh-config");
        if !is_about_a_machine(command) || words.split(' ').any(selects) {
            return String::new();
        }
        self.selection.iter().map(|option| format!(" {option}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(selection: &[&str]) -> Invocation {
        Invocation {
            program: "service-manager",
            selection: selection.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_command_repeats_what_selected_the_machine() {
        let hint = "`service-manager start docker --tls` makes new ones; or `ls`";
        assert_eq!(invocation(&[]).complete(hint), hint);
        assert_eq!(
            invocation(&["--host dev@192.0.2.7", "--identity '/a b'"]).complete(hint),
            "`service-manager start docker --tls --host dev@192.0.2.7 --identity '/a b'` makes new ones; or `ls`"
        );
    }

    #[test]
    fn a_command_about_no_machine_or_another_one_stays_as_it_is() {
        for hint in
            ["`service-manager machines forget box`", "`service-manager status -m other`", "no command"]
        {
            assert_eq!(invocation(&["-m a"]).complete(hint), hint);
        }
    }

    #[test]
    fn one_machine_of_several_is_named_alone() {
        let typed = invocation(&["-m a", "-m b", "--identity k"]).of_machine("b");
        assert_eq!(typed.complete("`service-manager status`"), "`service-manager status -m b --identity k`");
    }

    #[test]
    fn the_plugin_is_typed_another_way() {
        let typed = Invocation { program: "vagrant service-manager", ..invocation(&["-m db"]) };
        assert_eq!(typed.complete("`service-manager env`"), "`vagrant service-manager env -m db`");
    }
}
