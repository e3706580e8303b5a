//! The process that holds a tunnel in the background: it is found by the lock it holds for life, never by a number that another
//! process may have by now.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::control::{ControlAnswer, ControlRequest, ControlServer};
use super::forward::{Forward, ForwardPurpose, ForwardTarget, LocalEnd};
use super::listener::ListenError;
use super::publish::{PortWatcher, Publisher};
use super::status::ForwardStatus;
use super::tunnel::{Tunnel, TunnelLogin};
use crate::base::causes::in_one_line;
use crate::base::deadline::Deadline;
use crate::base::files::{self, PrivateFolder};
use crate::base::paths::MachineFiles;
use crate::base::platform::LocalStream;
use crate::base::timeouts;
use crate::base::types::ServiceName;

/// Why a process cannot hold a tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("could not wait for connections")]
    Wait(#[from] io::Error),
}

/// What the process that holds a tunnel is given by those who know the machine and its services.
pub(crate) struct TunnelHost {
    pub(crate) login: TunnelLogin,
    pub(crate) watch: PortWatcher,
}

/// Holds the tunnel of the machine with these `files` until it is told to stop, nobody has used it for long, or its folder is
/// removed. `is_ready` is called once clients can connect.
///
/// Errors: another process holds it already; nothing can listen.
pub(crate) fn serve(
    files: &MachineFiles,
    TunnelHost { login, watch }: TunnelHost,
    is_ready: impl FnOnce() -> io::Result<()>,
) -> Result<(), ServeError> {
    let folder = PrivateFolder::lock(files.tunnel().folder(), Deadline::after(Duration::ZERO))?;
    let mut tunnel = Tunnel::new(login)?;
    let mut postponed = Postponed::default();
    for forward in read_forwards(files)? {
        postponed.add(forward, &mut tunnel);
    }
    let control = ControlServer::listen(files.tunnel().control())?;
    is_ready()?;
    log::info!("ready");
    let (machine, empty_since) = (files.key(), Instant::now());
    let mut server =
        TunnelServer { machine, tunnel, postponed, control, watch, publisher: None, empty_since };
    if publishes(files) {
        server.publish()?;
    }
    let result = server.run(&folder);
    if folder.is_there() {
        folder.remove()?;
    }
    log::info!("ended");
    result
}

/// True when the tunnel is to publish what the services publish.
pub(crate) fn publishes(files: &MachineFiles) -> bool {
    let text = files::read(&files.publish(), LONGEST_FORWARDS).ok().flatten();
    text.is_some_and(|text| serde_json::from_slice(&text).unwrap_or(false))
}

/// The forwards that were good once.
///
/// Errors: they cannot be read.
pub(crate) fn read_forwards(files: &MachineFiles) -> Result<Vec<Forward>, files::Error> {
    let text = files::read(&files.forwards(), LONGEST_FORWARDS)?.unwrap_or_default();
    let forwards = serde_json::from_slice(&text).inspect_err(|error| {
        if !text.is_empty() {
            log::warn!("the forwards of the last time are not understood: {error}");
        }
    });
    Ok(forwards.unwrap_or_default())
}

/// Forwards of the last time that cannot begin now: another program of the host has their port, for example.
#[derive(Default)]
struct Postponed {
    forwards: Vec<ForwardStatus>,
    tried_at: Option<Instant>,
}

impl Postponed {
    fn add(&mut self, forward: Forward, tunnel: &mut Tunnel) {
        self.tried_at = Some(Instant::now());
        let mut status = ForwardStatus::new(&forward);
        if let Err(error) = tunnel.add(forward) {
            status.fail(&in_one_line(&error));
            self.forwards.push(status);
        }
    }

    fn is_due(&self) -> bool {
        self.tried_at.is_none_or(|tried_at| tried_at.elapsed() >= timeouts::TAKEN_PORT)
    }

    fn retry(&mut self, tunnel: &mut Tunnel) {
        if self.forwards.is_empty() || !self.is_due() {
            return;
        }
        self.tried_at = Some(Instant::now());
        self.forwards.retain(|status| tunnel.add(status.forward.clone()).is_err());
    }

    fn forget(&mut self, forward: &Forward) {
        self.forwards.retain(|status| status.forward.purpose != forward.purpose);
    }
}

struct TunnelServer {
    machine: String,
    tunnel: Tunnel,
    postponed: Postponed,
    control: ControlServer,
    watch: PortWatcher,
    /// None when it publishes nothing.
    publisher: Option<Publisher>,
    /// Since when it had nothing to do at all.
    empty_since: Instant,
}

impl TunnelServer {
    fn run(mut self, folder: &PrivateFolder) -> Result<(), ServeError> {
        let mut is_told_to_stop = false;
        while !is_told_to_stop && folder.is_there() && self.control.is_there() && !self.is_over() {
            self.postponed.retry(&mut self.tunnel);
            self.publish_news();
            let patience = self.tunnel.work().min(self.patience());
            let of_control = self.tunnel.wait(patience, &self.control.watched())?;
            let Self { machine, tunnel, postponed, control, publisher, .. } = &mut self;
            let mut is_told_to_publish = false;
            control.react(&of_control, |request| {
                is_told_to_stop |= matches!(request, ControlRequest::Stop);
                is_told_to_publish |= matches!(request, ControlRequest::Publish);
                answer(request, machine, tunnel, postponed, publisher.as_ref())
            });
            if is_told_to_publish {
                self.publish()?;
            }
        }
        Ok(())
    }

