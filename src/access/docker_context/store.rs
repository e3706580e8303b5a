//! Docker's store of contexts, and the current one of them.
//!
//! `contexts/meta/ID/meta.json` is a context, `contexts/tls/ID/docker/*.pem` its keys; ID is the SHA-256 of its name
//! (docker/cli: cli/context/store).

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::config::DockerConfig;
use super::error::Error;
use super::metadata::ContextMetadata;
use crate::access::credentials::{ClientAuth, Credentials};
use crate::base::deadline::Deadline;
use crate::base::files::{self, SharedFile, SharedFolder};
use crate::base::text::hex;
use crate::base::types::DockerContextName;
use crate::catalogue::DOCKER_FILES;

/// A context as it is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DockerContext<'a> {
    pub(crate) name: &'a DockerContextName,
    /// For people.
    pub(crate) description: &'a str,
    /// The key of the machine that it leads to: the mark of what is from here.
    pub(crate) machine: &'a str,
    /// As `DOCKER_HOST` has it.
    pub(crate) host: &'a str,
    /// None where a socket needs nothing.
    pub(crate) credentials: Option<&'a Credentials>,
}

/// What became of a context that was to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutOutcome {
    Added,
    Replaced,
    Unchanged,
}

/// What became of a context that was to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It was not the current one.
    Removed,
    /// It was the current one.
    RemovedCurrent {
        /// What is the current one now; none for docker's default.
        now: Option<DockerContextName>,
    },
    /// There is none of this name that is of the machine.
    NotThere,
}

/// The folder of docker's own files, which no other process of this program changes meanwhile.
#[derive(Debug)]
pub(crate) struct DockerContextStore {
    config: PathBuf,
    contexts: SharedFolder,
}

impl DockerContextStore {
    /// Opens the store in docker's `folder`, which is made when it is missing.
    ///
    /// Errors: it cannot be made or written, or stays locked.
    pub(crate) fn open(folder: &Path, deadline: Deadline) -> Result<Self, Error> {
        let contexts = SharedFolder::lock(&folder.join("contexts"), deadline);
        let contexts = contexts.map_err(|source| Error::Folder { folder: folder.to_owned(), source })?;
        Ok(Self { config: folder.join("config.json"), contexts })
    }

    /// Refuses a name that somebody else has.
    ///
    /// Errors: a context of this name is there that is not of the machine with the key `machine`.
    pub(crate) fn require_free(&self, name: &DockerContextName, machine: &str) -> Result<(), Error> {
        self.own(name, machine).map(drop)
    }

    /// Has the context be there as it is to be.
    ///
    /// Errors: as for [`Self::require_free`]; a file cannot be written.
    pub(crate) fn put(&self, context: DockerContext) -> Result<PutOutcome, Error> {
        let DockerContext { name, description, machine, host, credentials } = context;
        let before = self.own(name, machine)?;
        let known = before.clone().unwrap_or_else(|| ContextMetadata::new(name, description, machine));
        let metadata = known.leading_to(host);
        let keys = keys(credentials);
        if before.as_ref() == Some(&metadata) && self.has_keys(name, &keys) {
            return Ok(PutOutcome::Unchanged);
        }
        self.write_keys(name, &keys)?;
        self.write_metadata(name, &metadata)?;
        Ok(if before.is_some() { PutOutcome::Replaced } else { PutOutcome::Added })
    }

    /// Makes the context `name` of `machine` the current one. Returns what that was before; none for docker's default.
    ///
    /// Errors: `config.json` is not understood or cannot be written.
    pub(crate) fn switch_to(&self, name: &DockerContextName, machine: &str) -> Result<Option<String>, Error> {
        let before = self.current()?;
        if before.as_deref() == Some(name.as_str()) {
            return Ok(before);
        }
        if let Some(metadata) = self.own(name, machine)? {
            // First what takes it back.
            self.write_metadata(name, &metadata.after(before.as_deref()))?;
        }
        self.set_current(Some(name))?;
        Ok(before)
    }

    /// Removes the context `name`, if it is of `machine`. Where it is the current one, that is what it was before.
    ///
    /// Errors: `config.json` is not understood; a file cannot be removed or written.
    pub(crate) fn remove(&self, name: &DockerContextName, machine: &str) -> Result<Removal, Error> {
        let metadata = match self.own(name, machine) {
            Ok(Some(metadata)) => metadata,
            Ok(None) | Err(Error::Taken { .. } | Error::OtherMachine { .. }) => return Ok(Removal::NotThere),
            Err(error) => return Err(error),
        };
        let removal = if self.current()?.as_deref() == Some(name.as_str()) {
            let previous = metadata.previous().and_then(|name| DockerContextName::parse(name).ok());
            let now = previous.filter(|previous| self.has(previous));
            self.set_current(now.as_ref())?;
            Removal::RemovedCurrent { now }
        } else {
            Removal::Removed
        };
        for folder in [meta(name), tls_folder(name)] {
            self.contexts.remove(&folder).map_err(|source| self.failed(source))?;
        }
        Ok(removal)
    }

