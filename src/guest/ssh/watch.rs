//! Whether a server that has much to do is still there.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Notices when nothing comes from a server for so long that it is gone.
pub(super) struct ServerWatch {
    limit: Duration,
    /// How many bytes had come when something came last, and when that was.
    last: Cell<(u64, Instant)>,
    asked: Cell<Instant>,
}

/// What to do about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Fine,
    /// Ask it for a sign of life.
    Ask,
    Gone,
}

impl ServerWatch {
    pub(super) fn new(limit: Duration, now: Instant) -> Self {
        Self { limit, last: Cell::new((0, now)), asked: Cell::new(now) }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// How long nothing has to be looked at.
    pub(super) fn pause(&self) -> Duration {
        (self.limit / ASKED_IN_TIME).max(Duration::from_millis(100))
    }

    /// What to do now that `received` bytes have come in all.
    pub(super) fn look(&self, received: u64, now: Instant) -> Look {
        let (known, since) = self.last.get();
        if received != known {
            self.last.set((received, now));
            return Look::Fine;
        }
        if now.duration_since(since) > self.limit {
            return Look::Gone;
        }
        if now.duration_since(since.max(self.asked.get())) < self.pause() {
            return Look::Fine;
        }
        self.asked.set(now);
        Look::Ask
    }
}

/// How often a server is asked before it is given up.
const ASKED_IN_TIME: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_is_asked_and_then_given_up() {
        let begin = Instant::now();
        let watch = ServerWatch::new(Duration::from_secs(30), begin);
        let look = |received, seconds| watch.look(received, begin + Duration::from_secs(seconds));
        assert_eq!(look(5, 1), Look::Fine);
        assert_eq!(look(5, 8), Look::Fine);
        assert_eq!(look(5, 11), Look::Ask);
        assert_eq!(look(5, 12), Look::Fine);
        // An answer is a sign of life.
        assert_eq!(look(6, 13), Look::Fine);
        assert_eq!(look(6, 30), Look::Ask);
        assert_eq!(look(6, 43), Look::Ask);
        assert_eq!(look(6, 44), Look::Gone);
    }
}
