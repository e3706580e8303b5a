//! The beginnings of forwards on the host.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::PathBuf;

use super::forward::LocalEnd;
use crate::base::platform::{LONGEST_SOCKET_NAME, LocalListener, is_port_used, listen_privately};

/// Why nothing can listen there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("could not listen at `{}`", .path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error("`{}` is too long for the name of a socket ({} characters at most)", .path.display(), LONGEST_SOCKET_NAME)]
    TooLong { path: PathBuf },
    #[error("could not listen at 127.0.0.1:{port}")]
    Port { port: u16, source: io::Error },
    #[error("another program listens at 127.0.0.1:{port}")]
    Taken { port: u16 },
}

/// Listens at `local`. A port that is taken is replaced by the next free one.
pub(super) fn listen(local: &LocalEnd) -> Result<(LocalListener, LocalEnd), ListenError> {
    let (listener, local) = match local {
        LocalEnd::Socket(path) => (listen_at(path.clone())?, local.clone()),
        LocalEnd::Port(port) => listen_on(*port)?,
    };
    let failed = |source| ListenError::Socket { path: PathBuf::from(local.to_string()), source };
    listener.set_nonblocking(true).map_err(failed)?;
    Ok((listener, local))
}

/// The same, at no other port than that.
///
/// Errors: another program listens there, at whatever address of the host's own `localhost` leads to.
pub(super) fn listen_exactly(local: &LocalEnd) -> Result<(LocalListener, LocalEnd), ListenError> {
    let LocalEnd::Port(port) = *local else { return listen(local) };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken { port },
        _ => ListenError::Port { port, source },
    };
    // A program that listens there sees nothing of this. Connecting to it, which it would see, finds out what binding does not say
    // on every system.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(failed(error)),
        // Not every host has the newer protocol.
        Ok(_) | Err(_) => {}
    }
    if is_port_used(port) {
        return Err(ListenError::Taken { port });
    }
    let listener = LocalListener::from(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?);
    listener.set_nonblocking(true).map_err(failed)?;
    Ok((listener, local.clone()))
}

fn listen_at(path: PathBuf) -> Result<LocalListener, ListenError> {
    if path.as_os_str().len() > LONGEST_SOCKET_NAME {
        return Err(ListenError::TooLong { path });
    }
    listen_privately(&path).map_err(|source| ListenError::Socket { path, source })
}

/// The first port that is free, from `preferred` on. Never an address that others than this host could reach.
fn listen_on(preferred: u16) -> Result<(LocalListener, LocalEnd), ListenError> {
    let mut failure = None;
    for port in (preferred..=u16::MAX).take(MOST_PORTS) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => {
                let port = listener.local_addr().map_or(port, |address| address.port());
                return Ok((listener.into(), LocalEnd::Port(port)));
            }
            Err(source) => failure = failure.or(Some(source)),
        }
    }
    let source = failure.unwrap_or_else(|| io::ErrorKind::AddrInUse.into());
    Err(ListenError::Port { port: preferred, source })
}

/// So many that are taken one after the other are no accident.
const MOST_PORTS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::platform::testing::mode;

    #[test]
    fn a_port_that_is_taken_is_not_waited_for() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = other.local_addr().unwrap().port();
        let (listener, local) = listen(&LocalEnd::Port(taken)).unwrap();
        let port = listener.local_addr().unwrap().as_socket().unwrap();
        assert!(port.ip().is_loopback());
        assert_eq!(local, LocalEnd::Port(port.port()));
        assert_ne!(port.port(), taken);
    }

    #[test]
    fn a_port_that_the_user_has_named_is_not_replaced() {
        for taken in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            // Not every host has the newer protocol.
            let Ok(other) = TcpListener::bind(taken) else { continue };
            let port = other.local_addr().unwrap().port();
            let refused = listen_exactly(&LocalEnd::Port(port)).unwrap_err();
            assert!(matches!(refused, ListenError::Taken { port: named } if named == port), "{taken}");
            other.set_nonblocking(true).unwrap();
            let is_untouched = other.accept().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            // BSD's systems and Windows let somebody else bind at one address of all.
            let is_seen = !cfg!(target_os = "linux") && other.local_addr().unwrap().ip().is_unspecified();
            assert!(is_untouched || is_seen, "{taken}");
        }
    }

    #[test]
    fn a_port_that_the_user_has_named_is_used() {
        // Meanwhile another test may get the one that was free.
        let is_used = |_: i32| {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            listen_exactly(&LocalEnd::Port(free)).is_ok_and(|(_, local)| local == LocalEnd::Port(free))
        };
        assert!((0..20).any(is_used));
    }

    #[test]
    fn a_socket_is_private_and_replaces_what_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker.sock");
        for _ in 0..2 {
            let listened = listen(&LocalEnd::Socket(path.clone())).unwrap();
            assert_eq!(mode(&path), 0o600);
            drop(listened);
        }
        let long = folder.path().join("x".repeat(100));
        assert!(matches!(listen(&LocalEnd::Socket(long)), Err(ListenError::TooLong { .. })));
    }
}
