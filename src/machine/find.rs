//! One of the machines that were used before.

use super::error::Error;
use super::store::{Machine, files_of};
use super::vagrant::Project;
use crate::base::env::Env;
use crate::base::paths::Folders;
use crate::base::suggest::nearest;
use crate::base::types::MachineName;

/// The one of `known` that is called `wanted`, or the only one when no name is given.
///
/// Errors: there is none, or several may be meant; `words` before a name say which.
pub(crate) fn find<'m>(
    wanted: Option<&str>,
    known: &'m [Machine],
    words: &'static str,
) -> Result<&'m Machine, Error> {
    let fitting: Vec<&Machine> =
        known.iter().filter(|machine| wanted.is_none_or(|wanted| machine.is_called(wanted))).collect();
    match (fitting.as_slice(), wanted) {
        ([machine], _) => Ok(machine),
        ([], Some(name)) => {
            let names: Vec<String> = known.iter().map(|machine| machine.name.to_string()).collect();
            Err(Error::UnknownMachine { name: name.to_owned(), nearest: nearest(name, &names), known: names })
        }
        ([], None) => Err(Error::NoMachine),
        (several, _) => Err(Error::MultipleMachines {
            known: several.iter().map(|machine| machine.label(known)).collect(),
            words,
        }),
    }
}

/// The one of `known` that is called `wanted`: the one of the user's Vagrant project, whether Vagrant still
/// has it or not, else the only one.
///
/// Errors: as for [`find`]. Where the project has a machine of that name, no other one is meant.
pub(crate) fn find_preferring_project<'m>(
    wanted: &str,
    known: &'m [Machine],
    env: &Env,
    folders: &Folders,
    words: &'static str,
) -> Result<&'m Machine, Error> {
    let Ok(name) = MachineName::parse(wanted) else { return find(Some(wanted), known, words) };
    // One that must not be used is none of the places.
    let project = Project::find_from_cwd(env).unwrap_or_default();
    let key =
        project.as_ref().map(|project| files_of(&name, &project.identity(name.as_str()), folders).key());
    let is_here = env.hands_over(&name) || project.is_some_and(|project| project.knows(&name));
    match known.iter().find(|machine| Some(machine.key()) == key) {
        Some(machine) => Ok(machine),
        None if is_here => {
            let known = known.iter().map(Machine::key).collect();
            Err(Error::UnknownMachine { name: name.to_string(), nearest: None, known })
        }
        None => find(Some(wanted), known, words),
    }
}
