//! What an earlier `env` has set in the shell for a machine, and what is of no use any more.
//!
//! Nothing is written into the shell for that: a variable is ours when its value is a file, a socket or a pipe of a machine, or
//! when the machine to which these belong was printed with that very value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::cache::ServiceCache;
use crate::base::env::Env;
use crate::base::files;
use crate::base::paths::{Folders, MachineFiles};
use crate::base::platform::{LIST_SEPARATOR, PipeName};
use crate::base::types::VariableName;
use crate::catalogue::Service;
use crate::export::{Block, Export};

/// A variable in the shell that an earlier `env` has set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leftover {
    pub(crate) name: VariableName,
    /// The key of the machine that it is about.
    pub(crate) machine: String,
}

/// The variables of `services` in `env` that an earlier `env` has set, and that `blocks` of the machines with these `keys`
/// do not set: those of other machines, and of the same machines those of the same services.
pub(crate) fn leftovers(
    env: &Env,
    folders: &Folders,
    services: &[&Service],
    blocks: &[Block],
    keys: &[String],
) -> Vec<Leftover> {
    let is_new = |service: &&&Service| blocks.iter().any(|block| block.service == service.name.as_str());
    let names_of =
        |service: &&Service| service.exports.iter().map(|export| export.name.clone()).collect::<Vec<_>>();
    let of_same: BTreeSet<VariableName> = services.iter().filter(is_new).flat_map(names_of).collect();
    let exports = blocks.iter().flat_map(|block| &block.exports).map(|export| &export.name);
    let settled: BTreeSet<&VariableName> =
        exports.chain(blocks.iter().flat_map(|block| &block.gone)).collect();
    let ours = set_by_env(env, folders, services);
    let is_left = |left: &Leftover| {
        !settled.contains(&left.name) && (!keys.contains(&left.machine) || of_same.contains(&left.name))
    };
    ours.into_iter().filter(is_left).collect()
}

/// The variables of `services` in `env` that an earlier `env` has set.
pub(crate) fn set_by_env(env: &Env, folders: &Folders, services: &[&Service]) -> Vec<Leftover> {
    let names = services.iter().flat_map(|service| &service.exports).map(|export| &export.name);
    let names: BTreeSet<&VariableName> = names.collect();
    let set: Vec<(&VariableName, &str)> =
        names.into_iter().filter_map(|name| Some((name, env.variable(name.as_str())?))).collect();
    let mut ours: BTreeMap<&VariableName, String> = BTreeMap::new();
    for (name, value) in &set {
        let owner = if PipeName::from_url(value).is_some() {
            Some(owner_of_pipe(folders, name, value))
        } else {
            owner(folders, value)
        };
        ours.extend(owner.map(|key| (*name, key)));
    }
    let keys: BTreeSet<String> = ours.values().cloned().collect();
    for key in keys {
        let printed = ServiceCache::printed_of(&MachineFiles::new(folders.machines().join(&key)));
        for (name, value) in &set {
            if has_printed(&printed, name, value) {
                ours.entry(name).or_insert_with(|| key.clone());
            }
        }
    }
    ours.into_iter().map(|(name, machine)| Leftover { name: name.clone(), machine }).collect()
}

fn has_printed(printed: &[Vec<Block>], name: &VariableName, value: &str) -> bool {
    let mut exports = printed.iter().flatten().flat_map(|block| &block.exports);
    exports.any(|export: &Export| export.name == *name && export.value == value)
}

/// The key of the machine that was printed with this pipe; empty when none was: each tunnel has a new one.
fn owner_of_pipe(folders: &Folders, name: &VariableName, value: &str) -> String {
    let machines = files::folders_in(&folders.machines()).unwrap_or_default();
    let mut machines = machines.into_iter().map(MachineFiles::new);
    let owner = machines.find(|files| has_printed(&ServiceCache::printed_of(files), name, value));
    owner.map(|files| files.key()).unwrap_or_default()
}

