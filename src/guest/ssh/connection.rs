//! The connection to the guest: connect, run, nothing else. One connection and one command per run of
//! the program; only `status --watch` runs more, and what starts and stops services.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use ssh2::Channel;

use super::error::Error;
use super::host_key::{HostKey, KnownHosts};
use super::proxy::ProxyProcess;
use super::route::{Hop, Route};
use super::transport::Transport;
use super::user_known_hosts::UserKnownHosts;
use super::{auth, jump};
use crate::base::deadline::Deadline;
use crate::base::platform::OwnedSocket;
use crate::base::text::sanitize;
use crate::base::timeouts;
use crate::base::types::Port;

/// What a command in the guest wrote. There may be secrets in it, so there is no `Debug`.
#[derive(Default)]
pub(crate) struct Output {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// The beginning of its standard error.
    pub stderr: Vec<u8>,
}

/// What has become of a connection from the guest to a port of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PortTrial {
    Open,
    /// Nobody listens there.
    Closed,
    /// sshd does not connect to it for this user.
    Forbidden {
        reason: String,
    },
}

impl PortTrial {
    /// What `reason` means, with which sshd refuses a channel: it is one of those of RFC 4254 (5.1), as libssh2 puts it.
    pub(in crate::guest) fn of_refusal(reason: &str) -> Self {
        if reason.contains("prohibited") {
            Self::Forbidden { reason: sanitize(reason) }
        } else {
            Self::Closed
        }
    }
}

/// A logged-in connection.
pub(crate) struct Connection {
    transport: Transport,
    address: Option<IpAddr>,
    host_key: HostKey,
    /// That of the last command, which nobody waited for.
    ended: Option<Channel>,
}

impl Connection {
    /// Connects along `route` and logs in. A host key that `known_hosts` does not know is learnt into it.
    ///
    /// Errors: the host is unknown, does not answer within 5 seconds or `deadline`, its key is not the
    /// one known, or no key is accepted.
    pub(crate) fn open(
        route: &Route,
        known_hosts: &mut KnownHosts,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let first = route.jumps.first().unwrap_or(&route.target);
        let (stream, address, proxy) = reach(first, route.proxy_command.as_deref(), deadline)?;
        let connected = Self::follow(route, stream, address, known_hosts, deadline);
        match (connected, proxy) {
            (Ok(mut connection), proxy) => {
                connection.transport.carried_by(proxy);
                Ok(connection)
            }
            (Err(error), Some(proxy)) => Err(proxy.explain(error)),
            (Err(error), None) => Err(error),
        }
    }

    /// Logs in to each server of `route`, the first one at the end of `stream`.
    fn follow(
        route: &Route,
        mut stream: OwnedSocket,
        mut address: Option<IpAddr>,
        known_hosts: &mut KnownHosts,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        for (jump, next) in route.jumps.iter().zip(route.jumps.iter().skip(1).chain([&route.target])) {
            let gate = Self::log_in(stream, jump, None, known_hosts, deadline)?;
            stream = jump::forward(gate.transport, next)?.into();
            address = None;
        }
        Self::log_in(stream, &route.target, address, known_hosts, deadline)
    }

    /// The guest's address as the connection reached it; none through a jump, where the host may
    /// not be able to reach it.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The key of the guest's SSH server.
    pub(crate) fn host_key(&self) -> &HostKey {
        &self.host_key
    }

    /// What it talks over, for channels that are no commands.
    pub(in crate::guest) fn into_transport(self) -> Transport {
        self.transport
    }

    /// True when it is better to connect anew than to go on with this one: libssh2 keeps until the end of a
    /// session what nobody asked for.
    pub(crate) fn is_worn(&self) -> bool {
        self.transport.is_worn()
    }

