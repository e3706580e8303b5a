//! What a command ends with: the exit code, the error of the module that failed, and what to type next.

mod catalogue;
mod clients;
mod command;
mod docker_context;
mod exec;
mod explain;
mod export;
mod files;
mod guest;
mod installation;
mod invocation;
mod kubeconfig;
mod machine;
mod registry;
mod script;
mod services;
mod settings;

pub(crate) use self::command::Error;
pub(crate) use self::exec::ExecError;
pub use self::explain::ExitCode;
pub(crate) use self::explain::Explain;
pub(crate) use self::invocation::Invocation;
pub(crate) use self::registry::RegistryError;
pub(crate) use self::script::Script;
