//! Starting and stopping services in the guest: one command for each, made of fixed functions and validated words.

mod action;
mod answer;
mod changes;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod install;
mod install_call;
mod install_commands;
mod install_obstacle;
mod install_progress;
mod keys;
mod package_commands;
mod proxy;
mod push;
mod script;
mod step;
mod target;
mod verb;

pub(crate) use self::action::Action;
pub(crate) use self::answer::{ActionOutcome, FailedStep, Failure, InstalledPackage};
pub(crate) use self::changes::{Changes, Image, ProxyChange};
pub(crate) use self::error::Error;
pub(crate) use self::install::{GuestInstall, installation_mark};
pub(crate) use self::install_commands::needs_in_words;
pub(crate) use self::install_obstacle::{InstallObstacle, PackageTask, Resource};
pub(crate) use self::install_progress::InstallProgress;
pub(crate) use self::keys::Keys;
pub(crate) use self::package_commands::{asking_command, program, reinstall_command};
pub(crate) use self::proxy::{Proxy, ProxyError, ProxyInput};
pub(crate) use self::push::push;
pub(crate) use self::step::KeysRenewal;
pub(crate) use self::target::Target;
pub(crate) use self::verb::Verb;
