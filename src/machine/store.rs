//! What is kept of a machine between two commands.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::own_config::ConfigOrigin;
use super::selection::Selection;
use super::vagrant::{CreatedMachine, Project};
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::files::{self, Error, PrivateFolder};
use crate::base::paths::{Folders, MachineFiles};
use crate::base::text::sanitize;
use crate::base::types::{DockerContextName, KubeContextName, MachineName, ServiceName};
use crate::guest::ssh::{Hop, Route};

/// A guest as the host knows it.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Its name; also the context's name in its kubeconfig.
    pub name: MachineName,
    /// Its files on the host.
    pub files: MachineFiles,
    state: RouteState,
    /// Vagrant has made it anew since it was used.
    is_rebuilt: bool,
}

/// What is remembered of the machines that were used before.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// In the order of their folders' names.
    pub machines: Vec<Machine>,
    /// The folders whose record is not understood.
    pub unreadable: Vec<UnreadableRecord>,
}

/// A machine's folder whose `machine.json` is not understood.
#[derive(Clone, Debug)]
pub(crate) struct UnreadableRecord {
    /// The folder.
    pub files: MachineFiles,
    /// Another version of this program has written it; otherwise it is damaged.
    pub is_foreign: bool,
}

/// What a machine's folder says.
pub(super) enum Recorded {
    Machine(Box<Machine>),
    Nothing,
    Unreadable(UnreadableRecord),
}

/// How a machine is reached.
#[derive(Clone, Debug)]
pub(super) struct RouteState {
    pub(super) route: Route,
    /// The Vagrant machine that it is, if it is one.
    pub(super) origin: Option<Origin>,
    /// What the user's own ssh config was, if it is from there.
    pub(super) config: Option<ConfigOrigin>,
    /// Whoever knows the route was asked since the machine was last reached: no use to ask again.
    pub(super) is_current: bool,
}

/// A Vagrant machine, as it was when Vagrant said how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Its project.
    pub project: Project,
    /// What Vagrant's files said of it.
    pub created: CreatedMachine,
    /// Vagrant called it the project's primary machine.
    #[serde(default)]
    pub is_primary: bool,
}

/// `machine.json`
#[derive(Serialize, Deserialize)]
struct MachineRecord {
    version: u32,
    name: MachineName,
    route: Route,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vagrant: Option<Origin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ssh_config: Option<ConfigOrigin>,
}

impl Origin {
    /// What has become of the machine `name`, if Vagrant's files say that it is not any more what it was.
    pub(crate) fn loss(&self, name: &MachineName) -> Option<&'static str> {
        if !self.project.is_there() {
            return Some("its project is gone");
        }
        match self.project.created(name) {
            None => Some("destroyed"),
            Some(created) if created.id != self.created.id => Some("made anew"),
            Some(_) => None,
        }
    }
}

impl Machine {
    /// The machine `name` reached by `route`. Its folder is named after its name and its address: two machines
    /// that are both called `default` share nothing.
    pub(crate) fn new(name: MachineName, route: Route, folders: &Folders) -> Self {
        let files = files_of(&name, &route_identity(&name, &route), folders);
        Self::with_state(name, files, RouteState { route, origin: None, config: None, is_current: true })
    }

    /// The same machine, which the user's own ssh config has; its folder stays.
    #[must_use]
    pub(super) fn configured(&self, route: Route, config: ConfigOrigin) -> Self {
        let state = RouteState { route, origin: None, config: Some(config), is_current: true };
        Self { state, ..self.clone() }
    }

    /// What the user's own ssh config was when its route was resolved there, if it was.
    pub(super) fn config(&self) -> Option<&ConfigOrigin> {
        self.state.config.as_ref()
    }

    /// The machine with these `files`.
    pub(super) fn with_state(name: MachineName, files: MachineFiles, state: RouteState) -> Self {
        Self { name, files, state, is_rebuilt: false }
    }

    #[must_use]
    pub(super) fn rebuilt(self, is_rebuilt: bool) -> Self {
        Self { is_rebuilt, ..self }
    }

    /// How it is reached.
    pub(crate) fn route(&self) -> &Route {
        &self.state.route
    }

    /// Has another agent than that of the environment be asked for keys; it is not remembered.
    pub(crate) fn use_agent(&mut self, agent: &Path) {
        self.state.route.use_agent(agent);
    }

