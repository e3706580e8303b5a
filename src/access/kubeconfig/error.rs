//! Why a kubeconfig of the host could not be written.

use std::path::PathBuf;

use super::list::List;

/// Why a kubeconfig of the host could not be written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub enum Error {
    #[error("could not write a kubeconfig")]
    Text { source: serde_yaml::Error },
    #[error("`{}` is left as it is", .path.display())]
    Merge { path: PathBuf, source: MergeError },
}

/// Why the user's kubeconfig is left alone.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// It cannot be parsed.
    #[error("it cannot be read")]
    NotYaml(#[source] serde_yaml::Error),
    /// It is something else.
    #[error("it is no kubeconfig: {0}")]
    NotKubeconfig(&'static str),
    /// kubectl reads no such file.
    #[error("it has the {list} `{name}` twice")]
    Twice {
        /// Where.
        list: List,
        /// The name.
        name: String,
    },
    /// The user, or another program, has made an entry of our name.
    #[error("it has a {list} `{name}`, which is not from here")]
    Taken {
        /// Where.
        list: List,
        /// The name.
        name: String,
    },
    /// Another machine has the name.
    #[error("it has a {list} `{name}`, which is of the machine `{machine}`")]
    OtherMachine {
        /// Where.
        list: List,
        /// The name.
        name: String,
        /// The key of the other machine.
        machine: String,
    },
    /// The edited text would not be the old one with our entries.
    #[error("it is written in a way that cannot be changed without touching the rest of it")]
    Rest,
}
