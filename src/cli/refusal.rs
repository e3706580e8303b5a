//! What the parser refuses, in words: as clap says it, but with names between backticks, as in all other messages.

use std::error::Error as _;
use std::fmt::Write as _;

use clap::builder::{StyledStr, Styles};
use clap::error::{ContextKind, ContextValue, ErrorFormatter, ErrorKind};

use crate::base::text::escape_control;

/// What the parser answers instead of a command: help, a version, or what is wrong.
pub(crate) type Refusal = clap::error::Error<Backticks>;

/// Formats what is wrong.
pub(crate) struct Backticks;

impl ErrorFormatter for Backticks {
    fn format_error(refusal: &Refusal) -> StyledStr {
        let styles = Styles::styled();
        let (error, hint) = (styles.get_error(), styles.get_valid());
        let mut text = StyledStr::new();
        // A text takes all that is written into it.
        let _ = write!(text, "{error}error:{error:#} {}", sentence(refusal));
        let hints = hints(refusal);
        if !hints.is_empty() {
            let _ = writeln!(text);
        }
        for advice in hints {
            let _ = write!(text, "\n  {hint}hint:{hint:#} {advice}");
        }
        if let Some(ContextValue::StyledStr(usage)) = refusal.get(ContextKind::Usage) {
            let _ = write!(text, "\n\n{}", usage.ansi());
        }
        let _ = writeln!(text, "\n\nFor more information, try `--help`.");
        text
    }
}

/// What is wrong.
fn sentence(refusal: &Refusal) -> String {
    let (argument, value) =
        (text_of(refusal, ContextKind::InvalidArg), text_of(refusal, ContextKind::InvalidValue));
    let number = |kind| match refusal.get(kind) {
        Some(ContextValue::Number(number)) => *number,
        _ => 0,
    };
    match refusal.kind() {
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("a value is required for `{argument}` but none was supplied{}", possible_values(refusal))
        }
        ErrorKind::InvalidValue => {
            format!("invalid value `{value}` for `{argument}`{}", possible_values(refusal))
        }
        ErrorKind::ValueValidation => {
            let reason = refusal.source().map(|source| format!(": {}", escape_control(&source.to_string())));
            format!("invalid value `{value}` for `{argument}`{}", reason.unwrap_or_default())
        }
        ErrorKind::UnknownArgument => format!("unexpected argument `{argument}` found"),
        ErrorKind::InvalidSubcommand => {
            format!("there is no command `{}`", text_of(refusal, ContextKind::InvalidSubcommand))
        }
        ErrorKind::ArgumentConflict => conflict(refusal, &argument),
        ErrorKind::NoEquals => format!("an equal sign has to stand between `{argument}` and its value"),
        ErrorKind::TooManyValues => format!("`{argument}` takes no more values, and `{value}` is one more"),
        ErrorKind::TooFewValues => format!(
            "`{argument}` takes {} values or more, and has {}",
            number(ContextKind::MinValues),
            number(ContextKind::ActualNumValues)
        ),
        ErrorKind::WrongNumberOfValues => format!(
            "`{argument}` takes {} values, and has {}",
            number(ContextKind::ExpectedNumValues),
            number(ContextKind::ActualNumValues)
        ),
        ErrorKind::MissingRequiredArgument => {
            let missing: String =
                texts_of(refusal, ContextKind::InvalidArg).iter().map(|name| format!("\n  {name}")).collect();
            format!("the following required arguments were not provided:{missing}")
        }
        ErrorKind::MissingSubcommand => {
            let command = text_of(refusal, ContextKind::InvalidSubcommand);
            let known = texts_of(refusal, ContextKind::ValidSubcommand).join(", ");
            format!("`{command}` needs one of its commands\n  [commands: {known}]")
        }
        ErrorKind::InvalidUtf8 => "what was typed is not text in UTF-8".to_owned(),
        kind => kind.to_string(),
    }
}

fn conflict(refusal: &Refusal, argument: &str) -> String {
    match refusal.get(ContextKind::PriorArg) {
        Some(ContextValue::String(other)) if other == argument => {
            format!("the argument `{argument}` cannot be used multiple times")
        }
        Some(ContextValue::String(other)) => {
            format!("the argument `{argument}` cannot be used with `{}`", escape_control(other))
        }
        _ => {
            let others: Vec<String> =
                texts_of(refusal, ContextKind::PriorArg).iter().map(|other| format!("`{other}`")).collect();
            format!("the argument `{argument}` cannot be used with {}", others.join(", "))
        }
    }
}

