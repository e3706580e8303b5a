//! Whether a server's certificate is good: what rustls says, and Go (see [`super::go_x509`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use x509_parser::asn1_rs::{SerializeError, ToDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;
use x509_parser::x509::AlgorithmIdentifier;

use super::certificate::{Certificates, Names};
use super::curves::VerificationAlgorithm;
use super::go_x509::{self, Unfit};

/// The authorities of one set of credentials.
#[derive(Debug)]
pub(super) struct Authorities {
    /// All of them, in DER.
    der: Vec<Vec<u8>>,
    /// Those that may sign a server's certificate themselves.
    roots: RootCertStore,
    /// Those of them that may sign that of another authority, too.
    far_roots: RootCertStore,
    /// Those of `roots` that say nothing about the names below them, in DER.
    direct: Vec<Vec<u8>>,
    /// The subjects of the others, and why they are not used.
    unfit: Vec<(Vec<u8>, Unfit)>,
}

/// Remembers the names in the certificate that a server showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<Mutex<HashMap<String, Names>>>);

/// Why a certificate is refused that rustls would let through or has no words for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the {whose} certificate {unfit}: kubectl, docker and other programs written in Go refuse it")]
pub(super) struct Refused {
    whose: &'static str,
    unfit: Unfit,
}

impl Refused {
    /// True when its time begins later.
    pub(super) fn is_early(&self) -> bool {
        matches!(self.unfit, Unfit::NotYet(_))
    }
}

/// Verifies as rustls does, more strictly where Go does so, and writes down the names, which rustls's error gives only
/// as debug text.
#[derive(Debug)]
pub(super) struct Verifier {
    authorities: Arc<Authorities>,
    algorithms: WebPkiSupportedAlgorithms,
    witness: Witness,
}

impl Authorities {
    pub(super) fn new(authority: &Certificates, now: SystemTime) -> Self {
        let der = authority.der().to_vec();
        let (mut roots, mut far_roots) = (RootCertStore::empty(), RootCertStore::empty());
        let (mut direct, mut unfit) = (Vec::new(), Vec::new());
        for certificate in &der {
            match go_x509::parse(certificate).and_then(|parsed| {
                go_x509::check_issuer(&parsed, now)?;
                Ok((go_x509::path_length(&parsed), go_x509::constrains_names(&parsed)))
            }) {
                Ok((length, constrains_names)) => {
                    direct.extend((!constrains_names).then(|| certificate.clone()));
                    let root = [CertificateDer::from(certificate.as_slice())];
                    roots.add_parsable_certificates(root.clone());
                    if length != Some(0) {
                        far_roots.add_parsable_certificates(root);
                    }
                }
                Err(reason) => unfit.push((subject(certificate), reason)),
            }
        }
        Self { der, roots, far_roots, direct, unfit }
    }
}

impl Witness {
    fn saw(&self, asked: &ServerName, names: Names) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(asked.to_str().into(), names);
    }

    /// The names in the certificate of the server that was asked for as `asked`; none when it showed none.
    pub(super) fn names_for(&self, asked: &str) -> Names {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.get(asked).cloned().unwrap_or_default()
    }
}

impl Verifier {
    pub(super) fn new(
        authorities: Arc<Authorities>,
        algorithms: WebPkiSupportedAlgorithms,
        witness: Witness,
    ) -> Self {
        Self { authorities, algorithms, witness }
    }

