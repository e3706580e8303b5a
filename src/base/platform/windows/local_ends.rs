//! What clients of this host connect to, and how this program does.

use std::io::{self, Read};
use std::net::TcpListener;
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::path::Path;

use reqwest::blocking::ClientBuilder;
use socket2::{SockAddr, Socket};

use super::super::pipe_name::PipeName;
use super::pipes::{self, PipeListener};

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

/// The pipe that stands for the socket file `path`; none when nobody listens there.
#[allow(clippy::disallowed_methods, reason = "a socket is named as a private file is")]
fn pipe_of(path: &Path) -> Option<PipeName> {
    let mut name = String::new();
    std::fs::File::open(path).ok()?.take(LONGEST_NAME).read_to_string(&mut name).ok()?;
    PipeName::parse(&name)
}

/// Listens on a named pipe that stands for the socket file `path`. Only this user can open it. Its name is a new one each time, so
/// that nobody can have a pipe of that name there before. While it is to be found, there is a file with its name at `path`.
#[allow(clippy::disallowed_methods, reason = "a socket is named as a private file is")]
pub(crate) fn listen_privately(path: &Path) -> io::Result<LocalListener> {
    let name = PipeName::random()?;
    let listener = PipeListener::listen(name.clone())?;
    let new = path.with_added_extension("new");
    std::fs::write(&new, name.as_str())?;
    // Whoever looks sees all of a name.
    std::fs::rename(new, path)?;
    Ok(LocalListener::Pipe(listener))
}

/// The URL that docker knows the socket file `path` by. Where nobody listens it is one that leads nowhere.
pub(crate) fn socket_url(path: &Path) -> String {
    pipe_of(path).map_or_else(|| format!("npipe://{}", NOWHERE.replace('\\', "/")), |name| name.url())
}

/// The HTTP client that talks to whoever listens at the socket file `path`. Whoever gives it has asked the process that listens there
/// over [`connect_locally`], or is that process: this one does not look at whose pipe it is.
pub(crate) fn through_socket(path: &Path) -> ClientBuilder {
    let name = pipe_of(path).map_or_else(|| NOWHERE.to_owned(), |name| name.as_str().to_owned());
    reqwest::ClientBuilder::new().windows_named_pipe(name).into()
}

/// Connects to the socket file `path`.
///
/// Errors: nobody listens there, or another user does.
pub(crate) fn connect_locally(path: &Path) -> io::Result<Socket> {
    pipes::connect(&pipe_of(path).ok_or(io::ErrorKind::NotFound)?)
}

/// How long the name of a socket file may be: that of its pipe is as long for every one.
pub(crate) const LONGEST_SOCKET_NAME: usize = usize::MAX;
/// No pipe, and of a kind that only administrators can make for others.
const NOWHERE: &str = r"\\.\service-manager-ended";
/// More than a name has.
const LONGEST_NAME: u64 = 256;
