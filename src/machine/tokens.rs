//! The tokens of an ssh config's values (`ssh_config(5)`, TOKENS and ENVIRONMENT VARIABLES).

use std::fmt::Write;
use std::path::PathBuf;

use sha1::{Digest, Sha1};

use crate::base::env::Env;
use crate::base::platform::{home_of_account, host_name, user_id};
use crate::base::text::hex;
use crate::base::types::Invalid;

/// What the tokens stand for.
pub(super) struct Tokens<'a> {
    pub(super) env: &'a Env,
    /// What was typed (`%n`).
    pub(super) alias: &'a str,
    /// `%h`
    pub(super) host: &'a str,
    /// `%p`
    pub(super) port: u16,
    /// `%r`
    pub(super) user: &'a str,
    /// `%k`, if it is not the alias
    pub(super) host_key_alias: Option<&'a str>,
    /// `%j`
    pub(super) jump: &'a str,
}

impl Tokens<'_> {
    /// `text` with all tokens replaced.
    ///
    /// Errors: one that there is not, or of which the value is not known.
    pub(super) fn expand(&self, text: &str) -> Result<String, Invalid> {
        let mut expanded = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c == '%' {
                let token = rest.next().ok_or(UNKNOWN)?;
                expanded += &self.value(token).ok_or(UNKNOWN)?;
            } else {
                expanded.push(c);
            }
        }
        Ok(expanded)
    }

    /// The same for a path, in which `${VARIABLE}` counts too.
    ///
    /// Errors: the same; a variable that is not set.
    pub(super) fn expand_path(&self, text: &str) -> Result<String, Invalid> {
        let text = self.expand(text)?;
        let mut parts = text.split("${");
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or(UNKNOWN)?;
            let value = self.env.environment.iter().find(|(known, _)| known == name);
            expanded += value.and_then(|(_, value)| value.to_str()).ok_or(UNKNOWN)?;
            expanded += rest;
        }
        Ok(expanded)
    }

    fn value(&self, token: char) -> Option<String> {
        let short = || host_name().map(|name| name.split('.').next().unwrap_or_default().to_owned());
        Some(match token {
            '%' => "%".to_owned(),
            'C' => self.connection(&host_name()?),
            'd' => self.env.home.as_ref()?.to_str()?.to_owned(),
            'h' => self.host.to_owned(),
            'i' => user_id().to_string(),
            'j' => self.jump.to_owned(),
            'k' => self.host_key_alias.unwrap_or(self.alias).to_owned(),
            'L' => short()?,
            'l' => host_name()?,
            'n' => self.alias.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => self.env.user.clone()?,
            _ => return None,
        })
    }

    /// The digest that names a connection.
    fn connection(&self, local: &str) -> String {
        let mut text = format!("{local}{}", self.host);
        let _ = write!(text, "{}{}{}", self.port, self.user, self.jump);
        hex(&Sha1::digest(text))
    }
}

/// The path that `~USER/…` stands for, if `text` is of that form.
///
/// Errors: there is no such account.
pub(super) fn account_path(text: &str) -> Result<Option<PathBuf>, Invalid> {
    let Some(text) = text.strip_prefix('~') else { return Ok(None) };
    let (account, below) = text.split_once('/').unwrap_or((text, ""));
    if account.is_empty() {
        return Ok(None);
    }
    let home = home_of_account(account).ok_or(NO_ACCOUNT)?;
    Ok(Some(if below.is_empty() { home } else { home.join(below) }))
}

const NO_ACCOUNT: Invalid = Invalid { kind: "path", form: "after `~` the name of an account of this host" };

const UNKNOWN: Invalid =
    Invalid { kind: "value", form: "the tokens and variables of `ssh_config(5)`, all of them set" };

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Option<String> {
        let env = Env {
            home: Some("/home/dev".into()),
            user: Some("me".into()),
            environment: vec![("KEYS".into(), "/keys".into())],
            ..Env::default()
        };
        let (alias, host, port, user) = ("vm", "192.0.2.10", 2222, "dev");
        Tokens { env: &env, alias, host, port, user, host_key_alias: None, jump: "" }.expand_path(text).ok()
    }

    #[test]
    fn tokens_and_variables_are_replaced() {
        for (text, wanted) in [
            ("~/.ssh/keys/%r@%h", "~/.ssh/keys/dev@192.0.2.10"),
            ("%d/%n-%k:%p", "/home/dev/vm-vm:2222"),
            ("${KEYS}/%u 100%%", "/keys/me 100%"),
            ("plain$x", "plain$x"),
        ] {
            assert_eq!(expand(text).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn the_home_of_another_account_is_found() {
        // Not every system has this one.
        if let Some(root) = home_of_account("root") {
            assert_eq!(account_path("~root/keys/id"), Ok(Some(root.join("keys/id"))));
            assert_eq!(account_path("~root"), Ok(Some(root)));
        }
        for none in ["~no such account/id", "~../id", "~\0/id"] {
            assert_eq!(account_path(none), Err(NO_ACCOUNT), "{none:?}");
        }
        for other in ["~/id", "~", "/a/~root", ""] {
            assert_eq!(account_path(other), Ok(None), "{other}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in ["%", "%z", "%f", "${NONE}", "${KEYS", "a%"] {
            assert_eq!(expand(text), None, "{text}");
        }
    }
}
