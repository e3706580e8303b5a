//! The rules of plain English that a program can check: documents, and the help of the command line.
//!
//! Say "you", name the actor first, one idea a sentence, a condition before its consequence.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::errors::error_texts;
use regex::Regex;
use service_manager_test_support::document::{below, documents};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// A rule, with sentences that break it and some that do not.
struct Rule {
    /// What to write instead.
    advice: &'static str,
    pattern: &'static str,
    bad: &'static [&'static str],
    good: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        advice: "name the actor: `you`, `the user`, `other users`",
        pattern: r"^Who(?:ever)?\b[^?]*$|\b(?:for|to|of|by|from|with) who\b|\b[Ww]hoever\b",
        bad: &[
            "Who asks for `all` gets less.",
            "Nothing is started for who looks into a folder.",
            "It serves whoever asks.",
        ],
        good: &["Who may read the file?", "Users who ask for `all` get less.", "The person for whom it is."],
    },
    Rule {
        advice: "begin with a noun: `The output of ...`, `Values that ...`",
        pattern: r"(?:^|; )What\b[^?]*[.:;]|; what\b[^?]*[.:;]",
        bad: &[
            "What is printed works.",
            "Some stay; what you leave out follows the next release.",
            "What it knows: all.",
        ],
        good: &[
            "What works",
            "What is known here?",
            "An error says what is missing.",
            "It prints what you type.",
        ],
    },
    Rule {
        advice: "say `if`, `even`, or name the thing",
        pattern: r"(?:^|[;,] )[Ww]hatever\b",
        bad: &["The tunnel ends, whatever the file says.", "Whatever differs leads to a visit."],
        good: &["A key of whatever kind counts."],
    },
    Rule {
        advice: "say who does it: `makes X start`, `X starts`, `asks you to`",
        pattern: r"\b(?:[Hh]as|[Hh]ave|[Hh]ad|[Hh]aving) (?:the|an?|its|your|our|their|this|that|it|them|you|[A-Z]\w+)(?: [\w'-]+){0,3}? (?:start|stop|do|run|talk|go|look|make|get|follow|wait|take|use|show|write|resolve|reach|listen|load|open|find|begin|print|return)\b",
        bad: &[
            "It has the service start with the machine.",
            "This would have Vagrant look for it.",
            "Have Docker talk TLS.",
            "A shell hook has your shell follow you.",
        ],
        good: &[
            "You have to start it.",
            "It has a list.",
            "They have an address to open.",
            "It has the files that you use.",
        ],
    },
    Rule {
        advice: "say who says it, and to whom: `an error names`, `a note shows`",
        pattern: r"\b(?:is|are|was|were|be|been) (?:told|said)\b",
        bad: &["That is said each time.", "You are told again.", "Mistakes are told."],
        good: &["A note says so each time.", "An error tells you why."],
    },
    Rule {
        advice: "say `except`",
        pattern: r"\bbut for\b",
        bad: &["All of it needs root, but for a rootless Docker."],
        good: &["All of it needs root, except for a rootless Docker."],
    },
    Rule {
        advice: "say `belongs to`, or `put it into`",
        pattern: r"\bbelongs? into\b",
        bad: &["So it belongs into your shell's start-up."],
        good: &["The key belongs to its certificate.", "Put it into the file."],
    },
    Rule {
        advice: "say `does not exist`, `is invalid`, `is not one`",
        pattern: r"\b(?:that|which|what) (?:is|are) none\b",
        bad: &["With a version that is none it ends."],
        good: &["A version that does not exist.", "There is none."],
    },
];

/// Columns of a line of text. Tables, code, headings and lines with a link may be longer.
const WIDEST: usize = 120;

#[test]
fn documents_are_in_plain_english() {
    let mut found = Vec::new();
    for document in documents() {
        let text = text_of(&document);
        found.extend(
            sentences(&text).iter().flat_map(|sentence| faults(&document.display().to_string(), sentence)),
        );
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_help_of_commands_is_in_plain_english() {
    let (mut found, mut count) = (Vec::new(), 0);
    for path in below(Path::new("src/cli")) {
        let mut help = Help::default();
        help.visit_file(&syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap());
        let all = sentences(&help.text);
        count += all.len();
        found.extend(all.iter().flat_map(|sentence| faults(&path.display().to_string(), sentence)));
    }
    assert!(count > 150, "only {count} sentences were found");
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn error_texts_are_in_plain_english() {
    let found: Vec<String> =
        error_texts().iter().flat_map(|text| faults("an error text", &text.template)).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn lines_of_documents_are_not_too_wide() {
    let is_free = |line: &str| {
        ["|", "#", "<!--"].iter().any(|begin| line.trim_start().starts_with(begin))
            || line.contains("](")
            || line.contains("://")
    };
    let mut wide = Vec::new();
    for document in documents() {
        let text = without_code(&text_of(&document));
        let lines = text.lines().filter(|line| line.chars().count() > WIDEST && !is_free(line));
        wide.extend(lines.map(|line| format!("{}: {line}", document.display())));
    }
    assert_eq!(wide, Vec::<String>::new());
}

#[test]
fn every_rule_finds_bad_sentences_and_no_good_ones() {
    for (Rule { advice, bad, good, .. }, pattern) in RULES.iter().zip(&*PATTERNS) {
        let is_broken = |text: &&&str| sentences(text).iter().any(|sentence| breaks(pattern, sentence));
        let missed = bad.iter().find(|text| !is_broken(text));
        assert_eq!((missed, good.iter().find(is_broken)), (None, None), "{advice}");
    }
}

#[test]
fn sentences_are_found_wherever_lines_end() {
    let text = "# What works\n\nA `b.c` is\nthere. Who [asks](x.md#y), knows.\n\n- one\n  more\n- **Bold.** Two\n\n| What | b \\| c |\n|---|---|\n\
                ```sh\nWho knows.\n```\n<!-- Who? -->\nLast (so. And so)\n";
    let expected = [
        "What works",
        "A CODE is there.",
        "Who asks, knows.",
        "one more",
        "Bold.",
        "Two",
        "What",
        "b / c",
        "---",
        "---",
        "Last (so.",
        "And so)",
    ];
    assert_eq!(sentences(text), expected);
}

fn faults(place: &str, sentence: &str) -> Vec<String> {
    let broken = RULES.iter().zip(&*PATTERNS).filter(|(_, pattern)| breaks(pattern, sentence));
    broken.map(|(rule, _)| format!("{place}: {sentence} ({})", rule.advice)).collect()
}

/// Those of the rules.
static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| RULES.iter().map(|rule| Regex::new(rule.pattern).unwrap()).collect());
static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new("(?s)<!--.*?-->").unwrap());
static ITEM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\s*(?:[-*]|\d+\.) ").unwrap());
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new("``.+?``|`[^`]*`").unwrap());
static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\([^)]*\)").unwrap());
static END: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[.?!]\)? +").unwrap());

