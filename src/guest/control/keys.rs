//! Keys and certificates that make a container engine talk TLS.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use secrecy::SecretString;

use crate::guest::frame::NoRandom;

/// A server's and a client's certificate of one authority, whose own key is kept nowhere.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(super) authority: String,
    pub(super) server: Pair,
    pub(super) client: Pair,
    /// By the host's clock, in seconds since 1970.
    pub(super) made_at: u64,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: SecretString,
}

impl Keys {
    /// Makes new ones for a server that is reached at `addresses`.
    ///
    /// Errors: the system has no random numbers.
    pub(crate) fn make(addresses: &[IpAddr], now: SystemTime) -> Result<Self, NoRandom> {
        Self::try_make(addresses, now).map_err(NoRandom::new)
    }

    fn try_make(addresses: &[IpAddr], now: SystemTime) -> Result<Self, rcgen::Error> {
        let mut names: Vec<SanType> = addresses.iter().copied().map(SanType::IpAddress).collect();
        names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        names.push(SanType::DnsName("localhost".try_into()?));
        let mut authority = params("service-manager", now);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let certificate = authority.self_signed(&key)?.pem();
        let issuer = Issuer::new(authority, key);
        let server = Pair::make("docker", names, ExtendedKeyUsagePurpose::ServerAuth, now, &issuer)?;
        let client = Pair::make("client", Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, now, &issuer)?;
        let made_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Ok(Self { authority: certificate, server, client, made_at })
    }
}

impl Pair {
    fn make(
        name: &str,
        names: Vec<SanType>,
        purpose: ExtendedKeyUsagePurpose,
        now: SystemTime,
        issuer: &Issuer<KeyPair>,
    ) -> Result<Self, rcgen::Error> {
        let mut params = params(name, now);
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?.pem();
        Ok(Self { certificate, key: key.serialize_pem().into() })
    }
}

fn params(name: &str, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    // The guest's clock may be behind.
    params.not_before = (now - DAY).into();
    params.not_after = (now + LIFE).into();
    params
}

const DAY: Duration = Duration::from_hours(24);
/// A development machine lives no longer.
const LIFE: Duration = Duration::from_hours(24 * 365 * 5);

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::access::certificate::{Certificates, Names};
    use crate::access::credentials::Credentials;
    use crate::access::tls::Material;

    #[test]
    fn what_was_made_is_what_docker_needs() {
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let keys = Keys::make(&[address], SystemTime::now()).unwrap();
        let Pair { certificate, key } = &keys.client;
        let credentials = Credentials::docker(
            keys.authority.as_bytes(),
            certificate.as_bytes(),
            key.expose_secret().as_bytes(),
            2376,
        );
        assert!(Material::new(&credentials.unwrap()).is_ok());
        let server = Certificates::parse(keys.server.certificate.as_bytes()).unwrap();
        assert_eq!(Names::of(&server.der()[0]).list(), ["localhost", "192.0.2.7", "127.0.0.1"]);
        assert!(server.expired(SystemTime::now()).is_none());
        assert!(!format!("{keys:?}").contains("PRIVATE"));
    }
}
