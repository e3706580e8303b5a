//! Every error text of the program has an entry in docs/troubleshooting/, and every entry is about a text that it has.

use std::fs;
use std::path::Path;

use regex::Regex;
use service_manager_test_support::document::below;
use syn::buffer::Cursor;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, ItemFn, ItemMod, LitStr, Macro};

const PAGES: &str = "docs/troubleshooting";

/// Functions whose texts are errors, or parts of errors, though no `#[error("...")]` has them.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("src/cli/refusal.rs", &["sentence", "conflict"]),
    ("src/guest/control/answer.rs", &["fmt"]),
    ("src/guest/control/install_obstacle.rs", &["fmt"]),
];

/// Fewer letters than these are no text: `{what} is {source}` joins texts that stand elsewhere.
const FEWEST_LETTERS: usize = 6;

#[test]
fn every_error_text_has_an_entry() {
    let (pages, texts) = (Page::all(), error_texts());
    assert!(texts.len() > 250, "only {} texts were found", texts.len());
    let has_entry = |text: &&Text| pages.iter().any(|page| page.is_about(text));
    let missing: Vec<&str> =
        texts.iter().filter(|text| !has_entry(text)).map(|text| &*text.template).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_entry_is_about_an_error_text() {
    let texts: Vec<Pieces> = all_texts().iter().map(|text| Pieces::of(&text.template)).collect();
    let is_known = |entry: &str| texts.iter().any(|text| says(entry, text));
    let pages = Page::all();
    let stale = pages.iter().flat_map(|page| &page.own).filter(|entry| !is_known(entry));
    assert_eq!(stale.collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(!is_known("an error MACHINE that this program never had"));
}

#[test]
fn a_text_without_an_entry_is_found() {
    let page =
        Page::of("### no machine `NAME` is here\n\n| text | x |\n|---|---|\n| it is odd: A \\| B | y |\n");
    let is_about = |template: &str| page.is_about(&Text { template: template.into(), is_whole: true });
    for template in ["no machine `{name}` is here", "no machine `{}` is here{}", "it is odd: {} | {what}"] {
        assert!(is_about(template), "{template}");
    }
    for template in
        ["no machine `{name}` is there", "no machine is here", "a machine: no machine `{name}` is here"]
    {
        assert!(!is_about(template), "{template}");
    }
}

#[test]
fn texts_are_read_out_of_the_source() {
    let texts = |source: &str| {
        let texts = Collector::of(source, &["sentence"]).texts;
        texts.into_iter().map(|text| (text.template, text.is_whole)).collect::<Vec<_>>()
    };
    let source = r#"
        #[derive(thiserror::Error)]
        enum Error {
            #[error("a {} \
                     b{}", .path.display(), if *.x { " and c" } else { "" })]
            A { path: PathBuf, x: bool },
            #[error(transparent)]
            B(Other),
        }
        fn sentence() -> String { format!("d {e}") }
        fn other() -> String { format!("f") }
    "#;
    let expected = [("a {} b{}", true), (" and c", false), ("", false), ("d {e}", true)];
    assert_eq!(texts(source), expected.map(|(text, is_whole)| (text.to_owned(), is_whole)));
}

/// A text of the program, with `{...}` for what differs.
pub(crate) struct Text {
    pub(crate) template: String,
    /// It is a whole message, else a part of one.
    is_whole: bool,
}

impl Text {
    fn letters(&self) -> usize {
        Pieces::of(&self.template).pieces.concat().chars().filter(|letter| letter.is_alphabetic()).count()
    }
}

/// A page of docs/troubleshooting.
struct Page {
    text: String,
    /// Its headings, the first cells of its tables, and the code in paragraphs with "The same for".
    entries: Vec<String>,
    /// Those of them that say nothing but an error's text.
    own: Vec<String>,
}

impl Page {
    fn all() -> Vec<Self> {
        let pages = below(Path::new(PAGES))
            .into_iter()
            .filter(|path| path.file_name().is_none_or(|name| name != "README.md"));
        pages.map(|path| Self::of(&fs::read_to_string(path).unwrap())).collect()
    }

    fn of(text: &str) -> Self {
        let code = Regex::new("(?s)``(.+?)``|`([^`]+)`").unwrap();
        let mut page = Self { text: plain(text), entries: Vec::new(), own: Vec::new() };
        let mut header: Option<String> = None;
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("### ") {
                page.own.push(plain(title));
            } else if let Some(cell) = first_cell(line) {
                match &header {
                    None => header = Some(cell),
                    Some(_) if cell.starts_with("---") => {}
                    Some(header) if ["text", "caused by"].contains(&header.as_str()) => {
                        page.own.push(plain(&cell));
                    }
                    Some(_) => page.entries.push(plain(&cell)),
                }
                continue;
            }
            header = None;
        }
        for paragraph in text.split("\n\n").filter(|paragraph| paragraph.contains("he same for ")) {
            let codes = code.captures_iter(paragraph).filter_map(|found| found.get(1).or(found.get(2)));
            page.entries.extend(codes.map(|code| plain(code.as_str())));
        }
        page.entries.extend_from_slice(&page.own);
        page
    }

    fn is_about(&self, text: &Text) -> bool {
        let pieces = Pieces::of(&text.template);
        if text.is_whole {
            self.entries.iter().any(|entry| says(entry, &pieces))
        } else {
            pieces.are_in(&self.text)
        }
    }
}

/// The first cell of a table's row.
fn first_cell(line: &str) -> Option<String> {
    let row = line.strip_prefix('|')?.replace(r"\|", "\0");
    Some(row.split('|').next()?.trim().replace('\0', "|"))
}

/// `text` without backticks, and with single blanks, since a line may end anywhere.
fn plain(text: &str) -> String {
    text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// True when `entry` says that, perhaps after what it is about.
fn says(entry: &str, pieces: &Pieces) -> bool {
    let subjects = ["SERVICE in MACHINE ", "FILE ", ""];
    subjects.iter().filter_map(|subject| entry.strip_prefix(subject)).any(|entry| pieces.are(entry))
}

/// What stands between the placeholders of a format string, without backticks.
struct Pieces {
    pieces: Vec<String>,
    /// Nothing need to stand for the last placeholder, which is stuck to the end.
    may_end_early: bool,
}

impl Pieces {
    fn of(template: &str) -> Self {
        // Lines below the first one list what differs.
        let line = template.lines().next().unwrap_or_default().replace("{{", "\u{1}").replace("}}", "\u{2}");
        let last = line.rfind('{').filter(|_| line.ends_with('}')).map(|begin| &line[..begin]);
        let may_end_early = last.is_some_and(|before| !before.is_empty() && !before.ends_with([' ', '(']));
        let pieces = line.split('{').enumerate().map(|(index, part)| match part.split_once('}') {
            Some((_, piece)) if index > 0 => piece,
            _ => part,
        });
        let pieces = pieces.map(|piece| piece.replace('\u{1}', "{").replace('\u{2}', "}").replace('`', ""));
        Self { pieces: pieces.collect(), may_end_early }
    }

    /// True when `entry` says this and nothing else. Something stands in it for each placeholder.
    fn are(&self, entry: &str) -> bool {
        let (first, others) = self.pieces.split_first().expect("one at least");
        let (Some(rest), Some((last, middle))) = (entry.strip_prefix(first.as_str()), others.split_last())
        else {
            return others.is_empty() && entry == first;
        };
        let Some(rest) = middle.iter().try_fold(rest, |rest, piece| after(rest, piece)) else { return false };
        if last.is_empty() {
            self.may_end_early || !rest.is_empty()
        } else {
            rest.len() > last.len() && rest.ends_with(last)
        }
    }

    /// True when the text `page` has it somewhere.
    fn are_in(&self, page: &str) -> bool {
        let first = &self.pieces[0];
        page.match_indices(first.as_str()).any(|(begin, _)| {
            let rest = &page[begin + first.len()..];
            self.pieces[1..].iter().try_fold(rest, |rest, piece| after(rest, piece)).is_some()
        })
    }
}

/// What stands behind the first `piece` in `text` that has something before it.
fn after<'a>(text: &'a str, piece: &str) -> Option<&'a str> {
    let first = text.chars().next()?.len_utf8();
    let begin = first + text[first..].find(piece)?;
    Some(&text[begin + piece.len()..])
}

