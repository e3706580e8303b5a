//! One limit for a whole command.

use std::time::{Duration, Instant};

/// The moment at which a command gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    end: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self { end: Instant::now() + limit, limit }
    }

    /// This deadline, or `limit` from now if that is sooner.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        let sooner = Self::after(limit);
        if sooner.end < self.end { sooner } else { self }
    }

    /// What is left of it; zero when it is over.
    pub fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// True when nothing is left.
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// The whole time that was given.
    pub fn limit(self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sooner_end_wins() {
        let minute = Deadline::after(Duration::from_mins(1));
        assert!(minute.at_most(Duration::from_secs(1)).left() <= Duration::from_secs(1));
        assert!(minute.at_most(Duration::from_mins(5)).left() <= Duration::from_mins(1));
        assert!(Deadline::after(Duration::ZERO).is_over());
    }
}
