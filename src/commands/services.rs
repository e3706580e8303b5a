//! `service-manager services list|show|validate|schema`

use std::path::{Path, PathBuf};

use console::{Style, measure_text_width};
use serde::Serialize;

use super::{Context, json};
use crate::cli::{OutputFormat, ServicesArgs, ServicesCommand};
use crate::error::Error;
use crate::grammar::visible;
use crate::service::{Catalogue, Entry, MistakeInFile, Verdict, schema_text};
use crate::ui;

pub(super) fn run(args: &ServicesArgs, context: &Context) -> Result<(), Error> {
    match &args.what {
        ServicesCommand::List(args) => list(args.output, context),
        ServicesCommand::Show(args) => ui::print(&context.catalogue()?.find(&args.name)?.text()?),
        ServicesCommand::Validate(args) => validate(&args.files, context),
        ServicesCommand::Schema => ui::print(&schema_text()),
    }
}

fn list(format: OutputFormat, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services: Vec<Listed> = catalogue.entries().iter().map(Listed::new).collect();
    ui::print(&match format {
        OutputFormat::Json => return json::print(&Listing { services }),
        OutputFormat::Text if ui::is_stdout_terminal() => {
            let rows: Vec<_> = services.iter().map(|service| service.cells(", ")).collect();
            table(&rows, context)
        }
        OutputFormat::Text => {
            services.iter().map(|service| service.cells(",").join("\t") + "\n").collect::<String>()
        }
    })
}

/// docs/json.md
#[derive(Serialize)]
struct Listing<'a> {
    services: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: &'a str,
    flavours: Vec<&'a str>,
    built_in: bool,
    files: Vec<String>,
}

impl<'a> Listed<'a> {
    fn new(Entry { service, built_in, files, .. }: &'a Entry) -> Self {
        let flavours = service.flavours.iter().map(|flavour| flavour.name.as_str()).collect();
        let files = files.iter().map(|path| path.display().to_string()).collect();
        Self { name: service.name.as_str(), title: &service.title, flavours, built_in: *built_in, files }
    }

    fn cells(&self, comma: &str) -> [String; 4] {
        let built_in = self.built_in.then(|| "built in".to_owned());
        let files = self.files.iter().cloned();
        let from: Vec<String> = built_in.into_iter().chain(files).collect();
        let cells =
            [self.name.to_owned(), self.title.to_owned(), self.flavours.join(comma), from.join(comma)];
        cells.map(|cell| visible(&cell))
    }
}

fn table(rows: &[[String; 4]], context: &Context) -> String {
    let head = ["SERVICE", "TITLE", "FLAVOURS", "FROM"].map(str::to_owned);
    let lines: Vec<&[String; 4]> = std::iter::once(&head).chain(rows).collect();
    let width =
        |column: usize| lines.iter().map(|cells| measure_text_width(&cells[column])).max().unwrap_or(0);
    let cell = |line: usize, column: usize, text: &str| {
        let style = if line == 0 { Style::new().bold() } else { Style::new() };
        let gap = if column == head.len() - 1 { 0 } else { width(column) - measure_text_width(text) + 2 };
        context.ui.styled(text, style) + &" ".repeat(gap)
    };
    let line = |(number, cells): (usize, &&[String; 4])| {
        cells.iter().enumerate().map(|(column, text)| cell(number, column, text)).collect::<String>() + "\n"
    };
    lines.iter().enumerate().map(line).collect()
}

/// Tells what is wrong with `files`, or with all of the user's own.
fn validate(files: &[PathBuf], context: &Context) -> Result<(), Error> {
    let (catalogue, own) = Catalogue::examine(&context.folders()?)?;
    let verdicts = if files.is_empty() {
        own
    } else {
        files.iter().map(|file| verdict(&context.host.expand(file), file, &catalogue, &own)).collect()
    };
    let line = |(path, mistakes): &Verdict| match mistakes.as_slice() {
        [] => format!("{}: valid\n", visible(&path.to_string_lossy())),
        mistakes => mistakes.iter().map(|mistake| format!("{mistake}\n")).collect(),
    };
    if verdicts.is_empty() {
        context.ui.note(&format!("no service files in {}", context.folders()?.services().display()));
    }
    ui::print(&verdicts.iter().map(line).collect::<String>())?;
    match verdicts.iter().filter(|(_, mistakes)| !mistakes.is_empty()).count() {
        0 => Ok(()),
        wrong => Err(Error::ServiceFilesNotValid { wrong, all: verdicts.len() }),
    }
}

/// The verdict about the file at `path`, named as the user named it. One of the user's `own` files was read
/// already, in its turn.
fn verdict(path: &Path, named: &Path, catalogue: &Catalogue, own: &[Verdict]) -> Verdict {
    let real = |path: &Path| path.canonicalize().ok();
    let found = own.iter().find(|(own, _)| real(own).is_some_and(|own| Some(own) == real(path)));
    let (_, mistakes) = found.cloned().unwrap_or_else(|| catalogue.judge(path));
    let named = named.to_owned();
    let mistakes = mistakes.into_iter().map(|found| MistakeInFile { path: named.clone(), ..found });
    (named.clone(), mistakes.collect())
}
