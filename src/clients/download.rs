//! Fetching files: over HTTP with the user's proxies and the system's authorities, or from a folder that mirrors a
//! publisher. What breaks off is resumed, what passes is tried again, and nothing is waited for without a limit.

use std::error::Error as StdError;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use reqwest::header::{self, HeaderMap};
use reqwest::{StatusCode, redirect};
use rustls::crypto::ring;

use super::checksum::{Algorithm, Computed, Hasher};
use super::mirror::{Mirrors, without_password};
use super::{Event, Watcher};
use crate::access::tls::tls_error;
use crate::base::causes::chain;
use crate::base::files::PartialFile;

/// Fetches files.
pub struct Fetcher<'w> {
    http: Client,
    mirrors: Mirrors,
    patience: Duration,
    watcher: Watcher<'w>,
}

/// A file that exists, before its content is read.
pub struct Opened {
    /// The address that was asked for.
    pub url: String,
    body: Box<dyn Read>,
    /// Where in the file `body` begins.
    offset: u64,
    /// The length of the whole file, if it is known.
    total: Option<u64>,
    validator: Option<String>,
}

/// What is found at an address.
pub enum Found<T> {
    /// It is there.
    Here(T),
    /// It is not: the server's answer.
    Nowhere(String),
}

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The server has no good answer.
    #[error("the server answers HTTP {0}")]
    Status(StatusCode, Option<Duration>),
    /// No answer, or it broke off.
    #[error("{0}")]
    Network(String),
    /// Some bytes came, and then too few.
    #[error("it is too slow: less than {SLOWEST} bytes a second for {} s", .0.as_secs_f32())]
    Slow(Duration),
    /// It ended before its end.
    #[error("it ended after {got} of {total} bytes")]
    Short {
        /// What came.
        got: u64,
        /// What should have come.
        total: u64,
    },
    /// The server's certificate.
    #[error("the server's certificate is not trusted")]
    Tls(#[source] rustls::Error),
    /// A proxy that wants to know who asks.
    #[error("the proxy wants a user and a password")]
    Proxy,
    /// A redirection that is not followed.
    #[error("{0}")]
    Redirect(#[from] Refused),
    /// It is larger than any of its kind.
    #[error("it is larger than {} MiB", .limit >> 20)]
    Large {
        /// How large it might be, in bytes.
        limit: u64,
    },
    /// The host's disk.
    #[error("{0}")]
    Disk(#[source] io::Error),
    /// It is no text.
    #[error("it is no text")]
    NotText,
}

/// Why a redirection is not followed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Refused {
    /// From https to something that anybody on the way can change.
    #[error("the server redirects to an address that is not https")]
    Unsafe,
    /// It may go on for ever.
    #[error("the server redirects more than {MOST_REDIRECTS} times")]
    Endless,
}

impl Fault {
    /// True when another attempt may go well.
    fn passes(&self) -> bool {
        match self {
            Self::Status(status, _) => {
                status.is_server_error()
                    || matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
            Self::Network(_) | Self::Slow(_) | Self::Short { .. } => true,
            _ => false,
        }
    }

    /// How long to wait before that.
    fn pause(&self, attempt: u32) -> Duration {
        let asked = if let Self::Status(_, Some(asked)) = self { *asked } else { Duration::ZERO };
        asked.max(FIRST_PAUSE * 2_u32.pow(attempt))
    }
}

impl<'w> Fetcher<'w> {
    /// Prepares to fetch; nothing that stays silent for `patience` is waited for.
    ///
    /// Errors: the system's authorities cannot be read, or a proxy's address is none.
    pub fn new(mirrors: Mirrors, patience: Duration, watcher: Watcher<'w>) -> Result<Self, Fault> {
        // It is there already when this is not the first one.
        let _ = ring::default_provider().install_default();
        let allowed = mirrors.clone();
        let policy = redirect::Policy::custom(move |attempt| {
            let is_https = |url: &reqwest::Url| url.scheme() == "https";
            let was_https = attempt.previous().iter().any(is_https);
            if !is_https(attempt.url()) && (was_https || !allowed.allows(attempt.url().as_str())) {
                attempt.error(Refused::Unsafe)
            } else if attempt.previous().len() > MOST_REDIRECTS {
                attempt.error(Refused::Endless)
            } else {
                attempt.follow()
            }
        });
        let http = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(policy)
            .connect_timeout(patience)
            .timeout(patience)
            .build()
            .map_err(|error| fault(&error))?;
        Ok(Self { http, mirrors, patience, watcher })
    }

    /// The text at `url`.
    ///
    /// Errors: those of fetching it; it is no text, or longer than a file of checksums.
    pub fn text(&self, url: &str) -> Result<Found<String>, Fault> {
        self.with_retries(url, || match self.open_at(url, None)? {
            Found::Nowhere(answer) => Ok(Found::Nowhere(answer)),
            Found::Here(opened) => {
                let mut bytes = Vec::new();
                let mut body = opened.body.take(LONGEST_TEXT + 1);
                let (mut pace, mut buffer) = (Pace::new(self.patience), vec![0; BUFFER]);
                loop {
                    match body.read(&mut buffer).map_err(|error| read_fault(&error))? {
                        0 => break,
                        read => {
                            bytes.extend_from_slice(&buffer[..read]);
                            pace.keep(read)?;
                        }
                    }
                }
                if bytes.len() as u64 > LONGEST_TEXT {
                    return Err(Fault::Large { limit: LONGEST_TEXT });
                }
                String::from_utf8(bytes).map(Found::Here).map_err(|_| Fault::NotText)
            }
        })
    }

    /// Asks for the file at `url`, the rest of it when `partial` holds its beginning.
    ///
    /// Errors: those of fetching it.
    pub fn open(&self, url: &str, partial: &PartialFile) -> Result<Found<Opened>, Fault> {
        self.with_retries(url, || self.open_at(url, Some(partial)))
    }

    /// Reads all of `opened` into `partial`, and again from where it breaks off. Returns the file's checksums: SHA-256,
    /// and `other`.
    ///
    /// Errors: those of fetching and of writing it. `partial` keeps what came so far.
    pub fn save(
        &self,
        opened: Opened,
        partial: &mut PartialFile,
        other: Option<Algorithm>,
    ) -> Result<Computed, Fault> {
        let url = opened.url.clone();
        let mut seen = Seen { hasher: Hasher::new(other), length: 0, other };
        let (mut next, mut attempt, mut furthest) = (Some(opened), 0, partial.length());
        loop {
            let opened = match next.take() {
                Some(opened) => opened,
                None => match self.open(&url, partial)? {
                    Found::Here(opened) => opened,
                    Found::Nowhere(answer) => return Err(Fault::Network(format!("it is gone: {answer}"))),
                },
            };
            let Err(fault) = self.take_in(opened, partial, &mut seen) else {
                return Ok(seen.hasher.finish());
            };
            // Who makes way may go on for as long as it takes; but not who begins anew each time.
            if partial.length() >= furthest + ENOUGH_WAY {
                (attempt, furthest) = (0, partial.length());
            }
            self.pause_or_give_up(&url, fault, &mut attempt)?;
        }
    }

    /// Reads `opened` to its end.
    fn take_in(&self, mut opened: Opened, partial: &mut PartialFile, seen: &mut Seen) -> Result<(), Fault> {
        partial.begin(&opened.url, opened.validator.as_deref(), opened.offset).map_err(Fault::Disk)?;
        seen.catch_up(partial).map_err(Fault::Disk)?;
        (self.watcher)(&Event::Begins { url: &opened.url, done: seen.length, total: opened.total });
        let mut pace = Pace::new(self.patience);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = opened.body.read(&mut buffer).map_err(|error| read_fault(&error))?;
            if read == 0 {
                break;
            }
            partial.append(&buffer[..read]).map_err(Fault::Disk)?;
            seen.take(&buffer[..read]);
            if seen.length > LARGEST {
                return Err(Fault::Large { limit: LARGEST });
            }
            (self.watcher)(&Event::Received { done: seen.length });
            pace.keep(read)?;
        }
        match opened.total {
            Some(total) if seen.length != total => Err(Fault::Short { got: seen.length, total }),
            _ => Ok(()),
        }
    }

    fn open_at(&self, url: &str, partial: Option<&PartialFile>) -> Result<Found<Opened>, Fault> {
        let address = self.mirrors.address(url);
        if address.starts_with(FILE) {
            let path = reqwest::Url::parse(&address).ok().and_then(|address| address.to_file_path().ok());
            return open_file(url, &path.unwrap_or_else(|| PathBuf::from(&address[FILE.len()..])));
        }
        let rest = partial.and_then(|partial| partial.rest_of(url));
        let mut request = self.http.get(&address);
        if let Some((length, validator)) = &rest {
            request = request
                .header(header::RANGE, format!("bytes={length}-"))
                .header(header::IF_RANGE, *validator);
        }
        log::debug!("downloading {}", without_password(&address));
        let response = request.send().map_err(|error| fault(&error))?;
        log::debug!("the answer is HTTP {}", response.status());
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let Some((length, validator)) = rest else {
                    return Err(Fault::Status(StatusCode::PARTIAL_CONTENT, None));
                };
                let is_same = self::validator(response.headers()).is_none_or(|now| now == validator);
                match content_range(response.headers()) {
                    Some((offset, total)) if offset == length && is_same => {
                        Ok(Found::Here(opened(url, response, offset, total)))
                    }
                    _ => self.open_at(url, None),
                }
            }
            StatusCode::OK => {
                let total = content_length(response.headers());
                Ok(Found::Here(opened(url, response, 0, total)))
            }
            StatusCode::RANGE_NOT_SATISFIABLE if rest.is_some() => self.open_at(url, None),
            // get.docker.com answers 403 for what it does not have (moby/moby#33951).
            status @ (StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE) => {
                Ok(Found::Nowhere(format!("HTTP {}", status.as_u16())))
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(Fault::Proxy),
            status => Err(Fault::Status(status, retry_after(response.headers()))),
        }
    }

    fn with_retries<T>(&self, url: &str, mut work: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
        let mut attempt = 0;
        loop {
            match work() {
                Ok(done) => return Ok(done),
                Err(fault) => self.pause_or_give_up(url, fault, &mut attempt)?,
            }
        }
    }

    fn pause_or_give_up(&self, url: &str, fault: Fault, attempt: &mut u32) -> Result<(), Fault> {
        let pause = fault.pause(*attempt);
        if !fault.passes() || *attempt >= RETRIES || pause > LONGEST_PAUSE {
            return Err(fault);
        }
        *attempt += 1;
        (self.watcher)(&Event::TriesAgain { url, fault: &fault });
        thread::sleep(pause);
        Ok(())
    }
}

