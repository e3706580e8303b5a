//! What a user can ask for.

/// What is to become of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It runs, now and after the next boot.
    Start,
    /// It does not, and nothing starts it again.
    Stop,
    /// What runs is stopped and started again.
    Restart,
}

impl Verb {
    /// The word that the user types.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    /// What is going on.
    pub(crate) fn participle(self) -> &'static str {
        match self {
            Self::Start => "starting",
            Self::Stop => "stopping",
            Self::Restart => "restarting",
        }
    }

    /// What it leads to.
    pub(crate) fn wanted(self) -> &'static str {
        match self {
            Self::Start | Self::Restart => "up",
            Self::Stop => "gone",
        }
    }
}
