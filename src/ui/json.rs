//! The documents of `--output json`. docs/reference/json.md says what they mean; a change that breaks a reader changes
//! [`VERSION`].

use serde::Serialize;

use super::StdoutError;
use crate::ui;

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Versioned<'a, T> {
    version: u32,
    #[serde(flatten)]
    content: &'a T,
}

/// What is known of several machines.
#[derive(Serialize)]
pub(crate) struct Machines<T> {
    pub(crate) machines: Vec<T>,
}

/// Prints `content`: over several lines for a person, on one for a program.
pub(crate) fn print<T: Serialize>(content: &T) -> Result<(), StdoutError> {
    let document = Versioned { version: VERSION, content };
    let text = if ui::is_stdout_terminal() {
        serde_json::to_string_pretty(&document)
    } else {
        serde_json::to_string(&document)
    };
    ui::print(&(text.map_err(failed)? + "\n"))
}

/// `content` on one line.
pub(crate) fn line<T: Serialize>(content: &T) -> Result<String, StdoutError> {
    Ok(serde_json::to_string(&Versioned { version: VERSION, content }).map_err(failed)? + "\n")
}

fn failed(error: serde_json::Error) -> StdoutError {
    StdoutError(error.into())
}
