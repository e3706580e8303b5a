//! Who else could have written a file.

use std::io;
use std::path::Path;

use super::error::Error;
use crate::base::platform;

/// True when nobody but this user and root can write what `path` leads to.
pub(crate) fn is_own(path: &Path) -> io::Result<bool> {
    platform::only_user_writes(path)
}

/// True when nobody but this user and root can read what `path` leads to.
pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    platform::only_user_reads(path)
}

/// Refuses what says which programs are run, if others than this user and root can write it.
pub(crate) fn refuse_writable_by_others(path: &Path) -> Result<(), Error> {
    match is_own(path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::WritableByOthers { path: path.to_owned() }),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// State that another user of the host could have written is not ours to trust. The machine's folder and the two above
/// it, those of them that exist, have to be this user's own; and nobody else may be able to replace them by writing
/// into a folder above, as OpenSSH's `StrictModes` has it for keys.
pub(crate) fn refuse_shared(folder: &Path) -> Result<(), Error> {
    refuse_replaceable(folder.ancestors().nth(OWN_LEVELS - 1).unwrap_or(folder))?;
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

/// Refuses `path` when others than this user and root could put something else in its place, in a folder above it.
pub(crate) fn refuse_replaceable(path: &Path) -> Result<(), Error> {
    let above = path.ancestors().skip(1);
    // The links among them are followed: what counts is where the folders are.
    let real =
        above.filter(|path| !path.as_os_str().is_empty()).find_map(|path| platform::canonicalize(path).ok());
    for path in real.iter().flat_map(|real| real.ancestors()) {
        match platform::others_can_rename_in(path) {
            Ok(false) => {}
            Ok(true) => return Err(Error::FolderShared { path: path.to_owned() }),
            Err(source) => return Err(Error::Folder { path: path.to_owned(), source }),
        }
    }
    Ok(())
}

/// `service-manager/machines/NAME`
pub(super) const OWN_LEVELS: usize = 3;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::platform::testing::{set_mode, symlink};

    #[test]
    fn a_folder_above_in_which_others_can_write_is_refused() {
        let below = tempfile::tempdir().unwrap();
        let path = below.path().join("a/b/c/service-manager/machines/m");
        fs::create_dir_all(&path).unwrap();
        let own = || path.ancestors().take(OWN_LEVELS);
        own().for_each(|folder| set_mode(folder, 0o700));
        for shared in path.ancestors().skip(OWN_LEVELS).take(4) {
            for mode in [0o777, 0o707, 0o702] {
                set_mode(shared, mode);
                let refused = refuse_shared(&path);
                assert!(matches!(&refused, Err(Error::FolderShared { path }) if path == shared), "{mode:o}");
            }
            // As /tmp.
            set_mode(shared, 0o1777);
            refuse_shared(&path).unwrap();
            set_mode(shared, 0o755);
        }
    }

    #[test]
    fn a_folder_above_is_looked_at_where_a_link_leads() {
        let below = tempfile::tempdir().unwrap();
        let shared = below.path().join("shared");
        fs::create_dir_all(shared.join("home")).unwrap();
        symlink(shared.join("home"), below.path().join("home"));
        set_mode(&shared, 0o777);
        let path = below.path().join("home/service-manager/machines/m");
        assert!(matches!(refuse_shared(&path), Err(Error::FolderShared { path }) if path == shared));
    }
}
