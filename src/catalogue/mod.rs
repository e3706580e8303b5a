//! What `services/*.yaml` say, as types, and the user's own files that add to it. Rust knows only the mechanisms
//! that they name.

mod client;
mod entry;
mod error;
mod file;
mod load;
pub mod platform;
mod template;
mod types;
mod user_file;

pub use self::client::{Client, OutdatedRule, ReleaseSource};
pub use self::entry::Entry;
pub use self::error::Error;
pub use self::file::diagnostic::{Diagnostic, Field, FileDiagnostic, Position};
pub use self::file::schema::schema_text;
pub use self::load::{Catalogue, CheckedFile};
pub use self::template::Template;
pub use self::types::{
    Access, ApiQuestion, BUILT_IN_VALUES, Control, DOCKER_FILES, Detect, ExportTemplate, Flavour, Hints,
    OpenPort, Reason, Service, Source, VERSION,
};