fn breaks(pattern: &Regex, sentence: &str) -> bool {
    // In "have an address to open" and "has the files that you use" the verb has another subject.
    let is_excused =
        |found: &str| [" to ", " that ", " and ", " who ", " not "].iter().any(|word| found.contains(word));
    let takes_object = |found: &str| found.to_lowercase().starts_with("ha");
    pattern.find_iter(sentence).any(|found| !(takes_object(found.as_str()) && is_excused(found.as_str())))
}

/// A document, but of the changes only those of the next release: what was released stays as it was.
fn text_of(document: &PathBuf) -> String {
    let text = fs::read_to_string(document).unwrap();
    if !document.ends_with("CHANGELOG.md") {
        return text;
    }
    let sections = text.split("\n## ");
    sections
        .filter(|section| section.lines().next().is_some_and(|title| title.ends_with("unreleased")))
        .collect()
}

/// The sentences of a text in Markdown, and its headings and cells of tables, with `CODE` for code.
fn sentences(text: &str) -> Vec<String> {
    let (mut blocks, mut block) = (Vec::new(), String::new());
    for line in COMMENT.replace_all(&without_code(text), "").lines() {
        let is_alone = line.starts_with('#') || line.trim_start().starts_with('|');
        if is_alone || line.trim().is_empty() || ITEM.is_match(line) {
            blocks.push(std::mem::take(&mut block));
        }
        match line.trim().strip_prefix('|') {
            Some(row) => blocks.extend(row.replace(r"\|", "/").split('|').map(str::to_owned)),
            None if is_alone => blocks.push(line.trim_start_matches('#').to_owned()),
            None => block = format!("{block} {}", ITEM.replace(line, "").trim()),
        }
    }
    blocks.push(block);
    blocks.iter().flat_map(|block| of_block(block)).collect()
}

fn of_block(block: &str) -> Vec<String> {
    let plain = CODE.replace_all(block, "CODE");
    let plain = LINK.replace_all(&plain, "").replace('[', "").replace("**", "");
    let (mut sentences, mut begin) = (Vec::new(), 0);
    for found in END.find_iter(&plain) {
        if plain[found.end()..].starts_with(|next: char| next.is_uppercase() || next == '(') {
            sentences.push(plain[begin..found.end()].trim().to_owned());
            begin = found.end();
        }
    }
    sentences.push(plain[begin..].trim().to_owned());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// `text` without its fenced blocks.
fn without_code(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The comments that become help, and the texts in attributes.
#[derive(Default)]
struct Help {
    text: String,
    /// Within a type that the parser of the command line is made of.
    is_help: bool,
}

impl Help {
    fn within(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let is_parsed = |list: &syn::MetaList| {
            let derived = list.tokens.to_string();
            ["Args", "Parser", "Subcommand", "ValueEnum"].iter().any(|name| derived.contains(name))
        };
        self.is_help = attributes.iter().any(|attribute| {
            attribute.path().is_ident("derive") && attribute.meta.require_list().is_ok_and(is_parsed)
        });
        visit(self);
        self.is_help = false;
    }
}

impl<'ast> Visit<'ast> for Help {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.within(&item.attrs, |this| visit::visit_item_struct(this, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.within(&item.attrs, |this| visit::visit_item_enum(this, item));
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            _ if !self.is_help => {}
            Meta::NameValue(doc) if doc.path.is_ident("doc") => {
                let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { return };
                self.text.extend([text.value().trim(), "\n"]);
            }
            Meta::List(list) => self.text.extend(["\n\n", &texts(list), "\n\n"]),
            _ => {}
        }
    }

    fn visit_ident(&mut self, _: &'ast syn::Ident) {
        self.text += "\n";
    }
}

/// The texts in `#[command(after_help = "...")]` and the like.
fn texts(list: &syn::MetaList) -> String {
    let tokens = syn::buffer::TokenBuffer::new2(list.tokens.clone());
    let (mut cursor, mut texts) = (tokens.begin(), Vec::new());
    while !cursor.eof() {
        if let Some((literal, next)) = cursor.literal() {
            if let Lit::Str(text) = Lit::new(literal) {
                texts.push(text.value());
            }
            cursor = next;
        } else if let Some((_, next)) = cursor.token_tree() {
            cursor = next;
        }
    }
    texts.join("\n\n")
}
