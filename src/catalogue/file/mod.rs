//! The user's own service files: read with everything that is wrong with them.

pub(crate) mod diagnostic;
mod document;
mod lint;
mod reader;
pub(crate) mod schema;
mod schema_check;
mod service_file;

pub(crate) use self::reader::read;
pub(crate) use self::service_file::ServiceFile;
