//! From what was typed to one machine. The first that applies: `--host`, `--ssh-config`,
//! `SERVICE_MANAGER_SSH_CONFIG`, the machine of the name, the Vagrant project around, the only remembered machine.

use std::path::{Path, PathBuf};

use super::address::{Address, parse_port};
use super::ssh_config::{LONGEST_CONFIG, Settings, SshConfig};
use super::store::{Machine, files_of, remembered};
use crate::base::deadline::Deadline;
use crate::base::env::Env;
use crate::base::files;
use crate::base::paths::Folders;
use crate::base::suggest::nearest;
use crate::base::text::sanitize;
use crate::base::types::{HostName, Invalid, MachineName, SshUser};
use crate::error::Error;
use crate::guest::ssh::{Hop, Route};
use crate::machine::vagrant::{Project, indexed};

/// What the user said about the machine.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `--machine`
    pub machine: Option<MachineName>,
    /// `--ssh-config`
    pub ssh_config: Option<PathBuf>,
    /// `--host`
    pub host: Option<Address>,
    /// `--identity`
    pub identity: Option<PathBuf>,
    /// What Vagrant said before is enough, whatever has changed: it is not started.
    pub as_remembered: bool,
}

/// Finds the machine that `selection` means.
///
/// Errors: none or several machines fit, the ssh config cannot be read, does not name the machine or
/// holds a value that is not of its kind; a Vagrant machine is not created, or Vagrant does not say how it is reached
/// before `deadline`.
pub fn resolve(
    selection: &Selection,
    env: &Env,
    folders: &Folders,
    deadline: Deadline,
) -> Result<Machine, Error> {
    if let Some(address) = &selection.host {
        return from_address(address, selection, env, folders);
    }
    let search = Search { selection, env, folders, deadline };
    if let Some(file) = &selection.ssh_config {
        return search.ssh_config(&env.expand(file));
    }
    if let Some(file) = &env.ssh_config {
        match (search.ssh_config(&env.expand(file)), &selection.machine) {
            // The variable is for all commands, the name is for this one.
            (Err(error @ Error::NoSuchAlias { .. }), Some(name)) => {
                return search.called(name)?.ok_or(error);
            }
            (machine, _) => return machine,
        }
    }
    if let Some(name) = &selection.machine {
        return search.called(name)?.map_or_else(|| Err(search.unknown(name)), Ok);
    }
    if let Some(project) = Project::around(env)? {
        return search.of_project(project);
    }
    let known = remembered(folders)?;
    search.remembered(find(None, &known, "--machine")?)
}

/// The machine that `remembered` is now.
///
/// Errors: as for [`resolve`].
pub fn again(
    remembered: &Machine,
    selection: &Selection,
    env: &Env,
    folders: &Folders,
    deadline: Deadline,
) -> Result<Machine, Error> {
    Search { selection, env, folders, deadline }.remembered(remembered)
}

/// The machine that belongs to the current folder, as it is remembered: nobody is asked and nothing started. None outside
/// of Vagrant's projects.
///
/// Errors: none of the project's machines is remembered, or it is not said which is meant.
pub fn around(env: &Env, folders: &Folders, deadline: Deadline) -> Result<Option<Machine>, Error> {
    let selection = Selection { as_remembered: true, ..Selection::default() };
    let search = Search { selection: &selection, env, folders, deadline };
    Project::around(env)?.map(|project| search.of_project(project)).transpose()
}

/// The places where a machine may be found.
pub(super) struct Search<'a> {
    pub(super) selection: &'a Selection,
    pub(super) env: &'a Env,
    pub(super) folders: &'a Folders,
    pub(super) deadline: Deadline,
}

