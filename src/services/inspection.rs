//! One visit to the guest: connect, ask everything, remember the way.

use std::net::{IpAddr, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::access::credentials::{Credentials, Expired};
use crate::access::endpoint::{Caller, Endpoint, Search};
use crate::base::deadline::{Deadline, WorkerPanicked};
use crate::base::files;
use crate::base::types::{Port, Version};
use crate::catalogue::{ApiQuestion, Source, VERSION};
use crate::error::{Error, ExitCode};
use crate::guest::probe::{self, Facts, Questions};
use crate::guest::ssh::{Connection, KnownHosts};
use crate::machine::{self, Machine, VagrantResolver};
use crate::services::detect::{Candidate, Found, State};

/// What a visit brought home.
#[derive(Debug)]
pub struct Visit {
    /// The guest's answers.
    pub facts: Facts,
    /// The address at which SSH reached the guest; none through a jump host.
    pub address: Option<IpAddr>,
}

/// A service that the host has used: all that is needed to use it again.
#[derive(Debug)]
pub struct InUse<'a> {
    /// The service, as it is in the guest.
    pub found: Found<'a>,
    /// With what the host logged in.
    pub credentials: Credentials,
    /// Where.
    pub endpoint: Endpoint,
    caller: Caller,
}

impl<'a> InUse<'a> {
    /// Uses `found` again at the place where it was. None when anything there is not as it was.
    pub(crate) fn again(
        found: Found<'a>,
        credentials: Credentials,
        endpoint: &Endpoint,
        deadline: Deadline,
    ) -> Option<Self> {
        let (endpoint, caller) = endpoint.again(&found, &credentials, deadline)?;
        Some(Self { found, credentials, endpoint, caller })
    }

    /// The version of the service: what its API says it is, or what the flavour says to ask instead. None when the
    /// answer is no version: what the API says of itself would be another one.
    pub fn version(&self) -> Option<Version> {
        match self.found.flavour.values.get(VERSION) {
            Some(Source::Ask(questions)) => Version::parse(&self.ask(questions)?).ok(),
            _ => self.endpoint.version.clone(),
        }
    }

    /// What the service's API says to the first of `questions` that it has an answer to.
    pub fn ask(&self, questions: &[ApiQuestion]) -> Option<String> {
        questions.iter().find_map(|question| self.caller.ask(question))
    }
}

impl Visit {
    /// Visits `machine` with one connection and one command.
    ///
    /// Errors: those of connecting, of asking, and of keeping what was learnt about the machine.
    pub fn make(
        machine: &mut Machine,
        questions: &Questions,
        vagrant: &VagrantResolver,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let mut connection = Self::connect(machine, vagrant, deadline)?;
        Self::ask(machine, questions, &mut connection)
    }

    /// Logs in to `machine` and remembers the route. Where the known one leads nowhere and `vagrant` knows another by
    /// now, `machine` has that one from then on.
    ///
    /// Errors: those of connecting, and of keeping what was learnt about the machine.
    pub fn connect(
        machine: &mut Machine,
        vagrant: &VagrantResolver,
        deadline: Deadline,
    ) -> Result<Connection, Error> {
        files::refuse_shared(machine.files.folder())?;
        let (connection, known_hosts) = match open(machine, deadline) {
            Err(error) if error.exit_code() == ExitCode::Unreachable && machine.may_have_moved() => {
                machine.set_current(true);
                *machine = vagrant.refresh_route(machine, deadline)?.ok_or(error)?;
                log::debug!("Vagrant knows another route: {}", machine.route());
                open(machine, deadline)
            }
            attempt => attempt,
        }?;
        log::debug!("logged in as {}", machine.route());
        let folder = machine.lock(deadline)?;
        // First what `machines forget` looks for.
        machine.remember(&folder)?;
        machine.set_current(false);
        if let Some(text) = known_hosts.learnt() {
            folder.write(&machine.files.known_hosts(), text.as_bytes())?;
        }
        Ok(connection)
    }

    /// Asks `questions` with one command.
    ///
    /// Errors: those of asking.
    pub fn ask(machine: &Machine, questions: &Questions, connection: &mut Connection) -> Result<Self, Error> {
        let user_is_root = machine.route().target.user.as_str() == "root";
        let facts = probe::ask(questions, connection, user_is_root)?;
        log::debug!("the guest answered; units: {}, files: {}", facts.units.len(), facts.files.len());
        Ok(Self { facts, address: connection.address() })
    }

