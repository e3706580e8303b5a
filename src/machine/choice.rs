//! The machine that is meant where nothing else says which: what `machines use` has chosen.

use crate::base::deadline::Deadline;
use crate::base::files::{self, Error, PrivateFolder};
use crate::base::paths::Folders;

use super::store::Machine;

/// The one of `known` that was chosen; none when that is none of them.
///
/// Errors: the choice cannot be read.
pub(crate) fn chosen<'m>(folders: &Folders, known: &'m [Machine]) -> Result<Option<&'m Machine>, Error> {
    let text = files::read_text(&folders.choice().join(FILE), LONGEST)?;
    Ok(text.and_then(|key| known.iter().find(|machine| machine.key() == key.trim_end())))
}

/// Chooses `machine`, or none.
///
/// Errors: the choice cannot be written.
pub(crate) fn choose(folders: &Folders, machine: Option<&Machine>, deadline: Deadline) -> Result<(), Error> {
    let folder = PrivateFolder::lock(&folders.choice(), deadline)?;
    let key = machine.map(|machine| machine.key() + "\n").unwrap_or_default();
    folder.write(&folders.choice().join(FILE), key.as_bytes())
}

/// Chooses none, where the machine with `key` is the chosen one.
///
/// Errors: the choice cannot be read or written.
pub(crate) fn choose_no_more(folders: &Folders, key: &str, deadline: Deadline) -> Result<(), Error> {
    let chosen = files::read_text(&folders.choice().join(FILE), LONGEST)?;
    if chosen.is_some_and(|chosen| chosen.trim_end() == key) {
        choose(folders, None, deadline)
    } else {
        Ok(())
    }
}

const FILE: &str = "machine";
const LONGEST: u64 = 4 << 10;
