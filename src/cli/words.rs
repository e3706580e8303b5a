//! Which of the arguments are words of their own, in a line that need not be right.

use std::ffi::OsString;

use clap::{Arg, Command};

/// The options whose value is a word of its own, as the definition of the command line has them.
pub(super) struct OptionsWithValues {
    long: Vec<String>,
    short: Vec<char>,
}

impl OptionsWithValues {
    /// Those of `commands`, of which each is below the one before.
    pub(super) fn of(commands: &[&Command]) -> Self {
        let options = commands.iter().flat_map(|command| command.get_arguments());
        let with_values = |option: &&Arg| {
            let takes_values = option.get_action().takes_values() && !option.is_require_equals_set();
            !option.is_positional() && takes_values
        };
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for option in options.filter(with_values) {
            long.extend(
                option.get_long_and_visible_aliases().unwrap_or_default().into_iter().map(String::from),
            );
            short.extend(option.get_short_and_visible_aliases().unwrap_or_default());
        }
        Self { long, short }
    }

    /// The indices of those of `arguments` that are neither options nor their values, from `first` on; up to a `--`.
    pub(super) fn words<'a>(
        &'a self,
        arguments: &'a [OsString],
        first: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        let mut next = first;
        std::iter::from_fn(move || {
            loop {
                let index = next;
                let argument = arguments.get(index)?.to_string_lossy();
                if argument == SEPARATOR {
                    return None;
                }
                next += if self.takes_next_word(&argument) { 2 } else { 1 };
                if argument == "-" || !argument.starts_with('-') {
                    return Some(index);
                }
            }
        })
    }

    /// True when `argument` is an option whose value is the next word.
    pub(super) fn takes_next_word(&self, argument: &str) -> bool {
        if let Some(name) = argument.strip_prefix("--") {
            return self.long.iter().any(|known| known == name);
        }
        let Some(letters) = argument.strip_prefix('-') else { return false };
        // Of several letters the first that has a value takes what follows it.
        let with_value = letters.char_indices().find(|(_, letter)| self.short.contains(letter));
        with_value.is_some_and(|(index, letter)| index + letter.len_utf8() == letters.len())
    }
}

/// True when the command called `name` is about one machine, which the options of the command line's `Global` select.
pub(crate) fn is_about_a_machine(name: &str) -> bool {
    matches!(
        name,
        "env"
            | "exec"
            | "doctor"
            | "status"
            | "start"
            | "stop"
            | "restart"
            | "kubeconfig"
            | "docker-context"
            | "registry"
            | "box"
            | "ssh"
            | "logs"
            | "console"
            | "install-cli"
            | "forward"
            | "tunnel"
    )
}

/// True when `word` is an option that says which machine is meant, its value in the same word or in the next one.
pub(crate) fn selects_machine(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default();
    let is_short = word.starts_with("-m") && !word.starts_with("--");
    is_short || matches!(name, "--machine" | "--host" | "--ssh-config")
}

/// What ends the options.
pub(super) const SEPARATOR: &str = "--";
