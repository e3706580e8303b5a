//! What every command is given.

mod dialog;
mod machines;
mod project;
mod session;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum;
use serde::Serialize;

use self::wanted::Wanted;
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::paths::Folders;
use crate::base::platform::ancestors;
use crate::catalogue::{Catalogue, Service};
use crate::cli::Global;
use crate::error::{Error, Explain, Invocation};
use crate::export::shell::{self, Detected, Shell};
use crate::machine::Selection;
use crate::services::{self, ContextChoice, TunnelLifetime};
use crate::settings::TunnelMode;
use crate::ui::{self, Ui, json};

/// What every command is given.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) ui: Ui,
    pub(crate) deadline: Deadline,
    /// Empty for the one that is meant where none is named.
    machines: Vec<Wanted>,
    selection: Selection,
    invocation: Invocation,
    /// What is typed; else what is set counts.
    tunnel: Option<TunnelMode>,
    /// What services publish is to be here, whatever is set.
    publishes: bool,
    /// How long a tunnel lasts that the command needs.
    tunnel_lifetime: TunnelLifetime,
    /// The context of the machine's kubeconfig that is typed.
    in_kubeconfig: Option<ContextChoice>,
    has_own_timeout: bool,
    /// The user is at a terminal, and no shell waits for the output.
    may_ask: bool,
    /// The records and project files that the user was told of, here and in every copy.
    told: Arc<Mutex<BTreeSet<String>>>,
    /// Whether the user has allowed Vagrant to run what has this digest, here and in every copy.
    answers: Arc<Mutex<BTreeMap<String, bool>>>,
}

impl Context {
    pub(crate) fn new(env: Env, global: &Global, ui: Ui, deadline: Deadline) -> Self {
        let selection = Selection {
            machine: None,
            ssh_config: global.ssh_config.clone(),
            host: global.host.clone(),
            identity: global.identity.clone(),
            as_remembered: false,
        };
        let mut machines: Vec<Wanted> = Vec::new();
        for name in &global.machines {
            // Named twice it is one machine.
            if !machines.iter().any(|known| matches!(known, Wanted::Named(known) if known == name)) {
                machines.push(Wanted::Named(name.clone()));
            }
        }
        let invocation = Invocation::new(&env, global);
        let may_ask = false;
        let (told, answers) = (Arc::default(), Arc::default());
        let (tunnel, tunnel_lifetime) = (global.tunnel, TunnelLifetime::Command);
        let has_own_timeout = global.timeout.is_some();
        Self {
            env,
            ui,
            deadline,
            machines,
            selection,
            invocation,
            tunnel,
            publishes: false,
            tunnel_lifetime,
            in_kubeconfig: None,
            has_own_timeout,
            may_ask,
            told,
            answers,
        }
    }

    /// The same for a user who can be asked.
    #[must_use]
    pub(crate) fn that_may_ask(self, may_ask: bool) -> Self {
        Self { may_ask, ..self }
    }

    /// The same for a command whose user goes on with what it has found: a tunnel lasts.
    #[must_use]
    pub(crate) fn that_leaves_tunnels(self) -> Self {
        Self { tunnel_lifetime: TunnelLifetime::Background, ..self }
    }

    /// The same for a command about one of `services`, to which the context of a kubeconfig leads that was typed.
    ///
    /// Errors: none of them may come as a kubeconfig alone.
    pub(crate) fn that_uses(
        &self,
        chosen: Option<&ContextChoice>,
        services: &[&Service],
    ) -> Result<Self, Error> {
        let has_contexts = |service: &&Service| service.flavours.iter().any(|flavour| flavour.last_resort);
        if chosen.is_some() && !services.iter().any(has_contexts) {
            let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            return Err(Error::ContextUnfit { what: names.join(" and ") });
        }
        Ok(Self { in_kubeconfig: chosen.cloned(), ..self.clone() })
    }

