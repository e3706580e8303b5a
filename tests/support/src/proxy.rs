//! A proxy, as between a company's hosts and everything else.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// A proxy of the loopback interface, written `127.0.0.1:PORT`.
pub struct Proxy {
    address: SocketAddr,
    places: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that lets only `USER:PASSWORD` through.
    pub fn for_only(credentials: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let places = Arc::new(Mutex::new(Vec::new()));
        let (line, known) = (format!("Basic {}", BASE64_STANDARD.encode(credentials)), Arc::clone(&places));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (line, known) = (line.clone(), Arc::clone(&known));
                // Clients may go away at any moment.
                thread::spawn(move || lead(stream, &line, &known));
            }
        });
        Self { address, places }
    }

    /// Where it led to since the last time.
    pub fn places(&self) -> Vec<String> {
        std::mem::take(&mut self.places.lock().unwrap())
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

fn lead(near: TcpStream, credentials: &str, places: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut lines = BufReader::new(near.try_clone()?).lines();
    let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let place = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut is_known = false;
    for line in lines {
        let line = line?;
        let header = line.split_once(": ");
        is_known |= header.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("proxy-authorization") && value == credentials
        });
        if line.is_empty() {
            break;
        }
    }
    let refused =
        "HTTP/1.1 407 Who Are You\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    if !is_known {
        return (&near).write_all(refused.as_bytes());
    }
    places.lock().unwrap().push(place.clone());
    let far = TcpStream::connect(place)?;
    (&near).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    join(near, far);
    Ok(())
}

/// Has each of them get what the other one says, until both are done.
pub(crate) fn join(near: TcpStream, far: TcpStream) {
    let (near, far) = (Arc::new(near), Arc::new(far));
    let back = (Arc::clone(&far), Arc::clone(&near));
    let there = thread::spawn(move || pass_on(&near, &far));
    pass_on(&back.0, &back.1);
    let _ = there.join();
}

/// Either side may hang up.
fn pass_on(from: &TcpStream, to: &TcpStream) {
    let _ = io::copy(&mut &*from, &mut &*to);
    let _ = to.shutdown(Shutdown::Write);
}
