//! What `services/*.yaml` say, as types, and the user's own files that add to it. Rust knows only the mechanisms
//! that they name.

mod client;
mod entry;
mod error;
mod file;
mod file_text;
mod install_step;
mod installation;
mod load;
pub(crate) mod platform;
mod template;
mod types;
mod user_file;

pub(crate) use self::client::{Client, OutdatedRule, ReleaseSource, Skew};
pub(crate) use self::entry::Entry;
pub(crate) use self::error::Error;
pub(crate) use self::file::diagnostic::FileDiagnostic;
pub(crate) use self::file::schema::schema_text;
pub(crate) use self::install_step::{
    FILE_END, GuestFileMode, InstallStep, PackageManager, PublishedReleases,
};
pub(crate) use self::installation::{InstallMethod, Needs};
pub(crate) use self::load::{Catalogue, CheckedFile};
pub(crate) use self::template::Template;
pub(crate) use self::types::{
    Access, ApiQuestion, Control, DOCKER_FILES, EngineProgram, ExportTemplate, Flavour, Hints, OpenPort,
    ProvidedFlavour, Reason, Service, Source, VERSION,
};
