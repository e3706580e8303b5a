//! The values that Tab knows. Nothing is started for them and no machine is asked: they are what files on this host say.

use std::ffi::OsString;
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};

use crate::base::text::is_bare_everywhere;
use crate::base::types::ServiceName;
use crate::catalogue::platform::Platform;
use crate::catalogue::{Catalogue, Service};
use crate::cli::Cli;
use crate::clients::cache::{Cache, Installed};
use crate::commands::context::Context;
use crate::machine::{Machine, docker_contexts, nameable, remembered};
use crate::services::ServiceCache;

/// Stands for all files: the shell knows them.
pub(super) const FILES: &str = ":files";
/// Stands for all folders.
pub(super) const FOLDERS: &str = ":folders";

/// What stands before the word that is completed.
pub(super) struct Typed {
    words: Vec<String>,
    context: Context,
}

/// A list of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ValueList {
    /// Every machine that `-m` finds.
    Machines,
    /// Those that were used from here.
    RememberedMachines,
    /// What a machine may have.
    Services,
    /// Clients without a service too.
    KnownServices,
    /// What `install-cli` installs.
    Clients,
    /// Those that are installed.
    InstalledClients,
    /// Their versions.
    InstalledVersions,
    /// The same, and the words for versions.
    WantedVersions,
    Platforms,
    /// The docker contexts that lead to machines.
    DockerContexts,
    /// Those of the kubeconfigs in machines that were used.
    KubeContexts,
    /// The pages of the manual.
    Pages,
}

/// Has `program` know its values.
pub(super) fn add_to(program: Command, typed: &Arc<Typed>) -> Command {
    add_below(program, "", typed)
}

fn add_below(command: Command, path: &str, typed: &Arc<Typed>) -> Command {
    command.mut_args(|argument| add_values(argument, path, typed)).mut_subcommands(|below| {
        let path = format!("{path} {}", below.get_name());
        add_below(below, path.trim_start(), typed)
    })
}

fn add_values(argument: Arg, path: &str, typed: &Arc<Typed>) -> Arg {
    if let Some(list) = list_of(&argument, path) {
        let typed = Arc::clone(typed);
        return argument.add(ArgValueCandidates::new(move || typed.values(list).unwrap_or_default()));
    }
    let of_shell = match value_name(&argument) {
        "FILE" => FILES,
        "FOLDER" => FOLDERS,
        _ => return argument,
    };
    argument.add(ArgValueCompleter::new(move |_: &_| vec![CompletionCandidate::new(of_shell)]))
}

fn value_name(argument: &Arg) -> &str {
    argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str())
}

/// The list that the values of `argument` are from: that is what the help calls them.
fn list_of(argument: &Arg, path: &str) -> Option<ValueList> {
    Some(match (path, argument.get_id().as_str(), value_name(argument)) {
        ("man", "command", _) => ValueList::Pages,
        ("clients uninstall", _, "SERVICE") => ValueList::InstalledClients,
        ("clients uninstall" | "exec", _, "VERSION") => ValueList::InstalledVersions,
        ("install-cli", _, "SERVICE") => ValueList::Clients,
        ("install-cli", _, "VERSION") => ValueList::WantedVersions,
        ("services show", _, "SERVICE") => ValueList::KnownServices,
        (_, "machines", _) => ValueList::Machines,
        (path, _, "NAME") if path.starts_with("machines ") => ValueList::RememberedMachines,
        ("docker-context", _, "NAME") => ValueList::DockerContexts,
        (_, _, "CONTEXT") => ValueList::KubeContexts,
        (_, _, "SERVICE") => ValueList::Services,
        (_, _, "SYSTEM/PROCESSOR") => ValueList::Platforms,
        _ => return None,
    })
}

impl Typed {
    pub(super) fn new(words: &[OsString], context: &Context) -> Self {
        let words = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        Self { words, context: context.clone() }
    }

    /// The word before the one that is completed.
    pub(super) fn last(&self) -> Option<&str> {
        self.words.last().map(String::as_str)
    }

    /// Those that need no quotes: some shells put them on the line as they are, and some come from a machine. None where they
    /// cannot be found out.
    fn values(&self, list: ValueList) -> Option<Vec<CompletionCandidate>> {
        let mut values = self.all_values(list)?;
        values.retain(|value| value.get_value().to_str().is_some_and(is_bare_everywhere));
        Some(values)
    }

    fn all_values(&self, list: ValueList) -> Option<Vec<CompletionCandidate>> {
        Some(match list {
            ValueList::Machines => self.machines(false)?,
            ValueList::RememberedMachines => self.machines(true)?,
            ValueList::Services => self.services(|service| !service.is_client_only())?,
            ValueList::KnownServices => self.services(|_| true)?,
            ValueList::Clients => self.services(|service| service.client.is_some())?,
            ValueList::InstalledClients => self.installed_clients()?,
            ValueList::InstalledVersions => self.installed_versions()?,
            ValueList::WantedVersions => self.wanted_versions()?,
            ValueList::Platforms => Platform::all().map(CompletionCandidate::new).collect(),
            ValueList::DockerContexts => self.docker_contexts()?,
            ValueList::KubeContexts => self.kube_contexts()?,
            ValueList::Pages => self.pages(),
        })
    }

