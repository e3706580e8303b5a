//! What is asked of an API, and with what.

use super::validation::validated;

validated!(
    /// The path of a GET request to a service's API.
    ApiPath, "API path", "`/`, then letters, digits and `._/-`",
    |text| text.starts_with('/')
        && text.len() <= 255
        && !text.contains("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
);

validated!(
    /// A JSON pointer (RFC 6901) without escapes.
    JsonPointer, "JSON pointer", "`/name/name`",
    |text| text.starts_with('/')
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
);

validated!(
    /// A version of Docker's API.
    ApiVersion, "API version", "`N.N`",
    |text| text.split_once('.').is_some_and(|parts| {
        [parts.0, parts.1].iter().all(|n| (1..=3).contains(&n.len()) && n.chars().all(|c| c.is_ascii_digit()))
    })
);

validated!(
    /// A bearer token (RFC 6750, with the length a header still carries).
    Token, "token", "letters, digits and `._~+/=-`; at most 8192",
    |text| !text.is_empty()
        && text.len() <= 8192
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._~+/=-".contains(c))
);

validated!(
    /// A service account's token: a JSON Web Token (RFC 7519), three parts in base64url.
    AccountToken, "service account token", "three parts of letters, digits, `_` and `-`; at most 8192",
    |text| text.len() <= 8192
        && text.split('.').count() == 3
        && text.split('.').all(|part| !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)))
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_an_api_are_two_numbers() {
        assert!(ApiVersion::parse("1.41").is_ok());
        for text in ["1", "1.", ".1", "1.41.0", "1.4 1", "1.4444", "v1.41"] {
            assert!(ApiVersion::parse(text).is_err(), "{text}");
        }
    }
}
