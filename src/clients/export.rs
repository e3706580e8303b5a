//! A folder that serves as a mirror: the files that the clients in the cache are from, as their publishers have them.

use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::cache::{Cache, Installed, Receipt, checksum_of};
use super::download::{Fetcher, Lookup};
use super::error::{Attempt, Error};
use super::release_files::CachedReleaseFile;
use crate::base::files::{self, PartialFile};

/// Fetches what `installed` is from, compares it with what it was, and puts it below `folder`, under its address, with
/// the publisher's checksums. Returns the paths of both.
///
/// Errors: it cannot be fetched, is another file by now, or cannot be written.
pub(crate) fn export(
    installed: &Installed,
    cache: &Cache,
    fetcher: &Fetcher,
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let receipt = &installed.receipt;
    let path = below(folder, &receipt.url);
    if checksum_of(&path).ok().as_ref() != Some(&receipt.checksum) {
        let held = cache.lock(&installed.release(), || ())?;
        let mut partial = held.partial()?;
        if let Err(error) = fetch(receipt, fetcher, &mut partial) {
            partial.discard();
            return Err(error);
        }
        partial.put(&path)?;
    }
    let mut paths = vec![path];
    if let Some(url) = &receipt.published {
        let failed = |source| Error::Download { url: url.clone(), source };
        match fetcher.text(url, &[]).map_err(failed)? {
            Lookup::Found(text) => {
                let path = below(folder, url);
                files::put_text(&path, &text)?;
                paths.push(path);
            }
            Lookup::NotFound(answer) => return Err(gone(receipt, url, answer)),
        }
    }
    Ok(paths)
}

/// Copies `file`, which was put into machines, below `folder`, under its address, with the publisher's checksums. Returns the
/// paths of both.
///
/// Errors: it is another file by now, its checksums cannot be fetched, or one of them cannot be written.
pub(crate) fn export_release(
    file: &CachedReleaseFile,
    fetcher: &Fetcher,
    folder: &Path,
) -> Result<[PathBuf; 2], Error> {
    let CachedReleaseFile { url, checksums_url, .. } = file;
    let (path, checksums) = (below(folder, url), below(folder, checksums_url));
    let sum = |path: &Path| checksum_of(path).ok().map(|checksum| checksum.hex().to_owned());
    if sum(&path).as_deref() != Some(file.sha256.as_str()) {
        let got = sum(&file.path).unwrap_or_default();
        if got != file.sha256.as_str() {
            return Err(Error::ReleaseMismatch { url: url.clone(), expected: file.sha256.to_string(), got });
        }
        files::put_copy(&file.path, &path)?;
    }
    let failed = |source| Error::Download { url: checksums_url.clone(), source };
    match fetcher.text(checksums_url, &[]).map_err(failed)? {
        Lookup::Found(text) => files::put_text(&checksums, &text)?,
        Lookup::NotFound(answer) => {
            let attempts = vec![Attempt { url: checksums_url.clone(), answer }];
            return Err(Error::ChecksumMissing { url: url.clone(), attempts });
        }
    }
    Ok([path, checksums])
}

/// Where a mirror has the file at `url`, below its folder.
pub(crate) fn path_in_mirror(url: &str) -> PathBuf {
    below(Path::new(""), url)
}

/// Fetches the file that the client is from; it has to be the same one.
fn fetch(receipt: &Receipt, fetcher: &Fetcher, partial: &mut PartialFile) -> Result<(), Error> {
    let url = &receipt.url;
    let failed = |source| Error::Download { url: url.clone(), source };
    let opened = match fetcher.open(url, partial, &[]).map_err(failed)? {
        Lookup::Found(opened) => opened,
        Lookup::NotFound(answer) => return Err(gone(receipt, url, answer)),
    };
    let got = fetcher.save(opened, partial, None).map_err(failed)?.sha256;
    if got == receipt.checksum {
        return Ok(());
    }
    Err(Error::ChecksumMismatch {
        url: url.clone(),
        expected: vec![receipt.checksum.to_string()],
        authority: "the receipt".to_owned(),
        sha256: got.to_string(),
        got: got.to_string(),
    })
}

fn gone(receipt: &Receipt, url: &str, answer: String) -> Error {
    let (program, version) = (receipt.program.to_string(), receipt.version.to_string());
    let attempts = vec![Attempt { url: url.to_owned(), answer }];
    Error::NotPublished { program, version, platform: receipt.platform.to_string(), attempts }
}

/// Where the file at `url` is below `folder`; nothing in an address leads up.
fn below(folder: &Path, url: &str) -> PathBuf {
    // As the address of a folder is read.
    let path = percent_decode_str(url.trim_start_matches("https://")).decode_utf8_lossy();
    let parts = Path::new(&*path).components().filter(|part| matches!(part, Component::Normal(_)));
    folder.join(parts.collect::<PathBuf>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_below_the_folder() {
        let below = |url| below(Path::new("/mirror"), url);
        assert_eq!(below("https://dl.k8s.io/release/x"), Path::new("/mirror/dl.k8s.io/release/x"));
        assert_eq!(below("https://a/../../etc/passwd"), Path::new("/mirror/a/etc/passwd"));
        assert_eq!(below("https:///etc/passwd"), Path::new("/mirror/etc/passwd"));
        assert_eq!(below("https://a/v1.31.5%2Bk3s1/k3s"), Path::new("/mirror/a/v1.31.5+k3s1/k3s"));
        assert_eq!(below("https://a/%2e%2e/%2E%2E%2Fb"), Path::new("/mirror/a/b"));
    }
}
