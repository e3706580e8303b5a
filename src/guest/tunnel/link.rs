//! One connection through a tunnel: a client of the host on one side, a channel of the SSH session on the other.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use socket2::Socket;
use ssh2::Channel;

use super::client_end::{ClientEnd, Flow};
use super::forward::{ForwardTarget, command};
use super::preamble::after_noise;
use super::session::{CallResult, ChannelError, Session, SessionLost};
use crate::base::platform::{Interest, Ready};
use crate::base::text::sanitize;
use crate::base::timeouts;

/// A connection through a tunnel.
pub(super) struct Link {
    /// Of the forward that it came by.
    pub(super) forward: usize,
    client: ClientEnd,
    stage: Stage,
    from_client: Flow,
    from_guest: Flow,
    /// What was written before a program in the guest began to speak; none when it has, or there is no program.
    noise: Option<Vec<u8>>,
    /// What a program in the guest complained about.
    complaint: Vec<u8>,
    /// Why it brought nothing.
    failure: Option<String>,
    /// It was begun anew once, since the session was dead.
    pub(super) was_retried: bool,
    pub(super) received: u64,
    pub(super) sent: u64,
}

/// How far a link is.
enum Stage {
    Waiting,
    Opening {
        since: Instant,
    },
    /// A program is being started in the channel.
    Starting {
        channel: Channel,
        since: Instant,
    },
    Open(Channel),
    /// libssh2 frees a channel only when the guest has agreed to close it, so that is waited for.
    Closing {
        channel: Channel,
        since: Instant,
    },
    Ended,
}

impl Link {
    pub(super) fn new(forward: usize, local: Socket) -> io::Result<Self> {
        Ok(Self {
            forward,
            client: ClientEnd::new(local)?,
            stage: Stage::Waiting,
            from_client: Flow::default(),
            from_guest: Flow::default(),
            noise: None,
            complaint: Vec::new(),
            failure: None,
            was_retried: false,
            received: 0,
            sent: 0,
        })
    }

