//! What a tunnel says of itself.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::forward::{Forward, ForwardTarget};
use super::published::PublishStatus;

/// A tunnel as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TunnelStatus {
    pub(crate) session: SessionStatus,
    /// Why the last session ended, or none came about. It may hold text of the guest, sanitized.
    pub(crate) last_error: Option<String>,
    pub(crate) forwards: Vec<ForwardStatus>,
    /// None when it publishes nothing.
    pub(crate) published: Option<PublishStatus>,
}

impl TunnelStatus {
    /// Of a process that does not say what it does, for this `reason`.
    pub(crate) fn silent(reason: String) -> Self {
        let forwards = Vec::new();
        Self { session: SessionStatus::Silent, last_error: Some(reason), forwards, published: None }
    }
}

/// The SSH session of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub(crate) enum SessionStatus {
    /// The process that holds the tunnel does not answer.
    Silent,
    /// Nobody needs one.
    Down,
    LoggingIn,
    /// For so long.
    Up {
        seconds: u64,
    },
}

/// A forward as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ForwardStatus {
    pub(crate) forward: Forward,
    /// When it was made, in seconds since 1970.
    pub(crate) since: u64,
    /// Connections that are open.
    pub(crate) open: usize,
    /// Connections that there were.
    pub(crate) accepted: u64,
    /// Bytes from the guest.
    pub(crate) received: u64,
    /// Bytes to the guest.
    pub(crate) sent: u64,
    /// Why the last connection that failed did so.
    pub(crate) last_error: Option<String>,
}

impl ForwardStatus {
    pub(super) fn new(forward: &Forward) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let forward = forward.clone();
        Self { forward, since, open: 0, accepted: 0, received: 0, sent: 0, last_error: None }
    }

    /// True when each connection is a command in the guest.
    pub(super) fn is_command(&self) -> bool {
        matches!(self.forward.target, ForwardTarget::Engine(_))
    }

    pub(super) fn accept(&mut self) {
        self.accepted += 1;
    }

    pub(super) fn count(&mut self, received: u64, sent: u64) {
        self.received += received;
        self.sent += sent;
        if received > 0 {
            self.last_error = None;
        }
    }

    /// A client that tries again and again fails for the same reason, which is told once.
    pub(super) fn fail(&mut self, reason: &str) {
        if self.last_error.as_deref() != Some(reason) {
            log::info!("{}: {reason}", self.forward.purpose);
        }
        self.last_error = Some(reason.to_owned());
    }

    /// The same with the connections that are open.
    pub(super) fn with_links(&self, links: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut status = self.clone();
        for (received, sent) in links {
            status.open += 1;
            status.received += received;
            status.sent += sent;
        }
        status
    }
}