    /// True when the line has this word: nothing is named twice.
    fn names(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    fn machines(&self, remembered_only: bool) -> Option<Vec<CompletionCandidate>> {
        let machines = nameable(&self.context.env, &self.context.folders().ok()?).into_iter();
        let wanted = machines.filter(|machine| machine.is_remembered || !remembered_only);
        Some(wanted.map(|machine| candidate(&machine.name, &machine.about)).collect())
    }

    fn services(&self, is_wanted: impl Fn(&Service) -> bool) -> Option<Vec<CompletionCandidate>> {
        let (known, _) = Catalogue::examine(&self.context.folders().ok()?).ok()?;
        let services = known.entries().iter().map(|entry| &entry.service);
        let services = services.filter(|service| is_wanted(service) && !self.names(service.name.as_str()));
        let about = |service: &Service| {
            service.client.as_ref().map(|client| format!("uses {}", client.program)).unwrap_or_default()
        };
        Some(services.map(|service| candidate(service.name.as_str(), &about(service))).collect())
    }

    fn installed(&self) -> Option<Vec<Installed>> {
        Cache::new(self.context.folders().ok()?.clients()).all().ok()
    }

    fn installed_clients(&self) -> Option<Vec<CompletionCandidate>> {
        let mut services: Vec<ServiceName> =
            self.installed()?.into_iter().map(|installed| installed.service).collect();
        services.dedup();
        Some(services.iter().map(|service| candidate(service.as_str(), "")).collect())
    }

    /// Newest first: those of the service that was named.
    fn installed_versions(&self) -> Option<Vec<CompletionCandidate>> {
        let installed = self.installed()?.into_iter().rev();
        let of_service = installed.filter(|installed| self.names(installed.service.as_str()));
        let mut versions: Vec<String> =
            of_service.map(|installed| installed.receipt.version.to_string()).collect();
        versions.dedup();
        Some(versions.iter().map(|version| candidate(version, "installed")).collect())
    }

    fn wanted_versions(&self) -> Option<Vec<CompletionCandidate>> {
        let mut versions = self.installed_versions()?;
        let (known, _) = Catalogue::examine(&self.context.folders().ok()?).ok()?;
        let services = known.entries().iter().map(|entry| &entry.service);
        let clients = services.filter(|service| self.names(service.name.as_str()));
        let patterns = clients.filter_map(|service| service.client.as_ref()).flat_map(|client| {
            client.aliases.keys().map(|pattern| pattern.as_str().to_owned()).collect::<Vec<_>>()
        });
        let words = patterns.filter(|pattern| !pattern.contains('{'));
        versions.extend(words.map(|word| candidate(&word, "as the publisher says today")));
        Some(versions)
    }

    fn docker_contexts(&self) -> Option<Vec<CompletionCandidate>> {
        let known = remembered(&self.context.folders().ok()?).ok()?.machines;
        let of_machine = |machine: &Machine| {
            let about = format!("leads to {}", machine.label(&known));
            let records = docker_contexts(&machine.files).unwrap_or_default().into_iter();
            records.map(move |record| candidate(record.name.as_str(), &about)).collect::<Vec<_>>()
        };
        Some(known.iter().flat_map(of_machine).collect())
    }

    fn kube_contexts(&self) -> Option<Vec<CompletionCandidate>> {
        let known = remembered(&self.context.folders().ok()?).ok()?.machines;
        let of_machine = |machine: &Machine| {
            let about = format!("in {}", machine.label(&known));
            let cache = ServiceCache::of(machine);
            cache.contexts_of_guest().map(|name| candidate(name.as_str(), &about)).collect::<Vec<_>>()
        };
        Some(known.iter().flat_map(of_machine).collect())
    }

    fn pages(&self) -> Vec<CompletionCandidate> {
        let program = Cli::whole();
        let mut command = &program;
        for word in self.words.iter().skip_while(|word| *word != "man").skip(1) {
            match command.find_subcommand(word) {
                Some(below) => command = below,
                None => return Vec::new(),
            }
        }
        let about = |below: &Command| below.get_about().map(ToString::to_string).unwrap_or_default();
        command.get_subcommands().map(|below| candidate(below.get_name(), &about(below))).collect()
    }
}

fn candidate(value: &str, about: &str) -> CompletionCandidate {
    let about = Some(about).filter(|about| !about.is_empty());
    CompletionCandidate::new(value).help(about.map(|about| about.to_owned().into()))
}