    /// Uses each of `found`, all at once, in their order.
    pub fn use_services<'a>(
        &self,
        found: Vec<Found<'a>>,
        machine: &Machine,
        deadline: Deadline,
    ) -> Vec<Result<InUse<'a>, Error>> {
        thread::scope(|scope| {
            let start = |found| scope.spawn(|| self.use_service(found, machine, deadline));
            let attempts: Vec<_> = found.into_iter().map(start).collect();
            attempts.into_iter().map(|attempt| attempt.join().unwrap_or(Err(WorkerPanicked.into()))).collect()
        })
    }

    /// Uses `found` with the admin's credentials from the guest.
    ///
    /// Errors: nothing of it is up, there are no good credentials, or it cannot be used at any address.
    fn use_service<'a>(
        &self,
        mut found: Found<'a>,
        machine: &Machine,
        deadline: Deadline,
    ) -> Result<InUse<'a>, Error> {
        let name = machine.name.as_str();
        found.require_running(name)?;
        // Pods that go on answer at once, or do not go on.
        let deadline = if found.is_up() { deadline } else { deadline.at_most(SHORTLY) };
        let mut failed = None;
        for candidate in found.credentials(&self.facts, machine)? {
            match self.try_candidate(&found, candidate, name, deadline) {
                Ok((credentials, endpoint, caller)) => {
                    let version =
                        endpoint.version.iter().map(|version| format!(" {version}")).collect::<String>();
                    log::debug!("{}{version} answers at {}", found.service.title, endpoint.url());
                    if !found.is_up() {
                        found.state = State::Degraded;
                    }
                    return Ok(InUse { found, credentials, endpoint, caller });
                }
                // The first one is the preferred one, so its failure is the one to tell.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(match failed {
            Some(Error::NoAnswer { .. }) if found.flavour.must_be_asked() => {
                found.not_running(State::Stopped, name)
            }
            Some(Error::NoAnswer { .. }) if !found.is_up() => found.not_running(found.state, name),
            failed => failed.unwrap_or(WorkerPanicked.into()),
        })
    }

    fn try_candidate(
        &self,
        found: &Found,
        candidate: Candidate,
        machine: &str,
        deadline: Deadline,
    ) -> Result<(Credentials, Endpoint, Caller), Error> {
        let Candidate { path, credentials } = candidate;
        let credentials = match credentials.current(SystemTime::now()) {
            Ok(credentials) => credentials,
            Err(Expired { what, on }) => {
                let (machine, remedy) = (machine.to_owned(), found.flavour.hints.expired.clone());
                return Err(Error::CredentialsExpired { what, on, path, machine, remedy });
            }
        };
        let candidate = Candidate { path, credentials };
        let addresses = self.addresses();
        let search = Search { found, machine, addresses: &addresses, candidate: &candidate };
        let (endpoint, caller) = search.run(deadline)?;
        Ok((candidate.credentials, endpoint, caller))
    }

    /// The same error, with a better reason where a port of the guest that is open gives one.
    pub fn look_closer(&self, error: Error) -> Error {
        let Error::NoAccess { service, machine, ssh, reason, ports } = error else { return error };
        let is_open = |port: Port| {
            let connects = |address| TcpStream::connect_timeout(&(address, port.number()).into(), GLANCE);
            self.addresses().into_iter().map(connects).any(|stream| stream.is_ok())
        };
        let better = ports.iter().find(|open| is_open(open.port)).map(|open| open.reason.clone());
        Error::NoAccess { service, machine, ssh, reason: better.unwrap_or(reason), ports }
    }

    /// The addresses at which the host may reach the guest's services, the likeliest first: the one that
    /// just worked for SSH, then those the guest has.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> = self.address.into_iter().collect();
        for address in &self.facts.addresses {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        addresses
    }
}

fn open(machine: &Machine, deadline: Deadline) -> Result<(Connection, KnownHosts), Error> {
    let mut known_hosts = read_known_hosts(machine)?;
    let connection = Connection::open(machine.route(), &mut known_hosts, deadline)?;
    Ok((connection, known_hosts))
}

fn read_known_hosts(machine: &Machine) -> Result<KnownHosts, Error> {
    let path = machine.files.known_hosts();
    let text = files::read_text(&path, LONGEST_KNOWN_HOSTS)?.unwrap_or_default();
    KnownHosts::parse(machine.key(), &text)
        .ok_or_else(|| machine::Error::KnownHostsDamaged { path, machine: machine.key() }.into())
}

/// How long to wait for a service of which nothing should be there: what is not there mostly says so at once.
const SHORTLY: Duration = Duration::from_secs(5);
/// How long to wait for a port that only explains a failure.
const GLANCE: Duration = Duration::from_millis(250);
const LONGEST_KNOWN_HOSTS: u64 = 64 << 10;
