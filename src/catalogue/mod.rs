//! What `services/*.yaml` say, as types, and the user's own files that add to it. Rust knows only the mechanisms
//! that they name.

mod client;
mod file;
mod load;
pub mod platform;
mod template;
mod types;

pub use self::client::{Client, ReleaseSource};
pub use self::file::diagnostic::{Diagnostic, Field, FileDiagnostic, Position};
pub use self::file::schema::schema_text;
pub use self::load::{Catalogue, Entry, Verdict};
pub use self::template::Template;
pub use self::types::{
    Access, ApiQuestion, Control, DOCKER_FILES, ExportTemplate, Flavour, OpenPort, Reason, Remedies, Service,
    Signs, Source, VERSION,
};
