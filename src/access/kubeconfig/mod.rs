//! A kubeconfig from the guest is a program: kubectl runs what its `exec` names and sends the files its
//! paths name. So none is ever copied. What may be carried over is read into `Credentials`, and a new file
//! is written from them, which `merge` puts into the user's own on request. Pure: text in, text out.

mod edit;
mod error;
mod list;
mod merge;
mod parsed;
mod read;
mod write;

pub(crate) use self::edit::MergeOutcome;
pub(crate) use self::error::{Error, MergeError};
pub(crate) use self::merge::{Addition, Merged, MergedContext, contexts, merge, remove};
pub(crate) use self::read::{CurrentContext, GuestContexts, ServerPlace, guest_contexts, plain_yaml, read};
pub(crate) use self::write::{ClusterEntry, write};
