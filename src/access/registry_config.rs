//! The settings of an image registry in the guest: where it listens, and with which certificate.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::credentials::CredentialError;
use super::kubeconfig::plain_yaml;

/// What a client has to know of a `config.yml` (distribution/distribution: docs/content/about/configuration.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryConfig {
    /// None where nothing is said.
    pub(crate) port: Option<u16>,
    /// The path of its certificate in the guest; none where it talks HTTP without TLS.
    pub(crate) certificate: Option<String>,
}

impl RegistryConfig {
    /// Reads the settings, and skips what is not named here.
    ///
    /// Errors: they are not of that form; no port can be read out of the address; the certificate is not in a file.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, CredentialError> {
        let text = plain_yaml(content, CredentialError::NotRegistryConfig)?;
        let file: ConfigFile = serde_yaml::from_str(text).map_err(|_| CredentialError::NotRegistryConfig)?;
        let http = file.http.unwrap_or_default();
        if http.net.is_some_and(|net| net == "unix") {
            return Err(CredentialError::Missing("port: it listens on a socket"));
        }
        let addr = http.addr.filter(|addr| !addr.is_empty());
        let invalid = || CredentialError::Invalid("http.addr");
        let port = addr.map(|addr| port_of(&addr).ok_or_else(invalid)).transpose()?;
        let tls = http.tls.unwrap_or_default();
        let certificate = tls.certificate.filter(|path| !path.is_empty());
        if certificate.is_none() && tls.letsencrypt.is_some() {
            return Err(CredentialError::Missing("http.tls.certificate"));
        }
        Ok(Self { port, certificate })
    }
}

/// The port in `HOST:PORT` or `:PORT`.
pub(crate) fn port_of(addr: &str) -> Option<u16> {
    let (_, port) = addr.rsplit_once(':')?;
    port.parse().ok().filter(|port| *port != 0)
}

#[derive(Deserialize)]
struct ConfigFile {
    http: Option<HttpSettings>,
}

#[derive(Default, Deserialize)]
struct HttpSettings {
    addr: Option<String>,
    net: Option<String>,
    tls: Option<TlsSettings>,
}

#[derive(Default, Deserialize)]
struct TlsSettings {
    certificate: Option<String>,
    letsencrypt: Option<IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RegistryConfig, CredentialError> {
        RegistryConfig::parse(text.as_bytes())
    }

    #[test]
    fn port_and_certificate_are_read() {
        let config = |port, certificate: Option<&str>| {
            Ok(RegistryConfig { port, certificate: certificate.map(ToOwned::to_owned) })
        };
        assert_eq!(read("version: 0.1\nhttp:\n  addr: :5000\n"), config(Some(5000), None));
        assert_eq!(
            read("http: {addr: 'localhost:5001', tls: {certificate: /c.pem, key: /k.pem}}"),
            config(Some(5001), Some("/c.pem"))
        );
        assert_eq!(read("http: {addr: '[::]:443', tls: {certificate: ''}}"), config(Some(443), None));
        assert_eq!(read("version: 0.1"), config(None, None));
    }

    #[test]
    fn what_no_client_could_use_is_refused() {
        use CredentialError::{Alias, Invalid, Missing, NotRegistryConfig, NotText};
        for (text, error) in [
            ("http: {addr: ':http'}", Invalid("http.addr")),
            ("http: {addr: ':0'}", Invalid("http.addr")),
            ("http: {addr: ':70000'}", Invalid("http.addr")),
            ("http: {net: unix, addr: /run/registry.sock}", Missing("port: it listens on a socket")),
            ("http: {tls: {letsencrypt: {cachefile: /x}}}", Missing("http.tls.certificate")),
            ("http: [", NotRegistryConfig),
            ("http: 5", NotRegistryConfig),
            ("a: &a [x]\nhttp: {addr: *a}", Alias),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        assert_eq!(RegistryConfig::parse(b"\xff"), Err(NotText));
        assert_eq!(read(&"[".repeat(1 << 20)), Err(NotRegistryConfig));
    }
}
