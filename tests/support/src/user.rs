//! Somebody at a host: a home folder of their own, and no variable but those the test sets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::guest::Guest;
use crate::publisher::Publisher;

/// A user of the host.
pub struct User<'g> {
    pub(crate) guest: Option<&'g Guest>,
    pub(crate) variables: Vec<(String, String)>,
    home: PathBuf,
    _folder: TempDir,
}

impl<'g> User<'g> {
    /// Somebody who has not yet said which machine.
    pub fn new() -> Self {
        Self::at_home("home", None)
    }

    /// Somebody whose ssh config is that of `guest`.
    pub fn of(guest: &'g Guest) -> Self {
        Self::at_home("home", Some(guest)).with_ssh_config_of(guest)
    }

    /// The same in a home folder called `name`.
    pub fn of_at_home(guest: &'g Guest, name: &str) -> Self {
        Self::at_home(name, Some(guest)).with_ssh_config_of(guest)
    }

    /// Somebody who says with options that they mean `guest`.
    pub fn near(guest: &'g Guest) -> Self {
        Self::at_home("home", Some(guest))
    }

    fn at_home(name: &str, guest: Option<&'g Guest>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(name);
        fs::create_dir(&home).unwrap();
        Self { guest, variables: Vec::new(), home, _folder: folder }
    }

    fn with_ssh_config_of(self, guest: &Guest) -> Self {
        let config = guest.folder().join("ssh_config");
        self.with("SERVICE_MANAGER_SSH_CONFIG", config.to_str().unwrap())
    }

    /// Sets a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Somebody for whom `publisher` stands in for all publishers.
    pub fn with_publisher(mut self, publisher: &Publisher) -> Self {
        for (name, value) in publisher.variables() {
            self = self.with(name, &value);
        }
        self
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Writes a file below the home folder and returns its path.
    pub fn writes(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The same for a script of `sh` that can be run; `lines` come after the one that says so.
    pub fn writes_script(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.writes(name, &format!("#!/bin/sh\n{lines}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The folder in which the program keeps its machines.
    pub fn machines(&self) -> PathBuf {
        self.home.join(".local/state/service-manager/machines")
    }

    /// The folders of the machines that were used, in the order of their names.
    pub fn machine_folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.machines()).into_iter().flatten();
        let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders
    }

    /// The folder of the only machine that was used.
    #[track_caller]
    pub fn machine_folder(&self) -> PathBuf {
        let mut folders = self.machine_folders();
        assert_eq!(folders.len(), 1, "{folders:?}");
        folders.remove(0)
    }

    /// The kubeconfig for Kubernetes in the only machine that was used.
    #[track_caller]
    pub fn kubeconfig(&self) -> serde_yaml::Value {
        self.kubeconfig_of("kubernetes")
    }

    /// The kubeconfig for a service of the only machine that was used.
    #[track_caller]
    pub fn kubeconfig_of(&self, service: &str) -> serde_yaml::Value {
        let text = fs::read_to_string(self.machine_folder().join(service).join("kubeconfig")).unwrap();
        serde_yaml::from_str(&text).unwrap()
    }

    /// Every file that the program keeps of its machines: its name and its text.
    pub(crate) fn texts(&self) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        read_all(&self.machines(), &mut texts);
        texts
    }

    /// What the program wrote, with modes: `600 machine.json`, folders too.
    pub fn files(&self) -> Vec<String> {
        let mut lines = Vec::new();
        list(&self.home.join(".local/state/service-manager"), &mut lines);
        lines
    }
}

fn list(folder: &Path, lines: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        let name = path.file_name().unwrap().to_string_lossy();
        lines.push(format!("{:o} {name}", meta.permissions().mode() & 0o7777));
        list(&path, lines);
    }
}

fn read_all(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        if entry.path().is_dir() {
            read_all(&entry.path(), texts);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            texts.push((entry.file_name().to_string_lossy().into_owned(), text));
        }
    }
}