    /// The current context; none for docker's default.
    ///
    /// Errors: `config.json` is not understood.
    pub(crate) fn current(&self) -> Result<Option<String>, Error> {
        let text = files::read_text(&self.config, LONGEST).map_err(|source| self.no_config(source))?;
        let config = DockerConfig::parse(text.as_deref().unwrap_or_default());
        Ok(config.map_err(|source| self.not_config(source))?.current())
    }

    fn set_current(&self, name: Option<&DockerContextName>) -> Result<(), Error> {
        let file = SharedFile::without_lock(&self.config).map_err(|source| self.no_config(source))?;
        let text = file.text(LONGEST).map_err(|source| self.no_config(source))?.unwrap_or_default();
        let config = DockerConfig::parse(&text).map_err(|source| self.not_config(source))?;
        let changed = config.with_current(name);
        file.replace_for_good(changed.as_bytes()).map_err(|source| self.no_config(source))
    }

    /// The metadata of the context `name`; none when there is no such context.
    ///
    /// Errors: it is not of `machine`.
    fn own(&self, name: &DockerContextName, machine: &str) -> Result<Option<ContextMetadata>, Error> {
        let taken = || Error::Taken { name: name.to_string() };
        // What cannot be read is not from here.
        let Some(text) = self.contexts.read(&meta_file(name), LONGEST).map_err(|_| taken())? else {
            return Ok(None);
        };
        let metadata = ContextMetadata::parse(&text, name).ok_or_else(taken)?;
        if metadata.machine() != machine {
            return Err(Error::OtherMachine {
                name: name.to_string(),
                machine: metadata.machine().to_owned(),
            });
        }
        Ok(Some(metadata))
    }

    fn has(&self, name: &DockerContextName) -> bool {
        self.contexts.read(&meta_file(name), LONGEST).is_ok_and(|text| text.is_some())
    }

    fn write_metadata(&self, name: &DockerContextName, metadata: &ContextMetadata) -> Result<(), Error> {
        let written = self.contexts.write(&meta_file(name), metadata.text().as_bytes());
        written.map_err(|source| self.failed(source))
    }

    fn has_keys(&self, name: &DockerContextName, keys: &[&str]) -> bool {
        let mut files = DOCKER_FILES.iter().enumerate();
        files.all(|(index, file)| {
            let there = self.contexts.read(&tls(name).join(file), LONGEST).ok();
            there.is_some_and(|there| there.as_deref() == keys.get(index).map(|key| key.as_bytes()))
        })
    }

    fn write_keys(&self, name: &DockerContextName, keys: &[&str]) -> Result<(), Error> {
        if keys.is_empty() {
            return self.contexts.remove(&tls_folder(name)).map_err(|source| self.failed(source));
        }
        for (file, text) in DOCKER_FILES.iter().zip(keys) {
            let written = self.contexts.write(&tls(name).join(file), text.as_bytes());
            written.map_err(|source| self.failed(source))?;
        }
        Ok(())
    }

    fn failed(&self, source: files::Error) -> Error {
        let folder = self.config.parent().unwrap_or(&self.config).to_owned();
        Error::Folder { folder, source }
    }

    fn no_config(&self, source: files::Error) -> Error {
        Error::Config { path: self.config.clone(), source }
    }

    fn not_config(&self, source: serde_json::Error) -> Error {
        Error::NotConfig { path: self.config.clone(), source }
    }
}

/// The texts of [`DOCKER_FILES`]; none where a socket needs nothing.
fn keys(credentials: Option<&Credentials>) -> Vec<&str> {
    match credentials.map(|credentials| (&credentials.authority, &credentials.client_auth)) {
        Some((authority, ClientAuth::Certificate { certificate, key })) => {
            vec![authority.as_str(), certificate.as_str(), key.expose_secret()]
        }
        _ => Vec::new(),
    }
}

fn meta(name: &DockerContextName) -> PathBuf {
    Path::new("meta").join(id(name))
}

fn meta_file(name: &DockerContextName) -> PathBuf {
    meta(name).join("meta.json")
}

fn tls_folder(name: &DockerContextName) -> PathBuf {
    Path::new("tls").join(id(name))
}

fn tls(name: &DockerContextName) -> PathBuf {
    tls_folder(name).join("docker")
}

fn id(name: &DockerContextName) -> String {
    hex(&Sha256::digest(name.as_str()))
}

