//! The user's settings: `config.yaml`.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::base::env::Env;
use crate::base::files;
use crate::base::paths::Folders;
use crate::clients::mirror::Mirrors;
use crate::error::Error;
use crate::guest::control::Written;

/// What the user has set once and for all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Addresses to download from instead of others.
    mirrors: BTreeMap<String, String>,
    /// A mirror may do without encryption.
    allow_http: bool,
    /// The proxy of services that are started.
    proxy: ProxySettings,
}

/// A proxy, and who may use it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ProxySettings {
    url: Option<Hidden>,
    user: Option<Hidden>,
    password: Option<Hidden>,
}

/// Text that no message shows, not even when it is something else.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_yaml::Value")]
struct Hidden(SecretString);

impl TryFrom<serde_yaml::Value> for Hidden {
    type Error = &'static str;

    fn try_from(value: serde_yaml::Value) -> Result<Self, Self::Error> {
        value
            .as_str()
            .map(|text| Self(text.into()))
            .ok_or("a part of the proxy is not text; put it between quotes")
    }
}

impl Settings {
    /// Reads the settings; without a file nothing is set.
    ///
    /// Errors: the file is not readable, not of this form, or others can write it: it says where programs come from. Others
    /// can read it, and there is a password in it.
    pub fn load(folders: &Folders) -> Result<Self, Error> {
        let path = folders.settings();
        let Some(text) = files::read_text(&path, LONGEST)? else { return Ok(Self::default()) };
        let is_own =
            files::is_own(&path).map_err(|source| files::Error::Read { path: path.clone(), source })?;
        if !is_own {
            return Err(Error::SharedPrograms { path });
        }
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let settings: Self =
            serde_yaml::from_str(&text).map_err(|source| Error::Settings { path: path.clone(), source })?;
        let is_private =
            files::is_private(&path).map_err(|source| files::Error::Read { path: path.clone(), source })?;
        if settings.proxy.password.is_some() && !is_private {
            return Err(Error::SharedPassword { path });
        }
        Ok(settings)
    }

    /// The proxy of services that are started, as it is written down.
    pub fn proxy(&self) -> Written {
        let ProxySettings { url, user, password } = &self.proxy;
        let shown =
            |hidden: &Option<Hidden>| hidden.as_ref().map(|Hidden(text)| text.expose_secret().to_owned());
        Written {
            url: shown(url),
            user: shown(user),
            password: password.as_ref().map(|Hidden(text)| text.clone()),
        }
    }

    /// The mirrors: those in `SERVICE_MANAGER_MIRROR` before those that are set.
    ///
    /// Errors: one that is none, or is not allowed.
    pub fn mirrors(&self, env: &Env) -> Result<Mirrors, Error> {
        let mut own = Mirrors::new(self.allow_http);
        for (from, to) in &self.mirrors {
            own.add(from, to)?;
        }
        let named = Mirrors::parse(env.mirror.as_deref().unwrap_or_default(), self.allow_http)?;
        Ok(named.and(own))
    }
}

const LONGEST: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn load(text: &str, mode: u32) -> Result<Settings, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let env = Env { service_manager_home: Some(folder.path().into()), ..Env::default() };
        Settings::load(&Folders::find(&env).unwrap())
    }

    #[test]
    fn mirrors_are_named_once_or_set_for_good() {
        let settings =
            load("mirrors: {https://a: https://set, https://b: http://set}\nallow_http: true\n", 0o644)
                .unwrap();
        let env = Env { mirror: Some("https://a=https://named".to_owned()), ..Env::default() };
        let mirrors = settings.mirrors(&env).unwrap();
        assert_eq!(mirrors.address("https://a/x"), "https://named/x");
        assert_eq!(mirrors.address("https://b/x"), "http://set/x");
        assert!(load("mirrors: {https://b: http://set}", 0o600).unwrap().mirrors(&env).is_err());
    }

    #[test]
    fn a_proxy_is_set_for_good() {
        let written = load("proxy: {url: 'proxy:1', user: me, password: '1234'}", 0o600).unwrap().proxy();
        assert_eq!((written.url.as_deref(), written.user.as_deref()), (Some("proxy:1"), Some("me")));
        assert_eq!(written.password.unwrap().expose_secret(), "1234");
        assert!(load("allow_http: true", 0o600).unwrap().proxy().is_empty());
    }

    #[test]
    fn a_password_that_others_can_read_is_refused() {
        let text = "proxy: {url: 'proxy:1', user: me, password: x}";
        assert!(matches!(load(text, 0o640), Err(Error::SharedPassword { .. })));
        assert!(load("proxy: {url: 'proxy:1'}", 0o644).is_ok());
    }

    #[test]
    fn a_password_that_is_no_text_does_not_show() {
        for text in ["proxy: {password: 31337}", "proxy: {password: [31337]}", "proxy: {password: 31337.5}"] {
            let error = load(text, 0o600).unwrap_err();
            assert!(!format!("{error} {error:?} {:?}", error.causes()).contains("31337"), "{error:?}");
        }
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for text in [
            "mirror: {}",
            "mirrors: [a]",
            "allow_http: maybe",
            "- x",
            "mirrors: {https://a: &a b, https://c: *d}",
        ] {
            assert!(matches!(load(text, 0o600), Err(Error::Settings { .. })), "{text}");
        }
        assert!(load("", 0o600).is_ok() && load("# nothing\n", 0o600).is_ok());
        assert!(matches!(load("", 0o666), Err(Error::SharedPrograms { .. })));
    }
}