/// The part of a partial file that its hasher has seen.
struct Seen {
    hasher: Hasher,
    length: u64,
    other: Option<Algorithm>,
}

impl Seen {
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

/// How fast bytes have come lately.
struct Pace {
    begin: Instant,
    bytes: u64,
    window: Duration,
}

impl Pace {
    fn new(window: Duration) -> Self {
        Self { begin: Instant::now(), bytes: 0, window }
    }

    /// Counts `read` bytes more.
    ///
    /// Errors: they were too few for as long as the window.
    fn keep(&mut self, read: usize) -> Result<(), Fault> {
        self.bytes += read as u64;
        if self.begin.elapsed() < self.window {
            return Ok(());
        }
        if self.bytes < SLOWEST * self.window.as_secs().max(1) {
            return Err(Fault::Slow(self.window));
        }
        (self.begin, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

fn opened(url: &str, response: Response, offset: u64, total: Option<u64>) -> Opened {
    let validator = validator(response.headers());
    Opened { url: url.to_owned(), body: Box::new(response), offset, total, validator }
}

fn open_file(url: &str, path: &Path) -> Result<Found<Opened>, Fault> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Found::Nowhere(format!("no file `{}`", PathBuf::from(path).display())));
        }
        Err(error) => return Err(Fault::Disk(error)),
    };
    let meta = file.metadata().map_err(Fault::Disk)?;
    if !meta.is_file() {
        return Ok(Found::Nowhere(format!("`{}` is not a file", path.display())));
    }
    Ok(Found::Here(Opened {
        url: url.to_owned(),
        body: Box::new(file),
        offset: 0,
        total: Some(meta.len()),
        validator: None,
    }))
}

