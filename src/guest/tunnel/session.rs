//! The SSH session that all connections of a tunnel share, and how it is found out that it is dead.
//!
//! What libssh2 demands of those who have many channels:
//!
//! - One channel is opened at a time: the state of an open is in the session. One that the guest never answers blocks the
//!   others and cannot be given up, so the session is.
//! - A packet that is half sent has to be finished by the very call that began it, before anything else is sent; and some calls
//!   (`channel_send_eof`, keepalives, answers to the server) cannot do that, since their packets are on the stack. So no call is
//!   made before all that was written is on its way ([`Session::has_room`]): then there is room for what it may write.
//! - Every read or write takes in the packets of all channels. Before waiting, all of them have to be looked at.
//! - An open takes in packets up to the answer to it, a close only the next one, and a read may
//!   end before too ([`Session::has_taken_in_all`]). What has come behind that is in a buffer of
//!   libssh2's, where nobody sees it. So all that has come is taken in first, by a read ([`Session::has_news`]).

use std::time::{Duration, Instant};

use ssh2::{BlockDirections, Channel, ErrorCode};

use super::forward::ForwardTarget;
use crate::base::platform::{Interest, OwnedSocket, time_asleep};
use crate::base::text::sanitize;
use crate::base::timeouts;
use crate::guest::ssh::{Connection, LOOPBACK, PortTrial, Transport, WOULD_BLOCK};

/// A logged-in session.
pub(super) struct Session {
    transport: Transport,
    socket: OwnedSocket,
    liveness: Liveness,
    has_news: bool,
    pub(super) since: Instant,
}

/// How a call to libssh2 ended.
pub(super) enum CallResult<T> {
    Done(T),
    /// There is nothing to do until something comes from the guest, or goes there.
    Wait,
}

/// The session is of no more use.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct SessionLost(pub(super) String);

/// Why a channel could not be opened or used.
pub(super) enum ChannelError {
    /// This one cannot, others may.
    Refused(String),
    Lost(SessionLost),
}

impl Session {
    pub(super) fn new(connection: Connection) -> std::io::Result<Self> {
        let transport = connection.into_transport();
        let socket = transport.socket().try_clone()?;
        transport.session().set_keepalive(true, 1);
        Ok(Self {
            transport,
            socket,
            liveness: Liveness::new(Instant::now()),
            has_news: false,
            since: Instant::now(),
        })
    }

    pub(super) fn socket(&self) -> &OwnedSocket {
        &self.socket
    }

    /// What to wait for there.
    pub(super) fn interest(&self) -> Interest {
        self.transport.acknowledge_at_once();
        self.transport.interest()
    }

    /// Moves bytes between the network and libssh2. True when something has come.
    pub(super) fn pump(&mut self) -> Result<bool, SessionLost> {
        let news = self.transport.pump().map_err(|error| SessionLost(error.to_string()))?;
        self.liveness.hear(self.transport.received(), Instant::now());
        self.has_news |= news;
        Ok(news)
    }

    /// True when something has come that a read of any channel has to take in.
    pub(super) fn has_news(&self) -> bool {
        self.has_news
    }

    /// True when a call that reads has ended since nothing more was there. Each call may end before: with a packet for a channel
    /// that is no more, or half of one.
    pub(super) fn has_taken_in_all(&self) -> bool {
        let waits = self.transport.session().block_directions();
        matches!(waits, BlockDirections::Inbound | BlockDirections::Both) && self.transport.is_drained()
    }

    /// A read has taken in all that had come.
    pub(super) fn has_taken_in(&mut self) {
        self.has_news = false;
    }

    /// True when all that was written is on its way, so that libssh2 can be called.
    pub(super) fn has_room(&self) -> bool {
        self.transport.flush()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.transport.has_ended()
    }

    pub(super) fn allow_channels(&self, count: usize) {
        self.transport.allow_channels(count);
    }

    pub(super) fn consume(&self, count: usize) {
        self.transport.consume_stream(count);
    }

