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
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use rustls::{AlertDescription, CertificateError};
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::certificate::Names;
use crate::credentials::{Credentials, Proof};
use crate::deadline::Deadline;
use crate::discover::Found;
use crate::error::{Error, Silence, chain};
use crate::grammar::{DnsName, HostName, Version};
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
    /// Errors: nothing answers, no name of the certificate can be used, the certificate or the credentials
    /// are not accepted.
    pub fn run(&self, deadline: Deadline) -> Result<Endpoint, Error> {
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

    fn try_addresses(&self, material: &Material, deadline: Deadline) -> Result<Endpoint, Box<Failures>> {
        let attempts = self.start_attempts(material, deadline);
        let mut failures = Failures::default();
        let mut pending = self.candidates.clone();
        while let Ok((address, outcome)) = attempts.recv_timeout(failures.patience(&pending, deadline)) {
            pending.retain(|candidate| *candidate != address);
            match outcome {
                Outcome::Good(version) => return Ok(self.endpoint(address, None, version)),
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
        let Some((address, outcome)) = failures.answered else {
            return self.no_answer(&failures.silent);
        };
        let (service, place) = (self.service(), self.place(address));
        let remedy = self.found.flavour.remedies.expired.clone();
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
                path: self.path(),
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
            path: self.path(),
            unit: self.found.flavour.units.last().map(ToString::to_string),
        }
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
    /// The service does not answer there.
    Silent(Silence, String),
    BadCertificate(CertificateError),
    /// The credentials are not accepted.
    Refused(String),
    /// Something answers that is no such service.
    Odd(Box<dyn StdError + Send + Sync>),
}

/// What is known of the addresses that were no good.
#[derive(Debug, Default)]
struct Failures {
    names: Option<(IpAddr, Names)>,
    answered: Option<(IpAddr, Outcome)>,
    silent: Vec<(IpAddr, Silence, String)>,
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

/// Uses the service at `address`. With a `name`, that one is expected in its certificate.
fn attempt(
    address: IpAddr,
    name: Option<&DnsName>,
    material: &Material,
    credentials: &Credentials,
    deadline: Deadline,
) -> Outcome {
    let witness = Witness::default();
    let caller = match Caller::new(address, name, material, &witness, credentials, deadline) {
        Ok(caller) => caller,
        Err(error) => return Outcome::Odd(error),
    };
    match caller.prove_and_ask() {
        Ok(outcome) => outcome,
        Err(error) => match tls_error(&error) {
            Some(tls) => judge_tls(tls, &witness),
            None if error.is_timeout() => Outcome::Silent(Silence::Lost, "no answer in time".to_owned()),
            None => judge_connection(&error),
        },
    }
}

/// A client of one address.
struct Caller<'a> {
    client: Client,
    base: String,
    proof: &'a Proof,
}

impl<'a> Caller<'a> {
    fn new(
        address: IpAddr,
        name: Option<&DnsName>,
        material: &Material,
        witness: &Witness,
        credentials: &'a Credentials,
        deadline: Deadline,
    ) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let place = SocketAddr::new(address, credentials.port);
        let client = Client::builder()
            .tls_backend_preconfigured(material.config(witness)?)
            // What goes to the machine never goes through a proxy.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(deadline.at_most(CONNECT_LIMIT).left())
            .timeout(deadline.at_most(ANSWER_LIMIT).left());
        let (client, host) = match name {
            Some(name) => (client.resolve(name.as_str(), place), format!("{name}:{}", place.port())),
            None => (client, place.to_string()),
        };
        Ok(Self { client: client.build()?, base: format!("https://{host}"), proof: &credentials.proof })
    }

    /// Anybody may ask for the version, so it proves nothing; the list of APIs is for those who are logged in
    /// (`system:discovery` in <https://kubernetes.io/docs/reference/access-authn-authz/rbac/>). Both go over one
    /// connection.
    fn prove_and_ask(&self) -> reqwest::Result<Outcome> {
        let apis = self.get("/api")?;
        if !apis.status().is_success() {
            return Ok(judge_status(apis.status()));
        }
        // Read to its end, so that the connection can be used again.
        let _ = read_body(apis);
        let version = self.get("/version")?;
        Ok(if version.status().is_success() {
            judge_version(version)
        } else {
            judge_status(version.status())
        })
    }

    fn get(&self, path: &str) -> reqwest::Result<Response> {
        let request = self.client.get(format!("{}{path}", self.base));
        let request = match self.proof {
            Proof::Certificate { .. } => request,
            Proof::Token(token) => request.bearer_auth(token.expose_secret()),
            Proof::Password { user, password } => request.basic_auth(user, Some(password.expose_secret())),
        };
        request.send()
    }
}

/// Reads the answer to `/version`
/// (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/>, `Info`).
fn judge_version(response: Response) -> Outcome {
    #[derive(Deserialize)]
    struct Info {
        #[serde(rename = "gitVersion")]
        version: Version,
    }
    match read_body(response) {
        Err(error) => Outcome::Silent(Silence::Lost, error.to_string()),
        Ok(body) => match serde_json::from_slice::<Info>(&body) {
            Ok(info) => Outcome::Good(info.version),
            Err(error) => Outcome::Odd(error.into()),
        },
    }
}

fn judge_status(status: StatusCode) -> Outcome {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Outcome::Refused(format!("HTTP {}", status.as_u16()))
        }
        // As a server says it while it starts.
        status if status.is_server_error() => Outcome::Silent(Silence::Refused, format!("HTTP {status}")),
        status => Outcome::Odd(format!("HTTP {status}").into()),
    }
}

