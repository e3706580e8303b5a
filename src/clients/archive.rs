//! The one program in an archive. Names in archives are only compared: nothing is written where they say.

use std::borrow::Cow;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Component, Path};

use flate2::bufread::MultiGzDecoder;
use tar::EntryType;
use zip::ZipArchive;

use super::checksum::{Checksum, Hasher};
use super::release::ArchiveKind;
use crate::base::types::MemberPattern;

/// Why an archive does not give the program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It cannot be read.
    #[error("it is damaged")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing in it has the name.
    #[error("there is no `{0}` in it")]
    Missing(MemberPattern),
    /// Two have, and neither is nearer to the root.
    #[error("there are several `{0}` in it")]
    Several(MemberPattern),
    /// What has the name is a link, a folder or a device.
    #[error("its `{0}` is not a file")]
    NotFile(MemberPattern),
    /// What has the name lies outside of the archive.
    #[error("its `{0}` is not below its root")]
    Outside(MemberPattern),
    /// A program is never as large.
    #[error("its `{0}` is larger than {limit} MiB", limit = LARGEST >> 20)]
    Large(MemberPattern),
    /// It is made to fill the disk or the memory.
    #[error("it unpacks to far more than a client has")]
    Bomb,
    /// The host's disk.
    #[error("{0}")]
    Disk(#[source] io::Error),
}

/// Writes the program in `archive` to `program`: the file called `member` that is nearest to the root. Returns its
/// checksum.
///
/// Errors: there is none, or no single one; the archive is damaged; `program` cannot be written.
pub(crate) fn extract(
    archive: &File,
    kind: ArchiveKind,
    member: &MemberPattern,
    program: &mut File,
) -> Result<Checksum, ArchiveError> {
    match kind {
        ArchiveKind::TarGz => extract_tar(archive, &EntryFilter::Named, member, program),
        ArchiveKind::Zip => extract_zip(archive, member, program),
    }
}

/// Which entry of a tar archive is wanted.
enum EntryFilter {
    /// The one with the program's name.
    Named,
    /// The one at this very path, to which a hard link leads.
    At(Vec<u8>),
}

/// Reads the archive once: what is found is written at once, and again when something nearer to the root comes.
fn extract_tar(
    archive: &File,
    wanted: &EntryFilter,
    member: &MemberPattern,
    program: &mut File,
) -> Result<Checksum, ArchiveError> {
    rewind(archive)?;
    let ahead = Cell::new(u64::MAX);
    let unpacked = Limited {
        inner: MultiGzDecoder::new(BufReader::with_capacity(BUFFER, archive)),
        left: LARGEST_WHOLE,
        ahead: &ahead,
    };
    let mut tar = tar::Archive::new(unpacked);
    let (mut search, mut link, mut checksum) = (BestMatch::default(), None, None);
    let mut unpacked_size = 0_u64;
    let mut entries = tar.entries().map_err(damaged)?;
    loop {
        // What comes before an entry is about it, its name above all, and kept in memory.
        ahead.set(LARGEST_NAME);
        let Some(entry) = entries.next() else { break };
        ahead.set(u64::MAX);
        let mut entry = entry.map_err(damaged)?;
        let location = match wanted {
            EntryFilter::Named => location(&entry.path_bytes(), member),
            EntryFilter::At(path) => (entry.path_bytes() == *path).then_some(Location::Depth(0)),
        };
        // Of what is sparse most is never in the archive, so that nothing else would count it.
        unpacked_size = unpacked_size.saturating_add(entry.size());
        if unpacked_size > LARGEST_WHOLE {
            return Err(ArchiveError::Bomb);
        }
        let kind = entry.header().entry_type();
        let is_link = kind == EntryType::Link && matches!(wanted, EntryFilter::Named);
        let is_file = matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse);
        if location.is_some_and(|location| search.offer(location, is_file || is_link)) {
            link = entry.link_name_bytes().filter(|_| is_link).map(Cow::into_owned);
            if is_file {
                empty(program)?;
                let size = entry.size();
                checksum = Some(copy(&mut entry, size, program, member)?);
            }
        }
        io::copy(&mut entry, &mut io::sink()).map_err(damaged)?;
    }
    ahead.set(u64::MAX);
    // Only at its end does it say whether all of it was right.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(damaged)?;
    search.verdict(member)?;
    match (link, checksum) {
        (Some(path), _) => extract_tar(archive, &EntryFilter::At(path), member, program),
        (None, checksum) => checksum.ok_or_else(|| ArchiveError::Missing(member.clone())),
    }
}

