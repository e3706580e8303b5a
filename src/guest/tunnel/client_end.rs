//! The host's side of a connection, and what is on its way to either side.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use socket2::Socket;

/// The side of the host.
pub(super) struct ClientEnd {
    pub(super) socket: Socket,
    /// It may have sent something.
    pub(super) is_readable: bool,
    /// It takes no more.
    pub(super) is_deaf: bool,
    /// Since when it is gone for good. Such a socket is always ready, so it is not waited for any more.
    pub(super) gone: Option<Instant>,
}

/// One direction.
#[derive(Default)]
pub(super) struct Flow {
    /// What was taken from one side and the other has not taken yet.
    pub(super) pending: Vec<u8>,
    /// The side that it comes from has ended.
    pub(super) has_ended: bool,
    /// The other side was told.
    pub(super) is_told: bool,
}

impl ClientEnd {
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // A socket file has no such option.
        let _ = socket.set_tcp_nodelay(true);
        Ok(Self { socket, is_readable: true, is_deaf: false, gone: None })
    }

    /// It sees its end, if it is still there.
    pub(super) fn end(&self, how: Shutdown) {
        let _ = self.socket.shutdown(how);
    }

    /// It is gone. What it has sent before is still to be read.
    pub(super) fn leave(&mut self) {
        self.gone = self.gone.or(Some(Instant::now()));
        (self.is_deaf, self.is_readable) = (true, true);
    }
}

impl Flow {
    /// True when it has ended, all of it is on its way, and the other side was not told yet.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended && self.pending.is_empty() && !self.is_told
    }

    /// Writes what is pending. True when something was written.
    pub(super) fn flush(&mut self, client: &mut ClientEnd) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let bytes = std::mem::take(&mut self.pending);
        self.send(&bytes, client);
        self.pending.len() < bytes.len()
    }

    /// Writes `bytes`, and keeps what the client does not take yet. To one that is gone nothing is written.
    pub(super) fn send(&mut self, mut bytes: &[u8], client: &mut ClientEnd) {
        while !bytes.is_empty() && !client.is_deaf {
            match (&client.socket).write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pending = bytes.to_vec();
                    return;
                }
                Err(_) => client.is_deaf = true,
            }
        }
    }

    /// Reads what `client` has sent, or that it sends no more.
    pub(super) fn take(&mut self, client: &mut ClientEnd, buffer: &mut [u8]) {
        match (&client.socket).read(buffer) {
            Ok(0) => self.has_ended = true,
            Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
            Err(error) if is_no_end(&error) => client.is_readable = false,
            Err(_) => {
                client.leave();
                self.has_ended = true;
            }
        }
    }

    /// Gives memory back: hundreds of connections may be idle.
    pub(super) fn trim(&mut self) {
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
    }
}

fn is_no_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
