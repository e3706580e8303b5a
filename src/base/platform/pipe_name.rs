//! The names of the named pipes that stand for socket files on Windows.

use std::io;

use crate::base::text::hex;

/// `\\.\pipe\service-manager-DIGITS`, with 32 hexadecimal digits that nobody can guess: whoever makes a pipe of that name first is the
/// one who is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PipeName(String);

impl PipeName {
    /// One that no pipe has had.
    ///
    /// Errors: the system has no random numbers.
    pub(super) fn random() -> io::Result<Self> {
        let mut digits = [0; DIGITS / 2];
        getrandom::fill(&mut digits).map_err(io::Error::other)?;
        Ok(Self(format!("{PREFIX}{}", hex(&digits))))
    }

    /// What a file says; none when that is no name of such a pipe.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == DIGITS && digits.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Of the URL that docker knows the pipe by; none when that is not of such a pipe.
    pub(crate) fn from_url(url: &str) -> Option<Self> {
        Self::parse(&url.strip_prefix(SCHEME)?.replace('/', "\\"))
    }

    /// The URL that docker knows the pipe by (docker/cli: opts/hosts.go).
    pub(super) fn url(&self) -> String {
        format!("{SCHEME}{}", self.0.replace('\\', "/"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

const PREFIX: &str = r"\\.\pipe\service-manager-";
const DIGITS: usize = 32;
const SCHEME: &str = "npipe://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_each_time_and_is_read_back() {
        let name = PipeName::random().unwrap();
        assert_ne!(name, PipeName::random().unwrap());
        assert!(name.url().starts_with("npipe:////./pipe/service-manager-"), "{}", name.url());
        assert_eq!(PipeName::parse(name.as_str()).as_ref(), Some(&name));
        assert_eq!(PipeName::from_url(&name.url()), Some(name));
    }

    #[test]
    fn nothing_else_is_a_name() {
        let name = PipeName::random().unwrap().as_str().to_owned();
        for text in [
            "",
            r"\\.\pipe\docker_engine",
            r"\\.\pipe\service-manager-",
            &format!("{name}0"),
            &format!("{name}\n"),
            &name[..name.len() - 1],
            &name.replace('.', "host"),
            &format!(r"{}\..\docker_engine__", &name[..name.len() - 19]),
            &name.to_uppercase(),
        ] {
            assert_eq!(PipeName::parse(text), None, "{text}");
        }
        for url in ["npipe:////./pipe/docker_engine", "npipe://", "unix:///run/docker.sock", &name] {
            assert_eq!(PipeName::from_url(url), None, "{url}");
        }
    }
}