/// The texts of errors, those that only join others left out.
pub(crate) fn error_texts() -> Vec<Text> {
    let functions = |path: &Path| {
        FUNCTIONS.iter().find(|(file, _)| Path::new(file) == path).map_or(&[][..], |(_, functions)| functions)
    };
    let mut texts = Vec::new();
    for path in below(Path::new("src"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
    {
        texts.extend(Collector::of(&fs::read_to_string(&path).unwrap(), functions(&path)).texts);
    }
    texts.extend(reasons());
    texts.into_iter().filter(|text| text.letters() >= FEWEST_LETTERS).collect()
}

/// All texts of the program.
fn all_texts() -> Vec<Text> {
    let mut texts = reasons();
    for path in below(Path::new("src"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
    {
        texts.extend(Collector::of_all(&fs::read_to_string(&path).unwrap()).texts);
    }
    // `{service} is {state} in {machine}` is one.
    texts.into_iter().filter(|text| text.letters() >= 4).collect()
}

/// Why the services that are built in cannot be used.
fn reasons() -> Vec<Text> {
    let reason = Regex::new(r"(?m)^ +because: (.+)$").unwrap();
    let mut texts = Vec::new();
    for path in below(Path::new("services"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
    {
        let text = fs::read_to_string(path).unwrap();
        texts.extend(
            reason.captures_iter(&text).map(|found| Text { template: found[1].to_owned(), is_whole: true }),
        );
    }
    texts
}

/// Collects the texts of one file.
struct Collector<'a> {
    functions: &'a [&'a str],
    takes_all: bool,
    texts: Vec<Text>,
}

impl<'a> Collector<'a> {
    /// The texts of errors, and all of `functions`.
    fn of(source: &str, functions: &'a [&'a str]) -> Self {
        Self { functions, takes_all: false, texts: Vec::new() }.visited(source)
    }

    fn of_all(source: &str) -> Self {
        Self { functions: &[], takes_all: true, texts: Vec::new() }.visited(source)
    }

    fn visited(mut self, source: &str) -> Self {
        self.visit_file(&syn::parse_file(source).unwrap());
        self
    }

    fn within(&mut self, name: &str, visit: impl FnOnce(&mut Self)) {
        let before = self.takes_all;
        self.takes_all |= self.functions.contains(&name);
        visit(self);
        self.takes_all = before;
    }

    /// All literals below `cursor`, in their order.
    fn add_tokens(&mut self, mut cursor: Cursor, mut is_whole: bool) {
        while !cursor.eof() {
            if let Some((literal, next)) = cursor.literal() {
                if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                    self.texts.push(Text { template: text.value(), is_whole });
                    is_whole = self.takes_all;
                }
                cursor = next;
            } else if let Some((inside, _, _, next)) = cursor.any_group() {
                self.add_tokens(inside, is_whole);
                cursor = next;
            } else if let Some((_, next)) = cursor.token_tree() {
                cursor = next;
            }
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("error") {
            let tokens =
                syn::buffer::TokenBuffer::new2(attribute.meta.require_list().unwrap().tokens.clone());
            self.add_tokens(tokens.begin(), true);
        }
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        if self.takes_all {
            self.add_tokens(syn::buffer::TokenBuffer::new2(called.tokens.clone()).begin(), true);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        if self.takes_all {
            self.texts.push(Text { template: text.value(), is_whole: true });
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.within(&function.sig.ident.to_string(), |this| visit::visit_item_fn(this, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.within(&function.sig.ident.to_string(), |this| visit::visit_impl_item_fn(this, function));
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }
}
