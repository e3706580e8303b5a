//! Sockets, and waiting for them.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

/// A socket, whatever it is connected to.
pub(crate) use std::os::fd::OwnedFd as OwnedSocket;
/// One end of a connection within this process.
pub(crate) use std::os::unix::net::UnixStream as LocalStream;

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Interest {
    pub(crate) fn is_empty(self) -> bool {
        !self.read && !self.write
    }

    fn flags(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.read);
        flags.set(PollFlags::OUT, self.write);
        flags
    }
}

/// Two sockets, each of which reads what is written to the other.
pub(crate) fn local_pair() -> io::Result<(LocalStream, LocalStream)> {
    LocalStream::pair()
}

/// Waits until one of `sockets` can do what it is waited for, or `timeout` is over. It may return early.
pub(crate) fn wait_for(sockets: &[(&dyn AsFd, Interest)], timeout: Option<Duration>) -> io::Result<()> {
    let mut waiting: Vec<PollFd> = sockets
        .iter()
        .map(|(socket, interest)| PollFd::from_borrowed_fd(socket.as_fd(), interest.flags()))
        .collect();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    poll(&mut waiting, timeout.as_ref())?;
    Ok(())
}

/// Waits for `time`, unless the stream's reader goes away before. True when it has.
pub(crate) fn reader_goes_away(stream: &dyn AsFd, time: Duration) -> bool {
    let mut waiting = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::empty())];
    let timeout = Timespec::try_from(time).ok();
    poll(&mut waiting, timeout.as_ref()).is_ok()
        && waiting[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// Has the kernel acknowledge what arrives next at once (`TCP_QUICKACK` in `tcp(7)`), where it can; it forgets that soon.
pub(crate) fn acknowledge_at_once(socket: &dyn AsFd) {
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&socket.as_fd()).set_tcp_quickack(true);
}
