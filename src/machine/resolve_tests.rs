//! Which machine is meant, by what was typed, a file, the user's own config, and the plugin.

use std::fs;
use std::path::Path;

use super::dialog::{Dialog, VagrantQuestion};
use super::error::Error;
use super::find::{find, find_preferring_project};
use super::resolve::resolve;
use super::selection::Selection;
use super::store::{Machine, UnreadableRecord, files_of};
use super::vagrant::Project;
use super::vagrant_resolver::VagrantResolver;
use crate::base::deadline::Deadline;
use crate::base::env::{Env, Plugin};
use crate::base::paths::Folders;

struct Silent;

impl Dialog for Silent {
    fn vagrant_not_asked(&self, _: Error) {}

    fn unreadable_record(&self, _: &UnreadableRecord) {}

    fn allows_vagrant(&self, _: &VagrantQuestion) -> bool {
        false
    }
}

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
        fs::write(&file, config).unwrap();
        let selection = Selection {
            machine: machine.map(|name| name.parse().unwrap()),
            ssh_config: Some(file),
            ..Selection::default()
        };
        resolve(&selection, &self.env, &self.folders, &Silent, soon())
    }

    /// The machine called `name`, or the one that is meant. There is no Vagrant to ask.
    fn found(&self, name: Option<&str>) -> Result<Machine, Error> {
        let machine = name.map(|name| name.parse().unwrap());
        resolve(&Selection { machine, ..Selection::default() }, &self.env, &self.folders, &Silent, soon())
    }

    /// The machine `vm`, used now, of the user's own config with this text.
    fn uses_own(&self, config: &str, identity: Option<&str>) -> Machine {
        self.writes_own(config);
        let selection = Selection {
            machine: Some("vm".parse().unwrap()),
            identity: identity.map(Into::into),
            ..Selection::default()
        };
        let machine = resolve(&selection, &self.env, &self.folders, &Silent, soon()).unwrap();
        machine.remember(&machine.lock(soon()).unwrap()).unwrap();
        machine
    }

    fn writes_own(&self, config: &str) {
        fs::create_dir_all(self.folder.path().join(".ssh")).unwrap();
        fs::write(self.folder.path().join(".ssh/config"), config).unwrap();
    }
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

const WEB: &str = "Host web\nHostName 192.0.2.7\nUser vagrant\nPort 2200\n";

#[test]
fn the_only_alias_needs_no_name() {
    let machine = project().resolve("Host web\nHostName 10.1.2.3\nUser vagrant\nPort 2200\n", None).unwrap();
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
    assert_eq!(machine.route().jumps[0].to_string(), "admin@192.0.2.1:2022");
    assert_eq!(machine.route().target.to_string(), "dev@10.1.2.3:22");
}

#[test]
fn jumps_are_gone_through_in_their_order() {
    for (config, through) in [
        ("Host in\nProxyJump a,me@b:2\n", "dev@a:22 me@b:2"),
        ("Host in\nProxyJump a\nHost a\nProxyJump b\n", "dev@b:22 dev@a:22"),
        // What is asked for here is how the second one is reached.
        ("Host in\nProxyJump a,b\nHost b\nProxyJump c\n", "dev@a:22 dev@b:22"),
        ("Host in\nProxyJump a,b\nHost a\nProxyJump c\n", "dev@c:22 dev@a:22 dev@b:22"),
        ("Host in\nProxyJump none\n", ""),
    ] {
        let machine = project().resolve(config, Some("in")).unwrap();
        let jumps: Vec<String> = machine.route().jumps.iter().map(ToString::to_string).collect();
        assert_eq!(jumps.join(" "), through, "{config}");
    }
}

#[test]
fn a_circle_of_jumps_is_refused() {
    for config in ["Host in\nProxyJump in\n", "Host in\nProxyJump a\nHost a\nProxyJump in\n"] {
        let error = project().resolve(config, Some("in")).unwrap_err();
        assert!(matches!(error, Error::TooManyJumps { .. }), "{error}");
    }
}

#[test]
fn the_first_server_is_reached_by_its_command() {
    let config = "Host in\nProxyJump gate\nHost gate\nUser g\nProxyCommand nc -x %h:%p %r %n %%\n";
    let machine = project().resolve(config, Some("in")).unwrap();
    assert_eq!(machine.route().proxy_command.as_deref(), Some("nc -x gate:22 g gate %"));
}

#[test]
fn a_typed_key_is_for_the_machine_and_not_for_the_jump_host() {
    let project = project();
    let file = project.folder.path().join("config");
    let config = "Host in\nProxyJump gate\nIdentityFile own\nHost gate\nIdentityFile gates\n";
    fs::write(&file, config).unwrap();
    let selection = Selection {
        machine: Some("in".parse().unwrap()),
        ssh_config: Some(file),
        identity: Some("typed".into()),
        ..Selection::default()
    };
    let route = resolve(&selection, &project.env, &project.folders, &Silent, soon()).unwrap();
    let route = route.route();
    assert_eq!(route.target.identities, [project.folder.path().join("typed")]);
    assert!(route.target.identities_only);
    assert_eq!(route.jumps[0].identities, [project.folder.path().join("gates")]);
}

