//! Candidate addresses → an endpoint that the host has really connected to, with the very settings and
//! credentials that are exported.
//!
//! Preferred is an address that the server's certificate names; then an address with the certificate's
//! name beside it (`tls-server-name`), which not every client understands.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use rustls::CertificateError;
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::certificate::Names;
use crate::deadline::Deadline;
use crate::discover::Found;
use crate::error::{Error, chain};
use crate::grammar::{DnsName, HostName, Version};
use crate::kubeconfig::{Credentials, Proof};
use crate::tls::{Material, Witness};

/// Where the host reaches a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The name to compare the certificate with, when it does not name the address.
    pub server_name: Option<DnsName>,
    /// What the service says it is.
    pub version: Version,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The service, as it is in the guest.
    pub found: &'a Found<'a>,
    /// The machine's name.
    pub machine: &'a str,
    /// The addresses to try.
    pub candidates: Vec<IpAddr>,
    /// With what to log in.
    pub credentials: &'a Credentials,
}

impl Endpoint {
    /// The URL that clients are given.
    pub fn url(&self) -> String {
        format!("https://{}", SocketAddr::new(self.address, self.port))
    }
}

impl Search<'_> {
    /// Tries all candidates at once and returns the first good one.
    ///
    /// Errors: the credentials have expired, nothing answers, no name of the certificate can be used, the
    /// certificate or the credentials are not accepted.
    pub fn run(&self, deadline: Deadline) -> Result<Endpoint, Error> {
        self.refuse_expired()?;
        let material = Material::new(self.credentials).map_err(|source| Error::Kubeconfig {
            path: self.path(),
            machine: self.machine.to_owned(),
            source,
        })?;
        match self.try_addresses(&material, deadline) {
            Ok(endpoint) => Ok(endpoint),
            Err(failures) => match &failures.names {
                Some((address, names)) => self.try_name(*address, names, &material, deadline),
                None => Err(self.explain(*failures)),
            },
        }
    }

    /// A server says of expired credentials only that it does not accept them.
    fn refuse_expired(&self) -> Result<(), Error> {
        let Proof::Certificate { certificate, .. } = &self.credentials.proof else { return Ok(()) };
        match certificate.expired(SystemTime::now()) {
            None => Ok(()),
            Some(on) => Err(Error::CredentialsExpired {
                path: self.path(),
                on,
                remedy: self.found.flavour.remedies.expired.clone(),
            }),
        }
    }

    fn try_addresses(&self, material: &Material, deadline: Deadline) -> Result<Endpoint, Box<Failures>> {
        let attempts = self.start_attempts(material, deadline);
        let mut failures = Failures::default();
        let mut pending = self.candidates.clone();
        while let Ok((address, outcome)) = attempts.recv_timeout(failures.patience(&pending, deadline)) {
            pending.retain(|candidate| *candidate != address);
            match outcome {
                Outcome::Good(version) => return Ok(self.endpoint(address, None, version)),
                Outcome::OtherNames(names) => failures.names = Some((address, names)),
                Outcome::Silent(reason) => failures.silent.push((address, reason)),
                failed => failures.answered = Some((address, failed)),
            }
        }
        Err(Box::new(failures))
    }

    fn start_attempts(&self, material: &Material, deadline: Deadline) -> Receiver<(IpAddr, Outcome)> {
        let (sender, receiver) = mpsc::channel();
        for address in self.candidates.clone() {
            let (sender, material, credentials) =
                (sender.clone(), material.clone(), self.credentials.clone());
            thread::spawn(move || {
                let outcome = attempt(address, None, &material, &credentials, deadline);
                // Nobody listens any more when another candidate was good first.
                let _ = sender.send((address, outcome));
            });
        }
        receiver
    }

    /// Uses a name of the certificate for `address`.
    fn try_name(
        &self,
        address: IpAddr,
        names: &Names,
        material: &Material,
        deadline: Deadline,
    ) -> Result<Endpoint, Error> {
        let Some(name) = self.preferred_name(names) else {
            return Err(Error::CertificateNames {
                service: self.service(),
                machine: self.machine.to_owned(),
                place: self.place(address),
                names: names.list(),
                remedy: self.found.flavour.remedies.names.replace("{address}", &address.to_string()),
            });
        };
        match attempt(address, Some(name), material, self.credentials, deadline) {
            Outcome::Good(version) => Ok(self.endpoint(address, Some(name.clone()), version)),
            outcome => {
                Err(self.explain(Failures { answered: Some((address, outcome)), ..Failures::default() }))
            }
        }
    }

    /// `kubernetes` is in nearly every API server's certificate; the name in the guest's own file is meant
    /// for clients; any other is better than none.
    fn preferred_name<'n>(&self, names: &'n Names) -> Option<&'n DnsName> {
        let given = self.credentials.server_name.as_ref().map(HostName::as_str);
        let mut preferred = ["kubernetes"].into_iter().chain(given).chain(["localhost"]);
        let find = |wanted: &str| names.dns.iter().find(|name| name.as_str() == wanted);
        preferred.find_map(find).or(names.dns.first())
    }

    fn explain(&self, failures: Failures) -> Error {
        let (service, remedy) = (self.service(), self.found.flavour.remedies.expired.clone());
        let silent = |(address, reason): &(IpAddr, String)| format!("{}: {reason}", self.place(*address));
        let Some((address, outcome)) = failures.answered else {
            return self.no_answer(failures.silent.iter().map(silent).collect());
        };
        let place = self.place(address);
        match outcome {
            Outcome::BadCertificate(error) => {
                Error::Certificate { service, place, source: error.into(), remedy }
            }
            Outcome::Refused(status) => {
                Error::CredentialsRefused { service, place, path: self.path(), status, remedy }
            }
            Outcome::Odd(source) => Error::Response { service, place, source },
            Outcome::Silent(reason) => self.no_answer(vec![silent(&(address, reason))]),
            Outcome::Good(_) | Outcome::OtherNames(_) => self.no_answer(Vec::new()),
        }
    }

    fn no_answer(&self, tried: Vec<String>) -> Error {
        let machine = self.machine.to_owned();
        Error::NoAnswer { service: self.service(), machine, tried, units: self.found.units() }
    }

    fn endpoint(&self, address: IpAddr, server_name: Option<DnsName>, version: Version) -> Endpoint {
        Endpoint { address, port: self.credentials.port, server_name, version }
    }

    fn place(&self, address: IpAddr) -> String {
        SocketAddr::new(address, self.credentials.port).to_string()
    }

    fn service(&self) -> String {
        self.found.service.name.to_string()
    }

    fn path(&self) -> String {
        self.found.flavour.kubeconfig.path.to_string()
    }
}

