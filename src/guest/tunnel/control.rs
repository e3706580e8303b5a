//! How other processes of the same user talk to the one that holds a tunnel: a line of JSON each way, over a socket in a folder
//! that nobody else can enter.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use socket2::Socket;

use super::forward::{Forward, LocalEnd};
use super::listener::{ListenError, listen};
use super::status::TunnelStatus;
use crate::base::deadline::{Deadline, Timeout};
use crate::base::platform::{AsOsSocket, Interest, LocalListener, Ready, connect_locally};
use crate::base::timeouts;

/// What the process that holds a tunnel is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum ControlRequest {
    /// Who are you? Whoever asks says how the machine is reached now.
    Hello(TunnelWay),
    Add(Forward),
    Remove(Forward),
    /// Whoever has added it does not need it. It stays for others who have added it too.
    Withdraw(Forward),
    /// Publish what the services publish; when that is done already, look for those that could not be watched.
    Publish,
    List,
    Stop,
}

/// How the machine is reached now. It may be another way than the one by which the tunnel has logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TunnelWay {
    /// The socket of the agent that has the user's keys.
    pub(crate) agent: Option<PathBuf>,
    /// User, places and keys, as JSON; only compared.
    pub(crate) route: String,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum ControlAnswer {
    /// The version of the program, and the key of the machine.
    Hello {
        version: String,
        machine: String,
    },
    /// Where the forward begins.
    Added(LocalEnd),
    /// Another program listens there.
    PortTaken,
    Status(TunnelStatus),
    Done,
    Failed(String),
}

/// Why a tunnel could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("could not talk to the tunnel at `{}`", .path.display())]
    Talk { path: PathBuf, source: io::Error },
    #[error("the tunnel at `{}` says: {reason}", .path.display())]
    Refused { path: PathBuf, reason: String },
    #[error(transparent)]
    Timeout(#[from] Timeout),
}

/// Asks the process that holds a tunnel.
pub(crate) struct ControlClient {
    socket: Socket,
    path: PathBuf,
}

impl ControlClient {
    /// Connects to the socket `path`; none when nobody listens there.
    pub(crate) fn connect(path: &Path) -> Option<Self> {
        let socket = connect_locally(path).ok()?;
        Some(Self { socket, path: path.to_owned() })
    }

    /// Sends `request` and waits for the answer.
    ///
    /// Errors: the connection ends, nothing comes by `deadline`, or the tunnel refuses.
    pub(crate) fn ask(
        &mut self,
        request: &ControlRequest,
        deadline: Deadline,
    ) -> Result<ControlAnswer, ControlError> {
        let path = self.path.clone();
        match self.exchange(request, deadline) {
            Ok(ControlAnswer::Failed(reason)) => Err(ControlError::Refused { path, reason }),
            Ok(answer) => Ok(answer),
            Err(_) if deadline.is_over() => Err(deadline.timeout("the tunnel to answer").into()),
            Err(source) => Err(ControlError::Talk { path, source }),
        }
    }

