//! What is kept of a machine between two commands.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::deadline::Deadline;
use crate::dirs::{Folders, MachineFiles};
use crate::error::Error;
use crate::files::{self, PrivateFolder};
use crate::grammar::MachineName;
use crate::ssh::{Hop, Route};

/// A guest as the host knows it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name; also the context's name in its kubeconfig.
    pub name: MachineName,
    /// How it is reached.
    pub route: Route,
    /// Its files on the host.
    pub files: MachineFiles,
}

/// `machine.json`
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    name: MachineName,
    route: Route,
}

impl Machine {
    /// The machine `name` reached by `route`. Its folder is named after its name and its address: two machines
    /// that are both called `default` share nothing.
    pub fn new(name: MachineName, route: Route, folders: &Folders) -> Self {
        let jump = route.jump.as_ref().map(Hop::place).unwrap_or_default();
        let digest = Sha256::digest(format!("{} {jump}", route.target.place()));
        let key: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let files = MachineFiles::new(folders.machines().join(format!("{name}-{key}")));
        Self { name, route, files }
    }

    /// The name of its folder: unlike the machine's own name, no other has it.
    pub fn key(&self) -> String {
        self.files.folder().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What to call it so that no other of `machines` is meant: its name, or its key.
    pub fn label(&self, machines: &[Machine]) -> String {
        let namesakes = machines.iter().filter(|machine| machine.name == self.name).count();
        if namesakes > 1 { self.key() } else { self.name.to_string() }
    }

    /// True when `wanted` is the machine's name or its key.
    pub fn is_called(&self, wanted: &str) -> bool {
        self.name.as_str() == wanted || self.key() == wanted
    }

    /// Locks the machine's folder, creating it when it is missing.
    pub fn lock(&self, deadline: Deadline) -> Result<PrivateFolder, Error> {
        PrivateFolder::lock(self.files.folder(), deadline)
    }

    /// Keeps how the machine is reached, so that `--machine NAME` finds it later.
    pub fn remember(&self, folder: &PrivateFolder) -> Result<(), Error> {
        let record = Record { version: RECORD_VERSION, name: self.name.clone(), route: self.route.clone() };
        let text = serde_json::to_vec_pretty(&record)
            .map_err(|error| Error::Write { path: self.files.machine(), source: io::Error::from(error) })?;
        folder.write(&self.files.machine(), &text)
    }

    /// The user's own kubeconfigs that entries of this machine were put into.
    ///
    /// Errors: the list cannot be read.
    pub fn merges(&self) -> Result<Vec<PathBuf>, Error> {
        let path = self.files.merged();
        let Some(text) = files::read(&path, LONGEST_RECORD)? else { return Ok(Vec::new()) };
        serde_json::from_slice(&text)
            .map_err(|error| Error::Read { path, source: io::Error::new(io::ErrorKind::InvalidData, error) })
    }

    /// Keeps that entries of this machine are put into the user's own kubeconfig `path`, so that they can be removed.
    pub fn remember_merge(&self, folder: &PrivateFolder, path: &Path) -> Result<(), Error> {
        let mut merges = self.merges()?;
        if merges.iter().any(|known| known == path) {
            return Ok(());
        }
        merges.push(path.to_owned());
        let text = serde_json::to_vec_pretty(&merges)
            .map_err(|error| Error::Write { path: self.files.merged(), source: io::Error::from(error) })?;
        folder.write(&self.files.merged(), &text)
    }
}

/// The machines that were used before, in the order of their names. A folder without a readable record
/// is left out: a newer program may have written it.
///
/// Errors: the folder cannot be read, or others than its user could have written to it.
pub fn remembered(folders: &Folders) -> Result<Vec<Machine>, Error> {
    let path = folders.machines();
    let mut machines: Vec<Machine> = Vec::new();
    for folder in files::folders_in(&path)? {
        let files = MachineFiles::new(folder);
        if let Some(Record { name, route, .. }) = read_record(&files)? {
            machines.push(Machine { name, route, files });
        }
    }
    machines.sort_by(|a, b| a.files.folder().cmp(b.files.folder()));
    Ok(machines)
}

/// Removes everything that is kept of `machine`: credentials, host keys, how it is reached.
pub fn forget(machine: &Machine, deadline: Deadline) -> Result<(), Error> {
    machine.lock(deadline)?.remove()
}

fn read_record(files: &MachineFiles) -> Result<Option<Record>, Error> {
    files::refuse_shared(files.folder())?;
    let Ok(Some(text)) = files::read(&files.machine(), LONGEST_RECORD) else { return Ok(None) };
    let record: Option<Record> = serde_json::from_slice(&text).ok();
    Ok(record.filter(|record| record.version == RECORD_VERSION))
}

const RECORD_VERSION: u32 = 1;
const LONGEST_RECORD: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::DirBuilderExt;
    use std::time::Duration;

    use super::*;
    use crate::host::Host;

    fn machine(folders: &Folders, name: &str) -> Machine {
        let target = Hop {
            user: "dev".parse().unwrap(),
            host: "192.0.2.7".parse().unwrap(),
            port: 22,
            identities: vec!["/home/dev/a key".into()],
            identities_only: true,
            default_identities: Vec::new(),
        };
        Machine::new(name.parse().unwrap(), Route { target, jump: None }, folders)
    }

    fn folders(below: &tempfile::TempDir) -> Folders {
        let host = Host { service_manager_home: Some(below.path().into()), ..Host::default() };
        Folders::find(&host).unwrap()
    }

    #[test]
    fn what_is_remembered_is_found_and_forgotten() {
        let below = tempfile::tempdir().unwrap();
        let folders = folders(&below);
        let machine = machine(&folders, "box");
        machine.remember(&machine.lock(Deadline::after(Duration::from_secs(1))).unwrap()).unwrap();

        let found = remembered(&folders).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].route, machine.route);
        assert_eq!(found[0].files.folder(), machine.files.folder());

        forget(&found[0], Deadline::after(Duration::from_secs(1))).unwrap();
        assert!(remembered(&folders).unwrap().is_empty());
        assert!(!machine.files.folder().exists());
    }

    #[test]
    fn a_merge_is_remembered_once() {
        let below = tempfile::tempdir().unwrap();
        let machine = machine(&folders(&below), "box");
        let folder = machine.lock(Deadline::after(Duration::from_secs(1))).unwrap();
        assert!(machine.merges().unwrap().is_empty());
        for path in ["/home/dev/.kube/config", "/b", "/b"] {
            machine.remember_merge(&folder, Path::new(path)).unwrap();
        }
        assert_eq!(machine.merges().unwrap(), [Path::new("/home/dev/.kube/config"), Path::new("/b")]);
        fs::write(machine.files.merged(), "{").unwrap();
        assert!(matches!(machine.merges(), Err(Error::Read { .. })));
    }

    #[test]
    fn damaged_and_hostile_records_are_left_out() {
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
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folders.machines().join(name)).unwrap();
            fs::write(folders.machines().join(name).join("machine.json"), text).unwrap();
        }
        assert!(remembered(&folders).unwrap().is_empty());
    }
}
