//! An error and what caused it.

use std::error::Error;

/// `error` and what caused it, outermost first.
pub(crate) fn chain<'a>(
    error: Option<&'a (dyn Error + 'static)>,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error, |error| (*error).source())
}

/// The messages of what caused `error`, outermost first.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    messages(error).split_off(1)
}

/// The message of `error` and those of its causes, in one line.
pub(crate) fn in_one_line(error: &dyn Error) -> String {
    messages(error).join(": ")
}

fn messages(error: &dyn Error) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    for message in chain(error.source()).map(ToString::to_string) {
        // Many libraries repeat their cause in their own message.
        if !messages.iter().any(|said| said.contains(&message)) {
            messages.push(message);
        }
    }
    messages
}
