//! Machines that do what no SSH server does, and clients that do not read.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use rcgen::KeyPair;
use service_manager_test_support::ssh_peer::{SshPeer, string, words};
use socket2::Socket;
use tempfile::TempDir;

use super::forward::{Forward, ForwardPurpose, ForwardTarget, LocalEnd};
use super::tunnel::Tunnel;
use crate::base::deadline::Deadline;
use crate::base::platform::connect_locally;
use crate::guest::ssh::{Connection, Hop, KnownHosts, Route};

/// A tunnel that this test drives itself, so that it can tell when there is no end to what is done.
struct Driven {
    tunnel: Tunnel,
    folder: TempDir,
    rounds: usize,
}

impl Driven {
    /// To a machine whose SSH server does as `serve` says.
    fn new(serve: impl Fn(&mut SshPeer) -> io::Result<()> + Clone + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let host = "127.0.0.1".parse().unwrap();
        let mut target = Hop::new("dev".parse().unwrap(), host, SshPeer::listen(serve));
        (target.identities, target.identities_only) = (vec![key], true);
        let route = Route { target, jumps: Vec::new(), proxy_command: None };
        let login = move |_: Option<&Path>, deadline| {
            let connection = Connection::open(&route, &mut KnownHosts::none("m".to_owned()), deadline);
            connection.map_err(|error| error.to_string())
        };
        let mut tunnel = Tunnel::new(Arc::new(login)).unwrap();
        let local = LocalEnd::Socket(folder.path().join("sock"));
        let port = ForwardTarget::Port(6443.try_into().unwrap());
        tunnel
            .add(Forward { purpose: ForwardPurpose::Service("docker".parse().unwrap()), target: port, local })
            .unwrap();
        Self { tunnel, folder, rounds: 0 }
    }

    fn client(&self) -> Socket {
        let client = connect_locally(&self.folder.path().join("sock")).unwrap();
        client.set_nonblocking(true).unwrap();
        client
    }

    /// Does what there is to do until `is_over`.
    #[track_caller]
    fn until(&mut self, mut is_over: impl FnMut() -> bool) {
        let end = Deadline::after(Duration::from_secs(20));
        while !is_over() {
            assert!(!end.is_over(), "waited in vain; {:?}", self.tunnel.status());
            self.rounds += 1;
            let patience = self.tunnel.work().min(Duration::from_millis(20));
            self.tunnel.wait(patience, &[]).unwrap();
        }
    }

    /// Reads `client` to its end and says how much that was.
    #[track_caller]
    fn drain(&mut self, mut client: Socket) -> usize {
        let (mut count, mut buffer) = (0, vec![0; 64 << 10]);
        self.until(|| {
            loop {
                match client.read(&mut buffer) {
                    Ok(0) => return true,
                    Ok(read) => count += read,
                    Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
                }
            }
        });
        count
    }
}

/// `SSH_MSG_CHANNEL_DATA`
fn send(peer: &mut SshPeer, channel: u32, data: &[u8]) -> io::Result<()> {
    peer.write(&[&[94][..], &words(&[channel]), &string(data)].concat())
}

/// Asks for an answer that nobody needs, as `ClientAliveInterval` has sshd do.
fn ask(peer: &mut SshPeer) -> io::Result<()> {
    peer.write(&[&[80][..], &string(b"keepalive@openssh.com"), &[1]].concat())
}

/// What one packet holds at most.
fn large() -> Vec<u8> {
    vec![b'x'; 32 << 10]
}

