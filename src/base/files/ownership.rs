//! Who else could have written a file.

use std::io;
use std::path::Path;

use super::error::Error;
use crate::base::platform;

/// True when nobody but this user and root can write what `path` leads to.
pub fn is_own(path: &Path) -> io::Result<bool> {
    platform::only_user_writes(path)
}

/// True when nobody but this user and root can read what `path` leads to.
pub fn is_private(path: &Path) -> io::Result<bool> {
    platform::only_user_reads(path)
}

/// Refuses what says which programs are run, if others than this user and root can write it.
pub fn refuse_writable_by_others(path: &Path) -> Result<(), Error> {
    match is_own(path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::WritableByOthers { path: path.to_owned() }),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// State that another user of the host could have written is not ours to trust. Looks at the machine's folder
/// and the two above it, those of them that exist.
pub fn refuse_shared(folder: &Path) -> Result<(), Error> {
    for folder in folder.ancestors().take(OWN_LEVELS) {
        match platform::is_own_folder(folder) {
            Ok(true) => {}
            Ok(false) => return Err(Error::FolderShared { path: folder.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Folder { path: folder.to_owned(), source }),
        }
    }
    Ok(())
}

/// `service-manager/machines/NAME`
pub(super) const OWN_LEVELS: usize = 3;
