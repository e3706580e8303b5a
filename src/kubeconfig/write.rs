//! Our own kubeconfig. There is no field for anything that may not be carried over.

use base64::prelude::{BASE64_STANDARD, Engine};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::credentials::{Credentials, Proof};
use crate::error::Error;
use crate::grammar::DnsName;

/// Writes the kubeconfig for kubectl on the host. Cluster, user and context are called `name`; `server_name`
/// is the name in the server's certificate, when that does not name the address in `server`.
pub fn write(
    name: &str,
    server: &str,
    server_name: Option<&DnsName>,
    credentials: &Credentials,
) -> Result<String, Error> {
    let data = |text: &str| Some(BASE64_STANDARD.encode(text));
    let user = match &credentials.proof {
        Proof::Certificate { certificate, key } => User {
            certificate_data: data(certificate.as_str()),
            key_data: data(key.expose_secret()),
            ..User::default()
        },
        Proof::Token(token) => User { token: Some(token.expose_secret()), ..User::default() },
        Proof::Password { user, password } => {
            User { username: Some(user), password: Some(password.expose_secret()), ..User::default() }
        }
    };
    let cluster = Cluster {
        server,
        server_name: server_name.map(DnsName::as_str),
        authority_data: data(credentials.authority.as_str()),
    };
    let file = File {
        api_version: "v1",
        kind: "Config",
        clusters: [Named { name, of: Of::Cluster(cluster) }],
        users: [Named { name, of: Of::User(user) }],
        contexts: [Named { name, of: Of::Context { cluster: name, user: name } }],
        current_context: name,
    };
    serde_yaml::to_string(&file).map_err(|source| Error::KubeconfigText { source })
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct File<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    kind: &'a str,
    clusters: [Named<'a>; 1],
    users: [Named<'a>; 1],
    contexts: [Named<'a>; 1],
    current_context: &'a str,
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

#[derive(Serialize)]
struct Cluster<'a> {
    server: &'a str,
    #[serde(rename = "tls-server-name", skip_serializing_if = "Option::is_none")]
    server_name: Option<&'a str>,
    #[serde(rename = "certificate-authority-data")]
    authority_data: Option<String>,
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
    use crate::certificate::Certificates;

    fn credentials(proof: Proof) -> Credentials {
        let pem = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap().cert.pem();
        let authority = Certificates::parse(pem.as_bytes()).unwrap();
        Credentials { authority, proof, port: 6443, server_name: None }
    }

    fn written(server_name: Option<&str>) -> serde_yaml::Value {
        let server_name = server_name.map(|name| name.parse().unwrap());
        let credentials = credentials(Proof::Token("abc".into()));
        let text = write("box", "https://172.30.0.2:6443", server_name.as_ref(), &credentials).unwrap();
        serde_yaml::from_str(&text).unwrap()
    }

    #[test]
    fn everything_is_named_after_the_machine() {
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
