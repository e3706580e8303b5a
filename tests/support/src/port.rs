//! A port of the host at which something else than an SSH server is.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use socket2::{Domain, Socket, Type};

/// A port of the loopback interface, written `127.0.0.1:PORT`.
pub struct Port {
    address: SocketAddr,
    /// What keeps it from others where nobody listens.
    _socket: Option<Socket>,
}

impl Port {
    /// One at which nothing listens, and nothing else can as long as this is kept.
    pub fn closed() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { address, _socket: Some(socket) }
    }

    /// One that accepts and says nothing.
    pub fn silent() -> Self {
        let (listener, address) = listen();
        thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                open.push(stream);
            }
        });
        Self { address, _socket: None }
    }

    /// One that answers the first words of everybody with `text` and hangs up.
    pub fn answering(text: &'static str) -> Self {
        let (listener, address) = listen();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // Whoever has gone needs no answer.
                let _ = stream.read(&mut [0; 1024]).and_then(|_| stream.write_all(text.as_bytes()));
            }
        });
        Self { address, _socket: None }
    }

    /// One that is forwarded to `place`, as `VirtualBox` does it.
    pub fn leading_to(place: String) -> Self {
        Self::leading_slowly_to(place, || ())
    }

    /// The same, where `meanwhile` happens between a connection and its first word.
    pub fn leading_slowly_to(place: String, mut meanwhile: impl FnMut() + Send + 'static) -> Self {
        let (listener, address) = listen();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                meanwhile();
                // Where nobody listens any more it hangs up.
                let Ok(far) = TcpStream::connect(&place) else { continue };
                let (near, far) = (Arc::new(near), Arc::new(far));
                for (from, to) in [(Arc::clone(&near), Arc::clone(&far)), (far, near)] {
                    thread::spawn(move || {
                        // Either side may hang up.
                        let _ = io::copy(&mut &*from, &mut &*to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self { address, _socket: None }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
