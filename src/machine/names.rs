//! The names by which machines are found.

use super::own_config::OwnConfig;
use super::store::remembered;
use super::vagrant::indexed;
use crate::base::env::Env;
use crate::base::paths::Folders;
use crate::base::text::escape_control;
use crate::base::types::MachineName;

/// A machine that `--machine` finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameableMachine {
    /// What to call it.
    pub name: String,
    /// How it is reached, or who says so.
    pub about: String,
    /// It was used from here.
    pub is_remembered: bool,
}

/// The machines that can be named, in the order in which a name is looked for. Nothing is started and nobody asked; what
/// cannot be read has no part in it, nor has a name that is none of a machine.
pub(crate) fn nameable(env: &Env, folders: &Folders) -> Vec<NameableMachine> {
    let known = remembered(folders).unwrap_or_default().machines;
    let mut all: Vec<NameableMachine> = Vec::new();
    let mut add = |name: String, about: String, is_remembered| {
        if all.iter().all(|machine| machine.name != name) {
            all.push(NameableMachine { name, about, is_remembered });
        }
    };
    for machine in &known {
        add(machine.label(&known), machine.route().to_string(), true);
    }
    for (project, name) in indexed(env).unwrap_or_default() {
        // One that was used is there by a name that no other has.
        if known.iter().all(|machine| machine.name != name) {
            let folder = escape_control(&project.folder.to_string_lossy());
            add(name.to_string(), format!("Vagrant in {folder}"), false);
        }
    }
    if let Ok(config) = OwnConfig::read(env) {
        for alias in config.aliases().into_iter().filter(|alias| MachineName::parse(alias).is_ok()) {
            add(alias.to_owned(), "~/.ssh/config".to_owned(), false);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_are_those_of_machines_only() {
        let home = tempfile::tempdir().unwrap();
        let env = Env {
            home: Some(home.path().into()),
            service_manager_home: Some(home.path().join("own")),
            ..Env::default()
        };
        fs::create_dir(home.path().join(".ssh")).unwrap();
        let config = "Host dev $(id) a;id `id` ../x *.example -oProxyCommand=id\nHost build dev\n";
        fs::write(home.path().join(".ssh/config"), config).unwrap();
        let names = nameable(&env, &Folders::find(&env).unwrap());
        let names: Vec<&str> = names.iter().map(|machine| machine.name.as_str()).collect();
        assert_eq!(names, ["dev", "build"]);
    }
}
