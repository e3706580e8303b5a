//! What programs that use image registries read: whom they trust, and with what they log in. Pure: text in, text out.

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Map, Value};

use super::certificate::Certificates;

/// A file of the user's that has skopeo, podman and buildah use a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl TrustFile {
    /// The one below the folder `home` for the registry at `place`, with its `authority`; without one it talks HTTP, and the file is
    /// that of the machine with this `key` (containers-certs.d(5), containers-registries.conf.d(5)).
    pub(crate) fn of(home: &Path, place: &str, authority: Option<&Certificates>, key: &str) -> Self {
        let folder = home.join(".config").join("containers");
        match authority {
            Some(authority) => Self {
                path: folder.join("certs.d").join(place).join("ca.crt"),
                text: authority.as_str().to_owned(),
            },
            None => Self {
                path: folder.join("registries.conf.d").join(format!("service-manager-{key}.conf")),
                text: format!(
                    "# service-manager registry trust\n[[registry]]\nlocation = \"{place}\"\ninsecure = true\n"
                ),
            },
        }
    }
}

/// The file of logins `known` with one more, for the registry at `place` (containers-auth.json(5), which docker has too). None when
/// `known` is no such file.
pub(crate) fn with_login(known: Option<&str>, place: &str, user: &str, password: &str) -> Option<String> {
    let mut file: Map<String, Value> = match known {
        Some(text) => serde_json::from_str(text).ok()?,
        None => Map::new(),
    };
    // All else is docker's own, such as its plugins.
    file.retain(|name, _| KEPT.contains(&name.as_str()));
    let logins = file.entry("auths").or_insert_with(|| Value::Object(Map::new()));
    let mut login = Map::new();
    login.insert("auth".into(), BASE64_STANDARD.encode(format!("{user}:{password}")).into());
    logins.as_object_mut()?.insert(place.to_owned(), login.into());
    serde_json::to_string_pretty(&file).ok().map(|text| text + "\n")
}

const KEPT: [&str; 2] = ["auths", "credHelpers"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_trusted_by_a_file_that_is_called_as_it_is() {
        let signed = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.pem();
        let authority = Certificates::parse(signed.as_bytes()).unwrap();
        let home = Path::new("/home/dev");
        let file = TrustFile::of(home, "192.0.2.7:5000", Some(&authority), "box-1");
        assert_eq!(file.path, Path::new("/home/dev/.config/containers/certs.d/192.0.2.7:5000/ca.crt"));
        assert_eq!(file.text, authority.as_str());
        let file = TrustFile::of(home, "127.0.0.1:20001", None, "box-1");
        let path = "/home/dev/.config/containers/registries.conf.d/service-manager-box-1.conf";
        assert_eq!(file.path, Path::new(path));
        assert!(file.text.contains("location = \"127.0.0.1:20001\"\ninsecure = true\n"), "{}", file.text);
    }

    #[test]
    fn other_logins_are_kept() {
        let known =
            r#"{"auths":{"docker.io":{"auth":"eDp5"}},"credHelpers":{"gcr.io":"gcr"},"plugins":{"x":{}}}"#;
        let text = with_login(Some(known), "127.0.0.1:20001", "dev", "a:b").unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            file,
            serde_json::json!({
                "auths": {"docker.io": {"auth": "eDp5"}, "127.0.0.1:20001": {"auth": "ZGV2OmE6Yg=="}},
                "credHelpers": {"gcr.io": "gcr"},
            })
        );
        assert!(with_login(None, "a:1", "u", "p").is_some());
        for odd in ["", "[]", "{", r#"{"auths":[]}"#] {
            assert_eq!(with_login(Some(odd), "a:1", "u", "p"), None, "{odd}");
        }
    }
}
