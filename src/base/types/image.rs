//! What images of containers are called.

use super::address::HostName;
use super::validation::{begins_with, validated};

validated!(
    /// The host of a registry of images (Docker's reference grammar).
    ImageRegistry, "registry", "`HOST` or `HOST:PORT`",
    |text| {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let is_port = |port: &str| (1..=5).contains(&port.len()) && port.chars().all(|c| c.is_ascii_digit());
        HostName::parse(host).is_ok() && port.is_none_or(is_port)
    }
);

validated!(
    /// The name of an image without registry and tag (Docker's reference grammar).
    ImageName, "name of an image", "parts of small letters, digits, `.`, `_` and `-`, with `/` between them; at most 255",
    |text| {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_part = |part: &str| {
            part.starts_with(is_inner)
                && part.ends_with(is_inner)
                && part.chars().all(|c| is_inner(c) || "._-".contains(c))
                && !part.contains("..")
                && !part.contains("___")
        };
        text.len() <= 255 && text.split('/').all(is_part)
    }
);

validated!(
    /// The tag of an image (Docker's reference grammar).
    ImageTag, "tag of an image", "a letter, digit or `_`, then letters, digits, `.`, `_` and `-`; at most 128",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_as_docker_names_them() {
        for registry in ["docker.io", "registry.example:5000", "192.0.2.7:5000", "localhost"] {
            assert!(ImageRegistry::parse(registry).is_ok(), "{registry}");
        }
        for registry in ["docker.io/x", "http://x", "x:", "x:a", "x:1:2", "u@x", "-x"] {
            assert!(ImageRegistry::parse(registry).is_err(), "{registry}");
        }
        for name in ["openshift/origin", "a", "a-b/c_d/e.f", "a--b", "a__b"] {
            assert!(ImageName::parse(name).is_ok(), "{name}");
        }
        for name in ["Openshift", "/a", "a/", "a//b", "a:b", "a@b", "-a", "a-", "a..b", "a___b"] {
            assert!(ImageName::parse(name).is_err(), "{name}");
        }
        assert!(ImageTag::parse("v1.3.1").is_ok() && ImageTag::parse(&"a".repeat(128)).is_ok());
        for tag in ["-v1", ".v1", "v1/2", "v1:2", "a b"] {
            assert!(ImageTag::parse(tag).is_err(), "{tag}");
        }
        assert!(ImageTag::parse(&"a".repeat(129)).is_err());
    }
}
