//! All forwards to one machine: one SSH session, opened when the first client comes, and one loop on one thread.
//!
//! libssh2 is not thread-safe, and its binding has threads wait for each other. So whoever drives a tunnel calls
//! [`Tunnel::work`] and [`Tunnel::wait`] by turns. Only logging in, which waits for the network, has a thread of its own.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::control::TunnelWay;
use super::forward::{Forward, LocalEnd};
use super::link::Link;
use super::listener::{ListenError, listen, listen_exactly};
use super::session::{Session, SessionLost};
use super::status::{ForwardStatus, SessionStatus, TunnelStatus};
use crate::base::deadline::Deadline;
use crate::base::platform::{AsOsSocket, Interest, LocalStream, Ready, local_pair, poll_sockets};
use crate::base::timeouts;
use crate::guest::ssh::Connection;

/// Logs in to the machine, wherever it is by now, with the keys of an agent if one is named.
pub(crate) type TunnelLogin =
    Arc<dyn Fn(Option<&Path>, Deadline) -> Result<Connection, String> + Send + Sync>;

/// All forwards to one machine.
pub(crate) struct Tunnel {
    login: TunnelLogin,
    /// As the last command of the user's has said; none before there was one.
    way: Option<TunnelWay>,
    forwards: Vec<Listening>,
    links: Vec<Link>,
    phase: Phase,
    /// Written to by the thread that logs in.
    waker: (LocalStream, LocalStream),
    last_error: Option<String>,
    last_failure: Option<Instant>,
    last_use: Instant,
    /// Accepting has failed, most likely for want of file descriptors: not before this again.
    accept_after: Option<Instant>,
    buffer: Vec<u8>,
    /// There was more to do than is done at a time.
    is_busy: bool,
    /// Since when there is something for a client that cannot be read.
    vain_since: Option<Instant>,
    /// Since when there were as many commands in the guest as there may be.
    full_since: Option<Instant>,
}

/// A forward that clients can connect to.
struct Listening {
    forward: Forward,
    /// None once it was removed; then it only waits for its connections to be closed.
    listener: Option<Socket>,
    status: ForwardStatus,
    /// How many have added it and did not withdraw it.
    users: usize,
}

enum Phase {
    Down,
    LoggingIn(Receiver<Result<Connection, String>>),
    Up(Box<Session>),
}

/// What a socket that is waited for belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WatchedSocket {
    Waker,
    Ssh,
    Forward(usize),
    Link(usize),
}

impl Tunnel {
    pub(crate) fn new(login: TunnelLogin) -> io::Result<Self> {
        let waker = local_pair()?;
        waker.0.set_nonblocking(true)?;
        Ok(Self {
            login,
            way: None,
            forwards: Vec::new(),
            links: Vec::new(),
            phase: Phase::Down,
            waker,
            last_error: None,
            last_failure: None,
            last_use: Instant::now(),
            accept_after: None,
            buffer: vec![0; BUFFER],
            is_busy: false,
            vain_since: None,
            full_since: None,
        })
    }

    /// Has the next login ask this agent for keys: the one that was there when the tunnel began may be gone. A session of
    /// another user's, or to another place, ends.
    pub(crate) fn use_way(&mut self, way: TunnelWay) {
        // What went wrong the last time may be mended.
        self.last_failure = None;
        let has_changed = self.way.as_ref().is_some_and(|known| known.route != way.route);
        self.way = Some(way);
        if has_changed && !matches!(self.phase, Phase::Down) {
            self.lose_session(&SessionLost("the machine is reached in another way now".to_owned()));
            self.phase = Phase::Down;
        }
    }

    /// Listens for `forward` and says where: for a service, a port that is taken is replaced. One for the same purpose is
    /// replaced too, unless it leads to the same place; then it stays where it is.
    ///
    /// Errors: nothing can listen there.
    pub(crate) fn add(&mut self, forward: Forward) -> Result<LocalEnd, ListenError> {
        let known = self.forwards.iter_mut().find(|known| known.is_for(&forward));
        if let Some(known) = known.filter(|known| known.forward.target == forward.target && known.is_found())
        {
            known.users += 1;
            return Ok(known.forward.local.clone());
        }
        self.remove(&forward);
        let (listener, local) = if forward.purpose.takes_any_port() {
            listen(&forward.local)?
        } else {
            listen_exactly(&forward.local)?
        };
        let forward = Forward { local: local.clone(), ..forward };
        let status = ForwardStatus::new(&forward);
        self.forwards.push(Listening { forward, listener: Some(listener), status, users: 1 });
        Ok(local)
    }

    /// Ends the forward for the purpose of `forward` where nobody else has added it.
    pub(crate) fn withdraw(&mut self, forward: &Forward) {
        let Some(known) = self.forwards.iter_mut().find(|known| known.is_for(forward)) else { return };
        known.users = known.users.saturating_sub(1);
        if known.users == 0 {
            self.remove(forward);
        }
    }

