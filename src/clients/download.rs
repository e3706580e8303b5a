//! Fetching files: over HTTP with the user's proxies and the system's authorities, or from a folder that mirrors a
//! publisher. What breaks off is resumed, what passes is tried again, and nothing is waited for without a limit.

use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::blocking::{Client, Response};
use reqwest::{StatusCode, Url, header, redirect};
use rustls::crypto::ring;

use super::checksum::{ChecksumAlgorithm, Computed, Hasher};
use super::download_error::{DownloadError, MOST_REDIRECTS, RedirectRefused};
use super::events::{Event, Watcher};
use super::http_headers::{content_length, content_range, retry_after, validator};
use super::mirror::{FILE, Mirrors, without_password};
use super::throughput::ThroughputGuard;
use crate::base::files::{self, PartialFile};
use crate::base::platform::believe;
use crate::base::timeouts;

/// Fetches files.
pub(crate) struct Fetcher<'w> {
    http: Client,
    mirrors: Mirrors,
    unusable_proxy: Option<&'static str>,
    idle_timeout: Duration,
    watcher: Watcher<'w>,
}

/// A file that exists, before its content is read.
pub(crate) struct Opened {
    /// The address that was asked for.
    pub url: String,
    /// The end of the address that it led to, decoded; none for a file of this host.
    led_to: Option<String>,
    body: Box<dyn Read>,
    /// Where in the file `body` begins.
    offset: u64,
    /// The length of the whole file, if it is known.
    total: Option<u64>,
    validator: Option<String>,
}

/// What a publisher has at an address.
pub(crate) enum Lookup<T> {
    /// The file.
    Found(T),
    /// Nothing: the server's answer, in words.
    NotFound(String),
}

impl<'w> Fetcher<'w> {
    /// Prepares to fetch; nothing that stays silent for `idle_timeout` is waited for, and nothing is asked of a server while
    /// the variable `unusable_proxy` names no proxy.
    ///
    /// Errors: the system's authorities cannot be read.
    pub(crate) fn new(
        mirrors: Mirrors,
        authorities: Option<&Path>,
        unusable_proxy: Option<&'static str>,
        idle_timeout: Duration,
        watcher: Watcher<'w>,
    ) -> Result<Self, DownloadError> {
        // It is there already when this is not the first one.
        let _ = ring::default_provider().install_default();
        let allowed = mirrors.clone();
        let policy = redirect::Policy::custom(move |attempt| {
            let is_https = |url: &reqwest::Url| url.scheme() == "https";
            let was_https = attempt.previous().iter().any(is_https);
            if !is_https(attempt.url()) && (was_https || !allowed.allows(attempt.url())) {
                attempt.error(RedirectRefused::Unsafe)
            } else if attempt.previous().len() > MOST_REDIRECTS {
                attempt.error(RedirectRefused::Endless)
            } else {
                attempt.follow()
            }
        });
        let believing = believe(Client::builder(), authorities).map_err(DownloadError::Authorities)?;
        let http = believing
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(policy)
            .connect_timeout(idle_timeout)
            .timeout(idle_timeout)
            .build()
            .map_err(|error| DownloadError::from_request(&error))?;
        Ok(Self { http, mirrors, unusable_proxy, idle_timeout, watcher })
    }

    /// The text at `url`. The statuses `missing`, besides 404 and 410, say that there is none.
    ///
    /// Errors: those of fetching it; it is no text, or longer than a file of checksums.
    pub(crate) fn text(&self, url: &str, missing: &[u16]) -> Result<Lookup<String>, DownloadError> {
        self.with_retries(url, || match self.open_at(url, None, missing)? {
            Lookup::NotFound(answer) => Ok(Lookup::NotFound(answer)),
            Lookup::Found(opened) => self.read_text(opened).map(Lookup::Found),
        })
    }