fn extract_zip(archive: &File, member: &MemberPattern, program: &mut File) -> Result<Checksum, ArchiveError> {
    rewind(archive)?;
    let mut zip =
        ZipArchive::new(BufReader::new(archive)).map_err(|error| ArchiveError::Damaged(error.into()))?;
    let (mut search, mut found) = (BestMatch::default(), 0);
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(|error| ArchiveError::Damaged(error.into()))?;
        let is_file = entry.is_file() && !entry.is_symlink();
        if location(entry.name_raw(), member).is_some_and(|location| search.offer(location, is_file)) {
            found = index;
        }
    }
    search.verdict(member)?;
    let mut entry = zip.by_index(found).map_err(|error| ArchiveError::Damaged(error.into()))?;
    let size = entry.size();
    copy(&mut entry, size, program, member)
}

/// Where in an archive something with the program's name is.
enum Location {
    /// So many folders deep.
    Depth(usize),
    /// Not below the root.
    Outside,
}

/// What was found so far.
#[derive(Default)]
struct BestMatch {
    /// How deep the best one is.
    best: Option<usize>,
    /// There is another one as deep.
    is_tie: bool,
    is_outside: bool,
    is_no_file: bool,
}

impl BestMatch {
    /// Remembers what is at `location` when it is better than what was found before, and says whether it is.
    fn offer(&mut self, location: Location, is_file: bool) -> bool {
        match (location, self.best) {
            (Location::Outside, _) => self.is_outside = true,
            (Location::Depth(_), _) if !is_file => self.is_no_file = true,
            (Location::Depth(depth), Some(best)) if best == depth => self.is_tie = true,
            (Location::Depth(depth), Some(best)) if best < depth => {}
            (Location::Depth(depth), _) => {
                (self.best, self.is_tie) = (Some(depth), false);
                return true;
            }
        }
        false
    }

    /// Errors: there was nothing, or no single one.
    fn verdict(&self, member: &MemberPattern) -> Result<(), ArchiveError> {
        let member = member.clone();
        match self.best {
            Some(_) if self.is_tie => Err(ArchiveError::Several(member)),
            Some(_) => Ok(()),
            None if self.is_outside => Err(ArchiveError::Outside(member)),
            None if self.is_no_file => Err(ArchiveError::NotFile(member)),
            None => Err(ArchiveError::Missing(member)),
        }
    }
}

/// Where `path` is, if its last part is the name that is wanted. Windows' `\` parts nothing here: such a name is no
/// program's.
fn location(path: &[u8], member: &MemberPattern) -> Option<Location> {
    let path = std::str::from_utf8(path).ok()?;
    let name = path.rsplit('/').next()?;
    if !member.matches(name) {
        return None;
    }
    let mut depth = 0;
    for part in Path::new(path).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Some(Location::Outside);
            }
        }
    }
    Some(Location::Depth(depth))
}

/// Copies all of `from`, of which there may be no more than [`LARGEST`] bytes; `size` is what the archive says of it.
fn copy(
    from: &mut impl Read,
    size: u64,
    to: &mut File,
    member: &MemberPattern,
) -> Result<Checksum, ArchiveError> {
    if size > LARGEST {
        return Err(ArchiveError::Large(member.clone()));
    }
    let mut buffer = vec![0; BUFFER];
    let (mut copied, mut hasher) = (0, Hasher::default());
    loop {
        let read = from.read(&mut buffer).map_err(damaged)?;
        if read == 0 {
            return Ok(hasher.sha256());
        }
        copied += read as u64;
        if copied > LARGEST {
            return Err(ArchiveError::Large(member.clone()));
        }
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(ArchiveError::Disk)?;
    }
}

