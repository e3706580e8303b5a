//! libssh2 without its blocking mode: every wait is ours, with a deadline and with acknowledgements sent at once.

use std::cell::{Ref, RefCell};
use std::time::{Duration, Instant};

use socket2::SockRef;
use ssh2::{ErrorCode, MethodType, Session};

use super::error::Error;
use super::offer::{AlgorithmKind, Offer};
use super::proxy::ProxyProcess;
use super::relay::Relay;
use super::watch::{Look, ServerWatch};
use crate::base::deadline::Deadline;
use crate::base::platform::{Interest, OwnedSocket, acknowledge_at_once, poll_sockets};

/// An SSH session on a socket, before and after logging in.
pub(in crate::guest) struct Transport {
    session: Session,
    relay: RefCell<Relay>,
    place: String,
    deadline: Deadline,
    /// Where the server has to give signs of life.
    watch: Option<ServerWatch>,
    /// The command that carries the connection, and ends with it.
    proxy: Option<ProxyProcess>,
}

impl Transport {
    /// Puts a session on `socket`; `place` names the server in errors.
    pub(super) fn new(socket: OwnedSocket, place: String, deadline: Deadline) -> Result<Self, Error> {
        let options = SockRef::from(&socket);
        // A jump's end is a Unix socket, which has neither.
        let _ = options.set_tcp_nodelay(true);
        let lost = |error: &dyn ToString| Error::lost(error.to_string());
        let (relay, inner) = Relay::new(socket).map_err(|error| lost(&error))?;
        let mut session = Session::new().map_err(|error| lost(&error))?;
        session.set_tcp_stream(inner);
        session.set_blocking(false);
        Ok(Self { session, relay: RefCell::new(relay), place, deadline, watch: None, proxy: None })
    }

    /// Agrees on keys. `known` are the algorithms of the host keys that are known: they are asked for first, so
    /// that a server with several keys shows the one that can be compared.
    pub(super) fn handshake(&mut self, known: Option<&str>) -> Result<(), Error> {
        let algorithms = known.into_iter().chain(HOST_KEY_ALGORITHMS).collect::<Vec<_>>().join(",");
        let prefer = |method, algorithms: &str| self.session.method_pref(method, algorithms);
        prefer(MethodType::HostKey, &algorithms)
            .and_then(|()| prefer(MethodType::Kex, KEY_EXCHANGES))
            .map_err(|error| self.not_ssh(error))?;
        let mut session = self.session.clone();
        self.complete(|_| session.handshake()).map_err(|stop| match stop {
            Stop::Failed(error) => self.nothing_shared().unwrap_or_else(|| self.not_ssh(error)),
            stop => self.error(stop),
        })
    }

    /// The error that names what the server offers, if it offers nothing that this program knows.
    fn nothing_shared(&self) -> Option<Error> {
        let relay = self.relay.borrow();
        let offer = Offer::parse(relay.first())?;
        AlgorithmKind::ALL.into_iter().find_map(|kind| {
            let offered = offer.without(kind, &self.known(kind))?;
            Some(Error::NothingShared { place: self.place.clone(), kind: kind.name(), offered })
        })
    }

    /// What this program knows of `kind`.
    fn known(&self, kind: AlgorithmKind) -> Vec<String> {
        let listed = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect();
        let method = match kind {
            AlgorithmKind::KeyExchange => return listed(KEY_EXCHANGES),
            AlgorithmKind::HostKey => return listed(&HOST_KEY_ALGORITHMS.join(",")),
            AlgorithmKind::Encryption => MethodType::CryptSc,
            AlgorithmKind::Integrity => MethodType::MacSc,
        };
        let known = self.session.supported_algs(method).unwrap_or_default();
        known.into_iter().map(ToOwned::to_owned).collect()
    }

    /// Has the command that carries the connection live as long as this.
    pub(super) fn carried_by(&mut self, proxy: Option<ProxyProcess>) {
        self.proxy = proxy;
    }

