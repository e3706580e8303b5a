//! Vagrant's index of the machines of all projects (`lib/vagrant/machine_index.rb`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::project::Project;
use crate::base::env::Env;
use crate::base::files::{self, Error};
use crate::base::types::MachineName;

/// `$VAGRANT_HOME/data/machine-index/index`
#[derive(Deserialize)]
struct Index {
    version: serde_json::Value,
    #[serde(default)]
    machines: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct IndexedMachine {
    name: MachineName,
    vagrantfile_path: PathBuf,
    vagrantfile_name: Option<Vec<PathBuf>>,
    local_data_path: PathBuf,
}

/// The machines of all projects that Vagrant has created, each with its project. An index or an entry that is not
/// understood is left out: a newer Vagrant may have written it.
///
/// Errors: the index cannot be read.
pub(crate) fn indexed(env: &Env) -> Result<Vec<(Project, MachineName)>, Error> {
    let text = read(env)?;
    let mut machines = Vec::new();
    for (_, project, name) in parse(&text) {
        if has_still(&project, &name) && !machines.contains(&(project.clone(), name.clone())) {
            machines.push((project, name));
        }
    }
    Ok(machines)
}

/// Entries outlive their projects, and machines that were removed by hand.
fn has_still(project: &Project, name: &MachineName) -> bool {
    project.is_there() && project.created(name).is_some()
}

/// The folder of the project that had a machine `name`, if the index has only entries for it that are out of date.
///
/// Errors: the index cannot be read.
pub(crate) fn stale_folder(env: &Env, name: &MachineName) -> Result<Option<PathBuf>, Error> {
    let entries = parse(&read(env)?).into_iter();
    let projects: Vec<Project> =
        entries.filter(|(.., indexed)| indexed == name).map(|(_, project, _)| project).collect();
    let is_stale = !projects.iter().any(|project| has_still(project, name));
    Ok(projects.into_iter().next().filter(|_| is_stale).map(|project| project.folder))
}

/// The ids that the machines of `project` have in the index.
///
/// Errors: the index cannot be read.
pub(crate) fn index_ids(env: &Env, project: &Project) -> Result<Vec<String>, Error> {
    let entries = parse(&read(env)?).into_iter();
    Ok(entries.filter(|(_, indexed, _)| indexed == project).map(|(id, ..)| id).collect())
}

fn read(env: &Env) -> Result<Vec<u8>, Error> {
    let home = env.vagrant_home.clone().unwrap_or_else(|| "~/.vagrant.d".into());
    let path = env.expand(&home).join("data/machine-index/index");
    Ok(files::read(&path, LONGEST_INDEX)?.unwrap_or_default())
}

fn parse(text: &[u8]) -> Vec<(String, Project, MachineName)> {
    let index: Option<Index> = serde_json::from_slice(text).ok();
    let index = index.filter(|index| index.version == 1 || index.version == "1");
    let entries = index.map(|index| index.machines).unwrap_or_default().into_iter();
    let entries =
        entries.filter_map(|(id, entry)| Some((id, serde_json::from_value::<IndexedMachine>(entry).ok()?)));
    let absolute = entries
        .filter(|(_, entry)| entry.vagrantfile_path.is_absolute() && entry.local_data_path.is_absolute());
    absolute
        .map(|(id, entry)| {
            let vagrantfile = entry.vagrantfile_name.and_then(|names| names.into_iter().next());
            (id, Project::new(entry.vagrantfile_path, vagrantfile, entry.local_data_path), entry.name)
        })
        .collect()
}

const LONGEST_INDEX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_vagrant_writes() {
        let machines = parse(
            br#"{"version":1,"machines":{
                "04a3":{"local_data_path":"/p/a b/.vagrant","name":"web","provider":"docker","state":"running",
                        "vagrantfile_name":null,"vagrantfile_path":"/p/a b","updated_at":null,"extra_data":{}},
                "05b4":{"local_data_path":"/data","name":"default","provider":"virtualbox","state":"poweroff",
                        "vagrantfile_name":["Vagrantfile.dev"],"vagrantfile_path":"/q","updated_at":null,"extra_data":{}}}}"#,
        );
        let project = |folder: &str, vagrantfile: Option<&str>, data: &str| Project {
            folder: folder.into(),
            vagrantfile: vagrantfile.map(PathBuf::from),
            data: data.into(),
        };
        let expected = [
            ("04a3".to_owned(), project("/p/a b", None, "/p/a b/.vagrant"), "web".parse().unwrap()),
            ("05b4".to_owned(), project("/q", Some("Vagrantfile.dev"), "/data"), "default".parse().unwrap()),
        ];
        assert_eq!(machines, expected);
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        let entry = |name: &str, path: &str| {
            format!(
                r#"{{"version":1,"machines":{{"1":{{"name":{name},"vagrantfile_path":{path},"local_data_path":"/d"}}}}}}"#
            )
        };
        assert_eq!(parse(entry("\"web\"", "\"/p\"").as_bytes()).len(), 1);
        for text in [
            entry("\"../x\"", "\"/p\""),
            entry("\"$(id)\"", "\"/p\""),
            entry("7", "\"/p\""),
            entry("\"web\"", "\"p\""),
            entry("\"web\"", "null"),
            entry("\"web\"", "\"/p\"").replace("\"version\":1", "\"version\":2"),
            "{}".to_owned(),
            "[]".to_owned(),
            String::new(),
        ] {
            assert!(parse(text.as_bytes()).is_empty(), "{text}");
        }
    }

    #[test]
    fn one_bad_entry_does_not_hide_the_others() {
        let text = r#"{"version":1,"machines":{"1":7,"2":{"name":"web","vagrantfile_path":"/p","local_data_path":"/p/.vagrant"}}}"#;
        assert_eq!(parse(text.as_bytes()).len(), 1);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".*") {
            parse(text.as_bytes());
        }
    }
}
