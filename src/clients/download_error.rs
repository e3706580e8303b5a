//! Why a file could not be fetched, and whether another attempt may go well.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use reqwest::StatusCode;
use tower_service::Service;

use crate::access::tls::tls_error;
use crate::base::causes::chain;
use crate::base::timeouts;

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    /// The server has no good answer; after how long it wants to be asked again.
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
        /// The bytes that came.
        got: u64,
        /// The bytes that the server announced.
        total: u64,
    },
    /// The server's certificate.
    #[error("the server's certificate is not trusted")]
    Tls(#[source] rustls::Error),
    /// The proxy answers 407.
    #[error("the proxy wants a user and a password")]
    ProxyLogin,
    /// There should be a proxy, and it is not clear which.
    #[error("`{variable}` is set to no address of a proxy")]
    ProxyAddress {
        /// The variable.
        variable: &'static str,
    },
    /// The proxy cannot be reached, or does not lead there.
    #[error("the proxy cannot be used: {reason}")]
    Proxy {
        /// Why not.
        reason: String,
        /// It may be another time.
        may_pass: bool,
    },
    /// A redirection that is not followed.
    #[error("{0}")]
    Redirect(#[from] RedirectRefused),
    /// It is larger than any of its kind.
    #[error("it is larger than {} MiB", .limit >> 20)]
    TooLarge {
        /// How large it might be, in bytes.
        limit: u64,
    },
    /// The file of authorities cannot be used.
    #[error("the authorities in the file `SSL_CERT_FILE` cannot be used")]
    Authorities(#[source] io::Error),
    /// The host's disk.
    #[error("{0}")]
    Disk(#[source] io::Error),
    /// A service file names it so.
    #[error("it is no address of a file")]
    NoAddress,
    /// It is no text.
    #[error("it is no text")]
    NotText,
}

/// Why a redirection is not followed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum RedirectRefused {
    /// From https to an address whose answers others on the way could change.
    #[error("the server redirects to an address that is not https")]
    Unsafe,
    /// It may go on for ever.
    #[error("the server redirects more than {MOST_REDIRECTS} times")]
    Endless,
}

impl DownloadError {
    /// True when another attempt may go well.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Status(status, _) => {
                status.is_server_error()
                    || matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
            Self::Network(_) | Self::Slow(_) | Self::Short { .. } => true,
            Self::Proxy { may_pass, .. } => *may_pass,
            _ => false,
        }
    }

    /// True when the part of the file that is there is good, so that another run can go on from it.
    pub(super) fn keeps_partial_file(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Proxy { .. } | Self::Short { .. } | Self::Slow(_))
    }

    /// How long to wait before attempt number `attempt`, counted from 0.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        let asked = if let Self::Status(_, Some(asked)) = self { *asked } else { Duration::ZERO };
        asked.max(timeouts::FIRST_RETRY * 2_u32.pow(attempt))
    }

    pub(super) fn from_request(error: &reqwest::Error) -> Self {
        let causes = || chain(error.source());
        if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<RedirectRefused>()) {
            return Self::Redirect(*refused);
        }
        if let Some(tls) = tls_error(error) {
            return Self::Tls(tls);
        }
        if error.is_timeout() {
            return Self::Network("no answer in time".to_owned());
        }
        let breaks_off = |cause: &(dyn StdError + 'static)| {
            cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
        };
        if let Some(error) = causes().find_map(of_proxy) {
            return error;
        }
        // What rustls says of it is for programmers.
        if causes().any(breaks_off) {
            return Self::Network("the connection broke off".to_owned());
        }
        Self::Network(causes().last().map_or_else(|| error.to_string(), ToString::to_string))
    }

    /// Of reading an answer's body.
    pub(super) fn from_body(error: &io::Error) -> Self {
        let inner = error.get_ref().map(|inner| inner as &(dyn StdError + 'static));
        match inner.and_then(|inner| inner.downcast_ref::<reqwest::Error>()) {
            Some(error) => Self::from_request(error),
            None if error.kind() == io::ErrorKind::TimedOut => Self::Network("no answer in time".to_owned()),
            None => Self::Network(error.to_string()),
        }
    }
}

/// The errors of hyper-util's ways through a proxy. They have no names of their own outside of that crate.
type TunnelError = <Tunnel<HttpConnector> as Service<Uri>>::Error;
type SocksError = <SocksV5<HttpConnector> as Service<Uri>>::Error;

/// None when `cause` is none of a proxy.
fn of_proxy(cause: &(dyn StdError + 'static)) -> Option<DownloadError> {
    let last = |error: &(dyn StdError + 'static)| {
        chain(Some(error)).last().map_or_else(String::new, ToString::to_string)
    };
    let (reason, may_pass) = match (cause.downcast_ref(), cause.downcast_ref()) {
        (Some(TunnelError::ProxyAuthRequired), _) => return Some(DownloadError::ProxyLogin),
        (Some(TunnelError::ConnectFailed(source)), _) => (last(&**source), true),
        (Some(other), _) => (last(other), true),
        (None, Some(SocksError::Inner(source))) => (last(source), true),
        (None, Some(SocksError::Io(source))) => (last(source), true),
        (None, Some(other)) => (other.to_string().replace("SOCKS error: ", ""), false),
        (None, None) => return None,
    };
    Some(DownloadError::Proxy { reason, may_pass })
}

pub(super) const MOST_REDIRECTS: usize = 10;
/// Bytes a second; a download that stays below it is given up.
pub(super) const SLOWEST: u64 = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_transient_errors_are_tried_again() {
        let status = |code| DownloadError::Status(StatusCode::from_u16(code).unwrap(), None).is_transient();
        assert!(status(500) && status(503) && status(429) && status(408));
        assert!(!status(400) && !status(401) && !status(451));
        assert!(!DownloadError::Tls(rustls::Error::DecryptError).is_transient());
        assert!(!DownloadError::Redirect(RedirectRefused::Unsafe).is_transient());
    }
}
