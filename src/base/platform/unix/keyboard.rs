//! Keys of a terminal that arrive one by one and do not show.
//!
//! The terminal is the way it was before whatever ends the program: the guard's end, a panic, or a signal. What SIGKILL
//! leaves, `reset` mends.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::getpgrp;
use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Keys arrive one by one and do not show, until this is dropped.
#[derive(Debug)]
pub(crate) struct Keyboard(());

/// How the terminal is to be. A thread holds this lock while it changes the plan or the terminal itself.
static MODES: Mutex<TerminalModes> = Mutex::new(TerminalModes { before: None, is_open: false });
/// The program was stopped, and goes on.
static WAS_STOPPED: AtomicBool = AtomicBool::new(false);

struct TerminalModes {
    /// How the terminal was, while it is changed.
    before: Option<Termios>,
    /// It is to be changed, also after the program was stopped and goes on.
    is_open: bool,
}

impl Keyboard {
    /// None where standard input is no terminal, or belongs to another program now.
    pub(crate) fn open() -> Option<Self> {
        if !is_ours() {
            return None;
        }
        // First the way back.
        let signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT]).ok()?;
        thread::spawn(|| restore_at(signals));
        let mut modes = modes();
        modes.is_open = true;
        modes.silence().then_some(Self(()))
    }

    /// True once after the program was stopped: others may have written to the terminal meanwhile.
    pub(crate) fn was_stopped() -> bool {
        WAS_STOPPED.swap(false, Ordering::SeqCst)
    }

    /// Waits for the next key; none when there are no more.
    pub(crate) fn next_key() -> Option<u8> {
        let mut key = [0];
        std::io::stdin().read_exact(&mut key).ok().map(|()| key[0])
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        let mut modes = modes();
        modes.is_open = false;
        modes.restore();
    }
}

/// Another program's terminal is not touched: that would stop this one.
fn is_ours() -> bool {
    isatty(stdin()) && tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

fn modes() -> MutexGuard<'static, TerminalModes> {
    MODES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TerminalModes {
    fn silence(&mut self) -> bool {
        let Ok(before) = tcgetattr(stdin()) else { return false };
        let mut silent = before.clone();
        // Ctrl-C and Ctrl-Z stay what they are.
        silent.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        self.before.get_or_insert(before);
        tcsetattr(stdin(), OptionalActions::Now, &silent).is_ok()
    }

    /// What was typed meanwhile is not for the shell.
    fn restore(&mut self) {
        if let Some(before) = self.before.take().filter(|_| is_ours()) {
            let _ = tcsetattr(stdin(), OptionalActions::Flush, &before);
        }
    }
}

/// Restores the terminal and then does what the signal always does.
fn restore_at(mut signals: Signals) {
    for signal in signals.forever() {
        if signal == SIGCONT {
            WAS_STOPPED.store(true, Ordering::SeqCst);
            let mut modes = modes();
            if modes.is_open && is_ours() {
                modes.silence();
            }
            continue;
        }
        modes().restore();
        let _ = emulate_default_handler(signal);
    }
}
