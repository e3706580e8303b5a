//! Candidate addresses → an endpoint that the host has really connected to, with the very settings and
//! credentials that are exported.
//!
//! Preferred is an address that the server's certificate names; then a name of it that leads there from this
//! host; then an address with the certificate's name beside it (`tls-server-name`), which not every client
//! understands.

mod api_client;
mod json_pointer;

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustls::CertificateError;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use self::api_client::{Answer, Api, Call, Outcome};
use crate::access::certificate::Names;
use crate::access::credentials::Credentials;
use crate::access::tls::Material;
use crate::base::deadline::Deadline;
use crate::base::types::{ApiVersion, DnsName, HostName, Version};
use crate::error::{Error, Silence};
use crate::services::detect::{Candidate, Found};

pub(crate) use self::api_client::Caller;

/// Where the host reaches a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address, or a name that leads there.
    pub host: HostName,
    /// The address that was connected to; `host` may be a name that leads there.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The name to compare the certificate with, when it does not name the host.
    pub server_name: Option<DnsName>,
    /// What the service says it is, if it says so.
    pub version: Option<Version>,
    /// The newest version of its API, where it has versions of its own.
    pub api_version: Option<ApiVersion>,
}

/// In JSON: the URL, and its parts.
impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_struct("Endpoint", 4)?;
        document.serialize_field("url", &self.url())?;
        document.serialize_field("host", &self.host)?;
        document.serialize_field("port", &self.port)?;
        document.serialize_field("server_name", &self.server_name)?;
        document.end()
    }
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The service, as it is in the guest.
    pub found: &'a Found<'a>,
    /// The machine's name.
    pub machine: &'a str,
    /// The addresses to try.
    pub addresses: &'a [IpAddr],
    /// With what to log in.
    pub candidate: &'a Candidate,
}

impl Endpoint {
    /// `HOST:PORT`
    pub fn place(&self) -> String {
        match self.host.as_str().parse() {
            Ok(address) => SocketAddr::new(address, self.port).to_string(),
            Err(_) => format!("{}:{}", self.host, self.port),
        }
    }

    /// The URL that clients are given.
    pub fn url(&self) -> String {
        format!("https://{}", self.place())
    }

    /// Uses `found` once more where it was, with `credentials`. None when anything there is not as it was.
    pub(crate) fn again(
        &self,
        found: &Found,
        credentials: &Credentials,
        deadline: Deadline,
    ) -> Option<(Self, Caller)> {
        let api = Api::of(&found.flavour.access);
        let call = Call {
            api,
            material: Material::new(credentials).ok()?,
            proof: credentials.client_auth.clone(),
            deadline,
        };
        let place = SocketAddr::new(self.address, self.port);
        let name = self.server_name.clone().or_else(|| DnsName::parse(self.host.as_str()).ok());
        match call.attempt(place, name.as_ref()) {
            Outcome::Good(good) => {
                let (caller, Answer { version, api_version }) = *good;
                Some((Self { version, api_version, ..self.clone() }, caller))
            }
            outcome => {
                log::debug!("{} is not at {} as it was: {outcome:?}", found.service.title, self.place());
                None
            }
        }
    }
}