fn possible_values(refusal: &Refusal) -> String {
    let values = texts_of(refusal, ContextKind::ValidValue);
    if values.is_empty() { String::new() } else { format!("\n  [possible values: {}]", values.join(", ")) }
}

/// What to type instead.
fn hints(refusal: &Refusal) -> Vec<String> {
    match refusal.get(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(hints)) => {
            hints.iter().map(|hint| escape_control(&hint.to_string())).collect()
        }
        _ => Vec::new(),
    }
}

/// `refusal` with each of its hints as `change` makes it.
pub(crate) fn with_hints(mut refusal: Refusal, change: impl Fn(&str) -> String) -> Refusal {
    if let Some(ContextValue::StyledStrs(hints)) = refusal.remove(ContextKind::Suggested) {
        let hints = hints.iter().map(|hint| StyledStr::from(change(&hint.to_string()))).collect();
        refusal.insert(ContextKind::Suggested, ContextValue::StyledStrs(hints));
    }
    refusal
}

/// The text that the parser has kept as `kind`, or none.
pub(super) fn text_of(refusal: &Refusal, kind: ContextKind) -> String {
    match refusal.get(kind) {
        Some(ContextValue::String(text)) => escape_control(text),
        _ => String::new(),
    }
}

/// The same for a list.
pub(super) fn texts_of(refusal: &Refusal, kind: ContextKind) -> Vec<String> {
    match refusal.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.iter().map(|text| escape_control(text)).collect(),
        Some(ContextValue::String(text)) => vec![escape_control(text)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command};

    use super::*;

    /// A command that can refuse in every way.
    fn command() -> Command {
        let parse = |text: &str| text.parse::<u16>();
        Command::new("x")
            .arg(Arg::new("one").long("one").value_parser(["a", "b"]).conflicts_with("flag"))
            .arg(Arg::new("number").long("number").value_parser(parse))
            .arg(Arg::new("flag").long("flag").action(ArgAction::SetTrue))
            .arg(Arg::new("equals").long("equals").require_equals(true))
            .arg(Arg::new("two").long("two").num_args(2))
            .arg(Arg::new("some").long("some").num_args(2..4))
            .subcommand(
                Command::new("below").arg(Arg::new("must").required(true)).subcommand(Command::new("last")),
            )
            .subcommand(Command::new("group").subcommand_required(true).subcommand(Command::new("member")))
    }

    #[test]
    fn every_refusal_has_backticks() {
        for (typed, expected) in [
            (
                "--one",
                "a value is required for `--one <one>` but none was supplied\n  [possible values: a, b]\n",
            ),
            ("--one c", "invalid value `c` for `--one <one>`\n  [possible values: a, b]\n"),
            ("--number x", "invalid value `x` for `--number <number>`: invalid digit found in string\n"),
            ("--nothing", "unexpected argument `--nothing` found\n"),
            ("--one a --flag", "the argument `--one <one>` cannot be used with `--flag`\n"),
            ("--flag --flag", "the argument `--flag` cannot be used multiple times\n"),
            ("--equals 1", "an equal sign has to stand between `--equals=<equals>` and its value\n"),
            ("--two 1", "`--two <two> <two>` takes 2 values, and has 1\n"),
            ("--some 1", "`--some <some> <some>...` takes 2 values or more, and has 1\n"),
            ("nothing", "there is no command `nothing`\n"),
            ("below", "the following required arguments were not provided:\n  <must>\n"),
            ("bellow\u{1b}[2J", "there is no command `bellow\\u{1b}[2J`\n"),
            ("group", "`x group` needs one of its commands\n  [commands: member, help]\n"),
        ] {
            let words = std::iter::once("x").chain(typed.split(' '));
            let refusal = command().try_get_matches_from(words).unwrap_err().apply::<Backticks>().to_string();
            assert!(refusal.starts_with(&format!("error: {expected}")), "{typed}: {refusal}");
            assert!(!refusal.contains('\''), "{refusal}");
        }
    }
}
