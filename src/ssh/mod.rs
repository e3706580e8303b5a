//! The connection to the guest: connect, run, nothing else. One connection and one command per run of
//! the program.

mod auth;
mod host_key;
mod jump;
mod transport;

use std::fmt;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::host_key::KnownHosts;
use self::transport::Transport;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::grammar::{HostName, SshUser};

/// One SSH server and how to log in to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// The user to log in as.
    pub user: SshUser,
    /// Host name or address.
    pub host: HostName,
    /// TCP port.
    pub port: u16,
    /// Private keys to try, in order.
    pub identities: Vec<PathBuf>,
    /// Try no key of the agent that is not one of `identities`.
    pub identities_only: bool,
}

/// The way to the guest: directly, or through one other server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The guest.
    pub target: Hop,
    /// The server to go through (`ProxyJump`).
    pub jump: Option<Hop>,
}

/// What a command in the guest wrote.
#[derive(Debug, Default)]
pub struct Output {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// The beginning of its standard error.
    pub stderr: Vec<u8>,
}

/// A logged-in connection.
pub struct Connection {
    transport: Transport,
    address: Option<IpAddr>,
}

impl Connection {
    /// Connects along `route` and logs in. A host key that `known_hosts` does not know is learnt into it.
    ///
    /// Errors: the host is unknown, does not answer within 5 seconds or `deadline`, its key is not the
    /// one known, or no key is accepted.
    pub fn open(route: &Route, known_hosts: &mut KnownHosts, deadline: Deadline) -> Result<Self, Error> {
        let Some(jump) = &route.jump else {
            let (stream, address) = connect(&route.target, deadline)?;
            return Self::log_in(stream.into(), &route.target, Some(address), known_hosts, deadline);
        };
        let (stream, _) = connect(jump, deadline)?;
        let gate = Self::log_in(stream.into(), jump, None, known_hosts, deadline)?;
        let stream = jump::forward(gate.transport, &route.target)?;
        Self::log_in(stream.into(), &route.target, None, known_hosts, deadline)
    }

    /// The guest's address as the connection reached it; none through a jump, where the host may
    /// not be able to reach it.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Runs `command` and reads what it writes until `is_complete` says so of its standard output, or the
    /// command ends. Not waiting for the end saves a round trip.
    ///
    /// Errors: standard output is longer than `limit` bytes, the connection ends or `deadline` is over.
    pub fn run(
        &self,
        command: &str,
        limit: usize,
        is_complete: impl Fn(&[u8]) -> bool,
    ) -> Result<Output, Error> {
        let io = &self.transport;
        let mut channel = io.drive(ssh2::Session::channel_session)?;
        io.drive(|_| channel.exec(command))?;
        let mut output = Output::default();
        loop {
            let read = drain(&mut channel, &mut output.stdout, limit + 1)?;
            drain(&mut channel.stderr(), &mut output.stderr, LONGEST_STDERR)?;
            if output.stdout.len() > limit {
                return Err(Error::AnswerTooLong { limit });
            }
            if (read && is_complete(&output.stdout)) || channel.eof() {
                return Ok(output);
            }
            io.wait()?;
        }
    }

    fn log_in(
        stream: OwnedFd,
        hop: &Hop,
        address: Option<IpAddr>,
        known_hosts: &mut KnownHosts,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let mut transport = Transport::new(Arc::new(stream), hop.place(), deadline)?;
        transport.handshake(known_hosts.algorithm(hop))?;
        known_hosts.check(hop, transport.host_key())?;
        auth::authenticate(&transport, hop)?;
        Ok(Self { transport, address })
    }
}

impl Hop {
    /// Where the server listens: `HOST:PORT`.
    pub fn place(&self) -> String {
        let Self { host, port, .. } = self;
        if host.as_str().contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.place())
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target)?;
        self.jump.as_ref().map_or(Ok(()), |jump| write!(f, " through {jump}"))
    }
}

/// Connects to the first address of the hop that accepts.
fn connect(hop: &Hop, deadline: Deadline) -> Result<(TcpStream, IpAddr), Error> {
    let host = hop.host.as_str();
    let unknown = |source| Error::UnknownHost { host: host.to_owned(), source };
    let addresses: Vec<SocketAddr> = (host, hop.port).to_socket_addrs().map_err(unknown)?.collect();
    let mut failure = unknown(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for address in addresses {
        let limit = deadline.at_most(CONNECT_LIMIT);
        match TcpStream::connect_timeout(&address, limit.left().max(Duration::from_millis(1))) {
            Ok(stream) => return Ok((stream, address.ip())),
            Err(source) => failure = Error::Connect { place: address.to_string(), source },
        }
    }
    Err(failure)
}

/// Reads what is there, up to `limit` bytes in all; what comes after that is dropped. True when anything was read.
fn drain(stream: &mut impl Read, into: &mut Vec<u8>, limit: usize) -> Result<bool, Error> {
    let mut buffer = [0; 16 << 10];
    let mut any = false;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(any),
            Ok(count) => {
                let room = limit.saturating_sub(into.len());
                into.extend_from_slice(&buffer[..count.min(room)]);
                any = true;
                if into.len() >= limit {
                    return Ok(any);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(any),
            Err(source) => return Err(Error::ConnectionLost { source: Box::new(source) }),
        }
    }
}

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const LONGEST_STDERR: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    struct Trickle(Vec<io::Result<usize>>);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.pop().unwrap_or(Ok(0))?;
            buffer[..count].fill(b'x');
            Ok(count)
        }
    }

    #[test]
    fn drain_stops_at_the_limit_and_when_nothing_is_there() {
        let mut into = Vec::new();
        let would_block = || Err(io::ErrorKind::WouldBlock.into());
        assert!(drain(&mut Trickle(vec![would_block(), Ok(10)]), &mut into, 100).unwrap());
        assert_eq!(into.len(), 10);
        assert!(!drain(&mut Trickle(vec![would_block()]), &mut into, 100).unwrap());
        drain(&mut Trickle(vec![Ok(1000), Ok(1000)]), &mut into, 100).unwrap();
        assert_eq!(into.len(), 100);
    }
}