impl Search<'_> {
    /// A machine of `file`.
    fn ssh_config(&self, file: &Path) -> Result<Machine, Error> {
        let text = files::read_text(file, LONGEST_CONFIG)?
            .ok_or_else(|| Error::NoSshConfig { path: file.to_owned() })?;
        let config = SshConfig::parse(&text);
        let name = alias(&config, file, self.selection.machine.as_ref())?;
        self.alias(name, &config, file)
    }

    fn alias(&self, name: MachineName, config: &SshConfig, file: &Path) -> Result<Machine, Error> {
        let mut route = Reader { config, file, env: self.env }.route(&name)?;
        choose_identity(&mut route.target, self.selection, self.env);
        Ok(Machine::new(name, route, self.folders))
    }

    /// The machine `name`, wherever the user is: of the Vagrant project around, else one that was used before, else
    /// one of another Vagrant project, else a `Host` of the user's own ssh config.
    fn called(&self, name: &MachineName) -> Result<Option<Machine>, Error> {
        // One that must not be used is none of the places.
        let around = Project::around(self.env).unwrap_or_default();
        if let Some(project) = around.filter(|project| self.env.hands_over(name) || project.knows(name)) {
            return self.vagrant(project, name, false).map(Some);
        }
        let known = remembered(self.folders)?;
        if known.iter().any(|machine| machine.is_called(name.as_str())) {
            return self.remembered(find(Some(name.as_str()), &known, "--machine")?).map(Some);
        }
        if let Some((project, name)) = self.indexed(name)? {
            return self.vagrant(project, &name, false).map(Some);
        }
        let (path, config) = self.own_ssh_config()?;
        let is_alias = config.aliases().contains(&name.as_str());
        is_alias.then(|| self.alias(name.clone(), &config, &path)).transpose()
    }

    /// A machine that was used before.
    fn remembered(&self, machine: &Machine) -> Result<Machine, Error> {
        if let Some(origin) = machine.origin() {
            return self.vagrant(origin.project, &machine.name, false);
        }
        choose_identity(&mut machine.way().route.target, self.selection, self.env);
        Ok(machine.clone())
    }

    /// The machine of Vagrant's index that is called `wanted`, by its name or its key.
    fn indexed(&self, wanted: &MachineName) -> Result<Option<(Project, MachineName)>, Error> {
        let key = |project: &Project, name: &MachineName| {
            files_of(name, project.digest(name).as_ref(), self.folders).key()
        };
        let mut fitting = indexed(self.env)?;
        fitting.retain(|(project, name)| name == wanted || key(project, name) == wanted.as_str());
        if fitting.len() > 1 {
            let known = fitting.iter().map(|(project, name)| {
                format!("{} ({})", key(project, name), sanitize(&project.folder.to_string_lossy()))
            });
            return Err(Error::SeveralMachines { known: known.collect(), words: "--machine" });
        }
        Ok(fitting.pop())
    }

    /// The user's own ssh config, and where it is.
    fn own_ssh_config(&self) -> Result<(PathBuf, SshConfig), Error> {
        let path = self.env.expand(Path::new("~/.ssh/config"));
        let config = if self.env.home.is_some() { SshConfig::read(&path)? } else { SshConfig::parse("") };
        Ok((path, config))
    }

    /// The error for a machine that is nowhere.
    fn unknown(&self, name: &MachineName) -> Error {
        // What cannot be read has no part in the list.
        let mut known: Vec<String> = remembered(self.folders)
            .unwrap_or_default()
            .iter()
            .map(|machine| machine.name.to_string())
            .collect();
        known.extend(indexed(self.env).unwrap_or_default().into_iter().map(|(_, name)| name.to_string()));
        known.sort();
        known.dedup();
        let mut names = known.clone();
        if let Ok((_, config)) = self.own_ssh_config() {
            names.extend(config.aliases().into_iter().map(sanitize));
        }
        Error::UnknownMachine { name: name.to_string(), nearest: nearest(name.as_str(), &names), known }
    }
}

fn from_address(
    address: &Address,
    selection: &Selection,
    env: &Env,
    folders: &Folders,
) -> Result<Machine, Error> {
    let user = address.user.clone().map_or_else(|| own_user(env), Ok)?;
    let mut target = Hop {
        user,
        host: address.host.clone(),
        port: address.port.unwrap_or(SSH_PORT),
        identities: Vec::new(),
        identities_only: false,
        default_identities: default_identities(env),
        host_key_alias: None,
    };
    choose_identity(&mut target, selection, env);
    let name = match &selection.machine {
        Some(name) => name.clone(),
        None => MachineName::parse(&address.host.as_str().replace(':', "-"))
            .or_else(|_| MachineName::parse("host"))
            .map_err(|source| Error::Value { what: "--host".into(), source })?,
    };
    Ok(Machine::new(name, Route { target, jump: None }, folders))
}

