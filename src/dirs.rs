//! Every name this program writes on disk.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::host::Host;

/// Where the program keeps what it writes.
#[derive(Clone, Debug)]
pub struct Folders {
    state: PathBuf,
}

impl Folders {
    /// Finds the folders: `SERVICE_MANAGER_HOME`, else the platform's own places
    /// (XDG Base Directory Specification on Linux).
    pub fn find(host: &Host) -> Result<Self, Error> {
        let state = match &host.service_manager_home {
            Some(home) => host.current_folder.join(home),
            None => {
                dirs::state_dir().or_else(dirs::data_local_dir).ok_or(Error::NoHome)?.join("service-manager")
            }
        };
        Ok(Self { state })
    }

    /// The folder that holds one folder per machine.
    pub fn machines(&self) -> PathBuf {
        self.state.join("machines")
    }
}

/// The files in a machine's folder.
#[derive(Clone, Debug)]
pub struct MachineFiles(PathBuf);

impl MachineFiles {
    /// The files below `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The machine's folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// How the machine is reached.
    pub fn machine(&self) -> PathBuf {
        self.0.join("machine.json")
    }

    /// The machine's host keys, learnt at first contact.
    pub fn known_hosts(&self) -> PathBuf {
        self.0.join("known_hosts")
    }

    /// What the clients of the service `name` read.
    pub fn service(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What kubectl reads: the file of one service, or the one of several, with a context for each.
    pub fn kubeconfig(&self, services: &[&str]) -> PathBuf {
        let folder = if let [only] = services { self.service(only) } else { self.0.clone() };
        folder.join("kubeconfig")
    }
}
