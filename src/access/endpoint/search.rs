//! Candidate addresses → the endpoint to use.
//!
//! Preferred is an address that the server's certificate names; then a name of it that leads there from this
//! host; then an address with the certificate's name beside it (`tls-server-name`), which not every client
//! understands.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::api_client::{AccessError, Api, ApiAnswer, ApiClient, ApiConfig, AttemptOutcome};
use super::endpoint::{Endpoint, EndpointAddress, EndpointPlace, Via};
use super::error::{Error, NoResponse};
use crate::access::certificate::Names;
use crate::access::credentials::Credentials;
use crate::access::tls::{certificate_error, is_early};
use crate::base::deadline::Deadline;
use crate::base::timeouts;
use crate::base::types::{DnsName, HostName};

/// Looks for the address at which a service can be used with `credentials`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndpointSearch<'a> {
    pub(crate) api: Api,
    /// The addresses to try, the likeliest first.
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) credentials: &'a Credentials,
    pub(crate) via: Via,
    /// A socket file of this host that leads there, at whatever address it is tried.
    pub(crate) socket: Option<&'a Path>,
    /// To connect to one of them.
    pub(crate) connect: Duration,
}

impl EndpointSearch<'_> {
    /// Tries all addresses at once and returns the first good one, with the connection to it.
    ///
    /// Errors: nothing answers, no name of the certificate can be used, the certificate or the credentials
    /// are not accepted.
    pub(crate) fn run(&self, deadline: Deadline) -> Result<(Endpoint, ApiClient), Error> {
        let access = ApiConfig::new(self.api, self.credentials, self.socket, self.connect, deadline);
        let access = access.map_err(Self::unusable)?;
        match self.try_addresses(&access, deadline) {
            Ok(good) => Ok(good),
            Err(failures) => match (&failures.names, failures.wrong_server(), self.given_name()) {
                (Some((address, names)), ..) => self.try_names(*address, names, &access, deadline),
                // Asked for by name, the server may show another certificate.
                (None, Some(address), Some(name)) => {
                    let names = Names { dns: vec![name], ..Names::default() };
                    let good = self.try_names(address, &names, &access, deadline);
                    good.map_err(|_| self.explain(*failures))
                }
                _ => Err(self.explain(*failures)),
            },
        }
    }

    fn try_addresses(
        &self,
        access: &ApiConfig,
        deadline: Deadline,
    ) -> Result<(Endpoint, ApiClient), Box<Failures>> {
        let attempts = self.start_attempts(access);
        let mut failures = Failures::default();
        let mut pending = self.addresses.to_vec();
        while let Ok((address, outcome)) = attempts.recv_timeout(failures.patience(&pending, deadline)) {
            pending.retain(|candidate| *candidate != address);
            match outcome {
                AttemptOutcome::Good(good) => return Ok(self.endpoint(address, address.into(), None, *good)),
                AttemptOutcome::OtherNames(names) => failures.names = Some((address, names)),
                AttemptOutcome::Silent(reason, answer) => {
                    log::debug!("{}: {answer}", self.place(address));
                    failures.silent.push((address, reason, answer));
                }
                failed => failures.answered = Some((address, failed)),
            }
        }
        Err(Box::new(failures))
    }

    fn start_attempts(&self, access: &ApiConfig) -> Receiver<(IpAddr, AttemptOutcome)> {
        let (sender, receiver) = mpsc::channel();
        for address in self.addresses.iter().copied() {
            let (sender, access, place) = (sender.clone(), access.clone(), self.place(address));
            thread::spawn(move || {
                // Nobody listens any more when another address was good first.
                let _ = sender.send((address, access.attempt(place, None)));
            });
        }
        receiver
    }

    /// Uses a name of the certificate for `address`: as the host where it leads there, else beside the address.
    fn try_names(
        &self,
        address: IpAddr,
        names: &Names,
        access: &ApiConfig,
        deadline: Deadline,
    ) -> Result<(Endpoint, ApiClient), Error> {
        if let Some(name) = self.leading_name(names, address, deadline) {
            let good = self.try_name(address, name, access)?;
            return Ok(self.endpoint(address, name.into(), None, good));
        }
        // Docker's client compares the certificate with the host it connects to, and nothing else.
        let name = self.preferred_name(names).filter(|_| self.takes_other_names());
        let no_name = || Error::OtherNames { address: self.place(address), names: names.list() };
        let name = name.ok_or_else(no_name)?;
        let good = self.try_name(address, name, access)?;
        Ok(self.endpoint(address, address.into(), Some(name.clone()), good))
    }

    fn try_name(
        &self,
        address: IpAddr,
        name: &DnsName,
        access: &ApiConfig,
    ) -> Result<(ApiClient, ApiAnswer), Error> {
        match access.attempt(self.place(address), Some(name)) {
            AttemptOutcome::Good(good) => Ok(*good),
            outcome => {
                Err(self.explain(Failures { answered: Some((address, outcome)), ..Failures::default() }))
            }
        }
    }

    /// True when some clients use the server by an address that its certificate does not name. A daemon of docker takes any
    /// registry at a loopback address (moby/moby: registry/config.go, `insecure-registries`).
    fn takes_other_names(&self) -> bool {
        match self.api {
            Api::Kubernetes => true,
            Api::Registry => self.via == Via::Ssh,
            Api::Docker => false,
        }
    }

    /// A name of the certificate that leads to `address`: the one in the guest's own file, or `localhost`. A registry's may be any
    /// of the first few.
    fn leading_name<'n>(&self, names: &'n Names, address: IpAddr, deadline: Deadline) -> Option<&'n DnsName> {
        let given = self.given_name();
        let is_any = self.api == Api::Registry && self.via == Via::Direct;
        let is_worth_asking =
            |name: &&DnsName| is_any || given.as_ref() == Some(*name) || name.as_str() == "localhost";
        let candidates: Vec<&DnsName> = names.dns.iter().filter(is_worth_asking).take(MOST_NAMES).collect();
        first_that(&candidates, deadline.at_most(timeouts::NAME_LOOKUP), move |name| leads_to(name, address))
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
        DnsName::parse(self.credentials.server_name.as_ref()?.as_str()).ok()
    }

    fn explain(&self, failures: Failures) -> Error {
        let Some((address, outcome)) = failures.answered else {
            return self.no_response(&failures.silent);
        };
        let place = self.place(address);
        match outcome {
            AttemptOutcome::BadCertificate(error) => {
                let is_early = is_early(&error);
                Error::Certificate { address: place, is_early, source: certificate_error(error) }
            }
            AttemptOutcome::Refused(reason) => Error::Refused { address: place, reason },
            AttemptOutcome::Unexpected(source) => Error::Unexpected { address: place, source },
            AttemptOutcome::Silent(reason, answer) => self.no_response(&[(address, reason, answer)]),
            AttemptOutcome::Good(_) | AttemptOutcome::OtherNames(_) => self.no_response(&[]),
        }
    }

    fn no_response(&self, silent: &[(IpAddr, NoResponse, String)]) -> Error {
        let attempt = |(address, _, answer): &(IpAddr, NoResponse, String)| {
            format!("{}: {answer}", self.place(*address))
        };
        Error::NoResponse {
            reasons: silent.iter().map(|(address, reason, _)| (*address, *reason)).collect(),
            attempts: silent.iter().map(attempt).collect(),
            reason: silent.iter().map(|(_, reason, _)| *reason).max().unwrap_or(NoResponse::Timeout),
        }
    }

    fn unusable(error: AccessError) -> Error {
        match error {
            AccessError::Credentials(error) => Error::Credentials(error),
            error => Error::NotPrepared(error.into()),
        }
    }

    fn endpoint(
        &self,
        address: IpAddr,
        host: HostName,
        server_name: Option<DnsName>,
        (client, answer): (ApiClient, ApiAnswer),
    ) -> (Endpoint, ApiClient) {
        let ApiAnswer { version, api_version, admission } = answer;
        let Credentials { port, is_plain, .. } = *self.credentials;
        let place = EndpointPlace::Address(EndpointAddress { host, address, port, server_name, is_plain });
        (Endpoint { place, via: self.via, version, api_version, admission }, client)
    }

    fn place(&self, address: IpAddr) -> SocketAddr {
        SocketAddr::new(address, self.credentials.port)
    }
}

