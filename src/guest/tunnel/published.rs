//! Ports that are published in the guest, and what has become of them here.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::forward::FIRST_UNPRIVILEGED;
use crate::base::types::{Port, ServiceName};

/// A port that something in the guest publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct PublishedPort {
    pub(crate) port: Port,
    pub(crate) reach: PortReach,
}

/// Whether a published port can be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PortReach {
    /// It is at 127.0.0.1 of the guest.
    Loopback,
    /// It is at another address of the guest alone.
    OtherAddress,
    /// It is not of TCP, and SSH forwards nothing else.
    OtherProtocol,
}

/// A port that is not here, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnpublishedPort {
    pub(crate) service: ServiceName,
    pub(crate) port: Port,
    pub(crate) reason: UnpublishedReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnpublishedReason {
    Privileged,
    Taken,
    OtherAddress,
    OtherProtocol,
    Failed(String),
}

impl fmt::Display for UnpublishedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.number();
        match &self.reason {
            UnpublishedReason::Privileged => {
                write!(
                    f,
                    "only root may listen at ports below {FIRST_UNPRIVILEGED}; `service-manager forward {}:{port}`",
                    8000 + port
                )
            }
            UnpublishedReason::Taken => write!(f, "another program listens at 127.0.0.1:{port} here"),
            UnpublishedReason::OtherAddress => {
                f.write_str("the machine has it at another address than 127.0.0.1")
            }
            UnpublishedReason::OtherProtocol => f.write_str("it is not of TCP"),
            UnpublishedReason::Failed(reason) => f.write_str(reason),
        }
    }
}

/// What a tunnel says of the ports that it publishes; those that are here are among its forwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PublishStatus {
    /// The services that are watched, and why one cannot be now.
    pub(crate) services: BTreeMap<ServiceName, Option<String>>,
    pub(crate) unpublished: Vec<UnpublishedPort>,
    /// How many more the guest claims than it can have here.
    pub(crate) beyond_limit: usize,
}
