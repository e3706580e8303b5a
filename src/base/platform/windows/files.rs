//! Access, owners and identities of files.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

use tempfile::NamedTempFile;
use winapi_util::file::information;

use super::super::access_list::{
    READ_ATTRIBUTES, READ_CONTROL, READING, RENAMING, WRITE_ATTRIBUTES, WRITE_DAC, WRITE_DATA, WRITE_OWNER,
    WRITING,
};
use super::super::{FileAccess, Owner};
use super::access::{self, Security, TakesOver};
use super::open::{OPEN_REPARSE_POINT, open_itself, open_target};

/// Makes the folder `path` and those above it that are missing.
pub(crate) fn create_folders(path: &Path, access: FileAccess) -> io::Result<()> {
    if access != FileAccess::Private {
        return fs::create_dir_all(path);
    }
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            // The folder is still empty, so nobody has opened a file in it. Files that are made in it inherit its access.
            Ok(()) => make_private(folder, "D:P(A;OICI;FA;;;USER)")?,
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    if path.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

fn make_private(path: &Path, list: &str) -> io::Result<()> {
    access::set(&mut open_to_rule(path)?, &list.replace("USER", access::user()), TakesOver::Nothing)
}

/// Opens the file `path` as `options` say; it has `access` from its first byte.
#[allow(clippy::disallowed_methods, reason = "the callers are the files that write")]
pub(crate) fn open_with_access(
    options: &mut OpenOptions,
    path: &Path,
    access: FileAccess,
) -> io::Result<File> {
    let file = options.open(path)?;
    if access == FileAccess::Private && !Security::at(path)?.is_private() {
        set_access(&file, path, access)?;
    }
    Ok(file)
}

/// A file in `folder` with a name that begins with `prefix`, removed when it is dropped.
#[allow(clippy::disallowed_methods, reason = "the callers are the files that write")]
pub(crate) fn temporary_file(prefix: &OsStr, folder: &Path, access: FileAccess) -> io::Result<NamedTempFile> {
    let create = |path: &Path| {
        let mut options = OpenOptions::new();
        // Nobody else can open it to read or write until it is whole, be it by the folder's entries.
        options.read(true).write(true).create_new(true).share_mode(SHARE_DELETE);
        let file = options.open(path)?;
        if access == FileAccess::Private {
            set_access(&file, path, access)?;
        }
        Ok(file)
    };
    let created = tempfile::Builder::new().prefix(prefix).make_in(folder, create)?;
    let (file, path) = created.into_parts();
    Ok(NamedTempFile::from_parts(file, path))
}

/// Changes who may use `file`, which is at `path`.
pub(crate) fn set_access(file: &File, path: &Path, access: FileAccess) -> io::Result<()> {
    let mut ruled = open_to_rule(path)?;
    if FileId::of(&ruled)? != FileId::of(file)? {
        return Err(io::ErrorKind::NotFound.into());
    }
    let (list, takes_over) = match access {
        FileAccess::Private => ("D:P(A;;FA;;;USER)", TakesOver::Nothing),
        FileAccess::Readable | FileAccess::Program => {
            ("D:(A;;FA;;;USER)(A;;FRFX;;;BU)", TakesOver::FromFolder)
        }
    };
    access::set(&mut ruled, &list.replace("USER", access::user()), takes_over)
}

/// Has the disk remember which files are in `folder`. NTFS writes that down by itself, and not every disk can be told to.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let synced = open_target(folder, WRITE_DATA).and_then(|folder| folder.sync_all());
    if let Err(error) = synced {
        log::debug!("could not sync `{}`: {error}", folder.display());
    }
    Ok(())
}

/// Renames `from` to `to`, and replaces what is there, be it open or read-only. A program that runs cannot be replaced: it is
/// moved aside, under a name that begins as `from`'s does.
#[allow(clippy::disallowed_methods, reason = "the callers are the files that write")]
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let first = match fs::rename(from, to) {
        Err(error) if is_in_the_way(&error) && to.is_file() => error,
        renamed => return renamed,
    };
    let mut aside = from.as_os_str().to_owned();
    aside.push("-old");
    // If this fails too, the first error says more.
    if fs::rename(to, &aside).is_err() {
        return Err(first);
    }
    if let Err(error) = fs::rename(from, to) {
        fs::rename(&aside, to)?;
        return Err(error);
    }
    // One that runs stays until the next time.
    let _ = fs::remove_file(&aside);
    Ok(())
}

fn is_in_the_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied || error.raw_os_error() == Some(SHARING_VIOLATION)
}

