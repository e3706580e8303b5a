//! A project's own file, `.service-manager.yaml`: the machine, the services and the versions of clients that it works with.
//!
//! It comes with a clone, and a guest can write it in its synced folder. So it is data, every value has a validating type,
//! and it counts only as the user has allowed it: see [`super::project_consent`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use crate::base::env::Env;
use crate::base::files;
use crate::base::platform;
use crate::base::suggest::nearest;
use crate::base::types::{Invalid, MachineName, ServiceName, Version};
use crate::catalogue::{self, Catalogue, Service};

/// What a project says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProjectFile {
    /// The machine that is meant.
    pub machine: Option<MachineName>,
    /// The services that are meant.
    pub services: Vec<ServiceName>,
    /// The versions of the services' clients.
    pub clients: BTreeMap<ServiceName, Version>,
}

/// The file of the project around a folder, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct FoundProjectFile {
    /// Where it is.
    pub path: PathBuf,
    pub(super) content: Vec<u8>,
    /// It lies above the current folder and belongs to another user of the host.
    pub is_foreign: bool,
}

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum ProjectFileError {
    #[error("{0}")]
    Yaml(#[from] serde_yaml::Error),
    #[error("it is not text in UTF-8")]
    NotUtf8,
    #[error("it is not there, a link, or longer than 16 KiB")]
    NotReadable,
    #[error("it belongs to another user, and counts only in the folder that it is in")]
    Foreign,
    #[error("it has no keys: `machine: NAME`, for one")]
    NoMapping,
    #[error("there is no key `{key}`")]
    UnknownKey { key: String, nearest: Option<String> },
    #[error("`{field}` is not {wanted}")]
    Kind { field: String, wanted: &'static str },
    #[error("`{field}` is a number to YAML")]
    Bare { field: String },
    #[error("`{field}` is {source}")]
    Value { field: String, source: Invalid },
    #[error("`{field}`: {source}")]
    Service { field: String, source: Box<catalogue::Error> },
    #[error("`{field}` names a program; the key is the service that it is for")]
    Program { field: String, service: ServiceName },
    #[error("`{field}`: there is no client for it")]
    NoClient { field: String },
}

impl FoundProjectFile {
    /// The file in the nearest folder upwards from the current one that has it, or from `VAGRANT_CWD`. A link, and what is
    /// longer than such a file can be, is none.
    pub(crate) fn find(env: &Env) -> Option<Self> {
        let start =
            env.vagrant_cwd.as_ref().map_or_else(|| env.current_folder.clone(), |cwd| env.expand(cwd));
        Self::find_from(&start)
    }

    /// The same for the project around the folder `start`.
    pub(crate) fn find_from(start: &Path) -> Option<Self> {
        let start = platform::canonicalize(start).ok()?;
        start.ancestors().find_map(|folder| {
            let path = folder.join(NAME);
            let content = files::read_foreign(&path, LONGEST)?;
            let is_foreign = folder != start && platform::is_of_another_user(&path);
            Some(Self { path, content, is_foreign })
        })
    }

    /// The file `path` itself, and no other one.
    ///
    /// Errors: it is a link, longer than such a file can be, or not there.
    pub(crate) fn at(path: &Path, env: &Env) -> Result<Self, ProjectFileError> {
        let parent = path.parent().and_then(|parent| platform::canonicalize(parent).ok());
        let folder = parent.ok_or(ProjectFileError::NotReadable)?;
        let path = folder.join(NAME);
        let content = files::read_foreign(&path, LONGEST).ok_or(ProjectFileError::NotReadable)?;
        let is_here = platform::canonicalize(&env.current_folder).is_ok_and(|current| current == folder);
        let is_foreign = !is_here && platform::is_of_another_user(&path);
        Ok(Self { path, content, is_foreign })
    }

    /// What it says.
    ///
    /// Errors: what is wrong with it.
    pub(crate) fn read(&self) -> Result<ProjectFile, ProjectFileError> {
        let text = std::str::from_utf8(&self.content).map_err(|_| ProjectFileError::NotUtf8)?;
        ProjectFile::parse(text)
    }
}

impl ProjectFile {
    /// Reads `text`, which may be empty.
    ///
    /// Errors: what is wrong with it; nothing that is not understood is left out.
    pub(super) fn parse(text: &str) -> Result<Self, ProjectFileError> {
        let mut file = Self::default();
        let entries = match serde_yaml::from_str(text)? {
            Value::Null => return Ok(file),
            Value::Mapping(entries) => entries,
            _ => return Err(ProjectFileError::NoMapping),
        };
        for (key, value) in &entries {
            match key_of(key)? {
                "machine" => {
                    let name = parsed("machine", text_of("machine", value)?, MachineName::parse)?;
                    file.machine = Some(name);
                }
                "services" => file.services = services(value)?,
                "clients" => file.clients = clients(value)?,
                key => {
                    let known = KEYS.map(ToOwned::to_owned);
                    let nearest = nearest(key, &known);
                    return Err(ProjectFileError::UnknownKey { key: key.to_owned(), nearest });
                }
            }
        }
        Ok(file)
    }
}

impl ProjectFile {
    /// Compares the names of services with those that `catalogue` has.
    ///
    /// Errors: one is none, or nothing of it can be in a machine, or there is no client for it.
    pub(crate) fn check(&self, catalogue: &Catalogue) -> Result<(), ProjectFileError> {
        for (place, name) in self.services.iter().enumerate() {
            let field = || format!("services[{place}]");
            let invalid = |source: catalogue::Error| ProjectFileError::Service {
                field: field(),
                source: source.into(),
            };
            catalogue.select(&[name.to_string()]).map_err(invalid)?;
        }
        self.clients.keys().try_for_each(|name| check_client(name, catalogue))
    }
}

fn check_client(name: &ServiceName, catalogue: &Catalogue) -> Result<(), ProjectFileError> {
    let field = format!("clients.{name}");
    let source = match catalogue.find(name.as_str()) {
        Ok(entry) if entry.service.client.is_some() => return Ok(()),
        Ok(_) => return Err(ProjectFileError::NoClient { field }),
        Err(source) => source,
    };
    let has_program = |service: &&Service| {
        service.client.as_ref().is_some_and(|client| client.program.as_str() == name.as_str())
    };
    match catalogue.entries().iter().map(|entry| &entry.service).find(has_program) {
        Some(service) => Err(ProjectFileError::Program { field, service: service.name.clone() }),
        None => Err(ProjectFileError::Service { field, source: source.into() }),
    }
}

fn services(value: &Value) -> Result<Vec<ServiceName>, ProjectFileError> {
    let kind = || ProjectFileError::Kind {
        field: "services".into(),
        wanted: "a list, as in `[docker, kubernetes]`",
    };
    let Value::Sequence(items) = value else { return Err(kind()) };
    let mut services = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let field = format!("services[{place}]");
        let name = parsed(&field, text_of(&field, item)?, ServiceName::parse)?;
        if !services.contains(&name) {
            services.push(name);
        }
    }
    Ok(services)
}

fn clients(value: &Value) -> Result<BTreeMap<ServiceName, Version>, ProjectFileError> {
    let kind = || ProjectFileError::Kind {
        field: "clients".into(),
        wanted: "a list of versions, as in `kubernetes: 1.31.5`",
    };
    let Value::Mapping(entries) = value else { return Err(kind()) };
    let mut clients = BTreeMap::new();
    for (key, value) in entries {
        let key = key_of(key)?;
        let field = format!("clients.{key}");
        let service = parsed(&field, key, ServiceName::parse)?;
        clients.insert(service, parsed(&field, text_of(&field, value)?, Version::parse)?);
    }
    Ok(clients)
}

fn key_of(key: &Value) -> Result<&str, ProjectFileError> {
    text_of("a key", key)
}

/// Text, and nothing that only looks like it: a tag may mean anything.
fn text_of<'v>(field: &str, value: &'v Value) -> Result<&'v str, ProjectFileError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(_) => Err(ProjectFileError::Bare { field: field.to_owned() }),
        _ => Err(ProjectFileError::Kind { field: field.to_owned(), wanted: "text" }),
    }
}

