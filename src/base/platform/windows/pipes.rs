//! Named pipes that are this user's alone. They stand in for socket files, to which neither Docker nor Rust's libraries connect here.
//!
//! What waits for sockets cannot wait for pipes. So a thread carries the bytes between each pipe and a socket.

use std::io::{self, Read};
use std::net::TcpStream;
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeServer, PipeMode, ServerOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use super::super::pipe_name::PipeName;
use super::access::{self, Security};
use super::sockets::local_pair;

/// A named pipe that clients of this user's connect to. Its connections go on without it.
pub(crate) struct PipeListener {
    /// A byte for each connection in `accepted`. When this is closed, nobody can connect any more.
    news: TcpStream,
    accepted: Receiver<Socket>,
}

impl PipeListener {
    /// Begins the pipe `name`. Nobody but this user can open it, not even before it is returned.
    ///
    /// Errors: there is a pipe of that name already; the system's.
    pub(super) fn listen(name: PipeName) -> io::Result<Self> {
        let runtime = runtime()?;
        let (news, told) = local_pair()?;
        news.set_nonblocking(true)?;
        told.set_nonblocking(true)?;
        let (told, first) = {
            let _runtime = runtime.enter();
            (tokio::net::TcpStream::from_std(told)?, first_instance(&name)?)
        };
        let (sender, accepted) = channel();
        thread::spawn(move || runtime.block_on(serve(name, first, told, sender)));
        Ok(Self { news, accepted })
    }

    /// The next connection.
    ///
    /// Errors: `WouldBlock` when there is none yet; the pipe has failed.
    pub(super) fn accept(&self) -> io::Result<Socket> {
        (&self.news).read_exact(&mut [0])?;
        self.accepted.try_recv().map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl AsSocket for PipeListener {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.news.as_socket()
    }
}

/// Connects to the pipe `name`.
///
/// Errors: nobody listens there, or another user does.
pub(super) fn connect(name: &PipeName) -> io::Result<Socket> {
    let runtime = runtime()?;
    let begin = Instant::now();
    let pipe = loop {
        let _runtime = runtime.enter();
        // By default the server learns who connects, and cannot act as that user.
        match ClientOptions::new().open(name.as_str()) {
            // It is about to take the next one.
            Err(error) if error.raw_os_error() == Some(PIPE_BUSY) && begin.elapsed() < LONGEST_BUSY => {
                thread::sleep(BUSY);
            }
            opened => break opened?,
        }
    };
    // Anybody can make a pipe of any name, and give it to nobody but themselves.
    require_private(&Security::of_pipe(&pipe)?)?;
    let (ours, theirs) = local_pair()?;
    theirs.set_nonblocking(true)?;
    thread::spawn(move || {
        runtime.block_on(async move {
            if let Ok(theirs) = tokio::net::TcpStream::from_std(theirs) {
                carry(pipe, theirs).await;
            }
        });
    });
    Ok(ours.into())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().build()
}

/// The first instance of the pipe. Those that follow have its access control list. Until it has one, others may open it to read: such
/// a client is sent away before anybody writes.
fn first_instance(name: &PipeName) -> io::Result<NamedPipeServer> {
    let mut first = options();
    first.first_pipe_instance(true).write_dac(true).write_owner(true);
    let mut pipe = first.create(name.as_str())?;
    access::set_on_pipe(&mut pipe)?;
    require_private(&Security::of_pipe(&pipe)?)?;
    match pipe.disconnect() {
        Err(error) if error.raw_os_error() != Some(PIPE_LISTENING) => Err(error),
        _ => Ok(pipe),
    }
}

fn require_private(pipe: &Security) -> io::Result<()> {
    if pipe.is_private() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "others than you can open the pipe"))
}

/// By messages, since one that is empty tells that nothing more comes: Docker's clients end so what they send, and read on
/// (Microsoft/go-winio: pipe.go, `CloseWrite`).
fn options() -> ServerOptions {
    let mut options = ServerOptions::new();
    options.pipe_mode(PipeMode::Message).reject_remote_clients(true);
    options
}

/// Accepts connections to the pipe `name` until the other end of `told` is closed, and ends when all of them have ended.
async fn serve(
    name: PipeName,
    first: NamedPipeServer,
    told: tokio::net::TcpStream,
    accepted: Sender<Socket>,
) {
    let (mut listener, news) = told.into_split();
    let (open, mut all_closed) = mpsc::channel(1);
    let accepting = tokio::spawn(async move { accept_all(&name, first, news, &accepted, &open).await });
    // It sends nothing, so this is its end.
    let _ = listener.read(&mut [0]).await;
    accepting.abort();
    let _ = accepting.await;
    // None of the connections has the sender any more.
    let _: Option<()> = all_closed.recv().await;
}

