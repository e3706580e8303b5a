//! Why docker's own files are left as they are.

use std::path::PathBuf;

use crate::base::files;

/// Why docker's own files are left as they are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("docker's folder `{}` cannot be used", .folder.display())]
    Folder { folder: PathBuf, source: files::Error },
    #[error("there is a docker context `{name}` already, which is not from here")]
    Taken { name: String },
    #[error("there is a docker context `{name}` already, which is of the machine `{machine}`")]
    OtherMachine { name: String, machine: String },
    #[error("the current context of docker stays as it is")]
    Config { path: PathBuf, source: files::Error },
    #[error("the current context of docker stays as it is: `{}` is not as docker writes it", .path.display())]
    NotConfig { path: PathBuf, source: serde_json::Error },
}