fn parsed<T>(
    field: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Result<T, ProjectFileError> {
    parse(text).map_err(|source| ProjectFileError::Value { field: field.to_owned(), source })
}

/// Its name.
pub(crate) const NAME: &str = ".service-manager.yaml";
const KEYS: [&str; 3] = ["machine", "services", "clients"];
const LONGEST: u64 = 16 << 10;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn says_machine_services_and_versions() {
        let text = "machine: db\nservices: [docker, kubernetes, docker]\nclients: {kubernetes: 1.31.5, helm: '3.15'}\n";
        let file = ProjectFile::parse(text).unwrap();
        assert_eq!(file.machine.unwrap().as_str(), "db");
        assert_eq!(
            file.services.iter().map(ServiceName::as_str).collect::<Vec<_>>(),
            ["docker", "kubernetes"]
        );
        assert_eq!(file.clients[&ServiceName::parse("kubernetes").unwrap()].to_string(), "1.31.5");
        for empty in ["", "# nothing\n", "---\n"] {
            assert_eq!(ProjectFile::parse(empty).unwrap(), ProjectFile::default());
        }
    }

    #[test]
    fn an_unknown_key_gets_the_nearest_name() {
        for (text, expected) in
            [("machin: a", Some("machine")), ("service: [a]", Some("services")), ("x: 1", None)]
        {
            match ProjectFile::parse(text) {
                Err(ProjectFileError::UnknownKey { nearest, .. }) => assert_eq!(nearest.as_deref(), expected),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn refuses_all_that_is_not_plain_data() {
        let bomb = (1..9).fold("a0: &a0 [x]\n".to_owned(), |text, number| {
            let before = format!("*a{}, ", number - 1).repeat(9);
            format!("{text}a{number}: &a{number} [{before}]\n")
        });
        let deep = "[".repeat(10_000);
        for text in [
            "- a",
            "text",
            "machine: [a]",
            "machine: {a: b}",
            "machine: ''",
            "machine: ../x",
            "machine: -x",
            "machine: $(id)",
            "machine: 'a b'",
            "machine: \"a\\nb\"",
            "machine: \"\\e[2J\"",
            "machine: !ruby/object a",
            "machine: 1",
            "machine: ~",
            "machine: a\nmachine: b",
            "services: docker",
            "services: [1]",
            "services: ['../x']",
            "services: [[a]]",
            "services: {a: b}",
            "clients: [a]",
            "clients: {kubernetes: 1.31}",
            "clients: {kubernetes: '!'}",
            "clients: {'../x': 1.2.3}",
            "clients: {kubernetes: ../../x}",
            "clients: {kubernetes: stable}",
            "clients: {kubernetes: {run: id}}",
            "command: id",
            "path: /etc",
            "<<: {machine: a}",
            "1: a",
            "machine: a\n---\nmachine: b",
            "machine: *x",
            bomb.as_str(),
            deep.as_str(),
            "\u{0}",
        ] {
            let refused = ProjectFile::parse(text);
            assert!(refused.is_err(), "{text}: {refused:?}");
        }
        assert!(matches!(ProjectFile::parse("clients: {docker: 27.3}"), Err(ProjectFileError::Bare { .. })));
    }

    #[test]
    fn is_found_upwards_and_never_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let below = root.join("a/b");
        fs::create_dir_all(&below).unwrap();
        let found = || FoundProjectFile::find_from(&below).map(|found| found.path);
        let is_below = |path: Option<PathBuf>| path.filter(|path| path.starts_with(&root));
        assert_eq!(is_below(found()), None);
        fs::write(root.join(NAME), "machine: a").unwrap();
        assert_eq!(found(), Some(root.join(NAME)));
        fs::write(root.join("a/secret"), "machine: b").unwrap();
        platform::testing::symlink(root.join("a/secret"), root.join("a").join(NAME));
        assert_eq!(found(), Some(root.join(NAME)));
        // Nor what is too long, or no file.
        fs::write(below.join(NAME), vec![b'#'; 17 << 10]).unwrap();
        assert_eq!(found(), Some(root.join(NAME)));
        fs::remove_file(below.join(NAME)).unwrap();
        fs::create_dir(below.join(NAME)).unwrap();
        assert_eq!(found(), Some(root.join(NAME)));
    }
}
