//! The state of a service.

/// The state of a service in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Every unit is active, and where it was asked the service answers.
    Running,
    /// A unit is on its way up.
    Starting,
    /// No unit is active.
    Stopped,
    /// No unit is active, and one ended with an error.
    Failed,
    /// Some units are down, or all are up and the service does not answer.
    Degraded,
    /// No flavour of it was found.
    NotInstalled,
}

impl State {
    /// The state in a table, a line or JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Degraded => "degraded",
            Self::NotInstalled => "not installed",
        }
    }

    /// The state after "kubernetes is".
    pub(crate) fn in_a_sentence(self) -> &'static str {
        match self {
            Self::Failed => "in a failed state",
            state => state.as_str(),
        }
    }

    /// True when something of the service runs.
    pub(crate) fn is_up(self) -> bool {
        match self {
            Self::Running | Self::Starting | Self::Degraded => true,
            Self::Stopped | Self::Failed | Self::NotInstalled => false,
        }
    }
}