    /// Begins or goes on to open a channel to `target`. One at a time.
    pub(super) fn open(&self, target: &ForwardTarget) -> Result<CallResult<Channel>, ChannelError> {
        let session = self.transport.session();
        let opened = match target {
            ForwardTarget::Socket(path) => session.channel_direct_streamlocal(path.as_str(), None),
            ForwardTarget::Port(port) => session.channel_direct_tcpip(LOOPBACK, port.number(), None),
            ForwardTarget::Engine(_) => session.channel_session(),
        };
        self.progress(opened).map_err(|error| match error {
            ChannelError::Refused(reason) => ChannelError::Refused(explain_refusal(target, &reason)),
            lost @ ChannelError::Lost(_) => lost,
        })
    }

    /// What a call to libssh2 has come to.
    pub(super) fn progress<T>(&self, result: Result<T, ssh2::Error>) -> Result<CallResult<T>, ChannelError> {
        match result {
            Ok(value) => Ok(CallResult::Done(value)),
            Err(error) if error.code() == WOULD_BLOCK => self.blocked(),
            Err(error) if is_of_one_channel(&error) => Err(ChannelError::Refused(sanitize(error.message()))),
            Err(error) => Err(ChannelError::Lost(SessionLost(error.message().to_owned()))),
        }
    }

    /// What a call has come to that would have had to wait.
    ///
    /// Errors: a packet is half sent. That takes a server that asks for more answers than any does.
    pub(super) fn blocked<T>(&self) -> Result<CallResult<T>, ChannelError> {
        match self.transport.session().block_directions() {
            BlockDirections::Outbound | BlockDirections::Both => {
                Err(ChannelError::Lost(SessionLost("the machine takes nothing any more".to_owned())))
            }
            BlockDirections::None | BlockDirections::Inbound => Ok(CallResult::Wait),
        }
    }

    /// Asks the guest for a sign of life when it is time for that. `may_send` while no channel is being opened.
    ///
    /// Errors: it gave none the last time.
    pub(super) fn check_liveness(&mut self, awaits_guest: bool, may_send: bool) -> Result<(), SessionLost> {
        match self.liveness.check(Instant::now(), time_asleep(), awaits_guest) {
            SignOfLife::Ask if may_send && self.has_room() => {
                self.liveness.asked(Instant::now());
                let sent = self.transport.session().keepalive_send();
                sent.map(drop).map_err(|error| SessionLost(error.message().to_owned()))
            }
            SignOfLife::Alive | SignOfLife::Ask => Ok(()),
            SignOfLife::Dead(reason) => Err(SessionLost(reason.to_owned())),
        }
    }

    /// How long nothing of this has to be looked at.
    pub(super) fn next_check(&self, awaits_guest: bool) -> Option<Duration> {
        awaits_guest.then(|| self.liveness.next_check(Instant::now()))
    }

    /// Ends the session for libssh2, so that its channels can be freed.
    pub(super) fn hang_up(&self) {
        self.transport.hang_up();
    }
}

/// The end of what is said where sshd is set to forbid a forward.
pub(crate) const FORBIDS: &str = "in sshd_config forbids it";

/// sshd says the same for a socket that is not there, one that the user may not open, and when it forwards to none at all.
fn explain_refusal(target: &ForwardTarget, reason: &str) -> String {
    match target {
        ForwardTarget::Socket(path) => format!(
            "sshd in the machine does not connect to `{}` ({reason}): it is not there, the user may not open it, or \
             `AllowStreamLocalForwarding` or `DisableForwarding` {FORBIDS}",
            path.as_str()
        ),
        ForwardTarget::Port(port) => match PortTrial::of_refusal(reason) {
            PortTrial::Forbidden { reason } => format!(
                "sshd in the machine may not connect to port {} ({reason}): `AllowTcpForwarding`, `PermitOpen` or \
                 `DisableForwarding` {FORBIDS}",
                port.number()
            ),
            PortTrial::Open | PortTrial::Closed => {
                format!("nobody listens at 127.0.0.1:{} in the machine ({reason})", port.number())
            }
        },
        ForwardTarget::Engine(_) => format!("sshd in the machine runs no further command ({reason})"),
    }
}

