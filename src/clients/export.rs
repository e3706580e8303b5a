//! A folder that serves as a mirror: the files that the clients in the cache are from, as their publishers have them.

use std::path::{Component, Path, PathBuf};

use super::cache::{Cache, Installed, Receipt, checksum_of};
use super::download::{Fetcher, Lookup};
use super::error::{Attempt, Error};
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
    let path = Path::new(url.trim_start_matches("https://"));
    let parts = path.components().filter(|part| matches!(part, Component::Normal(_)));
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
    }
}
