//! What the user typed to start this program, so that hints repeat it.

use std::path::Path;

use crate::base::env::Env;
use crate::base::text::{sh_path, sh_word};
use crate::cli::{Global, is_about_a_machine, selects_machine};

/// The program as it is typed, and the options that selected the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    program: &'static str,
    /// `-m NAME`, `--host ADDRESS` and so on, quoted for a POSIX shell; empty when nothing was typed.
    selection: Vec<String>,
    /// The options that belong to `--install`, quoted in the same way.
    installation: Vec<String>,
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
        Self { program: env.program(), selection, installation: Vec::new() }
    }

    /// What was typed in a line of which no option can be read.
    pub(crate) fn of_program(env: &Env) -> Self {
        Self { program: env.program(), ..Self::default() }
    }

    /// The same for one machine of several.
    #[must_use]
    pub(crate) fn of_machine(&self, name: &str) -> Self {
        let others = self.selection.iter().filter(|option| !option.starts_with("-m "));
        let selection = std::iter::once(format!("-m {}", sh_word(name))).chain(others.cloned()).collect();
        Self { selection, ..self.clone() }
    }

    /// The same for an installation with `options`.
    #[must_use]
    pub(crate) fn of_installation(&self, options: &[String]) -> Self {
        Self { installation: options.to_vec(), ..self.clone() }
    }

    /// `text` in which each command of this program between backquotes or in `$(...)`, such as
    /// `` `service-manager start docker` ``, is about the same machine as the one that was typed, and begins as that one
    /// did. Texts are written without knowing either, in the code as in service files.
    pub(crate) fn complete(&self, text: &str) -> String {
        let (mut completed, mut rest) = (String::new(), text);
        while let Some((before, code, after)) = first_code(rest) {
            completed.extend([before, "`", &self.complete_code(code), "`"]);
            rest = after;
        }
        completed + rest
    }

    /// The same of what stands between backquotes: a command of this program, or one with such commands in `$(...)`.
    fn complete_code(&self, code: &str) -> String {
        if let Some(words) = code.strip_prefix(PROGRAM) {
            return self.complete_command(words);
        }
        let (mut completed, mut rest) = (String::new(), code);
        while let Some(begin) = without_quoted(rest).find(SUBSTITUTION) {
            let (before, command) = rest.split_at(begin + SUBSTITUTION.len());
            let words = &command[..without_quoted(command).find(')').unwrap_or(command.len())];
            completed.extend([before.trim_end_matches(PROGRAM), &self.complete_command(words)]);
            rest = &command[words.len()..];
        }
        completed + rest
    }

    /// A whole command of this program, of which `words` are all but the first.
    fn complete_command(&self, words: &str) -> String {
        let bare = without_quoted(words);
        // What stands behind `--` or a pipe is another command.
        let others = [" -- ", " | "].iter().filter_map(|begin| bare.find(begin)).min();
        let (own, others) = words.split_at(others.unwrap_or(words.len()));
        let words = &bare[..own.len()];
        let (installation, selection) = (self.installation_for(words), self.selection_for(words));
        [self.program, " ", own, &installation, &selection, others].concat()
    }

    /// The options to add to the command `words`, which has nothing in quotes, if it installs something.
    fn installation_for(&self, words: &str) -> String {
        let has = |option: &str| words.split(' ').any(|word| word == option);
        let name = |option: &str| option.split(' ').next().unwrap_or_default().to_owned();
        let added = self.installation.iter().filter(|option| has(INSTALL) && !has(&name(option)));
        added.map(|option| format!(" {option}")).collect()
    }

    /// The options to add to the command `words`, which has nothing in quotes.
    fn selection_for(&self, words: &str) -> String {
        let command = words.split(' ').next().unwrap_or_default();
        let is_about_all = command == "status" && words.split(' ').any(|word| word == "--all");
        if !is_about_a_machine(command) || is_about_all || words.split(' ').any(selects_machine) {
            return String::new();
        }
        self.selection.iter().map(|option| format!(" {option}")).collect()
    }
}

/// `text` of the same length, without what stands in the quotes of a POSIX shell: that is a name or a path.
fn without_quoted(text: &str) -> String {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let hide = |c: char| {
        let is_hidden = is_quoted || is_escaped;
        is_escaped = c == '\\' && !is_hidden;
        is_quoted ^= c == '\'' && (is_quoted || !is_hidden);
        if is_hidden || is_quoted { "_".repeat(c.len_utf8()) } else { c.to_string() }
    };
    text.chars().map(hide).collect()
}

