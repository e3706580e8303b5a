//! Ports that containers and clusters publish in the guest, at the same ports of the host for as long as they are there.
//!
//! What the guest says is only which ports: where they lead is always its own loopback, and how many it can have here is
//! limited.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::time::Instant;

use super::forward::{FIRST_UNPRIVILEGED, Forward, ForwardPurpose, ForwardTarget, LocalEnd};
use super::listener::ListenError;
use super::published::{PortReach, PublishStatus, PublishedPort, UnpublishedPort, UnpublishedReason};
use super::tunnel::Tunnel;
use crate::base::causes::in_one_line;
use crate::base::platform::LocalStream;
use crate::base::timeouts;
use crate::base::types::{Port, ServiceName};

/// What one service publishes now, or why that is not known.
pub(crate) struct PortReport {
    pub(crate) service: ServiceName,
    pub(crate) ports: Result<BTreeSet<PublishedPort>, String>,
}

/// Where those who watch the services tell what they have found.
#[derive(Clone)]
pub(crate) struct PortReports {
    sender: SyncSender<PortReport>,
    waker: Arc<LocalStream>,
}

impl PortReports {
    /// False when nobody wants to know any more.
    pub(crate) fn tell(&self, report: PortReport) -> bool {
        let is_wanted = self.sender.send(report).is_ok();
        // It is awake already when this is full.
        is_wanted
            && (&*self.waker)
                .write(&[0])
                .map_or_else(|error| error.kind() == io::ErrorKind::WouldBlock, |_| true)
    }
}

/// Begins to watch what the services of a machine publish, on threads of its own. Whatever is sent to what it returns has it look
/// at once for services that it could not watch before.
pub(crate) type PortWatcher = Arc<dyn Fn(PortReports) -> Vec<Sender<()>> + Send + Sync>;

/// Keeps the forwards of published ports as the services report them.
pub(super) struct Publisher {
    reports: Receiver<PortReport>,
    pokes: Vec<Sender<()>>,
    known: BTreeMap<ServiceName, BTreeSet<PublishedPort>>,
    /// Since when a service has not said what it publishes.
    silent_since: BTreeMap<ServiceName, Instant>,
    status: PublishStatus,
    /// When ports were last listened at.
    tried_at: Instant,
}

impl Publisher {
    /// Begins to publish what `watch` finds; `waker` is written to when it has found something.
    pub(super) fn start(watch: &PortWatcher, waker: LocalStream) -> io::Result<Self> {
        waker.set_nonblocking(true)?;
        let (sender, reports) = mpsc::sync_channel(MOST_REPORTS);
        let pokes = watch(PortReports { sender, waker: Arc::new(waker) });
        Ok(Self {
            reports,
            pokes,
            known: BTreeMap::new(),
            silent_since: BTreeMap::new(),
            status: PublishStatus::default(),
            tried_at: Instant::now(),
        })
    }

    /// Has services be looked for that could not be watched before.
    pub(super) fn look_again(&self) {
        for poke in &self.pokes {
            // A thread that has ended looks no more.
            let _ = poke.send(());
        }
    }

    pub(super) fn status(&self) -> &PublishStatus {
        &self.status
    }

    /// True while it knows of some service what that publishes: the machine is there.
    pub(super) fn is_watching(&self) -> bool {
        self.status.services.values().any(Option::is_none)
    }

    /// Does what the reports that have come say.
    pub(super) fn work(&mut self, tunnel: &mut Tunnel) {
        let now = Instant::now();
        let mut has_news = self.expire(tunnel.is_out_of_reach(), now);
        while let Ok(report) = self.reports.try_recv() {
            has_news |= self.take(report, now);
        }
        if has_news {
            self.apply(tunnel);
        }
    }

    /// True when the report says what is published. Where it does not, that has not changed, as far as anybody knows: the machine
    /// sleeps, or an API server restarts while the containers run.
    fn take(&mut self, PortReport { service, ports }: PortReport, now: Instant) -> bool {
        let error = ports.as_ref().err().cloned();
        if let Some(reason) = &error
            && self.status.services.get(&service) != Some(&error)
        {
            log::info!("what {service} publishes is not known: {reason}");
        }
        self.status.services.insert(service.clone(), error);
        let Ok(ports) = ports else {
            self.silent_since.entry(service).or_insert(now);
            return false;
        };
        self.silent_since.remove(&service);
        self.known.insert(service, ports);
        true
    }

    /// Forgets what services published that have been silent for long. True when there was such a port. A machine that is out of
    /// reach has time until it is there again.
    fn expire(&mut self, is_out_of_reach: bool, now: Instant) -> bool {
        if is_out_of_reach {
            self.silent_since.values_mut().for_each(|since| *since = now);
        }
        let Self { known, silent_since, .. } = self;
        let before = known.len();
        known.retain(|service, _| {
            silent_since
                .get(service)
                .is_none_or(|since| now.saturating_duration_since(*since) < timeouts::SILENT_SERVICE)
        });
        known.len() < before
    }

