//! What stands between the socket and libssh2, so that a server cannot fill this host's memory.
//!
//! libssh2 queues every packet that nobody asks for, and each of its calls reads until the socket is empty (`while(rc > 0)`
//! around `ssh2_transport_read` in channel.c, `ssh2_packet_require` in packet.c): with a server that writes fast enough, no
//! call returns, and neither a deadline nor a count between two calls is of use. Its receive callback could count, but
//! needs `unsafe`. So libssh2 reads from one end of a pair of sockets, and between its calls this puts into the other end
//! what the server has sent: every call ends when that little is read. No thread, and two copies within the kernel.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;

use socket2::SockRef;

use crate::base::platform::{Interest, LocalStream, OwnedSocket, local_pair};

/// Carries bytes between a socket and libssh2, and counts them.
pub(super) struct Relay {
    socket: OwnedSocket,
    inner: LocalStream,
    /// The end that libssh2 uses.
    theirs: LocalStream,
    incoming: Pending,
    outgoing: Pending,
    received: u64,
    consumed: u64,
    /// Of that the bytes of streams, what surrounded them at least, and what was taken for that.
    streamed: u64,
    framed: u64,
    surplus: u64,
    /// What the server was sent, and what was taken for its changes of windows.
    sent: u64,
    answers: u64,
    allowed: u64,
    has_ended: bool,
    /// What was received first, until the server is trusted.
    first: Vec<u8>,
}

/// What was read from one side and not yet written to the other.
#[derive(Default)]
struct Pending {
    buffer: Vec<u8>,
    read: usize,
    written: usize,
}

/// The server sent more than anybody asked for.
#[derive(Debug)]
pub(super) struct Flood;

impl Relay {
    /// A relay for `socket`, and the end that libssh2 uses in its place. The first limit is for what comes before the
    /// server has proved who it is.
    pub(super) fn new(socket: OwnedSocket) -> io::Result<(Self, LocalStream)> {
        let (inner, theirs) = local_pair()?;
        SockRef::from(&socket).set_nonblocking(true)?;
        inner.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let (incoming, outgoing) = (Pending::default(), Pending::default());
        let relay = Self {
            socket,
            inner,
            theirs: theirs.try_clone()?,
            incoming,
            outgoing,
            received: 0,
            consumed: 0,
            streamed: 0,
            framed: 0,
            surplus: 0,
            sent: 0,
            answers: 0,
            allowed: MOST_BEFORE_LOGIN,
            has_ended: false,
            first: Vec::new(),
        };
        Ok((relay, theirs))
    }

    /// The server is the right one: more may be under way.
    pub(super) fn trust(&mut self) {
        self.allowed = MOST_AFTER_LOGIN;
        self.first = Vec::new();
    }