/// The first part of `text` between backquotes, and what stands before and behind it. A name in it may have them too, in
/// quotes.
fn first_code(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let end = without_quoted(rest).find('`').or_else(|| rest.find('`'))?;
    Some((before, &rest[..end], &rest[end + 1..]))
}

/// What texts call this program.
const PROGRAM: &str = "service-manager ";
/// How a command begins that another one puts in its place.
const SUBSTITUTION: &str = "$(service-manager ";
/// The option that others belong to.
const INSTALL: &str = "--install";

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(selection: &[&str]) -> Invocation {
        Invocation {
            program: "service-manager",
            selection: selection.iter().map(ToString::to_string).collect(),
            installation: Vec::new(),
        }
    }

    #[test]
    fn an_installation_is_typed_again_with_its_options() {
        let options =
            ["--install-version v1.31.5+k3s1", "--install-images", "--offline"].map(ToOwned::to_owned);
        let typed = invocation(&["-m a"]).of_installation(&options);
        let hint = "`service-manager start kubernetes --install --dry-run` prints it";
        assert_eq!(
            typed.complete(hint),
            "`service-manager start kubernetes --install --dry-run --install-version v1.31.5+k3s1 --install-images --offline -m a` prints it"
        );
        // What the hint says itself counts, and other commands have no such options.
        assert_eq!(
            typed.complete("`service-manager start kubernetes --install --offline --install-version v1.2.3`"),
            "`service-manager start kubernetes --install --offline --install-version v1.2.3 --install-images -m a`"
        );
        assert_eq!(
            typed.complete("`service-manager start kubernetes`"),
            "`service-manager start kubernetes -m a`"
        );
    }

    #[test]
    fn a_command_repeats_what_selected_the_machine() {
        let hint = "`service-manager start docker --tls` makes new ones; or `ls`";
        assert_eq!(invocation(&[]).complete(hint), hint);
        assert_eq!(
            invocation(&["--host dev@192.0.2.7", "--identity '/a b'"]).complete(hint),
            "`service-manager start docker --tls --host dev@192.0.2.7 --identity '/a b'` makes new ones; or `ls`"
        );
        assert_eq!(
            invocation(&["-m a"])
                .complete("`eval \"$(service-manager env)\"` sets it, as `service-manager exec` does"),
            "`eval \"$(service-manager env -m a)\"` sets it, as `service-manager exec -m a` does"
        );
    }

    #[test]
    fn what_another_command_is_given_stays_as_it_is() {
        assert_eq!(
            invocation(&["-m a"]).complete("`service-manager exec docker -- docker ps -m 1` runs it"),
            "`service-manager exec docker -m a -- docker ps -m 1` runs it"
        );
    }

    #[test]
    fn what_stands_in_quotes_is_a_name() {
        for name in ["'x --host y'", "'x -- y'", "'x'\\'' --host '\\'' -- y'", "'ä -m b'", "'$(id) -- x'"] {
            assert_eq!(
                invocation(&["-m a"])
                    .complete(&format!("`service-manager env kubernetes --context {name}`; it's it")),
                format!("`service-manager env kubernetes --context {name} -m a`; it's it")
            );
        }
        assert_eq!(
            invocation(&["-m a"]).complete("`eval \"$(service-manager env --context 'a) -m b')\"`"),
            "`eval \"$(service-manager env --context 'a) -m b' -m a)\"`"
        );
        // Nor is there a command in it, whatever it says.
        for text in [
            "in the machine: `kubectl config delete-context '$(service-manager env)'`",
            "it has $(service-manager env), a'b",
            "in the machine: `ls 'a`service-manager env`b'`",
        ] {
            assert_eq!(invocation(&["-m a"]).complete(text), text);
        }
        assert_eq!(
            invocation(&["-m a"]).complete("did you mean `it's`? `service-manager env`"),
            "did you mean `it's`? `service-manager env -m a`"
        );
    }

    #[test]
    fn what_a_pipe_leads_to_stays_as_it_is() {
        assert_eq!(
            invocation(&["-m a"]).complete("`service-manager logs SERVICE | tail -n 20`"),
            "`service-manager logs SERVICE -m a | tail -n 20`"
        );
    }

    #[test]
    fn a_command_about_no_machine_or_another_one_stays_as_it_is() {
        for hint in [
            "`service-manager machines forget box`",
            "`service-manager status -m other`",
            "`service-manager status -mother`",
            "`service-manager status --host=other`",
            "`service-manager status --all`",
            "in it `service-manager start openshift --install --dry-run -m NAME` prints the commands",
            "no command",
        ] {
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