/// What is known of the addresses that were no good.
#[derive(Debug, Default)]
struct Failures {
    names: Option<(IpAddr, Names)>,
    answered: Option<(IpAddr, AttemptOutcome)>,
    silent: Vec<(IpAddr, NoResponse, String)>,
}

impl Failures {
    /// An address at which a server of another authority answered.
    fn wrong_server(&self) -> Option<IpAddr> {
        let wrong = self.silent.iter().find(|(_, reason, _)| *reason == NoResponse::WrongServer);
        wrong.map(|(address, ..)| *address)
    }

    /// How long to wait for the addresses that are still tried. Once a server with other names is found,
    /// only an address that is among them is worth a moment.
    fn patience(&self, pending: &[IpAddr], deadline: Deadline) -> Duration {
        let left = deadline.left();
        match &self.names {
            None => left,
            Some((_, names)) if names.addresses.iter().any(|named| pending.contains(named)) => {
                left.min(timeouts::BETTER_ADDRESS)
            }
            Some(_) => Duration::ZERO,
        }
    }
}

/// The first of `names` that `leads` somewhere; all are asked about at once. A name server that is slow counts as one that does not
/// know.
fn first_that<'n>(
    names: &[&'n DnsName],
    deadline: Deadline,
    leads: impl Fn(&DnsName) -> bool + Clone + Send + 'static,
) -> Option<&'n DnsName> {
    let (sender, receiver) = mpsc::channel();
    for (at, name) in names.iter().copied().cloned().enumerate() {
        let (sender, leads) = (sender.clone(), leads.clone());
        thread::spawn(move || sender.send((at, leads(&name))));
    }
    drop(sender);
    let mut found = None;
    while let Ok((at, is_good)) = receiver.recv_timeout(deadline.left()) {
        let is_earlier = found.is_none_or(|found| at < found);
        found = if is_good && is_earlier { Some(at) } else { found };
    }
    names.get(found?).copied()
}