/// What tells whether the file is still the same one (RFC 9110, 13.1.5): a strong tag, else its date.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    text(header::ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(header::LAST_MODIFIED))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The first byte and the length of the whole in `bytes 5-9/10` (RFC 9110, 14.4).
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, total.parse().ok()))
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); a date is taken for the longest pause.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(text.parse().map_or(LONGEST_PAUSE, Duration::from_secs))
}

fn fault(error: &reqwest::Error) -> Fault {
    let causes = || chain(error.source());
    if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<Refused>()) {
        return Fault::Redirect(*refused);
    }
    if let Some(tls) = tls_error(error) {
        return Fault::Tls(tls);
    }
    if error.is_timeout() {
        return Fault::Network("no answer in time".to_owned());
    }
    let breaks_off = |cause: &(dyn StdError + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    };
    // What rustls says of it is for programmers.
    if causes().any(breaks_off) {
        return Fault::Network("the connection broke off".to_owned());
    }
    // hyper-util says it in no other way.
    if causes().any(|cause| cause.to_string().contains("proxy authorization required")) {
        return Fault::Proxy;
    }
    Fault::Network(causes().last().map_or_else(|| error.to_string(), ToString::to_string))
}

fn read_fault(error: &io::Error) -> Fault {
    let inner = error.get_ref().map(|inner| inner as &(dyn StdError + 'static));
    match inner.and_then(|inner| inner.downcast_ref::<reqwest::Error>()) {
        Some(error) => fault(error),
        None if error.kind() == io::ErrorKind::TimedOut => Fault::Network("no answer in time".to_owned()),
        None => Fault::Network(error.to_string()),
    }
}

/// How the address of a file on the host begins.
pub(super) const FILE: &str = "file://";
const MOST_REDIRECTS: usize = 10;
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Who asks for a longer one is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After so many bytes the attempts are counted anew.
const ENOUGH_WAY: u64 = 1 << 20;
/// Bytes a second below which nothing is waited for.
const SLOWEST: u64 = 1 << 10;
/// No client comes near.
const LARGEST: u64 = 1 << 30;
const LONGEST_TEXT: u64 = 1 << 20;
const BUFFER: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let status = |code| Fault::Status(StatusCode::from_u16(code).unwrap(), None).passes();
        assert!(status(500) && status(503) && status(429) && status(408));
        assert!(!status(400) && !status(401) && !status(451));
        assert!(
            !Fault::Tls(rustls::Error::DecryptError).passes() && !Fault::Redirect(Refused::Unsafe).passes()
        );
    }

    #[test]
    fn a_weak_tag_proves_nothing() {
        assert_eq!(validator(&headers(header::ETAG, "\"a\"")).as_deref(), Some("\"a\""));
        assert_eq!(validator(&headers(header::ETAG, "W/\"a\"")), None);
        assert_eq!(validator(&headers(header::LAST_MODIFIED, "now")).as_deref(), Some("now"));
    }

    #[test]
    fn a_range_says_where_it_begins_and_how_long_the_whole_is() {
        let range = |value| content_range(&headers(header::CONTENT_RANGE, value));
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, None)));
        for odd in ["", "bytes", "bytes */10", "items 1-2/3", "bytes x-9/10", "bytes -9/10"] {
            assert_eq!(range(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_server_may_ask_for_patience() {
        let pause = |value| retry_after(&headers(header::RETRY_AFTER, value)).unwrap();
        assert_eq!(pause("2"), Duration::from_secs(2));
        assert_eq!(pause("Fri, 31 Dec 1999 23:59:59 GMT"), LONGEST_PAUSE);
    }
}
