//! Sockets, and waiting for them.

use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use reqwest::blocking::ClientBuilder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockAddr, Socket, Type};

use super::super::readiness::{Interest, Ready};

/// What clients of this host connect to: a port, or a socket file.
pub(crate) use socket2::Socket as LocalListener;
/// Whatever has a socket.
pub(crate) use std::os::fd::AsFd as AsOsSocket;
/// A socket, whatever it is connected to.
pub(crate) use std::os::fd::OwnedFd as OwnedSocket;
/// One end of a connection within this process.
pub(crate) use std::os::unix::net::UnixStream as LocalStream;

fn flags(interest: Interest) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.read);
    flags.set(PollFlags::OUT, interest.write);
    flags
}

/// Two sockets, each of which reads what is written to the other.
pub(crate) fn local_pair() -> io::Result<(LocalStream, LocalStream)> {
    LocalStream::pair()
}

/// Waits until one of `sockets` can do what it is waited for, or `timeout` is over, and says of each what it can do. It may
/// return early.
pub(crate) fn poll_sockets(
    sockets: &[(&dyn AsFd, Interest)],
    timeout: Option<Duration>,
) -> io::Result<Vec<Ready>> {
    let mut waiting: Vec<PollFd> = sockets
        .iter()
        .map(|(socket, interest)| PollFd::from_borrowed_fd(socket.as_fd(), flags(*interest)))
        .collect();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut waiting, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready = waiting.iter().map(|waiting| {
        let flags = waiting.revents();
        let gone = flags.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        Ready { read: flags.contains(PollFlags::IN), write: flags.contains(PollFlags::OUT), gone }
    });
    Ok(ready.collect())
}

/// Listens on the socket file `path`, which only its user can open, in place of any file that is there. It has that name only
/// once nobody else can open it; the folder should be private too, for systems that ignore a socket's mode.
#[allow(clippy::disallowed_methods, reason = "a socket is named as a private file is")]
pub(crate) fn listen_privately(path: &Path) -> io::Result<LocalListener> {
    let mut name = path.as_os_str().to_owned();
    name.push("~");
    let new = Path::new(&name);
    if new.exists() {
        fs::remove_file(new)?;
    }
    let listener = UnixListener::bind(new)?;
    fs::set_permissions(new, Permissions::from_mode(0o600))?;
    fs::rename(new, path)?;
    Ok(listener.into())
}

/// The HTTP client that talks to whoever listens at the socket file `path`.
pub(crate) fn through_socket(path: &Path) -> ClientBuilder {
    ClientBuilder::new().unix_socket(path)
}

/// The URL that docker knows the socket file `path` by.
pub(crate) fn socket_url(path: &Path) -> String {
    format!("unix://{}", path.display())
}

/// Connects to the socket file `path`.
pub(crate) fn connect_locally(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}

/// True when a program of this host answers at `port` of the loopback interface. That one can bind there says too little: BSD's
/// systems let one program have the loopback's port of another that listens at all addresses, and `localhost` may lead to
/// either of two addresses.
pub(crate) fn is_port_used(port: u16) -> bool {
    let answers = |address: IpAddr| {
        match TcpStream::connect_timeout(&SocketAddr::new(address, port), LOCAL_CONNECT) {
            // Out of all its ports the kernel may have given this very one to the client, which is connected to itself then.
            Ok(stream) => stream.local_addr().ok() != stream.peer_addr().ok(),
            Err(error) => error.kind() == io::ErrorKind::TimedOut,
        }
    };
    answers(Ipv4Addr::LOCALHOST.into()) || answers(Ipv6Addr::LOCALHOST.into())
}

/// For a program of this host to be connected to, which takes no longer than the kernel does.
const LOCAL_CONNECT: Duration = Duration::from_millis(100);

/// How long the name of a socket file may be (`sun_path` in `unix(7)`: 108 with its end on Linux, 104 elsewhere), and one more
/// for [`listen_privately`].
pub(crate) const LONGEST_SOCKET_NAME: usize = if cfg!(target_os = "linux") { 106 } else { 102 };

/// Waits for `time`, unless the stream's reader goes away before. True when it has.
pub(crate) fn reader_goes_away(stream: &impl AsFd, time: Duration) -> bool {
    let mut waiting = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::empty())];
    let timeout = Timespec::try_from(time).ok();
    poll(&mut waiting, timeout.as_ref()).is_ok()
        && waiting[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// Has the kernel acknowledge what arrives next at once (`TCP_QUICKACK` in `tcp(7)`); it forgets that soon.
#[cfg(target_os = "linux")]
pub(crate) fn acknowledge_at_once(socket: &dyn AsFd) {
    let _ = socket2::SockRef::from(&socket.as_fd()).set_tcp_quickack(true);
}

/// macOS has no such option.
#[cfg(not(target_os = "linux"))]
pub(crate) fn acknowledge_at_once(_: &dyn AsFd) {}