    /// The first bytes that the server sent, until it is trusted.
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }

    /// So many bytes of the server's were read by those who asked for them.
    pub(super) fn consume(&mut self, count: usize) {
        self.consumed += count as u64;
    }

    /// As [`Self::consume`] for a stream that goes on for days: what surrounds its bytes counts as read with them, since it adds
    /// up. As much again and [`FRAME`] are enough for all but the smallest packets in a row. In the long run it may be no more than
    /// large packets need, and what one packet has at least, since one must have come; or a server could hide behind a stream what
    /// nobody asked for.
    pub(super) fn consume_stream(&mut self, count: usize) {
        self.streamed += count as u64;
        self.framed += smallest_frame(count as u64);
        let most = MOST_SURPLUS + self.streamed / 64 + self.framed;
        let surplus = (count as u64 + FRAME).min(most.saturating_sub(self.surplus));
        let with_frames = (self.consumed + count as u64 + surplus).min(self.received);
        self.surplus += with_frames.saturating_sub(self.consumed + count as u64);
        self.consumed = with_frames;
    }

    /// The server was sent `count` bytes, which it answers by changes of windows: one for some kilobytes.
    fn send(&mut self, count: usize) {
        self.sent += count as u64;
        let due = (self.sent / 64).saturating_sub(self.answers).min(self.unread());
        self.answers += due;
        self.consumed += due;
    }

    /// So many channels are open, in each of which a server may send so much before anybody reads.
    pub(super) fn allow_channels(&mut self, count: usize) {
        self.allowed = MOST_AFTER_LOGIN + count as u64 * MOST_PER_CHANNEL;
    }

    /// How many bytes have come from the server.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// What was received and nobody has read: libssh2 may still have it.
    pub(super) fn unread(&self) -> u64 {
        self.received.saturating_sub(self.consumed)
    }

    /// Moves what can be moved without waiting. True when libssh2 has something new to read, be it the end.
    pub(super) fn pump(&mut self) -> Result<bool, Flood> {
        self.make_room();
        if self.has_ended {
            return Ok(false);
        }
        let moved = self.incoming.copy(&mut &*SockRef::from(&self.socket), &mut &self.inner);
        self.received += moved.read as u64;
        if self.allowed == MOST_BEFORE_LOGIN && self.first.len() < LONGEST_OFFER {
            self.first.extend_from_slice(&self.incoming.buffer[..moved.read]);
        }
        if moved.has_ended {
            self.has_ended = true;
            // An error means that libssh2's end is closed already.
            let _ = self.inner.shutdown(Shutdown::Write);
        }
        if self.unread() > self.allowed { Err(Flood) } else { Ok(moved.written > 0 || moved.has_ended) }
    }

    /// True when the server has ended the connection, or it has failed.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// True when libssh2 has read all that was brought there. It may say that nothing more has come although it has not: when the
    /// rest of a packet was not in what it read at once (`ssh2_transport_read` in transport.c).
    pub(super) fn is_drained(&self) -> bool {
        let mut byte = [MaybeUninit::uninit(); 1];
        !SockRef::from(&self.theirs).peek(&mut byte).is_ok_and(|count| count > 0)
    }

    /// Ends the connection for libssh2, which would otherwise wait for a server that may be gone.
    pub(super) fn hang_up(&mut self) {
        self.has_ended = true;
        // An error means that it has ended already.
        let _ = self.inner.shutdown(Shutdown::Both);
    }

    /// Sends the server all that libssh2 has written. False when the network takes no more for now.
    pub(super) fn flush(&mut self) -> bool {
        self.make_room();
        self.outgoing.is_empty()
    }

    /// The same. True when libssh2 can write more for that: it may have waited for room, and then there is nothing to wait for at the
    /// socket.
    pub(super) fn make_room(&mut self) -> bool {
        let mut has_room = false;
        loop {
            let moved = self.outgoing.copy(&mut &self.inner, &mut &*SockRef::from(&self.socket));
            self.send(moved.read);
            has_room |= moved.read > 0;
            // Less than a buffer was all there is.
            if moved.read < BUFFER || !self.outgoing.is_empty() {
                return has_room;
            }
        }
    }

    /// What to wait for at the socket; empty when libssh2 has not yet read what is there.
    pub(super) fn interest(&self) -> Interest {
        Interest { read: self.incoming.is_empty() && !self.has_ended, write: !self.outgoing.is_empty() }
    }

    pub(super) fn socket(&self) -> &OwnedSocket {
        &self.socket
    }
}

/// What one copy has moved.
#[derive(Default)]
struct Moved {
    read: usize,
    written: usize,
    has_ended: bool,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.written == self.read
    }

    /// Moves on what is here, or else up to one buffer's worth. Whatever goes wrong is the end of that side, about which
    /// libssh2 has its own words.
    fn copy(&mut self, from: &mut impl Read, to: &mut impl Write) -> Moved {
        let mut moved = Moved::default();
        if self.is_empty() {
            // Once, since this is called for every packet.
            self.buffer.resize(BUFFER, 0);
            let read = without_waiting(from.read(&mut self.buffer));
            moved.has_ended = read == Some(0);
            moved.read = read.unwrap_or(0);
            (self.read, self.written) = (moved.read, 0);
        }
        if !self.is_empty() {
            match without_waiting(to.write(&self.buffer[self.written..self.read])) {
                Some(0) => self.written = self.read,
                written => moved.written = written.unwrap_or(0),
            }
            self.written += moved.written;
        }
        moved
    }
}

