//! Where the command of `exec` begins: behind `--`, or with the first word that is no service, or one that was named already. What belongs to it is
//! never taken for an option of this program.

use std::ffi::OsString;

use clap::Command;

use super::Cli;
use super::words::{OptionsWithValues, SEPARATOR};

/// Arguments in which `--` stands before the command of `exec`.
pub(crate) struct Separated {
    pub(crate) arguments: Vec<OsString>,
}

impl Separated {
    /// Those that are this program's own.
    pub(crate) fn own(&self) -> &[OsString] {
        let end = self.arguments.iter().position(|word| word == SEPARATOR).unwrap_or(self.arguments.len());
        &self.arguments[..end]
    }
}

/// Puts `--` before the command where `arguments` are those of `exec` and have none. `services` are asked for only then.
pub(crate) fn separate(mut arguments: Vec<OsString>, services: impl FnOnce() -> Vec<String>) -> Separated {
    let begin = beginning(&arguments, services);
    if let Some(begin) = begin {
        arguments.insert(begin, SEPARATOR.into());
    }
    Separated { arguments }
}

/// Where the command of `exec` is, seen from a word that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandPlace {
    /// The word is none of it, or of no `exec`.
    Elsewhere,
    /// The word may be its first one, or another service.
    Next,
    /// It has begun with the word of this number.
    At(usize),
}

impl CommandPlace {
    /// Seen from behind `words`.
    pub(crate) fn of(words: &[OsString], services: impl FnOnce() -> Vec<String>) -> Self {
        if let Some(begin) = beginning(words, services) {
            return Self::At(begin);
        }
        let options = options_of_exec(&Cli::named_by(&[EXEC.into()]));
        if options.words(words, 1).next().is_none_or(|index| words[index] != EXEC) {
            return Self::Elsewhere;
        }
        match words.iter().position(|word| word == SEPARATOR) {
            Some(separator) => Self::At(separator + 1),
            None if words.last().is_some_and(|last| options.takes_next_word(&last.to_string_lossy())) => {
                Self::Elsewhere
            }
            None => Self::Next,
        }
    }
}

/// Where the command begins, in `arguments` of `exec` without `--`.
fn beginning(arguments: &[OsString], services: impl FnOnce() -> Vec<String>) -> Option<usize> {
    // Only then the definition of the command line is looked at.
    arguments.iter().find(|word| *word == EXEC)?;
    let options = options_of_exec(&Cli::named_by(&[EXEC.into()]));
    let mut words = options.words(arguments, 1);
    words.next().filter(|index| arguments[*index] == EXEC)?;
    let services = services();
    // Typed a second time it is the program of that name: `exec docker docker rm web` removes no file called web.
    let mut named: Vec<&OsString> = Vec::new();
    words.find(|index| {
        let word = &arguments[*index];
        let is_service = services.iter().any(|name| word == name.as_str()) && !named.contains(&word);
        named.push(word);
        !is_service
    })
}

fn options_of_exec(program: &Command) -> OptionsWithValues {
    let commands: Vec<&Command> = std::iter::once(program).chain(program.find_subcommand(EXEC)).collect();
    OptionsWithValues::of(&commands)
}

const EXEC: &str = "exec";

#[cfg(test)]
mod tests {
    use super::*;

    fn separated(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let services = || ["docker", "kubernetes"].map(String::from).to_vec();
        let separated = separate(words, services);
        separated.arguments.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_first_word_that_is_no_service_begins_the_command() {
        for (typed, expected) in [
            ("x exec kubernetes kubectl get pods", "x exec kubernetes -- kubectl get pods"),
            ("x exec kubectl get -h", "x exec -- kubectl get -h"),
            ("x exec docker kubernetes -m box ./a docker", "x exec docker kubernetes -m box -- ./a docker"),
            ("x exec -m kubectl docker ps -m y", "x exec -m kubectl docker -- ps -m y"),
            ("x -m box exec docker ps", "x -m box exec docker -- ps"),
            ("x exec -mbox docker ps", "x exec -mbox docker -- ps"),
            ("x exec -qm box docker ps", "x exec -qm box docker -- ps"),
            ("x exec --machine=box --offline docker ps", "x exec --machine=box --offline docker -- ps"),
            ("x exec --timeout 5 docker ps", "x exec --timeout 5 docker -- ps"),
            ("x exec --client-version 1.2 kubectl x -- y", "x exec --client-version 1.2 -- kubectl x -- y"),
            ("x exec - docker", "x exec -- - docker"),
            ("x exec docker docker rm web", "x exec docker -- docker rm web"),
            ("x exec docker kubernetes docker ps", "x exec docker kubernetes -- docker ps"),
        ] {
            assert_eq!(separated(typed), expected);
        }
    }

    #[test]
    fn what_needs_no_separator_stays_as_it_is() {
        for typed in [
            "x",
            "x exec",
            "x exec kubernetes",
            "x exec kubernetes -- kubectl get",
            "x exec -- docker exec -it a sh",
            "x exec -h",
            "x exec --bogus",
            "x env exec",
            "x -m exec env docker",
            "x -- exec a",
        ] {
            assert_eq!(separated(typed), typed);
        }
    }

    #[test]
    fn the_word_that_is_typed_may_be_the_commands() {
        for (typed, place) in [
            ("x exec", CommandPlace::Next),
            ("x exec docker", CommandPlace::Next),
            ("x exec docker -m", CommandPlace::Elsewhere),
            ("x exec docker -m box", CommandPlace::Next),
            ("x exec docker kubectl get", CommandPlace::At(3)),
            ("x exec docker --", CommandPlace::At(4)),
            ("x exec -- docker ps", CommandPlace::At(3)),
            ("x exec docker ps -- y", CommandPlace::At(3)),
            ("x env exec", CommandPlace::Elsewhere),
            ("x", CommandPlace::Elsewhere),
        ] {
            let words: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            assert_eq!(CommandPlace::of(&words, || vec!["docker".into()]), place, "{typed}");
        }
    }

    #[test]
    fn only_what_stands_before_the_command_is_this_programs_own() {
        let words = "x exec docker ps --color never".split(' ').map(OsString::from).collect();
        assert_eq!(separate(words, || vec!["docker".into()]).own(), ["x", "exec", "docker"]);
    }
}