    /// How long nothing has to be looked at that no socket tells of.
    fn patience(&self) -> Duration {
        let waits = !self.postponed.forwards.is_empty()
            || self.publisher.as_ref().is_some_and(Publisher::waits_for_port);
        let looks = if waits { timeouts::TAKEN_PORT } else { timeouts::TUNNEL_FOLDER };
        self.control.patience().into_iter().fold(looks, Duration::min)
    }

    fn publish(&mut self) -> io::Result<()> {
        if let Some(publisher) = &self.publisher {
            publisher.look_again();
        } else {
            self.publisher = Some(Publisher::start(&self.watch, self.tunnel.waker()?)?);
        }
        Ok(())
    }

    fn publish_news(&mut self) {
        if let Some(publisher) = &mut self.publisher {
            publisher.work(&mut self.tunnel);
            publisher.retry(&mut self.tunnel);
            if publisher.is_watching() {
                self.tunnel.keep_alive();
            }
        }
    }

    fn is_over(&mut self) -> bool {
        let has_forwards = self.tunnel.forwards().next().is_some() || !self.postponed.forwards.is_empty();
        if has_forwards || self.publisher.is_some() {
            self.empty_since = Instant::now();
        }
        self.tunnel.idle() >= timeouts::TUNNEL || self.empty_since.elapsed() >= timeouts::TUNNEL_FOLDER
    }
}

fn answer(
    request: ControlRequest,
    machine: &str,
    tunnel: &mut Tunnel,
    postponed: &mut Postponed,
    publisher: Option<&Publisher>,
) -> ControlAnswer {
    match request {
        ControlRequest::Hello(way) => {
            tunnel.use_way(way);
            ControlAnswer::Hello { version: VERSION.to_owned(), machine: machine.to_owned() }
        }
        ControlRequest::Add(_) if tunnel.forwards().count() >= MOST_FORWARDS => {
            ControlAnswer::Failed(format!("it has {MOST_FORWARDS} forwards, and can have no more"))
        }
        ControlRequest::Add(forward) => {
            postponed.forget(&forward);
            match tunnel.add(forward) {
                Ok(local) => ControlAnswer::Added(local),
                Err(ListenError::Taken { .. }) => ControlAnswer::PortTaken,
                Err(error) => ControlAnswer::Failed(in_one_line(&error)),
            }
        }
        ControlRequest::Remove(forward) => {
            postponed.forget(&forward);
            tunnel.remove(&forward);
            ControlAnswer::Done
        }
        ControlRequest::Withdraw(forward) => {
            tunnel.withdraw(&forward);
            ControlAnswer::Done
        }
        ControlRequest::List => {
            let mut status = tunnel.status();
            status.published = publisher.map(|publisher| publisher.status().clone());
            status.forwards.extend_from_slice(&postponed.forwards);
            ControlAnswer::Status(status)
        }
        ControlRequest::Publish | ControlRequest::Stop => ControlAnswer::Done,
    }
}

/// A tunnel for one command, within its own process: it ends with it.
#[derive(Debug)]
pub(crate) struct BriefTunnel {
    is_over: Arc<AtomicBool>,
    waker: LocalStream,
    /// Why the last connection failed.
    failure: Arc<std::sync::Mutex<Option<String>>>,
    /// Where a socket is, if there is one.
    _folder: Option<TempDir>,
}

impl BriefTunnel {
    /// Begins a tunnel to `target` and says where that is on the host: for a port a port, unless it `is_private`, else a socket that
    /// only the user can open.
    ///
    /// Errors: nothing can listen.
    pub(crate) fn start(
        login: TunnelLogin,
        service: ServiceName,
        target: ForwardTarget,
        is_private: bool,
    ) -> Result<(Self, LocalEnd), ServeError> {
        let mut tunnel = Tunnel::new(login)?;
        let folder = match target {
            ForwardTarget::Port(_) if !is_private => None,
            _ => Some(tempfile::tempdir()?),
        };
        let socket = folder.as_ref().map(|folder| LocalEnd::Socket(folder.path().join("sock")));
        let local = socket.unwrap_or(LocalEnd::Port(0));
        let local = tunnel.add(Forward { purpose: ForwardPurpose::Service(service), target, local })?;
        let (is_over, failure) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let waker = tunnel.waker()?;
        let brief =
            Self { is_over: Arc::clone(&is_over), waker, failure: Arc::clone(&failure), _folder: folder };
        thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                // Whoever sees that a connection has ended asks why at once, and has to wait for the answer.
                let mut reason = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let patience = tunnel.work();
                *reason = tunnel.failure();
                drop(reason);
                if tunnel.wait(patience, &[]).is_err() {
                    return;
                }
            }
        });
        Ok((brief, local))
    }

    /// Why the last connection failed, if one did.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Drop for BriefTunnel {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // It may have ended by itself.
        let _ = io::Write::write(&mut &self.waker, &[0]);
    }
}

/// Of the program: one process of another version is replaced.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// A file with so many can be read again, those that are published besides.
const MOST_FORWARDS: usize = 256;
const LONGEST_FORWARDS: u64 = 256 << 10;
