//! Sockets, and waiting for them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::readiness::{Interest, Ready};
use crate::base::timeouts;

/// Whatever has a socket.
pub(crate) use std::os::windows::io::AsSocket as AsOsSocket;
/// A socket, whatever it is connected to.
pub(crate) use std::os::windows::io::OwnedSocket;
/// One end of a connection within this process.
pub(crate) type LocalStream = TcpStream;

fn flags(interest: Interest) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::RDNORM, interest.read);
    flags.set(PollFlags::WRNORM, interest.write);
    flags
}

/// Two sockets, each of which reads what is written to the other.
pub(crate) fn local_pair() -> io::Result<(LocalStream, LocalStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ours = TcpStream::connect(listener.local_addr()?)?;
    loop {
        let (theirs, from) = listener.accept()?;
        // Any program of this host can connect to the port.
        if from == ours.local_addr()? {
            ours.set_nodelay(true)?;
            theirs.set_nodelay(true)?;
            return Ok((ours, theirs));
        }
    }
}

/// Waits until one of `sockets` can do what it is waited for, or `timeout` is over, and says of each what it can do. It may
/// return early.
pub(crate) fn poll_sockets(
    sockets: &[(&dyn AsOsSocket, Interest)],
    timeout: Option<Duration>,
) -> io::Result<Vec<Ready>> {
    // One that has heard the end of the other side is always ready. `WSAPoll` takes no empty list.
    let wanted = |interest: &Interest| interest.read || interest.write;
    let handles: Vec<_> = sockets
        .iter()
        .filter(|(_, interest)| wanted(interest))
        .map(|(socket, interest)| (socket.as_socket(), flags(*interest)))
        .collect();
    if handles.is_empty() {
        std::thread::sleep(timeout.unwrap_or_default());
        return Ok(vec![Ready::default(); sockets.len()]);
    }
    let mut waiting: Vec<PollFd> =
        handles.iter().map(|(handle, flags)| PollFd::from_borrowed_fd(*handle, *flags)).collect();
    let patience = timeout;
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let polled_any = poll(&mut waiting, timeout.as_ref())? > 0;
    let mut polled = waiting.iter();
    let ready = sockets.iter().map(|(_, interest)| {
        let flags = if wanted(interest) {
            polled.next().map_or(PollFlags::empty(), PollFd::revents)
        } else {
            PollFlags::empty()
        };
        let gone = flags.intersects(PollFlags::ERR | PollFlags::NVAL);
        // The other side sends no more, and may read on: unlike elsewhere that is `HUP` already.
        let read = interest.read && flags.intersects(PollFlags::RDNORM | PollFlags::HUP);
        Ready { read, write: flags.contains(PollFlags::WRNORM), gone }
    });
    let ready: Vec<Ready> = ready.collect();
    let is_in_vain = polled_any && !ready.iter().any(|ready| ready.read || ready.write || ready.gone);
    if is_in_vain {
        // One that has heard the end waits until the other side takes something: it is no use to ask again at once.
        std::thread::sleep(
            patience.map_or(timeouts::TUNNEL_POLL, |patience| patience.min(timeouts::TUNNEL_POLL)),
        );
    }
    Ok(ready)
}

/// True when a program of this host answers at `port` of the loopback interface: `localhost` may lead to either of two addresses.
/// Windows asks a port that is closed for seconds, so what takes longer than one that is open is closed.
pub(crate) fn is_port_used(port: u16) -> bool {
    let answers = |address: IpAddr| {
        // To be given this very port for the client is to be connected to itself.
        let connected = TcpStream::connect_timeout(&SocketAddr::new(address, port), LOCAL_CONNECT);
        connected.is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok())
    };
    answers(Ipv4Addr::LOCALHOST.into()) || answers(Ipv6Addr::LOCALHOST.into())
}

/// For a program of this host to be connected to.
const LOCAL_CONNECT: Duration = Duration::from_millis(100);

/// Waits for `time`. No pipe of Windows tells that its reader has gone before something is written.
pub(crate) fn reader_goes_away<T>(_: &T, time: Duration) -> bool {
    std::thread::sleep(time);
    false
}

/// Windows forgets no option of the kind, and has none for a single packet.
pub(crate) fn acknowledge_at_once(_: &dyn AsOsSocket) {}
