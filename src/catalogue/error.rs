//! Why the catalogue has no answer.

use super::file::diagnostic::FileDiagnostic;
use crate::base::files;

/// Why a service was not found, or the service files could not be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum Error {
    #[error("there is no service `{name}`")]
    UnknownService { name: String, nearest: Option<String>, known: Vec<String> },
    #[error("`{service}` is a client only, so nothing of it is in a machine")]
    ClientOnly { service: String },
    #[error("the service file `{file}` is not valid")]
    ServiceFile { file: String, source: serde_json::Error },
    #[error("the service files have {} mistake{}", .diagnostics.len(), if .diagnostics.len() == 1 { "" } else { "s" })]
    ServiceFiles { diagnostics: Vec<FileDiagnostic> },
    #[error("{wrong} of {all} service files {} not valid", if *.wrong == 1 { "is" } else { "are" })]
    ServiceFilesNotValid { wrong: usize, all: usize },
    #[error("could not write a service file")]
    ServiceText { source: serde_yaml::Error },
    #[error(transparent)]
    Files(#[from] files::Error),
}
