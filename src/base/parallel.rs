//! Several things at once, with a limit.

use std::sync::Mutex;
use std::thread;

use super::deadline::WorkerPanicked;

/// Does `work` for each of `items` on at most `limit` threads; the results are in their order.
pub(crate) fn map<I: Send, T: Send>(
    items: Vec<I>,
    limit: usize,
    work: impl Fn(I) -> T + Sync,
) -> Vec<Result<T, WorkerPanicked>> {
    let threads = limit.min(items.len());
    // Most often it is one, which needs no thread.
    if threads <= 1 {
        return items.into_iter().map(|item| Ok(work(item))).collect();
    }
    let mut results: Vec<Result<T, WorkerPanicked>> = items.iter().map(|_| Err(WorkerPanicked)).collect();
    let queue = Mutex::new(items.into_iter().zip(&mut results));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    // The lock is held while one is taken, not while it is worked on.
                    while let Some((item, result)) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                        *result = Ok(work(item));
                    }
                })
            })
            .collect();
        for worker in workers {
            // What it was at stays as it was: panicked.
            let _ = worker.join();
        }
    });
    drop(queue);
    results
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_are_in_order_and_threads_are_limited() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |number: usize| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            number * 2
        };
        let doubled: Vec<usize> = map((0..200).collect(), 7, work).into_iter().map(Result::unwrap).collect();
        assert_eq!(doubled, (0..200).map(|number| number * 2).collect::<Vec<_>>());
        assert!((1..=7).contains(&most.load(Ordering::SeqCst)));
    }

    #[test]
    fn one_that_panics_spoils_no_other() {
        let results = map(vec![1, 0, 2], 2, |number| 2 / number);
        assert_eq!(results, [Ok(2), Err(WorkerPanicked), Ok(1)]);
    }
}
