//! Why no address of a service is a good endpoint.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};

use crate::access::credentials::CredentialError;

/// Why the host cannot use a service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody answers at any of the addresses.
    #[error("nothing answers")]
    NoResponse {
        /// What was heard at each address.
        reasons: Vec<(IpAddr, NoResponse)>,
        /// The addresses that were tried, each with its answer.
        attempts: Vec<String>,
        /// The reason that explains most.
        reason: NoResponse,
    },
    /// The certificate is good, but for no address or name by which the host could use it.
    #[error("the certificate at {address} names other hosts")]
    OtherNames {
        /// Where it was shown.
        address: SocketAddr,
        /// The names in it.
        names: Vec<String>,
    },
    /// The certificate is not accepted.
    #[error("the certificate at {address} is not valid")]
    Certificate {
        /// Where it was shown.
        address: SocketAddr,
        /// It will be valid later, by this host's clock.
        is_early: bool,
        /// The reason.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The service does not accept the credentials.
    #[error("{address} does not accept the credentials ({reason})")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// Its answer: an HTTP status, or a TLS alert.
        reason: String,
    },
    /// Nobody is asked for a login, and a port of this host that leads there would be open to all of its users.
    #[error("{address} asks for no login")]
    OpenToAll {
        /// Where.
        address: SocketAddr,
    },
    /// Something answers that is not such a service.
    #[error("{address} answers what this program does not understand")]
    Unexpected {
        /// Where.
        address: SocketAddr,
        /// What was not understood.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// No connection could be prepared.
    #[error("could not prepare a connection")]
    NotPrepared(#[source] Box<dyn StdError + Send + Sync>),
    /// The credentials cannot be used for any connection.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
}

/// Why there was no response, the reason that explains most last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NoResponse {
    /// There is no way there, or no answer came in time.
    Timeout,
    /// A server of another authority answers.
    WrongServer,
    /// The guest answers that nobody listens.
    ConnectionRefused,
    /// The service answers that it is not ready.
    NotReady,
}