impl Search<'_> {
    /// Tries all addresses at once and returns the first good one, with the connection to it.
    ///
    /// Errors: nothing answers, no name of the certificate can be used, the certificate or the credentials
    /// are not accepted.
    pub(crate) fn run(&self, deadline: Deadline) -> Result<(Endpoint, Caller), Error> {
        let credentials = &self.candidate.credentials;
        let material = Material::new(credentials).map_err(|source| self.refused(source))?;
        let api = Api::of(&self.found.flavour.access);
        let call = Call { api, material, proof: credentials.client_auth.clone(), deadline };
        match self.try_addresses(&call) {
            Ok(good) => Ok(good),
            Err(failures) => match (&failures.names, failures.stranger(), self.given_name()) {
                (Some((address, names)), ..) => self.try_names(*address, names, &call),
                // Asked for by name, the server may show another certificate.
                (None, Some(address), Some(name)) => {
                    let names = Names { dns: vec![name], ..Names::default() };
                    self.try_names(address, &names, &call).map_err(|_| self.explain(*failures))
                }
                _ => Err(self.explain(*failures)),
            },
        }
    }

    fn try_addresses(&self, call: &Call) -> Result<(Endpoint, Caller), Box<Failures>> {
        let attempts = self.start_attempts(call);
        let mut failures = Failures::default();
        let mut pending = self.addresses.to_vec();
        while let Ok((address, outcome)) = attempts.recv_timeout(failures.patience(&pending, call.deadline)) {
            pending.retain(|candidate| *candidate != address);
            match outcome {
                Outcome::Good(good) => return Ok(self.good(address, address.into(), None, *good)),
                Outcome::OtherNames(names) => failures.names = Some((address, names)),
                Outcome::Silent(silence, reason) => {
                    log::debug!("{}: {reason}", self.place(address));
                    failures.silent.push((address, silence, reason));
                }
                failed => failures.answered = Some((address, failed)),
            }
        }
        Err(Box::new(failures))
    }

    fn start_attempts(&self, call: &Call) -> Receiver<(IpAddr, Outcome)> {
        let (sender, receiver) = mpsc::channel();
        for address in self.addresses.iter().copied() {
            let (sender, call, place) = (sender.clone(), call.clone(), self.place(address));
            thread::spawn(move || {
                // Nobody listens any more when another address was good first.
                let _ = sender.send((address, call.attempt(place, None)));
            });
        }
        receiver
    }

    /// Uses a name of the certificate for `address`: as the host where it leads there, else beside the address.
    fn try_names(&self, address: IpAddr, names: &Names, call: &Call) -> Result<(Endpoint, Caller), Error> {
        if let Some(name) = self.leading_name(names, address) {
            let (caller, answer) = self.try_name(address, name, call)?;
            return Ok(self.good(address, name.into(), None, (caller, answer)));
        }
        // Docker's client compares the certificate with the host it connects to, and nothing else.
        let name = self.preferred_name(names).filter(|_| call.api == Api::Kubernetes);
        let name = name.ok_or_else(|| Error::CertificateNames {
            service: self.service(),
            machine: self.machine.to_owned(),
            place: self.place(address).to_string(),
            names: names.list(),
            remedy: self.found.flavour.hints.names.replace("{address}", &address.to_string()),
        })?;
        let good = self.try_name(address, name, call)?;
        Ok(self.good(address, address.into(), Some(name.clone()), good))
    }

    fn try_name(&self, address: IpAddr, name: &DnsName, call: &Call) -> Result<(Caller, Answer), Error> {
        match call.clone().attempt(self.place(address), Some(name)) {
            Outcome::Good(good) => Ok(*good),
            outcome => {
                Err(self.explain(Failures { answered: Some((address, outcome)), ..Failures::default() }))
            }
        }
    }

    /// A name of the certificate that leads to `address`: the one in the guest's own file, or `localhost`.
    fn leading_name<'n>(&self, names: &'n Names, address: IpAddr) -> Option<&'n DnsName> {
        let given = self.given_name();
        let is_worth_asking = |name: &&DnsName| given.as_ref() == Some(*name) || name.as_str() == "localhost";
        names.dns.iter().filter(is_worth_asking).find(|name| leads_to(name, address))
    }

    /// `kubernetes` is in nearly every API server's certificate; the name in the guest's own file is meant
    /// for clients; any other is better than none.
    fn preferred_name<'n>(&self, names: &'n Names) -> Option<&'n DnsName> {
        let given = self.given_name();
        let given = given.as_ref().map(DnsName::as_str);
        let mut preferred = ["kubernetes"].into_iter().chain(given).chain(["localhost"]);
        let find = |wanted: &str| names.dns.iter().find(|name| name.as_str() == wanted);
        preferred.find_map(find).or(names.dns.first())
    }

    /// The name by which the guest's own file calls the server.
    fn given_name(&self) -> Option<DnsName> {
        let name = self.candidate.credentials.server_name.as_ref()?;
        DnsName::parse(name.as_str()).ok()
    }

    fn explain(&self, failures: Failures) -> Error {
        let Some((address, outcome)) = failures.answered else {
            return self.no_answer(&failures.silent);
        };
        let (service, place) = (self.service(), self.place(address).to_string());
        let remedy = self.found.flavour.hints.expired.clone();
        match outcome {
            Outcome::BadCertificate(error) => {
                let not_yet = matches!(
                    error,
                    CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
                );
                let remedy = if not_yet { COMPARE_CLOCKS.to_owned() } else { remedy };
                let source = rustls::Error::InvalidCertificate(error).into();
                Error::Certificate { service, place, source, remedy }
            }
            Outcome::Refused(reason) => Error::CredentialsRefused {
                service,
                machine: self.machine.to_owned(),
                place,
                path: self.candidate.path.clone(),
                reason,
                remedy,
            },
            Outcome::Odd(source) => Error::Response { service, place, source },
            Outcome::Silent(silence, reason) => self.no_answer(&[(address, silence, reason)]),
            Outcome::Good(_) | Outcome::OtherNames(_) => self.no_answer(&[]),
        }
    }

    fn no_answer(&self, silent: &[(IpAddr, Silence, String)]) -> Error {
        let tried =
            |(address, _, reason): &(IpAddr, Silence, String)| format!("{}: {reason}", self.place(*address));
        Error::NoAnswer {
            service: self.service(),
            machine: self.machine.to_owned(),
            tried: silent.iter().map(tried).collect(),
            silence: silent.iter().map(|(_, silence, _)| *silence).max().unwrap_or(Silence::Lost),
            path: self.candidate.path.clone(),
            unit: self.found.units.last().map(ToString::to_string),
        }
    }

    fn refused(&self, source: crate::access::credentials::CredentialError) -> Error {
        Error::CredentialsInvalid {
            service: self.service(),
            path: self.candidate.path.clone(),
            machine: self.machine.to_owned(),
            source,
            remedy: self.found.flavour.hints.expired.clone(),
        }
    }

    fn good(
        &self,
        address: IpAddr,
        host: HostName,
        server_name: Option<DnsName>,
        good: (Caller, Answer),
    ) -> (Endpoint, Caller) {
        let (caller, Answer { version, api_version }) = good;
        let port = self.candidate.credentials.port;
        (Endpoint { host, address, port, server_name, version, api_version }, caller)
    }

    fn place(&self, address: IpAddr) -> SocketAddr {
        SocketAddr::new(address, self.candidate.credentials.port)
    }

    fn service(&self) -> String {
        self.found.service.name.to_string()
    }
}

