//! What people see. Standard output is data for a program and is written once, whole; everything else goes
//! to standard error.

pub(crate) mod json;
pub(crate) mod table;
mod waiting;

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::error::ErrorFormatter;
use console::{Emoji, Style, Term, measure_text_width};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use time::OffsetDateTime;

use crate::base::files::LogFile;
use crate::base::platform::reader_goes_away;
use crate::base::text::{escape_control, sanitize_line};
use crate::clients::Event;

pub(crate) use self::waiting::{Spinner, end as end_waiting};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The two streams, and how talkative to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    color_stdout: bool,
    color_stderr: bool,
    quiet: bool,
    progress: ProgressLines,
    waiting: WaitingLine,
}

/// Whether lines tell how a download comes along, where there is no terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProgressLines {
    Shown,
    Hidden,
}

/// Whether a line on the terminal tells what is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitingLine {
    Shown,
    Hidden,
}

/// A failure in words: what failed, what caused it, and what to type next. Made harmless for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Explanation {
    message: String,
    /// Outermost first.
    causes: Vec<String>,
    hint: Option<String>,
    /// Where people find out more. Programs ask elsewhere.
    #[serde(skip)]
    more: Option<String>,
}

impl Explanation {
    /// Takes text from anywhere.
    pub(crate) fn new(message: &str, causes: &[String], hint: Option<&str>) -> Self {
        Self {
            message: sanitize_line(message),
            causes: causes.iter().map(|cause| sanitize_line(cause)).collect(),
            // Cut off, a command would not be the one that is meant.
            hint: hint.map(escape_control),
            more: None,
        }
    }

    /// The same with a second hint, which says where to find out more.
    #[must_use]
    pub(crate) fn with_more(self, more: Option<&str>) -> Self {
        Self { more: more.map(escape_control), ..self }
    }
}

impl Ui {
    /// Decides once, per stream, whether there are colours.
    pub(crate) fn new(choice: ColorChoice, no_color: bool, quiet: bool) -> Self {
        let on = |is_terminal: bool| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !no_color,
        };
        Self {
            color_stdout: on(is_stdout_terminal()),
            color_stderr: on(stderr().is_terminal()),
            quiet,
            progress: ProgressLines::Shown,
            waiting: WaitingLine::Shown,
        }
    }

    /// The same for programs that read what it says: they get no lines of progress.
    #[must_use]
    pub(crate) fn without_progress_lines(self) -> Self {
        Self { progress: ProgressLines::Hidden, ..self }
    }

    /// The same for what runs by itself, beside what the user does or sees: it does not say what it waits for.
    #[must_use]
    pub(crate) fn without_waiting(self) -> Self {
        Self { waiting: WaitingLine::Hidden, ..self }
    }

    /// Something the user should know about what was just done.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            let note = labelled(&Style::new().cyan().bold(), "note", &sanitize_line(text), self.color_stderr);
            // Nothing is left to report to when standard error is gone.
            let _ = waiting::beside(|| stderr().write_all(note.as_bytes()));
        }
    }

    /// The same, and what to type about it.
    pub(crate) fn note_with_hint(self, text: &str, hint: Option<&str>) {
        if !self.quiet {
            self.explain(&Style::new().cyan().bold(), "note", &Explanation::new(text, &[], hint));
        }
    }

    /// Tells somebody at a terminal that something is done with what is called `name`, or has failed, and how long that took.
    pub(crate) fn step_done(self, name: &str, is_good: bool, took: Duration) {
        if self.quiet || !stderr().is_terminal() {
            return;
        }
        let (mark, style) = if is_good {
            (Emoji("✓", "+"), Style::new().green())
        } else {
            (Emoji("✗", "x"), Style::new().red())
        };
        let mark = style.force_styling(self.color_stderr).apply_to(mark);
        let line = format!("{mark} {}  {:.1} s\n", sanitize_line(name), took.as_secs_f64());
        let _ = waiting::beside(|| stderr().write_all(line.as_bytes()));
    }

    /// A failure that ends the command.
    pub(crate) fn error(self, explanation: &Explanation) {
        self.explain(&Style::new().red().bold(), "error", explanation);
    }

    /// A failure that does not end the command.
    pub(crate) fn warning(self, explanation: &Explanation) {
        self.explain(&Style::new().yellow().bold(), "warning", explanation);
    }

    /// What is wrong with something that was shown, as text for standard output.
    pub(crate) fn problem_text(self, explanation: &Explanation) -> String {
        self.explanation(&Style::new().yellow().bold(), "PROBLEM", explanation, self.color_stdout)
    }

    fn explain(self, style: &Style, label: &str, explanation: &Explanation) {
        // Nothing is left to report to when standard error is gone.
        let text = self.explanation(style, label, explanation, self.color_stderr);
        let _ = waiting::beside(|| stderr().write_all(text.as_bytes()));
    }

    fn explanation(self, style: &Style, label: &str, explanation: &Explanation, color: bool) -> String {
        let Explanation { message, causes, hint, more } = explanation;
        let mut text = labelled(style, label, message, color);
        for cause in causes {
            text += &labelled(&Style::new().dim(), "caused by", cause, color);
        }
        for hint in hint.iter().chain(more).filter(|_| !self.quiet) {
            text += &labelled(&Style::new().green().bold(), "hint", hint, color);
        }
        text
    }

    /// What the parser of the command line says, in its own colours.
    pub(crate) fn parser<F: ErrorFormatter>(self, answer: &clap::error::Error<F>) {
        let text = answer.render();
        let (color, stream): (bool, &mut dyn Write) = if answer.use_stderr() {
            (self.color_stderr, &mut stderr())
        } else {
            (self.color_stdout, &mut stdout())
        };
        let text = if color { text.ansi().to_string() } else { text.to_string() };
        // Nothing is left to report to when the stream is gone.
        let _ = stream.write_all(text.as_bytes());
    }

    /// `text` in `style`, if standard output has colours.
    pub(crate) fn styled(self, text: &str, style: Style) -> String {
        style.force_styling(self.color_stdout).apply_to(text).to_string()
    }
}

