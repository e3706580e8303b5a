//! The line in front of somebody who presses Tab, and what may come next in it.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use clap_complete::engine::{self, CompletionCandidate};

use super::values::{self, FILES, FOLDERS, Typed};
use crate::base::text::sanitize_line;
use crate::cli::{Cli, CommandPlace, CompletionShell};
use crate::commands::context::Context;
use crate::commands::exec::service_names;

/// What fits at the word with the number `index` of `words`, as `shell` reads it: one in each line. Nobody is told of
/// failures: who presses Tab sees that there is nothing.
pub(super) fn complete(
    shell: CompletionShell,
    index: &OsStr,
    words: &[OsString],
    context: &Context,
) -> String {
    let Some(index) = index.to_str().and_then(|index| index.parse::<usize>().ok()) else {
        return String::new();
    };
    // What stands behind the cursor does not count, and some shells leave out a word that is empty.
    let mut words = words.to_vec();
    words.resize(index + 1, OsString::new());
    let is_option = words[index].to_string_lossy().starts_with('-');
    let command = match CommandPlace::of(&words[..index], || service_names(&context.env)) {
        CommandPlace::At(begin) => return command(begin),
        CommandPlace::Next if !is_option => command(index),
        CommandPlace::Next | CommandPlace::Elsewhere => String::new(),
    };
    let (words, index) = match shell {
        CompletionShell::Bash => without_signs(words, index),
        _ => (words, index),
    };
    let (words, is_help) = with_man_for_help(words, index);
    let typed = Arc::new(Typed::new(&words[..index], context));
    let mut program = values::add_to(Cli::named_by(&words), &typed);
    let mut found = engine::complete(&mut program, words, index, None).unwrap_or_default();
    // Options are proposed where nothing else is, or when the word is one; `help` has none.
    let is_other =
        |candidate: &CompletionCandidate| !candidate.get_value().to_string_lossy().starts_with('-');
    if is_help || !is_option && found.iter().any(is_other) {
        found.retain(is_other);
    }
    // Behind `--merge`, a word is the name of a file, not of a service.
    let is_behind_option = index > 0 && typed.last().is_some_and(|word| word.starts_with('-'));
    if is_behind_option && found.iter().any(is_of_shell) {
        found.retain(is_of_shell);
    }
    command + &found.iter().map(|candidate| row(shell, candidate)).collect::<String>()
}

/// Whether it is `help` that is typed, whose words are those of `man`: the parser's own `help` knows only what was defined before
/// it, which is not the commands below others.
fn with_man_for_help(mut words: Vec<OsString>, index: usize) -> (Vec<OsString>, bool) {
    let mut typed = words.iter_mut().take(index).skip(1);
    let command = typed.find(|word| !word.to_string_lossy().starts_with('-'));
    let help = command.filter(|word| *word == "help");
    let is_help = help.is_some();
    if let Some(help) = help {
        *help = "man".into();
    }
    (words, is_help)
}

/// True for what the shell knows: files and folders.
fn is_of_shell(candidate: &CompletionCandidate) -> bool {
    let value = candidate.get_value().to_string_lossy();
    [FILES, FOLDERS].into_iter().any(|files| value.ends_with(files))
}

/// Has the shell complete what begins with the word of this number as if it stood alone.
fn command(begin: usize) -> String {
    format!(":command {begin}\n")
}

/// bash takes `--shell=zsh` for three words.
fn without_signs(words: Vec<OsString>, mut index: usize) -> (Vec<OsString>, usize) {
    let is_option = |word: &OsString| word.to_string_lossy().starts_with("--");
    let mut kept: Vec<OsString> = Vec::new();
    for (place, word) in words.into_iter().enumerate() {
        // Where it is completed itself, it is empty.
        if word == "=" && kept.last().is_some_and(is_option) && place < index {
            index -= 1;
        } else {
            kept.push(word);
        }
    }
    (kept, index)
}

fn row(shell: CompletionShell, candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy();
    if let Some(files) = [FILES, FOLDERS].into_iter().find(|files| value.ends_with(files)) {
        return format!("{files}\n");
    }
    let about = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    let about = about.lines().next().unwrap_or_default();
    match shell {
        CompletionShell::Bash => format!("{value}\n"),
        _ => format!("{value}\t{}\n", sanitize_line(about)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn bash_takes_an_option_with_its_value_apart() {
        let whole = |line: &str, index| {
            let (words, index) = without_signs(words(line), index);
            (words.join(" ".as_ref()).into_string().unwrap(), index)
        };
        assert_eq!(whole("x env --shell = zs", 4), ("x env --shell zs".into(), 3));
        assert_eq!(whole("x env --shell = zsh ", 5), ("x env --shell zsh ".into(), 4));
        // The cursor is right behind the sign, where bash has an empty word.
        assert_eq!(whole("x env --shell ", 3), ("x env --shell ".into(), 3));
        assert_eq!(whole("x env =", 2), ("x env =".into(), 2));
    }
}