/// The key of the machine to which each path in `value` belongs, or of the first of several; none when one is not of our
/// own.
fn owner(folders: &Folders, value: &str) -> Option<String> {
    let paths = match value.strip_prefix("unix://") {
        Some(socket) => vec![socket],
        None => value.split(LIST_SEPARATOR).filter(|path| !path.is_empty()).collect(),
    };
    let keys: Option<Vec<String>> =
        paths.into_iter().map(|path| owner_of_path(folders, Path::new(path))).collect();
    keys?.into_iter().next()
}

fn owner_of_path(folders: &Folders, path: &Path) -> Option<String> {
    if let Ok(below) = path.strip_prefix(folders.machines()) {
        return match below.components().next()? {
            Component::Normal(key) => key.to_str().map(ToOwned::to_owned),
            _ => None,
        };
    }
    let tunnel = path.parent().filter(|folder| folder.parent() == Some(&folders.tunnels()))?;
    // Its name does not tell whose it is.
    let machines = files::folders_in(&folders.machines()).ok()?.into_iter().map(MachineFiles::new);
    let known = machines.into_iter().find(|files| files.tunnel().folder() == tunnel);
    Some(known.map(|files| files.key()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::catalogue::Catalogue;

    /// A host with the machines `a` and `b`; `a` was printed with Docker's variables.
    struct Scene {
        env: Env,
        folders: Folders,
        catalogue: Catalogue,
        below: tempfile::TempDir,
    }

    impl Scene {
        fn new() -> Self {
            let below = tempfile::tempdir().unwrap();
            let env = Env { service_manager_home: Some(below.path().into()), ..Env::default() };
            let folders = Folders::find(&env).unwrap();
            let catalogue = Catalogue::load(&folders).unwrap();
            let scene = Self { env, folders, catalogue, below };
            let printed =
                [scene
                    .docker("a", &[("DOCKER_HOST", "tcp://192.0.2.1:2376"), ("DOCKER_API_VERSION", "1.24")])];
            for (machine, blocks) in [("a", &printed[..]), ("b", &[])] {
                let folder = scene.folders.machines().join(machine);
                fs::create_dir_all(&folder).unwrap();
                let text = serde_json::json!({"printed": {"docker": blocks}}).to_string();
                fs::write(folder.join("services.json"), text).unwrap();
            }
            scene
        }

        fn certificates(&self, machine: &str) -> String {
            self.folders.machines().join(machine).join("docker").to_str().unwrap().to_owned()
        }

        fn docker(&self, machine: &str, exports: &[(&str, &str)]) -> Block {
            let certificates = self.certificates(machine);
            let exports = exports.iter().copied().chain([("DOCKER_CERT_PATH", certificates.as_str())]);
            let export =
                |(name, value): (&str, &str)| Export::new(name.parse().unwrap(), value.into()).unwrap();
            Block {
                service: "docker".into(),
                comment: String::new(),
                exports: exports.map(export).collect(),
                gone: vec![],
                path: None,
            }
        }

        /// What is left where `variables` are set and `blocks` of `machine` are printed.
        fn left(&self, variables: &[(&str, &str)], blocks: &[Block], machine: &str) -> Vec<String> {
            let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
            let env = Env { environment, ..self.env.clone() };
            let services = self.catalogue.select(&[]).unwrap();
            let left = leftovers(&env, &self.folders, &services, blocks, &[machine.to_owned()]);
            left.into_iter().map(|left| format!("{} {}", left.name, left.machine)).collect()
        }
    }

    #[test]
    fn what_another_machine_has_set_is_left() {
        let scene = Scene::new();
        let (a, kubeconfig) = (scene.certificates("a"), scene.certificates("a") + "/kubeconfig");
        let set = [
            ("DOCKER_HOST", "tcp://192.0.2.1:2376"),
            ("DOCKER_CERT_PATH", a.as_str()),
            ("DOCKER_API_VERSION", "1.24"),
            ("KUBECONFIG", &kubeconfig),
        ];
        let new = [scene.docker("b", &[("DOCKER_HOST", "tcp://192.0.2.2:2376")])];
        assert_eq!(scene.left(&set, &new, "b"), ["DOCKER_API_VERSION a", "KUBECONFIG a"]);
        // Of the same machine what other services have set stays.
        let same = [scene.docker("a", &[("DOCKER_HOST", "tcp://192.0.2.1:2376")])];
        assert_eq!(scene.left(&set, &same, "a"), ["DOCKER_API_VERSION a"]);
    }

    #[test]
    fn what_is_the_users_own_stays() {
        let scene = Scene::new();
        let new = [scene.docker("b", &[("DOCKER_HOST", "tcp://192.0.2.2:2376")])];
        let a = scene.certificates("a");
        let joined = format!("{a}/kubeconfig:/home/dev/.kube/config");
        for set in [
            // Equal to what was printed once, and not in this shell.
            vec![("DOCKER_API_VERSION", "1.24"), ("DOCKER_CERT_PATH", "/own")],
            // Changed since.
            vec![("DOCKER_API_VERSION", "1.40"), ("DOCKER_CERT_PATH", &a)],
            vec![("KUBECONFIG", "/home/dev/.kube/config")],
            vec![("KUBECONFIG", &joined)],
            vec![("OTHER", a.as_str())],
            vec![],
        ] {
            assert_eq!(scene.left(&set, &new, "b"), [""; 0], "{set:?}");
        }
    }

    #[test]
    fn a_socket_of_a_tunnel_is_its_machines() {
        let scene = Scene::new();
        let files = MachineFiles::new(scene.folders.machines().join("a"));
        let socket = |folder: &Path| format!("unix://{}", folder.join("docker.sock").display());
        let own = socket(files.tunnel().folder());
        let unknown = socket(&scene.below.path().join("run/00000000"));
        assert_eq!(scene.left(&[("DOCKER_HOST", &own)], &[], "b"), ["DOCKER_HOST a"]);
        assert_eq!(scene.left(&[("DOCKER_HOST", &unknown)], &[], "b"), ["DOCKER_HOST "]);
        for other in ["unix:///run/docker.sock", "unix://", "tcp://192.0.2.1:2376", ""] {
            assert_eq!(scene.left(&[("DOCKER_HOST", other)], &[], "b"), [""; 0], "{other}");
        }
    }

    #[test]
    fn a_pipe_of_a_tunnel_is_its_machines() {
        let scene = Scene::new();
        let pipe = |digit: &str| format!("npipe:////./pipe/service-manager-{}", digit.repeat(32));
        let (own, ended) = (pipe("a"), pipe("0"));
        let printed =
            serde_json::json!({"printed": {"docker": [scene.docker("a", &[("DOCKER_HOST", &own)])]}});
        fs::write(scene.folders.machines().join("a/services.json"), printed.to_string()).unwrap();
        assert_eq!(scene.left(&[("DOCKER_HOST", &own)], &[], "b"), ["DOCKER_HOST a"]);
        assert_eq!(scene.left(&[("DOCKER_HOST", &own)], &[], "a"), [""; 0]);
        assert_eq!(scene.left(&[("DOCKER_HOST", &ended)], &[], "b"), ["DOCKER_HOST "]);
        for other in ["npipe:////./pipe/docker_engine", "npipe:////./pipe/service-manager-", "npipe://"] {
            assert_eq!(scene.left(&[("DOCKER_HOST", other)], &[], "b"), [""; 0], "{other}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_folder_of_machines() {
        let scene = Scene::new();
        let machines = scene.folders.machines().display().to_string();
        for value in [format!("{machines}/../x"), machines.clone(), format!("{machines}/")] {
            assert_eq!(scene.left(&[("KUBECONFIG", &value)], &[], "b"), [""; 0], "{value}");
        }
    }
}