fn empty(file: &mut File) -> Result<(), ArchiveError> {
    rewind(file)?;
    file.set_len(0).map_err(ArchiveError::Disk)
}

fn rewind(mut file: &File) -> Result<(), ArchiveError> {
    file.rewind().map_err(ArchiveError::Disk)
}

fn damaged(error: io::Error) -> ArchiveError {
    match error.get_ref() {
        Some(inner) if inner.is::<TooMuch>() => ArchiveError::Bomb,
        _ => ArchiveError::Damaged(error.into()),
    }
}

/// A reader that gives up after so many bytes.
struct Limited<'a, R> {
    inner: R,
    left: u64,
    /// The same, for as long as nobody sets it anew.
    ahead: &'a Cell<u64>,
}

#[derive(Debug, thiserror::Error)]
#[error("too much")]
struct TooMuch;

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let less = |left: u64| left.checked_sub(read as u64).ok_or_else(|| io::Error::other(TooMuch));
        self.left = less(self.left)?;
        self.ahead.set(less(self.ahead.get())?);
        Ok(read)
    }
}

/// No client comes near.
const LARGEST: u64 = 1 << 30;
/// Some archives hold servers too.
const LARGEST_WHOLE: u64 = 4 << 30;
/// No file system allows longer ones.
const LARGEST_NAME: u64 = 1 << 20;
const BUFFER: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// An entry of an archive: its path, its kind and its content, or where it leads.
    type Entry<'e> = (&'e str, EntryType, &'e str);

    const FILE: EntryType = EntryType::Regular;

    fn tar_gz(entries: &[Entry]) -> File {
        let mut tar = Builder::new(GzEncoder::new(tempfile::tempfile().unwrap(), Compression::fast()));
        for (path, kind, content) in entries {
            let mut header = Header::new_gnu();
            // The library refuses to write what it should be tried with.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            let is_link = matches!(*kind, EntryType::Link | EntryType::Symlink);
            if is_link {
                header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
            }
            let body = if is_link { "" } else { content };
            header.set_size(body.len() as u64);
            header.set_mode(0o755);
            header.set_cksum();
            tar.append(&header, body.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn zip(entries: &[(&str, &str)]) -> File {
        let mut zip = ZipWriter::new(tempfile::tempfile().unwrap());
        for (path, content) in entries {
            zip.start_file(*path, SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap()
    }

    fn extracted(archive: &File, kind: ArchiveKind, member: &str) -> Result<String, String> {
        let mut program = tempfile::tempfile().unwrap();
        let member = MemberPattern::parse(member).unwrap();
        extract(archive, kind, &member, &mut program).map_err(|error| error.to_string())?;
        rewind(&program).unwrap();
        Ok(io::read_to_string(program).unwrap())
    }

    fn from_tar(entries: &[Entry]) -> Result<String, String> {
        extracted(&tar_gz(entries), ArchiveKind::TarGz, "oc")
    }

    #[test]
    fn the_file_nearest_to_the_root_is_the_program() {
        let deep = ("docker/completion/bash/oc", FILE, "completion");
        for entries in [[deep, ("docker/oc", FILE, "program")], [("./docker/oc", FILE, "program"), deep]] {
            assert_eq!(from_tar(&entries).as_deref(), Ok("program"));
        }
        let longer = ("oc", FILE, "a much longer text than the other");
        assert_eq!(from_tar(&[("x/oc", FILE, "short"), longer]).as_deref(), Ok(longer.2));
        assert_eq!(from_tar(&[("x/oc", FILE, longer.2), ("oc", FILE, "short")]).as_deref(), Ok("short"));
        assert_eq!(
            from_tar(&[("a/oc", FILE, "1"), ("b/oc", FILE, "2")]).unwrap_err(),
            "there are several `oc` in it"
        );
        assert_eq!(
            from_tar(&[("oc", FILE, "1"), ("./oc", FILE, "2")]).unwrap_err(),
            "there are several `oc` in it"
        );
        for name in ["doc", "oc.exe", "oc/x", "OC"] {
            assert_eq!(from_tar(&[(name, FILE, "")]).unwrap_err(), "there is no `oc` in it", "{name}");
        }
    }

    #[test]
    fn a_hard_link_leads_to_another_file_of_the_archive() {
        let link = ("oc", EntryType::Link, "kubectl");
        for entries in [[("kubectl", FILE, "program"), link], [link, ("kubectl", FILE, "program")]] {
            assert_eq!(from_tar(&entries).as_deref(), Ok("program"));
        }
        assert_eq!(from_tar(&[link]).unwrap_err(), "there is no `oc` in it");
        assert_eq!(
            from_tar(&[link, ("kubectl", EntryType::Link, "oc")]).unwrap_err(),
            "its `oc` is not a file"
        );
        assert_eq!(
            from_tar(&[("oc", EntryType::Link, "/etc/passwd")]).unwrap_err(),
            "there is no `oc` in it"
        );
    }

    #[test]
    fn nothing_but_a_file_below_the_root_is_a_program() {
        for kind in [EntryType::Symlink, EntryType::Char, EntryType::Fifo, EntryType::Directory] {
            assert_eq!(
                from_tar(&[("oc", kind, "/etc/passwd")]).unwrap_err(),
                "its `oc` is not a file",
                "{kind:?}"
            );
        }
        for path in ["../oc", "/oc", "a/../../oc", "a/../oc"] {
            assert_eq!(
                from_tar(&[(path, FILE, "x")]).unwrap_err(),
                "its `oc` is not below its root",
                "{path}"
            );
        }
        // What others are called does not matter: they are not written.
        assert_eq!(from_tar(&[("../x", FILE, "x"), ("oc", FILE, "program")]).as_deref(), Ok("program"));
    }

    #[test]
    fn zip_archives_follow_the_same_rules() {
        let from_zip = |entries: &[(&str, &str)]| extracted(&zip(entries), ArchiveKind::Zip, "podman*.exe");
        assert_eq!(from_zip(&[("a/b/podman.exe", "program"), ("README", "")]).as_deref(), Ok("program"));
        assert_eq!(
            from_zip(&[("podman-x.exe", "1"), ("podman.exe", "2")]).unwrap_err(),
            "there are several `podman*.exe` in it"
        );
        assert_eq!(
            from_zip(&[("../podman.exe", "")]).unwrap_err(),
            "its `podman*.exe` is not below its root"
        );
        assert_eq!(from_zip(&[("podman", "")]).unwrap_err(), "there is no `podman*.exe` in it");
    }

    #[test]
    fn what_is_no_archive_is_damaged() {
        let file = |content: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(content).unwrap();
            file
        };
        for content in [&b""[..], b"<html>", b"\x1f\x8b\x08\0"] {
            for kind in [ArchiveKind::TarGz, ArchiveKind::Zip] {
                let error = extracted(&file(content), kind, "oc").unwrap_err();
                assert!(error == "it is damaged" || content.is_empty(), "{error}");
            }
        }
        let mut whole = tar_gz(&[("oc", FILE, &"program".repeat(1000))]);
        let length = whole.seek(io::SeekFrom::End(0)).unwrap();
        whole.set_len(length / 2).unwrap();
        assert_eq!(extracted(&whole, ArchiveKind::TarGz, "oc").unwrap_err(), "it is damaged");
    }

    #[test]
    fn what_unpacks_without_end_is_given_up() {
        for (left, ahead) in [(1000, u64::MAX), (u64::MAX, 1000)] {
            let mut endless = Limited { inner: io::repeat(0), left, ahead: &Cell::new(ahead) };
            let error = io::copy(&mut endless, &mut io::sink()).unwrap_err();
            assert!(matches!(damaged(error), ArchiveError::Bomb));
        }
    }
}