    /// Tries once more what another program of the host was in the way of.
    pub(super) fn retry(&mut self, tunnel: &mut Tunnel) {
        if self.waits_for_port() && self.tried_at.elapsed() >= timeouts::TAKEN_PORT {
            self.apply(tunnel);
        }
    }

    /// True while another program of the host has a port that would be here.
    pub(super) fn waits_for_port(&self) -> bool {
        self.status.unpublished.iter().any(|port| port.reason == UnpublishedReason::Taken)
    }

    fn apply(&mut self, tunnel: &mut Tunnel) {
        self.tried_at = Instant::now();
        let before = std::mem::take(&mut self.status.unpublished);
        let here: BTreeSet<Port> =
            tunnel.forwards().filter_map(|forward| forward.purpose.published_port()).collect();
        let Choice { forwards, left_out, beyond_limit } = choose(&self.known, &here);
        let gone: Vec<Forward> = tunnel
            .forwards()
            .filter(|forward| forward.purpose.published_port().is_some())
            .filter(|forward| !forwards.iter().any(|wanted| wanted.purpose == forward.purpose))
            .cloned()
            .collect();
        for forward in &gone {
            log::info!("{} is not published any more", forward.local);
            tunnel.retire(forward);
        }
        self.status.unpublished = left_out;
        for forward in forwards {
            self.status.unpublished.extend(publish(forward, tunnel));
        }
        self.status.unpublished.truncate(MOST_PUBLISHED);
        self.status.beyond_limit = beyond_limit;
        for port in self.status.unpublished.iter().filter(|port| !before.contains(port)) {
            log::info!("port {} of {} is not published here: {port}", port.port.number(), port.service);
        }
    }
}

/// Why not, if not.
fn publish(forward: Forward, tunnel: &mut Tunnel) -> Option<UnpublishedPort> {
    let ForwardPurpose::Published { service, port } = forward.purpose.clone() else { return None };
    if tunnel.forwards().any(|known| known.purpose == forward.purpose) {
        return None;
    }
    let is_own = tunnel.forwards().any(|known| known.local == forward.local);
    let listened = if is_own { Err(ListenError::Taken { port: port.number() }) } else { tunnel.add(forward) };
    let reason = match listened {
        Ok(local) => {
            log::info!("{local} is published by {service}");
            return None;
        }
        Err(ListenError::Taken { .. }) => UnpublishedReason::Taken,
        Err(error) => UnpublishedReason::Failed(in_one_line(&error)),
    };
    Some(UnpublishedPort { service, port, reason })
}

/// What is to be here of what the services publish.
struct Choice {
    forwards: Vec<Forward>,
    left_out: Vec<UnpublishedPort>,
    beyond_limit: usize,
}

/// Chooses from what is `known`. Where that is too much, what is `here` already stays.
fn choose(known: &BTreeMap<ServiceName, BTreeSet<PublishedPort>>, here: &BTreeSet<Port>) -> Choice {
    let mut wanted: BTreeMap<Port, &ServiceName> = BTreeMap::new();
    let mut left_out: BTreeMap<Port, UnpublishedPort> = BTreeMap::new();
    for (service, published) in
        known.iter().flat_map(|(service, ports)| ports.iter().map(move |port| (service, port)))
    {
        let port = published.port;
        let reason = match published.reach {
            PortReach::Loopback if port.number() < FIRST_UNPRIVILEGED => UnpublishedReason::Privileged,
            PortReach::Loopback => {
                wanted.entry(port).or_insert(service);
                continue;
            }
            PortReach::OtherAddress => UnpublishedReason::OtherAddress,
            PortReach::OtherProtocol => UnpublishedReason::OtherProtocol,
        };
        left_out.entry(port).or_insert(UnpublishedPort { service: service.clone(), port, reason });
    }
    let (stay, new): (Vec<_>, Vec<_>) = wanted.iter().partition(|(port, _)| here.contains(*port));
    let chosen = stay.into_iter().chain(new).take(MOST_PUBLISHED);
    let forwards: Vec<Forward> = chosen.map(|(port, service)| forward(*port, service)).collect();
    left_out.retain(|port, _| !wanted.contains_key(port));
    let beyond = |count: usize| count.saturating_sub(MOST_PUBLISHED);
    let beyond_limit = beyond(wanted.len()) + beyond(left_out.len());
    Choice { forwards, left_out: left_out.into_values().take(MOST_PUBLISHED).collect(), beyond_limit }
}

fn forward(port: Port, service: &ServiceName) -> Forward {
    Forward {
        purpose: ForwardPurpose::Published { service: service.clone(), port },
        target: ForwardTarget::Port(port),
        local: LocalEnd::Port(port.number()),
    }
}