    /// Has a key that was typed be the only one to try, also when its route is resolved anew.
    pub(super) fn choose_identity(&mut self, selection: &Selection, env: &Env) {
        selection.choose_identity(&mut self.state.route.target, env);
        if let (Some(identity), Some(config)) = (&selection.identity, &mut self.state.config) {
            config.identity = Some(env.expand(identity));
        }
    }

    /// The Vagrant machine that it is, if it is one.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.state.origin.as_ref()
    }

    /// The same machine, about which Vagrant now says this.
    pub(super) fn with_route(&self, route: Route, origin: Origin) -> Self {
        let state = RouteState { route, origin: Some(origin), config: None, is_current: true };
        Self { state, ..self.clone() }
    }

    /// True when Vagrant, or the user's ssh config, may know another route than this one by now.
    pub(crate) fn may_have_moved(&self) -> bool {
        (self.state.origin.is_some() || self.state.config.is_some()) && !self.state.is_current
    }

    /// Says whether that was just asked, so that asking it again would bring nothing new.
    pub(crate) fn set_current(&mut self, is_current: bool) {
        self.state.is_current = is_current;
    }

    /// The notes that its user should read, each time.
    pub(crate) fn notes(&self) -> Vec<String> {
        let name = &self.name;
        // A file in older releases, a folder of files in newer ones.
        let is_public = |path: &&PathBuf| {
            let mut names = path.iter().rev().take(2);
            names.any(|name| name.as_encoded_bytes().starts_with(PUBLIC_KEY.as_bytes()))
        };
        let public = self.state.route.target.identities.iter().find(is_public).map(|path| {
            format!(
                "`{name}` lets in everybody who has Vagrant's public key pair (`{}`); `vagrant up` replaces it, \
                 unless `config.ssh.insert_key` is false",
                path.display()
            )
        });
        let rebuilt = self
            .is_rebuilt
            .then(|| format!("Vagrant has made `{name}` anew, so its host key is learnt anew"));
        public.into_iter().chain(rebuilt).collect()
    }

    /// The name of its folder: unlike the machine's own name, no other has it.
    pub(crate) fn key(&self) -> String {
        self.files.key()
    }

    /// What to call it so that no other of `machines` is meant: its name, or its key.
    pub(crate) fn label(&self, machines: &[Machine]) -> String {
        let namesakes = machines.iter().filter(|machine| machine.name == self.name).count();
        if namesakes > 1 { self.key() } else { self.name.to_string() }
    }

    /// The same for people, who have to tell namesakes apart: with the folder of the Vagrant project, or the address.
    pub(crate) fn label_with_place(&self, machines: &[Machine]) -> String {
        let label = self.label(machines);
        if label == self.name.as_str() {
            return label;
        }
        let folder = self.origin().map(|origin| sanitize(&origin.project.folder.to_string_lossy()));
        format!("{label} ({})", folder.unwrap_or_else(|| self.route().to_string()))
    }

    /// True when `wanted` is the machine's name, its key, or the beginning of that with eight digits at least.
    pub(crate) fn is_called(&self, wanted: &str) -> bool {
        self.name.as_str() == wanted || is_key(wanted, &self.key(), &self.name)
    }

    fn identity(&self) -> Identity {
        match &self.state.origin {
            Some(origin) => origin.project.identity(self.name.as_str()),
            None => route_identity(&self.name, &self.state.route),
        }
    }

    /// The machine that `files` remember.
    ///
    /// Errors: the folder cannot be read, or others than its user could have written to it.
    pub(super) fn read(files: MachineFiles) -> Result<Recorded, Error> {
        files::refuse_shared(files.folder())?;
        match files::read(&files.machine(), LONGEST_RECORD) {
            Ok(None) => Ok(Recorded::Nothing),
            Ok(Some(text)) => Ok(Self::parse(&text, files)),
            Err(_) => Ok(Recorded::Unreadable(UnreadableRecord { files, is_foreign: false })),
        }
    }

    fn parse(text: &[u8], files: MachineFiles) -> Recorded {
        #[derive(Deserialize)]
        struct VersionOnly {
            version: u32,
        }
        let version = serde_json::from_slice(text).map(|VersionOnly { version }| version).ok();
        let is_foreign = version.is_some_and(|version| version != RECORD_VERSION);
        let record = serde_json::from_slice(text).ok().filter(|_| version == Some(RECORD_VERSION));
        let Some(MachineRecord { name, route, vagrant: origin, ssh_config: config, .. }) = record else {
            return Recorded::Unreadable(UnreadableRecord { files, is_foreign });
        };
        let state = RouteState { route, origin, config, is_current: false };
        Recorded::Machine(Self::with_state(name, files, state).into())
    }

    /// Locks the machine's folder, creating it when it is missing.
    pub(crate) fn lock(&self, deadline: Deadline) -> Result<PrivateFolder, Error> {
        PrivateFolder::lock(self.files.folder(), deadline)
    }

    /// Keeps how the machine was reached, so that `--machine NAME` finds it later.
    pub(crate) fn remember(&self, folder: &PrivateFolder) -> Result<(), Error> {
        let RouteState { route, origin: vagrant, config: ssh_config, .. } = self.state.clone();
        let name = self.name.clone();
        let record = MachineRecord { version: RECORD_VERSION, name, route, vagrant, ssh_config };
        folder.write_json(&self.files.machine(), &record)?;
        files::touch(&self.files.machine())
    }

    /// When it was reached the last time.
    pub(crate) fn last_use(&self) -> Option<SystemTime> {
        self.files.machine().metadata().and_then(|meta| meta.modified()).ok()
    }

    /// Keeps that entries of this machine are put into the user's own kubeconfig `path`, so that they can be removed.
    pub(crate) fn remember_merge(&self, folder: &PrivateFolder, path: &Path) -> Result<(), Error> {
        let mut merges = merges(&self.files)?;
        if merges.iter().any(|known| known == path) {
            return Ok(());
        }
        merges.push(path.to_owned());
        folder.write_json(&self.files.merged(), &merges)
    }

    /// Keeps which docker contexts lead to it, so that they can be removed.
    pub(crate) fn remember_docker_contexts(
        &self,
        folder: &PrivateFolder,
        contexts: &[DockerContextRecord],
    ) -> Result<(), Error> {
        folder.write_json(&self.files.docker_contexts(), &contexts)
    }

    /// Keeps which files of the user's have programs trust its registry.
    pub(crate) fn remember_registry_trust(
        &self,
        folder: &PrivateFolder,
        records: &[TrustRecord],
    ) -> Result<(), Error> {
        folder.write_json(&self.files.registry_trust(), &records)
    }

    /// Keeps which contexts of its own kubeconfigs were chosen, by service.
    pub(crate) fn remember_chosen_contexts(
        &self,
        folder: &PrivateFolder,
        chosen: &BTreeMap<ServiceName, KubeContextName>,
    ) -> Result<(), Error> {
        folder.write_json(&self.files.chosen_contexts(), chosen)
    }
}