#[test]
fn the_alias_may_be_part_of_the_host_name() {
    for (name, host) in [("%h.example.com", "web.example.com"), ("fe80::1%%eth0", "fe80::1%eth0")] {
        let machine = project().resolve(&format!("Host web\nHostName {name}\n"), None).unwrap();
        assert_eq!(machine.route().target.host.as_str(), host);
    }
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
    let error = resolve(&Selection::default(), &project.env, &project.folders, &Silent, soon()).unwrap_err();
    assert!(matches!(error, Error::NoMachine));
}

#[test]
fn a_host_of_the_users_config_is_where_that_says_now() {
    let scene = project();
    let config = |port: u16| format!("Include more\nHost vm\nHostName 192.0.2.7\nPort {port}\n");
    let before = scene.uses_own(&config(9), None);
    assert_eq!(before.route().target.port, 9);
    scene.writes_own(&config(10));
    let (named, only) = (scene.found(Some("vm")).unwrap(), scene.found(None).unwrap());
    for machine in [&named, &only] {
        assert_eq!(machine.route().target.port, 10);
        assert_eq!(machine.key(), before.key(), "it is the same machine");
        assert_eq!(machine.route().target.host_key_alias, before.route().target.host_key_alias);
        assert!(!machine.may_have_moved(), "it was asked just now");
    }
    // Also by the file's own name, and what is remembered is enough where nothing may be started.
    let selection = Selection { ssh_config: Some("~/.ssh/config".into()), ..Selection::default() };
    let by_file = resolve(&selection, &scene.env, &scene.folders, &Silent, soon()).unwrap();
    assert_eq!((by_file.key(), by_file.route()), (before.key(), named.route()));
    let selection = Selection { as_remembered: true, ..Selection::default() };
    let kept = resolve(&selection, &scene.env, &scene.folders, &Silent, soon()).unwrap();
    assert_eq!(kept.route().target.port, 9);
    // One that is not there any more stays what it was.
    scene.writes_own("Host *\nPort 11\n");
    assert_eq!(scene.found(Some("vm")).unwrap().route().target.port, 9);
    scene.writes_own("Host vm\nPort 0\n");
    assert!(matches!(scene.found(Some("vm")), Err(Error::Value { .. })));
}

#[test]
fn a_config_that_says_the_same_is_read_once() {
    let scene = project();
    let config = "Host vm\nHostName 192.0.2.7\n";
    scene.uses_own(config, None);
    assert!(scene.found(Some("vm")).unwrap().may_have_moved(), "it is as it was remembered");
    scene.writes_own(&format!("{config}Host other\n"));
    assert!(!scene.found(Some("vm")).unwrap().may_have_moved());
    assert!(scene.found(Some("vm")).unwrap().may_have_moved(), "that was kept");
}

#[test]
fn where_the_known_route_leads_nowhere_the_config_is_asked_again() {
    let mut scene = project();
    let set = |scene: &mut Scene, key: &str| scene.env.environment = vec![("KEY".into(), key.into())];
    set(&mut scene, "/a");
    let machine = scene.uses_own("Host vm\nIdentityFile ${KEY}\n", None);
    let selection = Selection::default();
    let refresh = |scene: &Scene| {
        let vagrant = VagrantResolver::new(&scene.env, &scene.folders, &selection, &Silent);
        vagrant.refresh_route(&machine, soon()).unwrap()
    };
    assert!(refresh(&scene).is_none(), "it says the same");
    set(&mut scene, "/b");
    assert_eq!(refresh(&scene).unwrap().route().target.identities, [Path::new("/b")]);
}

#[test]
fn a_key_that_was_typed_stays_when_the_config_changes() {
    let scene = project();
    let machine = scene.uses_own("Host vm\nPort 9\n", Some("typed"));
    let typed = [scene.folder.path().join("typed")];
    assert_eq!(machine.route().target.identities, typed);
    scene.writes_own("Host vm\nPort 10\n");
    let target = scene.found(Some("vm")).unwrap().route().target.clone();
    assert_eq!((target.port, target.identities.as_slice()), (10, typed.as_slice()));
    assert!(target.identities_only);
}