    /// Has it be used until `deadline`.
    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.transport.set_deadline(deadline);
    }

    /// From now on the guest has to give signs of life at least every `limit`, also while a command says nothing; none: as before.
    pub(crate) fn watch(&mut self, limit: Option<Duration>) {
        self.transport.watch(limit);
    }

    /// Connects from the guest to `port` of its own loopback, and hangs up.
    ///
    /// Errors: the connection ends or the deadline is over.
    pub(crate) fn try_port(&self, port: Port) -> Result<PortTrial, Error> {
        let open = |session: &ssh2::Session| session.channel_direct_tcpip(LOOPBACK, port.number(), None);
        Ok(match self.transport.attempt(open)? {
            Ok(mut channel) => {
                self.transport.drive(|_| channel.close())?;
                PortTrial::Open
            }
            Err(refusal) => PortTrial::of_refusal(refusal.message()),
        })
    }

    /// Runs `command` and reads what it writes until `is_complete` says so of its standard output, or the
    /// command ends. Not waiting for the end saves a round trip.
    ///
    /// Errors: standard output is longer than `limit` bytes, the connection ends or the deadline is over.
    pub(crate) fn run(
        &mut self,
        command: &str,
        limit: usize,
        is_complete: impl FnMut(&[u8]) -> bool,
    ) -> Result<Output, Error> {
        let channel = self.start(command)?;
        self.read(channel, limit, is_complete)
    }

    /// As [`Self::run`], with `input` for the command to read, which costs a round trip more.
    ///
    /// Errors: the same.
    pub(crate) fn run_with(
        &mut self,
        command: &str,
        input: &[u8],
        limit: usize,
        is_complete: impl FnMut(&[u8]) -> bool,
    ) -> Result<Output, Error> {
        let mut channel = self.start(command)?;
        self.feed(&mut channel, input)?;
        self.read(channel, limit, is_complete)
    }

    /// As [`Self::run_with`], with what `next` puts into a buffer until that is nothing, however long that takes: the guest may take
    /// nothing for `idle`, and has so much time when it has all of it.
    ///
    /// Errors: the same.
    pub(crate) fn run_with_stream(
        &mut self,
        command: &str,
        mut next: impl FnMut(&mut [u8]) -> usize,
        idle: Duration,
        limit: usize,
        is_complete: impl FnMut(&[u8]) -> bool,
    ) -> Result<Output, Error> {
        let mut channel = self.start(command)?;
        let mut buffer = vec![0; CHUNK];
        loop {
            self.set_deadline(Deadline::after(idle));
            let count = next(&mut buffer);
            if count == 0 || !self.write(&mut channel, &buffer[..count])? {
                break;
            }
        }
        self.end_input(&mut channel)?;
        self.read(channel, limit, is_complete)
    }

    fn start(&mut self, command: &str) -> Result<Channel, Error> {
        let io = &self.transport;
        // A server gives out few channels at a time.
        if let Some(mut ended) = self.ended.take() {
            io.drive(|_| ended.close())?;
        }
        let mut channel = io.drive(ssh2::Session::channel_session)?;
        io.drive(|_| channel.exec(command))?;
        Ok(channel)
    }

    /// Writes all of `input`. A command that ended without reading it says itself why.
    fn feed(&self, channel: &mut Channel, input: &[u8]) -> Result<(), Error> {
        if self.write(channel, input)? { self.end_input(channel) } else { Ok(()) }
    }

    /// False when the command reads no more.
    fn write(&self, channel: &mut Channel, mut input: &[u8]) -> Result<bool, Error> {
        while !input.is_empty() {
            match channel.write(input) {
                Ok(count) => input = &input[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.transport.wait()?,
                Err(error) => {
                    log::debug!("the command reads no more: {error}");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn end_input(&self, channel: &mut Channel) -> Result<(), Error> {
        self.transport.attempt(|_| channel.send_eof())?.or_else(|error| {
            log::debug!("the command reads no more: {error}");
            Ok(())
        })
    }

    fn read(
        &mut self,
        mut channel: Channel,
        limit: usize,
        mut is_complete: impl FnMut(&[u8]) -> bool,
    ) -> Result<Output, Error> {
        let io = &self.transport;
        let mut output = Output::default();
        loop {
            let read = drain(&mut channel, &mut output.stdout, limit + 1)?;
            io.consume(read);
            if output.stdout.len() > limit {
                return Err(Error::AnswerTooLong { limit });
            }
            io.consume(drain(&mut channel.stderr(), &mut output.stderr, LONGEST_STDERR)?);
            if (read > 0 && is_complete(&output.stdout)) || channel.eof() {
                self.ended = Some(channel);
                return Ok(output);
            }
            // Reading one stream also takes in packets of the other: those must be read before waiting.
            if channel.read_window().available == 0 {
                io.wait()?;
            } else {
                io.pump()?;
                io.check_deadline()?;
            }
        }
    }

    fn log_in(
        stream: OwnedSocket,
        hop: &Hop,
        address: Option<IpAddr>,
        known_hosts: &mut KnownHosts,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let mut transport = Transport::new(stream, hop.place(), deadline)?;
        let known = known_hosts.algorithm(hop);
        // Later it is the key learnt at first contact that counts.
        let theirs = known.is_none().then(|| UserKnownHosts::read(transport.session(), hop)).transpose()?;
        let asked = theirs.as_ref().and_then(UserKnownHosts::algorithms);
        transport.handshake(known.or(asked.as_deref()))?;
        if let Some(theirs) = theirs {
            theirs.check(hop, transport.host_key())?;
        }
        let host_key = known_hosts.check(hop, transport.host_key())?;
        transport.trust();
        auth::authenticate(&transport, hop)?;
        Ok(Self { transport, address, host_key, ended: None })
    }
}

/// Connects to the first server of a route, by its command if it has one. The address is none then: only the command
/// knows it.
fn reach(
    hop: &Hop,
    command: Option<&str>,
    deadline: Deadline,
) -> Result<(OwnedSocket, Option<IpAddr>, Option<ProxyProcess>), Error> {
    let Some(command) = command else {
        let (stream, address) = connect(hop, deadline)?;
        return Ok((stream.into(), Some(address), None));
    };
    let failed = |source| Error::ProxyCommand { place: hop.place(), command: command.to_owned(), source };
    let (proxy, stream) = ProxyProcess::start(command, hop.place()).map_err(failed)?;
    Ok((stream.into(), None, Some(proxy)))
}

/// True when the SSH server at `address` has this host key, and proves it.
pub(crate) fn has_host_key(address: SocketAddr, host_key: &HostKey, deadline: Deadline) -> bool {
    let prove = || {
        let limit = deadline.at_most(timeouts::SSH_PORT_CONNECT).left().max(Duration::from_millis(1));
        let stream = TcpStream::connect_timeout(&address, limit).ok()?;
        let deadline = deadline.at_most(timeouts::SSH_HOST_KEY);
        let mut transport = Transport::new(stream.into(), address.to_string(), deadline).ok()?;
        transport.handshake(host_key.algorithm()).ok()?;
        Some(host_key.is(transport.host_key()))
    };
    prove().unwrap_or(false)
}

/// Connects to the first address of the hop that accepts.
fn connect(hop: &Hop, deadline: Deadline) -> Result<(TcpStream, IpAddr), Error> {
    let host = hop.host.as_str();
    let unknown = |source| Error::UnknownHost { host: host.to_owned(), source };
    let addresses: Vec<SocketAddr> = (host, hop.port).to_socket_addrs().map_err(unknown)?.collect();
    let mut failure = unknown(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for address in addresses {
        let limit = deadline.at_most(timeouts::SSH_CONNECT);
        match TcpStream::connect_timeout(&address, limit.left().max(Duration::from_millis(1))) {
            Ok(stream) => return Ok((stream, address.ip())),
            Err(source) => failure = Error::Connect { place: address.to_string(), by_vagrant: false, source },
        }
    }
    Err(failure)
}

/// Reads what is there, in bounded time, and keeps the first `limit` bytes: what is left unread would take the
/// room that the other stream needs. Returns how many bytes were read.
fn drain(stream: &mut impl Read, into: &mut Vec<u8>, limit: usize) -> Result<usize, Error> {
    let (mut buffer, mut read) = ([0; 16 << 10], 0);
    for _ in 0..MOST_READS {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let room = limit.saturating_sub(into.len());
                into.extend_from_slice(&buffer[..count.min(room)]);
                read += count;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(source) => return Err(Error::lost(source)),
        }
    }
    Ok(read)
}

/// As sshd's `PermitOpen` has it.
pub(in crate::guest) const LOOPBACK: &str = "127.0.0.1";
const LONGEST_STDERR: usize = 64 << 10;
/// What is read of a file before it is sent.
const CHUNK: usize = 256 << 10;
const MOST_READS: usize = 64;
