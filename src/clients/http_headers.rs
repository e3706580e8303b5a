//! The headers of an HTTP answer that resuming and retrying need.

use std::time::Duration;

use reqwest::header::{self, HeaderMap};

use crate::base::timeouts::LONGEST_RETRY;

/// What tells whether the file is still the same one (RFC 9110, 13.1.5): a strong tag, else its date.
pub(super) fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    text(header::ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(header::LAST_MODIFIED))
}

pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The first byte and the length of the whole in `bytes 5-9/10` (RFC 9110, 14.4).
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, total.parse().ok()))
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); a date counts as the longest pause.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(text.parse().map_or(LONGEST_RETRY, Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
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
        assert_eq!(pause("Fri, 31 Dec 1999 23:59:59 GMT"), LONGEST_RETRY);
    }
}
