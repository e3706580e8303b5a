//! A kubeconfig from the guest is a program: kubectl runs what its `exec` names and sends the files its
//! paths name. So none is ever copied. What may be carried over is read into `Credentials`, and a new file
//! is written from them. Pure: text in, text out.

mod read;
mod write;

pub use self::read::read;
pub use self::write::{Entry, write};
