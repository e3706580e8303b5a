//! A SOCKS5 proxy (RFC 1928, RFC 1929).

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::proxy::join;

/// A proxy of the loopback interface, written `127.0.0.1:PORT`.
pub struct SocksProxy {
    address: SocketAddr,
    places: Arc<Mutex<Vec<String>>>,
}

impl SocksProxy {
    /// One that lets everybody through.
    pub fn for_all() -> Self {
        Self::new(None)
    }

    /// One that lets only `user` with `password` through.
    pub fn for_only(user: &str, password: &str) -> Self {
        Self::new(Some((user.to_owned(), password.to_owned())))
    }

    fn new(known: Option<(String, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let places = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&places);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (known, places) = (known.clone(), Arc::clone(&shared));
                // Clients may go away at any moment.
                thread::spawn(move || lead(stream, known, &places));
            }
        });
        Self { address, places }
    }

    /// Where it led to since the last time, as the client has called it: a name, where that was left to the proxy.
    pub fn places(&self) -> Vec<String> {
        std::mem::take(&mut self.places.lock().unwrap())
    }
}

impl fmt::Display for SocksProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

fn lead(mut near: TcpStream, known: Option<(String, String)>, places: &Mutex<Vec<String>>) -> io::Result<()> {
    let [_, methods] = bytes(&mut near)?;
    let offered = text(&mut near, methods)?;
    let method = if known.is_some() { 2 } else { 0 };
    if !offered.as_bytes().contains(&method) {
        return near.write_all(&[5, 0xff]);
    }
    near.write_all(&[5, method])?;
    if let Some(known) = known {
        let [_, length] = bytes(&mut near)?;
        let user = text(&mut near, length)?;
        let [length] = bytes(&mut near)?;
        let is_known = (user, text(&mut near, length)?) == known;
        near.write_all(&[1, u8::from(!is_known)])?;
        if !is_known {
            return Ok(());
        }
    }
    let [_, _, _, kind] = bytes(&mut near)?;
    let host = match kind {
        1 => Ipv4Addr::from(bytes::<4>(&mut near)?).to_string(),
        4 => format!("[{}]", Ipv6Addr::from(bytes::<16>(&mut near)?)),
        _ => {
            let [length] = bytes(&mut near)?;
            text(&mut near, length)?
        }
    };
    let place = format!("{host}:{}", u16::from_be_bytes(bytes(&mut near)?));
    places.lock().unwrap().push(place.clone());
    let far = TcpStream::connect(place);
    // "General failure", or done; from where does not matter.
    near.write_all(&[5, u8::from(far.is_err()), 0, 1, 0, 0, 0, 0, 0, 0])?;
    join(near, far?);
    Ok(())
}

fn bytes<const COUNT: usize>(stream: &mut TcpStream) -> io::Result<[u8; COUNT]> {
    let mut read = [0; COUNT];
    stream.read_exact(&mut read)?;
    Ok(read)
}

fn text(stream: &mut TcpStream, length: u8) -> io::Result<String> {
    let mut read = vec![0; length.into()];
    stream.read_exact(&mut read)?;
    Ok(String::from_utf8_lossy(&read).into_owned())
}