#[test]
fn what_leads_elsewhere_by_now_goes_on_listening() {
    let mut driven = Driven::new(|_| Ok(()));
    let known = driven.tunnel.forwards().next().unwrap().clone();
    let _client = driven.client();
    let target = ForwardTarget::Port(6444.try_into().unwrap());
    driven.tunnel.add(Forward { target, ..known }).unwrap();
    let tunnel = &mut driven.tunnel;
    tunnel.wait(Duration::from_secs(10), &[]).unwrap();
    // Whoever connected before is accepted.
    assert_eq!(tunnel.status().forwards.iter().map(|status| status.accepted).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_no_client_can_read_ends_the_session() {
    let mut driven = Driven::new(|peer| {
        let channel = peer.open_channel()?;
        // A kind of data that nobody knows (RFC 4254, 5.2).
        peer.write(&[&[95][..], &words(&[channel, 2]), &string(b"x")].concat())?;
        peer.read_until(0).map(drop)
    });
    let client = driven.client();
    assert_eq!(driven.drain(client), 0);
    assert!(driven.rounds < 1000, "{}", driven.rounds);
    assert_eq!(driven.tunnel.failure().unwrap(), "the machine sends what nobody asked for");
}

/// A paused `docker logs --follow` alone: the machine does not look dead for that, nor do we.
#[test]
fn a_machine_is_heard_when_no_client_reads() {
    const PACKETS: usize = 60;
    let (teller, answered) = mpsc::channel();
    let mut driven = Driven::new(move |peer| {
        let channel = peer.open_channel()?;
        for _ in 0..PACKETS {
            send(peer, channel, &large())?;
        }
        ask(peer)?;
        while !matches!(peer.read()?.first(), Some(81 | 82)) {}
        let _ = teller.send(());
        for kind in [96, 97] {
            peer.write(&[&[kind][..], &words(&[channel])].concat())?;
        }
        peer.read_until(0).map(drop)
    });
    let client = driven.client();
    driven.until(|| answered.try_recv().is_ok());
    assert!(driven.rounds < 1000, "{}", driven.rounds);
    assert_eq!(driven.drain(client), PACKETS * (32 << 10));
}

/// What they have not read is nothing that the machine was not asked for.
#[test]
fn clients_that_go_away_leave_nothing_behind() {
    let mut driven = Driven::new(|peer| {
        loop {
            let packet = peer.read()?;
            let channel = packet.get(1..5).map(<[u8]>::to_vec).unwrap_or_default();
            match packet[0] {
                // The first one says nothing, all others a lot.
                90 => {
                    let kind = u32::from_be_bytes(packet[1..5].try_into().unwrap()) as usize;
                    let number = u32::from_be_bytes(packet[5 + kind..9 + kind].try_into().unwrap());
                    peer.write(&[&[91][..], &words(&[number, number, 2 << 20, 32 << 10])].concat())?;
                    for _ in 0..if number == 0 { 0 } else { 60 } {
                        send(peer, number, &large())?;
                    }
                }
                94 => send(peer, u32::from_be_bytes(channel[..].try_into().unwrap()), b"still here")?,
                97 => peer.write(&[&[97][..], &channel].concat())?,
                _ => {}
            }
        }
    });
    let mut first = driven.client();
    for _ in 0..20 {
        let mut other = driven.client();
        driven.until(|| other.read(&mut [0; 100]).is_ok());
        drop(other);
    }
    first.write_all(b"?").unwrap();
    let mut answer = [0; 10];
    driven.until(|| first.read(&mut answer).is_ok_and(|count| count > 0));
    assert_eq!(&answer, b"still here");
}

/// A server that speaks first, and one that closes a connection while it says something on another: all of it in one piece.
#[test]
fn what_comes_right_behind_an_answer_arrives() {
    let mut driven = Driven::new(|peer| {
        peer.hold();
        let first = peer.open_channel()?;
        send(peer, first, b"hello")?;
        peer.release()?;
        let second = peer.open_channel()?;
        peer.read_until(97)?;
        peer.hold();
        peer.write(&[&[97][..], &words(&[second])].concat())?;
        send(peer, first, b"again")?;
        peer.release()?;
        peer.read_until(0).map(drop)
    });
    let (mut client, mut words) = (driven.client(), [0; 5]);
    driven.until(|| client.read(&mut words).is_ok());
    assert_eq!(&words, b"hello");
    drop(driven.client());
    driven.until(|| client.read(&mut words).is_ok());
    assert_eq!(&words, b"again");
}

#[test]
fn questions_without_end_end_the_session() {
    let mut driven = Driven::new(|peer| {
        peer.open_channel()?;
        loop {
            ask(peer)?;
        }
    });
    let client = driven.client();
    assert_eq!(driven.drain(client), 0);
    assert!(driven.tunnel.failure().is_some());
}

/// Of the connection that is open only the beginning arrives; one that is not open yet goes through the next session.
#[test]
fn a_session_that_breaks_off_ends_what_it_carried() {
    let mut driven = Driven::new(|peer| {
        let channel = peer.open_channel()?;
        send(peer, channel, b"begun")?;
        peer.read_until(90).map(drop)
    });
    let client = driven.client();
    driven.until(|| driven_has(&client));
    let second = driven.client();
    assert_eq!(driven.drain(client), 5);
    driven.until(|| driven_has(&second));
    assert!(driven.rounds < 1000, "{}", driven.rounds);
}

/// There is something to read for `client`.
fn driven_has(client: &Socket) -> bool {
    client.peek(&mut [std::mem::MaybeUninit::uninit(); 1]).is_ok_and(|count| count > 0)
}
