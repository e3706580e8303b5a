//! One limit for a whole command.

use crate::base::timeouts;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The moment at which a command gives up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    end: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline `limit` from now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { end: Instant::now() + limit, limit }
    }

    /// This deadline, or `limit` from now if that is sooner.
    #[must_use]
    pub(crate) fn at_most(self, limit: Duration) -> Self {
        let sooner = Self::after(limit);
        if sooner.end < self.end { sooner } else { self }
    }

    /// What is left of it; zero when it is over.
    pub(crate) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// True when nothing is left.
    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// The error for what did not happen in time.
    pub(crate) fn timeout(self, waiting_for: impl Into<String>) -> Timeout {
        Timeout { waiting_for: waiting_for.into(), limit: self.limit }
    }

    /// The whole time that was given.
    pub(crate) fn limit(self) -> Duration {
        self.limit
    }
}

/// The time was over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gave up after {} s, waiting for {waiting_for}", .limit.as_secs_f32())]
pub struct Timeout {
    /// What did not happen in time.
    pub waiting_for: String,
    /// The whole time that was given.
    pub limit: Duration,
}

/// A thread that did a part of the work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the command broke off; this is a bug")]
pub(crate) struct WorkerPanicked;

/// Does `work` on a thread of its own: whatever waits in there (a name server, an agent, a dead network disk),
/// the whole takes no longer than `limit` and what `finish` takes, which is called when that is over: it may wait
/// for something that must not be left half done. When `work` ends by then, all is well.
///
/// Errors: those of `work`; it took longer, or panicked.
pub(crate) fn in_time<T, E>(
    limit: Duration,
    finish: impl FnOnce(),
    work: impl FnOnce(Deadline) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Timeout> + From<WorkerPanicked> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    // Begins here: a busy host may start the thread late.
    let deadline = Deadline::after(limit);
    thread::spawn(move || {
        // The receiver is gone only when the time is over.
        let _ = sender.send(work(deadline));
    });
    let in_time = receiver.recv_timeout(limit + timeouts::GRACE);
    let result = in_time.or_else(|error| match error {
        RecvTimeoutError::Timeout => {
            finish();
            receiver.recv_timeout(timeouts::GRACE)
        }
        RecvTimeoutError::Disconnected => Err(error),
    });
    result.unwrap_or_else(|error| {
        Err(match error {
            RecvTimeoutError::Timeout => deadline.timeout("the command to end").into(),
            RecvTimeoutError::Disconnected => WorkerPanicked.into(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Error {
        #[error(transparent)]
        Timeout(#[from] Timeout),
        #[error(transparent)]
        Worker(#[from] WorkerPanicked),
    }

    #[test]
    fn work_that_hangs_or_breaks_is_left_alone() {
        assert_eq!(in_time(Duration::from_mins(1), || (), |_| Ok::<_, Error>(1)).unwrap(), 1);
        let hangs = |_| {
            thread::sleep(Duration::from_hours(1));
            Ok::<(), Error>(())
        };
        assert!(matches!(in_time(Duration::from_millis(1), || (), hangs), Err(Error::Timeout(_))));
        let breaks = |_| -> Result<(), Error> { panic!("of this test") };
        assert!(matches!(in_time(Duration::from_mins(1), || (), breaks), Err(Error::Worker(_))));
    }

    #[test]
    fn what_ends_while_it_is_waited_for_counts() {
        let (sender, receiver) = mpsc::channel();
        let finish = || sender.send(1).unwrap();
        let work = move |_| Ok::<_, Error>(receiver.recv().unwrap());
        assert_eq!(in_time(Duration::from_millis(1), finish, work).unwrap(), 1);
    }

    #[test]
    fn the_sooner_end_wins() {
        let minute = Deadline::after(Duration::from_mins(1));
        assert!(minute.at_most(Duration::from_secs(1)).left() <= Duration::from_secs(1));
        assert!(minute.at_most(Duration::from_mins(5)).left() <= Duration::from_mins(1));
        assert!(Deadline::after(Duration::ZERO).is_over());
    }
}
