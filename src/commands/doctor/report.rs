//! What is told of the findings: lines, a document, or a report to paste somewhere.

use std::net::IpAddr;

use console::Style;
use serde::Serialize;

use super::chain::Diagnosis;
use super::finding::{Finding, FindingState};
use crate::base::env::Env;
use crate::base::platform::account_name;
use crate::commands::context::Context;
use crate::error::ExitCode;

/// What `--output json` prints.
#[derive(Serialize)]
pub(super) struct DiagnosisJson<'a> {
    machine: Option<&'a str>,
    works: bool,
    findings: &'a [Finding],
}

impl<'a> DiagnosisJson<'a> {
    pub(super) fn of(diagnosis: &'a Diagnosis) -> Self {
        let machine = diagnosis.machine.as_ref().map(|machine| machine.name.as_str());
        Self { machine, works: diagnosis.code == ExitCode::Done, findings: &diagnosis.findings }
    }
}

/// The lines for people; with `all`, of every step.
pub(super) fn text(diagnosis: &Diagnosis, names: &[String], all: bool, context: &Context) -> String {
    let shown = diagnosis.findings.iter().filter(|finding| all || has_something_to_say(finding, diagnosis));
    let lines: String = shown.map(|finding| lines(finding, all, context)).collect();
    let gap = if lines.is_empty() { "" } else { "\n" };
    format!("{lines}{gap}{}\n", summary(diagnosis, names, context))
}

/// That a step was not asked is news only where nothing else is.
fn has_something_to_say(finding: &Finding, diagnosis: &Diagnosis) -> bool {
    match finding.state {
        FindingState::Ok => false,
        FindingState::Note | FindingState::Problem => true,
        FindingState::Unknown => diagnosis.findings.iter().all(|other| other.state != FindingState::Problem),
    }
}

fn lines(finding: &Finding, all: bool, context: &Context) -> String {
    let (label, style) = match finding.state {
        FindingState::Ok => ("ok", Style::new().green()),
        FindingState::Note => ("note", Style::new().cyan().bold()),
        FindingState::Problem => ("problem", Style::new().red().bold()),
        FindingState::Unknown => ("unknown", Style::new().dim()),
    };
    let time = finding.ms.filter(|_| all).map(|ms| format!(" ({ms} ms)")).unwrap_or_default();
    let line =
        |style: Style, label: &str, text: &str| format!("{}: {text}\n", context.ui.styled(label, style));
    let mut text = line(style, label, &format!("{}{time}", finding.text));
    for cause in &finding.causes {
        text += &line(Style::new().dim(), "caused by", cause);
    }
    if let Some(hint) = &finding.hint {
        text += &line(Style::new().green().bold(), "hint", hint);
    }
    text
}

fn summary(diagnosis: &Diagnosis, names: &[String], context: &Context) -> String {
    let problems = diagnosis.findings.iter().filter(|finding| finding.state == FindingState::Problem).count();
    let problems = match problems {
        0 => String::new(),
        1 => "1 problem".to_owned(),
        count => format!("{count} problems; the first one is likely the cause"),
    };
    if diagnosis.code != ExitCode::Done {
        return problems;
    }
    let more = if problems.is_empty() { problems } else { format!("; {problems}") };
    format!("{}: {}{more}", works(&diagnosis.working), command(names, context))
}

fn works(services: &[String]) -> String {
    match services {
        [] => "it works".to_owned(),
        [only] => format!("{only} works"),
        [others @ .., last] => format!("{} and {last} work", others.join(", ")),
    }
}

/// What to type to use them.
fn command(names: &[String], context: &Context) -> String {
    let words: Vec<&str> =
        ["service-manager", "env"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let typed = context.invocation().complete(&format!("`{}`", words.join(" ")));
    format!("`eval \"$({})\"`", typed.trim_matches('`'))
}

/// What must not be in a report, and what stands for it.
pub(super) struct Redaction(Vec<(String, &'static str)>);

impl Redaction {
    /// The names and places that are known here.
    pub(super) fn new(diagnosis: &Diagnosis, env: &Env) -> Self {
        let mut hidden: Vec<(String, &'static str)> = Vec::new();
        hidden.extend(env.home.iter().map(|home| (home.to_string_lossy().into_owned(), "~")));
        if let Some(machine) = &diagnosis.machine {
            let route = machine.route();
            for hop in route.jumps.iter().chain([&route.target]) {
                hidden.push((hop.host.to_string(), "ADDRESS"));
                hidden.push((hop.user.to_string(), "USER"));
            }
        }
        hidden.extend(env.user.iter().cloned().chain(account_name()).map(|user| (user, "USER")));
        // What holds another one goes first.
        hidden.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Self(hidden)
    }

    /// `text` without them, and without any other address.
    pub(super) fn hide(&self, text: &str) -> String {
        let known =
            self.0.iter().fold(text.to_owned(), |text, (hidden, instead)| hide_word(&text, hidden, instead));
        without_addresses(&known)
    }
}

/// Replaces `word` where no other letter or digit stands beside it.
fn hide_word(text: &str, word: &str, instead: &str) -> String {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut hidden = String::new();
    let mut rest = text;
    while let Some(index) = rest.find(word).filter(|_| !word.is_empty()) {
        let (before, from) = rest.split_at(index);
        let after = &from[word.len()..];
        let is_whole = !is_part(before.chars().next_back().or(hidden.chars().next_back()))
            && !is_part(after.chars().next());
        hidden += before;
        hidden += if is_whole { instead } else { word };
        rest = after;
    }
    hidden + rest
}

/// Replaces IP addresses, but for those of the loopback.
fn without_addresses(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let mut hidden = String::new();
    let mut word = String::new();
    for c in text.chars().map(Some).chain([None]) {
        match c {
            Some(c) if is_part(c) => word.push(c),
            c => {
                hidden += &without_address(&word);
                word.clear();
                hidden.extend(c);
            }
        }
    }
    hidden
}

/// `word`, which may be an address with a port or a full stop behind it.
fn without_address(word: &str) -> String {
    let is_hidden = |text: &str| text.parse::<IpAddr>().is_ok_and(|address| !address.is_loopback());
    let ends = (0..=word.len()).rev().filter(|end| word.is_char_boundary(*end));
    let end = ends.filter(|end| *end > 0).find(|end| {
        let rest = &word[*end..];
        (rest.is_empty() || rest.starts_with([':', '.'])) && is_hidden(&word[..*end])
    });
    end.map_or_else(|| word.to_owned(), |end| format!("ADDRESS{}", &word[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_and_no_address_is_in_a_report() {
        let hidden = |text: &str| {
            let known =
                [("/home/dev", "~"), ("box.example", "ADDRESS"), ("vagrant", "USER"), ("dev", "USER")];
            Redaction(known.map(|(text, instead)| (text.to_owned(), instead)).to_vec()).hide(text)
        };
        for (text, expected) in [
            ("dev@192.168.56.7:22 lets `dev` in", "USER@ADDRESS:22 lets `USER` in"),
            ("`/home/dev/.ssh/id` is not there", "`~/.ssh/id` is not there"),
            ("a device, vagrants, my_dev", "a device, vagrants, my_dev"),
            ("https://[fd00::7]:6443, fe80::1.", "https://[ADDRESS]:6443, ADDRESS."),
            ("box.example:22, 10.0.2.15", "ADDRESS:22, ADDRESS"),
            ("127.0.0.1:2222, 1.36.3 at 12:30", "127.0.0.1:2222, 1.36.3 at 12:30"),
        ] {
            assert_eq!(hidden(text), expected);
        }
    }
}
