//! Our own kubeconfig. There is no field for anything that may not be carried over.

use base64::prelude::{BASE64_STANDARD, Engine};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::error::Error;
use crate::access::credentials::{ClientAuth, Credentials};
use crate::base::types::DnsName;
use crate::base::yaml;

/// A cluster, its admin, and the context that joins them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClusterEntry<'a> {
    /// What all three are called.
    pub name: &'a str,
    /// The URL of the API server.
    pub server: &'a str,
    /// The name in the server's certificate, when that does not name the host in `server`.
    pub server_name: Option<&'a DnsName>,
    /// Whom to trust, and how to log in.
    pub credentials: &'a Credentials,
}

/// Writes the kubeconfig for kubectl on the host. The first of `entries` is the current context.
pub(crate) fn write(entries: &[ClusterEntry]) -> Result<String, Error> {
    let file = KubeconfigFile {
        api_version: "v1",
        kind: "Config",
        clusters: named(entries, |entry| Of::Cluster(Cluster::of(entry))),
        users: named(entries, |entry| Of::User(User::of(&entry.credentials.client_auth))),
        contexts: named(entries, |entry| Of::Context { cluster: entry.name, user: entry.name }),
        current_context: entries.first().map(|entry| entry.name),
    };
    yaml::to_string(&file).map_err(|source| Error::Text { source })
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct KubeconfigFile<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    kind: &'a str,
    clusters: Vec<Named<'a>>,
    users: Vec<Named<'a>>,
    contexts: Vec<Named<'a>>,
    current_context: Option<&'a str>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    #[serde(flatten)]
    of: Of<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Of<'a> {
    Cluster(Cluster<'a>),
    User(User<'a>),
    Context { cluster: &'a str, user: &'a str },
}

impl<'a> Cluster<'a> {
    fn of(entry: &ClusterEntry<'a>) -> Self {
        Self {
            server: entry.server,
            server_name: entry.server_name.map(DnsName::as_str),
            authority_data: data(entry.credentials.authority.as_str()),
        }
    }
}

impl<'a> User<'a> {
    fn of(client_auth: &'a ClientAuth) -> Self {
        match client_auth {
            ClientAuth::Certificate { certificate, key } => Self {
                certificate_data: Some(data(certificate.as_str())),
                key_data: Some(data(key.expose_secret())),
                ..Self::default()
            },
            ClientAuth::Token(token) => Self { token: Some(token.expose_secret()), ..Self::default() },
            ClientAuth::Anonymous => Self::default(),
            ClientAuth::Password { user, password } => {
                Self { username: Some(user), password: Some(password.expose_secret()), ..Self::default() }
            }
        }
    }
}

fn named<'a>(entries: &[ClusterEntry<'a>], of: impl Fn(&ClusterEntry<'a>) -> Of<'a>) -> Vec<Named<'a>> {
    entries.iter().map(|entry| Named { name: entry.name, of: of(entry) }).collect()
}

fn data(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

#[derive(Serialize)]
struct Cluster<'a> {
    server: &'a str,
    #[serde(rename = "tls-server-name", skip_serializing_if = "Option::is_none")]
    server_name: Option<&'a str>,
    #[serde(rename = "certificate-authority-data")]
    authority_data: String,
}