/// How an attempt to use a service at one address ended.
#[derive(Debug)]
enum Outcome {
    Good(Version),
    /// The certificate is good, but for other names.
    OtherNames(Names),
    /// Nothing answers there, or not yet.
    Silent(String),
    BadCertificate(rustls::Error),
    /// The credentials are not accepted.
    Refused(u16),
    /// Something answers that is no such service.
    Odd(Box<dyn StdError + Send + Sync>),
}

/// What is known of the addresses that were no good.
#[derive(Debug, Default)]
struct Failures {
    names: Option<(IpAddr, Names)>,
    answered: Option<(IpAddr, Outcome)>,
    silent: Vec<(IpAddr, String)>,
}

impl Failures {
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

/// Asks the service at `address` for its version. With a `name`, that one is expected in its certificate.
fn attempt(
    address: IpAddr,
    name: Option<&DnsName>,
    material: &Material,
    credentials: &Credentials,
    deadline: Deadline,
) -> Outcome {
    let witness = Witness::default();
    match ask(address, name, material, &witness, credentials, deadline) {
        Ok(response) => judge(response),
        Err(Failed::Tls(error)) => match error {
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Outcome::OtherNames(witness.names()),
            rustls::Error::AlertReceived(_) => Outcome::Refused(StatusCode::UNAUTHORIZED.as_u16()),
            rustls::Error::InvalidCertificate(_) => Outcome::BadCertificate(error),
            other => Outcome::Odd(other.into()),
        },
        Err(Failed::Other(error)) => Outcome::Silent(innermost(&error)),
    }
}

enum Failed {
    Tls(rustls::Error),
    Other(reqwest::Error),
}

fn ask(
    address: IpAddr,
    name: Option<&DnsName>,
    material: &Material,
    witness: &Witness,
    credentials: &Credentials,
    deadline: Deadline,
) -> Result<Response, Failed> {
    let place = SocketAddr::new(address, credentials.port);
    let config = material.config(witness).map_err(Failed::Tls)?;
    let client = Client::builder()
        .tls_backend_preconfigured(config)
        // What goes to the machine never goes through a proxy.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(deadline.at_most(CONNECT_LIMIT).left())
        .timeout(deadline.at_most(ANSWER_LIMIT).left());
    let (client, host) = match name {
        Some(name) => (client.resolve(name.as_str(), place), format!("{name}:{}", place.port())),
        None => (client, place.to_string()),
    };
    let request = client.build().map_err(Failed::Other)?.get(format!("https://{host}/version"));
    let request = match &credentials.proof {
        Proof::Certificate { .. } => request,
        Proof::Token(token) => request.bearer_auth(token.expose_secret()),
        Proof::Password { user, password } => request.basic_auth(user, Some(password.expose_secret())),
    };
    request.send().map_err(|error| match tls_error(&error) {
        Some(tls) => Failed::Tls(tls),
        None => Failed::Other(error),
    })
}

/// Reads the answer to `/version`
/// (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/>, `Info`).
fn judge(response: Response) -> Outcome {
    #[derive(Deserialize)]
    struct Info {
        #[serde(rename = "gitVersion")]
        version: Version,
    }
    match response.status() {
        StatusCode::OK => {}
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            return Outcome::Refused(status.as_u16());
        }
        status if status.is_server_error() => return Outcome::Silent(status.to_string()),
        status => return Outcome::Odd(status.to_string().into()),
    }
    let mut body = Vec::new();
    match response.take(LONGEST_BODY).read_to_end(&mut body) {
        Err(error) => Outcome::Silent(error.to_string()),
        Ok(_) => match serde_json::from_slice::<Info>(&body) {
            Ok(info) => Outcome::Good(info.version),
            Err(error) => Outcome::Odd(error.into()),
        },
    }
}

/// The TLS failure that is the reason of an HTTP failure; the libraries between wrap it several times.
fn tls_error(error: &reqwest::Error) -> Option<rustls::Error> {
    chain(error.source()).find_map(|cause| {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        tls.or_else(|| cause.downcast_ref::<rustls::Error>()).cloned()
    })
}

fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    chain(error.source()).last().map_or_else(|| error.to_string(), ToString::to_string)
}

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(250);
const LONGEST_BODY: u64 = 64 << 10;