/// Hands over each connection, until nobody takes them any more. One that fails is dropped, and those that come after it are not.
async fn accept_all(
    name: &PipeName,
    mut next: NamedPipeServer,
    mut news: OwnedWriteHalf,
    accepted: &Sender<Socket>,
    open: &mpsc::Sender<()>,
) {
    loop {
        let is_there = next.connect().await.is_ok();
        // Before the first has its turn, so that the name is never free.
        let pipe = std::mem::replace(&mut next, further_instance(name).await);
        if !is_there {
            // It has gone already.
            continue;
        }
        let socket = match hand_over(pipe, open.clone()) {
            Ok(socket) => socket,
            Err(error) => {
                log::warn!("could not accept a connection to the pipe `{}`: {error}", name.as_str());
                continue;
            }
        };
        if accepted.send(socket).is_err() || news.write_all(&[1]).await.is_err() {
            return;
        }
    }
}

/// One that the next client connects to. While the system has none, it is asked again: the instances that there are keep the name.
async fn further_instance(name: &PipeName) -> NamedPipeServer {
    loop {
        match options().create(name.as_str()) {
            Ok(pipe) => return pipe,
            Err(error) => {
                log::warn!("the pipe `{}` takes nobody for a moment: {error}", name.as_str());
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// A socket that stands for the client of `pipe`, until which is closed `open` is kept.
fn hand_over(pipe: NamedPipeServer, open: mpsc::Sender<()>) -> io::Result<Socket> {
    let (ours, theirs) = local_pair()?;
    theirs.set_nonblocking(true)?;
    let theirs = tokio::net::TcpStream::from_std(theirs)?;
    tokio::spawn(async move {
        carry(pipe, theirs).await;
        drop(open);
    });
    Ok(ours.into())
}

/// Carries bytes between `pipe` and `socket`, and that either sends no more, until the pipe's other end is closed or the socket's takes
/// nothing more.
async fn carry(pipe: impl AsyncRead + AsyncWrite + Send + 'static, socket: tokio::net::TcpStream) {
    let (from_pipe, to_pipe) = split(pipe);
    let (from_socket, to_socket) = socket.into_split();
    let back = tokio::spawn(carry_back(from_socket, to_pipe));
    match carry_there(from_pipe, to_socket).await {
        Ended::PipeClosed => back.abort(),
        // What it has sent before is still to be read.
        Ended::SocketDeaf => drop(back.await),
    }
}

/// How one direction has ended.
enum Ended {
    PipeClosed,
    SocketDeaf,
}

async fn carry_there<P: AsyncRead>(mut pipe: ReadHalf<P>, mut socket: OwnedWriteHalf) -> Ended {
    let mut buffer = vec![0; BUFFER];
    let mut has_ended = false;
    loop {
        match pipe.read(&mut buffer).await {
            // An empty message, or the other end is closed. Only then the next one is empty too.
            Ok(0) if !has_ended => {
                has_ended = true;
                if socket.shutdown().await.is_err() {
                    return Ended::SocketDeaf;
                }
            }
            Ok(0) | Err(_) => return Ended::PipeClosed,
            // After the end there is nothing, whatever the client says.
            Ok(_) if has_ended => {}
            Ok(count) => {
                if socket.write_all(&buffer[..count]).await.is_err() {
                    return Ended::SocketDeaf;
                }
            }
        }
    }
}

async fn carry_back<P: AsyncWrite>(mut socket: OwnedReadHalf, mut pipe: WriteHalf<P>) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(count @ 1..) = socket.read(&mut buffer).await {
        if pipe.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    // An empty message. Where the other end is closed already, nobody has to know.
    let _ = pipe.write(&[]).await;
}

/// As much as a pipe holds.
const BUFFER: usize = 64 << 10;
/// Of `CreateFileW`: each instance has a client.
const PIPE_BUSY: i32 = 231;
/// Of `DisconnectNamedPipe`: there is no client.
const PIPE_LISTENING: i32 = 536;
/// After the system had no instance.
const RETRY: Duration = Duration::from_secs(1);
const BUSY: Duration = Duration::from_millis(10);
const LONGEST_BUSY: Duration = Duration::from_secs(2);
