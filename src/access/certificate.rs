//! X.509 certificates (RFC 5280) as text, and what stands in them.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use super::pem;
use crate::base::text::sanitize;
use crate::base::types::DnsName;

/// One or several certificates in PEM, parsed and written again: what is no certificate is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificates {
    text: String,
    der: Vec<Vec<u8>>,
}

/// The names in a certificate that a client compares with the one it connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// DNS names that stand for one host.
    pub dns: Vec<DnsName>,
    /// Those with wildcards, for messages only.
    pub wildcards: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// The common name, where there is no other: for messages only, since clients look at it no more.
    pub common: Option<String>,
}

impl Certificates {
    /// Takes the certificates out of `text`; none when there is none, or one cannot be read.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let der = pem::certificates(text)?;
        let is_certificate =
            |der: &Vec<u8>| parse_x509_certificate(der).is_ok_and(|(rest, _)| rest.is_empty());
        (!der.is_empty() && der.iter().all(is_certificate)).then(|| Self::from_der(der))
    }

    /// None at all: nobody is trusted.
    pub(crate) fn none() -> Self {
        Self::from_der(Vec::new())
    }

    /// The text in PEM.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The certificates in DER.
    pub(crate) fn der(&self) -> &[Vec<u8>] {
        &self.der
    }

    /// The last day of the first one, as `2021-01-01`, if that was before `now`.
    pub(crate) fn expired(&self, now: SystemTime) -> Option<String> {
        self.der.first().and_then(|der| expired(der, now))
    }

    /// Those that have not expired before `now`; an error with the last day of the first one when all have.
    pub(crate) fn current(&self, now: SystemTime) -> Result<Self, String> {
        let valid: Vec<Vec<u8>> =
            self.der.iter().filter(|der| expired(der, now).is_none()).cloned().collect();
        match self.expired(now) {
            Some(on) if valid.is_empty() => Err(on),
            _ => Ok(Self::from_der(valid)),
        }
    }

    /// The end of the first that ends.
    pub(crate) fn end(&self) -> Option<SystemTime> {
        self.der.iter().filter_map(|der| end(der)).min()
    }

    fn from_der(der: Vec<Vec<u8>>) -> Self {
        Self { text: pem::of_certificates(&der), der }
    }
}

impl Names {
    /// Reads the names of one certificate in DER; none when it cannot be read.
    pub(crate) fn of(der: &[u8]) -> Self {
        let mut names = Self::default();
        let Ok((_, certificate)) = parse_x509_certificate(der) else { return names };
        let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
            let common = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
            return Self { common: common.map(sanitize), ..names };
        };
        for name in &alternatives.value.general_names {
            match name {
                GeneralName::DNSName(name) => match DnsName::parse(name) {
                    Ok(name) => names.dns.push(name),
                    Err(_) => names.wildcards.push(sanitize(name)),
                },
                GeneralName::IPAddress(bytes) => names.addresses.extend(address(bytes)),
                _ => {}
            }
        }
        names
    }

    /// All of them, for a message.
    pub(crate) fn list(&self) -> Vec<String> {
        let dns = self.dns.iter().map(ToString::to_string);
        let addresses = self.addresses.iter().map(ToString::to_string);
        let common =
            self.common.iter().map(|name| format!("`{name}` as its common name alone, which clients ignore"));
        dns.chain(self.wildcards.iter().cloned()).chain(addresses).chain(common).collect()
    }
}

fn expired(der: &[u8], now: SystemTime) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let end = certificate.validity().not_after;
    (end < ASN1Time::new(now.into())).then(|| end.to_datetime().date().to_string())
}

fn end(der: &[u8]) -> Option<SystemTime> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(Into::into);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(Into::into)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> rcgen::Certificate {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        rcgen::generate_simple_self_signed(names).unwrap().cert
    }

    #[test]
    fn what_is_no_certificate_is_gone() {
        let pem = certificate(&["a"]).pem();
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let read = Certificates::parse(format!("noise\n{pem}{key}{pem}").as_bytes()).unwrap();
        assert_eq!(read.der().len(), 2);
        assert!(!read.as_str().contains("PRIVATE"));
        assert!(!read.as_str().contains("noise"));
        assert_eq!(Certificates::parse(read.as_str().as_bytes()).unwrap(), read);
    }

    #[test]
    fn what_holds_no_readable_certificate_is_refused() {
        for text in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(Certificates::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_certificate_with_something_behind_it_is_refused() {
        let der = [certificate(&["a"]).der().as_ref(), b"more"].concat();
        let text = pem::of_certificates(&[der]);
        assert_eq!(Certificates::parse(text.as_bytes()), None);
    }

    #[test]
    fn names_and_addresses_are_read() {
        let names = Names::of(certificate(&["kubernetes", "*.example.com", "10.0.2.15"]).der());
        assert_eq!(names.dns, ["kubernetes".parse().unwrap()], "a wildcard is no name to ask for");
        assert_eq!(names.list(), ["kubernetes", "*.example.com", "10.0.2.15"]);
        assert_eq!(Names::of(b"x"), Names::default());
    }

    #[test]
    fn the_day_of_expiry_is_told_afterwards() {
        let valid = certificate(&["b"]).pem();
        let mut params = rcgen::CertificateParams::new(["a".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let pem = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
        let read = Certificates::parse(pem.as_bytes()).unwrap();
        assert_eq!(read.expired(UNIX_EPOCH), None);
        assert_eq!(read.end(), UNIX_EPOCH.checked_add(Duration::from_hours(447_072)));
        let later = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(read.expired(later).as_deref(), Some("2021-01-01"));
        assert_eq!(read.current(later), Err("2021-01-01".to_owned()));

        let both = Certificates::parse((pem + &valid).as_bytes()).unwrap();
        assert_eq!(both.current(later).unwrap().der(), Certificates::parse(valid.as_bytes()).unwrap().der());
    }
}
