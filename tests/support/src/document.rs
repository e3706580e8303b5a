//! The console blocks of the documents: what they show, and whether a test runs them.
//!
//! In the line before its fence a comment says so:
//!
//! - `<!-- run on: kubeadm, docker tls -->` begins a session on a guest that is laid out like that;
//! - `<!-- run -->` goes on in the session of the block before, in the same shell;
//! - `<!-- file: NAME -->` writes a block of any language into the folder of the session;
//! - `<!-- not run: REASON -->`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::places::repository;

/// A fenced block of a document.
pub struct Block {
    /// Of the repository, and the number of the line in which the block begins.
    pub place: String,
    pub mark: Mark,
    /// What the fence says of it: `console`, `yaml`.
    pub language: String,
    pub text: String,
}

/// What the comment before a block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Words of a layout, as between the commas.
    RunOn(Vec<String>),
    Run,
    File(String),
    /// Why.
    NotRun(String),
    Missing,
}

/// A command as a block shows it, with what it prints.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    pub command: String,
    pub output: Vec<String>,
}

impl Block {
    /// What is typed in it; a line that ends with `\` goes on in the next one.
    pub fn commands(&self) -> Vec<Shown> {
        let mut commands: Vec<Shown> = Vec::new();
        let mut goes_on = false;
        for line in self.text.lines() {
            let continued = goes_on;
            goes_on = line.ends_with('\\') && (continued || line.starts_with("$ "));
            match (commands.last_mut(), line.strip_prefix("$ ")) {
                (Some(last), _) if continued => last.command = format!("{}\n{line}", last.command),
                (_, Some(command)) => {
                    commands.push(Shown { command: command.to_owned(), output: Vec::new() });
                }
                (Some(last), None) => last.output.push(line.to_owned()),
                (None, None) => panic!("{}: what prints `{line}`?", self.place),
            }
        }
        commands
    }
}

/// All documents: those beside the README, and those in the folders that have some. The paths begin at the repository.
pub fn documents() -> Vec<PathBuf> {
    let mut files = entries(Path::new(""));
    files.extend(
        ["docs", "fuzz", "vagrant-plugin", "tests/acceptance/guest"]
            .map(Path::new)
            .iter()
            .flat_map(|folder| below(folder)),
    );
    files.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    files
}

/// The blocks of a document that is a path in the repository.
pub fn blocks(document: &Path) -> Vec<Block> {
    let text = fs::read_to_string(repository().join(document)).unwrap();
    blocks_of(&document.display().to_string(), &text)
}

fn blocks_of(document: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut before = "";
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let indentation = line.len() - line.trim_start().len();
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            let text =
                inside.map(|line| format!("{}\n", line.get(indentation..).unwrap_or_default())).collect();
            let place = format!("{document}:{}", number + 1);
            blocks.push(Block { place, mark: Mark::of(before.trim()), language: language.to_owned(), text });
        }
        before = line;
    }
    blocks
}

impl Mark {
    fn of(line: &str) -> Self {
        let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        match comment.map(|comment| comment.split_once(": ").unwrap_or((comment, ""))) {
            Some(("run", "")) => Self::Run,
            Some(("run on", layout)) => Self::RunOn(layout.split(", ").map(ToOwned::to_owned).collect()),
            Some(("file", name)) => Self::File(name.to_owned()),
            Some(("not run", reason)) if !reason.is_empty() => Self::NotRun(reason.to_owned()),
            _ => Self::Missing,
        }
    }
}

/// The files in a folder of the repository and all that are in it.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut files): (Vec<_>, Vec<_>) =
        entries(folder).into_iter().partition(|path| repository().join(path).is_dir());
    files.extend(folders.iter().flat_map(|inner| below(inner)));
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join(folder)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| folder.join(entry.unwrap().file_name())).collect();
    paths.sort();
    paths
}

#[test]
fn a_block_is_read_with_its_mark() {
    let text = "a\n\n<!-- run on: kubeadm, docker tls -->\n```console\n$ a \\\n  b\nout\n\n$ c\n```\n\n   <!-- not run: needs a printer -->\n   ```console\n   $ d\n   ```\n```yaml\nx: 1\n```\n";
    let blocks = blocks_of("a.md", text);
    let marks: Vec<_> = blocks.iter().map(|block| block.mark.clone()).collect();
    let layout = ["kubeadm", "docker tls"].map(ToOwned::to_owned).to_vec();
    assert_eq!(marks, [Mark::RunOn(layout), Mark::NotRun("needs a printer".into()), Mark::Missing]);
    assert_eq!(blocks[0].place, "a.md:4");
    let shown = |command: &str, output: &[&str]| Shown {
        command: command.to_owned(),
        output: output.iter().copied().map(ToOwned::to_owned).collect(),
    };
    assert_eq!(blocks[0].commands(), [shown("a \\\n  b", &["out", ""]), shown("c", &[])]);
    assert_eq!(blocks[1].commands(), [shown("d", &[])]);
}

#[test]
fn a_reason_is_needed_for_what_is_not_run() {
    assert_eq!(Mark::of("<!-- not run: -->"), Mark::Missing);
    assert_eq!(Mark::of("<!-- nor run: x -->"), Mark::Missing);
    assert_eq!(Mark::of("<!-- run -->"), Mark::Run);
}
