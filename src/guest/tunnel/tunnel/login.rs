//! The SSH session of a tunnel: begun when a client waits, ended when nobody uses it or the machine is silent.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::Instant;

use super::{Phase, Tunnel};
use crate::base::deadline::Deadline;
use crate::base::timeouts;
use crate::guest::tunnel::link::Link;
use crate::guest::tunnel::session::{Session, SessionLost};

impl Tunnel {
    pub(super) fn check_session(&mut self) -> Result<(), SessionLost> {
        let now = Instant::now();
        let awaits_guest = self.links.iter().any(Link::awaits_guest);
        let Phase::Up(session) = &mut self.phase else { return Ok(()) };
        if self.links.iter().any(|link| link.is_overdue(now)) {
            return Err(SessionLost("the machine does not answer".to_owned()));
        }
        if session.has_ended() {
            return Err(SessionLost("the connection to the machine has ended".to_owned()));
        }
        session.allow_channels(self.links.len());
        let may_send = !self.links.iter().any(Link::is_opening);
        session.check_liveness(awaits_guest, may_send)?;
        let stuck = self.links.iter().filter(|link| link.is_stuck(now)).count();
        if stuck > 0 && (stuck == self.links.len() || stuck >= MOST_STUCK) {
            return Err(SessionLost("the machine does not close connections that have ended".to_owned()));
        }
        if self.links.is_empty() && self.last_use.elapsed() >= timeouts::TUNNEL_SESSION {
            log::info!("nobody uses the SSH session, so it ends");
            self.phase = Phase::Down;
        }
        Ok(())
    }

    /// Ends the session. Clients whose connection was not open yet are connected anew, once; the others see theirs end.
    pub(super) fn lose_session(&mut self, reason: &SessionLost) {
        log::info!("the SSH session has ended: {reason}");
        self.last_error = Some(reason.to_string());
        if let Phase::Up(session) = &self.phase {
            session.hang_up();
        }
        for link in &mut self.links {
            link.lose_session(&reason.to_string());
        }
        self.sweep();
        if let Phase::Up(_) = self.phase {
            self.phase = Phase::Down;
        }
    }

    pub(super) fn start_login(&mut self) {
        if !matches!(self.phase, Phase::Down) || !self.links.iter().any(Link::is_waiting) {
            return;
        }
        // A client that tries again and again is no reason to knock again and again.
        if self.last_failure.is_some_and(|failure| failure.elapsed() < timeouts::TUNNEL_RETRY) {
            let reason = self.last_error.clone().unwrap_or_default();
            return self.fail_waiting(&reason);
        }
        let Ok(waker) = self.waker.1.try_clone() else { return };
        let (sender, receiver) = mpsc::channel();
        let agent = self.way.as_ref().and_then(|way| way.agent.clone());
        let login = Arc::clone(&self.login);
        thread::spawn(move || {
            let connection = login(agent.as_deref(), Deadline::after(timeouts::TUNNEL_LOGIN));
            // Nobody is there any more when the tunnel has ended.
            let _ = sender.send(connection);
            let _ = (&waker).write(&[0]);
        });
        self.phase = Phase::LoggingIn(receiver);
    }

    pub(super) fn finish_login(&mut self) {
        let Phase::LoggingIn(receiver) = &self.phase else { return };
        let result = match receiver.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Err("logging in broke off; this is a bug".to_owned()),
        };
        let session =
            result.and_then(|connection| Session::new(connection).map_err(|error| error.to_string()));
        match session {
            Ok(session) => {
                log::info!("logged in");
                (self.phase, self.last_failure) = (Phase::Up(Box::new(session)), None);
                self.last_error = None;
                self.last_use = Instant::now();
            }
            Err(reason) => {
                // A client that tries again and again has it be tried again and again.
                if self.last_failure.is_none() || self.last_error.as_ref() != Some(&reason) {
                    log::info!("could not log in: {reason}");
                }
                (self.phase, self.last_failure) = (Phase::Down, Some(Instant::now()));
                self.fail_waiting(&reason);
                self.last_error = Some(reason);
            }
        }
    }

    /// Never accept and hang: those that wait see at once that nothing comes.
    fn fail_waiting(&mut self, reason: &str) {
        for link in self.links.iter_mut().filter(|link| link.is_waiting()) {
            link.fail(reason.to_owned());
        }
        self.sweep();
    }
}

/// So many channels that the guest does not close are worth ending the others for.
const MOST_STUCK: usize = 200;
