//! Text for people and for shells: what others wrote is made harmless before it is shown or pasted.

use std::path::Path;
use std::time::Duration;

use super::platform::quote;

/// Text from the guest, for people only: as [`escape_control`], cut after 300 characters.
pub(crate) fn sanitize(text: &str) -> String {
    const LONGEST: usize = 300;
    cut(text, LONGEST)
}

/// A line for people that may hold text from anywhere: as [`escape_control`], cut after 1000 characters.
pub(crate) fn sanitize_line(text: &str) -> String {
    const LONGEST: usize = 1000;
    cut(text, LONGEST)
}

/// `bytes` in hexadecimal, two small digits each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a program in the guest wrote to standard error, for the end of a message; empty when it wrote nothing.
pub(crate) fn quote_stderr(stderr: &str) -> String {
    if stderr.trim().is_empty() { String::new() } else { format!("; it said: {}", sanitize(stderr)) }
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => escape_control(&text[..end]) + "…",
        None => escape_control(text),
    }
}

/// `text` with every character that a terminal acts on or does not show written as `\u{…}`. Line breaks and
/// tabs become blanks. Kubernetes once printed such text raw: CVE-2021-25743.
pub(crate) fn escape_control(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            '\n' | '\t' => shown.push(' '),
            c if c.is_control() || is_invisible(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Characters without a shape of their own: they turn the writing direction, break lines, join or hide. These are
/// the format characters (general category Cf), the line separators (Zl, Zp) and the other code points that a
/// renderer ignores (`Default_Ignorable_Code_Point`, <https://www.unicode.org/reports/tr44/>).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// A time in the unit that says most.
pub(crate) fn humanize_duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// `text` between single quotes: one word of a POSIX shell, whatever the text holds.
pub(crate) fn sh_quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `text` as one word of a POSIX shell. Everything that is printed to be pasted passes through here.
///
/// Bare stay the characters that mean nothing to sh, bash, zsh, ksh and ash in any place: not `=` (zsh looks up a word
/// that begins with it), not `~`.
pub(crate) fn sh_word(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_bare) { text.to_owned() } else { sh_quote(text) }
}

/// True when `text` is one word without quotes to each shell that completes words: PowerShell makes a list at `,` and looks up
/// what begins with `@`, as fish does with `%`; what begins with `-` is an option.
pub(crate) fn is_bare_everywhere(text: &str) -> bool {
    sh_word(text) == text && !text.contains(',') && !text.starts_with(['@', '%', '-'])
}

/// A path of the host as one word of a shell there: on Windows of PowerShell and cmd, else [`sh_word`].
pub(crate) fn sh_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    quote(&text).unwrap_or_else(|| sh_word(&text))
}

/// A path in the guest as one word of a POSIX shell there: a leading `~/` stays for it to replace.
pub(crate) fn sh_guest_path(path: &str) -> String {
    path.strip_prefix("~/").map_or_else(|| sh_word(path), |rest| format!("~/{}", sh_word(rest)))
}

/// Matches `text` against a pattern of `ssh_config(5)`: `*` any run, `?` any character. The time is
/// bounded by the product of both lengths, whatever the pattern.
pub(crate) fn wildcard(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // reached[i]: the pattern so far matches the first i characters of the text.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for p in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for i in 0..=text.len() {
            next[i] = match p {
                '*' => reached[i] || (i > 0 && next[i - 1]),
                p => i > 0 && reached[i - 1] && (p == '?' || p == text[i - 1]),
            };
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_controls_become_visible() {
        assert_eq!(sanitize("a\x1b]0;owned\x07b\nc"), "a\\u{1b}]0;owned\\u{7}b c");
        assert_eq!(sanitize("\u{202e}abc"), "\\u{202e}abc");
        assert_eq!(sanitize(&"x".repeat(400)).chars().count(), 301);
    }

    #[test]
    fn invisible_characters_become_visible() {
        for c in
            ['\u{200b}', '\u{200d}', '\u{feff}', '\u{ad}', '\u{2060}', '\u{e0041}', '\u{3164}', '\u{fe0f}']
        {
            let shown = escape_control(&format!("do{c}cker"));
            assert!(shown.is_ascii(), "{shown}");
        }
        assert_eq!(
            escape_control("Größe e\u{301} 日本"),
            "Größe e\u{301} 日本",
            "marks and other scripts stay"
        );
    }

    #[test]
    fn what_is_completed_needs_no_quotes_in_any_shell() {
        for text in ["kind-dev", "default/api:6443/kubeadmin", "admin@kubernetes", "v1.31.5+k3s1"] {
            assert!(is_bare_everywhere(text), "{text}");
        }
        for text in [
            "", "$(id)", "a;id", "a b", "'a", "a\"b", "a`id`", "(id)", "a&id", "~a", "=id", "a,b", "@a",
            "%a", "-a", "a\nid",
        ] {
            assert!(!is_bare_everywhere(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\\x00]{0,40}") {
            for word in [sh_quote(&text), sh_word(&text)] {
                prop_assert_eq!(shlex::split(&word), Some(vec![text.clone()]));
            }
        }
    }
}
