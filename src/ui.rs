//! What people see. Standard output is data for a program and is written once, whole; everything else goes
//! to standard error.

use std::io::{self, IsTerminal, Write};

use console::Style;

use crate::error::Error;
use crate::grammar::visible;

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
}

impl Ui {
    /// Decides once, per stream, whether there are colours.
    pub(crate) fn new(choice: ColorChoice, no_color: bool, quiet: bool) -> Self {
        let on = |is_terminal: bool| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !no_color,
        };
        Self { color_stdout: on(is_stdout_terminal()), color_stderr: on(stderr().is_terminal()), quiet }
    }

    /// Something the user should know about what was just done.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            self.say(&Style::new().cyan().bold(), "note", text);
        }
    }

    /// A failure, what caused it, and what to type next.
    pub(crate) fn error(self, error: &Error) {
        self.explain(&Style::new().red().bold(), "error", error);
    }

    /// The same for a failure that does not end the command.
    pub(crate) fn warning(self, error: &Error) {
        self.explain(&Style::new().yellow().bold(), "warning", error);
    }

    fn explain(self, style: &Style, label: &str, error: &Error) {
        self.say(style, label, &error.to_string());
        for cause in error.causes() {
            self.say(&Style::new().dim(), "caused by", &cause);
        }
        if let Some(hint) = error.hint().filter(|_| !self.quiet) {
            self.say(&Style::new().green().bold(), "hint", &hint);
        }
    }

    /// What the parser of the command line says, in its own colours.
    pub(crate) fn parser(self, answer: &clap::Error) {
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

    fn say(self, style: &Style, label: &str, text: &str) {
        let label = style.clone().force_styling(self.color_stderr).apply_to(label);
        // Nothing is left to report to when standard error is gone.
        let _ = writeln!(stderr(), "{label}: {}", visible(text));
    }
}

/// Writes `text` to standard output. A reader that has gone is no failure of ours.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Stdout { source: error }),
        _ => Ok(()),
    }
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

struct Steps(std::time::Instant);

impl log::Log for Steps {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        // The libraries' own messages may hold what is secret.
        metadata.target().starts_with("service_manager")
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let text = visible(&record.args().to_string());
            let _ = writeln!(stderr(), "{:>5} ms  {text}", self.0.elapsed().as_millis());
        }
    }

    fn flush(&self) {}
}

#[allow(clippy::disallowed_methods, reason = "this module owns the streams")]
fn stdout() -> io::Stdout {
    io::stdout()
}

#[allow(clippy::disallowed_methods, reason = "this module owns the streams")]
fn stderr() -> io::Stderr {
    io::stderr()
}
