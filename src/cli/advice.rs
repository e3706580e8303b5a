//! What to type in place of words that are no command or option of this program.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, ValueEnum};

use super::elsewhere::{COMMANDS, Counterpart, OPTIONS};
use super::refusal::{Refusal, text_of, texts_of};
use super::words::{OptionsWithValues, is_about_a_machine};
use crate::base::suggest::nearest;
use crate::base::text::sh_word;
use crate::base::types::MachineName;
use crate::export::shell::Shell;

/// Says in `refusal` of `arguments` what to type instead, and nothing else that clap would say. `root` is the definition of this
/// program, which the hints call `service-manager`.
pub(super) fn advise(mut refusal: Refusal, root: &mut Command, arguments: &[OsString]) -> Refusal {
    let kind = refusal.kind();
    if kind == ErrorKind::MissingRequiredArgument {
        root.build();
        let example = TypedPlace::find(root, arguments).example();
        return with_hint(refusal, example.map(|example| format!("for example `{example}`")));
    }
    if !matches!(kind, ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand | ErrorKind::InvalidValue) {
        return refusal;
    }
    root.build();
    let place = TypedPlace::find(root, arguments);
    let usage = matches!(kind, ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand);
    let usage = usage.then(|| place.command().clone().render_usage());
    let hint = match kind {
        ErrorKind::UnknownArgument => place.for_argument(&text_of(&refusal, ContextKind::InvalidArg)),
        ErrorKind::InvalidSubcommand => place.for_command(&text_of(&refusal, ContextKind::InvalidSubcommand)),
        _ => for_value(&refusal, &place.name()),
    };
    for advice in [
        ContextKind::Suggested,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
        ContextKind::SuggestedCommand,
    ] {
        refusal.remove(advice);
    }
    let mut refusal = with_hint(refusal, hint);
    if let Some(usage) = usage {
        refusal.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    }
    refusal
}

fn with_hint(mut refusal: Refusal, hint: Option<String>) -> Refusal {
    if let Some(hint) = hint {
        let hints = vec![StyledStr::from(hint)];
        refusal.insert(ContextKind::Suggested, ContextValue::StyledStrs(hints));
    }
    refusal
}

/// The command that `arguments` name, as in `box ip`; empty where they name none. `root` is the definition of the program.
pub(super) fn name_of_command(root: &Command, arguments: &[OsString]) -> String {
    TypedPlace::find(root, arguments).name()
}

/// For a value of the command `name`.
fn for_value(refusal: &Refusal, name: &str) -> Option<String> {
    let value = text_of(refusal, ContextKind::InvalidValue);
    if Shell::from_str(&value, true).is_ok() {
        // One that is known, and not here, is not another one misspelt.
        let instead = format!("`service-manager env --shell {value}` prints the variables for it");
        return (name == "hook").then_some(instead);
    }
    let known = texts_of(refusal, ContextKind::ValidValue);
    nearest(&value, &known).map(|known| did_you_mean([known]))
}

fn did_you_mean(instead: impl IntoIterator<Item = String>) -> String {
    let instead: Vec<String> = instead.into_iter().map(|text| format!("`{text}`")).collect();
    match instead.split_last() {
        Some((last, others)) if !others.is_empty() => {
            format!("did you mean {} or {last}?", others.join(", "))
        }
        _ => format!("did you mean {}?", instead.concat()),
    }
}

/// The command that is named, and the words behind its name.
pub(super) struct TypedPlace<'a> {
    /// The program, and the commands that are named below it.
    pub(super) commands: Vec<&'a Command>,
    pub(super) rest: &'a [OsString],
}

impl<'a> TypedPlace<'a> {
    pub(super) fn find(root: &'a Command, arguments: &'a [OsString]) -> Self {
        let mut place = Self { commands: vec![root], rest: arguments.get(1..).unwrap_or_default() };
        while let Some(next) = place.below() {
            place = next;
        }
        place
    }

    fn below(&self) -> Option<Self> {
        let index = OptionsWithValues::of(&self.commands).words(self.rest, 0).next()?;
        let below = self.command().find_subcommand(self.rest[index].to_str()?)?;
        let commands = self.commands.iter().copied().chain([below]).collect();
        Some(Self { commands, rest: &self.rest[index + 1..] })
    }