    /// The context of the machine's kubeconfig that is typed.
    pub(crate) fn chosen_in_kubeconfig(&self) -> Option<&ContextChoice> {
        self.in_kubeconfig.as_ref()
    }

    /// The same for a command that publishes ports.
    #[must_use]
    pub(crate) fn that_publishes(self) -> Self {
        Self { publishes: true, ..self }
    }

    /// The same with another limit.
    #[must_use]
    pub(crate) fn with_deadline(self, deadline: Deadline) -> Self {
        Self { deadline, ..self }
    }

    /// What was typed.
    pub(crate) fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// True when the user has said how long it may take.
    pub(crate) fn has_own_timeout(&self) -> bool {
        self.has_own_timeout
    }

    /// True where somebody answers a question.
    pub(crate) fn may_ask(&self) -> bool {
        self.may_ask
    }

    /// Something the user should know about what was just done.
    pub(crate) fn note(&self, text: &str) {
        self.ui.note(&self.invocation.complete(text));
    }

    /// Why a service is left out although everything was asked for.
    pub(crate) fn note_left_out(&self, reason: &str) {
        self.ui.note(&format!("left out: {reason}"));
    }

    /// The same, with what to type about one that has failed: nobody wants that.
    pub(crate) fn note_left_out_now(&self, reason: &services::Error) {
        let text = format!("left out: {reason}");
        if !reason.is_about_a_failed_service() {
            return self.ui.note(&text);
        }
        let hint = reason.hint().map(|hint| self.invocation.complete(&hint));
        self.ui.note_with_hint(&text, hint.as_deref());
    }

    /// Tells the user of all `failures` but the one at the place `chosen`, with which the command ends.
    ///
    /// Errors: that one; none where nothing has failed.
    pub(crate) fn end(&self, mut failures: Vec<Error>, chosen: usize) -> Result<(), Error> {
        if failures.is_empty() {
            return Ok(());
        }
        let failure = failures.remove(chosen);
        for error in &failures {
            self.warn(error);
        }
        Err(failure)
    }

    /// A failure that does not end the command.
    pub(crate) fn warn(&self, error: &Error) {
        self.ui.warning(&error.explain(&self.invocation));
    }

    /// The shell to write for.
    pub(crate) fn shell(&self, named: Option<Shell>) -> Shell {
        named.unwrap_or_else(|| match shell::detect(&self.env, ancestors()) {
            Detected::Known(shell) => shell,
            Detected::Instead(shell, unknown) => {
                let name = name_of(shell);
                self.note(&format!("`{unknown}` in SERVICE_MANAGER_SHELL is not known; writing for {name}"));
                shell
            }
            Detected::Assumed(shell, unknown) => {
                let unknown =
                    unknown.iter().map(|name| format!(" (`{name}` is not known)")).collect::<String>();
                let name = name_of(shell);
                self.note(&format!("writing for {name}{unknown}; `--shell NAME` names another shell"));
                shell
            }
        })
    }

    /// True the first time that it is asked, here and in every copy.
    fn is_untold(&self, what: &str) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned())
    }

    /// The same for what goes on beside something that stands on the terminal.
    #[must_use]
    pub(crate) fn that_waits_silently(self) -> Self {
        Self { ui: self.ui.without_waiting(), ..self }
    }

    /// The services that are known here.
    pub(crate) fn catalogue(&self) -> Result<Catalogue, Error> {
        Ok(Catalogue::load(&self.folders()?)?)
    }

    pub(crate) fn folders(&self) -> Result<Folders, Error> {
        Ok(Folders::find(&self.env)?)
    }
}

/// Writes `text` to standard output.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    Ok(ui::print(text)?)
}

/// Writes a JSON document to standard output.
pub(crate) fn print_json<T: Serialize>(content: &T) -> Result<(), Error> {
    Ok(json::print(content)?)
}

fn name_of(shell: Shell) -> String {
    shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
