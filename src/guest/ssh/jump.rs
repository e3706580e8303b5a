//! `ProxyJump`: the connection to the guest runs inside a channel of another connection.

use std::io::{self, Read, Write};
use std::thread;

use ssh2::Channel;

use super::error::Error;
use super::route::Hop;
use super::transport::Transport;
use crate::base::platform::{Interest, LocalStream, local_pair, poll_sockets};

/// Opens a channel from the server `gate` to `target` and returns a socket that leads into it. A thread
/// copies between both until either ends.
pub(super) fn forward(gate: Transport, target: &Hop) -> Result<LocalStream, Error> {
    let host = target.host.as_str();
    let channel = gate
        .attempt(|session| session.channel_direct_tcpip(host, target.port, None))?
        .map_err(|source| Error::Jump { place: target.place(), source })?;
    let failed = |source| Error::lost(source);
    let (ours, theirs) = local_pair().map_err(failed)?;
    theirs.set_nonblocking(true).map_err(failed)?;
    thread::spawn(move || Pump { gate, channel, local: theirs }.run());
    Ok(ours)
}

struct Pump {
    gate: Transport,
    channel: Channel,
    local: LocalStream,
}

impl Pump {
    /// Ends when either side does; the session on the other end of `local` then reports the loss.
    fn run(mut self) {
        let mut inbound = InTransit::default();
        let mut outbound = InTransit::default();
        while self.turn(&mut inbound, &mut outbound).is_ok() {}
    }

    fn turn(&mut self, inbound: &mut InTransit, outbound: &mut InTransit) -> io::Result<()> {
        let arrived = inbound.copy(&mut self.channel, &mut self.local)?;
        if arrived > 0 {
            self.gate.consume_stream(arrived);
        }
        let left = outbound.copy(&mut self.local, &mut self.channel)?;
        let is_news = self.gate.pump().map_err(io::Error::other)?;
        if arrived == 0 && left == 0 && !is_news { self.wait(inbound, outbound) } else { Ok(()) }
    }

    /// Waits for what can be moved on. A side whose last bytes are still here is not asked for more.
    fn wait(&self, inbound: &InTransit, outbound: &InTransit) -> io::Result<()> {
        self.gate.acknowledge_at_once();
        let local = Interest { read: outbound.is_empty(), write: !inbound.is_empty() };
        let socket = self.gate.socket();
        poll_sockets(&[(&*socket, self.gate.interest()), (&self.local, local)], None).map(drop)
    }
}

/// What was read from one side and not yet written to the other.
#[derive(Default)]
struct InTransit(Vec<u8>);

impl InTransit {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Moves what can be moved without waiting, and returns how much that was. The end of `from` is an error.
    fn copy(&mut self, from: &mut impl Read, to: &mut impl Write) -> io::Result<usize> {
        if self.is_empty() {
            let mut buffer = [0; 16 << 10];
            match from.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.0.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) => return Err(error),
            }
        }
        match to.write(&self.0) {
            Ok(count) => {
                self.0.drain(..count);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }
}
