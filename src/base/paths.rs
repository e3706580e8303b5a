//! Every name this program writes on disk.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::base::env::Env;
use crate::base::files;
use crate::base::platform::{BaseFolders, LONGEST_SOCKET_NAME, canonicalize};
use crate::base::text::hex;

/// The user's home folder is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the home folder is not known")]
pub(crate) struct NoHome;

/// Systems allow sockets only short paths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is {excess} characters too long for a socket; set SERVICE_MANAGER_HOME to a folder with a shorter path, as \
     `export SERVICE_MANAGER_HOME=~/.sm` does", .path.display()
)]
pub(crate) struct SocketPathTooLong {
    path: PathBuf,
    excess: usize,
}

/// Where the program keeps what it writes, and where the user's own files are.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    state: PathBuf,
    data: PathBuf,
    config: PathBuf,
}

impl Folders {
    /// Finds the folders: `SERVICE_MANAGER_HOME`, else the platform's own places.
    pub(crate) fn find(env: &Env) -> Result<Self, NoHome> {
        if let Some(home) = &env.service_manager_home {
            let home = env.current_folder.join(home);
            return Ok(Self { state: home.clone(), data: home.clone(), config: home });
        }
        let own = |folder: Option<PathBuf>| folder.ok_or(NoHome).map(|folder| folder.join("service-manager"));
        let BaseFolders { state, data, config } = BaseFolders::find(env.home.as_deref(), &env.environment);
        Ok(Self { state: own(state)?, data: own(data)?, config: own(config)? })
    }

    /// True when `path` is one of a machine's files.
    fn contains(&self, path: &Path) -> bool {
        let real = |path: &Path| canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let machines = self.machines();
        path.starts_with(&machines) || real(path).starts_with(real(&machines))
    }

    /// The folder that holds one folder per machine.
    pub(crate) fn machines(&self) -> PathBuf {
        self.state.join("machines")
    }

    /// The folder that holds one folder per tunnel.
    pub(crate) fn tunnels(&self) -> PathBuf {
        self.state.join(TUNNELS)
    }

    /// The folder that says which machine is meant where nothing else does.
    pub(crate) fn choice(&self) -> PathBuf {
        self.state.join("choice")
    }

    /// The folder that holds one folder per Vagrant project: what the user has allowed there.
    pub(crate) fn projects(&self) -> PathBuf {
        self.state.join("projects")
    }

    /// The cache of clients: `SERVICE/VERSION/PROGRAM`.
    pub(crate) fn clients(&self) -> PathBuf {
        self.data.join("bin")
    }

    /// What was downloaded to be put into machines: `SERVICE/RELEASE/FILE/`.
    pub(crate) fn releases(&self) -> PathBuf {
        self.data.join("releases")
    }

    /// The folder of the user's own service files. The program only reads it.
    pub(crate) fn services(&self) -> PathBuf {
        self.config.join("services")
    }

    /// The user's settings. The program only reads them.
    pub(crate) fn settings(&self) -> PathBuf {
        self.config.join("config.yaml")
    }
}

/// The files in a machine's folder.
#[derive(Clone, Debug)]
pub(crate) struct MachineFiles(PathBuf);

impl MachineFiles {
    /// The files below `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The machine's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The folder's name: unlike the machine's own name, no other has it.
    pub(crate) fn key(&self) -> String {
        self.0.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// How the machine is reached.
    pub(crate) fn machine(&self) -> PathBuf {
        self.0.join("machine.json")
    }

    /// What the last `env` found out.
    pub(crate) fn services(&self) -> PathBuf {
        self.0.join("services.json")
    }

    /// The machine's host keys, learnt at first contact.
    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.0.join("known_hosts")
    }

    /// The user's own kubeconfigs that entries of the machine were put into.
    pub(crate) fn merged(&self) -> PathBuf {
        self.0.join("merged.json")
    }

    /// The docker contexts that lead to it.
    pub(crate) fn docker_contexts(&self) -> PathBuf {
        self.0.join("docker-contexts.json")
    }

    /// The user's own files that have programs trust its registry.
    pub(crate) fn registry_trust(&self) -> PathBuf {
        self.0.join("registry-trust.json")
    }

    /// The logins that skopeo, podman and buildah read.
    pub(crate) fn registry_logins(&self) -> PathBuf {
        self.0.join("registry").join(REGISTRY_LOGINS)
    }

    /// The contexts of its own kubeconfigs that were chosen.
    pub(crate) fn chosen_contexts(&self) -> PathBuf {
        self.0.join("chosen-contexts.json")
    }

    /// The forwards of its tunnel.
    pub(crate) fn forwards(&self) -> PathBuf {
        self.0.join("tunnel.json")
    }

    /// Whether its tunnel publishes what the services in it publish.
    pub(crate) fn publish(&self) -> PathBuf {
        self.0.join("publish.json")
    }

    /// What the process that holds its tunnel has to say.
    pub(crate) fn tunnel_log(&self) -> PathBuf {
        self.0.join("tunnel.log")
    }