    /// An authority vouches for the server.
    fn verify_chain(
        &self,
        server: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let Ok(parsed) = ParsedCertificate::try_from(server) else {
            // Before version 3 there were no other names than the common one.
            let trusted = self.has_signed(server, now);
            return Err(if trusted {
                CertificateError::NotValidForName
            } else {
                CertificateError::UnknownIssuer
            }
            .into());
        };
        let verify = |roots, others| {
            verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, self.algorithms.all)
        };
        let Err(error) = verify(&self.authorities.roots, &[]) else { return Ok(()) };
        if is_about_its_form(&error) && self.has_signed(server, now) {
            return Ok(());
        }
        let time = UNIX_EPOCH + Duration::from_secs(now.as_secs());
        let is_fit = |other: &&CertificateDer| {
            go_x509::parse(other).and_then(|parsed| go_x509::check_issuer(&parsed, time)).is_ok()
        };
        let fit: Vec<CertificateDer> = others.iter().filter(is_fit).cloned().collect();
        if fit.is_empty() { Err(error) } else { verify(&self.authorities.far_roots, &fit) }
    }

    /// True when an authority has signed `server` itself. For a certificate in a form that rustls does not want to see of a server:
    /// `openssl req -x509 -CA` marks it as that of an authority.
    fn has_signed(&self, server: &CertificateDer<'_>, now: UnixTime) -> bool {
        let (Ok(server), Ok(now)) =
            (go_x509::parse(server), ASN1Time::from_timestamp(now.as_secs().cast_signed()))
        else {
            return false;
        };
        let authorities = self.authorities.direct.iter().filter_map(|der| go_x509::parse(der).ok());
        let mut issuers = authorities.filter(|own| own.subject().as_raw() == server.issuer().as_raw());
        server.validity().is_valid_at(now)
            && issuers.any(|issuer| is_signed_by(&server, &issuer, self.algorithms.all))
    }

    /// What Go has against the certificates that were shown; rustls has said already that it trusts them.
    fn check_shown(
        server: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // Go does not even read them.
        for other in others {
            go_x509::parse(other).map_err(|unfit| refused("authority's", unfit))?;
        }
        go_x509::parse(server)
            .and_then(|parsed| {
                go_x509::check_server(&parsed, UNIX_EPOCH + Duration::from_secs(now.as_secs()))
            })
            .map_err(|unfit| refused("server's", unfit))
    }

    /// Why nobody vouches for the server, where it is not just another authority's.
    fn reason(
        &self,
        server: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<Error> {
        let issuers: Vec<Vec<u8>> = [server].into_iter().chain(others).map(|shown| issuer(shown)).collect();
        let mut unfit = self.authorities.unfit.iter();
        if let Some((_, unfit)) = unfit.find(|(subject, _)| issuers.contains(subject)) {
            return Some(refused("authority's", unfit.clone()));
        }
        let is_ours = |issuer: &Vec<u8>| self.authorities.der.iter().any(|own| subject(own) == *issuer);
        if !issuers.iter().any(is_ours) {
            return None;
        }
        let whose = |index| if index == 0 { "server's" } else { "authority's" };
        let shown = [server].into_iter().chain(others).enumerate();
        let mut signed = shown.map(|(index, shown)| {
            go_x509::parse(shown)
                .and_then(|parsed| go_x509::check_signature(&parsed))
                .map_err(|unfit| refused(whose(index), unfit))
        });
        signed.find_map(Result::err).or_else(|| Self::check_shown(server, others, now).err())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.witness.saw(server_name, Names::of(server));
        // A certificate that vouches for itself is as good as the authority that it is: rustls does not accept it as a
        // server's, Go's clients do. That it has not expired was looked at when it was read.
        if !self.authorities.der.iter().any(|own| own.as_slice() == server.as_ref()) {
            self.verify_chain(server, others, now)
                .map_err(|error| self.reason(server, others, now).unwrap_or(error))?;
        }
        Self::check_shown(server, others, now)?;
        verify_server_name(&ParsedCertificate::try_from(server)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Not about who has signed it, nor when.
fn is_about_its_form(error: &Error) -> bool {
    use CertificateError::{InvalidPurpose, InvalidPurposeContext, Other};
    let Error::InvalidCertificate(error) = error else { return false };
    matches!(error, Other(_) | InvalidPurpose | InvalidPurposeContext { .. })
}

fn refused(whose: &'static str, unfit: Unfit) -> Error {
    CertificateError::Other(OtherError(Arc::new(Refused { whose, unfit }))).into()
}

/// The signature of `certificate` is that of `issuer`.
fn is_signed_by(
    certificate: &X509Certificate,
    issuer: &X509Certificate,
    algorithms: &[VerificationAlgorithm],
) -> bool {
    let (key, algorithm) = (issuer.public_key(), &certificate.signature_algorithm);
    let (Ok(key_kind), Ok(kind)) = (content(&key.algorithm), content(algorithm)) else { return false };
    let fits = |known: &&VerificationAlgorithm| {
        *known.public_key_alg_id() == *key_kind && *known.signature_alg_id() == *kind
    };
    algorithms.iter().filter(fits).any(|known| {
        let (text, signature) = (certificate.tbs_certificate.as_ref(), &certificate.signature_value.data);
        known.verify_signature(&key.subject_public_key.data, text, signature).is_ok()
    })
}

/// What is in the sequence `algorithm`, in DER.
fn content(algorithm: &AlgorithmIdentifier) -> Result<Vec<u8>, SerializeError> {
    let mut content = algorithm.algorithm.to_der_vec()?;
    if let Some(parameters) = &algorithm.parameters {
        content.extend(parameters.to_der_vec()?);
    }
    Ok(content)
}

/// In DER; empty for what is no certificate.
fn subject(der: &[u8]) -> Vec<u8> {
    let raw = |certificate: X509Certificate| certificate.subject().as_raw().to_vec();
    x509_parser::parse_x509_certificate(der).map(|(_, parsed)| raw(parsed)).unwrap_or_default()
}

/// In DER; empty for what is no certificate.
fn issuer(der: &[u8]) -> Vec<u8> {
    let raw = |certificate: X509Certificate| certificate.issuer().as_raw().to_vec();
    x509_parser::parse_x509_certificate(der).map(|(_, parsed)| raw(parsed)).unwrap_or_default()
}