    /// What `read` makes of the end of the address that `url` leads to, else of the text there; none when it is neither.
    ///
    /// Errors: those of [`Self::text`].
    pub(crate) fn named_at<T>(
        &self,
        url: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Lookup<Option<T>>, DownloadError> {
        self.with_retries(url, || match self.open_at(url, None, &[])? {
            Lookup::NotFound(answer) => Ok(Lookup::NotFound(answer)),
            Lookup::Found(opened) => {
                let by_address = opened.led_to.as_deref().and_then(&read);
                let named = match by_address {
                    Some(named) => Some(named),
                    None => read(self.read_text(opened)?.trim()),
                };
                Ok(Lookup::Found(named))
            }
        })
    }

    fn read_text(&self, opened: Opened) -> Result<String, DownloadError> {
        let mut bytes = Vec::new();
        let mut body = opened.body.take(LONGEST_TEXT + 1);
        let (mut throughput, mut buffer) = (ThroughputGuard::new(self.idle_timeout), vec![0; BUFFER]);
        loop {
            match body.read(&mut buffer).map_err(|error| DownloadError::from_body(&error))? {
                0 => break,
                read => {
                    bytes.extend_from_slice(&buffer[..read]);
                    throughput.record(read)?;
                }
            }
        }
        if bytes.len() as u64 > LONGEST_TEXT {
            return Err(DownloadError::TooLarge { limit: LONGEST_TEXT });
        }
        String::from_utf8(bytes).map_err(|_| DownloadError::NotText)
    }

    /// Asks for the file at `url`, the rest of it when `partial` holds its beginning. The statuses `missing`, besides 404
    /// and 410, say that there is none.
    ///
    /// Errors: those of fetching it.
    pub(crate) fn open(
        &self,
        url: &str,
        partial: &PartialFile,
        missing: &[u16],
    ) -> Result<Lookup<Opened>, DownloadError> {
        self.with_retries(url, || self.open_at(url, Some(partial), missing))
    }

    /// Reads all of `opened` into `partial`, and again from where it breaks off. Returns the file's checksums: SHA-256,
    /// and `other`.
    ///
    /// Errors: those of fetching and of writing it. `partial` keeps what came so far.
    pub(crate) fn save(
        &self,
        opened: Opened,
        partial: &mut PartialFile,
        other: Option<ChecksumAlgorithm>,
    ) -> Result<Computed, DownloadError> {
        let url = opened.url.clone();
        let mut seen = HashedBytes { hasher: Hasher::new(other), length: 0, other };
        let (mut next, mut attempt, mut furthest) = (Some(opened), 0, partial.length());
        loop {
            let opened = match next.take() {
                Some(opened) => opened,
                None => match self.open(&url, partial, &[])? {
                    Lookup::Found(opened) => opened,
                    Lookup::NotFound(answer) => {
                        return Err(DownloadError::Network(format!("it is gone: {answer}")));
                    }
                },
            };
            let Err(error) = self.take_in(opened, partial, &mut seen) else {
                return Ok(seen.hasher.finish());
            };
            // A download that makes progress may take as long as it needs; one that begins anew each time may not.
            if partial.length() >= furthest + RETRY_RESET_BYTES {
                (attempt, furthest) = (0, partial.length());
            }
            self.pause_or_give_up(&url, error, &mut attempt)?;
        }
    }

    /// Reads `opened` to its end.
    fn take_in(
        &self,
        mut opened: Opened,
        partial: &mut PartialFile,
        seen: &mut HashedBytes,
    ) -> Result<(), DownloadError> {
        partial
            .begin(&opened.url, opened.validator.as_deref(), opened.offset)
            .map_err(DownloadError::Disk)?;
        seen.catch_up(partial).map_err(DownloadError::Disk)?;
        (self.watcher)(&Event::Started { url: &opened.url, done: seen.length, total: opened.total });
        let mut throughput = ThroughputGuard::new(self.idle_timeout);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = opened.body.read(&mut buffer).map_err(|error| DownloadError::from_body(&error))?;
            if read == 0 {
                break;
            }
            partial.append(&buffer[..read]).map_err(DownloadError::Disk)?;
            seen.take(&buffer[..read]);
            if seen.length > LARGEST {
                return Err(DownloadError::TooLarge { limit: LARGEST });
            }
            (self.watcher)(&Event::Received { done: seen.length });
            throughput.record(read)?;
        }
        match opened.total {
            Some(total) if seen.length != total => Err(DownloadError::Short { got: seen.length, total }),
            _ => Ok(()),
        }
    }

