//! Watching what the services of a machine publish. A stream of events says when to look, so nothing is asked while nothing
//! happens.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Instant, SystemTime};

use super::cache::{Scope, ServiceCache};
use super::connected::{ConnectedService, api};
use super::published_ports::{is_noise, list_path, read, watch_path};
use crate::access::endpoint::Api;
use crate::base::deadline::Deadline;
use crate::base::paths::Folders;
use crate::base::text::sanitize;
use crate::base::timeouts;
use crate::catalogue::{Catalogue, Service};
use crate::guest::tunnel::{PortReport, PortReports, PortWatcher, PublishedPort};
use crate::machine;

/// Watches the services of the machine with the key `key` that were used from here, as `env` has used them last.
pub(crate) fn port_watcher(folders: Folders, key: String) -> PortWatcher {
    Arc::new(move |reports| {
        let Ok(catalogue) = Catalogue::load(&folders) else { return Vec::new() };
        // All that `env` exports.
        let services = catalogue.select(&[]).unwrap_or_default();
        let watch = |service: &Service| {
            let (poke, pokes) = mpsc::channel();
            let watch = PortWatch {
                folders: folders.clone(),
                key: key.clone(),
                service: service.clone(),
                reports: reports.clone(),
                pokes,
            };
            thread::spawn(move || watch.run());
            poke
        };
        services.into_iter().map(watch).collect::<Vec<Sender<()>>>()
    })
}

/// The watch of one service, on its own thread.
struct PortWatch {
    folders: Folders,
    key: String,
    service: Service,
    reports: PortReports,
    /// Reasons to look at once.
    pokes: Receiver<()>,
}

/// Why a service is not watched any more.
enum WatchEnd {
    /// Nobody wants to know.
    Unwanted,
    /// The stream has ended, as servers end them now and then.
    Ended,
    Failed(String),
}

impl PortWatch {
    fn run(self) {
        let mut pause = timeouts::FIRST_WATCH_RETRY;
        loop {
            let reason = match self.connect() {
                // The machine was never asked for this service: `env` pokes when it has been.
                None => match self.pokes.recv() {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                Some(Err(reason)) => Some(reason),
                Some(Ok(connected)) => {
                    let began = Instant::now();
                    let stop = self.watch(&connected);
                    if began.elapsed() >= timeouts::LAST_WATCH_RETRY {
                        pause = timeouts::FIRST_WATCH_RETRY;
                    }
                    match stop {
                        WatchEnd::Unwanted => return,
                        // Whether it is still there is seen by the next attempt.
                        WatchEnd::Ended => None,
                        WatchEnd::Failed(reason) => Some(reason),
                    }
                }
            };
            if let Some(reason) = reason
                && !self.tell(Err(reason))
            {
                return;
            }
            match self.pokes.recv_timeout(pause) {
                Ok(()) => pause = timeouts::FIRST_WATCH_RETRY,
                Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(timeouts::LAST_WATCH_RETRY),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while self.pokes.try_recv().is_ok() {}
        }
    }

    /// Connects as `env` did last. None when it never did.
    fn connect(&self) -> Option<Result<ConnectedService<'_>, String>> {
        let known = machine::remembered(&self.folders).ok()?.machines;
        let machine = known.into_iter().find(|machine| machine.key() == self.key)?;
        let (cache, services) = (ServiceCache::of(&machine), [&self.service]);
        if !cache.has_connected(&services) {
            return None;
        }
        let deadline = Deadline::after(timeouts::API_ANSWER);
        let connected = cache.reconnect(&services, Scope::Known, SystemTime::now(), deadline);
        let connected = connected.and_then(|connected| connected.into_iter().next());
        Some(connected.ok_or_else(|| "it does not answer where it was".to_owned()))
    }

    /// Tells what is published until that cannot be watched any more.
    fn watch(&self, connected: &ConnectedService) -> WatchEnd {
        let api = api(&connected.detected.flavour.access);
        let (Some(list), Some(watch)) = (list_path(api), watch_path(api)) else { return WatchEnd::Unwanted };
        // First the stream, so that nothing is missed in between.
        let mut events = match connected.client.stream(watch) {
            Ok(stream) => Events::new(api, stream),
            Err(reason) => return WatchEnd::Failed(reason),
        };
        loop {
            let listed_at = Instant::now();
            let body = connected.client.read(list);
            let ports = body.and_then(|body| {
                read(api, &body)
                    .map_err(|error| format!("it answers oddly: {}", sanitize(&error.to_string())))
            });
            match ports.map(|ports| self.tell(Ok(ports))) {
                Ok(true) => {}
                Ok(false) => return WatchEnd::Unwanted,
                Err(reason) => return WatchEnd::Failed(reason),
            }
            if let Err(error) = events.wait() {
                log::debug!("the events of {} have ended: {error}", self.service.name);
                return WatchEnd::Ended;
            }
            // A guest in which something happens all the time is not asked all the time.
            if let Some(rest) = timeouts::WATCH_PAUSE.checked_sub(listed_at.elapsed()) {
                thread::sleep(rest);
            }
        }
    }

    fn tell(&self, ports: Result<BTreeSet<PublishedPort>, String>) -> bool {
        self.reports.tell(PortReport { service: self.service.name.clone(), ports })
    }
}

/// A stream of lines, each of which tells of something that has happened.
struct Events<R> {
    api: Api,
    stream: R,
    line: Vec<u8>,
}

impl<R: Read> Events<R> {
    fn new(api: Api, stream: R) -> Self {
        Self { api, stream, line: Vec::new() }
    }

    /// Waits for one that may have changed the ports.
    ///
    /// Errors: the stream has ended.
    fn wait(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let count = match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if self.take(&buffer[..count]) {
                return Ok(());
            }
        }
    }

    /// True when one of the lines that end in `bytes` may tell of such a change.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let mut has_news = false;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            // One that is too long is no health check.
            let room = LONGEST_EVENT.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                has_news |= !line.trim_ascii().is_empty() && !is_noise(self.api, &line);
            }
        }
        has_news
    }
}

const LONGEST_EVENT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_news_once_it_has_ended() {
        let mut events = Events::new(Api::Docker, io::empty());
        assert!(!events.take(b"{\"Action\":\"exec_start: x\"}\n{\"Action\":\"st"));
        assert!(!events.take(b"art\""));
        assert!(events.take(b"}\n"));
        assert!(!events.take(b"\r\n\n"));
        assert!(events.take(b"{\"Action\":\"exec_die\"}\n{\"Action\":\"die\"}\n{\"Action\":\"exec_die\"}\n"));
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut events = Events::new(Api::Docker, io::repeat(b'x').take(10 << 20));
        assert!(events.wait().is_err());
        assert!(events.line.len() <= LONGEST_EVENT);
        assert!(events.take(b"\n"));
    }
}