    /// The server has proved who it is.
    pub(super) fn trust(&self) {
        self.relay.borrow_mut().trust();
    }

    /// So many bytes were read from a channel.
    pub(super) fn consume(&self, count: usize) {
        self.relay.borrow_mut().consume(count);
    }

    /// So many bytes of a stream were read from a channel; see [`Relay::consume_stream`].
    pub(in crate::guest) fn consume_stream(&self, count: usize) {
        self.relay.borrow_mut().consume_stream(count);
    }

    /// So many channels are open: a server may send more before anybody reads.
    pub(in crate::guest) fn allow_channels(&self, count: usize) {
        self.relay.borrow_mut().allow_channels(count);
    }

    /// How many bytes have come from the server.
    pub(in crate::guest) fn received(&self) -> u64 {
        self.relay.borrow().received()
    }

    /// Sends the server all that libssh2 has written. False when the network takes no more for now.
    pub(in crate::guest) fn flush(&self) -> bool {
        self.relay.borrow_mut().flush()
    }

    /// True when the server has ended the connection, or it has failed.
    pub(in crate::guest) fn has_ended(&self) -> bool {
        self.relay.borrow().has_ended()
    }

    /// True when libssh2 has read all that has come so far; see [`Relay::is_drained`].
    pub(in crate::guest) fn is_drained(&self) -> bool {
        self.relay.borrow().is_drained()
    }

    /// Ends the connection at once. Without this, a channel that is dropped could wait for the server, and never be freed.
    pub(in crate::guest) fn hang_up(&self) {
        self.relay.borrow_mut().hang_up();
    }

    /// True when libssh2 may keep so much that nobody asked for that a new connection is better.
    pub(super) fn is_worn(&self) -> bool {
        self.relay.borrow().unread() > MOST_KEPT
    }

    /// The server's public host key, in SSH's wire form.
    pub(super) fn host_key(&self) -> &[u8] {
        self.session.host_key().map_or(&[], |(key, _)| key)
    }

    /// Repeats `step` until it needs to wait no more. Errors are those of a connection that ended.
    pub(super) fn drive<T>(&self, step: impl FnMut(&Session) -> Result<T, ssh2::Error>) -> Result<T, Error> {
        self.complete(step).map_err(|stop| self.error(stop))
    }