/// How many bytes were moved; zero at the end, none when it is not the time for it.
fn without_waiting(result: io::Result<usize>) -> Option<usize> {
    match result {
        Ok(count) => Some(count),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => None,
        Err(error) => {
            log::debug!("the connection to the server: {error}");
            Some(0)
        }
    }
}

const BUFFER: usize = 64 << 10;
/// The lines before the version and one key exchange are a few kilobytes (RFC 4253).
const MOST_BEFORE_LOGIN: u64 = 256 << 10;
/// Above the 2 MB that libssh2 lets a server send at once for a channel, and what surrounds them. libssh2 needs up to four times
/// as much memory for the smallest packets.
const MOST_AFTER_LOGIN: u64 = 4 << 20;
/// The same for each further channel.
const MOST_PER_CHANNEL: u64 = 4 << 20;
/// One packet's length, padding, number of the channel and checksum (RFC 4253, 6), and that of a change of the window.
const FRAME: u64 = 128;
/// What surrounds `count` bytes that came in one packet of a channel, or more in several (RFC 4253, 6; RFC 4254, 5.2): its length,
/// then in blocks of eight bytes the length of its padding, its kind, the channel, the length of its data, the data and the padding,
/// then a checksum.
fn smallest_frame(count: u64) -> u64 {
    const CHECKSUM: u64 = 16;
    if count == 0 { 0 } else { 4 + (1 + 1 + 4 + 4 + count + 4).next_multiple_of(8) + CHECKSUM - count }
}

/// For the surroundings of small packets of which several are read at once, and what theirs have more.
const MOST_SURPLUS: u64 = 512 << 20;