    fn open_at(
        &self,
        url: &str,
        partial: Option<&PartialFile>,
        missing: &[u16],
    ) -> Result<Lookup<Opened>, DownloadError> {
        let publisher = Url::parse(url).map_err(|_| DownloadError::NoAddress)?;
        let address = self.mirrors.address(&publisher);
        if address.scheme() == FILE {
            let path = address.to_file_path().map_err(|()| DownloadError::NoAddress)?;
            return open_file(url, &path);
        }
        if let Some(variable) = self.unusable_proxy {
            return Err(DownloadError::ProxyAddress { variable });
        }
        let rest = partial.and_then(|partial| partial.rest_of(url));
        let mut request = self.http.get(address.clone());
        if let Some((length, validator)) = &rest {
            request = request
                .header(header::RANGE, format!("bytes={length}-"))
                .header(header::IF_RANGE, *validator);
        }
        log::debug!("downloading {}", without_password(address.as_str()));
        let response = request.send().map_err(|error| DownloadError::from_request(&error))?;
        log::debug!("the answer is HTTP {}", response.status());
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let Some((length, known)) = rest else {
                    return Err(DownloadError::Status(StatusCode::PARTIAL_CONTENT, None));
                };
                let is_same = validator(response.headers()).is_none_or(|now| now == known);
                match content_range(response.headers()) {
                    Some((offset, total)) if offset == length && is_same => {
                        Ok(Lookup::Found(opened(url, response, offset, total)))
                    }
                    _ => self.open_at(url, None, missing),
                }
            }
            StatusCode::OK => {
                let total = content_length(response.headers());
                Ok(Lookup::Found(opened(url, response, 0, total)))
            }
            StatusCode::RANGE_NOT_SATISFIABLE if rest.is_some() => self.open_at(url, None, missing),
            status
                if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
                    || missing.contains(&status.as_u16()) =>
            {
                Ok(Lookup::NotFound(format!("HTTP {}", status.as_u16())))
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(DownloadError::ProxyLogin),
            status => Err(DownloadError::Status(status, retry_after(response.headers()))),
        }
    }

    fn with_retries<T>(
        &self,
        url: &str,
        mut work: impl FnMut() -> Result<T, DownloadError>,
    ) -> Result<T, DownloadError> {
        let mut attempt = 0;
        loop {
            match work() {
                Ok(done) => return Ok(done),
                Err(error) => self.pause_or_give_up(url, error, &mut attempt)?,
            }
        }
    }

    fn pause_or_give_up(
        &self,
        url: &str,
        error: DownloadError,
        attempt: &mut u32,
    ) -> Result<(), DownloadError> {
        let pause = error.pause(*attempt);
        if !error.is_transient() || *attempt >= RETRIES || pause > timeouts::LONGEST_RETRY {
            return Err(error);
        }
        *attempt += 1;
        (self.watcher)(&Event::Retrying { url, error: &error });
        thread::sleep(pause);
        Ok(())
    }
}

/// The part of a partial file that its hasher has seen.
struct HashedBytes {
    hasher: Hasher,
    length: u64,
    other: Option<ChecksumAlgorithm>,
}

impl HashedBytes {
    /// Sees all that is in `partial`, which may be from an earlier run, or begun anew.
    fn catch_up(&mut self, partial: &mut PartialFile) -> io::Result<()> {
        if self.length != partial.length() {
            self.hasher = Hasher::new(self.other);
            partial.copy(&mut self.hasher)?;
            self.length = partial.length();
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }
}

fn opened(url: &str, response: Response, offset: u64, total: Option<u64>) -> Opened {
    let validator = validator(response.headers());
    let end = response.url().path_segments().and_then(Iterator::last);
    let led_to = end.and_then(|end| Some(percent_decode_str(end).decode_utf8().ok()?.into_owned()));
    Opened { url: url.to_owned(), led_to, body: Box::new(response), offset, total, validator }
}

fn open_file(url: &str, path: &Path) -> Result<Lookup<Opened>, DownloadError> {
    let file = match files::open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Lookup::NotFound(format!("no file `{}`", path.display())));
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Ok(Lookup::NotFound(format!("`{}` is not a file", path.display())));
        }
        Err(error) => return Err(DownloadError::Disk(error)),
    };
    let meta = file.metadata().map_err(DownloadError::Disk)?;
    Ok(Lookup::Found(Opened {
        url: url.to_owned(),
        led_to: None,
        body: Box::new(file),
        offset: 0,
        total: Some(meta.len()),
        validator: None,
    }))
}

const RETRIES: u32 = 3;
/// After so many bytes the attempts are counted anew.
const RETRY_RESET_BYTES: u64 = 1 << 20;
/// No client comes near, and no images that are put into guests: those of k3s have a third of it.
const LARGEST: u64 = 1 << 30;
const LONGEST_TEXT: u64 = 1 << 20;
const BUFFER: usize = 128 << 10;