fn judge_tls(error: rustls::Error, witness: &Witness) -> Outcome {
    use AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Outcome::OtherNames(witness.names())
            }
            // On the host's own address it may be any program of the host.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Outcome::Silent(
                Silence::Stranger,
                "another server answers, whose certificate is from another authority".to_owned(),
            ),
            error => Outcome::BadCertificate(error),
        },
        rustls::Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired),
        ) => Outcome::Refused(format!("TLS alert {alert:?}")),
        error => Outcome::Odd(error.into()),
    }
}

fn judge_connection(error: &reqwest::Error) -> Outcome {
    let innermost = chain(error.source()).last();
    let io = innermost.and_then(|cause| cause.downcast_ref::<io::Error>());
    let refused = io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    let reason = innermost.map_or_else(|| error.to_string(), ToString::to_string);
    Outcome::Silent(if refused { Silence::Refused } else { Silence::Lost }, reason)
}

/// The TLS failure that is the reason of an HTTP failure. The libraries between wrap it in one `io::Error`
/// after the other, whose content is in no chain of sources.
fn tls_error(error: &(dyn StdError + 'static)) -> Option<rustls::Error> {
    chain(Some(error)).find_map(|mut cause| {
        while let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            cause = inner;
        }
        cause.downcast_ref::<rustls::Error>().cloned()
    })
}

fn read_body(response: Response) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    response.take(LONGEST_BODY).read_to_end(&mut body)?;
    Ok(body)
}

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(250);
const LONGEST_BODY: u64 = 64 << 10;
const COMPARE_CLOCKS: &str = "compare the clocks: `date -u` here and in the machine";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_failure_is_found_however_deep_it_is_wrapped() {
        let tls = || rustls::Error::InvalidCertificate(CertificateError::Expired);
        let once = io::Error::new(io::ErrorKind::InvalidData, tls());
        let twice = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls()));
        assert_eq!(tls_error(&tls()), Some(tls()));
        assert_eq!(tls_error(&once), Some(tls()));
        assert_eq!(tls_error(&twice), Some(tls()));
        assert_eq!(tls_error(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }

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

    #[test]
    fn a_status_tells_who_is_to_blame() {
        assert!(matches!(judge_status(StatusCode::UNAUTHORIZED), Outcome::Refused(_)));
        assert!(matches!(judge_status(StatusCode::FORBIDDEN), Outcome::Refused(_)));
        assert!(matches!(
            judge_status(StatusCode::SERVICE_UNAVAILABLE),
            Outcome::Silent(Silence::Refused, _)
        ));
        assert!(matches!(judge_status(StatusCode::NOT_FOUND), Outcome::Odd(_)));
        assert!(matches!(judge_status(StatusCode::FOUND), Outcome::Odd(_)));
    }
}
