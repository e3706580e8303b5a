//! See [`crate::fuzzing`].

#![allow(clippy::missing_panics_doc, clippy::panic, reason = "panicking is how they say what they found")]

use super::answer::{ActionOutcome, MOST_LINES, outcome};
use crate::guest::frame::{Nonce, parse};

/// The guest's answer to an action: what is shown of it is short, and nothing that a terminal would obey.
pub fn control(data: &[u8]) {
    let Ok(frames) = parse(data, &Nonce::of("n")) else { return };
    let Ok(outcome) = outcome(&frames) else { return };
    match outcome {
        ActionOutcome::Done(restarted) => restarted.iter().for_each(|unit| assert_shown(unit.as_str())),
        ActionOutcome::NotRoot(_) => panic!("an answer says that there is none"),
        ActionOutcome::Failed(failure) => {
            assert!(failure.said.len() <= MOST_LINES);
            failure.said.iter().for_each(|text| assert_shown(text));
            assert_shown(&failure.step.to_string());
        }
    }
}

fn assert_shown(text: &str) {
    assert!(text.len() < 16_000 && !text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
}