    fn exchange(&mut self, request: &ControlRequest, deadline: Deadline) -> io::Result<ControlAnswer> {
        let left = || Some(deadline.left().max(Duration::from_millis(1)));
        self.socket.set_write_timeout(left())?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.socket.write_all(&line)?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while !answer.ends_with(b"\n") {
            self.socket.set_read_timeout(left())?;
            match self.socket.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => answer.extend_from_slice(&buffer[..count]),
            }
            if answer.len() > LONGEST_LINE {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// The other end: answers whoever asks, without ever waiting.
pub(super) struct ControlServer {
    listener: LocalListener,
    path: PathBuf,
    clients: Vec<Conversation>,
    /// Accepting has failed, most likely for want of file descriptors: not before this again.
    accept_after: Option<Instant>,
}

/// Somebody who asks.
struct Conversation {
    socket: Socket,
    asked: Vec<u8>,
    answer: Vec<u8>,
}

impl ControlServer {
    pub(super) fn listen(path: PathBuf) -> Result<Self, ListenError> {
        let (listener, _) = listen(&LocalEnd::Socket(path.clone()))?;
        Ok(Self { listener, path, clients: Vec::new(), accept_after: None })
    }

    /// False when somebody has removed the socket: nobody can ask any more.
    pub(super) fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// How long nothing has to be done unless a socket is ready.
    pub(super) fn patience(&self) -> Option<Duration> {
        let left = self.accept_after?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn watched(&self) -> Vec<(&dyn AsOsSocket, Interest)> {
        let mut watched: Vec<(&dyn AsOsSocket, Interest)> =
            vec![(&self.listener, Interest { read: self.patience().is_none(), write: false })];
        watched.extend(self.clients.iter().map(|client| {
            let is_answered = client.answer.is_empty();
            (&client.socket as &dyn AsOsSocket, Interest { read: is_answered, write: !is_answered })
        }));
        watched
    }

    /// Takes note of what has come on the sockets of [`Self::watched`], in that order, and answers by `answer`.
    pub(super) fn react(&mut self, ready: &[Ready], mut answer: impl FnMut(ControlRequest) -> ControlAnswer) {
        let Some((listener, others)) = ready.split_first() else { return };
        let mut others = others.iter();
        self.clients.retain_mut(|client| match others.next() {
            Some(ready) if ready.read || ready.write || ready.gone => client.go_on(&mut answer).is_ok(),
            _ => true,
        });
        if listener.read {
            self.accept();
        }
    }

    /// Too many at a time are some that hang: the oldest has to go.
    fn accept(&mut self) {
        loop {
            let accepted = self.listener.accept();
            let socket = match accepted.and_then(|(socket, _)| socket.set_nonblocking(true).map(|()| socket))
            {
                Ok(socket) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.accept_after = Some(Instant::now() + timeouts::TUNNEL_RETRY);
                    return;
                }
            };
            if self.clients.len() == MOST_CLIENTS {
                self.clients.remove(0);
            }
            self.clients.push(Conversation { socket, asked: Vec::new(), answer: Vec::new() });
        }
    }
}

impl Conversation {
    /// An error ends the conversation.
    fn go_on(&mut self, answer: &mut impl FnMut(ControlRequest) -> ControlAnswer) -> io::Result<()> {
        if self.answer.is_empty() {
            self.read()?;
            let Some(end) = self.asked.iter().position(|byte| *byte == b'\n') else { return Ok(()) };
            let line: Vec<u8> = self.asked.drain(..=end).collect();
            let answered = match serde_json::from_slice(&line) {
                Ok(request) => answer(request),
                Err(_) => ControlAnswer::Failed("this is no request".to_owned()),
            };
            self.answer = serde_json::to_vec(&answered)?;
            self.answer.push(b'\n');
        }
        while !self.answer.is_empty() {
            match self.socket.write(&self.answer) {
                Ok(count) => drop(self.answer.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.asked.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.asked.len() > LONGEST_LINE {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
    }
}

/// With all ports that a guest can publish.
const LONGEST_LINE: usize = 256 << 10;
const MOST_CLIENTS: usize = 16;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::base::platform::poll_sockets;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(10))
    }

    /// Answers until somebody says stop.
    fn serve(mut server: ControlServer) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            let mut is_over = false;
            while !is_over {
                let ready = poll_sockets(&server.watched(), Some(Duration::from_secs(10))).unwrap();
                server.react(&ready, |request| match request {
                    ControlRequest::Stop => {
                        is_over = true;
                        ControlAnswer::Done
                    }
                    _ => ControlAnswer::Hello { version: "1".into(), machine: "m".into() },
                });
            }
        })
    }

    #[test]
    fn whoever_asks_is_answered_whatever_others_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let server = serve(ControlServer::listen(path.clone()).unwrap());
        let idle: Vec<_> = (0..3 * MOST_CLIENTS).map(|_| connect_locally(&path).unwrap()).collect();
        let mut odd = connect_locally(&path).unwrap();
        odd.write_all(b"{\"add\":{\"service\":\"$(id)\"}}\n").unwrap();
        let mut buffer = [0; 256];
        let count = odd.read(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"{\"failed\":\"this is no request\"}\n");
        let mut endless = connect_locally(&path).unwrap();
        // It hangs up.
        while endless.write_all(&[b'x'; 4096]).is_ok() {}

        let mut client = ControlClient::connect(&path).unwrap();
        for _ in 0..2 {
            let answer = client.ask(&ControlRequest::Hello(TunnelWay::default()), soon()).unwrap();
            assert!(matches!(answer, ControlAnswer::Hello { .. }));
        }
        client.ask(&ControlRequest::Stop, soon()).unwrap();
        drop(idle);
        server.join().unwrap();
        // A program that another test starts has the listener too, until it runs.
        let end = soon();
        while ControlClient::connect(&path).is_some() {
            assert!(!end.is_over(), "nobody listens any more");
            thread::yield_now();
        }
    }
}
