//! Comparing what was expected with what came.

use similar::{ChangeTag, TextDiff};

/// True when `text` is `expected`, where `[..]` stands for any characters of one line.
pub(crate) fn fits(expected: &str, text: &str) -> bool {
    expected.split('\n').count() == text.split('\n').count()
        && expected.split('\n').zip(text.split('\n')).all(|(expected, line)| line_fits(expected, line))
}

/// The lines of both, marked where they differ.
pub(crate) fn diff(expected: &str, text: &str) -> String {
    let fitting: String = text
        .split_inclusive('\n')
        .enumerate()
        .map(|(number, line)| {
            let wanted = expected.split_inclusive('\n').nth(number);
            wanted.filter(|wanted| line_fits(wanted, line)).unwrap_or(line)
        })
        .collect();
    let marked = |change: similar::Change<&str>| {
        let mark = match change.tag() {
            ChangeTag::Delete => "-",
            ChangeTag::Insert => "+",
            ChangeTag::Equal => " ",
        };
        format!("  {mark}{}\n", change.value().trim_end_matches('\n'))
    };
    TextDiff::from_lines(expected, fitting.as_str()).iter_all_changes().map(marked).collect()
}

/// Takes the indentation of a text off that begins with a line break, so that it can stand in the code as it
/// looks.
pub fn unindent(text: &str) -> String {
    let Some(text) = text.strip_prefix('\n') else { return text.to_owned() };
    let lines = || text.split_inclusive('\n');
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let common = lines().filter(|line| !line.trim().is_empty()).map(indentation).min().unwrap_or(0);
    let text: String = lines().map(|line| line.get(common..).unwrap_or("\n")).collect();
    // What is left of a last line that held the closing quote only.
    text.trim_end_matches(' ').to_owned()
}

fn line_fits(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("[..]");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[test]
fn a_placeholder_matches_within_one_line() {
    assert!(fits("a [..] c\n", "a b c\n"));
    assert!(fits("[..]", "anything"));
    assert!(!fits("a[..]", "a\nb"));
    assert!(!fits("a[..]b[..]c", "abd"));
    assert!(!fits("a\n", "a\nb\n"));
}

#[test]
fn unindent_removes_the_common_indentation() {
    let text = unindent(
        "
        a

          b
        ",
    );
    assert_eq!(text, "a\n\n  b\n");
    assert_eq!(unindent("  a\n"), "  a\n");
}
