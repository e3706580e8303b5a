//! The proxies that this host's variables name. reqwest reads these itself, and passes over those it cannot use: then
//! it would go without a proxy, and nobody would know why that fails.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// The first variable that should name a proxy and names none that can be used; `variable` gives what they are set to.
pub(crate) fn unusable_proxy<'v>(variable: impl Fn(&'static str) -> Option<&'v str>) -> Option<&'static str> {
    let is_bad =
        |name: &&'static str| variable(name).is_some_and(|value| !value.is_empty() && !is_usable(value));
    VARIABLES.into_iter().find(is_bad)
}

/// As reqwest decides.
fn is_usable(value: &str) -> bool {
    let matcher = Matcher::builder().all(value.to_owned()).build();
    matcher.intercept(&Uri::from_static("https://publisher.invalid")).is_some()
}

const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_cannot_be_used_is_found() {
        let set_to = |value| unusable_proxy(|name| (name == "all_proxy").then_some(value));
        for good in
            ["", "proxy", "proxy:3128", "http://u:p%40@proxy:1", "https://proxy", "socks5h://[::1]:1080"]
        {
            assert_eq!(set_to(good), None, "{good}");
        }
        for bad in
            ["ftp://proxy", "http://", "socks:proxy:1", "http:/proxy", "http://u@[::", "a b", "\x1b[2J"]
        {
            assert_eq!(set_to(bad), Some("all_proxy"), "{bad}");
        }
        assert_eq!(unusable_proxy(|_| None), None);
    }
}