/// Opens what `path` leads to for reading.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// As [`open`]; a link is an error.
#[allow(clippy::disallowed_methods, reason = "it writes nothing")]
pub(crate) fn open_no_follow(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OPEN_REPARSE_POINT).open(path)?;
    if file.metadata()?.is_symlink() { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(file) }
}

/// Opens what `path` leads to so that its times can be set.
pub(crate) fn open_to_touch(path: &Path) -> io::Result<File> {
    open_target(path, READ_ATTRIBUTES | WRITE_ATTRIBUTES)
}

/// Opens the file or the folder `path` itself to change its access.
fn open_to_rule(path: &Path) -> io::Result<File> {
    let rights = READ_CONTROL | READ_ATTRIBUTES | WRITE_DAC;
    // A user without the right to change the owner most likely owns the file already.
    open_itself(path, rights | WRITE_OWNER).or_else(|_| open_itself(path, rights))
}

/// What tells a file from all others, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let information = information(file)?;
        Ok(Self(information.volume_serial_number(), information.file_index()))
    }

    /// Of what `path` leads to.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Self::of(&open_target(path, READ_ATTRIBUTES)?)
    }
}

/// True for what belongs to another user than this one and the administrators, and for a link that does or leads to such.
pub(crate) fn is_of_another_user(path: &Path) -> bool {
    let is_foreign = |security: io::Result<Security>| security.is_ok_and(|it| it.owner() == Owner::Other);
    is_foreign(Security::at(path)) || matches!(Owner::of(path), Ok(Owner::Other))
}

/// True when nobody but this user and the administrators can write what `path` leads to.
pub(crate) fn only_user_writes(path: &Path) -> io::Result<bool> {
    let security = Security::at(path)?;
    Ok(security.owner() != Owner::Other && !security.lets_others(WRITING))
}

/// True when nobody but this user and the administrators can read what `path` leads to.
pub(crate) fn only_user_reads(path: &Path) -> io::Result<bool> {
    let security = Security::at(path)?;
    Ok(security.owner() != Owner::Other && !security.lets_others(READING))
}

/// True when `path` is a folder of this user's own, into which nobody else can write; a link is none.
pub(crate) fn is_own_folder(path: &Path) -> io::Result<bool> {
    let folder = open_itself(path, READ_CONTROL | READ_ATTRIBUTES)?;
    let security = Security::of(&folder)?;
    let is_own = security.owner() == Owner::User && !security.lets_others(WRITING);
    Ok(folder.metadata()?.is_dir() && is_own)
}

/// True when others than this user and the administrators can rename the folder `path`, or what is in it.
pub(crate) fn others_can_rename_in(path: &Path) -> io::Result<bool> {
    let security = Security::at(path)?;
    Ok(security.owner() == Owner::Other || security.lets_others(RENAMING))
}

/// True when `path` is a file that its user alone has access to.
pub(crate) fn is_private_file(path: &Path) -> bool {
    let check = || {
        let file = open_itself(path, READ_CONTROL | READ_ATTRIBUTES)?;
        Ok::<_, io::Error>(file.metadata()?.is_file() && Security::of(&file)?.is_private())
    };
    check().unwrap_or(false)
}

/// Its name says whether a file is a program.
pub(crate) fn is_executable(_: &Metadata) -> bool {
    true
}

/// Who may use a file, and whether it is read-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    access: FileAccess,
    is_read_only: bool,
}

impl Mode {
    /// Of the file `path`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let is_read_only = fs::symlink_metadata(path)?.permissions().readonly();
        let is_open = Security::of(&open_itself(path, READ_CONTROL)?)?.lets_others(u32::MAX);
        let access = if is_open { FileAccess::Readable } else { FileAccess::Private };
        Ok(Self { access, is_read_only })
    }

    /// That of a private file.
    pub(crate) fn private() -> Self {
        Self { access: FileAccess::Private, is_read_only: false }
    }

    /// The same for its owner, nothing for others.
    #[must_use]
    pub(crate) fn without_others(self) -> Self {
        Self { access: FileAccess::Private, ..self }
    }

    pub(crate) fn is_open_to_others(self) -> bool {
        self.access != FileAccess::Private
    }

    pub(crate) fn is_writable_by_owner(self) -> bool {
        !self.is_read_only
    }

    /// Gives it to `file`, which is at `path`.
    pub(crate) fn set(self, file: &File, path: &Path) -> io::Result<()> {
        set_access(file, path, self.access)
    }
}

/// Of `CreateFileW`.
const SHARE_DELETE: u32 = 4;
const SHARING_VIOLATION: i32 = 32;