/// What is known of the addresses that were no good.
#[derive(Debug, Default)]
struct Failures {
    names: Option<(IpAddr, Names)>,
    answered: Option<(IpAddr, Outcome)>,
    silent: Vec<(IpAddr, Silence, String)>,
}

impl Failures {
    /// An address at which a server of another authority answered.
    fn stranger(&self) -> Option<IpAddr> {
        let stranger = self.silent.iter().find(|(_, silence, _)| *silence == Silence::Stranger);
        stranger.map(|(address, ..)| *address)
    }

    /// How long to wait for the addresses that are still tried. Once a server with other names is found,
    /// only an address that is among them is worth a moment.
    fn patience(&self, pending: &[IpAddr], deadline: Deadline) -> Duration {
        let left = deadline.left();
        match &self.names {
            None => left,
            Some((_, names)) if names.addresses.iter().any(|named| pending.contains(named)) => {
                left.min(MOMENT)
            }
            Some(_) => Duration::ZERO,
        }
    }
}

/// True when `name` means `address` on this host. A name server that is slow counts as one that does not know.
fn leads_to(name: &DnsName, address: IpAddr) -> bool {
    if name.as_str() == "localhost" {
        return address.is_loopback();
    }
    let (sender, receiver) = mpsc::channel();
    let name = name.to_string();
    thread::spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        let _ = sender.send(found.is_ok_and(|mut found| found.any(|place| place.ip() == address)));
    });
    receiver.recv_timeout(MOMENT).unwrap_or(false)
}

const MOMENT: Duration = Duration::from_millis(250);
const COMPARE_CLOCKS: &str = "compare the clocks: `date -u` here and in the machine";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_the_certificate_names_is_worth_waiting_for() {
        let minute = Deadline::after(Duration::from_mins(1));
        let address: IpAddr = "10.0.2.15".parse().unwrap();
        let other: IpAddr = "172.30.0.2".parse().unwrap();
        let names = Names { addresses: vec![address], ..Names::default() };
        let failures = Failures { names: Some((other, names)), ..Failures::default() };
        assert_eq!(failures.patience(&[address], minute), MOMENT);
        assert_eq!(failures.patience(&[other], minute), Duration::ZERO);
        assert!(Failures::default().patience(&[other], minute) > MOMENT);
    }
}
