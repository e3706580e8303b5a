//! Signals that wait until a file is whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// The signals that end a program; handled since they were first held.
#[derive(Default)]
struct Signals {
    /// Nobody holds them: they do what they always do.
    are_free: Arc<AtomicBool>,
    /// Those that came meanwhile.
    pending: Vec<(i32, Arc<AtomicBool>)>,
}

static SIGNALS: LazyLock<Signals> = LazyLock::new(|| {
    let mut signals = Signals::default();
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let came = Arc::new(AtomicBool::new(false));
        let handled = flag::register_conditional_default(signal, Arc::clone(&signals.are_free))
            .and_then(|_| flag::register(signal, Arc::clone(&came)));
        if let Err(error) = handled {
            log::debug!("signal {signal} will not wait: {error}");
        }
        signals.pending.push((signal, came));
    }
    signals
});

/// From now on what would end the process waits for [`release_signals`]. The caller sees to it that these two take turns.
pub(crate) fn hold_signals() {
    SIGNALS.are_free.store(false, Ordering::SeqCst);
}

/// Ends the process if it was told to end meanwhile.
pub(crate) fn release_signals() {
    SIGNALS.are_free.store(true, Ordering::SeqCst);
    for (signal, came) in &SIGNALS.pending {
        if came.swap(false, Ordering::SeqCst) {
            // Ends the process; were it to fail, the command would just go on.
            let _ = low_level::emulate_default_handler(*signal);
        }
    }
}

#[cfg(test)]
pub(crate) fn are_signals_held() -> bool {
    !SIGNALS.are_free.load(Ordering::SeqCst)
}