#[test]
fn a_file_that_is_named_is_read_with_its_includes_and_patterns() {
    let scene = project();
    scene.writes_own("");
    fs::write(scene.folder.path().join(".ssh/more"), "Host in\nPort 7\n").unwrap();
    let config = "Include more\nHost *.lab\nPort 8\n";
    assert_eq!(scene.resolve(config, Some("in")).unwrap().route().target.port, 7);
    assert_eq!(scene.resolve(config, None).unwrap().name.as_str(), "in");
    assert_eq!(scene.resolve(config, Some("a.lab")).unwrap().route().target.port, 8);
    assert!(matches!(scene.resolve(config, Some("other")), Err(Error::NoSuchAlias { .. })));
}

#[test]
fn what_the_plugin_hands_over_is_what_vagrant_would_say() {
    let scene = vagrant_project(Some("web"), Some(WEB));
    for name in [None, Some("web")] {
        let machine = scene.found(name).unwrap();
        assert_eq!(machine.route().target.to_string(), "vagrant@192.0.2.7:2200");
        let project = Project::find_from_cwd(&scene.env).unwrap().unwrap();
        let files = files_of(&machine.name, &project.identity(machine.name.as_str()), &scene.folders);
        assert_eq!(machine.key(), files.key());
        assert!(!machine.may_have_moved(), "Vagrant is asked again");
    }
    assert!(matches!(scene.found(Some("db")), Err(Error::NoVagrant { .. })));
}

#[test]
fn a_path_of_vagrants_is_no_template() {
    for path in ["/p/50% done/key", "/p/%d/key", "/p/${HOME}/$x/key", "/p/a b/100%"] {
        let text = format!("{WEB}IdentityFile \"{path}\"\nProxyCommand nc %h %p\n");
        let machine = vagrant_project(Some("web"), Some(&text)).found(None).unwrap();
        assert_eq!(machine.route().target.identities, [Path::new(path)]);
        // That is a line for `ssh`.
        assert_eq!(machine.route().proxy_command.as_deref(), Some("nc 192.0.2.7 2200"));
    }
}

#[test]
fn where_the_plugin_has_nothing_to_say_vagrant_has_nothing_else() {
    let stopped = vagrant_project(Some("web"), None);
    assert!(matches!(stopped.found(None), Err(Error::VagrantNotRunning { machine, .. }) if machine == "web"));
    for machine in [None, Some("we b")] {
        let error = vagrant_project(machine, Some(WEB)).found(None).unwrap_err();
        assert!(matches!(error, Error::MultipleMachines { known, .. } if known == ["db", "web"]));
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
    assert!(matches!(find("web", &known, "forget"), Err(Error::MultipleMachines { .. })));
    let found =
        |name| find_preferring_project(name, &known, &scene.env, &scene.folders, "forget").map(Machine::key);
    assert_eq!(found("web").unwrap(), own.key());
    assert!(matches!(found("db"), Err(Error::NotUsedYet { .. })));
    assert!(matches!(found("we b"), Err(Error::UnknownMachine { .. })));
}

#[test]
fn a_namesake_elsewhere_is_not_meant_where_the_project_has_one() {
    let mut scene = vagrant_project(Some("web"), Some(WEB));
    let known = [scene.resolve(WEB, None).unwrap(), scene.resolve(&WEB.replace("web", "db"), None).unwrap()];
    let found = |scene: &Scene, name| {
        find_preferring_project(name, &known, &scene.env, &scene.folders, "forget").map(Machine::key)
    };
    assert!(matches!(found(&scene, "web"), Err(Error::NotUsedYet { .. })));
    // After it was destroyed only the plugin knows of it.
    fs::remove_dir_all(scene.folder.path().join(".vagrant")).unwrap();
    assert!(matches!(found(&scene, "web"), Err(Error::NotUsedYet { .. })));
    assert_eq!(found(&scene, "db").unwrap(), known[1].key());
    // One that must not be used is not where another one is meant, either.
    scene.env.vagrant_cwd = Some(scene.folder.path().join("nowhere"));
    assert!(matches!(found(&scene, "web"), Err(Error::NotUsedYet { .. })));
    scene.env.plugin = None;
    assert_eq!(found(&scene, "web").unwrap(), known[0].key());
}

#[test]
fn a_typed_address_gives_the_name_and_a_folder_of_its_own() {
    let project = project();
    let machine = |text: &str| {
        let selection = Selection { host: Some(text.parse().unwrap()), ..Selection::default() };
        resolve(&selection, &project.env, &project.folders, &Silent, soon()).unwrap()
    };
    assert_eq!(machine("u@10.0.0.1:2222").name.as_str(), "10.0.0.1");
    assert_eq!(machine("u@[fd00::1]:22").name.as_str(), "fd00--1");
    let scoped = machine("u@fe80::1%eth0");
    assert_eq!(scoped.name.as_str(), "fe80--1-eth0");
    assert_eq!(scoped.route().target.to_string(), "u@[fe80::1%eth0]:22");
    assert_ne!(machine("u@10.0.0.1:1").files.folder(), machine("u@10.0.0.1:2").files.folder());
}
