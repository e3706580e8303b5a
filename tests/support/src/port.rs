//! A port of the host at which something else than an SSH server is.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A port of the loopback interface, written `127.0.0.1:PORT`.
pub struct Port(SocketAddr);

impl Port {
    /// One at which nothing listens.
    pub fn closed() -> Self {
        Self(listen().1)
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
        Self(address)
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
        Self(address)
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
                let far = TcpStream::connect(&place).unwrap();
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
        Self(address)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