/// The one of `known` that is called `wanted`, or the only one when no name is given.
///
/// Errors: there is none, or several may be meant; `words` before a name say which.
pub fn find<'m>(
    wanted: Option<&str>,
    known: &'m [Machine],
    words: &'static str,
) -> Result<&'m Machine, Error> {
    let fitting: Vec<&Machine> =
        known.iter().filter(|machine| wanted.is_none_or(|wanted| machine.is_called(wanted))).collect();
    match (fitting.as_slice(), wanted) {
        ([machine], _) => Ok(machine),
        ([], Some(name)) => {
            let names: Vec<String> = known.iter().map(|machine| machine.name.to_string()).collect();
            Err(Error::UnknownMachine { name: name.to_owned(), nearest: nearest(name, &names), known: names })
        }
        ([], None) => Err(Error::NoMachine),
        (several, _) => Err(Error::SeveralMachines {
            known: several.iter().map(|machine| machine.label(known)).collect(),
            words,
        }),
    }
}

/// The one of `known` that is called `wanted`: the one of the Vagrant project around the user, whether Vagrant still
/// has it or not, else the only one.
///
/// Errors: as for [`find`]. Where the project has a machine of that name, no other one is meant.
pub fn find_from_here<'m>(
    wanted: &str,
    known: &'m [Machine],
    env: &Env,
    folders: &Folders,
    words: &'static str,
) -> Result<&'m Machine, Error> {
    let Ok(name) = MachineName::parse(wanted) else { return find(Some(wanted), known, words) };
    // One that must not be used is none of the places.
    let around = Project::around(env).unwrap_or_default();
    let key = around.as_ref().map(|project| files_of(&name, project.digest(&name).as_ref(), folders).key());
    let is_here = env.hands_over(&name) || around.is_some_and(|project| project.knows(&name));
    match known.iter().find(|machine| Some(machine.key()) == key) {
        Some(machine) => Ok(machine),
        None if is_here => {
            let known = known.iter().map(Machine::key).collect();
            Err(Error::UnknownMachine { name: name.to_string(), nearest: None, known })
        }
        None => find(Some(wanted), known, words),
    }
}

/// The alias that was named, or the only one of the file.
pub(super) fn alias(
    config: &SshConfig,
    file: &Path,
    wanted: Option<&MachineName>,
) -> Result<MachineName, Error> {
    let aliases = config.aliases();
    let no_alias = |name: Option<&MachineName>| {
        let known: Vec<String> = aliases.iter().map(|alias| sanitize(alias)).collect();
        let nearest = name.and_then(|name| nearest(name.as_str(), &known));
        Error::NoSuchAlias { name: name.map(ToString::to_string), path: file.to_owned(), nearest, known }
    };
    match (wanted, aliases.as_slice()) {
        (Some(name), _) if aliases.contains(&name.as_str()) => Ok(name.clone()),
        (None, [only]) => MachineName::parse(only)
            .map_err(|source| Error::Value { what: format!("Host in {}", file.display()), source }),
        (name, _) => Err(no_alias(name)),
    }
}

/// Turns the text of one ssh config into hops.
pub(super) struct Reader<'a> {
    pub(super) config: &'a SshConfig,
    pub(super) file: &'a Path,
    pub(super) env: &'a Env,
}

impl Reader<'_> {
    /// The way to the machine that `alias` stands for.
    pub(super) fn route(&self, alias: &MachineName) -> Result<Route, Error> {
        let target = self.hop(alias.as_str(), None)?;
        Ok(Route { target, jump: self.jump(&self.config.settings(alias.as_str()))? })
    }

    /// The hop that `alias` stands for; `address` overrides what the file says.
    fn hop(&self, alias: &str, address: Option<&Address>) -> Result<Hop, Error> {
        let settings = self.config.settings(alias);
        let host_name = settings.host_name.as_deref().unwrap_or(alias).replace("%h", alias);
        let user = match (address.and_then(|address| address.user.clone()), &settings.user) {
            (Some(user), _) => user,
            (None, Some(user)) => SshUser::parse(user).map_err(|source| self.invalid("User", source))?,
            (None, None) => own_user(self.env)?,
        };
        let port = match (address.and_then(|address| address.port), &settings.port) {
            (Some(port), _) => port,
            (None, Some(port)) => parse_port(port).map_err(|source| self.invalid("Port", source))?,
            (None, None) => SSH_PORT,
        };
        let only = settings.identities_only.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        let identities = settings.identity_files.iter().filter(|file| !file.eq_ignore_ascii_case("none"));
        let identities: Vec<PathBuf> =
            identities.map(|file| self.env.expand(Path::new(&file.replacen("%d/", "~/", 1)))).collect();
        let default_identities =
            if settings.identity_files.is_empty() { default_identities(self.env) } else { Vec::new() };
        Ok(Hop {
            user,
            host: HostName::parse(&host_name).map_err(|source| self.invalid("HostName", source))?,
            port,
            identities,
            identities_only: only,
            default_identities,
            host_key_alias: None,
        })
    }

    fn jump(&self, settings: &Settings) -> Result<Option<Hop>, Error> {
        match settings.proxy_jump.as_deref() {
            None => Ok(None),
            Some(value) if value.eq_ignore_ascii_case("none") => Ok(None),
            Some(value) if value.contains(',') => Err(Error::SeveralJumps { path: self.file.to_owned() }),
            Some(value) => {
                let address: Address = value.parse().map_err(|source| self.invalid("ProxyJump", source))?;
                let gate = address.host.as_str();
                match self.config.settings(gate).proxy_jump {
                    Some(further) if !further.eq_ignore_ascii_case("none") => {
                        Err(Error::SeveralJumps { path: self.file.to_owned() })
                    }
                    _ => self.hop(gate, Some(&address)).map(Some),
                }
            }
        }
    }

    fn invalid(&self, keyword: &str, source: Invalid) -> Error {
        Error::Value { what: format!("{keyword} in {}", self.file.display()), source }
    }
}

