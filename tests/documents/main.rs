//! What the documents name is there: paths, the headings that links lead to, and an entry for each error.

#![allow(missing_docs, reason = "the names of tests are sentences")]
#![allow(clippy::disallowed_methods, reason = "this is another program")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails in no other way")]

mod errors;
mod prose;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use service_manager_test_support::document::{Mark, blocks, documents};

#[test]
fn every_path_that_a_document_names_exists() {
    let named = Regex::new(
        r"(?:^|[`(\s])((?:src|tests|docs|services|tools|fuzz|benches|examples|vagrant-plugin)/[\w./-]*\w/?)",
    )
    .unwrap();
    let mut missing = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for found in named.captures_iter(&text) {
            let path = &found[1];
            let beside = document.parent().unwrap().join(path);
            // In capitals stands what the reader chooses.
            let is_pattern =
                path.split(['/', '.']).any(|part| part.len() > 2 && part.chars().all(char::is_uppercase));
            if !is_pattern && !Path::new(path).exists() && !beside.exists() {
                missing.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut broken = Vec::new();
    for document in documents() {
        let text = without_code(&fs::read_to_string(&document).unwrap());
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if !target.contains("://") && !leads_somewhere(&document, target) {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_contents_of_the_book_name_every_page_once() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let contents = fs::read_to_string("docs/SUMMARY.md").unwrap();
    let mut named: Vec<_> =
        link.captures_iter(&contents).map(|found| Path::new("docs").join(&found[1])).collect();
    named.sort();
    let is_page = |path: &PathBuf| path.starts_with("docs") && !path.ends_with("SUMMARY.md");
    let mut pages: Vec<_> = documents().into_iter().filter(is_page).collect();
    pages.sort();
    assert_eq!(named, pages);
}

#[test]
fn every_console_block_is_run_or_says_why_not() {
    let all = documents().into_iter().flat_map(|document| blocks(&document));
    let consoles = all.filter(|block| block.language == "console");
    let unmarked: Vec<_> =
        consoles.filter(|block| block.mark == Mark::Missing).map(|block| block.place).collect();
    assert_eq!(unmarked, Vec::<String>::new());
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let named = Regex::new(r"tests? `(\w+)`").unwrap();
    let texts = documents().into_iter().map(|document| (document.clone(), read(&document)));
    let known = tests_in(Path::new("tests"));
    let mut missing = Vec::new();
    for (document, text) in texts {
        for found in named.captures_iter(&text) {
            if !known.contains(&format!("fn {}(", &found[1]))
                && !known.contains(&format!("mod {};", &found[1]))
            {
                missing.push(format!("{}: {}", document.display(), &found[1]));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The text of all tests in `folder`.
fn tests_in(folder: &Path) -> String {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .map(|path| match path.extension() {
            Some(ending) if ending == "rs" => read(&path),
            _ if path.is_dir() => tests_in(&path),
            _ => String::new(),
        })
        .collect()
}

/// True when the file of `target`, a link in `document`, is there, and its heading too, if it names one.
fn leads_somewhere(document: &Path, target: &str) -> bool {
    let (file, heading) =
        target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = if file.is_empty() { document.to_owned() } else { document.parent().unwrap().join(file) };
    path.exists()
        && heading.is_none_or(|heading| headings(&fs::read_to_string(&path).unwrap()).contains(heading))
}

/// The names that GitHub gives the headings of a text.
fn headings(text: &str) -> BTreeSet<String> {
    let is_kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
    let slug =
        |title: &str| title.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-");
    let text = without_code(text);
    let titles =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    titles.map(slug).collect()
}

/// `text` without its fenced blocks, in which `#` and `](` mean something else.
fn without_code(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

#[test]
fn headings_are_named_as_on_github() {
    let named = headings("# Exit codes\n\n## What `env` does: all\n\n```sh\n# no heading\n```\n### a_b\n");
    assert_eq!(named, ["exit-codes", "what-env-does-all", "a_b"].map(ToOwned::to_owned).into());
}
