//! What is found at a port where an SSH server should be. Only `doctor` asks, once a login has failed.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::route::Hop;
use crate::base::deadline::Deadline;
use crate::base::text::sanitize;
use crate::base::timeouts;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// The name leads to no address.
    UnknownName,
    /// No packet comes back: the host is down, or a firewall drops them.
    NoAnswer,
    /// The host is there, and nobody listens at that port.
    Refused,
    /// The system's own reason.
    NoRoute(String),
    /// Somebody listens and says nothing, as a forwarded port does whose machine is down.
    Silent,
    /// Somebody listens who speaks no SSH: the beginning of what they say, sanitized.
    Other(String),
    /// An SSH server.
    Ssh,
}

/// Connects to `hop`, greets as an SSH client and listens to what is said there first.
pub(crate) fn greeting(hop: &Hop, deadline: Deadline) -> Greeting {
    let Ok(addresses) = (hop.host.as_str(), hop.port).to_socket_addrs() else { return Greeting::UnknownName };
    let mut found = Greeting::UnknownName;
    for address in addresses {
        found = greeting_at(address, deadline);
        if matches!(found, Greeting::Ssh | Greeting::Other(_) | Greeting::Silent) {
            break;
        }
    }
    found
}

fn greeting_at(address: SocketAddr, deadline: Deadline) -> Greeting {
    let limit = deadline.at_most(timeouts::GREETING).left().max(Duration::from_millis(1));
    let mut stream = match TcpStream::connect_timeout(&address, limit) {
        Ok(stream) => stream,
        Err(error) => return of_error(&error),
    };
    let mut heard = [0; LONGEST];
    // One that could not be set is found by the whole command's limit.
    let _ = stream.set_read_timeout(Some(limit));
    // A server of another protocol may say something only when it is spoken to; a lost word is found by reading.
    let _ = stream.write_all(b"SSH-2.0-service-manager\r\n");
    match stream.read(&mut heard) {
        Ok(0) | Err(_) => Greeting::Silent,
        Ok(count) => of_words(&heard[..count]),
    }
}

fn of_error(error: &std::io::Error) -> Greeting {
    match error.kind() {
        ErrorKind::ConnectionRefused => Greeting::Refused,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Greeting::NoAnswer,
        _ => Greeting::NoRoute(error.to_string()),
    }
}

/// The server may say something before its version (RFC 4253, 4.2).
fn of_words(heard: &[u8]) -> Greeting {
    let text = String::from_utf8_lossy(heard);
    if text.lines().any(|line| line.starts_with("SSH-")) {
        return Greeting::Ssh;
    }
    Greeting::Other(sanitize(text.lines().next().unwrap_or_default()))
}

const LONGEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssh_server_says_so() {
        for (heard, expected) in [
            (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], Greeting::Ssh),
            (b"welcome\r\nSSH-2.0-x\r\n", Greeting::Ssh),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Greeting::Other("HTTP/1.1 400 Bad Request".into())),
            (b"\x1b[2J\xff", Greeting::Other("\\u{1b}[2J\u{fffd}".into())),
        ] {
            assert_eq!(of_words(heard), expected);
        }
    }
}
