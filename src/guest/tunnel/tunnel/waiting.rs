//! What a tunnel waits for, and for how long.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::{Phase, Tunnel};
use crate::base::platform::{AsOsSocket, Interest, Ready, poll_sockets};
use crate::base::timeouts;
use crate::guest::tunnel::link::Link;

/// What a socket that is waited for belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WatchedSocket {
    Waker,
    Ssh,
    Forward(usize),
    Link(usize),
}

impl Tunnel {
    /// How long nothing has to be done unless a socket is ready.
    pub(super) fn patience(&self) -> Duration {
        let now = Instant::now();
        // Then it listens again.
        let deaf = self.accept_after.map(|after| after.saturating_duration_since(now));
        let limit = deaf.filter(|deaf| !deaf.is_zero()).unwrap_or(timeouts::TUNNEL_SESSION);
        let turn = self.full_since.filter(|_| self.awaits_command());
        let turn = turn.map(|since| timeouts::TUNNEL_TURN.saturating_sub(since.elapsed()));
        let limit = turn.into_iter().fold(limit, Duration::min);
        let Phase::Up(session) = &self.phase else { return limit };
        // libssh2 waits for what it does not tell.
        let is_recent = |since: Instant| now.duration_since(since) < timeouts::TUNNEL_CLOSE;
        let is_pending = self
            .links
            .iter()
            .any(|link| link.pending_since().is_some_and(|since| link.is_opening() || is_recent(since)));
        let has_unsent = self.links.iter().any(Link::has_unsent);
        if self.is_busy {
            return Duration::ZERO;
        }
        let poll = match (is_pending || self.vain_since.is_some(), has_unsent) {
            (true, _) => timeouts::TUNNEL_POLL,
            (false, true) => timeouts::TUNNEL_RETRY,
            (false, false) => timeouts::TUNNEL_SESSION,
        };
        let awaits_guest = self.links.iter().any(Link::awaits_guest);
        let idle = timeouts::TUNNEL_SESSION.saturating_sub(self.idle());
        let idle = if self.links.is_empty() { idle } else { timeouts::TUNNEL_SESSION };
        session.next_check(awaits_guest).into_iter().fold(poll.min(idle).min(limit), Duration::min)
    }

    /// Waits for what can be done next, `patience` at most, and takes note of it. Says what `others` can do that are waited for
    /// besides.
    ///
    /// Errors: the system's.
    pub(crate) fn wait(
        &mut self,
        patience: Duration,
        others: &[(&dyn AsOsSocket, Interest)],
    ) -> io::Result<Vec<Ready>> {
        let watched = self.watched();
        let sources: Vec<WatchedSocket> = watched.iter().map(|(source, ..)| *source).collect();
        let sockets = watched.into_iter().map(|(_, socket, interest)| (socket, interest));
        let sockets: Vec<(&dyn AsOsSocket, Interest)> = sockets.chain(others.iter().copied()).collect();
        let mut ready = poll_sockets(&sockets, Some(patience))?;
        let of_others = ready.split_off(sources.len());
        sources.into_iter().zip(ready).for_each(|(source, ready)| self.react(source, ready));
        Ok(of_others)
    }

    /// The sockets to wait for, and for what.
    fn watched(&self) -> Vec<(WatchedSocket, &dyn AsOsSocket, Interest)> {
        let read = Interest { read: true, write: false };
        let mut watched: Vec<(WatchedSocket, &dyn AsOsSocket, Interest)> =
            vec![(WatchedSocket::Waker, &self.waker.0, read)];
        if let Phase::Up(session) = &self.phase {
            // One that has failed is always ready, whether it is waited for or not.
            let interest = session.interest();
            if !interest.is_empty() {
                watched.push((WatchedSocket::Ssh, session.socket(), interest));
            }
        }
        if self.accepts() {
            let listeners = self.forwards.iter().enumerate();
            watched.extend(listeners.filter_map(|(index, forward)| {
                Some((WatchedSocket::Forward(index), forward.listener.as_ref()? as &dyn AsOsSocket, read))
            }));
        }
        watched.extend(self.links.iter().enumerate().filter_map(|(index, link)| {
            Some((WatchedSocket::Link(index), link.local() as &dyn AsOsSocket, link.interest()?))
        }));
        watched
    }

    fn accepts(&self) -> bool {
        self.links.len() < MOST_LINKS && self.accept_after.is_none_or(|after| after <= Instant::now())
    }

    /// Takes note of what can be done now.
    fn react(&mut self, source: WatchedSocket, ready: Ready) {
        match source {
            WatchedSocket::Waker if ready.read => {
                let _ = (&self.waker.0).read(&mut [0; 16]);
            }
            WatchedSocket::Forward(index) if ready.read => self.accept(index),
            WatchedSocket::Link(index) => {
                if let Some(link) = self.links.get_mut(index) {
                    link.react(ready);
                }
            }
            WatchedSocket::Waker | WatchedSocket::Ssh | WatchedSocket::Forward(_) => {}
        }
    }

    fn accept(&mut self, index: usize) {
        while self.accepts() {
            let Some(listener) = self.forwards.get(index).and_then(|known| known.listener.as_ref()) else {
                return;
            };
            match listener.accept().and_then(|(local, _)| Link::new(index, local)) {
                Ok(link) => {
                    self.forwards[index].status.accept();
                    self.links.push(link);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    log::warn!("could not accept a connection: {error}");
                    self.accept_after = Some(Instant::now() + timeouts::TUNNEL_RETRY);
                }
            }
        }
    }
}

/// Below the 1024 files that a process may have open.
const MOST_LINKS: usize = 900;
