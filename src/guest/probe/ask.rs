//! One script out, one framed answer back.

use super::error::Error;
use super::facts::Facts;
use super::questions::Questions;
use super::script;
use crate::guest::frame::{self, End, Malformed, Nonce};
use crate::guest::ssh::Connection;

/// Asks `questions` over `connection`: one command, one answer.
///
/// Errors: those of the connection; the answer is cut off, too long or not of the agreed form.
pub(crate) fn ask(
    questions: &Questions,
    connection: &mut Connection,
    user_is_root: bool,
) -> Result<Facts, Error> {
    let nonce = Nonce::random()?;
    let command = script::command(questions, &nonce, user_is_root);
    let mut end = End::of(&nonce);
    let output = connection.run(&command, LONGEST_ANSWER, |stdout| end.is_in(stdout))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let frames = frame::parse(&output.stdout, &nonce).map_err(|malformed| match malformed {
        Malformed::CutOff if frame::has_begun(&output.stdout, &nonce) => {
            Error::BrokenOff { stderr: stderr.clone() }
        }
        Malformed::CutOff => Error::Incomplete { stderr: stderr.clone() },
        Malformed::Form => Error::Malformed,
    })?;
    Ok(Facts { stderr, ..Facts::from_frames(questions, &frames)? })
}

/// Of the whole answer; several files of the longest kind fit.
const LONGEST_ANSWER: usize = 8 << 20;
