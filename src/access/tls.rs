//! TLS towards a service of the guest: only the authority from the guest's own kubeconfig counts, no system
//! store is read.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use secrecy::ExposeSecret;

use crate::access::certificate::{Certificates, Names};
use crate::access::credentials::{ClientAuth, CredentialError, Credentials};
use crate::base::causes::chain;

/// What is needed for connections with one set of credentials.
#[derive(Clone)]
pub struct Material {
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    authority: Arc<Vec<Vec<u8>>>,
    client: Option<Arc<CertifiedKey>>,
    shown: ShownNames,
}

/// The names in the certificates that servers have shown, by the name or address that was asked for.
type ShownNames = Arc<Mutex<HashMap<String, Names>>>;

impl Material {
    /// Prepares the authority and the client's certificate.
    ///
    /// Errors: an authority that vouches for nothing, a key that cannot be used or is another certificate's.
    pub fn new(credentials: &Credentials) -> Result<Self, CredentialError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = verifier(&credentials.authority, &provider)
            .ok_or(CredentialError::Invalid("certificate authority"))?;
        let client = match &credentials.client_auth {
            ClientAuth::Certificate { certificate, key } => {
                Some(Arc::new(certified_key(certificate, key.expose_secret(), &provider)?))
            }
            ClientAuth::Token(_) | ClientAuth::Password { .. } | ClientAuth::Anonymous => None,
        };
        Ok(Self {
            provider,
            verifier,
            authority: Arc::new(credentials.authority.der().to_vec()),
            client,
            shown: ShownNames::default(),
        })
    }

    /// The settings for connections.
    ///
    /// Errors: the provider offers no protocol version, which ring does.
    pub fn config(&self) -> Result<ClientConfig, Error> {
        let verifier = Arc::new(WitnessedVerifier {
            inner: Arc::clone(&self.verifier),
            authority: Arc::clone(&self.authority),
            shown: Arc::clone(&self.shown),
        });
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        Ok(match &self.client {
            Some(key) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key)))),
            None => config.with_no_client_auth(),
        })
    }

    /// The names in the certificate that the server showed which was asked for as `asked`; none when it showed none.
    pub fn names_shown_for(&self, asked: &str) -> Names {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.get(asked).cloned().unwrap_or_default()
    }
}

fn verifier(authority: &Certificates, provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authority.der().iter().map(|der| CertificateDer::from(der.as_slice())));
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()
}

fn certified_key(
    chain: &Certificates,
    key: &str,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CredentialError> {
    let chain = chain.der().iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| CredentialError::Invalid("client key"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(_) => CredentialError::OtherKey,
        _ => CredentialError::Invalid("client key"),
    })
}

/// Verifies as rustls does and writes down the names, which rustls's error gives only as debug text. A
/// certificate that vouches for itself is as good as the authority that it is: rustls does not accept it as a
/// server's, Go's clients do.
#[derive(Debug)]
struct WitnessedVerifier {
    inner: Arc<WebPkiServerVerifier>,
    authority: Arc<Vec<Vec<u8>>>,
    shown: ShownNames,
}

impl ServerCertVerifier for WitnessedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let names = Names::of(end_entity);
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(server_name.to_str().into(), names);
        if self.authority.iter().any(|own| own.as_slice() == end_entity.as_ref()) {
            // That it is current was looked at when it was read.
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The TLS failure that is the reason of an HTTP failure. The libraries between wrap it in one `io::Error`
/// after the other, whose content is in no chain of sources.
pub fn tls_error(error: &(dyn StdError + 'static)) -> Option<Error> {
    chain(Some(error)).find_map(|mut cause| {
        while let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            cause = inner;
        }
        cause.downcast_ref::<Error>().cloned()
    })
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn a_tls_failure_is_found_however_deep_it_is_wrapped() {
        let tls = || Error::InvalidCertificate(CertificateError::Expired);
        let once = io::Error::new(io::ErrorKind::InvalidData, tls());
        let twice = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls()));
        assert_eq!(tls_error(&tls()), Some(tls()));
        assert_eq!(tls_error(&once), Some(tls()));
        assert_eq!(tls_error(&twice), Some(tls()));
        assert_eq!(tls_error(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
