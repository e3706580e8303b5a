//! Why something cannot be exported.

use std::path::PathBuf;

use crate::access::kubeconfig;
use crate::base::files;
use crate::base::platform::LIST_SEPARATOR;

/// Why something cannot be exported.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub enum Error {
    /// A value with control characters, or a long one, or one that this shell cannot carry.
    #[error("the value of {name} cannot be written for a shell")]
    Unprintable { name: String },
    /// A value that a reader of `.env` files would take for another one.
    #[error("the value of {name} cannot be written without quotes, as dotenv has it")]
    NotWithoutQuotes { name: String },
    /// A variable that is no list has different values for several machines.
    #[error("{variable} can only be that of one machine, not of {}", .machines.join(" and "))]
    OneValue { variable: String, machines: Vec<String> },
    /// Two of several machines have the same name.
    #[error("two machines are called `{machine}`, so their contexts would be too")]
    Namesakes { machine: String },
    #[error("`{}` cannot be written for every shell: it is not UTF-8", .path.display())]
    PathNotText { path: PathBuf },
    #[error("kubectl takes `{}` for the end of a path, and there is one in `{}`", LIST_SEPARATOR, .path.display())]
    SeparatorInPath { path: PathBuf },
    #[error(transparent)]
    Kubeconfigs(#[from] kubeconfig::Error),
    #[error(transparent)]
    Files(#[from] files::Error),
}
