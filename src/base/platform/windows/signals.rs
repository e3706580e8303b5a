//! Ctrl-C and its like, which wait until a file is whole.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Nobody holds them: they do what they always do.
static ARE_FREE: AtomicBool = AtomicBool::new(true);
/// One has come meanwhile.
static HAS_COME: AtomicBool = AtomicBool::new(false);

static IS_HANDLED: LazyLock<()> = LazyLock::new(|| {
    let handled = ctrlc::set_handler(|| {
        HAS_COME.store(true, Ordering::SeqCst);
        end_if_told();
    });
    if let Err(error) = handled {
        log::debug!("Ctrl-C will not wait: {error}");
    }
});

/// From now on what would end the process waits for [`release_signals`]. The caller sees to it that these two take turns.
pub(crate) fn hold_signals() {
    ARE_FREE.store(false, Ordering::SeqCst);
    LazyLock::force(&IS_HANDLED);
}

/// Ends the process if it was told to end meanwhile.
pub(crate) fn release_signals() {
    ARE_FREE.store(true, Ordering::SeqCst);
    end_if_told();
}

#[allow(clippy::disallowed_methods, clippy::exit, reason = "as Ctrl-C does without a handler")]
fn end_if_told() {
    if ARE_FREE.load(Ordering::SeqCst) && HAS_COME.load(Ordering::SeqCst) {
        std::process::exit(ENDED_BY_CONTROL_C);
    }
}

/// `STATUS_CONTROL_C_EXIT`, 0xC000013A.
const ENDED_BY_CONTROL_C: i32 = -0x3FFF_FEC6;
