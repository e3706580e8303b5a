//! What is waited for: one line at the bottom of the terminal, whoever waits, which makes room for whatever is written meanwhile.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use console::{Term, truncate_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Ui, WaitingLine, stderr};
use crate::base::text::sanitize_line;

/// Says what is waited for, on a terminal, until it is dropped. Of several the last one shows.
#[derive(Debug)]
pub(crate) struct Spinner {
    /// None where nothing is shown.
    number: Option<u64>,
}

impl Spinner {
    /// Shows `what` at once.
    pub(crate) fn new(ui: Ui, what: &str) -> Self {
        Self::after(Duration::ZERO, ui, what)
    }

    /// Shows `what` if that takes longer than a moment.
    pub(crate) fn after_a_moment(ui: Ui, what: &str) -> Self {
        Self::after(MOMENT, ui, what)
    }

    fn after(delay: Duration, ui: Ui, what: &str) -> Self {
        // With `-v` the steps stand there.
        let is_shown = stderr().is_terminal()
            && ui.waiting == WaitingLine::Shown
            && !ui.quiet
            && !log::log_enabled!(log::Level::Debug)
            && !console::is_dumb();
        Self { number: is_shown.then(|| board().add(what, delay)) }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            board().remove(number);
        }
    }
}

/// Does `write` where the line is not.
pub(super) fn beside<T>(write: impl FnOnce() -> T) -> T {
    let bar = board().bar.clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Hides the line until this is dropped: somebody is asked.
pub(super) struct WaitingPause(());

impl WaitingPause {
    pub(super) fn begin() -> Self {
        let mut board = board();
        board.hidden += 1;
        board.draw();
        Self(())
    }
}

impl Drop for WaitingPause {
    fn drop(&mut self) {
        board().hidden -= 1;
    }
}

/// Ends whatever is shown, and shows nothing any more: the command has ended, even if a part of it still waits.
pub(crate) fn end() {
    let mut board = board();
    board.has_ended = true;
    board.draw();
}

/// The terminal's last line. There is one terminal.
static BOARD: Mutex<Board> = Mutex::new(Board {
    waits: Vec::new(),
    next: 0,
    bar: None,
    is_ticking: false,
    hidden: 0,
    has_ended: false,
});

fn board() -> MutexGuard<'static, Board> {
    BOARD.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Board {
    waits: Vec<Wait>,
    next: u64,
    bar: Option<ProgressBar>,
    /// A thread draws it now and then.
    is_ticking: bool,
    /// How many ask somebody.
    hidden: usize,
    has_ended: bool,
}

struct Wait {
    number: u64,
    text: String,
    since: Instant,
    delay: Duration,
}

impl Board {
    fn add(&mut self, what: &str, delay: Duration) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waits.push(Wait { number, text: sanitize_line(what), since: Instant::now(), delay });
        if delay.is_zero() {
            self.draw();
        }
        if !self.is_ticking {
            self.is_ticking = true;
            thread::spawn(tick);
        }
        number
    }

    fn remove(&mut self, number: u64) {
        self.waits.retain(|wait| wait.number != number);
        self.draw();
    }

    fn draw(&mut self) {
        let shown = self.waits.iter().rev().find(|wait| wait.since.elapsed() >= wait.delay);
        let Some(wait) = shown.filter(|_| !self.has_ended && self.hidden == 0) else {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        };
        let columns = Term::stderr().size_checked().map_or(usize::MAX, |(_, columns)| columns.into());
        let message = line(&wait.text, wait.since.elapsed(), columns);
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is checked by a test.
            let style =
                ProgressStyle::with_template(SPINNER).unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.with_style(style)
        });
        bar.set_message(message);
        bar.tick();
    }
}

/// Draws the line until nothing is waited for.
fn tick() {
    loop {
        thread::sleep(TICK);
        let mut board = board();
        board.draw();
        if board.waits.is_empty() || board.has_ended {
            board.is_ticking = false;
            return;
        }
    }
}

/// What fits beside the mark that turns.
fn line(text: &str, time: Duration, columns: usize) -> String {
    let time = format!(" ({}s)", time.as_secs());
    let left = columns.saturating_sub(time.len() + MARK);
    truncate_str(text, left, "..").into_owned() + &time
}

const SPINNER: &str = "{spinner} {msg}";
/// The columns of the mark, the blank behind it, and one that stays free, since some terminals begin a new line after the last.
const MARK: usize = 3;
const TICK: Duration = Duration::from_millis(100);
/// Most guests let somebody in within that time.
const MOMENT: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_one() {
        assert!(ProgressStyle::with_template(SPINNER).is_ok());
    }

    #[test]
    fn the_line_fits_the_terminal() {
        assert_eq!(line("connecting to box", Duration::from_secs(7), 80), "connecting to box (7s)");
        assert_eq!(line("connecting to box", Duration::from_secs(7), 20), "connecting.. (7s)");
        for columns in 12..40 {
            let shown = line("connecting to ein-längerer-name", Duration::from_secs(12), columns);
            assert!(console::measure_text_width(&shown) + 2 < columns, "{columns}: {shown}");
        }
    }
}
