//! Starting and stopping services in the guest: one command for each, made of fixed functions and validated words.

mod action;
mod answer;
mod changes;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keys;
mod proxy;
mod script;
mod step;
mod target;
mod verb;

pub use self::action::Action;
pub use self::answer::{FailedStep, Failure, Outcome};
pub use self::changes::{Apply, Changes, Image, ProxyChange};
pub use self::error::Error;
pub use self::keys::Keys;
pub use self::proxy::{Proxy, ProxyError, ProxyInput};
pub use self::target::Target;
pub use self::verb::Verb;
