//! The user's settings: `config.yaml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use secrecy::SecretString;
use serde::Deserialize;

use crate::base::files;
use crate::base::paths::Folders;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub(crate) enum Error {
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error("the settings in `{}` are not valid", .path.display())]
    Settings { path: PathBuf, source: serde_yaml::Error },
    #[error("others than you can read `{}`, and there is a password in it", .path.display())]
    SharedPassword { path: PathBuf },
}

/// What the user has set once and for all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Addresses to download from, by the addresses that they replace.
    pub mirrors: BTreeMap<String, String>,
    /// A mirror may do without encryption.
    pub allow_http: bool,
    /// The proxy of services that are started.
    pub proxy: ProxySettings,
    /// Whether services are reached through SSH.
    pub tunnel: TunnelMode,
    /// Ports that are published in the machine are on the host's loopback too.
    pub publish: bool,
}

/// When services are reached through a tunnel of SSH.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TunnelMode {
    /// Where there is no other way
    #[default]
    Auto,
    /// Even where there is
    Always,
    /// Never
    Never,
}

/// A proxy, and who may use it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProxySettings {
    /// `http://HOST:PORT`, or without `http://`.
    pub url: Option<Hidden>,
    /// The user.
    pub user: Option<Hidden>,
    /// The user's password.
    pub password: Option<Hidden>,
}

/// Text that no message shows, not even when it is something else.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "serde_yaml::Value")]
pub(crate) struct Hidden(pub SecretString);

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
    pub(crate) fn load(folders: &Folders) -> Result<Self, Error> {
        let path = folders.settings();
        let Some(text) = files::read_text(&path, LONGEST)? else { return Ok(Self::default()) };
        files::refuse_writable_by_others(&path)?;
        files::refuse_replaceable(&path)?;
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
}

const LONGEST: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;

    use super::*;
    use crate::base::causes::causes;
    use crate::base::env::Env;
    use crate::base::platform::testing::set_mode;

    fn load(text: &str, mode: u32) -> Result<Settings, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        fs::write(&path, text).unwrap();
        set_mode(&path, mode);
        let env = Env { service_manager_home: Some(folder.path().into()), ..Env::default() };
        Settings::load(&Folders::find(&env).unwrap())
    }

    #[test]
    fn mirrors_and_a_proxy_are_set_for_good() {
        let text = "mirrors: {https://b: http://set}\nallow_http: true\n\
            proxy: {url: 'proxy:1', user: me, password: '1234'}";
        let settings = load(text, 0o600).unwrap();
        assert_eq!(settings.mirrors["https://b"], "http://set");
        assert!(settings.allow_http);
        let shown = |hidden: Option<Hidden>| hidden.map(|Hidden(text)| text.expose_secret().to_owned());
        let ProxySettings { url, user, password } = settings.proxy;
        assert_eq!(
            [shown(url), shown(user), shown(password)],
            ["proxy:1", "me", "1234"].map(|text| Some(text.into()))
        );
        assert!(!load("proxy: {url: 'proxy:1'}", 0o644).unwrap().allow_http);
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
            assert!(!format!("{error} {error:?} {:?}", causes(&error)).contains("31337"), "{error:?}");
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
        assert!(matches!(load("", 0o666), Err(Error::Files(files::Error::WritableByOthers { .. }))));
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("config.yaml"), "allow_http: true").unwrap();
        let env = Env { service_manager_home: Some(own.clone()), ..Env::default() };
        let load = || Settings::load(&Folders::find(&env).unwrap());
        load().unwrap();
        for shared in [own.as_path(), folder.path()] {
            set_mode(shared, 0o777);
            assert!(matches!(load(), Err(Error::Files(files::Error::FolderShared { .. }))), "{shared:?}");
            set_mode(shared, 0o755);
        }
    }
}
