//! Permissions, owners and identities of files.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode as RawMode, OFlags};
use tempfile::NamedTempFile;

use super::super::{FileAccess, Owner};

impl FileAccess {
    fn of_file(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Readable => 0o644,
            Self::Program => 0o755,
        }
    }

    fn of_folder(self) -> u32 {
        match self {
            Self::Private => 0o700,
            Self::Readable | Self::Program => 0o755,
        }
    }
}

/// Makes the folder `path` and those above it that are missing.
pub(crate) fn create_folders(path: &Path, access: FileAccess) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(access.of_folder()).create(path)
}

/// Opens the file `path` as `options` say; it has `access` from its first byte.
#[allow(clippy::disallowed_methods, reason = "the callers are the files that write")]
pub(crate) fn open_with_access(
    options: &mut OpenOptions,
    path: &Path,
    access: FileAccess,
) -> io::Result<File> {
    options.mode(access.of_file()).open(path)
}

/// A file in `folder` with a name that begins with `prefix`, removed when it is dropped.
pub(crate) fn temporary_file(
    prefix: &std::ffi::OsStr,
    folder: &Path,
    access: FileAccess,
) -> io::Result<NamedTempFile> {
    let permissions = Permissions::from_mode(access.of_file());
    let created = tempfile::Builder::new().prefix(prefix).permissions(permissions).tempfile_in(folder);
    // tempfile adds the temporary name to the system's own error.
    created.map_err(|error| error.raw_os_error().map_or(error, io::Error::from_raw_os_error))
}

/// Changes who may use `file`; other systems have to know that it is at `path`.
pub(crate) fn set_access(file: &File, _path: &Path, access: FileAccess) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(access.of_file()))
}

/// Renames `from` to `to`, and replaces what is there.
#[allow(clippy::disallowed_methods, reason = "the callers are the files that write")]
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Has the disk remember which files are in `folder`.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Opens what `path` leads to for reading. A pipe without a writer is not waited for.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NONBLOCK)
}

/// As [`open`]; a link is an error.
pub(crate) fn open_no_follow(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NONBLOCK | OFlags::NOFOLLOW)
}

/// Opens what `path` leads to so that its times can be set.
pub(crate) fn open_to_touch(path: &Path) -> io::Result<File> {
    open(path)
}

fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, RawMode::empty())?))
}

/// What tells a file from all others, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::from(&file.metadata()?))
    }

    /// Of what `path` leads to.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&fs::metadata(path)?))
    }

    fn from(meta: &Metadata) -> Self {
        Self(meta.dev(), meta.ino())
    }
}

impl Owner {
    /// Of `path` itself, which may be a link.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&fs::symlink_metadata(path)?))
    }

    fn from(meta: &Metadata) -> Self {
        match meta.uid() {
            uid if uid == rustix::process::geteuid().as_raw() => Self::User,
            ROOT => Self::Root,
            _ => Self::Other,
        }
    }
}

/// True for what belongs to another user than this one and root, and for a link that does or leads to such.
pub(crate) fn is_of_another_user(path: &Path) -> bool {
    let is_foreign = |meta: Metadata| Owner::from(&meta) == Owner::Other;
    fs::symlink_metadata(path).is_ok_and(is_foreign) || fs::metadata(path).is_ok_and(is_foreign)
}

/// True when nobody but this user and root can write what `path` leads to.
pub(crate) fn only_user_writes(path: &Path) -> io::Result<bool> {
    let meta = fs::metadata(path)?;
    Ok(Owner::from(&meta) != Owner::Other && meta.mode() & WRITABLE_BY_OTHERS == 0)
}

/// True when nobody but its owner and root can read what `path` leads to.
pub(crate) fn only_user_reads(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.mode() & OF_OTHERS == 0)
}

/// True when `path` is a folder of this user's own, into which nobody else can write; a link is none.
pub(crate) fn is_own_folder(path: &Path) -> io::Result<bool> {
    let meta = fs::symlink_metadata(path)?;
    Ok(meta.is_dir() && Owner::from(&meta) == Owner::User && meta.mode() & WRITABLE_BY_OTHERS == 0)
}

/// True when others than this user and root can rename what is in the folder `path`.
pub(crate) fn others_can_rename_in(path: &Path) -> io::Result<bool> {
    let meta = fs::metadata(path)?;
    Ok(is_replaceable_in(meta.uid(), meta.gid(), meta.mode()))
}

fn is_replaceable_in(owner: u32, group: u32, mode: u32) -> bool {
    let (own, root) = (rustix::process::geteuid().as_raw(), 0);
    if ![own, root].contains(&owner) {
        return true;
    }
    // In a sticky folder only the owners can rename what is theirs.
    let is_sticky = mode & 0o1000 != 0;
    // Where each user has a group alone, as on Debian and Fedora, folders are often made with `umask 002`. Debian's sshd
    // accepts them too (its patch user-group-modes).
    let is_own_group = owner != root && group == owner;
    let others = if is_own_group { 0o002 } else { 0o022 };
    !is_sticky && mode & others != 0
}

/// True when `path` is a file with exactly the access of a private one.
pub(crate) fn is_private_file(path: &Path) -> bool {
    let is_private =
        |meta: Metadata| meta.is_file() && meta.mode() & PERMISSIONS == FileAccess::Private.of_file();
    fs::symlink_metadata(path).is_ok_and(is_private)
}

pub(crate) fn is_executable(meta: &Metadata) -> bool {
    meta.mode() & 0o111 != 0
}

/// What its owner, its group and others may do with a file of the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(u32);

impl Mode {
    /// Of the file `path`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::symlink_metadata(path)?.mode() & PERMISSIONS))
    }

    /// That of a private file.
    pub(crate) fn private() -> Self {
        Self(FileAccess::Private.of_file())
    }

    /// The same for its owner, nothing for others.
    #[must_use]
    pub(crate) fn without_others(self) -> Self {
        Self(self.0 & !OF_OTHERS)
    }

    pub(crate) fn is_open_to_others(self) -> bool {
        self.0 & OF_OTHERS != 0
    }

    pub(crate) fn is_writable_by_owner(self) -> bool {
        self.0 & WRITABLE_BY_OWNER != 0
    }

    /// Gives it to `file`; other systems have to know that it is at `path`.
    pub(crate) fn set(self, file: &File, _path: &Path) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(self.0))
    }
}

const PERMISSIONS: u32 = 0o777;
/// Whatever others than the owner may do with a file.
const OF_OTHERS: u32 = 0o077;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const WRITABLE_BY_OWNER: u32 = 0o200;
const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_who_can_rename_what_is_ours() {
        let own = rustix::process::geteuid().as_raw();
        for (owner, group, mode, is_replaceable) in [
            (0, 0, 0o755, false),
            (own, 0, 0o700, false),
            (0, 0, 0o1777, false),
            (0, 0, 0o775, true),
            (own + 1, 0, 0o755, true),
            (own + 1, 0, 0o1777, true),
            (own, own + 1, 0o775, true),
            (own, own + 1, 0o757, true),
        ] {
            assert_eq!(is_replaceable_in(owner, group, mode), is_replaceable, "{owner} {group} {mode:o}");
        }
        if own != 0 {
            assert!(!is_replaceable_in(own, own, 0o775));
        }
    }
}
