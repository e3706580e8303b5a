//! The proxies that this host's variables name. reqwest reads these itself, and passes over those it cannot use: then
//! it would go without a proxy, and nobody would know why that fails.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// The variable that names the proxy for what is downloaded, if that cannot be used; `variable` gives what they are set to. The first
/// one that is set counts, as for reqwest.
pub(crate) fn unusable_proxy<'v>(variable: impl Fn(&'static str) -> Option<&'v str>) -> Option<&'static str> {
    let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.is_empty())?));
    let (name, value) = VARIABLES.into_iter().find_map(set)?;
    (!is_usable(value)).then_some(name)
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
        // Nobody looks at the second one.
        let both = |https, all| {
            unusable_proxy(move |name| match name {
                "HTTPS_PROXY" => Some(https),
                "ALL_PROXY" => Some(all),
                _ => None,
            })
        };
        assert_eq!(both("http://proxy:3128", "socks://proxy:1080/"), None);
        assert_eq!(both("socks://proxy:1080/", "http://proxy:3128"), Some("HTTPS_PROXY"));
        assert_eq!(both("", "socks://proxy:1080/"), Some("ALL_PROXY"));
    }
}
