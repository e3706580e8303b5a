//! Certificates as people make them with `openssl`, and what kubectl makes of them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Error, StreamOwned};

use super::credentials::{CredentialError, Credentials};
use super::kubeconfig::{self, ClusterEntry};
use super::tls::{Material, certificate_error, tls_error};

/// How the certificates are made; `openssl` has the words.
#[derive(Clone, Copy)]
struct Recipe {
    authority: &'static str,
    authority_options: &'static str,
    server: &'static str,
    server_options: &'static str,
    client: &'static str,
    /// Of the keys of authority, server and client.
    keys: [&'static str; 3],
    /// For the authority's signature below the others.
    digest: &'static str,
}

const GOOD: Recipe = Recipe {
    authority: "basicConstraints=critical,CA:TRUE",
    authority_options: "",
    server: "subjectAltName=IP:127.0.0.1,DNS:kubernetes",
    server_options: "-set_serial 5",
    client: "extendedKeyUsage=clientAuth",
    keys: ["P-256"; 3],
    digest: "-sha256",
};

/// A folder with what a recipe gives.
struct Made(tempfile::TempDir);

impl Made {
    fn of(recipe: Recipe) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        for (name, key) in ["ca", "server", "client"].iter().zip(recipe.keys) {
            let kind = match key.split_once('-') {
                Some(("RSA", bits)) => format!("RSA -pkeyopt rsa_keygen_bits:{bits}"),
                Some(_) => format!("EC -pkeyopt ec_paramgen_curve:{key}"),
                None => key.to_owned(),
            };
            made.openssl(&format!("genpkey -algorithm {kind} -out {name}.key"));
            made.openssl(&format!(
                "req -new -key {name}.key -subj /O=system:masters/CN={name} -out {name}.csr"
            ));
        }
        let digest = if recipe.keys[0] == "ed25519" { "" } else { recipe.digest };
        made.sign("ca", recipe.authority, &format!("-signkey ca.key {} {digest}", recipe.authority_options));
        let by = format!("-CA ca.pem -CAkey ca.key {digest}");
        made.sign("server", recipe.server, &format!("{by} {}", recipe.server_options));
        made.sign("client", recipe.client, &format!("{by} -set_serial 6"));
        made
    }

    fn sign(&self, name: &str, extensions: &str, options: &str) {
        fs::write(self.path(&format!("{name}.ext")), extensions.replace("; ", "\n")).unwrap();
        // Without extensions it is of version 1.
        let extensions = if extensions.is_empty() { String::new() } else { format!("-extfile {name}.ext") };
        self.openssl(&format!("x509 -req -in {name}.csr -days 30 {options} {extensions} -out {name}.pem"));
    }

    #[track_caller]
    fn openssl(&self, words: &str) {
        let output =
            Command::new("openssl").args(words.split_whitespace()).current_dir(self.0.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn credentials(&self, port: u16) -> Result<Credentials, CredentialError> {
        let read = |name: &str| fs::read(self.path(name)).unwrap();
        Credentials::docker(&read("ca.pem"), &read("client.pem"), &read("client.key"), port)
    }

    /// A server that wants the client's certificate, with more `options`.
    fn serve(&self, options: &str) -> Server {
        let words = format!(
            "s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -CAfile ca.pem -Verify 2 -verify_return_error \
             -www -cipher DEFAULT@SECLEVEL=0 {options}"
        );
        let mut server = Command::new("openssl")
            .args(words.split_whitespace())
            .current_dir(self.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let place =
            lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()));
        let port = place.unwrap().rsplit(':').next().unwrap().parse().unwrap();
        Server { process: server, port }
    }

    /// What we say of a connection to `server`.
    fn ours(&self, server: &Server) -> Result<(), String> {
        let credentials = self.credentials(server.port).map_err(|error| error.to_string())?;
        let material = Material::new(&credentials).map_err(|error| error.to_string())?;
        let config = Arc::new(material.config().unwrap());
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let connection = ClientConnection::new(config, name).unwrap();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").map_err(|error| match tls_error(&error) {
            Some(Error::InvalidCertificate(error)) => certificate_error(error).to_string(),
            _ => error.to_string(),
        })?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).map_err(|error| error.to_string())?;
        assert_eq!(&answer, b"HTTP/1.0 200");
        Ok(())
    }

    /// What kubectl says; none where there is none.
    fn kubectl(&self, server: &Server) -> Option<Result<(), String>> {
        let credentials = self.credentials(server.port).unwrap();
        let url = format!("https://127.0.0.1:{}", server.port);
        let entry = ClusterEntry { name: "box", server: &url, server_name: None, credentials: &credentials };
        fs::write(self.path("kubeconfig"), kubeconfig::write(&[entry]).unwrap()).unwrap();
        let output = Command::new("kubectl")
            .args(["get", "--raw", "/", "--kubeconfig", "kubeconfig"])
            .current_dir(self.0.path())
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(if output.status.success() { Ok(()) } else { Err(said) })
    }
}

struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn works(recipe: Recipe, with_kubectl: bool) {
    let made = Made::of(recipe);
    for options in ["-tls1_3", "-tls1_2"] {
        let server = made.serve(options);
        assert_eq!(made.ours(&server), Ok(()), "{options}");
        if with_kubectl && options == "-tls1_3" {
            assert_eq!(made.kubectl(&server).unwrap_or(Ok(())), Ok(()));
        }
    }
}

#[track_caller]
fn fails(recipe: Recipe, expected: &str, with_kubectl: bool) {
    let made = Made::of(recipe);
    let server = made.serve("");
    let said = made.ours(&server).unwrap_err();
    assert!(said.contains(expected), "{said}");
    if with_kubectl && let Some(kubectl) = made.kubectl(&server) {
        assert!(kubectl.is_err());
    }
}