    /// Ends the forward for the purpose of `forward`, and its connections.
    pub(crate) fn remove(&mut self, forward: &Forward) {
        let Some(index) = self.forwards.iter().position(|known| known.is_for(forward)) else { return };
        self.forwards[index].listener = None;
        self.links.iter_mut().filter(|link| link.forward == index).for_each(Link::cut);
        self.sweep();
    }

    /// Listens no more for the purpose of `forward`; its connections end by themselves.
    pub(super) fn retire(&mut self, forward: &Forward) {
        let is_meant = |known: &&mut Listening| known.is_open() && known.forward.purpose == forward.purpose;
        if let Some(known) = self.forwards.iter_mut().find(is_meant) {
            known.listener = None;
        }
        self.sweep();
    }

    /// True when it could not log in to the machine last.
    pub(super) fn is_out_of_reach(&self) -> bool {
        self.last_failure.is_some()
    }

    pub(crate) fn forwards(&self) -> impl Iterator<Item = &Forward> {
        self.forwards.iter().filter(|known| known.is_open()).map(|known| &known.forward)
    }

    /// What ends [`Self::wait`] when it is written to.
    pub(crate) fn waker(&self) -> io::Result<LocalStream> {
        self.waker.1.try_clone()
    }

    /// Why the last connection brought nothing: it was refused, or there is no session.
    pub(crate) fn failure(&self) -> Option<String> {
        let of_forwards = self.forwards.iter().find_map(|forward| forward.status.last_error.clone());
        of_forwards.or_else(|| self.last_error.clone())
    }

    /// How long nobody has used it.
    pub(crate) fn idle(&self) -> Duration {
        if self.links.is_empty() { self.last_use.elapsed() } else { Duration::ZERO }
    }

    /// It is in use, though there is no connection.
    pub(super) fn keep_alive(&mut self) {
        self.last_use = Instant::now();
    }

    pub(crate) fn status(&self) -> TunnelStatus {
        let session = match &self.phase {
            Phase::Down => SessionStatus::Down,
            Phase::LoggingIn(_) => SessionStatus::LoggingIn,
            Phase::Up(session) => SessionStatus::Up { seconds: session.since.elapsed().as_secs() },
        };
        let forwards = self.forwards.iter().enumerate().filter(|(_, known)| known.is_open());
        let forwards = forwards.map(|(index, listening)| {
            let links = self.links.iter().filter(|link| link.forward == index);
            listening.status.with_links(links.map(|link| (link.received, link.sent)))
        });
        TunnelStatus {
            session,
            last_error: self.last_error.clone(),
            forwards: forwards.collect(),
            published: None,
        }
    }

    /// Does all that can be done now. Returns how long it may be waited for sockets.
    pub(crate) fn work(&mut self) -> Duration {
        self.finish_login();
        if let Err(lost) = self.drive() {
            self.lose_session(&lost);
        }
        self.sweep();
        self.start_login();
        self.patience()
    }

    fn drive(&mut self) -> Result<(), SessionLost> {
        self.refuse_further_commands();
        self.is_busy = true;
        let mut in_vain = 0;
        for _ in 0..MOST_ROUNDS {
            let Phase::Up(session) = &mut self.phase else { return Ok(()) };
            let news = session.pump()?;
            let has_moved = self.pass()?;
            if news || has_moved {
                self.vain_since = None;
                in_vain = 0;
                continue;
            }
            // What one link has read may be for another one that had its turn before.
            in_vain += 1;
            if in_vain < MOST_IN_VAIN && self.can_read() {
                continue;
            }
            self.is_busy = false;
            self.require_readable()?;
            break;
        }
        if let Phase::Up(session) = &self.phase {
            // What was written last is on its way too, or is waited for.
            session.has_room();
        }
        self.check_session()
    }

    /// What is there for a client can be read, but for the time in which keys are exchanged anew.
    ///
    /// Errors: it could not for longer, so it is nothing that anybody asked for.
    fn require_readable(&mut self) -> Result<(), SessionLost> {
        if !self.can_read() {
            self.vain_since = None;
            return Ok(());
        }
        let since = *self.vain_since.get_or_insert_with(Instant::now);
        if since.elapsed() < timeouts::TUNNEL_OPEN {
            return Ok(());
        }
        self.vain_since = None;
        Err(SessionLost("the machine sends what nobody asked for".to_owned()))
    }

    /// Has each link do what it can. True when something has moved.
    fn pass(&mut self) -> Result<bool, SessionLost> {
        let Phase::Up(session) = &mut self.phase else { return Ok(false) };
        let mut has_moved = false;
        for link in &mut self.links {
            if session.has_news() && link.take_in(session)? {
                session.has_taken_in();
            }
        }
        // One open at a time: the state of an open is in the session.
        if !self.links.iter().any(Link::is_opening)
            && let Some(next) = self.next_to_open()
        {
            self.links[next].begin_to_open(Instant::now());
            has_moved = true;
        }
        let Phase::Up(session) = &self.phase else { return Ok(false) };
        for link in &mut self.links {
            let target = &self.forwards[link.forward].forward.target;
            has_moved |= link.advance(target, session, &mut self.buffer)?;
            if let Some(reason) = link.take_failure() {
                self.forwards[link.forward].status.fail(&reason);
            }
        }
        Ok(has_moved)
    }