/// True when `name` means `address` on this host.
fn leads_to(name: &DnsName, address: IpAddr) -> bool {
    if name.as_str() == "localhost" {
        return address.is_loopback();
    }
    let found = (name.as_str(), 0).to_socket_addrs();
    found.is_ok_and(|mut found| found.any(|place| place.ip() == address))
}

/// A certificate may have hundreds of names, and whoever made it chooses them.
const MOST_NAMES: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn only_an_address_that_the_certificate_names_is_worth_waiting_for() {
        let minute = Deadline::after(Duration::from_mins(1));
        let address: IpAddr = "10.0.2.15".parse().unwrap();
        let other: IpAddr = "172.30.0.2".parse().unwrap();
        let names = Names { addresses: vec![address], ..Names::default() };
        let failures = Failures { names: Some((other, names)), ..Failures::default() };
        assert_eq!(failures.patience(&[address], minute), timeouts::BETTER_ADDRESS);
        assert_eq!(failures.patience(&[other], minute), Duration::ZERO);
        assert!(Failures::default().patience(&[other], minute) > timeouts::BETTER_ADDRESS);
    }

    fn search_for_registry(credentials: &Credentials) -> EndpointSearch<'_> {
        EndpointSearch {
            api: Api::Registry,
            addresses: &[],
            credentials,
            via: Via::Direct,
            socket: None,
            connect: timeouts::API_CONNECT,
        }
    }

    #[test]
    fn few_of_many_names_are_looked_up() {
        let many = (0..600).map(|at| DnsName::parse(&format!("n{at}.invalid")).unwrap());
        let names =
            Names { dns: many.chain([DnsName::parse("localhost").unwrap()]).collect(), ..Names::default() };
        let credentials = Credentials::registry(None, 5000);
        let (search, loopback) = (search_for_registry(&credentials), IpAddr::from([127, 0, 0, 1]));
        let minute = Deadline::after(Duration::from_mins(1));
        assert_eq!(search.leading_name(&names, loopback, minute), None, "localhost comes too late");
        let few = Names { dns: names.dns[594..].to_vec(), ..Names::default() };
        assert_eq!(search.leading_name(&few, loopback, minute).map(DnsName::as_str), Some("localhost"));
    }

    #[test]
    fn names_are_looked_up_at_once() {
        let names: Vec<DnsName> =
            (0..MOST_NAMES).map(|at| DnsName::parse(&format!("n{at}.invalid")).unwrap()).collect();
        let names: Vec<&DnsName> = names.iter().collect();
        // Nobody goes on before the last one has come.
        let all = Arc::new(Barrier::new(MOST_NAMES));
        let found = first_that(&names, Deadline::after(Duration::from_mins(1)), move |name| {
            all.wait();
            ["n3.invalid", "n5.invalid"].contains(&name.as_str())
        });
        assert_eq!(found.map(DnsName::as_str), Some("n3.invalid"));
        let nobody = Arc::new(Barrier::new(MOST_NAMES + 1));
        let waits = move |_: &DnsName| nobody.wait().is_leader();
        assert_eq!(first_that(&names, Deadline::after(Duration::ZERO), waits), None, "no time is left");
    }
}
