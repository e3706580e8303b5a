//! Kubeconfigs of the host.

use std::path::Path;

use super::explain::{ExitCode, Explain};
use super::files::ANOTHER_FILE;
use crate::access::kubeconfig::{Error, MergeError};
use crate::base::text::{sh_path, sh_word};

impl Explain for Error {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Failure
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Text { .. } => None,
            Self::Merge { path, source } => Some(merge_hint(source, path)),
        }
    }
}

fn merge_hint(error: &MergeError, path: &Path) -> String {
    match error {
        MergeError::NotYaml(_) => format!("correct it, or {ANOTHER_FILE}"),
        MergeError::Twice { .. } => format!("remove one of them, or {ANOTHER_FILE}"),
        MergeError::Taken { list, name } => format!(
            "`kubectl config --kubeconfig {} delete-{list} {name}` removes it; or {ANOTHER_FILE}",
            sh_path(path),
            name = sh_word(name)
        ),
        MergeError::OtherMachine { machine, .. } => {
            format!("`service-manager machines forget {}` removes it; or {ANOTHER_FILE}", sh_word(machine))
        }
        MergeError::NotKubeconfig(_) | MergeError::Rest => ANOTHER_FILE.into(),
    }
}
