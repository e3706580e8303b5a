//! All forwards to one machine: one SSH session, opened when the first client comes, and one loop on one thread.
//!
//! libssh2 is not thread-safe, and its binding has threads wait for each other. So whoever drives a tunnel calls
//! [`Tunnel::work`] and [`Tunnel::wait`] by turns. Only logging in, which waits for the network, has a thread of its own.

mod login;
mod waiting;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::control::TunnelWay;
use super::forward::{Forward, LocalEnd};
use super::link::Link;
use super::listener::{ListenError, listen, listen_exactly};
use super::session::{Session, SessionLost};
use super::status::{ForwardStatus, SessionStatus, TunnelStatus};
use crate::base::deadline::Deadline;
use crate::base::platform::{LocalListener, LocalStream, local_pair};
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
    listener: Option<LocalListener>,
    status: ForwardStatus,
    /// How many have added it and did not withdraw it.
    users: usize,
}

enum Phase {
    Down,
    LoggingIn(Receiver<Result<Connection, String>>),
    Up(Box<Session>),
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
    /// replaced too, unless it leads to the same place. One that begins at the same place goes on listening, since a pipe has a
    /// new name each time.
    ///
    /// Errors: nothing can listen there.
    pub(crate) fn add(&mut self, forward: Forward) -> Result<LocalEnd, ListenError> {
        let known = self.forwards.iter_mut().find(|known| known.is_for(&forward));
        if let Some(known) = known.filter(|known| known.forward.target == forward.target && known.is_found())
        {
            known.users += 1;
            return Ok(known.forward.local.clone());
        }
        let kept = self.take_listener(&forward);
        self.remove(&forward);
        let (listener, local) = match kept {
            Some(listener) => (listener, forward.local.clone()),
            None if forward.purpose.takes_any_port() => listen(&forward.local)?,
            None => listen_exactly(&forward.local)?,
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
        self.cut_links(index);
    }

    /// What listens for the purpose of `forward` where that is to begin, and no more for what it leads to by now: its connections end.
    fn take_listener(&mut self, forward: &Forward) -> Option<LocalListener> {
        let is_meant = |known: &Listening| {
            known.is_for(forward) && known.forward.local == forward.local && known.is_found()
        };
        let index = self.forwards.iter().position(is_meant)?;
        let listener = self.forwards[index].listener.take();
        self.cut_links(index);
        listener
    }

    fn cut_links(&mut self, index: usize) {
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
/// sshd's `MaxSessions`, which counts for each SSH connection (`sshd_config(5)`).
const MOST_COMMANDS: usize = 10;
const FULL: &str = "ten connections that need sudo are open, and sshd allows no more; in the machine, \
    `sudo usermod --append --groups docker \"$USER\"` does without sudo";
