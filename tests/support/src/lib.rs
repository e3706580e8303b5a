//! What the tests are written with: a [`Guest`] to talk to, a [`User`] who types, and what the terminal then
//! shows, compared exactly.
//!
//! A test reads as a session:
//!
//! ```ignore
//! let user = User::of(&Guest::kubeadm());
//! user.types("service-manager status").stdout("kubernetes - running\n").succeeds();
//! ```

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    reason = "for this repository's tests alone"
)]
#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "this is another program")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails in no other way")]

pub mod document;
pub mod download;
mod failure;
mod gem;
mod guest;
mod package_proxy;
mod places;
mod port;
mod proxy;
pub mod publisher;
mod rest;
mod socks;
pub mod ssh_peer;
mod terminal;
mod text;
mod times;
mod typed;
mod user;
mod vagrant;
mod values;

use std::thread;
use std::time::{Duration, Instant};

pub use failure::Failure;
pub use guest::{Guest, UNTIL_READY};
pub use package_proxy::PackageProxy;
pub use places::{repository, temporary};
pub use port::Port;
pub use proxy::Proxy;
pub use socks::SocksProxy;
pub use terminal::{Terminal, rendered};
pub use text::unindent;
pub use typed::{Typed, Written, execx, program, programs};
pub use user::User;
pub use vagrant::{Defined, Project, free_port};
pub use values::VALUES;

/// Waits until `condition` holds, which it has to within a minute, however busy the host is.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_mins(1), "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