/// More than a company's registries and contexts take.
const LONGEST: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::base::platform::testing::{set_mode, symlink};

    fn store(below: &tempfile::TempDir) -> DockerContextStore {
        DockerContextStore::open(below.path(), Deadline::after(Duration::from_millis(50))).unwrap()
    }

    fn name(text: &str) -> DockerContextName {
        text.parse().unwrap()
    }

    fn put(store: &DockerContextStore, context: &str, machine: &str) -> Result<PutOutcome, Error> {
        store.put(DockerContext {
            name: &name(context),
            description: "d",
            machine,
            host: "unix:///run/x.sock",
            credentials: None,
        })
    }

    #[test]
    fn what_is_there_already_is_left() {
        let below = tempfile::tempdir().unwrap();
        let store = store(&below);
        assert_eq!(put(&store, "box-docker", "box-1").unwrap(), PutOutcome::Added);
        assert_eq!(put(&store, "box-docker", "box-1").unwrap(), PutOutcome::Unchanged);
        // Of when it talked TLS.
        store.write_keys(&name("box-docker"), &["a", "b", "c"]).unwrap();
        assert_eq!(put(&store, "box-docker", "box-1").unwrap(), PutOutcome::Replaced);
        assert!(!below.path().join("contexts").join(tls_folder(&name("box-docker"))).exists());
        assert!(matches!(put(&store, "box-docker", "box-2"), Err(Error::OtherMachine { .. })));
        assert!(matches!(store.require_free(&name("box-docker"), "box-2"), Err(Error::OtherMachine { .. })));
    }

    #[test]
    fn what_is_not_from_here_is_never_touched() {
        let below = tempfile::tempdir().unwrap();
        let store = store(&below);
        let file = below.path().join("contexts").join(meta_file(&name("box-docker")));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let theirs = below.path().join("theirs");
        fs::write(&theirs, ContextMetadata::new(&name("box-docker"), "d", "box-1").text()).unwrap();
        for make in [
            &|| fs::write(&file, r#"{"Name":"box-docker","Metadata":{},"Endpoints":{}}"#).unwrap(),
            &|| fs::write(&file, "{").unwrap(),
            &|| fs::create_dir(&file).unwrap(),
            &|| symlink(&theirs, &file),
            &|| fs::File::create(&file).unwrap().set_len(1 << 40).unwrap(),
        ] as [&dyn Fn(); 5]
        {
            make();
            let before = fs::symlink_metadata(&file).unwrap();
            assert!(matches!(put(&store, "box-docker", "box-1"), Err(Error::Taken { .. })));
            assert_eq!(store.remove(&name("box-docker"), "box-1").unwrap(), Removal::NotThere);
            let after = fs::symlink_metadata(&file).unwrap();
            assert_eq!((before.len(), before.file_type()), (after.len(), after.file_type()));
            if before.is_dir() { fs::remove_dir(&file).unwrap() } else { fs::remove_file(&file).unwrap() }
        }
    }

    #[test]
    fn the_current_context_is_what_it_was() {
        let below = tempfile::tempdir().unwrap();
        let store = store(&below);
        let config = below.path().join("config.json");
        let own = name("box-docker");
        put(&store, "work", "w-1").unwrap();
        for (before, after) in [("work", Some("work")), ("gone", None), ("a/../b", None), ("", None)] {
            fs::write(&config, format!("{{\"currentContext\":\"{before}\"}}")).unwrap();
            put(&store, "box-docker", "box-1").unwrap();
            for _ in 0..2 {
                store.switch_to(&own, "box-1").unwrap();
            }
            assert_eq!(store.current().unwrap().as_deref(), Some("box-docker"));
            let removed = Removal::RemovedCurrent { now: after.map(name) };
            assert_eq!(store.remove(&own, "box-1").unwrap(), removed, "{before}");
            assert_eq!(store.current().unwrap().as_deref(), after);
        }
        // The user has another one by now.
        put(&store, "box-docker", "box-1").unwrap();
        store.switch_to(&own, "box-1").unwrap();
        fs::write(&config, "{\"currentContext\":\"other\"}").unwrap();
        assert_eq!(store.remove(&own, "box-1").unwrap(), Removal::Removed);
        assert_eq!(store.current().unwrap().as_deref(), Some("other"));
    }

    #[test]
    fn a_config_that_cannot_be_changed_is_left() {
        let below = tempfile::tempdir().unwrap();
        let store = store(&below);
        let config = below.path().join("config.json");
        let own = name("box-docker");
        put(&store, "box-docker", "box-1").unwrap();
        fs::write(&config, "{\"auths\": ").unwrap();
        assert!(matches!(store.switch_to(&own, "box-1"), Err(Error::NotConfig { .. })));
        assert!(matches!(store.remove(&own, "box-1"), Err(Error::NotConfig { .. })));
        assert_eq!(fs::read_to_string(&config).unwrap(), "{\"auths\": ");
        assert_eq!(put(&store, "box-docker", "box-1").unwrap(), PutOutcome::Unchanged);

        fs::write(&config, "{}").unwrap();
        set_mode(&config, 0o400);
        assert!(matches!(store.switch_to(&own, "box-1"), Err(Error::Config { .. })));
        fs::remove_file(&config).unwrap();
        symlink("/dev/zero", &config);
        assert!(matches!(store.switch_to(&own, "box-1"), Err(Error::Config { .. })));
        fs::remove_file(&config).unwrap();
        // As dotfiles are kept.
        fs::write(below.path().join("dotfile"), "{\"auths\":{}}").unwrap();
        symlink("dotfile", &config);
        store.switch_to(&own, "box-1").unwrap();
        assert!(fs::symlink_metadata(&config).unwrap().is_symlink());
        assert_eq!(
            fs::read_to_string(below.path().join("dotfile")).unwrap(),
            "{\n\t\"auths\": {},\n\t\"currentContext\": \"box-docker\"\n}"
        );
    }
}
