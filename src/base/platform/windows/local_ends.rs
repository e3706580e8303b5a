//! What clients of this host connect to, and how this program does.

use std::io::{self, Write};
use std::net::TcpListener;
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::path::Path;

use reqwest::blocking::ClientBuilder;
use sha2::{Digest, Sha256};
use socket2::{SockAddr, Socket};

use super::pipes::{self, PipeListener};
use super::words::canonicalize;
use crate::base::text::hex;

/// What clients of this host connect to: a port, or a named pipe.
pub(crate) enum LocalListener {
    Port(Socket),
    Pipe(PipeListener),
}

impl LocalListener {
    /// The next connection.
    pub(crate) fn accept(&self) -> io::Result<(Socket, SockAddr)> {
        match self {
            Self::Port(listener) => listener.accept(),
            Self::Pipe(listener) => {
                let socket = listener.accept()?;
                let from = socket.peer_addr()?;
                Ok((socket, from))
            }
        }
    }

    /// A pipe never waits.
    pub(crate) fn set_nonblocking(&self, is_nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Port(listener) => listener.set_nonblocking(is_nonblocking),
            Self::Pipe(_) => Ok(()),
        }
    }
}

impl From<TcpListener> for LocalListener {
    fn from(listener: TcpListener) -> Self {
        Self::Port(listener.into())
    }
}

impl AsSocket for LocalListener {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        match self {
            Self::Port(listener) => listener.as_socket(),
            Self::Pipe(listener) => listener.as_socket(),
        }
    }
}

/// The pipe that stands for the socket file `path`: `\\.\pipe\service-manager-DIGITS`. It is the same for all ways to write that path.
fn pipe_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default();
    let folder = path.parent().unwrap_or(path);
    let folder = canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let digest = Sha256::digest(folder.join(file).as_os_str().as_encoded_bytes());
    format!(r"\\.\pipe\service-manager-{}", hex(&digest[..16]))
}

/// Listens on the named pipe that stands for the socket file `path`. Only this user can open it. While it is to be found, there is
/// a file with its name at `path`.
#[allow(clippy::disallowed_methods, reason = "a socket is named as a private file is")]
pub(crate) fn listen_privately(path: &Path) -> io::Result<LocalListener> {
    let name = pipe_name(path);
    let listener = PipeListener::listen(name.clone())?;
    if path.symlink_metadata().is_ok() {
        std::fs::remove_file(path)?;
    }
    std::fs::File::create_new(path)?.write_all(name.as_bytes())?;
    Ok(LocalListener::Pipe(listener))
}

/// The URL that docker knows the socket file `path` by (docker/cli: opts/hosts.go).
pub(crate) fn socket_url(path: &Path) -> String {
    format!("npipe://{}", pipe_name(path).replace('\\', "/"))
}

/// The HTTP client that talks to whoever listens at the socket file `path`. Whoever gives it has asked the process that listens there
/// over [`connect_locally`], or is that process: this one does not look at whose pipe it is.
pub(crate) fn through_socket(path: &Path) -> ClientBuilder {
    reqwest::ClientBuilder::new().windows_named_pipe(pipe_name(path)).into()
}

/// Connects to the socket file `path`.
///
/// Errors: nobody listens there, or another user does.
pub(crate) fn connect_locally(path: &Path) -> io::Result<Socket> {
    path.symlink_metadata()?;
    pipes::connect(&pipe_name(path))
}

/// How long the name of a socket file may be: that of its pipe is as long for every one.
pub(crate) const LONGEST_SOCKET_NAME: usize = usize::MAX;
