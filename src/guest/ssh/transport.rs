//! libssh2 without its blocking mode: every wait is ours, with a deadline and with acknowledgements sent at once.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;
use ssh2::{BlockDirections, ErrorCode, MethodType, Session};

use super::error::Error;
use crate::base::deadline::Deadline;

/// An SSH session on a socket, before and after logging in.
pub(super) struct Transport {
    session: Session,
    socket: Arc<OwnedFd>,
    place: String,
    deadline: Deadline,
}

impl Transport {
    /// Puts a session on `socket`; `place` names the server in errors.
    pub(super) fn new(socket: Arc<OwnedFd>, place: String, deadline: Deadline) -> Result<Self, Error> {
        let options = SockRef::from(&*socket);
        // A jump's end is a Unix socket, which has neither.
        let _ = options.set_tcp_nodelay(true);
        let lost = |error: &dyn ToString| Error::lost(error.to_string());
        options.set_nonblocking(true).map_err(|error| lost(&error))?;
        let mut session = Session::new().map_err(|error| lost(&error))?;
        session.set_tcp_stream(Arc::clone(&socket));
        session.set_blocking(false);
        Ok(Self { session, socket, place, deadline })
    }

    /// Agrees on keys. `known` is the algorithm of the host key that is known: it is asked for first, so
    /// that a server with several keys shows the one that can be compared.
    pub(super) fn handshake(&mut self, known: Option<&str>) -> Result<(), Error> {
        let algorithms = known.into_iter().chain(HOST_KEY_ALGORITHMS).collect::<Vec<_>>().join(",");
        let prefer = |method, algorithms: &str| self.session.method_pref(method, algorithms);
        prefer(MethodType::HostKey, &algorithms)
            .and_then(|()| prefer(MethodType::Kex, KEY_EXCHANGES))
            .map_err(|error| self.not_ssh(error))?;
        let mut session = self.session.clone();
        self.complete(|_| session.handshake()).map_err(|stop| match stop {
            Stop::Deadline => self.timed_out(),
            Stop::Failed(error) => self.not_ssh(error),
        })
    }

    /// The server's public host key, in SSH's wire form.
    pub(super) fn host_key(&self) -> &[u8] {
        self.session.host_key().map_or(&[], |(key, _)| key)
    }

    /// Repeats `step` until it needs to wait no more. Errors are those of a connection that ended.
    pub(super) fn drive<T>(&self, step: impl FnMut(&Session) -> Result<T, ssh2::Error>) -> Result<T, Error> {
        self.complete(step).map_err(|stop| match stop {
            Stop::Deadline => self.timed_out(),
            Stop::Failed(error) => Error::lost(error),
        })
    }

    /// As [`Self::drive`], with libssh2's own error kept for the caller to tell apart.
    pub(super) fn attempt<T>(
        &self,
        step: impl FnMut(&Session) -> Result<T, ssh2::Error>,
    ) -> Result<Result<T, ssh2::Error>, Error> {
        match self.complete(step) {
            Ok(value) => Ok(Ok(value)),
            Err(Stop::Failed(error)) => Ok(Err(error)),
            Err(Stop::Deadline) => Err(self.timed_out()),
        }
    }

    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Errors when the deadline is over.
    pub(super) fn check_deadline(&self) -> Result<(), Error> {
        if self.deadline.is_over() { Err(self.timed_out()) } else { Ok(()) }
    }

    /// Waits until the socket can do what libssh2 waits for.
    pub(super) fn wait(&self) -> Result<(), Error> {
        if self.is_ready_in_time() { Ok(()) } else { Err(self.timed_out()) }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    fn complete<T>(&self, mut step: impl FnMut(&Session) -> Result<T, ssh2::Error>) -> Result<T, Stop> {
        loop {
            match step(&self.session) {
                Ok(value) => return Ok(value),
                Err(error) if error.code() == WOULD_BLOCK => {
                    if !self.is_ready_in_time() {
                        return Err(Stop::Deadline);
                    }
                }
                Err(error) => return Err(Stop::Failed(error)),
            }
        }
    }

    /// What libssh2 waits for on the socket.
    pub(super) fn interest(&self) -> PollFlags {
        match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        }
    }

    /// False when the deadline is over first.
    fn is_ready_in_time(&self) -> bool {
        self.acknowledge_at_once();
        let left = self.deadline.left().max(Duration::from_millis(1));
        let timeout = Timespec::try_from(left).ok();
        // An interrupted wait is no answer; the caller asks again.
        let ready = poll(&mut [PollFd::new(&*self.socket, self.interest())], timeout.as_ref());
        ready != Ok(0) && !self.deadline.is_over()
    }

    /// SSH answers small packets with small packets; a delayed acknowledgement would add 40 ms to several
    /// of them. The kernel forgets the option, so it is set before each wait (`tcp(7)`).
    pub(super) fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&*self.socket).set_tcp_quickack(true);
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
    Failed(ssh2::Error),
}

const WOULD_BLOCK: ErrorCode = ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_EAGAIN);

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
