//! What `crypto/x509` of Go refuses and rustls does not: kubectl, docker and oc would fail with what rustls alone lets
//! through. Checked against Go 1.26 (`parser.go`, `verify.go` and `CheckSignatureFrom` in `x509.go`).

use std::time::SystemTime;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ExtendedKeyUsage;
use x509_parser::oid_registry as oid;
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

/// Why a certificate is refused, after whose it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// It is no X.509.
    #[error("cannot be read")]
    Unreadable,
    /// Refused since Go 1.23.
    #[error("has a negative serial number")]
    NegativeSerial,
    /// RFC 5280 says that it must not be.
    #[error("marks its {0} as critical")]
    Critical(&'static str),
    /// Nobody knows what it means.
    #[error("has a critical extension that is not understood")]
    UnknownExtension,
    /// It says nothing or no about it.
    #[error("is not marked as that of an authority (`CA:TRUE`)")]
    NotAuthority,
    /// Its key usage does not have that.
    #[error("is not for signing certificates (its key usage lacks `keyCertSign`)")]
    NotSigning,
    /// Its extended key usage does not have that.
    #[error("is not for servers (its extended key usage lacks `serverAuth`)")]
    NotServer,
    /// Its time begins later.
    #[error("is not valid before {0}; compare the clocks")]
    NotYet(String),
    /// SHA-1 or older.
    #[error("is signed with {0}")]
    OldDigest(&'static str),
    /// Go would take it, rustls does not.
    #[error("has an RSA key of {0} bits; it needs 2048")]
    ShortKey(usize),
}

/// What Go reads as a certificate at all.
pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, Unfit> {
    let (rest, certificate) = parse_x509_certificate(der).map_err(|_| Unfit::Unreadable)?;
    if !rest.is_empty() {
        return Err(Unfit::Unreadable);
    }
    if certificate.raw_serial().first().is_some_and(|byte| byte & 0x80 != 0) {
        return Err(Unfit::NegativeSerial);
    }
    for extension in certificate.iter_extensions().filter(|extension| extension.critical) {
        if let Some((_, name)) = NEVER_CRITICAL.iter().find(|(known, _)| extension.oid == *known) {
            return Err(Unfit::Critical(name));
        }
    }
    Ok(certificate)
}

/// What Go wants of a certificate that is signed by another one.
pub(super) fn check_signature(certificate: &X509Certificate) -> Result<(), Unfit> {
    let algorithm = &certificate.signature_algorithm.algorithm;
    let old = OLD_DIGESTS.iter().find(|(known, _)| algorithm == known);
    old.map_or(Ok(()), |(_, name)| Err(Unfit::OldDigest(name)))
}

/// What Go wants of the certificate of an authority by which others are signed.
pub(super) fn check_issuer(certificate: &X509Certificate, now: SystemTime) -> Result<(), Unfit> {
    let is_authority = match certificate.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca,
        // Before version 3 nothing could say so.
        Ok(None) => certificate.version() != X509Version::V3,
        Err(_) => false,
    };
    if !is_authority {
        return Err(Unfit::NotAuthority);
    }
    let usage = certificate.key_usage().ok().flatten().map(|usage| usage.value);
    if usage.is_some_and(|usage| usage.flags != 0 && !usage.key_cert_sign()) {
        return Err(Unfit::NotSigning);
    }
    check_server(certificate, now)
}

/// The number of other authorities that may stand between that of `certificate` and a server; none without a limit.
pub(super) fn path_length(certificate: &X509Certificate) -> Option<usize> {
    let constraints = certificate.basic_constraints().ok().flatten()?;
    constraints.value.path_len_constraint.map(|length| length as usize)
}

/// An authority for some names only, as RFC 5280 has it in 4.2.1.10.
pub(super) fn constrains_names(certificate: &X509Certificate) -> bool {
    certificate.iter_extensions().any(|extension| extension.oid == oid::OID_X509_EXT_NAME_CONSTRAINTS)
}

/// What Go wants of the certificate of a server.
pub(super) fn check_server(certificate: &X509Certificate, now: SystemTime) -> Result<(), Unfit> {
    let is_unknown = |oid: &oid::Oid| !UNDERSTOOD.contains(oid);
    if certificate.iter_extensions().any(|extension| extension.critical && is_unknown(&extension.oid)) {
        return Err(Unfit::UnknownExtension);
    }
    let start = certificate.validity().not_before;
    if start > ASN1Time::new(now.into()) {
        return Err(Unfit::NotYet(start.to_datetime().date().to_string()));
    }
    let usage = certificate.extended_key_usage().ok().flatten().map(|usage| usage.value);
    if usage.is_some_and(|usage| !is_for_servers(usage)) {
        return Err(Unfit::NotServer);
    }
    short_key(certificate).map_or(Ok(()), |bits| Err(Unfit::ShortKey(bits)))
}

/// True for any use, too.
fn is_for_servers(usage: &ExtendedKeyUsage) -> bool {
    usage.any || usage.server_auth
}

/// The bits of its RSA key, if it is a short one.
pub(super) fn short_key(certificate: &X509Certificate) -> Option<usize> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < SHORTEST_RSA => Some(key.key_size()),
        _ => None,
    }
}

/// RFC 3279 (2.2.3)
const ECDSA_WITH_SHA1: oid::Oid = oid::asn1_rs::oid!(1.2.840.10045.4.1);
const SHORTEST_RSA: usize = 2048;

static OLD_DIGESTS: [(oid::Oid, &str); 4] = [
    (oid::OID_PKCS1_SHA1WITHRSA, "SHA-1"),
    (oid::OID_SHA1_WITH_RSA, "SHA-1"),
    (ECDSA_WITH_SHA1, "SHA-1"),
    (oid::OID_PKCS1_MD5WITHRSAENC, "MD5"),
];

static NEVER_CRITICAL: [(oid::Oid, &str); 3] = [
    (oid::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, "authority key identifier"),
    (oid::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER, "subject key identifier"),
    (oid::OID_PKIX_AUTHORITY_INFO_ACCESS, "authority information access"),
];

static UNDERSTOOD: [oid::Oid; 10] = [
    oid::OID_X509_EXT_KEY_USAGE,
    oid::OID_X509_EXT_BASIC_CONSTRAINTS,
    oid::OID_X509_EXT_SUBJECT_ALT_NAME,
    oid::OID_X509_EXT_NAME_CONSTRAINTS,
    oid::OID_X509_EXT_CRL_DISTRIBUTION_POINTS,
    oid::OID_X509_EXT_EXTENDED_KEY_USAGE,
    oid::OID_X509_EXT_CERTIFICATE_POLICIES,
    oid::OID_X509_EXT_POLICY_CONSTRAINTS,
    oid::OID_X509_EXT_POLICY_MAPPINGS,
    oid::OID_X509_EXT_INHIBIT_ANY_POLICY,
];
