//! A kubeconfig from the guest is a program: kubectl runs what its `exec` names and sends the files its
//! paths name. So none is ever copied. What may be carried over is read into [`Credentials`], and a new
//! file is written from them. Pure: text in, text out.

mod read;
mod write;

use secrecy::SecretString;

pub use self::write::render;
use crate::certificate::Certificates;
use crate::grammar::HostName;

/// What a client needs to be sure of the server and to be accepted by it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The authorities that vouch for the server, in PEM.
    pub authority: Certificates,
    /// How the client proves who it is.
    pub proof: Proof,
    /// The server's port as the guest's file names it.
    pub port: u16,
    /// The host name in the guest's `server`, when it is a name and no address.
    pub server_name: Option<HostName>,
}

/// How a client proves who it is. At least one of them is there.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A certificate and its key.
    Certificate {
        /// The chain, in PEM.
        certificate: Certificates,
        /// The private key, in PEM.
        key: SecretString,
    },
    /// A bearer token.
    Token(SecretString),
    /// A user and a password, as old servers accept them.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
}

/// Why a kubeconfig is not used. No text of the file is in the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what a variant is")]
pub enum Refusal {
    #[error("it is not text")]
    NotText,
    #[error("it is longer than 1 MiB")]
    TooLong,
    #[error("it uses YAML anchors or aliases")]
    Alias,
    #[error("it is not the YAML of a kubeconfig")]
    NotKubeconfig,
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its user wants to run a program on the host (`{0}`)")]
    Program(&'static str),
    #[error("its {0} is not valid")]
    Invalid(&'static str),
    #[error("its {0} names a file that the guest does not have or does not show")]
    File(&'static str),
    #[error("its key does not belong to its certificate")]
    OtherKey,
}