#[derive(Default, Serialize)]
struct User<'a> {
    #[serde(rename = "client-certificate-data", skip_serializing_if = "Option::is_none")]
    certificate_data: Option<String>,
    #[serde(rename = "client-key-data", skip_serializing_if = "Option::is_none")]
    key_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::certificate::Certificates;

    fn credentials(client_auth: ClientAuth) -> Credentials {
        let pem = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap().cert.pem();
        let authority = Certificates::parse(pem.as_bytes()).unwrap();
        Credentials { authority, client_auth, is_plain: false, port: 6443, server_name: None }
    }

    fn written(server_name: Option<&str>) -> serde_yaml::Value {
        let server_name = server_name.map(|name| name.parse().unwrap());
        let credentials = credentials(ClientAuth::Token("abc".into()));
        let entry = |name| ClusterEntry {
            name,
            server: "https://172.30.0.2:6443",
            server_name: server_name.as_ref(),
            credentials: &credentials,
        };
        serde_yaml::from_str(&write(&[entry("box"), entry("other")]).unwrap()).unwrap()
    }

    #[test]
    fn the_first_of_several_is_the_current_one() {
        let file = written(None);
        assert_eq!(file["contexts"][1]["name"], "other");
        assert_eq!(file["contexts"][1]["context"]["cluster"], "other");
        assert_eq!(file["current-context"], "box");
    }

    #[test]
    fn everything_of_an_entry_has_its_name() {
        let file = written(None);
        for path in [&file["clusters"][0], &file["users"][0], &file["contexts"][0]] {
            assert_eq!(path["name"], "box");
        }
        assert_eq!(file["contexts"][0]["context"]["cluster"], "box");
        assert_eq!(file["contexts"][0]["context"]["user"], "box");
        assert_eq!(file["current-context"], "box");
        assert_eq!(file["users"][0]["user"]["token"], "abc");
    }

    #[test]
    fn the_server_is_the_endpoint_that_was_tried() {
        let cluster = &written(None)["clusters"][0]["cluster"];
        assert_eq!(cluster["server"], "https://172.30.0.2:6443");
        assert!(cluster.get("tls-server-name").is_none());
        assert_eq!(written(Some("kubernetes"))["clusters"][0]["cluster"]["tls-server-name"], "kubernetes");
    }

    /// What `kubectl` on this host reads in `text`; none where there is no kubectl.
    fn in_kubectl(text: &str) -> Option<serde_json::Value> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        let output = std::process::Command::new("kubectl")
            .args(["config", "view", "--raw", "--output=json", "--kubeconfig"])
            .arg(&path)
            .output()
            .ok()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}{text}")))
    }

    #[test]
    fn kubectl_reads_text_that_looks_like_another_type() {
        const ODD: [&str; 12] = [
            "y",
            "Off",
            "yes",
            "1_000",
            "0x_1F",
            "~",
            "null",
            "1:30",
            "2001-01-01",
            ".inf",
            "\"\\",
            "a: b #c",
        ];
        let token = |odd: &str| ClientAuth::Token(odd.into());
        let password = |odd: &str| ClientAuth::Password { user: odd.to_owned(), password: odd.into() };
        let names: Vec<String> = ODD.iter().flat_map(|odd| [(*odd).to_owned(), format!("{odd} p")]).collect();
        let all: Vec<Credentials> =
            ODD.iter().flat_map(|odd| [token(odd), password(odd)]).map(credentials).collect();
        let entries = names.iter().zip(&all).map(|(name, credentials)| ClusterEntry {
            name,
            server: "https://192.0.2.7:6443",
            server_name: None,
            credentials,
        });
        let text = write(&entries.collect::<Vec<_>>()).unwrap();
        let Some(read) = in_kubectl(&text) else { return };
        assert_eq!(read["current-context"], "y");
        for odd in ODD {
            for (name, user) in [
                (odd.to_owned(), serde_json::json!({ "token": odd })),
                (format!("{odd} p"), serde_json::json!({ "username": odd, "password": odd })),
            ] {
                let user = serde_json::json!({ "name": name, "user": user });
                assert!(read["users"].as_array().unwrap().contains(&user), "{user} {text}");
            }
        }
    }

    #[test]
    fn only_what_is_needed_is_written() {
        let file = written(None);
        let keys = |value: &serde_yaml::Value| {
            let mapping = value.as_mapping().unwrap();
            mapping.keys().map(|key| key.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(keys(&file), ["apiVersion", "kind", "clusters", "users", "contexts", "current-context"]);
        assert_eq!(keys(&file["clusters"][0]["cluster"]), ["server", "certificate-authority-data"]);
        assert_eq!(keys(&file["users"][0]["user"]), ["token"]);
    }
}
