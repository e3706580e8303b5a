//! One of the machines that were used before.

use super::error::Error;
use super::names::nameable;
use super::store::{Machine, files_of};
use super::vagrant::Project;
use crate::base::env::Env;
use crate::base::paths::Folders;
use crate::base::suggest::nearest;
use crate::base::types::MachineName;

/// The only one of `known`.
///
/// Errors: there is none, or there are several, of which none is chosen.
pub(super) fn only(known: &[Machine]) -> Result<&Machine, Error> {
    match known {
        [] => Err(Error::NoMachine),
        [machine] => Ok(machine),
        several => Err(Error::NoneChosen {
            known: several.iter().map(|machine| machine.label_with_place(known)).collect(),
        }),
    }
}

/// The one of `known` that is called `wanted`.
///
/// Errors: there is none, or several may be meant; `words` before a name say which.
pub(crate) fn find<'m>(
    wanted: &str,
    known: &'m [Machine],
    words: &'static str,
) -> Result<&'m Machine, Error> {
    let fitting: Vec<&Machine> = known.iter().filter(|machine| machine.is_called(wanted)).collect();
    match fitting.as_slice() {
        [machine] => Ok(machine),
        [] => {
            let names: Vec<String> = known.iter().map(|machine| machine.name.to_string()).collect();
            let nearest = nearest(wanted, &names);
            Err(Error::UnknownMachine { name: wanted.to_owned(), nearest, known: names })
        }
        several => Err(Error::MultipleMachines {
            known: several.iter().map(|machine| machine.label_with_place(known)).collect(),
            words,
        }),
    }
}

/// The one of `known` that is called `wanted`: the one of the user's Vagrant project, whether Vagrant still
/// has it or not, else the only one.
///
/// Errors: as for [`find`]. Where the project has a machine of that name, no other one is meant. One that only Vagrant or
/// the user's ssh config knows is not used yet.
pub(crate) fn find_preferring_project<'m>(
    wanted: &str,
    known: &'m [Machine],
    env: &Env,
    folders: &Folders,
    words: &'static str,
) -> Result<&'m Machine, Error> {
    let Ok(name) = MachineName::parse(wanted) else { return find(wanted, known, words) };
    // One that must not be used is none of the places.
    let project = Project::find_from_cwd(env).unwrap_or_default();
    let key =
        project.as_ref().map(|project| files_of(&name, &project.identity(name.as_str()), folders).key());
    let is_here = env.hands_over(&name) || project.is_some_and(|project| project.knows(&name));
    match known.iter().find(|machine| Some(machine.key()) == key) {
        Some(machine) => Ok(machine),
        None if is_here => Err(Error::NotUsedYet { name: name.to_string(), words }),
        None => find(wanted, known, words).map_err(|error| match error {
            Error::UnknownMachine { .. } if can_be_named(&name, env, folders) => {
                Error::NotUsedYet { name: name.to_string(), words }
            }
            error => error,
        }),
    }
}

/// True when `--machine` finds `name` somewhere.
fn can_be_named(name: &MachineName, env: &Env, folders: &Folders) -> bool {
    nameable(env, folders).iter().any(|machine| machine.name == name.as_str())
}
