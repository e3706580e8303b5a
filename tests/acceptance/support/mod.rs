//! What the tests are written with: a [`Guest`] to talk to, a [`User`] who types, and what the terminal then
//! shows, compared exactly.
//!
//! A test reads as a session:
//!
//! ```ignore
//! let user = User::of(&Guest::kubeadm());
//! user.types("service-manager status").stdout("kubernetes - running\n").succeeds();
//! ```

pub(crate) mod download;
mod failure;
mod gem;
mod guest;
mod port;
mod proxy;
pub(crate) mod publisher;
mod terminal;
mod text;
mod typed;
mod user;
mod vagrant;

use std::thread;
use std::time::{Duration, Instant};

pub(crate) use failure::Failure;
pub(crate) use guest::{Guest, UNTIL_READY};
pub(crate) use port::Port;
pub(crate) use proxy::Proxy;
pub(crate) use text::unindent;
pub(crate) use typed::{execx, program, programs};
pub(crate) use user::User;
pub(crate) use vagrant::{Defined, Project, free_port};

/// Waits until `condition` holds, which it has to within ten seconds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