/// A docker context that leads to a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DockerContextRecord {
    /// Docker's folder.
    pub folder: PathBuf,
    pub name: DockerContextName,
}

/// A file of the user's that has programs trust the registry of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrustRecord {
    pub path: PathBuf,
    /// The SHA-256 of what was written.
    pub digest: String,
}

/// The files that have programs trust the registry of `machine`.
///
/// Errors: the list cannot be read.
pub(crate) fn registry_trust(machine: &MachineFiles) -> Result<Vec<TrustRecord>, Error> {
    read_list(machine.registry_trust())
}

/// The docker contexts that lead to `machine`.
///
/// Errors: the list cannot be read.
pub(crate) fn docker_contexts(machine: &MachineFiles) -> Result<Vec<DockerContextRecord>, Error> {
    read_list(machine.docker_contexts())
}

/// The user's own kubeconfigs that entries of `machine` were put into.
///
/// Errors: the list cannot be read.
pub(crate) fn merges(machine: &MachineFiles) -> Result<Vec<PathBuf>, Error> {
    read_list(machine.merged())
}

/// The contexts of the own kubeconfigs of `machine` that were chosen, by service.
///
/// Errors: the list cannot be read.
pub(crate) fn chosen_contexts(
    machine: &MachineFiles,
) -> Result<BTreeMap<ServiceName, KubeContextName>, Error> {
    read_list(machine.chosen_contexts())
}

/// Empty where there is no file.
fn read_list<T: DeserializeOwned + Default>(path: PathBuf) -> Result<T, Error> {
    let Some(text) = files::read(&path, LONGEST_RECORD)? else { return Ok(T::default()) };
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let list = serde_json::from_slice(&text).map_err(invalid);
    list.map_err(|source| Error::Read { path, source })
}

/// The machines that were used before.
///
/// Errors: the folder cannot be read, or others than its user could have written to it.
pub(crate) fn remembered(folders: &Folders) -> Result<Remembered, Error> {
    let mut remembered = Remembered::default();
    let mut paths = files::folders_in(&folders.machines())?;
    paths.sort();
    for path in paths {
        match Machine::read(MachineFiles::new(path))? {
            Recorded::Machine(machine) => remembered.machines.push(*machine),
            Recorded::Unreadable(record) => remembered.unreadable.push(record),
            Recorded::Nothing => {}
        }
    }
    Ok(remembered)
}