    /// True when there is something that a client can take.
    fn can_read(&self) -> bool {
        let Phase::Up(session) = &self.phase else { return false };
        self.links.iter().any(Link::has_unread) && session.has_room()
    }

    fn next_to_open(&self) -> Option<usize> {
        let is_full = self.is_full();
        self.links.iter().position(|link| link.is_waiting() && !(is_full && self.is_command(link)))
    }

    fn is_command(&self, link: &Link) -> bool {
        self.forwards[link.forward].status.is_command()
    }

    /// True when as many commands run in the guest as sshd allows at a time (`MaxSessions`); connections go on besides.
    fn is_full(&self) -> bool {
        self.links.iter().filter(|link| link.has_channel() && self.is_command(link)).count() >= MOST_COMMANDS
    }

    /// True when clients wait for the end of a command in the guest.
    fn awaits_command(&self) -> bool {
        self.full_since.is_some() && self.links.iter().any(|link| link.is_waiting() && self.is_command(link))
    }

    /// Those that wait for their turn hear that there is none when no command has ended for long.
    fn refuse_further_commands(&mut self) {
        if !self.is_full() {
            self.full_since = None;
            return;
        }
        let since = *self.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() < timeouts::TUNNEL_TURN {
            return;
        }
        self.full_since = None;
        let waits: Vec<bool> =
            self.links.iter().map(|link| link.is_waiting() && self.is_command(link)).collect();
        for (link, _) in self.links.iter_mut().zip(waits).filter(|(_, waits)| *waits) {
            link.fail(FULL.to_owned());
        }
    }

    fn check_session(&mut self) -> Result<(), SessionLost> {
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

    /// Removes the links that have ended, and the forwards that were removed, once they have no more links.
    fn sweep(&mut self) {
        self.sweep_links();
        let is_over = |index: &usize| {
            !self.forwards[*index].is_open() && !self.links.iter().any(|link| link.forward == *index)
        };
        let over: Vec<usize> = (0..self.forwards.len()).filter(is_over).collect();
        for index in over.into_iter().rev() {
            self.forwards.remove(index);
            for link in self.links.iter_mut().filter(|link| link.forward > index) {
                link.forward -= 1;
            }
        }
    }

    fn sweep_links(&mut self) {
        let Self { links, forwards, .. } = self;
        if !links.iter().any(Link::has_ended) {
            return;
        }
        links.retain_mut(|link| {
            if link.has_ended() {
                let status = &mut forwards[link.forward].status;
                status.count(link.received, link.sent);
                if let Some(reason) = link.take_failure() {
                    status.fail(&reason);
                }
            }
            !link.has_ended()
        });
        // One that never reached the machine, such as a watch that tries again and again, is no use of it.
        if let Phase::Up(_) = self.phase {
            self.last_use = Instant::now();
        }
    }

    /// Ends the session. Clients whose connection was not open yet are connected anew, once; the others see theirs end.
    fn lose_session(&mut self, reason: &SessionLost) {
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

    fn start_login(&mut self) {
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

    fn finish_login(&mut self) {
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

    /// How long nothing has to be done unless a socket is ready.
    fn patience(&self) -> Duration {
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

impl Listening {
    fn is_open(&self) -> bool {
        self.listener.is_some()
    }

    fn is_for(&self, forward: &Forward) -> bool {
        self.is_open() && self.forward.purpose == forward.purpose
    }

    /// False when somebody has removed its socket: no client comes any more.
    fn is_found(&self) -> bool {
        match &self.forward.local {
            LocalEnd::Socket(path) => path.exists(),
            LocalEnd::Port(_) => true,
        }
    }
}

/// One packet of SSH (RFC 4253, 6.1).
const BUFFER: usize = 32 << 10;
/// Before others than the session have their turn.
const MOST_ROUNDS: usize = 8;
/// So often in a row it is tried at once to read what is there for a link.
const MOST_IN_VAIN: usize = 4;
/// So many channels that the guest does not close are worth ending the others for.
const MOST_STUCK: usize = 200;
/// Below the 1024 files that a process may have open.
const MOST_LINKS: usize = 900;
/// sshd's `MaxSessions`, which counts for each SSH connection (`sshd_config(5)`).
const MOST_COMMANDS: usize = 10;
const FULL: &str = "ten connections that need sudo are open, and sshd allows no more; in the machine, \
    `sudo usermod --append --groups docker \"$USER\"` does without sudo";
