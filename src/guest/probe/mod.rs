//! The questions asked in the guest, and its answers: one script out, one framed answer back.

mod facts;
pub(crate) mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod script;

pub use facts::{Content, Facts, FileFact, OsRelease, TokenFact, UnitState};
pub use script::{Questions, Wanted};

use crate::error::Error;
use crate::guest::ssh::Connection;

/// Asks `questions` over `connection`: one command, one answer.
///
/// Errors: those of the connection; the answer is cut off, too long or not of the agreed form.
pub fn ask(questions: &Questions, connection: &mut Connection, user_is_root: bool) -> Result<Facts, Error> {
    let nonce = frame::Nonce::random()?;
    let command = script::command(questions, &nonce, user_is_root);
    let mut end = frame::End::of(&nonce);
    let output = connection.run(&command, LONGEST_ANSWER, |stdout| end.is_in(stdout))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let frames = frame::parse(&output.stdout, &nonce).map_err(|malformed| match malformed {
        frame::Malformed::CutOff => Error::AnswerIncomplete { stderr: stderr.clone() },
        frame::Malformed::Form => Error::AnswerMalformed,
    })?;
    Ok(Facts { stderr, ..Facts::from_frames(questions, &frames)? })
}

/// Of the whole answer; several files of the longest kind fit.
const LONGEST_ANSWER: usize = 8 << 20;