    /// As [`Self::drive`], with libssh2's own error kept for the caller to tell apart.
    pub(super) fn attempt<T>(
        &self,
        step: impl FnMut(&Session) -> Result<T, ssh2::Error>,
    ) -> Result<Result<T, ssh2::Error>, Error> {
        match self.complete(step) {
            Ok(value) => Ok(Ok(value)),
            Err(Stop::Failed(error)) => Ok(Err(error)),
            Err(end) => Err(self.error(end)),
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// From now on the server is asked for signs of life while it is silent, and may be so for `limit`; none for as long as it likes.
    pub(super) fn watch(&mut self, limit: Option<Duration>) {
        // libssh2 sends none within a second of another packet.
        self.session.set_keepalive(limit.is_some(), u32::from(limit.is_some()));
        self.watch = limit.map(|limit| ServerWatch::new(limit, Instant::now()));
    }

    /// Errors when the deadline is over.
    pub(super) fn check_deadline(&self) -> Result<(), Error> {
        if self.deadline.is_over() { Err(self.timed_out()) } else { Ok(()) }
    }

    /// Waits until there is something new for libssh2 to read or room for what it wrote.
    pub(super) fn wait(&self) -> Result<(), Error> {
        self.wait_in_time().map_err(|stop| self.error(stop))
    }

    pub(in crate::guest) fn session(&self) -> &Session {
        &self.session
    }

    /// The socket to the server.
    pub(in crate::guest) fn socket(&self) -> Ref<'_, OwnedSocket> {
        Ref::map(self.relay.borrow(), Relay::socket)
    }

    /// What to wait for there; empty when there is something for libssh2 already.
    pub(in crate::guest) fn interest(&self) -> Interest {
        self.relay.borrow().interest()
    }

    /// Brings libssh2 what has come and the server what libssh2 has written. True when there is something new for libssh2.
    pub(in crate::guest) fn pump(&self) -> Result<bool, Error> {
        self.try_pump().map_err(|stop| self.error(stop))
    }

    fn complete<T>(&self, mut step: impl FnMut(&Session) -> Result<T, ssh2::Error>) -> Result<T, Stop> {
        loop {
            let result = step(&self.session);
            match result {
                Err(error) if error.code() == WOULD_BLOCK => self.wait_in_time()?,
                result => {
                    // What it wrote last is on its way too.
                    self.try_pump()?;
                    return result.map_err(Stop::Failed);
                }
            }
        }
    }

    fn try_pump(&self) -> Result<bool, Stop> {
        self.relay.borrow_mut().pump().map_err(|_| Stop::Flood)
    }

    fn wait_in_time(&self) -> Result<(), Stop> {
        let has_room = self.relay.borrow_mut().make_room();
        if !self.try_pump()? && !has_room {
            self.acknowledge_at_once();
            let left = self.deadline.left().max(Duration::from_millis(1));
            let left = self.watch.as_ref().map_or(left, |watch| left.min(watch.pause()));
            let interest = self.interest();
            if !interest.is_empty() {
                // An interrupted wait is no answer; the caller asks again.
                let _ = poll_sockets(&[(&*self.socket(), interest)], Some(left));
                self.try_pump()?;
            }
        }
        self.look_after_server()?;
        if self.deadline.is_over() { Err(Stop::Deadline) } else { Ok(()) }
    }

    /// Errors when the server has given no sign of life for too long.
    fn look_after_server(&self) -> Result<(), Stop> {
        let Some(watch) = &self.watch else { return Ok(()) };
        let look = watch.look(self.relay.borrow().received(), Instant::now());
        match look {
            // What libssh2 has half sent, nothing else may interrupt.
            Look::Ask if self.relay.borrow_mut().flush() => {
                let _ = self.session.keepalive_send();
                self.try_pump()?;
            }
            Look::Ask | Look::Fine => {}
            Look::Gone => return Err(Stop::Silent(watch.limit())),
        }
        Ok(())
    }

    /// SSH answers small packets with small packets; a delayed acknowledgement would add 40 ms to several
    /// of them. The kernel forgets the option, so it is set before each wait (`tcp(7)`).
    pub(in crate::guest) fn acknowledge_at_once(&self) {
        acknowledge_at_once(&*self.socket());
    }

    fn error(&self, stop: Stop) -> Error {
        match stop {
            Stop::Deadline => self.timed_out(),
            Stop::Silent(limit) => Error::Silent { place: self.place.clone(), limit },
            Stop::Failed(error) => Error::lost(error),
            Stop::Flood => Error::Flooded { place: self.place.clone() },
        }
    }

    fn timed_out(&self) -> Error {
        self.deadline.timeout(format!("SSH at {}", self.place)).into()
    }

    fn not_ssh(&self, source: ssh2::Error) -> Error {
        Error::Handshake { place: self.place.clone(), source }
    }
}

enum Stop {
    Deadline,
    Silent(Duration),
    Flood,
    Failed(ssh2::Error),
}

/// A command leaves some hundred bytes that are no answer, so this is reached after hours.
const MOST_KEPT: u64 = 1 << 20;

pub(in crate::guest) const WOULD_BLOCK: ErrorCode = ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_EAGAIN);

const HOST_KEY_ALGORITHMS: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
    // OpenSSH before 7.2, as in the oldest guests, signs with nothing newer.
    "ssh-rsa",
];

/// The elliptic curves first: finite-field groups cost 40 ms more.
const KEY_EXCHANGES: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,\
    ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group14-sha256";