/// So many ports of the host one machine can have, whatever it claims to publish.
pub(crate) const MOST_PUBLISHED: usize = 64;
const MOST_REPORTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn known(
        ports: impl IntoIterator<Item = (u16, PortReach)>,
    ) -> BTreeMap<ServiceName, BTreeSet<PublishedPort>> {
        let port = |(number, reach)| PublishedPort { port: Port::try_from(number).unwrap(), reach };
        BTreeMap::from([(ServiceName::parse("docker").unwrap(), ports.into_iter().map(port).collect())])
    }

    fn numbers(choice: &Choice) -> Vec<u16> {
        choice.forwards.iter().map(|forward| forward.purpose.published_port().unwrap().number()).collect()
    }

    fn report(ports: &[u16]) -> PortReport {
        let port = |number: &u16| PublishedPort {
            port: Port::try_from(*number).unwrap(),
            reach: PortReach::Loopback,
        };
        let service = ServiceName::parse("docker").unwrap();
        PortReport { service, ports: Ok(ports.iter().map(port).collect()) }
    }

    #[test]
    fn ports_stay_until_a_list_says_otherwise_or_nobody_has_said_anything_for_long() {
        let mut tunnel = Tunnel::new(Arc::new(|_, _| Err("nobody is there".to_owned()))).unwrap();
        let reports = Arc::new(std::sync::Mutex::new(None));
        let watch: PortWatcher = {
            let reports = Arc::clone(&reports);
            Arc::new(move |new| {
                *reports.lock().unwrap() = Some(new);
                Vec::new()
            })
        };
        let mut publisher = Publisher::start(&watch, tunnel.waker().unwrap()).unwrap();
        let reports = reports.lock().unwrap().take().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut publish = |tell: Option<PortReport>, publisher: &mut Publisher| {
            assert!(tell.is_none_or(|report| reports.tell(report)));
            publisher.work(&mut tunnel);
            tunnel.forwards().count() == 1
        };
        let silence = || PortReport { ports: Err("it does not answer".to_owned()), ..report(&[]) };

        assert!(publish(Some(report(&[free])), &mut publisher));
        assert!(publish(Some(silence()), &mut publisher), "it is silent");
        assert!(!publisher.is_watching());
        let later =
            |seconds| Instant::now() + timeouts::SILENT_SERVICE + std::time::Duration::from_secs(seconds);
        // The time begins when the machine is there again.
        assert!(!publisher.expire(true, later(3600)));
        assert!(!publisher.expire(false, later(3610)));
        assert!(publish(Some(report(&[free])), &mut publisher));
        assert!(!publisher.expire(false, later(7200)), "it has spoken");
        assert!(!publish(Some(report(&[])), &mut publisher), "its list is empty");

        assert!(publish(Some(report(&[free])), &mut publisher));
        assert!(publish(Some(silence()), &mut publisher));
        assert!(publish(Some(silence()), &mut publisher));
        assert!(publisher.expire(false, later(1)));
        publisher.known.clear();
        assert!(!publish(Some(report(&[])), &mut publisher), "it was silent for long");
        assert!(publish(Some(report(&[free])), &mut publisher), "it is back");
    }

    #[test]
    fn only_what_ssh_can_lead_to_and_everybody_may_listen_at_is_here() {
        let choice = choose(
            &known([
                (80, PortReach::Loopback),
                (8080, PortReach::Loopback),
                (8081, PortReach::OtherAddress),
                (8082, PortReach::OtherAddress),
                (8082, PortReach::Loopback),
                (5353, PortReach::OtherProtocol),
            ]),
            &BTreeSet::new(),
        );
        assert_eq!(numbers(&choice), [8080, 8082]);
        let reasons = choice.left_out.iter().map(|port| (port.port.number(), port.reason.clone()));
        assert_eq!(
            reasons.collect::<Vec<_>>(),
            [
                (80, UnpublishedReason::Privileged),
                (5353, UnpublishedReason::OtherProtocol),
                (8081, UnpublishedReason::OtherAddress)
            ]
        );
        assert_eq!(choice.beyond_limit, 0);
    }

    #[test]
    fn a_guest_that_claims_all_ports_has_few_and_takes_none_from_what_was_there() {
        let all = known((1..=u16::MAX).map(|port| (port, PortReach::Loopback)));
        let here: BTreeSet<Port> = [40_000, 50_000].map(|port| Port::try_from(port).unwrap()).into();
        let choice = choose(&all, &here);
        assert_eq!(choice.forwards.len(), MOST_PUBLISHED);
        assert_eq!(numbers(&choice)[..3], [40_000, 50_000, 1024]);
        assert_eq!(choice.left_out.len(), MOST_PUBLISHED);
        assert_eq!(choice.beyond_limit, 65_535 - 2 * MOST_PUBLISHED);
    }
}