/// Removes everything that is kept of the machine with these `files`: credentials, host keys, how it is reached.
pub(crate) fn forget(files: &MachineFiles, deadline: Deadline) -> Result<(), Error> {
    PrivateFolder::lock(files.folder(), deadline)?.remove()
}

/// The files of the machine `name` with this `identity`. A folder from before keys were that long is used further on, if
/// it is that machine's: the host's clients are configured with its path.
pub(super) fn files_of(name: &MachineName, identity: &Identity, folders: &Folders) -> MachineFiles {
    let folder = |key: &str| MachineFiles::new(folders.machines().join(format!("{name}-{key}")));
    let (files, former) = (folder(identity.key()), folder(identity.former_key()));
    if files.folder().exists() || !former.folder().exists() {
        return files;
    }
    match Machine::read(former.clone()) {
        Ok(Recorded::Machine(machine)) if machine.identity() == *identity => former,
        _ => files,
    }
}

/// True when `wanted` is `key`, or enough of its beginning.
pub(super) fn is_key(wanted: &str, key: &str, name: &MachineName) -> bool {
    key == wanted || (key.starts_with(wanted) && wanted.len() >= shortest(name))
}

/// How long the beginning of a key has to be.
fn shortest(name: &MachineName) -> usize {
    name.as_str().len() + "-".len() + SHORTEST_KEY
}

fn route_identity(name: &MachineName, route: &Route) -> Identity {
    let places = route.jumps.iter().map(Hop::place).chain(route.proxy_command.clone());
    let (target, jump) = (route.target.place(), places.collect::<Vec<_>>().join(" "));
    let parts = ["ssh", target.as_str(), jump.as_str(), name.as_str()].map(str::as_bytes);
    Identity::new(&parts, format!("{target} {jump}").as_bytes())
}

