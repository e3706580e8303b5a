//! TLS towards a service of the guest: only the authority from the guest's own kubeconfig counts, no system
//! store is read.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use secrecy::ExposeSecret;
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

use super::certificate::{Certificates, Names};
use super::credentials::{ClientAuth, CredentialError, Credentials};
use super::curves::{P521Key, provider};
use super::go_x509::{self, Unfit};
use super::pem;
use super::verifier::{Authorities, Refused, Verifier, Witness};
use crate::base::causes::chain;

/// What is needed for connections with one set of credentials.
#[derive(Clone)]
pub(crate) struct Material {
    provider: Arc<CryptoProvider>,
    authorities: Arc<Authorities>,
    client: Option<Arc<CertifiedKey>>,
    witness: Witness,
}

impl Material {
    /// Prepares the authority and the client's certificate.
    ///
    /// Errors: a key that cannot be used or is another certificate's, a certificate that Go's clients refuse.
    pub(crate) fn new(credentials: &Credentials) -> Result<Self, CredentialError> {
        let provider = Arc::new(provider());
        let client = match &credentials.client_auth {
            ClientAuth::Certificate { certificate, key } => {
                Some(Arc::new(certified_key(certificate, key.expose_secret(), &provider)?))
            }
            ClientAuth::Token(_) | ClientAuth::Password { .. } | ClientAuth::Anonymous => None,
        };
        let authorities = Arc::new(Authorities::new(&credentials.authority, SystemTime::now()));
        Ok(Self { provider, authorities, client, witness: Witness::default() })
    }

    /// The settings for connections.
    ///
    /// Errors: the provider offers no protocol version, which ours does.
    pub(crate) fn config(&self) -> Result<ClientConfig, Error> {
        let algorithms = self.provider.signature_verification_algorithms;
        let verifier = Verifier::new(Arc::clone(&self.authorities), algorithms, self.witness.clone());
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(match &self.client {
            Some(key) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key)))),
            None => config.with_no_client_auth(),
        })
    }

    /// The names in the certificate of the server that was asked for as `asked`; none when it showed none.
    pub(crate) fn names_shown_for(&self, asked: &str) -> Names {
        self.witness.names_for(asked)
    }
}

/// For connections that never talk TLS: nobody is trusted.
///
/// Errors: the provider offers no protocol version, which ours does.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(provider()));
    let config = config.with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The client's certificate as it is: rustls would refuse to show one of X.509 v1, which servers take.
fn certified_key(
    chain: &Certificates,
    key: &str,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CredentialError> {
    let invalid = || CredentialError::Invalid("client key");
    let certificate = chain.der().first().ok_or(CredentialError::Invalid("client certificate"))?;
    let certificate = go_x509::parse(certificate).map_err(CredentialError::Certificate)?;
    let key = pem::private_key_der(key).ok_or_else(invalid)?;
    let key: Arc<dyn SigningKey> = match P521Key::new(&key) {
        Some(key) => Arc::new(key),
        None => match provider.key_provider.load_private_key(key) {
            Ok(key) => key,
            Err(_) => return Err(short_key(&certificate).unwrap_or_else(invalid)),
        },
    };
    let is_own = key.public_key().is_none_or(|own| own.as_ref() == certificate.public_key().raw);
    if !is_own {
        return Err(CredentialError::OtherKey);
    }
    let chain = chain.der().iter().map(|der| CertificateDer::from(der.clone())).collect();
    Ok(CertifiedKey::new(chain, key))
}

fn short_key(certificate: &X509Certificate) -> Option<CredentialError> {
    go_x509::short_key(certificate).map(|bits| CredentialError::Certificate(Unfit::ShortKey(bits)))
}

/// The TLS failure that is the reason of an HTTP failure. The libraries between wrap it in one `io::Error`
/// after the other, whose content is in no chain of sources.
pub(crate) fn tls_error(error: &(dyn StdError + 'static)) -> Option<Error> {
    chain(Some(error)).find_map(|mut cause| {
        while let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            cause = inner;
        }
        cause.downcast_ref::<Error>().cloned()
    })
}

/// A certificate is not valid today.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum OutOfDate {
    #[error("it expired on {0}")]
    Expired(String),
    #[error("it is valid from {0} on")]
    Early(String),
}

fn day(time: UnixTime) -> String {
    let day = i64::try_from(time.as_secs()).ok().and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    day.map_or_else(|| "a day that is no date".to_owned(), |day| day.to_datetime().date().to_string())
}

/// True when the time of a certificate begins later, so that a clock may be wrong.
pub(crate) fn is_early(error: &CertificateError) -> bool {
    match error {
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => true,
        CertificateError::Other(other) => other.0.downcast_ref().is_some_and(Refused::is_early),
        _ => false,
    }
}

/// What `error` says, as an error of its own: rustls shows ours as Rust's debug text.
pub(crate) fn certificate_error(error: CertificateError) -> Box<dyn StdError + Send + Sync> {
    match &error {
        CertificateError::ExpiredContext { not_after, .. } => OutOfDate::Expired(day(*not_after)).into(),
        CertificateError::NotValidYetContext { not_before, .. } => OutOfDate::Early(day(*not_before)).into(),
        CertificateError::Other(other) => match other.0.downcast_ref::<Refused>() {
            Some(refused) => refused.clone().into(),
            None => Error::InvalidCertificate(error).into(),
        },
        _ => Error::InvalidCertificate(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_certificate_that_is_not_valid_today_says_its_day() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let (time, day) = (at(1_700_000_000), 1_609_459_200);
        let expired = CertificateError::ExpiredContext { time, not_after: at(day) };
        assert_eq!(certificate_error(expired).to_string(), "it expired on 2021-01-01");
        let early = CertificateError::NotValidYetContext { time, not_before: at(day) };
        assert_eq!(certificate_error(early).to_string(), "it is valid from 2021-01-01 on");
        let odd = CertificateError::ExpiredContext { time, not_after: at(u64::MAX) };
        assert_eq!(certificate_error(odd).to_string(), "it expired on a day that is no date");
    }

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
