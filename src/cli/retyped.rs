//! The line that the user has typed, to be pasted with another word in it.

use std::ffi::{OsStr, OsString};
use std::ops::Range;

use clap::Command;
use clap::error::ContextKind;

use super::advice::TypedPlace;
use super::refusal::{Refusal, text_of};
use super::words::{OptionsWithValues, SEPARATOR, selects_machine};
use crate::base::text::sh_word;

/// What a word should have been that was taken for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning<'a> {
    /// The name of a machine.
    Machine,
    /// Another service.
    Service(&'a str),
}

impl Meaning<'_> {
    /// What is typed for it in place of `word`.
    fn words(self, word: &str) -> Vec<OsString> {
        match self {
            Self::Machine => vec!["-m".into(), word.into()],
            Self::Service(name) => vec![name.into()],
        }
    }
}

/// `arguments` with what `meaning` says in place of `word`. `root` is the definition of the program.
pub(super) fn retyped(root: &Command, arguments: &[OsString], word: &str, meaning: Meaning) -> String {
    let place = TypedPlace::find(root, arguments);
    let options = OptionsWithValues::of(&place.commands);
    let own = arguments.iter().position(|argument| argument == SEPARATOR).unwrap_or(arguments.len());
    let (own, behind) = arguments.split_at(own);
    let mut behind = behind.to_vec();
    let services: Vec<usize> = options.words(own, arguments.len() - place.rest.len()).collect();
    let replaced = services.iter().copied().find(|index| own[*index] == word);

    let mut line = vec![OsString::from("service-manager")];
    for words in with_their_values(own, &options) {
        if replaced == Some(words.start) {
            line.extend(meaning.words(word));
        } else if meaning != Meaning::Machine || !is_about_other_machines(&own[words.start], &place) {
            line.extend(without_secret(&own[words]));
        }
    }
    if replaced.is_none() {
        line.extend(meaning.words(word));
        behind = behind_the_command(&behind, word);
    }
    line.extend(missing(&place, &services, meaning));
    if behind.len() > 1 {
        line.extend(behind);
    }
    line.iter().map(|word| sh_word(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// The words of `arguments` that belong together: an option with its value, or one word. The name of the program is left out.
fn with_their_values<'a>(
    arguments: &'a [OsString],
    options: &'a OptionsWithValues,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut next = 1;
    std::iter::from_fn(move || {
        let begin = next;
        let takes_next = options.takes_next_word(&arguments.get(begin)?.to_string_lossy());
        next = (begin + if takes_next { 2 } else { 1 }).min(arguments.len());
        Some(begin..next)
    })
}

/// The words of an option as they may be shown: a password stays where it was typed.
fn without_secret(words: &[OsString]) -> Vec<OsString> {
    const SECRET: &str = "--proxy-password";
    match words {
        [option, _] if option == SECRET => vec![option.clone(), "PASSWORD".into()],
        [option] if option.to_string_lossy().starts_with(&format!("{SECRET}=")) => {
            vec![format!("{SECRET}=PASSWORD").into()]
        }
        words => words.to_vec(),
    }
}

/// `behind`, which begins with `--`, without `word` where that was taken for the command to run.
fn behind_the_command(behind: &[OsString], word: &str) -> Vec<OsString> {
    let [separator, command, rest @ ..] = behind else { return behind.to_vec() };
    if command != word {
        return behind.to_vec();
    }
    // The user may have typed a `--` too.
    let rest = rest.iter().skip_while(|next| *next == separator).cloned();
    std::iter::once(separator.clone()).chain(rest).collect()
}

/// The options in `arguments` that say which machine is meant, and how to log in to it. What stands behind a word that `refusal`
/// is about may be another program's.
pub(super) fn selection_options(root: &Command, arguments: &[OsString], refusal: &Refusal) -> Vec<OsString> {
    let wrong = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand].map(|kind| text_of(refusal, kind));
    let options = OptionsWithValues::of(&[root]);
    let is_wrong = |text: &str| !text.starts_with('-') && wrong.iter().any(|wrong| wrong == text);
    let mut selection = Vec::new();
    for words in with_their_values(arguments, &options) {
        let text = arguments[words.start].to_string_lossy();
        if text == SEPARATOR || is_wrong(&text) {
            break;
        }
        let is_key = text == "--identity" || text.starts_with("--identity=") || text.starts_with("-i");
        if selects_machine(&text) || is_key {
            selection.extend_from_slice(&arguments[words]);
        }
    }
    selection
}

/// True when `-m NAME` cannot stand beside `option`, or would be one machine of several.
fn is_about_other_machines(option: &OsStr, place: &TypedPlace) -> bool {
    selects_machine(&option.to_string_lossy()) || place.name() == "status" && option == "--all"
}

/// The name of the value that the command needs and that a machine's name was taken for.
fn missing(place: &TypedPlace, typed: &[usize], meaning: Meaning) -> Option<OsString> {
    let mut values = place.command().get_positionals();
    let required = values.find(|value| value.is_required_set() && typed.len() == 1)?;
    let is_missing = meaning == Meaning::Machine;
    required.get_value_names()?.first().filter(|_| is_missing).map(|name| name.as_str().into())
}
