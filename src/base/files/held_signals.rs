//! While a file is locked the way kubectl locks it, nothing may end the process: the lock would stay for ever.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::platform::{hold_signals, release_signals};

/// While one of these is there, the signals that end a program wait.
#[derive(Debug)]
pub(super) struct HeldSignals(());

#[derive(Debug, Default)]
struct Holders {
    count: usize,
    /// The process ends: nothing is locked any more.
    is_ending: bool,
}

// The signals' state changes only under the mutex: a release never undoes what a new holder has just set.
static HOLDERS: Mutex<Holders> = Mutex::new(Holders { count: 0, is_ending: false });
static RELEASED: Condvar = Condvar::new();

fn holders() -> MutexGuard<'static, Holders> {
    HOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HeldSignals {
    /// None when the process is about to end.
    pub(super) fn new() -> Option<Self> {
        let mut holders = holders();
        if holders.is_ending {
            return None;
        }
        holders.count += 1;
        hold_signals();
        Some(Self(()))
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        let mut holders = holders();
        holders.count -= 1;
        if holders.count == 0 {
            release_signals();
            RELEASED.notify_all();
        }
    }
}

/// For a process that ends while a thread of it may still be at work: sees to it that no
/// [`SharedFile`](super::SharedFile) is locked then. Those that are have so long to be whole; from now on there are no
/// others.
pub(crate) fn unlock_before_the_end(limit: Duration) {
    let mut holders = holders();
    holders.is_ending = true;
    // What is still locked after that has to stay.
    let _ = RELEASED.wait_timeout_while(holders, limit, |holders| holders.count > 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::platform::testing::are_signals_held;

    #[test]
    fn signals_are_held_for_as_long_as_anybody_holds_them() {
        let hold = || {
            for _ in 0..20_000 {
                let held = HeldSignals::new().unwrap();
                assert!(are_signals_held());
                std::thread::yield_now();
                assert!(are_signals_held());
                drop(held);
            }
        };
        std::thread::scope(|scope| (0..4).map(|_| scope.spawn(hold)).for_each(drop));
    }
}
