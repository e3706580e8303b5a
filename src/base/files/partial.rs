//! A download that is not complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic::{Unfinished, persist_unsynced};
use super::copy::put;
use super::error::Error;
use super::read::read_foreign;
use crate::base::platform::{FileAccess, open_with_access, rename, set_access, sync_folder};

/// A file that arrives bit by bit, and where from.
#[derive(Debug)]
pub(crate) struct PartialFile {
    path: PathBuf,
    file: File,
    length: u64,
    origin: Option<PartialOrigin>,
}

/// Where a partial file is from, and what tells whether it is still the same there.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PartialOrigin {
    url: String,
    validator: Option<String>,
}

impl PartialFile {
    /// The download that was begun in `folder`, which the caller holds, or a new one.
    ///
    /// Errors: it cannot be opened.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(PARTIAL);
        let failed = |source| Error::Write { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        let file = open_with_access(&mut options, &path, FileAccess::Readable).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let origin = read_foreign(&origin_of(&path), LONGEST_ORIGIN);
        let origin = origin.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(Self { path, file, length, origin })
    }

    /// How many bytes are there.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// What to read it from.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where the rest of the file at `url` begins, and what tells whether that is still the same file; none when nothing
    /// of it is here.
    pub(crate) fn rest_of(&self, url: &str) -> Option<(u64, &str)> {
        let origin = self.origin.as_ref().filter(|origin| origin.url == url)?;
        let validator = origin.validator.as_deref()?;
        (self.length > 0).then_some((self.length, validator))
    }

    /// Prepares for bytes of the file at `url` from `offset` on.
    ///
    /// Errors: the disk's.
    pub(crate) fn begin(&mut self, url: &str, validator: Option<&str>, offset: u64) -> io::Result<()> {
        let origin = PartialOrigin { url: url.to_owned(), validator: validator.map(ToOwned::to_owned) };
        if offset != self.length {
            self.file.set_len(offset)?;
            self.length = offset;
        }
        if self.origin.as_ref() != Some(&origin) {
            // Until it is written the bytes are nobody's.
            let folder = self.path.parent().unwrap_or(&self.path);
            let text = serde_json::to_vec(&origin)?;
            let written = Unfinished::of_folder(folder).with(&text, FileAccess::Readable)?;
            persist_unsynced(written, &origin_of(&self.path))?;
            self.origin = Some(origin);
        }
        Ok(())
    }

    /// Adds the next bytes.
    ///
    /// Errors: the disk's.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Writes all bytes `to` something else.
    ///
    /// Errors: the disk's, and the other's.
    pub(crate) fn copy(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.file.rewind()?;
        io::copy(&mut BufReader::with_capacity(BUFFER, &self.file), to).map(|_| ())
    }

    /// Puts it at `path`, for all to read.
    ///
    /// Errors: the folder cannot be created, or the file not written.
    pub(crate) fn put(self, path: &Path) -> Result<(), Error> {
        let put = || {
            (&self.file).rewind()?;
            put(path, &mut &self.file, FileAccess::Readable)
        };
        put().map_err(|source| Error::Write { path: path.to_owned(), source })?;
        self.discard();
        Ok(())
    }

    /// Puts it at `path` in its folder, for all to run.
    pub(super) fn become_program(self, path: &Path) -> io::Result<()> {
        let Self { path: from, file, .. } = self;
        set_access(&file, &from, FileAccess::Program)?;
        file.sync_all()?;
        // Nobody can run what somebody may still write.
        drop(file);
        rename(&from, path)?;
        path.parent().map_or(Ok(()), sync_folder)?;
        // Left behind it would describe nothing.
        let _ = fs::remove_file(origin_of(&from));
        Ok(())
    }

    /// Removes it, if nothing has come yet.
    pub(crate) fn discard_if_empty(self) {
        if self.length == 0 {
            self.discard();
        }
    }

    /// Removes it.
    pub(crate) fn discard(self) {
        // What stays is begun anew by the next one.
        let _ = fs::remove_file(origin_of(&self.path));
        let _ = fs::remove_file(&self.path);
    }
}

fn origin_of(partial: &Path) -> PathBuf {
    partial.with_file_name(ORIGIN)
}

/// The name of a download that is not complete.
pub(crate) const PARTIAL: &str = ".partial";
const ORIGIN: &str = ".partial.json";
/// An address and what the server says of the file.
const LONGEST_ORIGIN: u64 = 64 << 10;
const BUFFER: usize = 128 << 10;
