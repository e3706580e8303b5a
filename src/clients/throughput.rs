//! A download that crawls is given up.

use std::time::{Duration, Instant};

use super::download_error::{DownloadError, SLOWEST};

/// Counts the bytes of each window of time, and fails when they were too few.
pub(super) struct ThroughputGuard {
    begin: Instant,
    bytes: u64,
    window: Duration,
}

impl ThroughputGuard {
    pub(super) fn new(window: Duration) -> Self {
        Self { begin: Instant::now(), bytes: 0, window }
    }

    /// Counts `read` bytes more.
    ///
    /// Errors: less than [`SLOWEST`] bytes a second came during a whole window.
    pub(super) fn record(&mut self, read: usize) -> Result<(), DownloadError> {
        self.bytes += read as u64;
        if self.begin.elapsed() < self.window {
            return Ok(());
        }
        if self.bytes < SLOWEST * self.window.as_secs().max(1) {
            return Err(DownloadError::Slow(self.window));
        }
        (self.begin, self.bytes) = (Instant::now(), 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_bytes_in_a_window_are_an_error() {
        let mut guard = ThroughputGuard::new(Duration::ZERO);
        assert!(guard.record(2 << 10).is_ok());
        assert!(matches!(guard.record(1), Err(DownloadError::Slow(_))));
        assert!(ThroughputGuard::new(Duration::from_mins(1)).record(1).is_ok());
    }
}