/// A key that was typed is meant for the machine itself, and is the only one to try.
pub(super) fn choose_identity(target: &mut Hop, selection: &Selection, env: &Env) {
    if let Some(identity) = &selection.identity {
        target.identities = vec![env.expand(identity)];
        target.identities_only = true;
    }
}

/// ssh's own default keys, those that exist.
fn default_identities(env: &Env) -> Vec<PathBuf> {
    let path = |name| env.expand(Path::new("~/.ssh")).join(name);
    DEFAULT_IDENTITIES.map(path).into_iter().filter(|path| path.is_file()).collect()
}

fn own_user(env: &Env) -> Result<SshUser, Error> {
    let user = env.user.as_deref().ok_or(Error::NoUser)?;
    SshUser::parse(user).map_err(|source| Error::Value { what: "USER".into(), source })
}

const SSH_PORT: u16 = 22;
/// In the order in which OpenSSH's `ssh_config(5)` lists them, without the hardware keys.
const DEFAULT_IDENTITIES: [&str; 3] = ["id_rsa", "id_ecdsa", "id_ed25519"];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::env::Plugin;

    struct Scene {
        folder: tempfile::TempDir,
        env: Env,
        folders: Folders,
    }

    fn soon() -> Deadline {
        Deadline::after(std::time::Duration::from_secs(5))
    }

    fn project() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let env = Env {
            home: Some(folder.path().to_owned()),
            current_folder: folder.path().to_owned(),
            service_manager_home: Some(folder.path().join("sm")),
            user: Some("dev".into()),
            ..Env::default()
        };
        let folders = Folders::find(&env).unwrap();
        Scene { folder, env, folders }
    }

    impl Scene {
        fn resolve(&self, config: &str, machine: Option<&str>) -> Result<Machine, Error> {
            let file = self.folder.path().join("config");
            std::fs::write(&file, config).unwrap();
            let selection = Selection {
                machine: machine.map(|name| name.parse().unwrap()),
                ssh_config: Some(file),
                ..Selection::default()
            };
            resolve(&selection, &self.env, &self.folders, soon())
        }
    }

    #[test]
    fn the_only_alias_needs_no_name() {
        let machine =
            project().resolve("Host web\nHostName 10.1.2.3\nUser vagrant\nPort 2200\n", None).unwrap();
        assert_eq!(machine.name.as_str(), "web");
        assert_eq!(machine.route().target.to_string(), "vagrant@10.1.2.3:2200");
    }

    #[test]
    fn several_aliases_are_listed() {
        let error = project().resolve("Host a\nHost b\n", None).unwrap_err();
        assert!(matches!(error, Error::NoSuchAlias { name: None, known, .. } if known == ["a", "b"]));
    }

    #[test]
    fn a_jump_is_looked_up_in_the_same_file() {
        let config = "Host in\nHostName 10.1.2.3\nProxyJump gate:2022\nHost gate\nHostName 192.0.2.1\nUser admin\nPort 22\n";
        let machine = project().resolve(config, Some("in")).unwrap();
        assert_eq!(machine.route().jump.unwrap().to_string(), "admin@192.0.2.1:2022");
        assert_eq!(machine.route().target.to_string(), "dev@10.1.2.3:22");
    }

    #[test]
    fn two_jumps_are_refused() {
        for config in ["Host in\nProxyJump a,b\n", "Host in\nProxyJump a\nHost a\nProxyJump b\n"] {
            let error = project().resolve(config, Some("in")).unwrap_err();
            assert!(matches!(error, Error::SeveralJumps { .. }), "{error}");
        }
    }

    #[test]
    fn a_typed_key_is_for_the_machine_and_not_for_the_jump_host() {
        let project = project();
        let file = project.folder.path().join("config");
        let config = "Host in\nProxyJump gate\nIdentityFile own\nHost gate\nIdentityFile gates\n";
        std::fs::write(&file, config).unwrap();
        let selection = Selection {
            machine: Some("in".parse().unwrap()),
            ssh_config: Some(file),
            identity: Some("typed".into()),
            ..Selection::default()
        };
        let route = resolve(&selection, &project.env, &project.folders, soon()).unwrap().route();
        assert_eq!(route.target.identities, [project.folder.path().join("typed")]);
        assert!(route.target.identities_only);
        assert_eq!(route.jump.unwrap().identities, [project.folder.path().join("gates")]);
    }

    #[test]
    fn the_alias_may_be_part_of_the_host_name() {
        let machine = project().resolve("Host web\nHostName %h.example.com\n", None).unwrap();
        assert_eq!(machine.route().target.host.as_str(), "web.example.com");
    }

    #[test]
    fn hostile_values_are_refused_by_keyword() {
        for (line, keyword) in [
            ("HostName $(touch /tmp/x)", "HostName"),
            ("HostName -oProxyCommand=id", "HostName"),
            ("User a;id", "User"),
            ("User -l", "User"),
            ("Port 0", "Port"),
            ("ProxyJump \"h id\"", "ProxyJump"),
        ] {
            let error = project().resolve(&format!("Host m\n{line}\n"), None).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{keyword} in ")), "{line}: {error}");
        }
    }

    #[test]
    fn nothing_said_and_nothing_remembered_is_an_error() {
        let project = project();
        let error = resolve(&Selection::default(), &project.env, &project.folders, soon()).unwrap_err();
        assert!(matches!(error, Error::NoMachine));
    }

    /// With the machines `web` and `db`, of which the plugin hands over `machine` and what is in the file `config`.
    fn vagrant_project(machine: Option<&str>, config: Option<&str>) -> Scene {
        let mut scene = project();
        let root = fs::canonicalize(scene.folder.path()).unwrap();
        fs::write(root.join("Vagrantfile"), "").unwrap();
        for name in ["web", "db"] {
            let folder = root.join(".vagrant/machines").join(name).join("fake");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("id"), name).unwrap();
        }
        let ssh_config = config.map(|text| {
            fs::write(root.join("config"), text).unwrap();
            root.join("config")
        });
        scene.env.plugin = Some(Plugin { machine: machine.map(ToOwned::to_owned), ssh_config });
        scene
    }

    impl Scene {
        /// The machine called `name`, or the one that is meant. There is no Vagrant to ask.
        fn found(&self, name: Option<&str>) -> Result<Machine, Error> {
            let machine = name.map(|name| name.parse().unwrap());
            resolve(&Selection { machine, ..Selection::default() }, &self.env, &self.folders, soon())
        }
    }

    const WEB: &str = "Host web\nHostName 192.0.2.7\nUser vagrant\nPort 2200\n";

    #[test]
    fn what_the_plugin_hands_over_is_what_vagrant_would_say() {
        let scene = vagrant_project(Some("web"), Some(WEB));
        for name in [None, Some("web")] {
            let machine = scene.found(name).unwrap();
            assert_eq!(machine.route().target.to_string(), "vagrant@192.0.2.7:2200");
            let project = Project::around(&scene.env).unwrap().unwrap();
            let files = files_of(&machine.name, project.digest(&machine.name).as_ref(), &scene.folders);
            assert_eq!(machine.key(), files.key());
            assert!(!machine.has_moved(soon()).unwrap(), "Vagrant is asked again");
        }
        assert!(matches!(scene.found(Some("db")), Err(Error::NoVagrant { .. })));
    }

    #[test]
    fn where_the_plugin_has_nothing_to_say_vagrant_has_nothing_else() {
        let stopped = vagrant_project(Some("web"), None);
        assert!(
            matches!(stopped.found(None), Err(Error::VagrantNotRunning { machine, .. }) if machine == "web")
        );
        for machine in [None, Some("we b")] {
            let error = vagrant_project(machine, Some(WEB)).found(None).unwrap_err();
            assert!(matches!(error, Error::SeveralMachines { known, .. } if known == ["db", "web"]));
        }
        let error = vagrant_project(Some("other"), Some(WEB)).found(None).unwrap_err();
        assert!(matches!(error, Error::VagrantNotCreated { machine, .. } if machine == "other"));
    }

    #[test]
    fn what_the_plugin_means_is_not_taken_for_the_primary_machine() {
        let mut scene = vagrant_project(Some("web"), Some(WEB));
        let web = scene.found(None).unwrap();
        web.remember(&web.lock(soon()).unwrap()).unwrap();
        scene.env.plugin.as_mut().unwrap().machine = Some("db".to_owned());
        fs::write(scene.folder.path().join("config"), WEB.replace("web", "db")).unwrap();
        assert_eq!(scene.found(None).unwrap().name.as_str(), "db");
    }

    #[test]
    fn what_the_plugin_hands_over_is_checked() {
        for (text, refused) in [
            ("Host web\nUser u\nHostName $(id)\n", "HostName in vagrant ssh-config"),
            ("Host web\nUser -oProxyCommand=id\n", "User in vagrant ssh-config"),
            ("Host db\nUser dev\n", "has no `Host web`"),
        ] {
            let error = vagrant_project(Some("web"), Some(text)).found(None).unwrap_err();
            assert!(error.to_string().contains(refused), "{error}");
        }
    }

    #[test]
    fn of_several_namesakes_the_one_of_the_project_around_is_meant() {
        let scene = vagrant_project(Some("web"), Some(WEB));
        let own = scene.found(None).unwrap();
        let known = [own.clone(), scene.resolve(WEB, None).unwrap()];
        assert!(matches!(find(Some("web"), &known, "forget"), Err(Error::SeveralMachines { .. })));
        let found =
            |name| find_from_here(name, &known, &scene.env, &scene.folders, "forget").map(Machine::key);
        assert_eq!(found("web").unwrap(), own.key());
        assert!(matches!(found("db"), Err(Error::UnknownMachine { .. })));
        assert!(matches!(found("we b"), Err(Error::UnknownMachine { .. })));
    }

    #[test]
    fn a_namesake_elsewhere_is_not_meant_where_the_project_has_one() {
        let mut scene = vagrant_project(Some("web"), Some(WEB));
        let known =
            [scene.resolve(WEB, None).unwrap(), scene.resolve(&WEB.replace("web", "db"), None).unwrap()];
        let found = |scene: &Scene, name| {
            find_from_here(name, &known, &scene.env, &scene.folders, "forget").map(Machine::key)
        };
        assert!(matches!(found(&scene, "web"), Err(Error::UnknownMachine { .. })));
        // After it was destroyed only the plugin knows of it.
        fs::remove_dir_all(scene.folder.path().join(".vagrant")).unwrap();
        assert!(matches!(found(&scene, "web"), Err(Error::UnknownMachine { .. })));
        assert_eq!(found(&scene, "db").unwrap(), known[1].key());
        // One that must not be used is not where another one is meant, either.
        scene.env.vagrant_cwd = Some(scene.folder.path().join("nowhere"));
        assert!(matches!(found(&scene, "web"), Err(Error::UnknownMachine { .. })));
        scene.env.plugin = None;
        assert_eq!(found(&scene, "web").unwrap(), known[0].key());
    }

    #[test]
    fn a_typed_address_gives_the_name_and_a_folder_of_its_own() {
        let project = project();
        let machine = |text: &str| {
            let selection = Selection { host: Some(text.parse().unwrap()), ..Selection::default() };
            resolve(&selection, &project.env, &project.folders, soon()).unwrap()
        };
        assert_eq!(machine("u@10.0.0.1:2222").name.as_str(), "10.0.0.1");
        assert_eq!(machine("u@[fd00::1]:22").name.as_str(), "fd00--1");
        assert_ne!(machine("u@10.0.0.1:1").files.folder(), machine("u@10.0.0.1:2").files.folder());
    }
}