fn is_of_one_channel(error: &ssh2::Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::Session(
            libssh2_sys::LIBSSH2_ERROR_CHANNEL_FAILURE
                | libssh2_sys::LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED
                | libssh2_sys::LIBSSH2_ERROR_CHANNEL_CLOSED
                | libssh2_sys::LIBSSH2_ERROR_CHANNEL_EOF_SENT
        )
    )
}

/// Signs of life of a session.
struct Liveness {
    received: u64,
    heard_at: Instant,
    /// When a sign was asked for that has not come yet, and how long it may take.
    asked: Option<(Instant, Duration)>,
    asleep: Duration,
    /// The host has slept since it was last asked.
    is_doubtful: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum SignOfLife {
    Alive,
    Ask,
    Dead(&'static str),
}

impl Liveness {
    fn new(now: Instant) -> Self {
        Self { received: 0, heard_at: now, asked: None, asleep: time_asleep(), is_doubtful: false }
    }

    fn hear(&mut self, received: u64, now: Instant) {
        if received != self.received {
            (self.received, self.heard_at, self.asked) = (received, now, None);
        }
    }

    fn asked(&mut self, now: Instant) {
        let limit = if self.is_doubtful { timeouts::TUNNEL_OPEN } else { timeouts::KEEPALIVE_ANSWER };
        (self.asked, self.is_doubtful) = (Some((now, limit)), false);
    }

    /// A session that nobody uses is not asked: it is opened anew at no great cost.
    fn check(&mut self, now: Instant, asleep: Duration, has_channels: bool) -> SignOfLife {
        if asleep.saturating_sub(self.asleep) >= timeouts::SLEEP {
            self.asleep = asleep;
            if !has_channels {
                return SignOfLife::Dead("this host has slept");
            }
            self.is_doubtful = true;
        }
        let is_silent = now.duration_since(self.heard_at) >= timeouts::KEEPALIVE;
        match self.asked {
            Some((since, limit)) if now.duration_since(since) >= limit => {
                SignOfLife::Dead("the machine does not answer")
            }
            None if has_channels && (self.is_doubtful || is_silent) => SignOfLife::Ask,
            Some(_) | None => SignOfLife::Alive,
        }
    }

    fn next_check(&self, now: Instant) -> Duration {
        let end = match self.asked {
            Some((since, limit)) => since + limit,
            None => self.heard_at + timeouts::KEEPALIVE,
        };
        end.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_machine_is_asked_and_then_given_up() {
        let begin = Instant::now();
        let mut liveness = Liveness { asleep: Duration::ZERO, ..Liveness::new(begin) };
        let check = |liveness: &mut Liveness, after: u64| {
            liveness.check(begin + Duration::from_secs(after), Duration::ZERO, true)
        };
        assert_eq!(check(&mut liveness, 29), SignOfLife::Alive);
        assert_eq!(check(&mut liveness, 30), SignOfLife::Ask);
        liveness.asked(begin + Duration::from_secs(30));
        assert_eq!(check(&mut liveness, 39), SignOfLife::Alive);
        liveness.hear(100, begin + Duration::from_secs(39));
        assert_eq!(check(&mut liveness, 45), SignOfLife::Alive);
        liveness.asked(begin + Duration::from_secs(70));
        assert!(matches!(check(&mut liveness, 80), SignOfLife::Dead(_)));
    }

    #[test]
    fn after_sleep_a_session_proves_itself_at_once() {
        let begin = Instant::now();
        let new = || Liveness { asleep: Duration::ZERO, ..Liveness::new(begin) };
        let nap = Duration::from_mins(10);
        assert!(matches!(new().check(begin, nap, false), SignOfLife::Dead(_)));
        let mut used = new();
        assert_eq!(used.check(begin, Duration::from_secs(1), true), SignOfLife::Alive);
        assert_eq!(used.check(begin, nap, true), SignOfLife::Ask);
        used.asked(begin);
        assert_eq!(used.check(begin + Duration::from_secs(4), nap, true), SignOfLife::Alive);
        assert!(matches!(used.check(begin + Duration::from_secs(5), nap, true), SignOfLife::Dead(_)));
    }
}