fn labelled(style: &Style, label: &str, text: &str, color: bool) -> String {
    let label = style.clone().force_styling(color).apply_to(label);
    format!("{label}: {text}\n")
}

/// Standard output cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error("could not write to standard output")]
pub(crate) struct StdoutError(#[source] pub(crate) io::Error);

/// Writes `text` to standard output. A reader that has gone is no failure of ours.
pub(crate) fn print(text: &str) -> Result<(), StdoutError> {
    print_to_reader(text).map(drop)
}

/// As [`print()`]; false when the reader has gone.
pub(crate) fn print_to_reader(text: &str) -> Result<bool, StdoutError> {
    let mut stdout = stdout();
    match waiting::beside(|| stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(StdoutError(error)),
    }
}

/// A text on the terminal that is replaced by the next one. The cursor stays below it and is never hidden, so
/// that whatever ends the program leaves the terminal as it should be.
#[derive(Debug, Default)]
pub(crate) struct TerminalFrame {
    text: String,
}

impl TerminalFrame {
    /// Leaves what it shows where it is: the next text comes below.
    pub(crate) fn leave(&mut self) {
        self.text.clear();
    }

    /// Shows what `render` makes for the terminal's width, in place of what was shown before.
    ///
    /// Errors: the terminal cannot be written to.
    pub(crate) fn show(&mut self, render: impl Fn(Option<usize>) -> String) -> Result<(), StdoutError> {
        let terminal = Term::buffered_stdout();
        let size = terminal.size_checked();
        let text = render(size.map(|(_, columns)| columns.into()));
        let in_place = redraws_in_place();
        let (rows, columns) =
            size.map_or((usize::MAX, usize::MAX), |(rows, columns)| (rows.into(), columns.into()));
        let text = if in_place { first_lines(&text, rows, columns) } else { text };
        if text == self.text {
            return Ok(());
        }
        let redraw = || {
            if in_place {
                // The terminal has wrapped it at the width that it has now.
                terminal.move_cursor_up(height(&self.text, columns).min(rows))?;
                terminal.clear_to_end_of_screen()?;
            }
            terminal.write_str(&text)?;
            terminal.flush()
        };
        redraw().map_err(StdoutError)?;
        self.text = text;
        Ok(())
    }
}

/// Shows how downloads come along: a bar on a terminal, elsewhere a line for each quarter.
#[derive(Debug)]
pub(crate) struct Progress {
    ui: Ui,
    bar: RefCell<Option<ProgressBar>>,
    /// The length of the file, and the last quarter that was told.
    quarter: Cell<(u64, u64)>,
}

impl Progress {
    pub(crate) fn new(ui: Ui) -> Self {
        Self { ui, bar: RefCell::default(), quarter: Cell::default() }
    }

    /// Shows what happens.
    pub(crate) fn show(&self, event: &Event) {
        match event {
            Event::Started { url, done, total } => self.begins(url, *done, *total),
            Event::Received { done } => self.received(*done),
            Event::Finished => self.clear(),
            Event::Waiting => self.ui.note("another process installs the same; waiting for it"),
            Event::Retrying { url, error } => {
                self.clear();
                self.ui.note(&format!("trying again: `{url}`: {error}"));
            }
            Event::ChecksumRecorded { url, checksum } => self.ui.note(&format!(
                "nobody publishes a checksum for `{url}`; it has {checksum}, which is recorded and has to stay"
            )),
            Event::VersionSubstituted { wanted, version } => {
                self.ui.note(&format!("{wanted} was never published; the nearest is {version}"));
            }
            Event::PlatformSubstituted { platform } => {
                self.ui.note(&format!("it is made for {platform}, which runs there too"));
            }
        }
    }

    fn begins(&self, url: &str, done: u64, total: Option<u64>) {
        let name = escape_control(url.rsplit('/').next().unwrap_or_default());
        let quarter = (done * 4).checked_div(total.unwrap_or(0)).unwrap_or(0);
        self.quarter.set((total.unwrap_or(0), quarter));
        if self.ui.quiet {
            return;
        }
        if !stderr().is_terminal() {
            if self.ui.progress == ProgressLines::Hidden {
                return;
            }
            let size = total.map(|total| format!(" ({})", HumanBytes(total))).unwrap_or_default();
            let rest = if done > 0 { "the rest of " } else { "" };
            let _ = writeln!(stderr(), "downloading {rest}{name}{size}");
            return;
        }
        let is_narrow = Term::stderr().size_checked().is_some_and(|(_, columns)| columns < WIDE);
        let template = match total {
            Some(_) if is_narrow => WITH_LENGTH_NARROW,
            Some(_) => WITH_LENGTH,
            None => WITHOUT_LENGTH,
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_message(name);
        // The templates are checked by a test.
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_position(done);
        bar.reset_eta();
        self.bar.replace(Some(bar));
    }

    fn received(&self, done: u64) {
        if let Some(bar) = &*self.bar.borrow() {
            return bar.set_position(done);
        }
        let (total, told) = self.quarter.get();
        let quarter = (done * 4).checked_div(total).unwrap_or(0);
        if quarter > told && !self.ui.quiet && self.ui.progress == ProgressLines::Shown {
            self.quarter.set((total, quarter));
            let _ = writeln!(stderr(), "{} %", quarter * 25);
        }
    }

    fn clear(&self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Of standard input.
const LONGEST_LINE: u64 = 64 << 10;
const WITH_LENGTH: &str = "{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
/// For terminals in which little of the bar would be left.
const WITH_LENGTH_NARROW: &str = "{msg} [{wide_bar}] {percent}% {eta}";
const WIDE: u16 = 70;
const WITHOUT_LENGTH: &str = "{msg} {spinner} {bytes} {bytes_per_sec}";

/// True when what is shown on the terminal can be replaced. With `-v` the steps stand in between.
pub(crate) fn redraws_in_place() -> bool {
    !(log::log_enabled!(log::Level::Debug) || console::is_dumb())
}

/// As much of `text` as can be replaced in a terminal of so many `rows`: what has left it at the top stays for ever.
fn first_lines(text: &str, rows: usize, columns: usize) -> String {
    if height(text, columns) < rows {
        return text.to_owned();
    }
    let mut left = rows.saturating_sub(2);
    let fits = |line: &&str| {
        let taken = height(line, columns).max(1);
        let fits = taken <= left;
        left = left.saturating_sub(taken);
        fits
    };
    let lines: String = text.lines().take_while(fits).map(|line| format!("{line}\n")).collect();
    lines + "..\n"
}

/// How many lines of a terminal `text` takes.
fn height(text: &str, columns: usize) -> usize {
    text.lines().map(|line| measure_text_width(line).div_ceil(columns).max(1)).sum()
}

/// How many columns the terminal has; none when it does not say, or is none.
pub(crate) fn stdout_width() -> Option<usize> {
    Term::stdout().size_checked().map(|(_, columns)| columns.into())
}

/// Waits. False when nobody reads standard output any more.
pub(crate) fn wait(time: Duration) -> bool {
    let end = Instant::now() + time;
    let gone = reader_goes_away(&stdout(), time);
    // It may have been interrupted.
    thread::sleep(if gone { Duration::ZERO } else { end.saturating_duration_since(Instant::now()) });
    !gone
}

/// True when somebody can read a question and type the answer.
pub(crate) fn is_person_there() -> bool {
    io::stdin().is_terminal() && stderr().is_terminal()
}

/// Asks the person at the terminal. Nothing but `y` and `yes` means yes.
pub(crate) fn confirm(question: &str) -> bool {
    let _hidden = waiting::WaitingPause::begin();
    // Where nobody can read it, nobody answers.
    let asked = stderr().write_all(format!("{} [y/N] ", sanitize_line(question)).as_bytes());
    let mut answer = String::new();
    asked.is_ok()
        && io::stdin().read_line(&mut answer).is_ok()
        && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

/// The next line of standard input, without its end.
pub(crate) fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// True when a person reads standard output.
pub(crate) fn is_stdout_terminal() -> bool {
    stdout().is_terminal()
}

/// Prints the steps of the program for `-v`, each with the time since the start.
pub(crate) fn show_steps() {
    let logger = Box::new(Steps(std::time::Instant::now()));
    if log::set_boxed_logger(logger).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

/// Writes down in `file` what becomes of a process in the background: what is worth a line in a log, each with the date.
pub(crate) fn keep_log(file: LogFile) {
    let logger = Box::new(DatedLines(Mutex::new(file)));
    if log::set_boxed_logger(logger).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

struct Steps(std::time::Instant);

impl log::Log for Steps {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        is_own(metadata)
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let text = sanitize_line(&record.args().to_string());
            let _ = writeln!(stderr(), "{:>5} ms  {text}", self.0.elapsed().as_millis());
        }
    }

    fn flush(&self) {}
}

/// The lines of a log that is read days later.
struct DatedLines(Mutex<LogFile>);

impl log::Log for DatedLines {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        is_own(metadata)
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let text = sanitize_line(&record.args().to_string());
            let line = format!("{}  {text}", date(SystemTime::now()));
            // Nobody is there who could be told that the disk is full.
            let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).add(&line);
        }
    }

    fn flush(&self) {}
}

/// False for the libraries' own messages, which may hold what is secret.
fn is_own(metadata: &log::Metadata) -> bool {
    metadata.target().starts_with("service_manager")
}

/// As RFC 3339 has it, in UTC.
fn date(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    format!("{}T{:02}:{:02}:{:02}Z", time.date(), time.hour(), time.minute(), time.second())
}

#[allow(clippy::disallowed_methods, reason = "this module owns the streams")]
fn stdout() -> io::Stdout {
    io::stdout()
}

#[allow(clippy::disallowed_methods, reason = "this module owns the streams")]
fn stderr() -> io::Stderr {
    io::stderr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_dates() {
        let day = |seconds: u64| date(std::time::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 999));
        assert_eq!(day(0), "1970-01-01T00:00:00Z");
        assert_eq!(day(1_709_210_096), "2024-02-29T12:34:56Z");
    }

    #[test]
    fn what_is_higher_than_the_terminal_is_cut_off() {
        assert_eq!(first_lines("a\nb\nc\n", 4, 80), "a\nb\nc\n");
        assert_eq!(first_lines("a\nb\nc\nd\n", 4, 80), "a\nb\n..\n");
        assert_eq!(first_lines("a\nbbbbb\nc\n", 5, 2), "a\n..\n");
        assert_eq!(first_lines("a\nb\n", 1, 80), "..\n");
        for rows in 2..9 {
            assert!(height(&first_lines("a\nb\nccc\nd\ne\n", rows, 2), 2) < rows, "{rows}");
        }
    }

    #[test]
    fn the_templates_of_bars_are_templates() {
        for template in [WITH_LENGTH, WITH_LENGTH_NARROW, WITHOUT_LENGTH] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