/// Digits of a key that are enough to name it.
const SHORTEST_KEY: usize = 8;
const RECORD_VERSION: u32 = 1;
const LONGEST_RECORD: u64 = 64 << 10;
/// The beginning of the names of the keys that Vagrant brings along, known to everybody.
const PUBLIC_KEY: &str = "insecure_private_key";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::base::platform::{FileAccess, create_folders};

    fn machine(folders: &Folders, name: &str) -> Machine {
        let target = Hop {
            identities: vec!["/home/dev/a key".into()],
            identities_only: true,
            ..Hop::new("dev".parse().unwrap(), "192.0.2.7".parse().unwrap(), 22)
        };
        Machine::new(name.parse().unwrap(), Route { target, jumps: Vec::new(), proxy_command: None }, folders)
    }

    fn folders(below: &tempfile::TempDir) -> Folders {
        let env = Env { service_manager_home: Some(below.path().into()), ..Env::default() };
        Folders::find(&env).unwrap()
    }

    #[test]
    fn what_is_remembered_is_found_and_forgotten() {
        let below = tempfile::tempdir().unwrap();
        let folders = folders(&below);
        let machine = machine(&folders, "box");
        machine.remember(&machine.lock(Deadline::after(Duration::from_secs(1))).unwrap()).unwrap();

        let found = remembered(&folders).unwrap().machines;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].route(), machine.route());
        assert_eq!(found[0].files.folder(), machine.files.folder());
        assert!(found[0].last_use().unwrap().elapsed().unwrap() < Duration::from_mins(1));

        forget(&found[0].files, Deadline::after(Duration::from_secs(1))).unwrap();
        assert!(remembered(&folders).unwrap().machines.is_empty());
        assert!(!machine.files.folder().exists());
    }

    #[test]
    fn a_folder_with_a_short_key_is_taken_over_if_it_is_that_machines() {
        let below = tempfile::tempdir().unwrap();
        let folders = folders(&below);
        let soon = || Deadline::after(Duration::from_secs(1));
        let new = machine(&folders, "box");
        let identity = new.identity();
        assert_eq!(new.key(), format!("box-{}", identity.key()));
        let former = MachineFiles::new(folders.machines().join(format!("box-{}", identity.former_key())));
        let old = Machine { files: former.clone(), ..new.clone() };
        old.remember(&old.lock(soon()).unwrap()).unwrap();
        assert_eq!(machine(&folders, "box").files.folder(), former.folder());

        // Another machine with the same short key.
        let mut other = old.clone();
        other.state.route.target.host = "192.0.2.8".parse().unwrap();
        other.remember(&other.lock(soon()).unwrap()).unwrap();
        assert_eq!(machine(&folders, "box").files.folder(), new.files.folder());
    }

    #[test]
    fn two_projects_with_the_same_short_key_have_folders_of_their_own() {
        // The former key knew the data alone, which two projects may share.
        let project = |folder: &str| Project::new(folder.into(), None, "/data".into()).identity("default");
        let (one, other) = (project("/one"), project("/other"));
        assert_eq!(one.former_key(), other.former_key());
        assert_ne!(one.key(), other.key());
        assert_eq!(one.key().len(), 32);
    }

    #[test]
    fn namesakes_are_told_apart_by_the_beginning_of_their_keys() {
        let below = tempfile::tempdir().unwrap();
        let folders = folders(&below);
        let one = machine(&folders, "box");
        let mut route = one.route().clone();
        route.target.port = 23;
        let other = Machine::new(one.name.clone(), route, &folders);
        let both = [one.clone(), other];
        assert_eq!(one.label(&both[..1]), "box");
        assert_eq!(one.label(&both), one.key());
        let label = one.key()["box-01234567".len()..].to_owned();
        assert!(!one.is_called(&label));
        let label = one.key()[.."box-01234567".len()].to_owned();
        assert!(one.is_called(&label) && !both[1].is_called(&label));
        assert!(!one.is_called(&label[..label.len() - 1]));
    }

    #[test]
    fn a_merge_is_remembered_once() {
        let below = tempfile::tempdir().unwrap();
        let machine = machine(&folders(&below), "box");
        let folder = machine.lock(Deadline::after(Duration::from_secs(1))).unwrap();
        assert!(merges(&machine.files).unwrap().is_empty());
        for path in ["/home/dev/.kube/config", "/b", "/b"] {
            machine.remember_merge(&folder, Path::new(path)).unwrap();
        }
        assert_eq!(merges(&machine.files).unwrap(), [Path::new("/home/dev/.kube/config"), Path::new("/b")]);
        fs::write(machine.files.merged(), "{").unwrap();
        assert!(matches!(merges(&machine.files), Err(Error::Read { .. })));
    }

    #[test]
    fn a_chosen_context_is_remembered_as_what_may_be_one() {
        let below = tempfile::tempdir().unwrap();
        let machine = machine(&folders(&below), "box");
        let folder = machine.lock(Deadline::after(Duration::from_secs(1))).unwrap();
        assert!(chosen_contexts(&machine.files).unwrap().is_empty());
        let chosen = BTreeMap::from([("kubernetes".parse().unwrap(), "kind-b".parse().unwrap())]);
        machine.remember_chosen_contexts(&folder, &chosen).unwrap();
        assert_eq!(chosen_contexts(&machine.files).unwrap(), chosen);
        for text in ["{", r#"{"kubernetes":"`id`"}"#, r#"{"../x":"a"}"#] {
            fs::write(machine.files.chosen_contexts(), text).unwrap();
            assert!(matches!(chosen_contexts(&machine.files), Err(Error::Read { .. })), "{text}");
        }
    }

    #[test]
    fn damaged_hostile_and_foreign_records_are_left_out_and_named() {
        let below = tempfile::tempdir().unwrap();
        let folders = folders(&below);
        for (name, text) in [
            ("a", "{"),
            ("b", r#"{"version":9,"name":"b"}"#),
            (
                "c",
                r#"{"version":1,"name":"../c","route":{"target":{"user":"u","host":"h","port":1,"identities":[],"identities_only":false,"default_identities":[]},"jump":null}}"#,
            ),
            (
                "d",
                r#"{"version":1,"name":"d","route":{"target":{"user":"-u","host":"h","port":1,"identities":[],"identities_only":false,"default_identities":[]},"jump":null}}"#,
            ),
        ] {
            create_folders(&folders.machines().join(name), FileAccess::Private).unwrap();
            fs::write(folders.machines().join(name).join("machine.json"), text).unwrap();
        }
        let Remembered { machines, unreadable } = remembered(&folders).unwrap();
        assert!(machines.is_empty());
        let foreign: Vec<_> =
            unreadable.iter().map(|record| (record.files.key(), record.is_foreign)).collect();
        let expected = [("a", false), ("b", true), ("c", false), ("d", false)];
        assert_eq!(foreign, expected.map(|(key, is_foreign)| (key.to_owned(), is_foreign)));
    }
}