    pub(super) fn local(&self) -> &Socket {
        &self.client.socket
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting)
    }

    pub(super) fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Opening { .. } | Stage::Starting { .. })
    }

    pub(super) fn has_channel(&self) -> bool {
        matches!(self.stage, Stage::Starting { .. } | Stage::Open(_) | Stage::Closing { .. })
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// Why it brought nothing, once.
    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// Gives it up, with the reason to tell.
    pub(super) fn fail(&mut self, reason: String) {
        self.failure = Some(reason);
        self.stage = Stage::Ended;
    }

    /// Ends it from here, while its channel is closed as it should be: the other channels of the session go on.
    pub(super) fn cut(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Open(channel) => self.start_closing(channel),
            Stage::Waiting | Stage::Ended => {}
            // An open cannot be given up; afterwards the client is found to be gone.
            stage @ (Stage::Opening { .. } | Stage::Starting { .. } | Stage::Closing { .. }) => {
                self.stage = stage;
                self.client.end(Shutdown::Both);
                self.leave();
            }
        }
    }

    /// Its session is lost: what was sent may have been lost with it, so only one that was not open yet begins anew, once.
    pub(super) fn lose_session(&mut self, reason: &str) {
        match self.stage {
            Stage::Waiting | Stage::Ended => {}
            Stage::Opening { .. } | Stage::Starting { .. } if !self.was_retried => {
                self.was_retried = true;
                self.stage = Stage::Waiting;
            }
            _ => self.fail(reason.to_owned()),
        }
    }

    pub(super) fn begin_to_open(&mut self, now: Instant) {
        self.stage = Stage::Opening { since: now };
    }

    /// True when the guest may still have something to say on its channel.
    pub(super) fn awaits_guest(&self) -> bool {
        match &self.stage {
            Stage::Starting { .. } | Stage::Closing { .. } => true,
            Stage::Open(channel) => self.has_unsent() || !self.from_guest.has_ended && !channel.eof(),
            Stage::Waiting | Stage::Opening { .. } | Stage::Ended => false,
        }
    }

    /// True when the guest has not agreed in time that its channel is closed.
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Closing { since, .. } if now.duration_since(since) >= timeouts::TUNNEL_STUCK)
    }

    /// Since when something is pending that libssh2 has to be asked for now and then.
    pub(super) fn pending_since(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Opening { since } | Stage::Starting { since, .. } | Stage::Closing { since, .. } => {
                Some(*since)
            }
            Stage::Waiting | Stage::Open(_) | Stage::Ended => None,
        }
    }

    /// True when the guest has not answered in time that it is open.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.is_opening()
            && self.pending_since().is_some_and(|since| now.duration_since(since) >= timeouts::TUNNEL_OPEN)
    }

    /// True when the client's bytes wait for the guest to take more.
    pub(super) fn has_unsent(&self) -> bool {
        matches!(self.stage, Stage::Open(_)) && !self.from_client.pending.is_empty()
    }

    /// What the client is waited for, none when it is not waited for at all. A channel whose client takes nothing is not
    /// read: the channel's window bounds what the guest can send, and nobody else is hurt.
    pub(super) fn interest(&self) -> Option<Interest> {
        let is_open = matches!(self.stage, Stage::Open(_));
        let is_over = matches!(self.stage, Stage::Closing { .. } | Stage::Ended);
        let read = is_open
            && !self.client.is_readable
            && !self.from_client.has_ended
            && self.from_client.pending.is_empty();
        let write = is_open && !self.from_guest.pending.is_empty();
        (!is_over && self.client.gone.is_none()).then_some(Interest { read, write })
    }

    pub(super) fn react(&mut self, ready: Ready) {
        self.client.is_readable |= ready.read;
        if ready.gone {
            self.leave();
        }
    }

    /// The client is gone. What it has sent before is still for the guest.
    fn leave(&mut self) {
        self.client.leave();
        self.from_guest.pending.clear();
        if self.is_waiting() {
            self.stage = Stage::Ended;
        }
    }

    /// True when libssh2 has something for the client, and the client can take it.
    pub(super) fn has_unread(&self) -> bool {
        match &self.stage {
            Stage::Open(channel) => self.can_take() && (channel.read_window().available > 0 || channel.eof()),
            _ => false,
        }
    }

    /// True when what the guest sends can be given to the client.
    fn can_take(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
            && self.from_guest.pending.is_empty()
            && !self.from_guest.has_ended
    }

    /// Does all that can be done now; true when something has moved.
    pub(super) fn advance(
        &mut self,
        target: &ForwardTarget,
        session: &Session,
        buffer: &mut [u8],
    ) -> Result<bool, SessionLost> {
        let mut has_moved = false;
        if self.is_opening() {
            return self.judge(|link| link.open(target, session));
        }
        if self.has_unread() || !self.from_guest.pending.is_empty() {
            has_moved |= self.judge(|link| link.read(session, buffer))?;
            has_moved |= self.judge(|link| link.read_complaint(session, buffer))?;
        }
        has_moved |= self.judge(|link| link.write(session, buffer))?;
        has_moved |= self.judge(|link| link.end(session))?;
        Ok(has_moved | self.judge(|link| link.close(session))?)
    }

    /// Takes one step; true when something has moved.
    fn judge(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<CallResult<bool>, ChannelError>,
    ) -> Result<bool, SessionLost> {
        match step(self) {
            Ok(CallResult::Done(has_moved)) => Ok(has_moved),
            Ok(CallResult::Wait) => Ok(false),
            Err(ChannelError::Lost(lost)) => Err(lost),
            Err(ChannelError::Refused(reason)) => {
                self.refuse(reason);
                Ok(true)
            }
        }
    }

    /// The guest takes no more, or never did.
    fn refuse(&mut self, reason: String) {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            // What the guest has sent before is still for the client.
            Stage::Open(channel) => {
                self.from_client = Flow { pending: Vec::new(), has_ended: true, is_told: true };
                self.stage = Stage::Open(channel);
            }
            Stage::Starting { channel, .. } => {
                self.failure = Some(reason);
                self.start_closing(channel);
            }
            Stage::Waiting | Stage::Opening { .. } | Stage::Closing { .. } | Stage::Ended => {
                self.failure = Some(reason);
            }
        }
    }

    fn start_closing(&mut self, channel: Channel) {
        self.client.end(Shutdown::Both);
        self.stage = Stage::Closing { channel, since: Instant::now() };
    }

    fn open(&mut self, target: &ForwardTarget, session: &Session) -> Result<CallResult<bool>, ChannelError> {
        if !session.has_room() {
            return Ok(CallResult::Wait);
        }
        if let Stage::Opening { since } = self.stage {
            let channel = match session.open(target)? {
                CallResult::Done(channel) => channel,
                CallResult::Wait => return Ok(CallResult::Wait),
            };
            session.consume(0);
            let ForwardTarget::Engine(_) = target else {
                self.stage = Stage::Open(channel);
                return Ok(CallResult::Done(true));
            };
            (self.stage, self.noise) = (Stage::Starting { channel, since }, Some(Vec::new()));
        }
        let (Stage::Starting { channel, .. }, ForwardTarget::Engine(engine)) = (&mut self.stage, target)
        else {
            return Ok(CallResult::Done(false));
        };
        let started = channel.exec(&command(*engine));
        let started = session.progress(started)?;
        if matches!(started, CallResult::Done(()))
            && let Stage::Starting { channel, .. } = std::mem::replace(&mut self.stage, Stage::Ended)
        {
            self.stage = Stage::Open(channel);
        }
        Ok(match started {
            CallResult::Done(()) => CallResult::Done(true),
            CallResult::Wait => CallResult::Wait,
        })
    }

    /// Has libssh2 take in all that has come, for whatever channel, without reading anything of this one: its client may take
    /// nothing. False when this cannot be done by it, or not now.
    pub(super) fn take_in(&mut self, session: &Session) -> Result<bool, SessionLost> {
        let Stage::Open(channel) = &mut self.stage else { return Ok(false) };
        while !channel.eof() && session.has_room() {
            match channel.read(&mut []) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Err(ChannelError::Lost(lost)) = session.blocked::<()>() {
                        return Err(lost);
                    }
                }
                Err(error) => return Err(SessionLost(error.to_string())),
            }
            if session.has_taken_in_all() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// From the guest to the client.
    fn read(&mut self, session: &Session, buffer: &mut [u8]) -> Result<CallResult<bool>, ChannelError> {
        let Stage::Open(channel) = &mut self.stage else { return Ok(CallResult::Done(false)) };
        let mut has_moved = self.from_guest.flush(&mut self.client);
        for _ in 0..MOST_READS {
            if !self.from_guest.pending.is_empty() || self.from_guest.has_ended || !session.has_room() {
                break;
            }
            match channel.read(buffer) {
                Ok(0) if channel.eof() => {
                    session.consume(0);
                    self.from_guest.has_ended = true;
                }
                Ok(0) => break,
                Ok(count) => {
                    session.consume(count);
                    let words = after_noise(&mut self.noise, &buffer[..count]);
                    self.received += words.len() as u64;
                    self.from_guest.send(words, &mut self.client);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    session.blocked::<()>()?;
                    break;
                }
                Err(error) => return Err(ChannelError::Lost(SessionLost(error.to_string()))),
            }
            has_moved = true;
        }
        if self.from_guest.is_over() {
            self.from_guest.is_told = true;
            has_moved = true;
            if self.received == 0 {
                self.failure = reason_of(&self.complaint);
            }
            self.client.end(Shutdown::Write);
        }
        Ok(CallResult::Done(has_moved))
    }

    /// Whatever comes there has to be read: it takes the room of the rest.
    fn read_complaint(
        &mut self,
        session: &Session,
        buffer: &mut [u8],
    ) -> Result<CallResult<bool>, ChannelError> {
        let Stage::Open(channel) = &mut self.stage else { return Ok(CallResult::Done(false)) };
        if !session.has_room() {
            return Ok(CallResult::Wait);
        }
        match channel.stderr().read(buffer) {
            Ok(count) => {
                session.consume(count);
                let room = LONGEST_COMPLAINT.saturating_sub(self.complaint.len());
                self.complaint.extend_from_slice(&buffer[..count.min(room)]);
                Ok(CallResult::Done(count > 0))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => session.blocked(),
            Err(error) => Err(ChannelError::Lost(SessionLost(error.to_string()))),
        }
    }

    /// From the client to the guest.
    fn write(&mut self, session: &Session, buffer: &mut [u8]) -> Result<CallResult<bool>, ChannelError> {
        let Stage::Open(channel) = &mut self.stage else { return Ok(CallResult::Done(false)) };
        let mut has_moved = false;
        for _ in 0..MOST_READS {
            if self.from_client.pending.is_empty() {
                if !self.client.is_readable || self.from_client.has_ended {
                    break;
                }
                self.from_client.take(&mut self.client, buffer);
                if self.client.gone.is_some() {
                    self.from_guest.pending.clear();
                }
                has_moved = true;
                continue;
            }
            if !session.has_room() {
                break;
            }
            match channel.write(&self.from_client.pending) {
                Ok(count) => {
                    self.sent += count as u64;
                    self.from_client.pending.drain(..count);
                    has_moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    session.blocked::<()>()?;
                    break;
                }
                // The guest has closed it; what it has sent is still for the client.
                Err(error) if channel.eof() => return Err(ChannelError::Refused(error.to_string())),
                Err(error) => return Err(ChannelError::Lost(SessionLost(error.to_string()))),
            }
        }
        self.from_client.trim();
        Ok(CallResult::Done(has_moved))
    }

    /// Tells the guest that the client sends no more: `docker run -i` ends by that.
    fn end(&mut self, session: &Session) -> Result<CallResult<bool>, ChannelError> {
        let Stage::Open(channel) = &mut self.stage else { return Ok(CallResult::Done(false)) };
        if !self.from_client.is_over() || !session.has_room() {
            return Ok(CallResult::Done(false));
        }
        let ended = channel.send_eof();
        Ok(match session.progress(ended)? {
            CallResult::Done(()) => {
                self.from_client.is_told = true;
                CallResult::Done(true)
            }
            CallResult::Wait => CallResult::Wait,
        })
    }

    /// Closes the channel once both sides have ended, or the client is gone and has sent all that it wanted to, or all that the
    /// guest takes.
    fn close(&mut self, session: &Session) -> Result<CallResult<bool>, ChannelError> {
        let is_over = self.from_client.is_told && (self.from_guest.is_told || self.client.is_deaf)
            || self.client.gone.is_some_and(|since| since.elapsed() >= timeouts::TUNNEL_STUCK);
        if let Stage::Open(_) = &self.stage {
            if !is_over {
                return Ok(CallResult::Done(false));
            }
            if let Stage::Open(channel) = std::mem::replace(&mut self.stage, Stage::Ended) {
                self.start_closing(channel);
            }
        }
        let Stage::Closing { channel, .. } = &mut self.stage else { return Ok(CallResult::Done(false)) };
        if !session.has_room() {
            return Ok(CallResult::Wait);
        }
        let closed = channel.close();
        match session.progress(closed) {
            Ok(CallResult::Wait) => return Ok(CallResult::Wait),
            Err(lost @ ChannelError::Lost(_)) => return Err(lost),
            Ok(CallResult::Done(())) | Err(ChannelError::Refused(_)) => {}
        }
        // What nobody has read goes with the channel.
        session.consume(usize::try_from(channel.read_window().available).unwrap_or(0));
        self.stage = Stage::Ended;
        Ok(CallResult::Done(true))
    }
}

fn reason_of(complaint: &[u8]) -> Option<String> {
    let text = sanitize(&String::from_utf8_lossy(complaint));
    (!text.is_empty()).then_some(text)
}

/// So many times one direction has its turn before others have theirs.
const MOST_READS: usize = 16;
const LONGEST_COMPLAINT: usize = 1 << 10;