    /// What that process listens at.
    pub(crate) fn tunnel(&self) -> TunnelFiles {
        let state = self.0.ancestors().nth(2).unwrap_or(&self.0);
        // The name of a socket has to be short.
        TunnelFiles(state.join(TUNNELS).join(hex(&Sha256::digest(self.key())[..4])))
    }

    /// What the clients of the service `name` read.
    pub(crate) fn service(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// How `ssh` reaches it.
    pub(crate) fn ssh_config(&self) -> PathBuf {
        self.0.join("ssh_config")
    }

    /// What kubectl reads: the file of one service, or the one of several, with a context for each.
    pub(crate) fn kubeconfig(&self, services: &[&str]) -> PathBuf {
        let folder = if let [only] = services { self.service(only) } else { self.0.clone() };
        folder.join(KUBECONFIG)
    }

    /// All of these that there are.
    pub(crate) fn kubeconfigs(&self) -> Vec<PathBuf> {
        let services = files::folders_in(&self.0).unwrap_or_default();
        let paths = services.into_iter().chain([self.0.clone()]).map(|folder| folder.join(KUBECONFIG));
        paths.filter(|path| path.exists()).collect()
    }
}

/// The sockets of the process that holds a machine's tunnel. The folder is there while it runs, and locked by it.
#[derive(Clone, Debug)]
pub(crate) struct TunnelFiles(PathBuf);

impl TunnelFiles {
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// Where it is asked.
    pub(crate) fn control(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// Refuses a folder whose path is too long for the sockets in it, that of the service `name` too.
    pub(crate) fn require_short_names(&self, name: &str) -> Result<(), SocketPathTooLong> {
        for path in [self.control(), self.service(name)] {
            let excess = path.as_os_str().len().saturating_sub(LONGEST_SOCKET_NAME);
            if excess > 0 {
                return Err(SocketPathTooLong { path, excess });
            }
        }
        Ok(())
    }

    /// Where clients of the service `name` connect to.
    pub(crate) fn service(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.sock"))
    }
}

/// The user's own kubeconfig: the one that `kubectl config` would add an entry to (client-go,
/// `tools/clientcmd/config.go`): of those in `KUBECONFIG` the first that exists, else the last; else
/// `~/.kube/config`. Files of `folders` do not count: `env` put them there.
///
/// Errors: the home folder is not known.
pub(crate) fn user_kubeconfig(env: &Env, folders: &Folders) -> Result<PathBuf, NoHome> {
    let named = env.kubeconfig.iter().flat_map(std::env::split_paths);
    let named = named.filter(|path| !path.as_os_str().is_empty()).map(|path| env.current_folder.join(path));
    let named: Vec<PathBuf> = named.filter(|path| !folders.contains(path)).collect();
    if let Some(path) = named.iter().find(|path| path.exists()).or(named.last()) {
        return Ok(path.clone());
    }
    Ok(env.home.as_ref().ok_or(NoHome)?.join(".kube").join("config"))
}

/// The folder of docker's own files: `config.json`, and the contexts (docker/cli: cli/config/config.go).
///
/// Errors: the home folder is not known.
pub(crate) fn docker_config(env: &Env) -> Result<PathBuf, NoHome> {
    match &env.docker_config {
        Some(folder) => Ok(env.current_folder.join(folder)),
        None => Ok(env.home.as_ref().ok_or(NoHome)?.join(".docker")),
    }
}

const TUNNELS: &str = "run";
const KUBECONFIG: &str = "kubeconfig";
/// In the folder of the service.
pub(crate) const REGISTRY_LOGINS: &str = "auth.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_kubeconfig_is_the_one_that_kubectl_would_change() {
        let below = tempfile::tempdir().unwrap();
        let folder = below.path().canonicalize().unwrap();
        let chosen = |kubeconfig: &str| {
            let env = Env {
                home: Some("/home/dev".into()),
                current_folder: folder.clone(),
                service_manager_home: Some("state".into()),
                kubeconfig: Some(kubeconfig.replace("STATE", folder.join("state").to_str().unwrap()).into()),
                ..Env::default()
            };
            user_kubeconfig(&env, &Folders::find(&env).unwrap()).unwrap()
        };
        std::fs::write(folder.join("there"), "").unwrap();
        assert_eq!(chosen("/a/b"), Path::new("/a/b"));
        assert_eq!(chosen("/a/b:there:/c"), folder.join("there"));
        assert_eq!(chosen("/a/b::/c:"), Path::new("/c"));
        for ours in
            ["", ":", "STATE/machines/box-1/kubeconfig", "state/machines/../machines/box-1/kubeconfig"]
        {
            assert_eq!(chosen(ours), Path::new("/home/dev/.kube/config"), "{ours}");
        }
        assert_eq!(chosen("STATE/machines/box-1/kubeconfig:/a/b"), Path::new("/a/b"));
    }
}