#[test]
fn what_openssl_makes_without_options_works() {
    works(GOOD, true);
    // Of version 1, as MicroK8s makes those of its clients.
    works(Recipe { client: "", ..GOOD }, true);
    works(Recipe { client: "", keys: ["RSA-2048"; 3], ..GOOD }, false);
    works(Recipe { authority: "", ..GOOD }, false);
}

#[test]
fn keys_of_every_kind_work() {
    works(Recipe { keys: ["P-521"; 3], ..GOOD }, true);
    works(Recipe { keys: ["P-256", "P-256", "P-521"], ..GOOD }, false);
    works(Recipe { keys: ["P-521", "P-256", "P-256"], ..GOOD }, false);
    works(Recipe { keys: ["P-384"; 3], ..GOOD }, false);
    works(Recipe { keys: ["ed25519"; 3], ..GOOD }, false);
    for digest in ["-sha384", "-sha512"] {
        for key in ["P-256", "P-384", "P-521", "RSA-2048"] {
            works(Recipe { keys: [key; 3], digest, ..GOOD }, false);
        }
    }
}

#[test]
fn what_go_does_not_mind_works() {
    for server in [
        "subjectAltName=IP:127.0.0.1; basicConstraints=CA:TRUE",
        "subjectAltName=IP:127.0.0.1; extendedKeyUsage=anyExtendedKeyUsage",
        "subjectAltName=IP:127.0.0.1,DNS:a_b,DNS:*.example.com",
    ] {
        works(Recipe { server, ..GOOD }, false);
    }
    works(Recipe { authority: "basicConstraints=CA:TRUE,pathlen:0; keyUsage=keyCertSign", ..GOOD }, false);
    works(
        Recipe { authority: "basicConstraints=CA:TRUE; extendedKeyUsage=serverAuth,clientAuth", ..GOOD },
        false,
    );
    let long = "-set_serial 0x112233445566778899aabbccddeeff00112233445566778899";
    works(Recipe { authority_options: long, server_options: long, ..GOOD }, false);
}

#[test]
fn an_authority_that_go_refuses_is_refused() {
    for (authority, expected) in [
        ("basicConstraints=CA:FALSE", "is not marked as that of an authority"),
        ("subjectKeyIdentifier=hash", "is not marked as that of an authority"),
        ("basicConstraints=CA:TRUE; keyUsage=digitalSignature", "lacks `keyCertSign`"),
        ("basicConstraints=CA:TRUE; keyUsage=cRLSign", "lacks `keyCertSign`"),
        ("basicConstraints=CA:TRUE; extendedKeyUsage=clientAuth", "lacks `serverAuth`"),
        (
            "basicConstraints=CA:TRUE; subjectKeyIdentifier=critical,hash",
            "subject key identifier as critical",
        ),
        ("basicConstraints=CA:TRUE; 1.2.3.4=critical,ASN1:UTF8String:x", "is not understood"),
    ] {
        let with_kubectl = authority.contains("digitalSignature") || authority.contains("CA:FALSE");
        fails(Recipe { authority, ..GOOD }, expected, with_kubectl);
    }
    fails(Recipe { authority_options: "-set_serial -5", ..GOOD }, "negative serial number", true);
    fails(Recipe { keys: ["RSA-1024", "P-256", "P-256"], ..GOOD }, "RSA key of 1024 bits", false);
}

#[test]
fn a_server_that_go_refuses_is_refused() {
    for (server, expected) in [
        ("subjectAltName=IP:127.0.0.1; extendedKeyUsage=clientAuth", "lacks `serverAuth`"),
        (
            "subjectAltName=IP:127.0.0.1; authorityKeyIdentifier=critical,keyid",
            "authority key identifier as critical",
        ),
        ("subjectAltName=IP:127.0.0.1; 1.2.3.4=critical,ASN1:UTF8String:x", "is not understood"),
        // Of version 1, and with a common name alone.
        ("", "NotValidForName"),
        ("extendedKeyUsage=serverAuth", "not valid for name"),
    ] {
        fails(Recipe { server, ..GOOD }, expected, false);
    }
    fails(Recipe { server_options: "-set_serial -5", ..GOOD }, "negative serial number", true);
    fails(Recipe { digest: "-sha1", keys: ["RSA-2048"; 3], ..GOOD }, "is signed with SHA-1", true);
    fails(Recipe { digest: "-sha1", ..GOOD }, "is signed with SHA-1", false);
    fails(Recipe { keys: ["P-256", "RSA-1024", "P-256"], ..GOOD }, "RSA key of 1024 bits", false);
}

#[test]
fn a_client_that_could_not_log_in_is_told_why() {
    let unfit = |recipe| {
        let credentials = Made::of(recipe).credentials(1).unwrap();
        Material::new(&credentials).err().unwrap().to_string()
    };
    assert_eq!(
        unfit(Recipe { keys: ["P-256", "P-256", "RSA-1024"], ..GOOD }),
        "its client certificate has an RSA key of 1024 bits; it needs 2048"
    );
    let (one, other) = (Made::of(GOOD), Made::of(Recipe { keys: ["P-521"; 3], ..GOOD }));
    for name in ["client.key", "server.key"] {
        fs::copy(other.path(name), one.path("client.key")).unwrap();
        let credentials = one.credentials(1).unwrap();
        assert_eq!(Material::new(&credentials).err(), Some(CredentialError::OtherKey));
    }
    fs::copy(other.path("client.pem"), one.path("client.pem")).unwrap();
    assert_eq!(Material::new(&one.credentials(1).unwrap()).err(), Some(CredentialError::OtherKey));
}
