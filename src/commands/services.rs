//! `service-manager services list|show|validate|schema`

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::context::{Context, print, print_json};
use crate::base::platform::canonicalize;
use crate::base::text::{escape_control, sanitize};
use crate::catalogue::{self, Catalogue, CheckedFile, Entry, FileDiagnostic, schema_text};
use crate::cli::{OutputFormat, ServicesArgs, ServicesCommand};
use crate::error::Error;
use crate::ui;
use crate::ui::table::{Column, Table};

pub(super) fn run(args: &ServicesArgs, context: &Context) -> Result<(), Error> {
    match &args.what {
        ServicesCommand::List(args) => list(args.output, context),
        ServicesCommand::Show(args) => print(&context.catalogue()?.find(&args.name)?.text()?),
        ServicesCommand::Validate(args) => validate(&args.files, args.output, context),
        ServicesCommand::Schema => print(&schema_text()),
    }
}

fn list(format: OutputFormat, context: &Context) -> Result<(), Error> {
    let catalogue = context.catalogue()?;
    let services: Vec<ServiceJson> = catalogue.entries().iter().map(ServiceJson::new).collect();
    print(&match format {
        OutputFormat::Json => return print_json(&ServicesJson { services }),
        OutputFormat::Text => {
            let comma = if ui::is_stdout_terminal() { ", " } else { "," };
            let rows = services.iter().map(|service| service.cells(comma)).collect();
            Table::new(COLUMNS, rows).render(context.ui)
        }
    })
}

const COLUMNS: [Column; 5] = [
    Column::new("SERVICE"),
    Column::new("TITLE").cut_to(10).optional(2),
    Column::new("CLIENT").optional(4),
    Column::new("FLAVOURS").cut_to(12).optional(3),
    Column::new("FROM").path_cut_to(8).optional(1),
];

/// docs/reference/json.md
#[derive(Serialize)]
struct ServicesJson<'a> {
    services: Vec<ServiceJson<'a>>,
}

#[derive(Serialize)]
struct ServiceJson<'a> {
    name: &'a str,
    title: &'a str,
    flavours: Vec<&'a str>,
    client: Option<&'a str>,
    built_in: bool,
    files: Vec<String>,
}

impl<'a> ServiceJson<'a> {
    fn new(Entry { service, built_in, files, .. }: &'a Entry) -> Self {
        let flavours = service.flavours.iter().map(|flavour| flavour.name.as_str()).collect();
        let files = files.iter().map(|path| path.display().to_string()).collect();
        let client = service.client.as_ref().map(|client| client.program.as_str());
        Self {
            name: service.name.as_str(),
            title: &service.title,
            flavours,
            client,
            built_in: *built_in,
            files,
        }
    }

    fn cells(&self, comma: &str) -> [String; 5] {
        let built_in = self.built_in.then(|| "built in".to_owned());
        let files = self.files.iter().cloned();
        let from: Vec<String> = built_in.into_iter().chain(files).collect();
        let flavours = if self.flavours.is_empty() { "-".to_owned() } else { self.flavours.join(comma) };
        let client = self.client.unwrap_or("-").to_owned();
        [self.name.to_owned(), self.title.to_owned(), client, flavours, from.join(comma)]
    }
}

/// Tells what is wrong with `files`, or with all of the user's own.
fn validate(files: &[PathBuf], format: OutputFormat, context: &Context) -> Result<(), Error> {
    let (catalogue, own) = Catalogue::examine(&context.folders()?)?;
    let checked = if files.is_empty() {
        own
    } else {
        files.iter().map(|file| check(&context.env.expand(file), file, &catalogue, &own)).collect()
    };
    let line = |(path, diagnostics): &CheckedFile| match diagnostics.as_slice() {
        [] => format!("{}: valid\n", escape_control(&path.to_string_lossy())),
        diagnostics => diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect(),
    };
    if checked.is_empty() {
        context.note(&format!("no service files in {}", context.folders()?.services().display()));
    }
    match format {
        OutputFormat::Json => {
            print_json(&ValidateJson { files: checked.iter().map(FileJson::new).collect() })?;
        }
        OutputFormat::Text => print(&checked.iter().map(line).collect::<String>())?,
    }
    match checked.iter().filter(|(_, diagnostics)| !diagnostics.is_empty()).count() {
        0 => Ok(()),
        wrong => Err(catalogue::Error::ServiceFilesNotValid { wrong, all: checked.len() }.into()),
    }
}

/// What `validate --output json` prints. Text of the files shows as in the lines.
#[derive(Serialize)]
struct ValidateJson {
    files: Vec<FileJson>,
}

#[derive(Serialize)]
struct FileJson {
    path: String,
    valid: bool,
    diagnostics: Vec<DiagnosticJson>,
}

#[derive(Serialize)]
struct DiagnosticJson {
    line: Option<usize>,
    column: Option<usize>,
    /// None where it is about the whole file.
    field: Option<String>,
    message: String,
    hint: Option<String>,
}

impl FileJson {
    fn new((path, diagnostics): &CheckedFile) -> Self {
        let path = escape_control(&path.to_string_lossy());
        let valid = diagnostics.is_empty();
        Self { path, valid, diagnostics: diagnostics.iter().map(DiagnosticJson::new).collect() }
    }
}

impl DiagnosticJson {
    fn new(FileDiagnostic { diagnostic, .. }: &FileDiagnostic) -> Self {
        let position = diagnostic.position;
        let field = Some(diagnostic.field.as_str()).filter(|field| !field.is_empty());
        Self {
            line: position.map(|position| position.line),
            column: position.map(|position| position.column),
            field: field.map(sanitize),
            message: sanitize(&diagnostic.what),
            hint: diagnostic.hint.as_deref().map(sanitize),
        }
    }
}

/// What is wrong with the file at `path`, named as the user named it. One of the user's `own` files was read
/// already, in its turn.
fn check(path: &Path, named: &Path, catalogue: &Catalogue, own: &[CheckedFile]) -> CheckedFile {
    let real = |path: &Path| canonicalize(path).ok();
    let found = own.iter().find(|(own, _)| real(own).is_some_and(|own| Some(own) == real(path)));
    let (_, diagnostics) = found.cloned().unwrap_or_else(|| catalogue.check_file(path));
    let named = named.to_owned();
    let diagnostics = diagnostics.into_iter().map(|found| FileDiagnostic { path: named.clone(), ..found });
    (named.clone(), diagnostics.collect())
}