/// A server's lists of algorithms are shorter.
const LONGEST_OFFER: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::deadline::Deadline;

    fn relay() -> (Relay, LocalStream, LocalStream) {
        let (server, socket) = local_pair().unwrap();
        server.set_nonblocking(true).unwrap();
        let (relay, client) = Relay::new(socket.into()).unwrap();
        (relay, server, client)
    }

    /// Sends `count` bytes and has the client read what comes.
    fn send(
        relay: &mut Relay,
        server: &LocalStream,
        client: &LocalStream,
        count: usize,
    ) -> Result<(), Flood> {
        let (mut left, mut read) = (count, 0);
        let mut buffer = vec![0; BUFFER];
        while read < count {
            left -= (&mut &*server).write(&buffer[..left.min(BUFFER)]).unwrap_or(0);
            relay.pump()?;
            read += (&mut &*client).read(&mut buffer).unwrap_or(0);
        }
        Ok(())
    }

    #[test]
    fn both_directions_arrive_and_so_does_the_end() {
        let (mut relay, mut server, mut client) = relay();
        server.write_all(b"hello").unwrap();
        client.write_all(b"world").unwrap();
        assert!(relay.pump().unwrap());
        let mut buffer = [0; 5];
        client.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        server.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"world");
        assert!(!relay.pump().unwrap());
        drop(server);
        // A program that another test starts has that end too, until it runs.
        let end = Deadline::after(Duration::from_secs(10));
        while !relay.pump().unwrap() {
            assert!(!end.is_over(), "the end arrives");
            std::thread::yield_now();
        }
        assert_eq!(client.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn who_writes_much_gets_room_for_more() {
        let (mut relay, mut server, mut client) = relay();
        let mut fill = || {
            let mut written = 0;
            while let Ok(count) = client.write(&[7; 4096]) {
                written += count;
            }
            written
        };
        let (mut sent, mut received) = (fill(), 0);
        assert!(sent > BUFFER);
        assert!(relay.make_room());
        sent += fill();
        let mut buffer = vec![0; BUFFER];
        while received < sent {
            received += server.read(&mut buffer).unwrap_or(0);
            relay.make_room();
        }
        assert!(relay.flush() && !relay.make_room());
    }

    #[test]
    fn a_server_that_is_not_known_yet_may_send_little() {
        let (mut relay, server, client) = relay();
        let most = usize::try_from(MOST_BEFORE_LOGIN).unwrap();
        send(&mut relay, &server, &client, most).unwrap();
        assert!(matches!(send(&mut relay, &server, &client, 1), Err(Flood)));
    }

    #[test]
    fn only_what_nobody_reads_counts_against_the_limit() {
        let (mut relay, server, client) = relay();
        relay.trust();
        let most = usize::try_from(MOST_AFTER_LOGIN).unwrap();
        for _ in 0..4 {
            send(&mut relay, &server, &client, most).unwrap();
            relay.consume(most);
        }
        send(&mut relay, &server, &client, most).unwrap();
        assert!(matches!(send(&mut relay, &server, &client, 1), Err(Flood)));
    }

    #[test]
    fn what_surrounds_a_long_stream_does_not_add_up() {
        let (mut relay, server, client) = relay();
        relay.trust();
        for _ in 0..200 {
            send(&mut relay, &server, &client, 100_000).unwrap();
            relay.consume_stream(70_000);
        }
        assert_eq!(relay.unread(), 0);
        relay.allow_channels(1);
        let most = usize::try_from(MOST_AFTER_LOGIN + MOST_PER_CHANNEL).unwrap();
        send(&mut relay, &server, &client, most).unwrap();
        assert!(matches!(send(&mut relay, &server, &client, 1), Err(Flood)));
    }

    #[test]
    fn a_stream_hides_only_so_much() {
        let (mut relay, _server, _client) = relay();
        relay.trust();
        // As much again as is read comes besides.
        for mebibytes in 1..600 {
            relay.received += 2 << 20;
            relay.consume_stream(1 << 20);
            if relay.unread() > MOST_AFTER_LOGIN {
                assert!((500..530).contains(&mebibytes), "{mebibytes}");
                return;
            }
        }
        panic!("nobody notices");
    }

    #[test]
    fn small_packets_may_come_for_days() {
        // As chacha20-poly1305 has them.
        let sizes = [(1, 36), (2, 36), (3, 44), (10, 44), (11, 52), (100, 140)];
        let (mut relay, _server, _client) = relay();
        relay.trust();
        relay.surplus = MOST_SURPLUS;
        for round in 0..1_000_000 {
            let (count, size) = sizes[round % sizes.len()];
            relay.received += size;
            relay.consume_stream(count);
        }
        assert_eq!(relay.unread(), 0);
        // They hide nothing, and neither does a read that brings nothing.
        for _ in 0..1_000_000 {
            relay.received += 44;
            relay.consume_stream(1);
            relay.consume_stream(0);
        }
        assert!(relay.unread() > MOST_AFTER_LOGIN, "{}", relay.unread());
    }

    #[test]
    fn changes_of_windows_do_not_add_up() {
        let (mut relay, _server, _client) = relay();
        relay.trust();
        // 8 GB, with a change as often as the most eager of servers has them.
        for _ in 0..1_000_000 {
            relay.send(8 << 10);
            relay.received += 64;
        }
        assert!(relay.unread() <= 64, "{}", relay.unread());
        relay.received += (relay.sent / 64).saturating_sub(relay.answers) + MOST_AFTER_LOGIN + 1;
        relay.send(1);
        assert!(relay.unread() > MOST_AFTER_LOGIN);
    }

    #[test]
    fn what_the_client_does_not_read_waits_outside() {
        let (mut relay, mut server, _client) = relay();
        relay.trust();
        let buffer = vec![0; BUFFER];
        while server.write(&buffer).is_ok() {
            relay.pump().unwrap();
        }
        assert!(!relay.interest().read);
        assert!(relay.unread() < 2 << 20, "{}", relay.unread());
    }
}
