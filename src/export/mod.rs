//! What the host's clients are given: variables, files, and the text that a shell evaluates.

pub mod client_files;
pub mod shell;
mod variables;

pub use self::variables::{Block, Export, PathEntry, Values, join};