    pub(super) fn command(&self) -> &'a Command {
        self.commands[self.commands.len() - 1]
    }

    /// The example at the end of the command's help; the first of them, where there are several.
    fn example(&self) -> Option<String> {
        let help = self.command().get_after_help()?.to_string();
        let example =
            help.lines().find_map(|line| line.strip_prefix("Example: ").or(line.strip_prefix("  ")))?;
        // What it does may stand beside it.
        example.split("   ").next().map(ToOwned::to_owned)
    }

    /// As in `box ip`; empty for the program.
    pub(super) fn name(&self) -> String {
        self.commands[1..].iter().map(|command| command.get_name()).collect::<Vec<_>>().join(" ")
    }

    /// What stands behind `word`, quoted for a shell.
    fn behind(&self, word: &str) -> String {
        // The value of an option may be the same word.
        let options = OptionsWithValues::of(&self.commands);
        let index = options.words(self.rest, 0).find(|index| self.rest[*index] == word);
        let behind = index.map_or(&[][..], |index| &self.rest[index + 1..]);
        behind.iter().map(|word| format!(" {}", sh_word(&word.to_string_lossy()))).collect()
    }

    /// For a `word` where a command should be.
    fn for_command(&self, word: &str) -> Option<String> {
        let name = self.name();
        let known = COMMANDS.iter().find(|(within, words, _)| *within == name && words.contains(&word));
        if let Some((_, _, counterpart)) = known {
            return Some(self.say(*counterpart, word));
        }
        let below: Vec<String> =
            subcommands(self.command()).map(|known| known.get_name().to_owned()).collect();
        if let Some(nearest) = nearest(word, &below) {
            let command = [name.as_str(), nearest.as_str()].join(" ");
            return Some(did_you_mean([format!(
                "service-manager {}{}",
                command.trim_start(),
                self.behind(word)
            )]));
        }
        let elsewhere = self.elsewhere(word);
        (!elsewhere.is_empty()).then(|| did_you_mean(elsewhere))
    }

    fn say(&self, counterpart: Counterpart, word: &str) -> String {
        match counterpart {
            Counterpart::Commands(commands) => {
                did_you_mean(commands.iter().map(|command| format!("service-manager {command}")))
            }
            Counterpart::Followed(command, otherwise) => {
                let behind = self.behind(word);
                let behind = if behind.is_empty() { format!(" {otherwise}") } else { behind };
                did_you_mean([format!("service-manager {command}{behind}").trim_end().to_owned()])
            }
            Counterpart::Instead(text) => text.to_owned(),
        }
    }

    /// The commands that are called `word`, but stand in another place.
    fn elsewhere(&self, word: &str) -> Vec<String> {
        let root = self.commands[0];
        let of_program = subcommands(root).filter(|command| command.get_name() == word);
        let of_groups = subcommands(root).flat_map(|group| {
            let named = subcommands(group).filter(|command| command.get_name() == word);
            named.map(|command| format!("{} {}", group.get_name(), command.get_name()))
        });
        let names = of_program.map(|command| command.get_name().to_owned()).chain(of_groups);
        names.map(|name| format!("service-manager {name}{}", self.behind(word))).collect()
    }

    /// For a word that is neither an option nor a value of the command.
    fn for_argument(&self, typed: &str) -> Option<String> {
        let word = typed.split('=').next().unwrap_or_default();
        if !word.starts_with('-') {
            return self.for_word(word);
        }
        let known = OPTIONS.iter().find(|(within, words, own)| {
            let is_here =
                if within.is_empty() { self.has(own) } else { within.contains(&self.name().as_str()) };
            is_here && words.contains(&word)
        });
        if let Some((_, _, own)) = known {
            return Some(did_you_mean([(*own).to_owned()]));
        }
        let options: Vec<String> =
            self.options().filter_map(|option| Some(format!("--{}", option.get_long()?))).collect();
        let nearest = nearest(word, &options).filter(|_| word.starts_with("--"));
        nearest.map(|nearest| did_you_mean([nearest])).or_else(|| self.for_option_of_another_command(word))
    }

    /// For an option that stands before the command it belongs to.
    fn for_option_of_another_command(&self, word: &str) -> Option<String> {
        let words: Vec<_> = self.rest.iter().filter_map(|word| word.to_str()).collect();
        let mut named = words.iter().filter_map(|name| self.command().find_subcommand(name));
        let has = |command: &&Command| command.get_arguments().any(|option| is_called(option, word));
        named.find(has).map(|command| {
            format!("write `{word}` behind `{}`, the command that it belongs to", command.get_name())
        })
    }

    /// For a word that is no option, where none is expected.
    fn for_word(&self, word: &str) -> Option<String> {
        let is_about_a_machine = self.commands.get(1).is_some_and(|top| is_about_a_machine(top.get_name()));
        let machine = MachineName::parse(word).ok().filter(|_| is_about_a_machine);
        let machine = machine.map(|name| format!("service-manager {} -m {name}", self.name()));
        if !self.command().get_positionals().any(Arg::is_last_set) {
            return machine.map(|command| format!("did you mean the machine? `{command}`"));
        }
        let command = format!("service-manager {} -- {}{}", self.name(), sh_word(word), self.behind(word));
        let machine = machine.map(|command| format!(" Or the machine: `{command}`"));
        Some(format!("{}{}", did_you_mean([command]), machine.unwrap_or_default()))
    }

    /// True when the command has the option that `own` begins with.
    fn has(&self, own: &str) -> bool {
        let name = own.split([' ', '=']).next().unwrap_or_default();
        self.options().any(|option| is_called(option, name))
    }

    fn options(&self) -> impl Iterator<Item = &'a Arg> {
        self.command().get_arguments().filter(|option| !option.is_positional() && !option.is_hide_set())
    }
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
}

fn is_called(option: &Arg, name: &str) -> bool {
    match name.strip_prefix("--") {
        Some(long) => option.get_long() == Some(long),
        None => option.get_short().is_some_and(|short| name == format!("-{short}")),
    }
}
