//! Which machine, how it is reached, and its folder.

mod address;
mod choice;
mod configured;
mod consent;
mod dialog;
mod error;
mod find;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod identity;
mod names;
mod openssh;
mod own_config;
mod project_consent;
mod project_file;
mod resolve;
#[cfg(test)]
mod resolve_tests;
mod route_reader;
mod search;
mod selection;
mod ssh_config;
mod store;
mod tokens;
mod vagrant;
mod vagrant_resolver;

pub(crate) use address::Address;
pub(crate) use choice::{choose, choose_no_more, chosen};
pub(crate) use consent::Consents;
pub(crate) use dialog::{Dialog, VagrantQuestion};
pub(crate) use error::{Error, ProjectFolder};
pub(crate) use find::find_preferring_project;
pub(crate) use names::nameable;
pub(crate) use project_consent::FileConsent;
pub(crate) use project_file::{FoundProjectFile, NAME as PROJECT_FILE, ProjectFile, ProjectFileError};
pub(crate) use resolve::{resolve, resolve_from_cwd, resolve_remembered};
pub(crate) use selection::Selection;
pub(crate) use store::{
    DockerContextRecord, Machine, Remembered, TrustRecord, UnreadableRecord, chosen_contexts,
    docker_contexts, forget, merges, registry_trust, remembered,
};
pub(crate) use vagrant::Project;
pub(crate) use vagrant_resolver::VagrantResolver;
