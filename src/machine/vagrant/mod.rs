//! Vagrant, as far as its files tell about its machines, and what only Vagrant itself can tell.
//!
//! A Vagrantfile is a program. Vagrant, and with it that program, is started by [`VagrantProgram`] alone. All the rest
//! here reads files, which the guest can often write: the project is its synced folder. Nothing that is read from
//! them is printed, run, or taken for a path.

mod code;
mod index;
mod program;
mod project;

pub(crate) use index::{index_ids, indexed, stale_folder};
pub(crate) use program::VagrantProgram;
pub(crate) use project::CreatedMachine;
pub(crate) use project::Project;
